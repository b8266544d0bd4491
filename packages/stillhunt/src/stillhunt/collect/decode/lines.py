"""JSON lines and JSON arrays, plain or compressed: one record at a time; broken ones are rejected."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.collect.decode.columnar import UnusableInputError, check_columns
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

    def add_together(self, columns: Sequence[list[Any]], first: int, raws: Sequence[bytes]) -> None:
        """Keep the columns of records that follow each other; `first` is the number of the first."""
        self.turn()
        self.columns = self.columns or [[] for _ in columns]
        for column, part in zip(self.columns, columns, strict=True):
            column.extend(part)
        self.numbers.extend(range(first, first + len(raws)))
        self.raws.extend(raw if len(raw) <= RAW_BYTES else raw[:RAW_BYTES] for raw in raws)
        self.size += sum(map(len, raws))

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
        waiting = Gathered()
        try:
            for found in self._iterate_json_records(self._source):
                for part in _parts_of(found, self._file.batch_rows):
                    self._gather(part, decoder, waiting, rejects)
                    if waiting.rows >= self._file.batch_rows or waiting.size >= TEXT_BATCH_BYTES:
                        yield text_batch(self._file, waiting, wanted, self._describe_line_place)
                        waiting = Gathered()
        except DamagedFileError as error:
            rejects.add(self.name, "end of what can be read", str(error))
        if waiting.rows:
            yield text_batch(self._file, waiting, wanted, self._describe_line_place)

    def _gather(self, found: Line | PlainLines, decoder: _LineDecoder, waiting: Gathered, rejects: Rejects) -> None:
        """Add the records of lines to those that wait; those that cannot be read are rejected."""
        if isinstance(found, PlainLines) and (columns := decoder.decode_together(found.data)) is not None:
            waiting.add_together(columns, found.number, found.data)
            return
        for line in one_by_one([found]):
            if not line.complete:
                reason = f"line is longer than {self._file.longest} bytes (collect.max_line_bytes)"
                self._reject_line(line, reason, rejects)
                continue
            data = line.data
            if line.number == 0 and data.startswith(BYTE_ORDER_MARK):
                data = data[len(BYTE_ORDER_MARK) :]
            if not data or data.isspace():
                continue
            values = decoder.decode(data)
            if isinstance(values, str):
                self._reject_line(line, values, rejects)
            else:
                waiting.add(values, line.number, data)

    def _reject_line(self, line: Line, reason: str, rejects: Rejects) -> None:
        rejects.add(
            self.name, self._describe_line_place(line.number), reason, line.data[:RAW_BYTES].decode("utf-8", "replace")
        )

    def _describe_line_place(self, number: int) -> str:
        return f"element {number + 1}" if self._array else f"line {number + 1}"


def _parts_of(found: Line | PlainLines, most: int) -> Iterator[Line | PlainLines]:
    """Lines that are together in parts, so that no batch has twice as many rows as it should have."""
    if isinstance(found, Line):
        yield found
        return
    for first in range(0, len(found.data), most):
        yield PlainLines(found.number + first, found.data[first : first + most])


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
        self._names, self._rejects = fields.candidates(), rejects
        attributes = [f"f{n}" for n in range(len(self._names))]
        renamed = dict(zip(attributes, self._names, strict=True))
        line_type = msgspec.defstruct("LogLine", [(a, Any, None) for a in attributes], rename=renamed, gc=False)
        self._decode = msgspec.json.Decoder(line_type).decode
        position = {name: n for n, name in enumerate(self._names)}
        self._ways = [
            [(position[top], rest) for path in fields.paths[ours] for top, rest in path_splits(path)] for ours in wanted
        ]
        direct = all(len(way) == 1 for way in self._ways)
        self._getters = [operator.attrgetter(attributes[way[0][0]]) for way in self._ways] if direct else None

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

    def decode_together(self, data: Sequence[bytes]) -> list[list[Any]] | None:
        """The wanted columns of some lines; None where one of them needs a closer look."""
        try:
            found = list(map(self._decode, data))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        if self._getters is not None:
            return [list(map(get, found)) for get in self._getters]
        return list(map(list, zip(*map(self._choose_values, map(msgspec.structs.astuple, found)), strict=True)))

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
