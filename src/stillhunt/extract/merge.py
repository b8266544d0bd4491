"""Sketches of all batches -> one table in canonical order, each request once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema import REJECTS, SKETCHES

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


def merge_sketches(parts: list[pa.Table]) -> tuple[pa.Table, pa.Table, int]:
    """Bring the sketches of all batches into canonical order and keep each (source, request id) once.

    Of rows with one key the one with the smallest content hash stays; rows of other content go to rejects, exact
    repeats (a log read twice) are only counted.

    Args:
        parts: SKETCHES tables in any order.

    Returns:
        SKETCHES in canonical order, REJECTS, and the number of exact repeats.
    """
    table = pa.concat_tables(parts) if parts else SKETCHES.empty()
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in CANONICAL])
    table = table.take(order).combine_chunks()
    repeats = _repeats(table)
    if not len(repeats):
        return table, REJECTS.empty(), 0
    keep = np.ones(table.num_rows, bool)
    reasons: list[tuple[str, str, str, str]] = []
    exact = 0
    content = table.column("content_hash").to_numpy()
    key = repeats[:, 0]
    for group in np.split(repeats[:, 1], np.flatnonzero(np.diff(key)) + 1):
        stays = group[np.lexsort((group, content[group]))[0]]
        for row in group[group != stays]:
            keep[row] = False
            if content[row] == content[stays]:
                exact += 1
                continue
            reasons.append(
                (
                    table.column("source")[row].as_py(),
                    f"file {table.column('origin_file')[row].as_py()}, row {table.column('origin_row')[row].as_py()}",
                    "another row with this request_id and other content was kept (the smaller content hash stays)",
                    str(table.column("request_id")[row].as_py())[:200],
                )
            )
    columns = list(zip(*sorted(reasons), strict=True)) if reasons else [()] * len(REJECTS.names)
    rejects = REJECTS.build(**{n: list(c) for n, c in zip(REJECTS.names, columns, strict=True)})
    return table.filter(pa.array(keep)).combine_chunks(), rejects, exact


def _repeats(table: pa.Table) -> npt.NDArray[np.int64]:
    """(key, row) of every row whose (source, request id) occurs more than once, by key, then row."""
    if not table.num_rows:
        return np.zeros((0, 2), np.int64)
    source = _codes(table.column("source"))
    request = _codes(table.column("request_id"))
    key = source * (int(request.max()) + 1) + request
    if len(np.unique(request)) == table.num_rows:
        return np.zeros((0, 2), np.int64)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    same = np.zeros(len(ordered), bool)
    same[1:] = ordered[1:] == ordered[:-1]
    same[:-1] |= same[1:].copy()
    return np.stack([ordered[same], order[same]], axis=1)


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    encoded = pc.dictionary_encode(column.combine_chunks())
    array = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    codes: npt.NDArray[np.int64] = array.indices.to_numpy().astype(np.int64)
    return codes
