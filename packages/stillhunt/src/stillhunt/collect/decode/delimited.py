"""CSV and TSV, plain or compressed: quoted fields, line ends inside quotes; rows of the wrong width are rejected."""

from __future__ import annotations

import csv
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stillhunt.collect.decode.columnar import UnusableInputError, check_columns
from stillhunt.collect.decode.lines import BYTE_ORDER_MARK, TEXT_BATCH_BYTES, Gathered, TextFile, text_batch
from stillhunt.collect.decode.streams import DamagedFileError, HashedFile, Line, decompress_pieces, lines
from stillhunt.collect.values.field_suggestions import looks_like_data
from stillhunt.collect.values.fields import FieldMap, RawBatch, path_splits, step_down
from stillhunt.collect.values.rejects import Rejects

HEADER = "add a first line with the names of the columns"
NO_RECORD = "not a CSV record"
DELIMITERS = ("\t", ",", ";", "|")


class RecordTooLongError(Exception):
    """One record, over all its lines, is longer than allowed."""


class _Feed:
    """Lines for the csv module, which takes further lines while a quote is open.

    It counts the bytes of the current record, so that a quote that is never closed costs one record of bounded size and
    not the rest of the file.
    """

    def __init__(self, source: Iterator[Line], longest: int) -> None:
        self._source = source
        self._longest = longest
        self.number = 0
        self.size = 0
        self.head = b""
        self.broken = False
        self.lines: list[str] = []

    def start_record(self) -> None:
        """Forget the last record."""
        self.size, self.head, self.broken, self.lines = 0, b"", False, []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._source)
        self.number = line.number
        data = line.data.removeprefix(BYTE_ORDER_MARK) if line.number == 0 else line.data
        if not self.head:
            self.head = data[:1024]
        self.size += len(data) + 1
        if not line.complete or self.size > self._longest:
            raise RecordTooLongError
        try:
            text = data.decode() + "\n"
        except UnicodeDecodeError:
            self.broken = True
            text = data.decode("utf-8", "replace") + "\n"
        self.lines.append(text)
        return text

    def once_more(self) -> Iterator[str]:
        """The lines of the current record with blanks for carriage returns, which some writers do not quote."""
        return itertools.chain([line.replace("\r", " ") for line in self.lines], self)


class CsvReader:
    """A delimited file whose first line names the columns."""

    rewindable = False

    def __init__(self, file: TextFile, required: Sequence[str]) -> None:
        self.name, self.index = file.name, file.index
        self.rows_expected: int | None = None
        self._file = file
        self._source = HashedFile(file.path)
        # The module's only limit on field size is global; 0.1 MB would refuse ordinary prompts.
        csv.field_size_limit(max(csv.field_size_limit(), file.longest))
        self._delimiter = ","
        self.header = self._read_header()
        if file.fields.missing(required, frozenset(self.header)) and looks_like_data(self.header):
            raise UnusableInputError("the first line does not name columns", "line 1", HEADER)
        check_columns(file.fields, required, self.header)

    def digest(self) -> str:
        """SHA-256 of the file as it lies on disk, once all of it has been read."""
        return self._source.sha256()

    def _read_header(self) -> list[str]:
        try:
            source = lines(decompress_pieces(HashedFile(self._file.path).pieces()), self._file.longest)
            first = next(source, None)
        except DamagedFileError as error:
            raise UnusableInputError(str(error)) from error
        if first is None:
            raise UnusableInputError("the file is empty")
        if not first.complete:
            raise UnusableInputError("the first line is too long for column names", "line 1")
        text = first.data.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace")
        self._delimiter = max(DELIMITERS, key=text.count)
        try:
            names = next(csv.reader([text], delimiter=self._delimiter), [])
        except csv.Error as error:
            raise UnusableInputError(f"the first line does not name columns: {error}", "line 1") from error
        return [name.strip() for name in names]

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All rows, see Reader."""
        fetch = _build_field_fetcher(self.header, self._file.fields, wanted)
        waiting = Gathered()
        places: dict[int, int] = {}
        for number, place, record, beginning in self.records(rejects, self._source):
            waiting.add(fetch(record), number, beginning)
            waiting.size += sum(map(len, record)) - len(beginning)
            places[number] = place
            if waiting.rows >= self._file.batch_rows or waiting.size >= TEXT_BATCH_BYTES:
                yield text_batch(self._file, waiting, wanted, _make_line_locator(places))
                waiting, places = Gathered(), {}
        if waiting.rows:
            yield text_batch(self._file, waiting, wanted, _make_line_locator(places))

    def records(self, rejects: Rejects, opened: HashedFile) -> Iterator[tuple[int, int, list[str], bytes]]:
        """(record from 0, line from 1, fields, first bytes) of records of the right width; others go to the rejects."""
        source = lines(decompress_pieces(opened.pieces()), self._file.longest)
        feed = _Feed(source, self._file.longest)
        parser = csv.reader(feed, delimiter=self._delimiter)
        width = len(self.header)
        number = 0
        try:
            next(source, None)  # the header
            while True:
                feed.start_record()
                record, reason = _next_record(parser, self._file.longest)
                if reason.startswith(NO_RECORD):
                    parser_again = csv.reader(feed.once_more(), delimiter=self._delimiter)
                    record, reason = _next_record(parser_again, self._file.longest)
                if record is None and not reason:
                    return
                if not reason and (not record or (record == [""] and width > 1)):
                    continue  # a blank line
                if record is not None and len(record) != width:
                    reason = f"{len(record)} fields, but the header names {width}"
                if reason or record is None:
                    rejects.add(self.name, f"line {feed.number + 1}", reason, feed.head.decode("utf-8", "replace"))
                else:
                    rejects.replaced_texts += feed.broken
                    yield number, feed.number + 1, record, feed.head
                number += 1
        except DamagedFileError as error:
            rejects.add(self.name, "end of what can be read", str(error))


def _next_record(parser: Iterator[list[str]], longest: int) -> tuple[list[str] | None, str]:
    """(record, "") for the next record; (None, reason) if it cannot be read; (None, "") at the end."""
    try:
        return next(parser, None), ""
    except RecordTooLongError:
        return None, f"record is longer than {longest} bytes (collect.max_line_bytes), or a quote is not closed"
    except csv.Error as error:
        return None, f"{NO_RECORD}: {error}"


def _make_line_locator(places: dict[int, int]) -> Callable[[int], str]:
    return lambda number: f"line {places[number]}"


def _build_field_fetcher(
    header: Sequence[str], fields: FieldMap, wanted: Sequence[str]
) -> Callable[[list[str]], tuple[Any, ...]]:
    """Function from the fields of a record to the values of the wanted columns; missing and empty ones are ""."""
    position: dict[str, int] = {}
    for n, name in enumerate(header):
        position.setdefault(name, n)
    ways: list[list[tuple[int, tuple[str, ...]]]] = []
    for ours in wanted:
        splits = [split for path in fields.paths[ours] for split in path_splits(path)]
        ways.append([(position[top], rest) for top, rest in splits if top in position])
    if len(wanted) > 1 and all(not way or (len(way) == 1 and not way[0][1]) for way in ways):
        pick = operator.itemgetter(*(way[0][0] if way else len(header) for way in ways))
        return lambda record: pick([*record, ""])
    return lambda record: tuple(_extract_first_value(record, way) for way in ways)


def _extract_first_value(record: list[str], way: list[tuple[int, tuple[str, ...]]]) -> Any:
    for position, steps in way:
        text = record[position]
        if text:
            value = step_down(text, steps)
            if value is not None:
                return value
    return ""
