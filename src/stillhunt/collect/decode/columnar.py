"""Columnar inputs: Parquet files and tables in memory, batch by batch, only the columns that are wanted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect.decode.batch_sizing import UndecodableError, cut_up, longest_named, regrouped, rows_at_a_time
from stillhunt.collect.decode.raw_batch import RawBatch
from stillhunt.collect.locate.database import StoredTable
from stillhunt.collect.locate.object_stores import Place, for_parquet
from stillhunt.collect.values.field_suggestions import leaves_of_schema
from stillhunt.collect.values.fields import OPTIONAL_ADVICE, Column, FieldMap, from_arrow, missing_columns_advice
from stillhunt.collect.values.rejects import RAW_CHARACTERS, Rejects
from stillhunt.collect.values.strings import object_text

ROWS_LOOKED_UP = 8_192
"""Rows decoded at a time where few of them are wanted: reading stops soon after the last of these."""
LONG_FIELDS = ("prompt", "system_prompt", "messages", "response", "tools")
"""Our columns that may hold long values."""
_PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)

I64: TypeAlias = npt.NDArray[np.int64]
Part: TypeAlias = Callable[[Rejects], Iterator[RawBatch]]
"""A stretch of an input that can be read by itself, giving what cannot be decoded to rejects."""


class UnusableInputError(Exception):
    """A whole input that cannot be used: `reason`, what can be done about it, and the rows lost where known."""

    def __init__(self, reason: str, place: str = "file", next_step: str = "", rows: int = 1) -> None:
        super().__init__(reason)
        self.rows = rows
        self.reason = reason
        self.place = place
        self.next_step = next_step


class Reader(Protocol):
    """One opened input."""

    name: str
    index: int
    rewindable: bool
    """Whether it can be read again quickly, and then gives the same rows."""
    rows_expected: int | None

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows.

        Args:
            wanted: our names of the columns to read.
            rejects: takes what cannot be decoded.
        """

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
            parts.append(f"{name}={text[:RAW_CHARACTERS]}")
            size += len(parts[-1])
        if size > RAW_CHARACTERS:
            break
    return " ".join(parts)


def check_columns(
    fields: FieldMap, required: Sequence[str], found: Sequence[str], rows: int = 1, leaves: Sequence[str] = ()
) -> None:
    """Raise UnusableInputError where a required column is absent; `rows` are then lost.

    Args:
        fields: where our columns are.
        required: those that must be there.
        found: top-level names.
        rows: of the input.
        leaves: dotted names of nested fields, to advise by; `found` where there are none.
    """
    missing = fields.missing(required, frozenset(found))
    if missing:
        given = [n for n in OPTIONAL_ADVICE if n not in fields.paths or not fields.missing((n,), frozenset(found))]
        reason, next_step = missing_columns_advice(missing, leaves or found, given)
        raise UnusableInputError(reason, f"column {missing[0]}", next_step, max(rows, 1))


class ParquetReader:
    """A Parquet file."""

    rewindable = True

    def __init__(self, path: Place, rows: ColumnarRows, required: Sequence[str], batch_rows: int) -> None:
        self.name, self.index, self._path, self._rows = rows.name, rows.index, path, rows
        self._batch_rows = batch_rows
        with self._open() as file:
            self.rows_expected: int | None = file.metadata.num_rows
            schema = file.schema_arrow
            check_columns(rows.fields, required, schema.names, file.metadata.num_rows, leaves_of_schema(schema))

    def _open(self, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(for_parquet(self._path), metadata=metadata)
        except _PARQUET_ERRORS as error:
            raise UnusableInputError(f"Parquet file is damaged or cut short: {_first_line(error)}") from error

    def digest(self) -> str:
        """Nothing: columns are read in pieces, so the file is hashed apart."""
        return ""

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader; a damaged row group is set aside and the next one is read."""
        for part in self.parts(wanted):
            yield from part(rejects)

    def parts(self, wanted: Sequence[str]) -> Iterator[Part]:
        """Each row group, to be read by itself."""
        facts, columns = self._columns(wanted)
        first_row = 0
        for group in range(facts.num_row_groups):
            yield functools.partial(self._group, facts, group, columns, (wanted, first_row, self._batch_rows))
            first_row += facts.row_group(group).num_rows

    def parts_with(self, wanted: Sequence[str], rows: I64) -> Iterator[tuple[I64, Part]]:
        """Each row group that holds some of these rows, to be read in short batches, and its own of them.

        Args:
            wanted: our names of the columns to read.
            rows: row numbers, ascending.
        """
        facts, columns = self._columns(wanted)
        sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        bounds = np.cumsum([0, *sizes])
        places = np.searchsorted(rows, bounds)
        for group in np.flatnonzero(np.diff(places)).tolist():
            most = min(ROWS_LOOKED_UP, self._batch_rows)
            part = functools.partial(self._group, facts, group, columns, (wanted, int(bounds[group]), most))
            yield rows[places[group] : places[group + 1]], part

    def _columns(self, wanted: Sequence[str]) -> tuple[pq.FileMetaData, tuple[list[str], list[str]]]:
        """The file's metadata, its columns that hold what is wanted, and those of them that may hold long values."""
        long = [name for name in wanted if name in LONG_FIELDS]
        with self._open() as file:
            schema, fields = file.schema_arrow, self._rows.fields
            return file.metadata, (
                _physical_columns(schema.names, fields, wanted),
                _physical_columns(schema.names, fields, long),
            )

    def holds(self, ours: str) -> bool:
        """Whether the file has a column that may hold this one of ours."""
        with self._open() as file:
            return bool(_physical_columns(file.schema_arrow.names, self._rows.fields, (ours,)))

    def _group(
        self,
        metadata: pq.FileMetaData,
        group: int,
        columns: tuple[list[str], list[str]],
        task: tuple[Sequence[str], int, int],
        rejects: Rejects,
    ) -> Iterator[RawBatch]:
        wanted, first_row, most_rows = task
        rows = metadata.row_group(group).num_rows
        done = 0
        try:
            for batch in regrouped(self._pieces(metadata, group, columns, most_rows), most_rows):
                yield self._rows.wrap(batch, wanted, first_row + done)
                done += batch.num_rows
                del batch
        except UndecodableError as error:
            place = f"row group {group}, rows {first_row + done} to {first_row + rows - 1}"
            rejects.add(self.name, place, f"Parquet data is damaged: {error}", rows=rows - done)

    def _pieces(
        self, metadata: pq.FileMetaData, group: int, given: tuple[list[str], list[str]], most_rows: int
    ) -> Iterator[pa.RecordBatch]:
        columns, texts = given
        with self._open(metadata) as file:
            try:
                longest = longest_named(self._path, metadata, group, texts)
                size = rows_at_a_time(metadata.row_group(group), columns, most_rows, longest)
                # Several groups are read at once by threads of ours; Arrow's own beside them would only wait.
                batches = file.iter_batches(batch_size=size, row_groups=[group], columns=columns, use_threads=False)
                while (batch := next(batches, None)) is not None:
                    yield batch
                    del batch
            except _PARQUET_ERRORS as error:
                raise UndecodableError(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _physical_columns(found: Iterable[str], fields: FieldMap, wanted: Sequence[str]) -> list[str]:
    """Top-level columns to decode: for each of ours the first of its candidates that exists."""
    names = frozenset(found)
    needed: dict[str, None] = {}
    for ours in wanted:
        for path in fields.paths[ours]:
            parts = path.split(".")
            head = next((h for n in range(len(parts), 0, -1) if (h := ".".join(parts[:n])) in names), None)
            if head is not None:
                needed[head] = None
                break
    return list(needed)


class TableReader:
    """An Arrow table in memory."""

    rewindable = True

    def __init__(self, table: pa.Table, rows: ColumnarRows, required: Sequence[str], batch_rows: int) -> None:
        check_columns(rows.fields, required, table.schema.names, table.num_rows, leaves_of_schema(table.schema))
        self.name, self.index, self._table, self._rows = rows.name, rows.index, table, rows
        self._batch_rows = batch_rows
        self.rows_expected: int | None = table.num_rows

    def digest(self) -> str:
        """Nothing: a table has no bytes of its own."""
        return ""

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader."""
        for part in self.parts(wanted):
            yield from part(rejects)

    def parts(self, wanted: Sequence[str]) -> Iterator[Part]:
        """Each batch by itself."""
        columns = _physical_columns(self._table.schema.names, self._rows.fields, wanted)
        first_row = 0
        for batch in self._table.select(columns).to_batches():
            for part in cut_up(batch, self._batch_rows):
                yield functools.partial(_one_batch, self._rows.wrap(part, wanted, first_row))
                first_row += part.num_rows

    def holds(self, ours: str) -> bool:
        """Whether the table has a column that may hold this one of ours."""
        return bool(_physical_columns(self._table.schema.names, self._rows.fields, (ours,)))


def _one_batch(raw: RawBatch, rejects: Rejects) -> Iterator[RawBatch]:
    del rejects  # what lies in memory is never damaged
    yield raw


class StreamReader:
    """Arrow batches that can be read only once."""

    rewindable = False

    def __init__(
        self, stream: Iterator[pa.RecordBatch], rows: ColumnarRows, required: Sequence[str], batch_rows: int
    ) -> None:
        self.name, self.index, self._rows, self._batch_rows = rows.name, rows.index, rows, batch_rows
        self._stream = stream
        self._first = next(stream, None)
        self.rows_expected: int | None = None
        if self._first is not None:
            check_columns(rows.fields, required, self._first.schema.names)

    def digest(self) -> str:
        """Nothing: a stream has no bytes of its own."""
        return ""

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader."""
        del rejects
        yield from wrap_all(self._small_batches(), self._rows, wanted)

    def _small_batches(self) -> Iterator[pa.RecordBatch]:
        batch = self._first
        while batch is not None:
            yield from cut_up(batch, self._batch_rows)
            batch = next(self._stream, None)


class StoredReader:
    """A table of a database that has our columns; read once, since a second look would cost as much as the first."""

    rewindable = False

    def __init__(self, table: StoredTable, rows: ColumnarRows, required: Sequence[str], batch_rows: int) -> None:
        check_columns(rows.fields, required, list(table.kinds))
        self.name, self.index, self._table, self._rows = rows.name, rows.index, table, rows
        self._batch_rows, self._required = batch_rows, required
        self.rows_expected: int | None = None

    def digest(self) -> str:
        """Nothing: a table has no bytes of its own."""
        return ""

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows in order of time and id, of customers by account, see Reader."""
        del rejects
        names, fields = self._table.kinds, self._rows.fields
        first = [name for name in ("timestamp", "request_id", "account_id") if name in self._required]
        columns = _physical_columns(names, fields, wanted)
        found = self._table.batches(columns, _physical_columns(names, fields, first))
        small = (part for batch in found for part in cut_up(batch, self._batch_rows))
        yield from wrap_all(small, self._rows, wanted)


def wrap_all(batches: Iterable[pa.RecordBatch], rows: ColumnarRows, wanted: Sequence[str]) -> Iterator[RawBatch]:
    """Number the rows of successive batches."""
    first_row = 0
    for batch in batches:
        yield rows.wrap(batch, wanted, first_row)
        first_row += batch.num_rows
