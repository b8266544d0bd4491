"""Keep each (source, request id) once, across all partitions, as `extract.store` does on one machine."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.engine_spark import SparkEngine
from stillhunt.base.engine_spark_dataset import Batches, chunks_of, pack_rows, pack_table, unpack_rows
from stillhunt.base.errors import InputError
from stillhunt.base.schema import SKETCHES
from stillhunt.base.schema_case import REJECTS
from stillhunt.extract.store.store import CONFLICT
from stillhunt.pipeline_spark.rows import FACT, REJECT, ROW, packed

MAX_CONTESTED = 2_000_000
"""Most request ids shared by several accounts that are settled; with more, the column cannot be an id."""

_KEYS = ("request_key", "account_key", "content_hash", "origin_file", "origin_row")
_SIGNED = {"request_key": "bigint", "account_key": "bigint", "content_hash": "bigint"}
_WINNERS = ("request_key", "content_hash", "origin_file", "origin_row")


def contested_ids(engine: SparkEngine, rows: Any) -> pa.Table:
    """Request ids that several accounts use, with the row to keep: the first one with the smallest content hash.

    Args:
        engine: the Spark engine.
        rows: packed sketches.

    Returns:
        request_key, content_hash (signed views), origin_file, origin_row.

    Raises:
        InputError: there are so many that the column cannot be an id.
    """
    columns = {"origin_file": "int", "origin_row": "bigint", **_SIGNED}
    keys = engine.map(rows.select(*_KEYS), _keys, ", ".join(f"{name} {columns[name]}" for name in _KEYS))
    keys.createOrReplaceTempView("stillhunt_keys")
    shared = engine.query(
        """SELECT request_key FROM stillhunt_keys GROUP BY request_key HAVING MIN(account_key) <> MAX(account_key)""",
        purpose="duplicate request ids",
    )
    candidates = engine.collect(shared.limit(MAX_CONTESTED + 1), purpose="duplicate request ids")
    if candidates.num_rows > MAX_CONTESTED:
        raise InputError(
            f"more than {MAX_CONTESTED:,} request ids are used by several accounts, so they cannot be ids of requests",
            where="column request_id",
            next_step='name the column with the id of each request: mapping={"request_id": "THEIR_COLUMN"}',
            command_step="name the column with the id of each request: --map request_id=THEIR_COLUMN",
        )
    if candidates.num_rows == 0:
        return pa.table({name: pa.array([], pa.int64()) for name in _WINNERS})
    engine.register("stillhunt_shared", candidates)
    # Hashes are unsigned and Spark's numbers are signed, so hashes with the highest bit come last.
    return engine.sql(
        """SELECT request_key, content_hash, origin_file, origin_row FROM (
               SELECT k.request_key, k.content_hash, k.origin_file, k.origin_row, ROW_NUMBER() OVER (
                   PARTITION BY k.request_key
                   ORDER BY k.content_hash < 0, k.content_hash, k.origin_file, k.origin_row
               ) AS place
               FROM stillhunt_keys AS k INNER JOIN stillhunt_shared AS s ON k.request_key = s.request_key
           ) AS ranked WHERE place = 1""",
        purpose="duplicate request ids",
    )


def _keys(batches: Batches) -> Batches:
    """Columns that settle duplicates, from packed sketches, with unsigned numbers as signed; runs on an executor."""
    for chunk in chunks_of(batches):
        table = unpack_rows([chunk], _KEYS)
        arrays = [pa.array(table[name].to_numpy().view(np.int64) if name in _SIGNED else table[name]) for name in _KEYS]
        arrays = [array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array for array in arrays]
        yield pa.RecordBatch.from_arrays(arrays, names=list(_KEYS))


def settle_batches(contested: pa.Table, batches: Batches) -> Batches:
    """Keep each request of some accounts once; runs on an executor.

    Yields packed sketches, and rejects and facts in packed tables.

    Args:
        contested: as `contested_ids` gives it.
        batches: of one partition.
    """
    chunks = chunks_of(batches)
    for chunk in chunks:
        if chunk["kind"].as_py() != ROW:
            yield packed(chunk["kind"].as_py(), blob=chunk["blob"].as_py())
    own = [chunk for chunk in chunks if chunk["kind"].as_py() == ROW]
    if not own:
        return
    table = unpack_rows(own, SKETCHES.names).cast(SKETCHES.arrow)
    keep, conflict = _settled(table, contested)
    if conflict.any():
        yield packed(REJECT, blob=pack_table(_conflicts(table.filter(pa.array(conflict)))))
    repeats = int((~keep & ~conflict).sum())
    facts = json.dumps({"repeats": repeats, "settled": int(keep.sum())})
    yield packed(FACT, blob=pack_table(REJECTS.build(source=[""], place=[""], reason=[""], raw=[facts])))
    for packed_rows in pack_rows(table if keep.all() else table.filter(pa.array(keep))):
        yield packed(ROW, **packed_rows)


def _settled(table: pa.Table, contested: pa.Table) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which rows are kept, and which of the others differ in content from the kept row."""
    key, content, file, row = (table[name].to_numpy() for name in _WINNERS)
    keep, conflict = np.ones(len(key), np.bool_), np.zeros(len(key), np.bool_)
    owned = {
        int(k) % (1 << 64): (int(c) % (1 << 64), f, r)
        for k, c, f, r in zip(*(contested[name].to_pylist() for name in _WINNERS), strict=True)
    }
    ordered = np.sort(key)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    near = np.flatnonzero(np.isin(key, np.concatenate([twice, np.array(list(owned), np.uint64)])))
    near = near[np.lexsort((row[near], file[near], content[near], key[near]))]
    kept: dict[int, tuple[int, int, int]] = dict(owned)
    taken: set[int] = set()
    for place in near.tolist():
        name, own = int(key[place]), (int(content[place]), int(file[place]), int(row[place]))
        stays = kept.setdefault(name, own)
        if own == stays and name not in taken:
            taken.add(name)
            continue
        keep[place] = False
        conflict[place] = own[0] != stays[0]
    return keep, conflict


def _conflicts(table: pa.Table) -> pa.Table:
    """REJECTS for rows that were dropped because of their content."""
    files, rows = table["origin_file"].to_pylist(), table["origin_row"].to_pylist()
    return REJECTS.build(
        source=table["source"].to_pylist(),
        place=[f"file {file}, row {row}" for file, row in zip(files, rows, strict=True)],
        reason=[CONFLICT] * table.num_rows,
        raw=[text[:200] for text in table["request_id"].to_pylist()],
    )
