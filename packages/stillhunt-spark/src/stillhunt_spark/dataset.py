"""Rows in partitions of a Spark frame, packed: one Spark row for thousands of rows, one binary column for each of ours.

Spark then moves a few large values in place of many small ones, keeps every Arrow type as it is (it has no unsigned
numbers), and reads only the columns that a function asks for.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from stillhunt.base.dataset import Dataset, Function
from stillhunt.base.errors import ContractError

CHUNK_ROWS = 65_536
"""Rows packed into one Spark row."""
_RESULT = "result"
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")
Batches = Iterator[pa.RecordBatch]


class SparkDataset(Dataset):
    """All rows of an account in one partition of a Spark frame, which is given back once nobody uses the dataset."""

    def __init__(self, engine: Any, frame: Any, names: Sequence[str], kept: Any) -> None:
        self._engine, self._frame, self._names = engine, frame, tuple(names)
        weakref.finalize(self, engine.forget, kept).atexit = False  # the session goes first, and frees all of it

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that there are."""
        return self._names

    def extend(
        self, function: Function, schema: pa.Schema, context: Any = None, columns: Sequence[str] | None = None
    ) -> SparkDataset:
        """The same rows with further columns, computed now; see `Dataset`."""
        old = [name for name in self._names if name not in schema.names]
        names = (*old, *schema.names)
        task = partial(_iterate_extended_batches, function, schema, context, (list(columns or self._names), old))
        frame = persisted(self._engine.map(self._frame, task, packed_schema(names)))
        return SparkDataset(self._engine, frame, names, frame)

    def without(self, names: Sequence[str]) -> SparkDataset:  # noqa: ARG002  # the cluster keeps what it has
        """The same rows; see `Dataset`."""
        return self

    def gather_parts(
        self, function: Function, schema: pa.Schema, context: Any = None, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Tables of all partitions, one after the other; see `Dataset`."""
        wanted = list(self._names if columns is None else columns)
        task = partial(_iterate_gathered_batches, function, schema, context)
        frame = self._engine.map(self._frame.select(*wanted), task, packed_schema((_RESULT,)))
        blobs = self._engine.collect(frame, purpose="a pass over all requests")[_RESULT]
        yield from map(unpack_table, blobs)


def persisted(frame: Any) -> Any:
    """The frame, computed and kept by Spark in memory and on disk."""
    from pyspark import StorageLevel  # an optional part

    kept = frame.persist(StorageLevel.MEMORY_AND_DISK)
    kept.count()
    return kept


def packed_schema(names: Sequence[str]) -> str:
    """SQL column definitions of packed columns."""
    return ", ".join(f"`{name}` binary" for name in names)


def pack_rows(table: pa.Table) -> Iterator[dict[str, bytes]]:
    """Chunks of a table, each column packed by itself."""
    for start in range(0, table.num_rows, CHUNK_ROWS):
        chunk = table.slice(start, CHUNK_ROWS)
        yield {name: pack_table(chunk.select([name])) for name in table.column_names}


def unpack_rows(chunks: Sequence[dict[str, Any]], names: Sequence[str]) -> pa.Table:
    """Some columns of chunks that `pack_rows` made, in one table."""
    columns: dict[str, pa.ChunkedArray] = {}
    for name in names:
        columns[name] = pa.concat_tables([unpack_table(chunk[name]) for chunk in chunks]).column(name)
    return pa.table(columns)


def pack_table(table: pa.Table) -> bytes:
    """A table as Arrow stream, compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_COMPRESSED) as writer:
        writer.write_table(table.combine_chunks())
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack_table(blob: Any) -> pa.Table:
    """The table of a value that `pack_table` made, bytes or Arrow scalar."""
    return pa.ipc.open_stream(blob.as_buffer() if isinstance(blob, pa.Scalar) else blob).read_all()


def packed_batch(columns: dict[str, bytes | None]) -> pa.RecordBatch:
    """One Spark row of packed columns."""
    arrays = [pa.array([value], pa.binary()) for value in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def chunks_of(batches: Batches) -> list[dict[str, Any]]:
    """The packed rows of one partition, each a mapping of column to Arrow scalar."""
    return [
        {name: batch.column(name)[row] for name in batch.schema.names}
        for batch in batches
        for row in range(batch.num_rows)
    ]


def _iterate_extended_batches(
    function: Function, schema: pa.Schema, context: Any, names: tuple[list[str], list[str]], batches: Batches
) -> Batches:
    columns, old = names
    chunks = chunks_of(batches)
    if not chunks:
        return
    rows = unpack_rows(chunks, columns)
    added = function(rows, context).cast(schema)
    if added.num_rows != rows.num_rows:
        raise ContractError(f"{added.num_rows} rows for {rows.num_rows}", where=getattr(function, "__name__", "pass"))
    for chunk, new in zip(chunks, pack_rows(added), strict=True):
        yield packed_batch({**{name: chunk[name].as_py() for name in old}, **new})


def _iterate_gathered_batches(function: Function, schema: pa.Schema, context: Any, batches: Batches) -> Batches:
    chunks = chunks_of(batches)
    if not chunks:
        return
    table = function(unpack_rows(chunks, list(chunks[0])), context).cast(schema)
    for start in range(0, table.num_rows, CHUNK_ROWS):
        yield packed_batch({_RESULT: pack_table(table.slice(start, CHUNK_ROWS))})
