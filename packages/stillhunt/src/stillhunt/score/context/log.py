"""The log as evidence sees it: requests, accounts, slices, keys and the background sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import coded
from stillhunt.base.errors import ContractError
from stillhunt.base.schema import TOTALS
from stillhunt.score.context.accounts import Accounts
from stillhunt.score.context.background import Background
from stillhunt.score.context.coding import commonest, runs_of
from stillhunt.score.context.customers import read_customers
from stillhunt.score.context.keys import Keys
from stillhunt.score.context.requests import Requests
from stillhunt.score.context.slices import SliceTable, slice_table


@dataclass(frozen=True)
class ScoredLog:
    """One log; what all candidates need is counted once.

    Attributes:
        requests: requests of the judged accounts and of the background sample.
    """

    requests: Requests
    accounts: Accounts

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
    traffic: pa.Table, sliced: pa.Table, accounts: pa.Table | None, totals: pa.Table | None = None
) -> ScoredLog:
    """Code the tables.

    Args:
        sliced: SLICED, row for row with it.
        totals: TOTALS, where the traffic holds only some of the log's accounts; None where it holds all.

    Raises:
        ContractError: a request's account is not in the totals.
    """
    ids, account = runs_of(traffic.column("account_id"))
    background, requests, output_tokens = np.ones(len(ids), bool), np.bincount(account, minlength=len(ids)), None
    if totals is not None:
        totals = TOTALS.check(totals).sort_by("account_id")
        position = pc.index_in(ids, value_set=totals.column("account_id").combine_chunks())
        if position.null_count:
            raise ContractError(f"{position.null_count} accounts of the traffic are missing", where="table totals")
        ids, account = totals.column("account_id").combine_chunks(), position.to_numpy()[account]
        background, requests = totals.column("background").to_numpy(), totals.column("requests").to_numpy()
        output_tokens = totals.column("output_tokens").to_numpy()
    log = Requests(
        account=account,
        accounts=len(ids),
        cluster=sliced.column("cluster").to_numpy().astype(np.int32, copy=False),
        untemplated=sliced.column("untemplated").to_numpy(),
        fold=sliced.column("fold").to_numpy().astype(np.int8, copy=False),
        topic=sliced.column("topic").to_numpy().astype(np.int16, copy=False),
        first_occurrence=sliced.column("first_occurrence").to_numpy(),
        request_style=sliced.column("request_style").to_numpy(),
        client_fingerprint=sliced.column("client_fingerprint").to_numpy(),
        time=traffic.column("timestamp").cast(pa.int64()).to_numpy(),
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
    )
