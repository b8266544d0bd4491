"""The accounts of the log: which may serve as comparison accounts, and what the customer table says of them."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Flags, Ints
from stillhunt.base.coded import coded
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.customers import Customers
from stillhunt.score.context.requests import Requests

_LATIN = 1  # Code of the Latin script, as SKETCHES.script has it; 0 is a text without letters


@dataclass(frozen=True)
class Accounts:
    """One entry an account of the log, by account code."""

    ids: pa.StringArray  # account ids, ascending; some may have no request among those that are judged
    background: Flags  # True for the accounts that may be comparison accounts: all, or a random sample of the log's
    requests: Ints
    customers: Customers
    country: Ints  # country from which each account mostly sends; -1 unknown
    log: Requests = field(repr=False)
    # tokens answered to each account in the log; None where its requests here show them
    output_tokens: Ints | None = None
    _holders: dict[str, Ints] = field(default_factory=dict, repr=False, compare=False)

    @property
    def count(self) -> int:
        """Number of accounts of the log."""
        return len(self.ids)

    @cached_property
    def background_count(self) -> int:
        """Number of accounts in the background sample."""
        return int(np.count_nonzero(self.background))

    @cached_property
    def speakers(self) -> Ints:
        """Who may share a language: a number for each script but Latin, and for the country of who writes that.

        0 where neither is known. Misleads: languages that share a script, or a country, are one.
        """
        script = commonest(self.log.account, self.log.numbers("script").astype(np.int64), self.count)
        return np.where(script > _LATIN, int(self.country.max(initial=0)) + 1 + script, self.country + 1)

    @cached_property
    def background_speakers(self) -> Ints:
        """Accounts of the background sample, by what `speakers` says of them."""
        return np.bincount(self.speakers[self.background], minlength=len(self.background_requests))

    @cached_property
    def background_requests(self) -> Ints:
        """Requests of the background sample in the log, by what `speakers` says of their accounts."""
        seen, home = self.background, self.speakers
        return np.bincount(home[seen], self.requests[seen], int(home.max(initial=0)) + 1).astype(np.int64)

    def comparison_weight(self, members: Ints) -> float:
        """Accounts outside a group for which each comparison account stands; 1 where the sample holds all accounts."""
        seen = self.background_count - int(np.count_nonzero(self.background[members]))
        return (self.count - len(members)) / seen if seen else 1.0

    @cached_property
    def use(self) -> Ints:
        """Tokens answered to each account."""
        if self.output_tokens is not None:
            return self.output_tokens
        tokens = np.maximum(self.log.numbers("output_tokens"), 0)
        return np.bincount(self.log.account, weights=tokens, minlength=self.count).astype(np.int64)

    @cached_property
    def use_by_plan(self) -> dict[int, Ints]:
        """Price plan -> use of each of its accounts in the background sample, ascending."""
        plan = self.customers.codes.get("plan", np.full(self.count, -1, np.int32))
        inside = np.flatnonzero(self.background & (plan >= 0))
        inside = inside[np.lexsort((self.use[inside], plan[inside]))]
        cuts = np.flatnonzero(np.diff(plan[inside])) + 1
        return {int(plan[part[0]]): self.use[part] for part in np.split(inside, cuts) if len(part)}

    @cached_property
    def declared_organisation(self) -> Ints:
        """Organisation that each account declares, in the customer table or else in the log; -1 none."""
        stated = self.customers.codes.get("organization_id", np.full(self.count, -1, np.int32))
        logged = commonest(self.log.account, coded(self.log.table.column("organization_id")), self.count)
        # The log's organisation only fills gaps; its codes are shifted so that they cannot meet the table's.
        declared: Ints = np.where(stated >= 0, stated, np.where(logged >= 0, logged + stated.max(initial=0) + 1, -1))
        return declared

    def in_organisations(self, names: set[str]) -> Flags:
        """True for the accounts that declare one of the named organisations, in the log or in the customer table."""
        found = np.zeros(self.count, bool)
        if not names:
            return found
        wanted = pa.array(sorted(names), pa.string())
        logged = pc.is_in(self.log.table.column("organization_id"), value_set=wanted).to_numpy()
        found[self.log.account[logged]] = True
        if self.customers.organisations is not None:
            found |= pc.is_in(self.customers.organisations, value_set=wanted).to_numpy(zero_copy_only=False)
        return found

    @cached_property
    def known_shares(self) -> dict[str, float]:
        """Share of the log's accounts of which each column of the customer table is known; empty without a table."""
        return {name: float((codes >= 0).mean()) for name, codes in self.customers.codes.items()}

    def holders(self, column: str) -> Ints:
        """Accounts of the log with each code of a column of the customer table."""
        if column not in self._holders:
            codes = self.customers.codes[column]
            self._holders[column] = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=-1)) + 1)
        return self._holders[column]

    @cached_property
    def mail_domain_holders(self) -> Ints:
        """Accounts of the background sample with each mail domain."""
        domain = self.customers.codes["email_domain"]
        known = domain >= 0
        return np.bincount(domain[known & self.background], minlength=int(domain.max(initial=-1)) + 1)
