"""Batches of bounded size in bytes: how many rows to decode at a time, and how pieces are joined or cut.

A number of rows is no bound if one prompt has 10 MB and its neighbours 600 bytes. Two figures bound what a Parquet row
group can decode to: the bytes of its pages, and the longest value in its dictionaries, which every row may refer to.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.collect.locate.object_stores import Place, for_parquet

DECODED_BATCH_BYTES = 8 << 20
"""Target size of a decoded batch; long prompts make batches shorter. Larger ones fall out of the processor's cache, and
the allocator asks the kernel for their memory each time (measured: reading 500,000 requests takes 8 % longer at 64
MiB, most of it in the kernel, and 150 MB more)."""
SMALL_GROUP_BYTES = 256 << 20
"""Row groups up to this size are decoded in full batches: at worst one batch holds all of their bytes."""
PIECE_BYTES = 256 << 10
"""Average size of the pieces in which larger groups are decoded. Small pieces take no longer than full batches
(measured: 0.085 s for 75 MB in 122 pieces, and in one), and keep runs of long values from filling the memory."""
MIN_JOINED_PIECES = 8
"""Pieces are joined if at least so many make a batch; larger ones are not worth copying."""


class UndecodableError(Exception):
    """The rest of a row group cannot be decoded; the message is the reason."""


def rows_at_a_time(facts: Any, columns: Sequence[str], most_rows: int, longest: int) -> int:
    """Rows of a row group to decode at a time, given the longest value in its dictionaries (`longest_named`)."""
    top_level = {column.split(".")[0] for column in columns}
    size = sum(
        facts.column(i).total_uncompressed_size
        for i in range(facts.num_columns)
        if facts.column(i).path_in_schema.split(".")[0] in top_level
    )
    aim = DECODED_BATCH_BYTES if size <= SMALL_GROUP_BYTES else PIECE_BYTES
    by_average = aim * facts.num_rows // size if size else most_rows
    by_longest = SMALL_GROUP_BYTES // longest if longest else most_rows
    return max(1, min(most_rows, by_average, by_longest))


def longest_named(path: Place, metadata: pq.FileMetaData, group: int, columns: Sequence[str]) -> int:
    """Bytes of the longest value in the dictionaries of a row group; every row may refer to it at the cost of a bit.

    Only of columns that may hold long values; larger ones are decoded in small pieces anyway, and cost as much to read.
    """
    facts = metadata.row_group(group)
    chunks = (facts.column(i) for i in range(facts.num_columns))
    named = [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.path_in_schema in columns
        and chunk.physical_type == "BYTE_ARRAY"
        and chunk.has_dictionary_page
        and chunk.total_uncompressed_size <= SMALL_GROUP_BYTES
    ]
    if not named:
        return 0
    with pq.ParquetFile(for_parquet(path), metadata=metadata, read_dictionary=named) as file:
        batch = next(file.iter_batches(batch_size=1, row_groups=[group], columns=named, use_threads=False), None)
    coded = [c.dictionary for c in batch.columns if pa.types.is_dictionary(c.type)] if batch is not None else []
    return max((pc.max(pc.binary_length(values)).as_py() or 0 for values in coded if len(values)), default=0)


def regroup_batches(batches: Iterable[pa.RecordBatch], most_rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of bounded rows and bytes: large pieces are cut, runs of small ones joined."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    try:
        for batch in batches:
            for part in cut_batch(batch, most_rows):
                small = (
                    part.num_rows * MIN_JOINED_PIECES < most_rows
                    and part.nbytes * MIN_JOINED_PIECES < DECODED_BATCH_BYTES
                )
                full = rows + part.num_rows > most_rows or size + part.nbytes > DECODED_BATCH_BYTES
                if waiting and (full or not small):
                    yield from _iterate_joined_batches(waiting)
                    waiting, rows, size = [], 0, 0
                if small:
                    waiting.append(part)
                    rows, size = rows + part.num_rows, size + part.nbytes
                else:
                    yield part
                del part
            del batch
    except UndecodableError:
        yield from _iterate_joined_batches(waiting)
        raise
    yield from _iterate_joined_batches(waiting)


def cut_batch(batch: pa.RecordBatch, most_rows: int) -> Iterator[pa.RecordBatch]:
    """A batch in parts of bounded rows and bytes, without copying; a single row is never cut."""
    for start in range(0, batch.num_rows, most_rows):
        yield from _split_by_bytes(batch.slice(start, most_rows))


def _split_by_bytes(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows > 1 and batch.nbytes > 2 * DECODED_BATCH_BYTES:
        middle = batch.num_rows // 2
        yield from _split_by_bytes(batch.slice(0, middle))
        yield from _split_by_bytes(batch.slice(middle))
    else:
        yield batch


def _iterate_joined_batches(parts: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if len(parts) < 2:
        yield from parts
        return
    try:
        joined = pa.concat_batches(parts)
    except pa.ArrowException:  # nested dictionaries that differ cannot be joined
        yield from parts
        return
    yield joined
