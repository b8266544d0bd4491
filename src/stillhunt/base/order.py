"""The one order of requests: by account, time and id, whatever order the input had."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CANONICAL = (
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
"""Sort key; its later columns only settle the order of rows that share an id, so that input order never does."""


def canonical_order(table: pa.Table) -> pa.Array:
    """Positions that bring requests into canonical order.

    Args:
        table: requests with the columns of `CANONICAL`.

    Returns:
        One position a row.
    """
    account = pc.dictionary_encode(table.column("account_id").combine_chunks())
    if isinstance(account, pa.ChunkedArray):
        account = account.chunk(0) if account.num_chunks else pa.array([], pa.string()).dictionary_encode()
    names = account.dictionary
    rank = np.empty(len(names), np.int64)
    rank[pc.sort_indices(names).to_numpy()] = np.arange(len(names))
    owner = rank[account.indices.to_numpy()] if len(names) else np.zeros(0, np.int64)
    time = table.column("timestamp").cast(pa.int64()).to_numpy()
    order = np.lexsort((time, owner))
    same = (owner[order][1:] == owner[order][:-1]) & (time[order][1:] == time[order][:-1])
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        # Few rows share account and time; only they are sorted by text.
        rows = order[tied]
        few = table.select(list(CANONICAL)).take(pa.array(rows))
        order[tied] = rows[pc.sort_indices(few, sort_keys=[(name, "ascending") for name in CANONICAL]).to_numpy()]
    return pa.array(order)
