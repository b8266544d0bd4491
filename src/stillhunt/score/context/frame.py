"""Everything the evidence looks at, as arrays in the sketches' order; what all candidates need is counted once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.errors import ContractError
from stillhunt.base.schema import TOTALS
from stillhunt.score.context import kernels
from stillhunt.score.context.coding import Flags, Floats, Ints, coded, commonest, joined, runs_of, whole_numbers
from stillhunt.score.context.customers import Customers, read_customers
from stillhunt.score.context.log_facts import (
    DAY,
    FOLLOW_UP,
    TALK_WORDS,
    WHOLE,
    GroupTraits,
    Launch,
    find_launches,
    from_earliest,
    group_traits,
)
from stillhunt.score.context.slices import SliceTable, places, slice_table
from stillhunt.score.stats.background_correlation import TIME_BIN, Mixtures, mixtures
from stillhunt.score.stats.key_frequencies import PublicKey, public_key, single_key

__all__ = ["Flags", "Floats", "Frame", "Ints", "build_frame", "commonest"]

SETTINGS = ("temperature", "top_p", "max_tokens")


@dataclass(frozen=True)
class Frame:
    """Sketches, slices and the customer table, coded.

    Attributes:
        account_ids: distinct accounts of the log, ascending; some may have no request here.
        account: account code of each request, ascending along the rows.
        cluster, bare, half, topic, fresh: as in SLICED.
        time: microseconds since 1970.
        public: True for the accounts that may be outsiders: all, or a random sample of the log's accounts.
        requests: requests of each account in the log.
        told_use: tokens answered to each account in the log; None where its requests here tell.
        customers: the customer table's columns.
        country: country from which each account mostly sends; -1 unknown.
        sketches: the table itself, for the columns read when they are asked for.
    """

    account_ids: pa.StringArray
    account: Ints
    cluster: Ints
    bare: Flags
    half: Ints
    topic: Ints
    fresh: Flags
    time: Ints
    public: Flags
    requests: Ints
    told_use: Ints | None
    customers: Customers
    country: Ints
    sketches: pa.Table
    _numbers: dict[str, Ints] = field(default_factory=dict, repr=False, compare=False)
    _keys: dict[str, PublicKey] = field(default_factory=dict, repr=False, compare=False)
    _mixtures: dict[str, Mixtures] = field(default_factory=dict, repr=False, compare=False)

    @property
    def accounts(self) -> int:
        """Number of accounts of the log."""
        return len(self.account_ids)

    @cached_property
    def public_accounts(self) -> int:
        """Number of public accounts."""
        return int(np.count_nonzero(self.public))

    def outsider_weight(self, members: Ints) -> float:
        """Accounts of the log outside a group for which each public one outside it stands; 1 where all are public.

        Args:
            members: the group's accounts.
        """
        seen = self.public_accounts - int(np.count_nonzero(self.public[members]))
        return (self.accounts - len(members)) / seen if seen else 1.0

    def organisations(self, names: set[str]) -> Flags:
        """True for the accounts that declare one of the named organisations, in either table.

        Args:
            names: organisation ids.
        """
        found = np.zeros(self.accounts, bool)
        if not names:
            return found
        wanted = pa.array(sorted(names), pa.string())
        logged = pc.is_in(self.sketches.column("organization_id"), value_set=wanted).to_numpy()
        found[self.account[logged]] = True
        if self.customers.organisations is not None:
            found |= pc.is_in(self.customers.organisations, value_set=wanted).to_numpy(zero_copy_only=False)
        return found

    def numbers(self, name: str, rows: Ints | None = None) -> Ints:
        """A whole-number column of the sketches; -1 where unknown.

        Args:
            name: the column.
            rows: positions in the sketches; all when None.
        """
        if name not in self._numbers:
            self._numbers[name] = whole_numbers(self.sketches.column(name))
        column = self._numbers[name]
        return column if rows is None else column[rows]

    @cached_property
    def first(self) -> Ints:
        """First request of each account, and the number of requests last."""
        return np.searchsorted(self.account, np.arange(self.accounts + 1, dtype=np.int32))

    def rows_of(self, accounts: Ints) -> Ints:
        """Positions in the sketches of all requests of some accounts, ascending.

        Args:
            accounts: account codes, ascending.
        """
        return places(self.first[accounts], self.first[accounts + 1])

    @cached_property
    def span(self) -> tuple[int, int]:
        """Times of the first and the last request."""
        return int(self.time.min(initial=np.iinfo(np.int64).max)), int(self.time.max(initial=0))

    @cached_property
    def whole(self) -> npt.NDArray[np.uint64]:
        """Hash of each prompt; 0 where there is none."""
        whole: npt.NDArray[np.uint64] = self.sketches.column("prompt_hash").to_numpy()
        return whole

    @cached_property
    def conversation(self) -> npt.NDArray[np.uint64]:
        """Hash of each request's conversation."""
        conversation: npt.NDArray[np.uint64] = self.sketches.column("conversation").to_numpy()
        return conversation

    @cached_property
    def asked_back(self) -> npt.NDArray[np.uint8]:
        """How often somebody asks back as people do in each request's conversation, at most 255 times."""
        human = (self.numbers("words") <= TALK_WORDS) | ((self.numbers("conduct") & FOLLOW_UP) > 0)
        human &= self.turn > 0
        return kernels.count_in_runs(self.first, self.conversation, human)

    @cached_property
    def turn(self) -> Ints:
        """Turn of each request, counted from the earliest of its account; -1 where unknown.

        Answers that stand in each call of an account are examples of its template, and no conversation.
        """
        return from_earliest(self.numbers("turn"), self.first, self.account)

    @cached_property
    def public_requests(self) -> int:
        """Requests of the public."""
        return int(self.requests[self.public].sum())

    @cached_property
    def model(self) -> Ints:
        """Model of each request, coded in order of first appearance along the rows."""
        return coded(self.sketches.column("model"))

    @cached_property
    def stack(self) -> Ints:
        """Client of each request, SDK and TLS together; -1 unknown."""
        return joined(coded(self.sketches.column("user_agent")), coded(self.sketches.column("tls_fingerprint")))

    @cached_property
    def rates(self) -> Floats | None:
        """Share of such calls that the log keeps, of each request; None where it keeps all of them."""
        column = self.sketches.column("sampling_rate")
        rates = None if column.null_count == len(column) else pc.fill_null(column, 1.0).to_numpy()
        return None if rates is None or (rates >= 1.0).all() else rates

    @cached_property
    def settings(self) -> Ints:
        """Joint code of each request's temperature, top_p and max_tokens; -1 where all are left to the default."""
        joint: Ints = np.full(len(self.time), -1, np.int32)
        for name in SETTINGS:
            # Thousandths: a client's 0.7 is 0.7 in single precision too.
            # An absurd max_tokens may lose its last digits: it is only compared.
            column = self.sketches.column(name).cast(pa.float64(), safe=False)
            joint = joined(joint, coded(pc.round(pc.multiply(column, 1000.0))))
        return joint

    @cached_property
    def use(self) -> Ints:
        """Tokens answered to each account."""
        if self.told_use is not None:
            return self.told_use
        tokens = np.maximum(self.numbers("output_tokens"), 0)
        return np.bincount(self.account, weights=tokens, minlength=self.accounts).astype(np.int64)

    @cached_property
    def manner(self) -> Ints:
        """1 where a request sets a sampling parameter, 0 where not."""
        given = [pc.is_valid(self.sketches.column(name)) for name in SETTINGS]
        manner: Ints = pc.or_(pc.or_(given[0], given[1]), given[2]).to_numpy().astype(np.int8)
        return manner

    def day(self, rows: Ints | slice) -> Ints:
        """Days of 24 hours from the log's first request to each of some requests.

        Args:
            rows: positions in the sketches.
        """
        return (self.time[rows] - self.span[0]) // DAY

    @cached_property
    def part(self) -> Ints:
        """What each request of an account is of its use, in millionths."""
        return WHOLE // np.maximum(np.diff(self.first), 1)

    @cached_property
    def daily(self) -> Ints:
        """Sum of those parts over the public's requests of each day: every account weighs the same."""
        days = (self.span[1] - self.span[0]) // DAY + 1 if len(self.time) else 0
        weights = np.where(self.public, self.part, 0)[self.account]
        return np.bincount(self.day(slice(None)), weights=weights, minlength=days).astype(np.int64)

    @cached_property
    def slices(self) -> SliceTable:
        """The log's slices."""
        return slice_table(self.account, self.cluster)

    @cached_property
    def questions(self) -> tuple[Ints, Ints]:
        """Distinct questions with known subjects of each bare slice, without and with sampling parameters."""
        asked = self.bare & self.fresh & (self.topic >= 0)
        return self.slices.count(asked & (self.manner == 0)), self.slices.count(asked & (self.manner == 1))

    @cached_property
    def crowd_loads(self) -> tuple[Ints, Ints]:
        """How many bare slices of the public have each number of those questions."""
        inside = self.public[self.slices.account]
        without, with_parameters = (np.bincount(questions[inside]) for questions in self.questions)
        return without, with_parameters

    @cached_property
    def groups(self) -> GroupTraits:
        """Traits of the public's content clusters, counted once for all candidates."""
        rows = self.slices.order
        rows = rows[~self.bare[rows] & self.public[self.account[rows]]]
        return group_traits(rows, self.cluster, self.numbers("conduct"), self.model, self.numbers("output_tokens"))

    @cached_property
    def launches(self) -> tuple[Launch, ...]:
        """Models that appeared while the log ran, found once for all candidates."""
        return find_launches(self.account, self.time, self.model, self.public)

    @cached_property
    def declared(self) -> Ints:
        """Organisation that each account declares, in either table; -1 none."""
        told = self.customers.codes.get("organization_id", np.full(self.accounts, -1, np.int32))
        logged = commonest(self.account, coded(self.sketches.column("organization_id")), self.accounts)
        # The log's own organisation only fills gaps; its codes are shifted so that they cannot meet the table's.
        declared: Ints = np.where(told >= 0, told, np.where(logged >= 0, logged + told.max(initial=0) + 1, -1))
        return declared

    @cached_property
    def domain_holders(self) -> Ints:
        """Public accounts with each mail domain."""
        domain = self.customers.codes["email_domain"]
        known = domain >= 0
        return np.bincount(domain[known & self.public], minlength=int(domain.max(initial=-1)) + 1)

    def customer_key(self, name: str) -> PublicKey:
        """A column of the customer table as a key.

        Args:
            name: the column.
        """
        if name not in self._keys:
            self._keys[name] = single_key(self.customers.codes[name], self.country, self.public)
        return self._keys[name]

    def address_key(self, name: str) -> PublicKey:
        """A column of the sketches as a key of which an account may have many values.

        Args:
            name: client_ip or client_prefix.
        """
        if name not in self._keys:
            column = self.sketches.column(name)
            value, known = pc.fill_null(column, 0).to_numpy(), pc.is_valid(column).to_numpy()
            rows = np.flatnonzero(kernels.first_of_pairs(self.first, value, known))
            first = np.searchsorted(self.account[rows], np.arange(self.accounts + 1, dtype=np.int32))
            codes = coded(pa.array(value[rows]))
            self._keys[name] = public_key(first, codes, self.country, self.public, only_known=False)
        return self._keys[name]

    def stack_key(self, manner: int | None = None) -> PublicKey:
        """The client that each account mostly uses as a key.

        Args:
            manner: of its requests in that manner only; of all when None.
        """
        name = f"stack {manner}"
        if name not in self._keys:
            rows = slice(None) if manner is None else np.flatnonzero(self.manner == manner)
            stacks = commonest(self.account[rows], self.stack[rows], self.accounts)
            self._keys[name] = single_key(stacks, self.country, self.public)
        return self._keys[name]

    def outsiders(self, view: str, members: Ints) -> Mixtures:
        """How the public outside a group mix subjects or times.

        Args:
            view: topic, or time (bins of 12 hours).
            members: the group's accounts, ascending.
        """
        if view not in self._mixtures:
            self._mixtures[view] = self._mixed(view, np.flatnonzero(self.public))
        return self._mixtures[view].without(self._mixed(view, members[self.public[members]]))

    def _mixed(self, view: str, accounts: Ints) -> Mixtures:
        rows = self.rows_of(accounts)
        rows = rows[self.fresh[rows]]
        if view == "time":
            first, last = (end // TIME_BIN for end in self.span)
            return mixtures(self.account[rows], self.time[rows] // TIME_BIN - first, last - first + 1)
        rows = rows[self.topic[rows] >= 0]
        return mixtures(self.account[rows], self.topic[rows], int(self.topic.max(initial=-1)) + 1)

    @cached_property
    def settings_key(self) -> PublicKey:
        """The settings that each account mostly uses as a key; the same in all countries."""
        usual = commonest(self.account, self.settings, self.accounts)
        return single_key(usual, np.full(self.accounts, -1, np.int32), self.public)

    @cached_property
    def peers(self) -> dict[int, Ints]:
        """Use of the public accounts of each price plan, ascending."""
        plan = self.customers.codes.get("plan", np.full(self.accounts, -1, np.int32))
        inside = np.flatnonzero(self.public & (plan >= 0))
        inside = inside[np.lexsort((self.use[inside], plan[inside]))]
        cuts = np.flatnonzero(np.diff(plan[inside])) + 1
        return {int(plan[part[0]]): self.use[part] for part in np.split(inside, cuts) if len(part)}


def build_frame(
    sketches: pa.Table, sliced: pa.Table, accounts: pa.Table | None, totals: pa.Table | None = None
) -> Frame:
    """Code the tables.

    Args:
        sketches: SKETCHES in canonical order.
        sliced: SLICED, row for row with it.
        accounts: ACCOUNTS, or None.
        totals: TOTALS, where the sketches hold only some of the log's accounts; None where they hold all.

    Raises:
        ContractError: a request's account is not in the totals.
    """
    ids, account = runs_of(sketches.column("account_id"))
    public, requests, told_use = np.ones(len(ids), bool), np.bincount(account, minlength=len(ids)), None
    if totals is not None:
        totals = TOTALS.check(totals).sort_by("account_id")
        position = pc.index_in(ids, value_set=totals.column("account_id").combine_chunks())
        if position.null_count:
            raise ContractError(f"{position.null_count} accounts of the sketches are not in it", where="table totals")
        ids, account = totals.column("account_id").combine_chunks(), position.to_numpy()[account]
        public, requests = totals.column("background").to_numpy(), totals.column("requests").to_numpy()
        told_use = totals.column("output_tokens").to_numpy()
    return Frame(
        account_ids=ids,
        account=account,
        cluster=_column(sliced, "cluster", np.int32),
        bare=sliced.column("untemplated").to_numpy(),
        half=_column(sliced, "fold", np.int8),
        topic=_column(sliced, "topic", np.int16),
        fresh=sliced.column("first_occurrence").to_numpy(),
        time=sketches.column("timestamp").cast(pa.int64()).to_numpy(),
        public=public,
        requests=requests,
        told_use=told_use,
        customers=read_customers(accounts, ids),
        country=commonest(account, coded(sketches.column("country")), len(ids)),
        sketches=sketches,
    )


def _column(sliced: pa.Table, name: str, kind: type[np.signedinteger[Any]]) -> Ints:
    column: Ints = sliced.column(name).to_numpy().astype(kind, copy=False)
    return column
