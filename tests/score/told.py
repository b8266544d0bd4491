"""Logs given row by row, for tests of one finding: any column not given is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from stillhunt.score.context.frame import Frame, build_frame

from stillhunt.base.coded import coded, joined
from stillhunt.base.schema import ACCOUNTS, SLICED, TIMESTAMP, TRAFFIC
from stillhunt.score.context.candidate import Candidate

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
Array = np.ndarray[Any, np.dtype[Any]]


def told_log(
    account: Array, time: Array, *, plan: list[str] | None = None, cluster: Array | None = None, **columns: Any
) -> Frame:
    """A log of the given rows, in any order.

    Args:
        account: number of the account of each row.
        time: microseconds of each row.
        plan: price plan of each account.
        cluster: content cluster of each row; 0 for all when None.
        columns: further columns of TRAFFIC, arrays or lists in the rows' order.
    """
    order = np.lexsort((np.arange(len(account)), time, account))
    rows = len(account)
    given: dict[str, Any] = {name: pa.nulls(rows, TRAFFIC.arrow.field(name).type) for name in TRAFFIC.names}
    for name in ("conduct", "origin_file", "words", "origin_row"):
        given[name] = np.zeros(rows, np.int64)
    given |= {"source": ["default"] * rows, "model": ["large"] * rows, "conversation": np.arange(rows)}
    given |= {"prompt_hash": np.arange(rows) + 1, "request_id": [f"r{row}" for row in range(rows)]}
    given |= columns
    taken = {name: _taken(values, order) for name, values in given.items()}
    taken["account_id"] = [f"a{number:05d}" for number in account[order]]
    taken["timestamp"] = pa.array(time[order], pa.int64()).cast(TIMESTAMP)
    places: dict[str, Any] = {name: np.zeros(rows, bool) for name in SLICED.names}
    places |= {
        "cluster": (np.zeros(rows, np.int64) if cluster is None else cluster)[order],
        "first_occurrence": np.ones(rows, bool),
    }
    places |= {name: np.zeros(rows, np.int64) for name in ("matched", "fold", "topic")}
    traffic = TRAFFIC.build(**taken)
    given_settings = [traffic[name].is_valid().to_numpy() for name in ("temperature", "top_p", "max_tokens")]
    places["request_style"] = np.any(given_settings, axis=0).astype(np.int8)
    places["client_fingerprint"] = joined(coded(traffic["user_agent"]), coded(traffic["tls_fingerprint"]))
    sliced = SLICED.build(**places)
    customers = None
    if plan is not None:
        names = [f"a{number:05d}" for number in range(len(plan))]
        empty = {n: pa.nulls(len(plan), ACCOUNTS.arrow.field(n).type) for n in ACCOUNTS.names}
        customers = ACCOUNTS.build(**{**empty, "account_id": names, "plan": plan})
    return build_frame(traffic, sliced, customers)


def _taken(values: Any, order: Array) -> Any:
    if isinstance(values, pa.Array):
        return values.take(pa.array(order))
    if isinstance(values, list):
        return [values[place] for place in order]
    return np.asarray(values)[order]


def group_of(frame: Frame, members: int, cluster: int = 0) -> Candidate:
    """The first accounts as a candidate, with their rows in one content cluster.

    Args:
        frame: the log; every account has rows, and their names sort as their numbers.
        members: how many accounts.
        cluster: the cluster.
    """
    accounts = np.arange(members)
    rows = np.flatnonzero((frame.account < members) & (frame.cluster == cluster))
    flat = np.zeros(members)
    owner = frame.account[rows]
    return Candidate(0, accounts, accounts * 0 + cluster, accounts, accounts * 0 + 3, flat, flat, rows, owner, owner)


def bare_group(frame: Frame, chosen: Array) -> Candidate:
    """The chosen accounts' slices, all of content cluster 0, as a candidate found by its workload.

    Args:
        frame: the log.
        chosen: accounts, ascending.
    """
    rows = np.flatnonzero(np.isin(frame.account, chosen))
    place = np.searchsorted(chosen, frame.account[rows])
    flat = np.zeros(len(chosen))
    positions = np.arange(len(chosen))
    formed = np.full(len(chosen), 3)
    return Candidate(
        0, chosen, chosen * 0, positions, formed, flat, flat, rows, place, place, bare=True, searched=len(chosen)
    )
