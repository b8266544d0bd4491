"""The log as evidence sees it: requests, accounts, slices, keys and the background sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Ints
from stillhunt.base.coded import coded
from stillhunt.base.column_files import mapped_array
from stillhunt.base.errors import ContractError
from stillhunt.base.schema import TOTALS
from stillhunt.score import kernels
from stillhunt.score.context.accounts import Accounts
from stillhunt.score.context.background import Background, SliceTable, slice_table
from stillhunt.score.context.coding import commonest, runs_of
from stillhunt.score.context.customers import read_customers
from stillhunt.score.context.requests import Requests
from stillhunt.score.stats.shared_keys import KeyFrequencies, key_frequencies, single_valued


@dataclass(frozen=True)
class Keys:
    """Frequencies of each key's values, by country; each key is counted once, also where two threads ask for it."""

    requests: Requests
    accounts: Accounts
    _counted: dict[str, KeyFrequencies] = field(default_factory=dict, repr=False, compare=False)
    _counting: Lock = field(default_factory=Lock, repr=False, compare=False)

    def customer(self, name: str) -> KeyFrequencies:
        """A column of the customer table as a key."""
        return self._count_once(name, lambda: self._single_valued(self.accounts.customers.codes[name]))

    def address(self, name: str) -> KeyFrequencies:
        """An address column of the requests as a key of which an account may have many values."""

        def count() -> KeyFrequencies:
            column, first = self.requests.table.column(name), self.requests.first
            value, known = pc.fill_null(column, 0).to_numpy(), pc.is_valid(column).to_numpy()
            rows = np.flatnonzero(kernels.first_of_pairs(first, value, known))
            starts = np.searchsorted(self.requests.account[rows], np.arange(self.accounts.count + 1, dtype=np.int32))
            own = coded(pa.array(value[rows]))
            return key_frequencies(starts, own, self.accounts.country, self.accounts.background, only_known=False)

        return self._count_once(name, count)

    def client_fingerprint(self, request_style: int | None = None) -> KeyFrequencies:
        """The client fingerprint that each account mostly uses, as a key."""

        def count() -> KeyFrequencies:
            log = self.requests
            rows = slice(None) if request_style is None else np.flatnonzero(log.request_style == request_style)
            return self._single_valued(commonest(log.account[rows], log.client_fingerprint[rows], self.accounts.count))

        return self._count_once(f"client fingerprint {request_style}", count)

    def _single_valued(self, codes: Ints) -> KeyFrequencies:
        return single_valued(codes, self.accounts.country, self.accounts.background)

    def _count_once(self, name: str, count: Callable[[], KeyFrequencies]) -> KeyFrequencies:
        if name not in self._counted:
            with self._counting:
                if name not in self._counted:
                    self._counted[name] = count()
        return self._counted[name]

    @cached_property
    def settings(self) -> KeyFrequencies:
        """The settings that each account mostly uses, as a key; chance is the same in all countries."""
        usual = commonest(self.requests.account, self.requests.settings, self.accounts.count)
        return single_valued(usual, np.full(self.accounts.count, -1, np.int32), self.accounts.background)


@dataclass(frozen=True)
class ScoredLog:
    """One log; what all candidates need is counted once."""

    requests: Requests
    accounts: Accounts
    prepared: Mapping[str, Any] = field(default_factory=dict)  # what kinds of evidence read before the hunt, by kind
    # what `operators` keeps between two looks at the same campaigns
    comparisons: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def slices(self) -> SliceTable:
        """The log's slices."""
        return slice_table(self.requests.account, self.requests.cluster)

    @cached_property
    def keys(self) -> Keys:
        """Keys that accounts may share."""
        return Keys(self.requests, self.accounts)

    @cached_property
    def background(self) -> Background:
        """What the background sample does."""
        return Background(self.requests, self.accounts, self.slices)


def read_log(
    traffic: pa.Table,
    sliced: pa.Table,
    accounts: pa.Table | None,
    totals: pa.Table | None = None,
    prepared: Mapping[str, Any] | None = None,
) -> ScoredLog:
    """Code the tables.

    `totals`: TOTALS, where the traffic holds only some of the log's accounts; None where it holds all. Raises
    ContractError: a request's account is not in the totals.
    """
    ids, account = runs_of(traffic.column("account_id"))
    output_tokens = None
    if totals is None:
        background, requests = np.ones(len(ids), bool), np.bincount(account, minlength=len(ids))
    else:
        totals = TOTALS.check(totals).sort_by("account_id")
        position = pc.index_in(ids, value_set=totals.column("account_id").combine_chunks())
        if position.null_count:
            raise ContractError(f"{position.null_count} accounts of the traffic are missing", where="table totals")
        ids, account = totals.column("account_id").combine_chunks(), position.to_numpy()[account]
        background, requests = totals.column("background").to_numpy(), totals.column("requests").to_numpy()
        output_tokens = totals.column("output_tokens").to_numpy()
    log = Requests(
        account=mapped_array(account),
        accounts=len(ids),
        cluster=sliced.column("cluster").to_numpy().astype(np.int32, copy=False),
        untemplated=mapped_array(sliced.column("untemplated").to_numpy()),
        fold=sliced.column("fold").to_numpy().astype(np.int8, copy=False),
        topic=sliced.column("topic").to_numpy().astype(np.int16, copy=False),
        first_occurrence=mapped_array(sliced.column("first_occurrence").to_numpy()),
        request_style=sliced.column("request_style").to_numpy(),
        client_fingerprint=sliced.column("client_fingerprint").to_numpy(),
        time=traffic.column("timestamp").cast(pa.int64()).to_numpy(),
        own_phrases=mapped_array(pc.fill_null(sliced.column("own_phrases"), -1).to_numpy()),
        table=traffic,
    )
    return ScoredLog(
        log,
        Accounts(
            ids=ids,
            background=background,
            requests=requests,
            customers=read_customers(accounts, ids),
            country=commonest(account, coded(traffic.column("country")), len(ids)),
            log=log,
            output_tokens=output_tokens,
        ),
        prepared or {},
    )
