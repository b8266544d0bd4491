"""JSON lines and JSON arrays, plain or compressed: one record at a time; broken ones are rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.collect.decode.columnar import UnusableInputError, check_columns
from stillhunt.collect.decode.json_columns import JsonColumns, field_types
from stillhunt.collect.decode.json_documents import RAW_BYTES, array_elements
from stillhunt.collect.decode.streams import (
    DamagedFileError,
    HashedFile,
    Line,
    PlainLines,
    decompress_pieces,
    lines_together,
    one_by_one,
)
from stillhunt.collect.locate.object_stores import Place
from stillhunt.collect.values.field_suggestions import leading_names, leaves_of_all, usual_names
from stillhunt.collect.values.fields import Column, FieldMap, RawBatch, path_splits, python_column, step_down
from stillhunt.collect.values.json_values import is_utf8, tolerant_object
from stillhunt.collect.values.rejects import Rejects

TEXT_BATCH_BYTES = 32 << 20
"""Bytes of records in a batch."""
PROBED_RECORDS = 200
PROBED_BYTES = 4 << 20
RECORDS_PER_TURN = 256
"""Records kept as tuples before they become columns."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NUMBERED = "line {}"


@dataclass
class TextFile:
    """A text file, and how it is to be read.

    `longest` is in bytes of one line or record; `account` is that of calls whose log names none, else the file's name.
    """

    path: Place
    name: str
    index: int
    fields: FieldMap
    batch_rows: int
    longest: int
    account: str = ""
    envelope: Callable[[Iterator[bytes]], Iterator[bytes]] | None = None  # removes envelopes: content -> content

    def content(self, source: HashedFile) -> Iterator[bytes]:
        """Decompressed content, without envelopes."""
        pieces = decompress_pieces(source.pieces())
        return pieces if self.envelope is None else self.envelope(pieces)


@dataclass
class Gathered:
    """Records that will become a batch.

    Records become columns early and often: with a hundred thousand tuples alive, Python's cycle collector takes longer
    than all the decoding.
    """

    columns: list[list[Any]] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, values: tuple[Any, ...], number: int, raw: bytes) -> None:
        """Keep one record."""
        size = len(raw)
        self.records.append(values)
        if len(self.records) >= RECORDS_PER_TURN:
            self.turn()
        self.numbers.append(number)
        self.raws.append(raw if size <= RAW_BYTES else raw[:RAW_BYTES])
        self.size += size

    def turn(self) -> None:
        """Move waiting records into the columns."""
        if not self.columns and self.records:
            self.columns = [[] for _ in self.records[0]]
        for column, part in zip(self.columns, zip(*self.records, strict=True), strict=False):
            column.extend(part)
        self.records = []

    @property
    def rows(self) -> int:
        """Records gathered."""
        return len(self.numbers)


class JsonReader:
    """A file of JSON objects, one a line, or in one array."""

    rewindable = False

    def __init__(self, file: TextFile, required: Sequence[str], *, array: bool, mixed: bool = False) -> None:
        self.name, self.index = file.name, file.index
        self.rows_expected: int | None = None
        self._file, self._array = file, array
        self._source = HashedFile(file.path)
        found = self._probe_first_records()
        names = leading_names(found) if mixed else usual_names(found)
        check_columns(file.fields, required, names, 1, leaves_of_all(found))
        self._types = None if array else field_types(found, file.fields.candidates())

    def digest(self) -> str:
        """SHA-256 of the file as it lies on disk, once all of it has been read."""
        return self._source.sha256()

    def _iterate_json_records(self, source: HashedFile) -> Iterator[Line | PlainLines]:
        pieces = self._file.content(source)
        if self._array:
            return array_elements(pieces, self._file.longest)
        return lines_together(pieces, self._file.longest)

    def _probe_first_records(self) -> list[dict[str, Any]]:
        """The first records that have fields."""
        found: list[dict[str, Any]] = []
        seen = size = 0
        try:
            for line in one_by_one(self._iterate_json_records(HashedFile(self._file.path))):
                record = tolerant_object(line.data) if line.complete else None
                found += [record] if record else []
                seen, size = seen + 1, size + len(line.data)
                if found and (seen >= PROBED_RECORDS or size >= PROBED_BYTES):
                    break
        except DamagedFileError as error:
            if not found:
                raise UnusableInputError(str(error)) from error
        if not found:
            raise UnusableInputError("it has no JSON object" if seen else "the file is empty")
        return found

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader."""
        decoder = _LineDecoder(self._file.fields, wanted, rejects)
        columns = JsonColumns(self._file.fields, wanted, self._types)
        stretches = self._iterate_stretches(rejects)
        # Nothing here refers to a batch, or to its lines, while somebody works on it: lines may have hundreds of MB.
        while batch := self._decode_next(stretches, columns, decoder, rejects):
            yield batch.pop()

    def _decode_next(
        self,
        stretches: Iterator[tuple[int, list[bytes]]],
        columns: JsonColumns,
        decoder: _LineDecoder,
        rejects: Rejects,
    ) -> list[RawBatch]:
        """The next batch; none at the end."""
        for first, data in stretches:
            if (found := columns.decode(data)) is not None:
                return [self._make_batch(found, first, data)]
            if (waiting := self._decode_lines(first, data, decoder, rejects)).rows:
                return [text_batch(self._file, waiting, decoder.wanted, self._describe_line_place)]
        return []

    def _make_batch(self, columns: Mapping[str, Column], first: int, data: Sequence[bytes]) -> RawBatch:
        return RawBatch(
            columns=columns,
            rows=len(data),
            source=self._file.name,
            origin_file=self._file.index,
            origin_rows=np.arange(first, first + len(data), dtype=np.int64),
            place=lambda row: self._describe_line_place(first + row),
            raw=lambda row: data[row][:RAW_BYTES].decode("utf-8", "replace"),
        )

    def _iterate_stretches(self, rejects: Rejects) -> Iterator[tuple[int, list[bytes]]]:
        """Complete lines that follow each other, as many as are a batch, with the number of the first."""
        data: list[bytes] = []
        first = size = 0

        def take() -> list[bytes]:
            nonlocal data, size
            taken, data, size = data, [], 0
            return taken

        try:
            for found in self._iterate_json_records(self._source):
                if data and (found.number != first + len(data) or (isinstance(found, Line) and not found.complete)):
                    yield first, take()
                if isinstance(found, Line) and not found.complete:
                    reason = f"line is longer than {self._file.longest} bytes (collect.max_line_bytes)"
                    self._reject_line(found.number, found.data, reason, rejects)
                    continue
                more = found.data if isinstance(found, PlainLines) else [found.data]
                for start in range(0, len(more), self._file.batch_rows):
                    first = first if data else found.number + start
                    data += more[start : start + self._file.batch_rows]
                    size += sum(map(len, more[start : start + self._file.batch_rows]))
                    if len(data) >= self._file.batch_rows or size >= TEXT_BATCH_BYTES:
                        yield first, take()
        except DamagedFileError as error:
            if data:
                yield first, take()
            rejects.add(self.name, "end of what can be read", str(error))
        if data:
            yield first, take()

    def _decode_lines(self, first: int, data: Sequence[bytes], decoder: _LineDecoder, rejects: Rejects) -> Gathered:
        """The records of lines; those that cannot be read are rejected."""
        waiting = Gathered()
        for number, line in enumerate(data, first):
            if number == 0 and line.startswith(BYTE_ORDER_MARK):
                line = line[len(BYTE_ORDER_MARK) :]
            if not line or line.isspace():
                continue
            values = decoder.decode(line)
            if isinstance(values, str):
                self._reject_line(number, line, values, rejects)
            else:
                waiting.add(values, number, line)
        return waiting

    def _reject_line(self, number: int, data: bytes, reason: str, rejects: Rejects) -> None:
        rejects.add(self.name, self._describe_line_place(number), reason, data[:RAW_BYTES].decode("utf-8", "replace"))

    def _describe_line_place(self, number: int) -> str:
        return f"element {number + 1}" if self._array else f"line {number + 1}"


def text_batch(file: TextFile, waiting: Gathered, wanted: Sequence[str], place: Callable[[int], str]) -> RawBatch:
    """A batch of the gathered records; `wanted` are their columns in the order of the values."""
    waiting.turn()
    columns = {name: _build_nullable_column(column) for name, column in zip(wanted, waiting.columns, strict=True)}
    return RawBatch(
        columns=columns,
        rows=waiting.rows,
        source=file.name,
        origin_file=file.index,
        origin_rows=np.asarray(waiting.numbers, np.int64),
        place=lambda row: place(waiting.numbers[row]),
        raw=lambda row: waiting.raws[row].decode("utf-8", "replace"),
    )


def _build_nullable_column(values: list[Any]) -> Column:
    """A column with null for empty text, as everywhere; done here so that columns of numbers from CSV have one type."""
    column = python_column(values)
    if not isinstance(column, list):
        if not pa.types.is_large_string(column.type) or pc.all(pc.not_equal(column, "")).as_py() is not False:
            return column
    elif "" not in values:
        return column
    return python_column([None if value == "" else value for value in values])


class _LineDecoder:
    """Decodes lines to their wanted values; fields that nobody wants are skipped without building objects."""

    def __init__(self, fields: FieldMap, wanted: Sequence[str], rejects: Rejects) -> None:
        self._names, self._rejects, self.wanted = fields.candidates(), rejects, wanted
        renamed = {f"f{n}": name for n, name in enumerate(self._names)}
        line_type = msgspec.defstruct("LogLine", [(a, Any, None) for a in renamed], rename=renamed, gc=False)
        self._decode = msgspec.json.Decoder(line_type).decode
        position = {name: n for n, name in enumerate(self._names)}
        self._ways = [
            [(position[top], rest) for path in fields.paths[ours] for top, rest in path_splits(path)] for ours in wanted
        ]

    def decode(self, data: bytes) -> tuple[Any, ...] | str:
        """The wanted values of a line in order, or the reason why it cannot be read."""
        try:
            values = msgspec.structs.astuple(self._decode(data))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            record = tolerant_object(data)
            if record is None:
                return "nested too deeply" if isinstance(error, RecursionError) else f"not a JSON object: {error}"
            self._rejects.replaced_texts += not is_utf8(data)
            values = tuple(record.get(name) for name in self._names)
        return self._choose_values(values)

    def _choose_values(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_first_value(values, way) for way in self._ways)


def _first_value(values: tuple[Any, ...], way: list[tuple[int, tuple[str, ...]]]) -> Any:
    for position, steps in way:
        value = values[position]
        if value is not None:
            value = step_down(value, steps)
            if value is not None:
                return value
    return None
