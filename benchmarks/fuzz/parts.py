"""Parts of the readers as targets, each beside another way to the same answer.

How content is cut into pieces, which rows stand beside a row, and whether a column is read as a vector or value by
value must change nothing; where Python's own modules can read the same, they must agree.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import zstandard
from logs import Harm, scratch, settings

from stillhunt.base.errors import StillhuntError
from stillhunt.collect.decode.columnar import UnusableInputError
from stillhunt.collect.decode.delimited import CsvReader
from stillhunt.collect.decode.lines import TextFile
from stillhunt.collect.decode.record_readers import framed_records, messages
from stillhunt.collect.decode.streams import DamagedFileError, HashedFile, decompress_pieces, lines
from stillhunt.collect.formats.otlp.attributes import value_of
from stillhunt.collect.normalise.standardise import Rules, standardise_requests, times
from stillhunt.collect.values.chat import fill_from_messages, read_chat, settle_messages
from stillhunt.collect.values.fields import REQUEST_FIELDS, RawBatch, field_map, from_arrow, from_object, python_column
from stillhunt.collect.values.rejects import Rejects

LONGEST = 1 << 12
CUTS = (1, 3, 1000)
MOST_BYTES = 64 << 20
DEEPEST_REPR = 20
_CONFIG = settings("", 1000)
_RULES = Rules.of(_CONFIG)
_FIELDS = field_map(REQUEST_FIELDS, None)


class _Cut:
    """A file's bytes in pieces of one size."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    def pieces(self) -> Iterator[bytes]:
        """All bytes; the first piece is long enough to tell a compressed file by."""
        first = max(self._size, 4)
        if self._data:
            yield self._data[:first]
        yield from (self._data[at : at + self._size] for at in range(first, len(self._data), self._size))


def _cut(data: bytes, size: int) -> HashedFile:
    return cast("HashedFile", _Cut(data, size))


def _file(data: bytes = b"", suffix: str = "jsonl") -> TextFile:
    path = scratch() / f"part.{suffix}"
    if data:
        path.write_bytes(data)
    return TextFile(path, path.name, 0, _FIELDS, 100, LONGEST)


def json_records(data: bytes) -> None:
    """JSON lines, arrays and documents: the same records however the file is cut, and those that Python finds."""
    uncut = _framed(data, len(data) + 1)
    for size in CUTS:
        if _framed(data, size) != uncut:
            raise Harm(f"other records in pieces of {size} bytes")
    try:
        value = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return
    short = len(data) < LONGEST
    if isinstance(value, list) and short and len(uncut) != len(value):
        raise Harm(f"{len(uncut)} records of an array of {len(value)}")
    # One that begins like a line and runs over several is taken for lines.
    if isinstance(value, dict) and short and b"\n" not in data.strip() and (len(uncut) != 1 or uncut[0][2]):
        raise Harm(f"one object, read as {uncut}")


def _framed(data: bytes, size: int) -> list[tuple[str, str, str]]:
    found = framed_records(_file(), "json", None, Rejects(), _cut(data, size))
    return [(one.place, repr(one.value), one.reason) for one in found]


def csv_records(data: bytes) -> None:
    """A table: no record is lost, and those of the right width are what the csv module reads."""
    try:
        reader = CsvReader(_file(data or b"\n", "csv"), ())
    except UnusableInputError:
        return
    found: list[list[tuple[int, int, list[str], bytes]]] = []
    for size in (len(data) + 1, *CUTS):
        rejects = Rejects()
        found.append(list(reader.records(rejects, _cut(data, size))))
        if found[-1] != found[0]:
            raise Harm(f"other records in pieces of {size} bytes")
    plain = _plain_csv(data, reader)
    if plain is not None and (plain[0], plain[1]) != ([record for _, _, record, _ in found[0]], rejects.rows):
        raise Harm(f"{len(found[0])} records and {rejects.rows} rejects, where csv has {len(plain[0])} and {plain[1]}")


def _plain_csv(data: bytes, reader: CsvReader) -> tuple[list[list[str]], int] | None:
    """(records of the right width, others) by the csv module over all text at once; None where limits play a part."""
    if any(len(line) > LONGEST // 8 for line in data.split(b"\n")) or data.count(b'"') > 40 or len(data) > LONGEST:
        return None
    texts = [line.removesuffix(b"\r").decode("utf-8", "replace") + "\n" for line in data.split(b"\n")]
    parser = csv.reader(
        iter(texts[1:-1] if data.endswith(b"\n") else texts[1:]), delimiter=max("\t,;|", key=_head(data).count)
    )
    good, others = [], 0
    while True:
        try:
            record = next(parser, None)
        except csv.Error:
            others += 1
            continue
        if record is None:
            return good, others
        if record and not (record == [""] and len(reader.header) > 1):
            if len(record) == len(reader.header):
                good.append(record)
            else:
                others += 1


def _head(data: bytes) -> str:
    return data.split(b"\n", 1)[0].removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def protobuf_records(data: bytes) -> None:
    """Messages of a protobuf file: the same however it is cut."""
    uncut = list(messages(iter([data] if data else []), LONGEST))
    for size in CUTS:
        if list(messages(_Cut(data, size).pieces(), LONGEST)) != uncut:
            raise Harm(f"other messages in pieces of {size} bytes")


def text_lines(data: bytes) -> None:
    """Lines: those that a plain split gives, and the same however the file is cut."""
    plain = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    for size in (len(data) + 1, *CUTS):
        found = list(lines(_Cut(data, size).pieces(), LONGEST))
        expected = plain if not data.endswith(b"\n") and data else plain[:-1]
        if len(found) != len(expected):
            raise Harm(f"{len(found)} lines, not {len(expected)}")
        if any(line.complete and line.data != other for line, other in zip(found, expected, strict=True)):
            raise Harm("another line")


def streams(data: bytes) -> None:
    """Compressed streams: what was packed comes out again, and damage is an error after bounded content."""
    mode, content = data[0] if data else 0, data[1:]
    half = len(content) // 2
    if mode & 1:
        packer = zstandard.ZstdCompressor()
        packed = packer.compress(content[:half]) + packer.compress(content[half:]) * (mode & 2 > 0)
    else:
        packed = gzip.compress(content[:half], mtime=0) + gzip.compress(content[half:], mtime=0) * (mode & 2 > 0)
    expected = content if mode & 2 else content[:half]
    for size in (len(packed) + 1, *CUTS[1:]):
        if b"".join(decompress_pieces(_Cut(packed, size).pieces())) != expected:
            raise Harm(f"other content in pieces of {size} bytes")
    for broken in (content, packed[: mode * len(packed) // 256], packed + content):
        size = 0
        try:
            for piece in decompress_pieces(_Cut(broken, 1 << 20).pieces()):
                size += len(piece)
                if size > MOST_BYTES:
                    break
        except DamagedFileError:
            continue


def moments(data: bytes) -> None:
    """Times: a value read by itself, in a column of its kind, and beside a good one is the same time."""
    text = data.decode("utf-8", "replace")
    values: list[Any] = [text, text.strip()]
    for kind in (int, float):
        try:
            values.append(kind(text[:400]))
        except (ValueError, OverflowError):
            continue
    for value in values:
        good = "2026-11-02T10:00:00Z" if isinstance(value, str) else type(value)(1_795_000_000)
        naive = "2026-11-02T10:00:00" if isinstance(value, str) else good
        single = _time(times([value], _RULES.request_times), 0)
        for column in ([value], [value, good], [naive, value], [value, naive, good]):
            many = times(python_column(list(column)), _RULES.request_times)
            if _time(many, column.index(value)) != single:
                raise Harm(f"{value!r} is {_time(many, column.index(value))} in {column}, and {single} by itself")


def _time(column: tuple[pa.Array, dict[int, str]], row: int) -> tuple[Any, bool]:
    return column[0][row].as_py(), row in column[1]


def values(data: bytes) -> None:
    """Rows of canonical columns: what becomes of one does not depend on the rows beside it."""
    records = [record for line in data.split(b"\n") if isinstance(record := _loaded(line), dict)][:12]
    if not records:
        return
    rows = [tuple(None if (v := r.get(name)) == "" else v for name in REQUEST_FIELDS) for r in records]
    together = _standardised(rows)
    apart = [_standardised([row]) for row in rows]
    if together[0] != [row for one in apart for row in one[0]]:
        raise Harm(f"rows differ: {together[0]} and {[row for one in apart for row in one[0]]}")
    if together[1] != [reason for one in apart for reason in one[1]]:
        raise Harm(f"reasons differ: {together[1]} and {[reason for one in apart for reason in one[1]]}")


def _loaded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _standardised(rows: Sequence[tuple[Any, ...]]) -> tuple[list[str], list[str]]:
    columns = {
        name: python_column(list(column)) for name, column in zip(REQUEST_FIELDS, zip(*rows, strict=True), strict=True)
    }
    raw = RawBatch(columns, len(rows), "log", 0, np.zeros(len(rows), np.int64), lambda _row: "row", lambda _row: "")
    rejects = Rejects()
    table = standardise_requests(raw, _RULES, rejects)
    return [repr(row) for row in table.to_pylist()], rejects.table()["reason"].to_pylist()


def chats(data: bytes) -> None:
    """Chat messages: settled early or late, as objects or as text, they give the same prompt."""
    value = _loaded(data)
    if value is None or isinstance(value, str):
        return  # text is taken for JSON itself
    chat = read_chat(value)
    text = json.dumps(value)
    if read_chat(text) != chat and _plain(value):
        raise Harm(f"{chat} as objects, {read_chat(text)} as text")
    row = {"messages": value, "prompt": None, "system_prompt": None}
    settle_messages(row)
    if row["messages"] is None:
        none = pa.nulls(1, pa.large_string())
        prompts, systems = fill_from_messages(none, none, [value])
        if (prompts[0].as_py(), systems[0].as_py()) != (row["prompt"], row["system_prompt"]):
            raise Harm(f"settled early {row}, late {prompts} and {systems}")


def _plain(value: Any) -> bool:
    """Whether the fast decoder reads what Python's does: no numbers out of range, no lone surrogates, not too deep."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return "\\ud" not in text and not any(len(word) > 15 for word in text.replace(",", " ").split() if word.isdecimal())


def reprs(data: bytes) -> None:
    """Values as Python writes them: what comes back is what was written."""
    text = data.decode("utf-8", "replace")
    value_of(text)
    value = _loaded(data)
    if not isinstance(value, dict | list) or not value:
        return
    written = repr(value)
    if len(written) < LONGEST and written.count("[") + written.count("{") < DEEPEST_REPR:
        found = value_of(written)
        if found != value and "nan" not in written and "inf" not in written:
            raise Harm(f"{value!r} came back as {found!r}")


def mapped(data: bytes) -> None:
    """Paths of --map: an object and the same in an Arrow column give one value."""
    value = _loaded(data)
    if not isinstance(value, dict):
        return
    path, record = value.get("path"), value.get("record")
    if not isinstance(path, str) or not isinstance(record, dict):
        return
    try:
        field_map(REQUEST_FIELDS, {"prompt": path})
    except StillhuntError:
        return
    found = from_object(record, path)
    try:
        batch = pa.RecordBatch.from_pylist([{"a": record}])
    except (pa.ArrowException, OverflowError, UnicodeError, ValueError, TypeError):
        return
    if batch.to_pylist() != [{"a": record}] or from_object({"a": record}, f"a.{path}") != found:
        return
    column = from_arrow(batch, [f"a.{path}"])
    other = None if column is None else column[0] if isinstance(column, list) else column[0].as_py()
    if other != found:
        raise Harm(f"{path} is {found!r} in an object and {other!r} in a column")
