"""The one order of requests: by account, time and id, whatever order the input had."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import plain

CANONICAL_ORDER = (
    "account_id",
    "timestamp",
    "source",
    "request_id",
    "content_hash",
    "conversation",
    "turn",
    "user_agent",
    "tls_fingerprint",
    "country",
    "asn",
    "status",
    "output_tokens",
)
"""Sort key. Its later columns only decide between rows that share an id, so that the order of the input never does."""


def canonical_order(table: pa.Table, owner: npt.NDArray[np.int32] | None = None) -> pa.Array:
    """Positions that bring requests into canonical order.

    Args:
        table: requests with the columns of `CANONICAL_ORDER`, strings also as codes; without account_id where `owner`
            is given.
        owner: account of each request as a number that ascends with its id; None to derive it from the ids.

    Returns:
        One position per row.
    """
    ranks = _ranks(table.column("account_id")) if owner is None else owner
    time = table.column("timestamp").cast(pa.int64()).to_numpy()
    order = np.lexsort((time, ranks))
    same = (ranks[order][1:] == ranks[order][:-1]) & (time[order][1:] == time[order][:-1])
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        # Few rows share account and time, so only these are sorted by text.
        rows = order[tied]
        few = table.select(list(CANONICAL_ORDER[1:])).take(pa.array(rows))
        columns = {
            "account_id": pa.array(ranks[rows]),
            **{name: plain(few.column(name)) for name in CANONICAL_ORDER[1:]},
        }
        keys = [(name, "ascending") for name in CANONICAL_ORDER]
        order[tied] = rows[pc.sort_indices(pa.table(columns), sort_keys=keys).to_numpy()]
    return pa.array(order)


def _ranks(ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    coded = pc.dictionary_encode(ids.combine_chunks())
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    rank = np.empty(len(coded.dictionary), np.int64)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
    return rank[coded.indices.to_numpy()] if len(rank) else np.zeros(0, np.int64)
