"""Keys that accounts may share, and how common their values are in the background sample; each is counted once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import coded
from stillhunt.score import kernels
from stillhunt.score.context.accounts import Accounts
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.requests import Requests
from stillhunt.score.stats.key_frequencies import KeyFrequencies, key_frequencies, single_valued


@dataclass(frozen=True)
class Keys:
    """Frequencies of each key's values, by country."""

    requests: Requests
    accounts: Accounts
    _counted: dict[str, KeyFrequencies] = field(default_factory=dict, repr=False, compare=False)

    def customer(self, name: str) -> KeyFrequencies:
        """A column of the customer table as a key."""
        if name not in self._counted:
            codes = self.accounts.customers.codes[name]
            self._counted[name] = single_valued(codes, self.accounts.country, self.accounts.background)
        return self._counted[name]

    def address(self, name: str) -> KeyFrequencies:
        """An address column of the requests as a key of which an account may have many values.

        Args:
            name: client_ip or client_prefix.
        """
        if name not in self._counted:
            column, first = self.requests.table.column(name), self.requests.first
            value, known = pc.fill_null(column, 0).to_numpy(), pc.is_valid(column).to_numpy()
            rows = np.flatnonzero(kernels.first_of_pairs(first, value, known))
            starts = np.searchsorted(self.requests.account[rows], np.arange(self.accounts.count + 1, dtype=np.int32))
            self._counted[name] = key_frequencies(
                starts, coded(pa.array(value[rows])), self.accounts.country, self.accounts.background, only_known=False
            )
        return self._counted[name]

    def client_fingerprint(self, request_style: int | None = None) -> KeyFrequencies:
        """The client fingerprint that each account mostly uses, as a key.

        Args:
            request_style: of its requests in that style only; of all when None.
        """
        name = f"client fingerprint {request_style}"
        if name not in self._counted:
            log = self.requests
            rows = slice(None) if request_style is None else np.flatnonzero(log.request_style == request_style)
            own = commonest(log.account[rows], log.client_fingerprint[rows], self.accounts.count)
            self._counted[name] = single_valued(own, self.accounts.country, self.accounts.background)
        return self._counted[name]

    @cached_property
    def settings(self) -> KeyFrequencies:
        """The settings that each account mostly uses, as a key; chance is the same in all countries."""
        usual = commonest(self.requests.account, self.requests.settings, self.accounts.count)
        return single_valued(usual, np.full(self.accounts.count, -1, np.int32), self.accounts.background)
