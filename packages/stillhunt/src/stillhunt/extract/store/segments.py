"""Sketches on disk: segments of some hundred thousand requests, each cut by account into the same partitions.

A segment is one file. Its columns lie in a few families, so that a pass reads the bytes it needs and no others; each
(family, partition) is an Arrow stream of its own, found by the index at the file's end. Writing costs most, so a
column is kept as narrow as its values are: strings of few distinct values as codes, 64-bit integers in 32 bits where
they fit; columns without any value are left out. A segment is written beside its name and renamed. The index holds a
checksum of each stream, verified when it is first read, and one of itself: a flipped bit is an error.
"""

import os
import zlib
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I32, I64, U16, U32
from stillhunt.base.coded import is_coded, plain
from stillhunt.base.errors import OutputError
from stillhunt.base.schema import SKETCHES
from stillhunt.extract.text.byte_kernels import entry_point

PARTITIONS = 64
"""Partitions of a segment, by the highest bits of the account's key."""
_SHIFT = np.uint64(58)
TEXT = ("phrases", "system_phrases")
WORDS = ("topic_words",)
REPEATS = ("request_key",)
"""Key by which repeats are found; it is read for all requests, before any other column."""
NAMES = ("request_id", "content_hash")  # columns that are read only for repeats and for judged requests
ORIGIN_COLUMN = "origin_file"
"""Not in a segment of one input file, whose place in the sorted order of names changes from hunt to hunt."""
_APART = (*TEXT, *WORDS, *REPEATS, *NAMES, ORIGIN_COLUMN)
COLUMN_GROUPS = (TEXT, WORDS, REPEATS, NAMES, tuple(n for n in SKETCHES.names if n not in _APART))
FEW_VALUES = 256
FEW = pa.dictionary(pa.uint8(), pa.string())
PROBED_ROWS = 4096
"""Rows by which it is decided whether a string column has few distinct values; request ids fail at once."""
WRITE_BYTES = 1 << 20
_TYPES = {field.name: field.type for field in SKETCHES.arrow}
_INT32 = np.iinfo(np.int32)
_FOOTER = 8 * (3 * len(COLUMN_GROUPS) * PARTITIONS + 2)
"""Bytes of the index: begin, length and checksum of each stream, the rows, and the checksum of all these."""
_KEPT_NAME = 64
"""Characters in the name of a folder that outlives its hunt."""


def partition_of(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Partition of each account key."""
    return (keys >> _SHIFT).astype(np.uint8)


def write_segment(path: Path, sketches: pa.Table, *, several: bool = False) -> None:
    """Write one segment of SKETCHES; of `several` input files, keep which row is of which, by their places."""
    part = partition_of(sketches.column("account_key").to_numpy())
    order = np.argsort(part, kind="stable")
    edges = np.searchsorted(part[order], np.arange(PARTITIONS + 1)).tolist()
    index = np.zeros((len(COLUMN_GROUPS), PARTITIONS, 3), np.int64)
    beside = path.with_name(path.name + ".part")
    with pa.BufferedOutputStream(pa.OSFile(str(beside), "wb"), WRITE_BYTES) as file:
        for number, family in enumerate(COLUMN_GROUPS):
            own = (*family, ORIGIN_COLUMN) if several and number == len(COLUMN_GROUPS) - 1 else family
            batch = _order_column_family(sketches, own, order)
            for partition in range(PARTITIONS):
                first, last = edges[partition], edges[partition + 1]
                if first == last:
                    continue
                begin = file.tell()
                stream = pa.BufferOutputStream()
                with pa.ipc.new_stream(stream, batch.schema) as writer:
                    writer.write_batch(batch.slice(first, last - first))
                written = stream.getvalue()
                file.write(written)
                index[number, partition] = begin, written.size, zlib.crc32(written)
            del batch  # one family at a time: a segment is not held twice
        footer = index.tobytes() + np.int64(sketches.num_rows).tobytes()
        file.write(footer + np.int64(zlib.crc32(footer)).tobytes())
    beside.replace(path)


def _order_column_family(table: pa.Table, family: Sequence[str], order: npt.NDArray[np.int64]) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {}
    rows = pa.array(order)
    for name in family:
        column = table.column(name)
        if column.null_count == len(column) and len(column):
            continue
        if pa.types.is_list(column.type):
            lists = _ordered_lists(column, order)
            if len(lists.values):
                columns[name] = lists
        else:
            columns[name] = _narrow_column(column).take(rows)
    if not columns:  # a batch without columns has no rows
        columns[""] = pa.nulls(len(order))
    return pa.RecordBatch.from_pydict(columns)


def _ordered_lists(column: pa.ChunkedArray, order: npt.NDArray[np.int64]) -> pa.ListArray:
    """Lists in another order, piece by piece: most bytes of a segment are theirs, and are copied once."""
    sizes = np.concatenate([np.zeros(0, np.int32), *(np.diff(chunk.offsets.to_numpy()) for chunk in column.chunks)])
    offsets = np.zeros(len(order) + 1, np.int32)
    np.cumsum(sizes[order], out=offsets[1:])
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    out = np.empty(int(offsets[-1]), column.type.value_type.to_pandas_dtype())
    first = 0
    for chunk in column.chunks:
        own = places[first : first + len(chunk)]
        place_lists(own, chunk.offsets.to_numpy(), chunk.values.to_numpy(), offsets, out)
        first += len(chunk)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(out))


def _narrow_column(column: pa.ChunkedArray) -> pa.Array:
    """The same values in fewer bytes, as one array."""
    array = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([*column.chunks, pa.array([], column.type)])
    if pa.types.is_string(array.type) and pc.count_distinct(array.slice(0, PROBED_ROWS)).as_py() <= FEW_VALUES:
        coded = array.dictionary_encode()
        if len(coded.dictionary) <= FEW_VALUES:
            return pa.DictionaryArray.from_arrays(coded.indices.cast(pa.uint8()), coded.dictionary)
    if pa.types.is_int64(array.type) and len(array):
        bounds = pc.min_max(array)
        if bounds["min"].as_py() >= _INT32.min and bounds["max"].as_py() <= _INT32.max:
            return array.cast(pa.int32())
    return array


def damaged(path: Path, error: Exception) -> OutputError:
    """What is said of a file of sketches that cannot be read."""
    if len(path.parent.name) != _KEPT_NAME:
        return vanished(path.parent, str(error)[:200])
    return OutputError(
        f"what was kept of an input cannot be read: {str(error)[:200]}",
        where=str(path),
        next_step=f"delete the folder {path.parent.name}; it is made anew",
    )


def vanished(folder: Path, what: str) -> OutputError:
    """The error for a hunt's working folder (of one input) from which something is gone or was changed meanwhile."""
    return OutputError(
        f"sketches that this hunt wrote are gone or changed: {what}",
        where=str(folder),
        next_step="hunt again, with TMPDIR or the setting state in a place where nothing else removes files",
        command_step="hunt again, with TMPDIR or --state in a place where nothing else removes files",
    )


def joined(tables: Sequence[pa.Table], columns: Sequence[str]) -> pa.Table:
    """Tables that segments gave, one below the other; strings coded where all of them have a column so."""
    if not tables:
        return pa.schema([SKETCHES.arrow.field(name).with_nullable(True) for name in columns]).empty_table()
    found = {}
    for name in columns:
        chunks = [chunk for table in tables for chunk in table.column(name).chunks]
        if len({chunk.type for chunk in chunks}) > 1:
            chunks = [plain(chunk) for chunk in chunks]
        elif chunks and is_coded(chunks[0].type):
            chunks = _with_common_codes(chunks)
        found[name] = pa.chunked_array(chunks, chunks[0].type if chunks else tables[0].column(name).type)
    return pa.table(found)


def _with_common_codes(chunks: list[pa.DictionaryArray]) -> list[pa.DictionaryArray]:
    """Coded chunks that can become one: a chunk has few values, and all together may have more than a byte can code."""
    values = pc.count_distinct(pa.concat_arrays([chunk.dictionary for chunk in chunks])).as_py()
    if values <= FEW_VALUES:
        return chunks
    return [pa.DictionaryArray.from_arrays(chunk.indices.cast(pa.int32()), chunk.dictionary) for chunk in chunks]


class Segment:
    """One segment, open for reading; `origins` are the input files it was made from, by their places in it."""

    def __init__(self, path: Path, origins: Sequence[int]) -> None:
        self.path = path
        self.origins = list(origins)
        try:
            with path.open("rb") as file:
                file.seek(-_FOOTER, os.SEEK_END)
                content = file.read()
            footer = np.frombuffer(content, np.int64)
            if zlib.crc32(content[:-8]) != int(footer[-1]):
                raise ValueError("its index is not what was written")
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error
        self._index = footer[:-2].reshape(len(COLUMN_GROUPS), PARTITIONS, 3)
        self._checked = np.zeros((len(COLUMN_GROUPS), PARTITIONS), bool)
        self.rows = int(footer[-2])

    def read(self, partitions: Sequence[int], columns: Sequence[str]) -> list[pa.Table]:
        """Requests of some partitions as they were written, a table each; an OutputError if gone or changed."""
        tables = []
        try:
            opened = self.path.open("rb")
        except OSError as error:
            raise damaged(self.path, error) from error
        with opened as file:
            for partition in partitions:
                found: dict[str, Any] = {}
                rows = -1
                for number, family in enumerate(COLUMN_GROUPS):
                    last = number == len(COLUMN_GROUPS) - 1
                    wanted = [name for name in columns if name in family or (last and self._has_origin_column(name))]
                    if not wanted and not (rows < 0 and last):
                        continue
                    batch = self._read_family_batch(file, number, partition)
                    if batch is None:
                        break
                    rows = batch.num_rows
                    found |= {name: batch.column(name) for name in wanted if name in batch.schema.names}
                if rows >= 0:
                    tables.append(pa.table({name: self._restore_column(found, name, rows) for name in columns}))
        return tables

    def _read_family_batch(self, file: BufferedReader, family: int, partition: int) -> pa.RecordBatch | None:
        begin, length, checksum = self._index[family, partition].tolist()
        if not length:
            return None
        try:
            file.seek(begin)
            content = file.read(length)
            if not self._checked[family, partition]:
                if zlib.crc32(content) != checksum:
                    raise ValueError("its bytes are not those that were written")
                self._checked[family, partition] = True
            return pa.ipc.open_stream(pa.py_buffer(content)).read_next_batch()
        except (OSError, ValueError, pa.ArrowException) as error:
            raise damaged(self.path, error) from error

    @property
    def kept_name(self) -> str:
        """Name of its folder."""
        return self.path.parent.name

    @property
    def is_kept(self) -> bool:
        """Whether its folder outlives the hunt."""
        return len(self.kept_name) == _KEPT_NAME

    def _has_origin_column(self, name: str) -> bool:
        return name == ORIGIN_COLUMN and len(self.origins) > 1

    def _restore_column(self, found: dict[str, Any], name: str, rows: int) -> pa.Array:
        if name == ORIGIN_COLUMN:
            origins = pa.array(self.origins, pa.int32())
            return origins.take(found[name]) if name in found else pa.repeat(origins[0], rows)
        wanted = _TYPES[name]
        if name in found:
            column = found[name]
            return column if column.type == wanted or is_coded(column.type) else column.cast(wanted)
        if pa.types.is_list(wanted):
            return pa.ListArray.from_arrays(
                pa.repeat(pa.scalar(0, pa.int32()), rows + 1), pa.array([], wanted.value_type)
            )
        return pa.nulls(rows, FEW if pa.types.is_string(wanted) else wanted)


@entry_point
def place_lists(places: I64, offsets: I32, inner: U16 | U32, out_offsets: I32, out: U16 | U32) -> None:
    """Put each list at its place among lists whose offsets are known; compiled for each type of their values."""
    for row in range(places.size):
        used = out_offsets[places[row]]
        for k in range(offsets[row], offsets[row + 1]):
            out[used] = inner[k]
            used += 1
