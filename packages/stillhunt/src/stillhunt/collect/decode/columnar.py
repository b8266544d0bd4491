"""Columnar inputs (Parquet files, Arrow tables, tables of a database): batch by batch, only the wanted columns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.base.arrays import I64
from stillhunt.collect.decode.batch_sizing import (
    UndecodableError,
    cut_batch,
    longest_named,
    regroup_batches,
    rows_at_a_time,
)
from stillhunt.collect.locate.database import StoredTable
from stillhunt.collect.locate.object_stores import Place, for_parquet
from stillhunt.collect.values.field_suggestions import advise_mapping, leaves_of_schema
from stillhunt.collect.values.fields import OPTIONAL_ADVICE, Column, FieldMap, RawBatch, from_arrow, path_splits
from stillhunt.collect.values.rejects import RAW_CHARACTERS, Rejects
from stillhunt.collect.values.strings import object_text

LOOKUP_ROWS = 8_192
"""Rows decoded at a time if few of them are wanted: reading stops soon after the last wanted row."""
READ_BYTES = 256 << 10
"""Bytes of a local Parquet file read at a time; an object store is asked for whole columns."""
LONG_FIELDS = ("prompt", "system_prompt", "messages", "response", "tools")
"""Columns of REQUESTS that may hold long values."""
_PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)
Part: TypeAlias = Callable[[Rejects], Iterator[RawBatch]]
"""A part of an input that can be read by itself; what cannot be decoded goes to the rejects."""


class UnusableInputError(Exception):
    """An input that cannot be used at all: why, what to do about it, and the number of rows lost if it is known.

    The steps are those of `StillhuntError`: in words of the library, and with options of the command line.
    """

    def __init__(
        self, reason: str, place: str = "file", next_step: str = "", rows: int = 1, command_step: str = ""
    ) -> None:
        super().__init__(reason)
        self.rows = rows
        self.reason = reason
        self.place = place
        self.next_step = next_step
        self.command_step = command_step


class Reader(Protocol):
    """One opened input."""

    name: str
    index: int
    rewindable: bool  # whether reading it again is quick and gives the same rows
    rows_expected: int | None

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, with the wanted columns of REQUESTS or ACCOUNTS; rejects take what cannot be decoded."""

    def digest(self) -> str:
        """SHA-256 of the file's bytes if reading gave it, else the empty string."""


@dataclass
class ColumnarRows:
    """Arrow batches -> RawBatch, shared by all columnar readers."""

    name: str
    index: int
    fields: FieldMap

    def wrap(self, batch: pa.RecordBatch, wanted: Sequence[str], first_row: int) -> RawBatch:
        """One batch whose first row has the given number."""
        columns: dict[str, Column] = {}
        for ours in wanted:
            column = from_arrow(batch, self.fields.paths[ours])
            if column is not None:
                columns[ours] = column
        return RawBatch(
            columns=columns,
            rows=batch.num_rows,
            source=self.name,
            origin_file=self.index,
            origin_rows=np.arange(first_row, first_row + batch.num_rows, dtype=np.int64),
            place=lambda row: f"row {first_row + row}",
            raw=lambda row: _row_text(columns, row),
        )

    def wrap_all(self, batches: Iterable[pa.RecordBatch], wanted: Sequence[str], most_rows: int) -> Iterator[RawBatch]:
        """Successive batches of any size, in parts of bounded size."""
        first_row = 0
        for part in (part for batch in batches for part in cut_batch(batch, most_rows)):
            yield self.wrap(part, wanted, first_row)
            first_row += part.num_rows


_READ_OF_ROW = 4 * RAW_CHARACTERS
"""Characters of a bad row that are read: more than are shown, so that a secret is not cut and then not recognised."""


def _row_text(columns: dict[str, Any], row: int) -> str:
    parts: list[str] = []
    size = 0
    for name, column in columns.items():
        try:
            value = column[row] if isinstance(column, list) else column[row].as_py()
        except (UnicodeDecodeError, ValueError, OverflowError):
            value = "(not shown)"
        text = object_text(value)
        if text is not None:
            parts.append(f"{name}={text[:_READ_OF_ROW]}")
            size += len(parts[-1])
        if size > _READ_OF_ROW:
            break
    return " ".join(parts)


def check_columns(
    fields: FieldMap, required: Sequence[str], found: Sequence[str], rows: int = 1, leaves: Sequence[str] = ()
) -> None:
    """Note which mapped fields an input has; UnusableInputError if a required one is missing (`leaves`: for advice)."""
    missing = fields.missing(required, frozenset(found))
    if not missing:
        fields.meet(leaves or found)
    else:
        given = [n for n in OPTIONAL_ADVICE if n not in fields.paths or not fields.missing((n,), frozenset(found))]
        told = advise_mapping(missing, leaves or found, given, accounts="timestamp" not in required)
        place = f"column {missing[0]}"
        raise UnusableInputError(told.what, place, told.next_step, max(rows, 1), told.command_step)


class _ColumnarReader:
    """An input that is no stream of bytes: a hash of its bytes, if it has any, does not come of reading it."""

    rewindable = False
    rows_expected: int | None = None

    def __init__(self, rows: ColumnarRows, batch_rows: int) -> None:
        self.name, self.index, self._rows, self._batch_rows = rows.name, rows.index, rows, batch_rows

    def digest(self) -> str:
        """Empty; see Reader."""
        return ""


class PartedReader(_ColumnarReader):
    """An input of parts, each of which can be read by itself; `number` is that of its rows."""

    rewindable = True

    def __init__(
        self, rows: ColumnarRows, required: Sequence[str], batch_rows: int, schema: pa.Schema, number: int
    ) -> None:
        super().__init__(rows, batch_rows)
        check_columns(rows.fields, required, schema.names, number, leaves_of_schema(schema))
        self.names, self.rows_expected = schema.names, number

    def parts(self, wanted: Sequence[str]) -> Iterator[Part]:
        """Its parts in order."""
        raise NotImplementedError

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader; a damaged part is rejected, and reading goes on with the next one."""
        for part in self.parts(wanted):
            yield from part(rejects)

    def columns_for(self, wanted: Sequence[str]) -> list[str]:
        """Its columns that may hold these columns of REQUESTS."""
        return _physical_columns(self.names, self._rows.fields, wanted)


class ParquetReader(PartedReader):
    """A Parquet file, whose parts are its row groups."""

    def __init__(self, path: Place, rows: ColumnarRows, required: Sequence[str], batch_rows: int) -> None:
        self._path = path
        with self._open_parquet_file() as file:
            super().__init__(rows, required, batch_rows, file.schema_arrow, file.metadata.num_rows)

    def _open_parquet_file(self, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
        try:
            if isinstance(self._path, Path):  # in small reads, as a column of a group may have 100 MB
                return pq.ParquetFile(self._path, metadata=metadata, buffer_size=READ_BYTES, pre_buffer=False)
            return pq.ParquetFile(for_parquet(self._path), metadata=metadata)
        except _PARQUET_ERRORS as error:
            raise UnusableInputError(f"Parquet file is damaged or cut short: {first_line(error)}") from error

    def parts(self, wanted: Sequence[str]) -> Iterator[Part]:
        """The row groups, each to be read by itself."""
        metadata = self._read_parquet_metadata()
        first_row = 0
        for group in range(metadata.num_row_groups):
            yield functools.partial(
                self._iterate_group_batches,
                self._build_group_task(metadata, group, wanted, first_row, self._batch_rows),
            )
            first_row += metadata.row_group(group).num_rows

    def parts_with(self, wanted: Sequence[str], rows: I64) -> Iterator[tuple[I64, Part]]:
        """Row groups that hold some of these rows: (rows of the group, the group, to be read in short batches)."""
        metadata = self._read_parquet_metadata()
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        bounds = np.cumsum([0, *sizes])
        places = np.searchsorted(rows, bounds)
        for group in np.flatnonzero(np.diff(places)).tolist():
            most = min(LOOKUP_ROWS, self._batch_rows)
            part = functools.partial(
                self._iterate_group_batches, self._build_group_task(metadata, group, wanted, int(bounds[group]), most)
            )
            yield rows[places[group] : places[group + 1]], part

    def _read_parquet_metadata(self) -> pq.FileMetaData:
        with self._open_parquet_file() as file:
            return file.metadata

    def _build_group_task(
        self, metadata: pq.FileMetaData, group: int, wanted: Sequence[str], first_row: int, most_rows: int
    ) -> _GroupTask:
        texts = self.columns_for([name for name in wanted if name in LONG_FIELDS])
        return _GroupTask(metadata, group, wanted, self.columns_for(wanted), texts, first_row, most_rows)

    def _iterate_group_batches(self, task: _GroupTask, rejects: Rejects) -> Iterator[RawBatch]:
        rows = task.metadata.row_group(task.group).num_rows
        done = 0
        try:
            for batch in regroup_batches(self._iterate_group_pieces(task), task.most_rows):
                yield self._rows.wrap(batch, task.wanted, task.first_row + done)
                done += batch.num_rows
                del batch
        except UndecodableError as error:
            place = f"row group {task.group}, rows {task.first_row + done} to {task.first_row + rows - 1}"
            rejects.add(self.name, place, f"Parquet data is damaged: {error}", rows=rows - done)

    def _iterate_group_pieces(self, task: _GroupTask) -> Iterator[pa.RecordBatch]:
        columns, groups = task.columns, [task.group]
        with self._open_parquet_file(task.metadata) as file:
            try:
                longest = longest_named(self._path, task.metadata, task.group, task.texts)
                size = rows_at_a_time(task.metadata.row_group(task.group), columns, task.most_rows, longest)
                # Our own threads read several groups at once; Arrow's threads on top of that would only wait.
                batches = file.iter_batches(batch_size=size, row_groups=groups, columns=columns, use_threads=False)
                while (batch := next(batches, None)) is not None:
                    yield batch
                    del batch
            except _PARQUET_ERRORS as error:
                raise UndecodableError(first_line(error)) from error


class _GroupTask(NamedTuple):
    """A row group of a Parquet file, and how it is read.

    `wanted` are columns of REQUESTS, `columns` those of the file that may hold them, `texts` the ones with long values.
    """

    metadata: pq.FileMetaData
    group: int
    wanted: Sequence[str]
    columns: list[str]
    texts: list[str]
    first_row: int
    most_rows: int


def first_line(error: BaseException) -> str:
    """First line of an error's message; its type where it has none."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _physical_columns(found: Iterable[str], fields: FieldMap, wanted: Sequence[str]) -> list[str]:
    """Top-level columns to decode: for each wanted column the first of its candidates that exists."""
    names = frozenset(found)
    needed: dict[str, None] = {}
    for ours in wanted:
        for path in fields.paths[ours]:
            top = next((top for top, _rest in path_splits(path) if top in names), None)
            if top is not None:
                needed[top] = None
                break
    return list(needed)


class TableReader(PartedReader):
    """An Arrow table in memory."""

    def __init__(self, table: pa.Table, rows: ColumnarRows, required: Sequence[str], batch_rows: int) -> None:
        super().__init__(rows, required, batch_rows, table.schema, table.num_rows)
        self._table = table

    def parts(self, wanted: Sequence[str]) -> Iterator[Part]:
        """The batches, see PartedReader."""
        first_row = 0
        for batch in self._table.select(self.columns_for(wanted)).to_batches():
            for part in cut_batch(batch, self._batch_rows):
                yield functools.partial(_one_batch, self._rows.wrap(part, wanted, first_row))
                first_row += part.num_rows


def _one_batch(raw: RawBatch, rejects: Rejects) -> Iterator[RawBatch]:
    del rejects  # data in memory is never damaged
    yield raw


class StreamReader(_ColumnarReader):
    """Arrow batches that can be read only once."""

    def __init__(
        self, stream: Iterator[pa.RecordBatch], rows: ColumnarRows, required: Sequence[str], batch_rows: int
    ) -> None:
        super().__init__(rows, batch_rows)
        self._first, self._rest = next(stream, None), stream
        if self._first is not None:
            check_columns(rows.fields, required, self._first.schema.names)

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader."""
        del rejects
        if self._first is not None:
            yield from self._rows.wrap_all(chain((self._first,), self._rest), wanted, self._batch_rows)


class StoredReader(_ColumnarReader):
    """A table of a database with the columns of REQUESTS; read only once, since a second reading costs as much."""

    def __init__(self, table: StoredTable, rows: ColumnarRows, required: Sequence[str], batch_rows: int) -> None:
        super().__init__(rows, batch_rows)
        check_columns(rows.fields, required, list(table.kinds))
        self._table, self._required = table, required

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader; requests in order of time and id, customers in order of account."""
        del rejects
        names, fields = self._table.kinds, self._rows.fields
        first = [name for name in ("timestamp", "request_id", "account_id") if name in self._required]
        columns = _physical_columns(names, fields, wanted)
        found = self._table.batches(columns, _physical_columns(names, fields, first))
        yield from self._rows.wrap_all(found, wanted, self._batch_rows)
