"""Batches of bounded bytes: how many rows to decode at a time, and pieces put together or cut to a fair size.

A count of rows bounds nothing where one prompt holds 10 MB and its neighbours 600 bytes. What a Parquet row group can
unfold to is bounded by two figures: the bytes of its pages, and for values that a page names by their number in a
dictionary, the longest of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.collect.locate.object_stores import Place, for_parquet

BATCH_BYTES = 64 << 20
"""Decoded bytes aimed at in one batch; long prompts make batches shorter."""
CALM_BYTES = 4 * BATCH_BYTES
"""Row groups of fewer bytes are decoded in whole batches: the worst case is one batch with all of them."""
STEP_BYTES = 256 << 10
"""Bytes by the average that are decoded at a time of larger groups. Small pieces cost nothing to decode beside whole
batches (measured: 0.085 s of 75 MB in 122 pieces and in one), and long values side by side cannot hide in them."""
JOINED = 8
"""Pieces are joined where so many or more make a batch: larger ones are not worth copying."""


class UndecodableError(Exception):
    """The rest of a stretch cannot be decoded; the message is the reason."""


def rows_at_a_time(facts: Any, columns: Sequence[str], most_rows: int, longest: int) -> int:
    """Rows of a row group to decode at a time.

    Args:
        facts: its metadata.
        columns: top-level columns that are read.
        most_rows: of any batch.
        longest: bytes of the longest value that its pages can name by number; see `longest_named`.
    """
    heads = {column.split(".")[0] for column in columns}
    size = sum(
        facts.column(i).total_uncompressed_size
        for i in range(facts.num_columns)
        if facts.column(i).path_in_schema.split(".")[0] in heads
    )
    aim = BATCH_BYTES if size <= CALM_BYTES else STEP_BYTES
    by_average = aim * facts.num_rows // size if size else most_rows
    by_longest = CALM_BYTES // longest if longest else most_rows
    return max(1, min(most_rows, by_average, by_longest))


def longest_named(path: Place, metadata: pq.FileMetaData, group: int, columns: Sequence[str]) -> int:
    """Bytes of the longest value in the dictionaries of a row group: a long one may stand in every row, for a bit each.

    Larger columns are not looked at: they are decoded in small pieces as it is, and looking costs as much as decoding.

    Args:
        path: the Parquet file.
        metadata: of the file.
        group: number of the row group.
        columns: top-level columns that may hold long values; ids need no look, which would cost more than theirs.
    """
    facts = metadata.row_group(group)
    chunks = (facts.column(i) for i in range(facts.num_columns))
    named = [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.path_in_schema in columns
        and chunk.physical_type == "BYTE_ARRAY"
        and chunk.has_dictionary_page
        and chunk.total_uncompressed_size <= CALM_BYTES
    ]
    if not named:
        return 0
    with pq.ParquetFile(for_parquet(path), metadata=metadata, read_dictionary=named) as file:
        batch = next(file.iter_batches(batch_size=1, row_groups=[group], columns=named, use_threads=False), None)
    coded = [c.dictionary for c in batch.columns if pa.types.is_dictionary(c.type)] if batch is not None else []
    return max((pc.max(pc.binary_length(values)).as_py() or 0 for values in coded if len(values)), default=0)


def regrouped(batches: Iterable[pa.RecordBatch], most_rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of bounded rows and bytes: large ones are cut, runs of small ones joined.

    Args:
        batches: pieces of any size, in order.
        most_rows: rows of one batch.

    Raises:
        UndecodableError: as the pieces raise it, behind the rows that came before.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    try:
        for batch in batches:
            for part in cut_up(batch, most_rows):
                small = part.num_rows * JOINED < most_rows and part.nbytes * JOINED < BATCH_BYTES
                full = rows + part.num_rows > most_rows or size + part.nbytes > BATCH_BYTES
                if waiting and (full or not small):
                    yield from _joined(waiting)
                    waiting, rows, size = [], 0, 0
                if small:
                    waiting.append(part)
                    rows, size = rows + part.num_rows, size + part.nbytes
                else:
                    yield part
                del part
            del batch
    except UndecodableError:
        yield from _joined(waiting)
        raise
    yield from _joined(waiting)


def cut_up(batch: pa.RecordBatch, most_rows: int) -> Iterator[pa.RecordBatch]:
    """A batch in parts of bounded rows and bytes, without copying; one row is never cut."""
    for start in range(0, batch.num_rows, most_rows):
        yield from _halved(batch.slice(start, most_rows))


def _halved(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows > 1 and batch.nbytes > 2 * BATCH_BYTES:
        half = batch.num_rows // 2
        yield from _halved(batch.slice(0, half))
        yield from _halved(batch.slice(half))
    else:
        yield batch


def _joined(parts: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if len(parts) < 2:
        yield from parts
        return
    try:
        joined = pa.concat_batches(parts)
    except pa.ArrowException:  # nested dictionaries that differ cannot be joined
        yield from parts
        return
    yield joined
