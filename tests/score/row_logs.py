"""Logs given row by row, for tests of one kind of evidence: any column that is not given is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema import ACCOUNTS, SAMPLING_PARAMETERS, SLICED, TRAFFIC
from stillhunt.base.shape import TIMESTAMP
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog, read_log
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIN_SLICE_REQUESTS = 4
Array = np.ndarray[Any, np.dtype[Any]]


def log_of_rows(
    account: Array,
    time: Array,
    *,
    plan: list[str] | None = None,
    customers: dict[str, list[Any]] | None = None,
    cluster: Array | None = None,
    **columns: Any,
) -> ScoredLog:
    """A log of the given rows, in any order.

    Args:
        account: number of the account of each row.
        time: microseconds of each row.
        plan: price plan of each account.
        customers: further columns of ACCOUNTS, one entry an account.
        cluster: content cluster of each row; 0 for all when None.
        columns: further columns of TRAFFIC, arrays or lists in the rows' order.
    """
    order = np.lexsort((np.arange(len(account)), time, account))
    rows = len(account)
    given: dict[str, Any] = {name: pa.nulls(rows, TRAFFIC.arrow.field(name).type) for name in TRAFFIC.names}
    for name in ("conduct", "origin_file", "words", "origin_row", "script"):
        given[name] = np.zeros(rows, np.int64)
    given["topic_words"] = [[]] * rows
    given |= {"source": pa.repeat("default", rows), "model": pa.repeat("large", rows), "conversation": np.arange(rows)}
    given |= {"prompt_hash": np.arange(rows) + 1, "request_id": pa.array(np.arange(rows)).cast(pa.string())}
    given |= columns
    taken = {name: _taken(values, order) for name, values in given.items()}
    taken["account_id"] = _names(int(account.max(initial=-1)) + 1).take(pa.array(account[order]))
    taken["timestamp"] = pa.array(time[order], pa.int64()).cast(TIMESTAMP)
    traffic = TRAFFIC.build(**taken)
    sliced = sliced_table(traffic, cluster=(np.zeros(rows, np.int64) if cluster is None else cluster)[order])
    stated = (customers or {}) | ({"plan": plan} if plan is not None else {})
    return read_log(traffic, sliced, accounts_table(stated) if stated else None)


def sliced_table(traffic: pa.Table, **columns: Any) -> pa.Table:
    """SLICED of the given columns; the others are 0, each prompt is new, and nobody looked at phrases.

    Args:
        traffic: TRAFFIC, from which the request style and the client fingerprint are computed.
        columns: columns of SLICED, row for row with it.
    """
    rows = traffic.num_rows
    values: dict[str, Any] = {
        name: np.zeros(rows, SLICED.arrow.field(name).type.to_pandas_dtype()) for name in SLICED.names
    }
    values["first_occurrence"], values["own_phrases"] = np.ones(rows, bool), pa.nulls(rows, pa.int16())
    settings = [traffic[name].is_valid().to_numpy() for name in SAMPLING_PARAMETERS]
    values["request_style"] = np.any(settings, axis=0).astype(np.int64)
    clients = [
        pc.fill_null(traffic[name].cast(pa.string()), "").combine_chunks() for name in ("user_agent", "tls_fingerprint")
    ]
    encoded = pc.dictionary_encode(pc.binary_join_element_wise(*clients, "|"))
    known = [traffic[name].is_valid().to_numpy() for name in ("user_agent", "tls_fingerprint")]
    values["client_fingerprint"] = np.where(np.any(known, axis=0), encoded.indices.to_numpy(), -1)
    values |= columns
    return SLICED.build(**{name: values[name] for name in SLICED.names})


def accounts_table(columns: dict[str, list[Any]]) -> pa.Table:
    """ACCOUNTS with the given columns, one entry an account; the others are unknown."""
    count = len(next(iter(columns.values())))
    unknown = {name: pa.nulls(count, ACCOUNTS.arrow.field(name).type) for name in ACCOUNTS.names}
    return ACCOUNTS.build(**{**unknown, "account_id": _names(count), **columns})


def sharing_customers(accounts: int, members: int) -> dict[str, list[Any]]:
    """Columns of ACCOUNTS in which the first accounts, the members, share three cards, domains and sign-ups."""
    shared = [number % 3 if number < members else number + 100 for number in range(accounts)]
    return {
        "plan": ["pro" if number % 2 else "free" for number in range(accounts)],
        "email_domain": [f"d{code}.example" for code in shared],
        "payment_fingerprint": shared,
        "signup_prefix": shared,
        "created_at": [code * DAY for code in shared],
        "signup_country": [f"C{number % 9}" for number in range(accounts)],
    }


def _names(count: int) -> pa.Array:
    return pa.array([f"a{number:05d}" for number in range(count)], pa.string())


def _taken(values: Any, order: Array) -> Any:
    if isinstance(values, pa.Array):
        return values.take(pa.array(order))
    if isinstance(values, list):
        return [values[place] for place in order]
    return np.asarray(values)[order]


def with_requests(log: ScoredLog, **columns: Array) -> ScoredLog:
    """The log with other values in some columns of its requests, accounts included; nothing counted is kept.

    Args:
        log: the log.
        columns: attributes of `Requests`, such as untemplated, topic or fold.
    """
    requests = replace(log.requests, **columns)
    return ScoredLog(requests, replace(log.accounts, log=requests))


def with_accounts(log: ScoredLog, **columns: Any) -> ScoredLog:
    """The log with other values in some attributes of its accounts.

    Args:
        log: the log.
        columns: attributes of `Accounts`, such as background or ids.
    """
    ids = columns.get("ids", log.accounts.ids)
    requests = replace(log.requests, accounts=len(ids))
    return ScoredLog(requests, replace(log.accounts, log=requests, **columns))


def finding_of(kind: EvidenceKind, log: ScoredLog, candidate: Candidate, **case: Any) -> Finding | None:
    """What one kind of evidence says of one candidate.

    Args:
        kind: the kind.
        log: the log.
        candidate: the candidate.
        case: other attributes of the case: min_slice_requests, as_found, without_refuted.
    """
    given = {"min_slice_requests": MIN_SLICE_REQUESTS} | case
    return kind.weigh(kind, CandidateCase.of(log, candidate, **given))


def group_of(log: ScoredLog, members: int, cluster: int = 0) -> Candidate:
    """The first accounts as a candidate, with their rows in one content cluster.

    Args:
        log: the log; every account has rows, and their names sort as their numbers.
        members: how many accounts.
        cluster: the cluster.
    """
    accounts = np.arange(members)
    rows = np.flatnonzero((log.requests.account < members) & (log.requests.cluster == cluster))
    zero = np.zeros(members)
    owner = log.requests.account[rows]
    return Candidate(0, accounts, accounts * 0 + cluster, accounts, accounts * 0 + 3, zero, zero, rows, owner, owner)


def untemplated_group(log: ScoredLog, chosen: Array) -> Candidate:
    """The chosen accounts' slices, all of content cluster 0, as a candidate found by its workload.

    Args:
        log: the log.
        chosen: accounts, ascending.
    """
    rows = np.flatnonzero(np.isin(log.requests.account, chosen))
    place = np.searchsorted(chosen, log.requests.account[rows])
    zero = np.zeros(len(chosen))
    positions = np.arange(len(chosen))
    return Candidate(
        0,
        chosen,
        chosen * 0,
        positions,
        chosen * 0 + 3,
        zero,
        zero,
        rows,
        place,
        place,
        untemplated=True,
        searched=len(chosen),
    )
