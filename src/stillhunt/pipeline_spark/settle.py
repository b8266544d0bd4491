"""Each (source, request id) once, however many partitions know it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.engine_spark import SparkEngine
from stillhunt.base.engine_spark_dataset import (
    Batches,
    chunks_of,
    pack_rows,
    pack_table,
    unpack_rows,
)
from stillhunt.base.errors import InputError
from stillhunt.base.schema import REJECTS, SKETCHES
from stillhunt.extract import merge_sketches
from stillhunt.pipeline_spark.rows import FACT, REJECT, ROW, packed

MOST_CONTESTED = 2_000_000
"""Request ids used by several accounts that are settled; above, the column is no id."""


def contested_ids(engine: SparkEngine, rows: Any) -> pa.Table:
    """Request ids that several accounts use, each with the account whose row stays: of the smallest content hash."""
    names = ("source", "request_id", "account_id", "content_hash")
    keys = engine.map(
        rows.select(*names), _keys, "source string, request_id string, account_id string, content_hash bigint"
    )
    # The engine's own hash only narrows the search, so that 16 bytes of a row are shuffled and not its ids.
    keys.selectExpr("xxhash64(source, request_id) AS key", "xxhash64(account_id) AS owner").createOrReplaceTempView(
        "stillhunt_owners"
    )
    shared = engine.query(
        "SELECT key FROM stillhunt_owners GROUP BY key HAVING MIN(owner) <> MAX(owner)", purpose="duplicate request ids"
    )
    candidates = engine.collect(shared.limit(MOST_CONTESTED + 1), purpose="duplicate request ids")
    if candidates.num_rows > MOST_CONTESTED:
        raise InputError(
            f"more than {MOST_CONTESTED:,} request ids are used by several accounts each, so they are no ids",
            where="column request_id",
            next_step="name the column that holds the call's own id with --map request_id=THEIR_COLUMN",
        )
    if candidates.num_rows == 0:
        return pa.table({name: pa.array([], pa.string()) for name in names[:3]})
    engine.register("stillhunt_shared", candidates)
    keys.selectExpr("*", "xxhash64(source, request_id) AS key").createOrReplaceTempView("stillhunt_keys")
    # Hashes are unsigned and Spark's numbers are not: those with the highest bit come last.
    return engine.sql(
        """SELECT source, request_id, account_id FROM (
               SELECT k.source, k.request_id, k.account_id, ROW_NUMBER() OVER (
                   PARTITION BY k.source, k.request_id ORDER BY k.content_hash < 0, k.content_hash, k.account_id
               ) AS place
               FROM stillhunt_keys AS k INNER JOIN stillhunt_shared AS s ON k.key = s.key
           ) AS ranked WHERE place = 1""",
        purpose="duplicate request ids",
    )


def _keys(batches: Batches) -> Batches:
    """Executor: packed sketches -> the columns that settle duplicates."""
    for chunk in chunks_of(batches):
        table = unpack_rows([chunk], list(chunk))
        hashes = pa.array(table["content_hash"].to_numpy().view(np.int64))
        table = table.set_column(table.schema.get_field_index("content_hash"), "content_hash", hashes)
        yield from table.combine_chunks().to_batches()


def settle_batches(contested: pa.Table, batches: Batches) -> Batches:
    """Executor: packed sketches of some accounts -> the same in canonical order, each request once."""
    chunks = chunks_of(batches)
    yield from (packed(chunk["kind"].as_py(), blob=chunk["blob"].as_py()) for chunk in chunks if chunk["blob"].is_valid)
    own = [chunk for chunk in chunks if chunk["kind"].as_py() == ROW]
    if not own:
        return
    table = unpack_rows(own, SKETCHES.names).cast(SKETCHES.arrow)
    theirs = _of_others(table, contested)
    kept, rejects, repeats = merge_sketches([table.filter(pa.array(~theirs))])
    rejects = pa.concat_tables([rejects, _refused(table.filter(pa.array(theirs)))])
    if rejects.num_rows:
        yield packed(REJECT, blob=pack_table(rejects))
    told = json.dumps({"repeats": repeats, "settled": kept.num_rows})
    yield packed(FACT, blob=pack_table(REJECTS.build(source=[""], place=[""], reason=[""], raw=[told])))
    for chunk in pack_rows(kept):
        yield packed(ROW, **chunk)


def _of_others(table: pa.Table, contested: pa.Table) -> npt.NDArray[np.bool_]:
    """Rows whose request id belongs to another account's row."""
    theirs = np.zeros(table.num_rows, np.bool_)
    ids = contested["request_id"].combine_chunks()
    maybe = np.flatnonzero(pc.is_in(table["request_id"], value_set=ids).to_numpy()) if len(ids) else theirs[:0]
    if len(maybe):
        names = ("source", "request_id", "account_id")
        owners = {(s, r): a for s, r, a in zip(*(contested[name].to_pylist() for name in names), strict=True)}
        rows = zip(*(table[name].take(pa.array(maybe)).to_pylist() for name in names), strict=True)
        theirs[maybe] = [owners.get((source, request), account) != account for source, request, account in rows]
    return theirs


def _refused(table: pa.Table) -> pa.Table:
    """REJECTS for rows whose id another account's row keeps, worded as `merge_sketches` does."""
    files, rows = table["origin_file"].to_pylist(), table["origin_row"].to_pylist()
    return REJECTS.build(
        source=table["source"].to_pylist(),
        place=[f"file {file}, row {row}" for file, row in zip(files, rows, strict=True)],
        reason=["another row with this request_id and other content was kept (the smaller content hash stays)"]
        * table.num_rows,
        raw=[text[:200] for text in table["request_id"].to_pylist()],
    )
