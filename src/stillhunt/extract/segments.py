"""Sketches on disk: segments of some hundred thousand requests, each cut by account into the same partitions.

A segment is one file. Its columns lie in a few families, so that a pass reads the bytes it needs and no others; each
(family, partition) is an Arrow stream of its own, found by the index at the file's end. Strings of few distinct values
are kept as codes, columns without any value are left out. A segment is written beside its name and renamed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema import SKETCHES
from stillhunt.extract.kernels_store import take_lists16, take_lists32

PARTITIONS = 64
"""Partitions of a segment, by the highest bits of the account's key."""
_SHIFT = np.uint64(58)
TEXT = ("phrases", "system_phrases")
WORDS = ("topic_words",)
NAMES = ("request_id",)
FAMILIES = (TEXT, WORDS, NAMES, tuple(n for n in SKETCHES.names if n not in (*TEXT, *WORDS, *NAMES, "origin_file")))
FEW_VALUES = 256
_FOOTER = 2 * 8 * len(FAMILIES) * PARTITIONS


def partition_of(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Partition of each account key."""
    return (keys >> _SHIFT).astype(np.uint8)


def write_segment(path: Path, sketches: pa.Table) -> None:
    """Write one segment.

    Args:
        path: its name.
        sketches: SKETCHES of one input file.
    """
    table = sketches.combine_chunks()
    part = partition_of(table.column("account_key").to_numpy())
    order = np.argsort(part, kind="stable").astype(np.int64)
    edges = np.searchsorted(part[order], np.arange(PARTITIONS + 1))
    places = pa.array(order)
    index = np.zeros((len(FAMILIES), PARTITIONS, 2), np.int64)
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        for number, family in enumerate(FAMILIES):
            batch = _family(table, family, order, places)
            for partition in range(PARTITIONS):
                if edges[partition] == edges[partition + 1]:
                    continue
                sink = io.BytesIO()
                with pa.ipc.new_stream(sink, batch.schema) as writer:
                    writer.write_batch(batch.slice(edges[partition], edges[partition + 1] - edges[partition]))
                index[number, partition] = file.tell(), sink.tell()
                file.write(sink.getbuffer())
        file.write(index.tobytes())
    beside.replace(path)


def _family(
    table: pa.Table, family: Sequence[str], order: npt.NDArray[np.int64], places: pa.Array
) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {}
    for name in family:
        column = table.column(name)
        if column.null_count == len(column) and len(column):
            continue
        array = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
        columns[name] = _ordered(array, order, places)
    if not columns:  # a batch without columns has no rows
        columns[""] = pa.nulls(len(order))
    return pa.RecordBatch.from_pydict(columns)


def _ordered(array: pa.Array, order: npt.NDArray[np.int64], places: pa.Array) -> pa.Array:
    if pa.types.is_list(array.type):
        offsets = array.offsets.to_numpy()
        inner = array.values.to_numpy()
        out_offsets = np.empty(len(order) + 1, np.int32)
        out = np.empty(int(offsets[-1] - offsets[0]), inner.dtype)
        (take_lists16 if inner.dtype == np.uint16 else take_lists32)(order, offsets, inner, out_offsets, out)
        return pa.ListArray.from_arrays(pa.array(out_offsets), pa.array(out))
    if pa.types.is_string(array.type):
        coded = array.dictionary_encode()
        if len(coded.dictionary) <= FEW_VALUES:
            return pa.DictionaryArray.from_arrays(coded.indices.take(places), coded.dictionary)
    return array.take(places)


class Segment:
    """One segment, open for reading.

    Args:
        path: its file.
        origin_file: index of the input file it was made from.
    """

    def __init__(self, path: Path, origin_file: int) -> None:
        self._path = path
        self._origin_file = origin_file
        with path.open("rb") as file:
            file.seek(-_FOOTER, os.SEEK_END)
            self._index = np.frombuffer(file.read(), np.int64).reshape(len(FAMILIES), PARTITIONS, 2)

    def read(self, partitions: Sequence[int], columns: Sequence[str]) -> list[pa.Table]:
        """Requests of some partitions, in the order in which they were written.

        Args:
            partitions: their numbers.
            columns: columns of SKETCHES wanted.

        Returns:
            One table a partition that has any.
        """
        tables = []
        with self._path.open("rb") as file:
            for partition in partitions:
                found: dict[str, Any] = {}
                rows = -1
                for number, family in enumerate(FAMILIES):
                    wanted = [name for name in columns if name in family]
                    if not wanted and not (rows < 0 and number == len(FAMILIES) - 1):
                        continue
                    batch = self._batch(file, number, partition)
                    if batch is None:
                        break
                    rows = batch.num_rows
                    found |= {name: batch.column(name) for name in wanted if name in batch.schema.names}
                if rows >= 0:
                    tables.append(pa.table({name: self._column(found, name, rows) for name in columns}))
        return tables

    def _batch(self, file: io.BufferedReader, family: int, partition: int) -> pa.RecordBatch | None:
        begin, length = self._index[family, partition].tolist()
        if not length:
            return None
        file.seek(begin)
        return pa.ipc.open_stream(pa.py_buffer(file.read(length))).read_next_batch()

    def _column(self, found: dict[str, Any], name: str, rows: int) -> pa.Array:
        if name == "origin_file":
            return pa.repeat(pa.scalar(self._origin_file, pa.int32()), rows)
        wanted = SKETCHES.arrow.field(name).type
        if name not in found:
            return pa.nulls(rows, wanted)
        column = found[name]
        return pc.cast(column, wanted) if pa.types.is_dictionary(column.type) else column
