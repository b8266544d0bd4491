"""Records of a vendor log, one at a time, from JSON, CSV, Parquet, protobuf or lines of text.

Messages of a protobuf file are cut out and not decoded, within bounded memory.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias, cast, is_typeddict

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect.decode.batch_sizing import cut_batch
from stillhunt.collect.decode.columnar import UnusableInputError, first_line
from stillhunt.collect.decode.delimited import CsvReader
from stillhunt.collect.decode.json_documents import array_elements, elements_of, whole_document
from stillhunt.collect.decode.lines import BYTE_ORDER_MARK, TextFile
from stillhunt.collect.decode.streams import DamagedFileError, HashedFile, Line, lines
from stillhunt.collect.formats.source import Framing, Record, Row, Source
from stillhunt.collect.locate.database import StoredTable
from stillhunt.collect.locate.object_stores import Place, for_parquet
from stillhunt.collect.values.json_values import strict_json, tolerant_object
from stillhunt.collect.values.rejects import RAW_CHARACTERS, Rejects

PARQUET_ROWS = 1024
"""Rows of a Parquet file turned into Python objects at a time."""
_UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_RAW_BYTES = 4 * RAW_CHARACTERS
_PATIENCE = 256
"""When so many more records of a file did not fit the plain types than did, the plain types are no longer tried."""
Decode: TypeAlias = Callable[[bytes], Record]


class Framed(msgspec.Struct, gc=False):
    """One record cut out of a file; not a named tuple, which is too slow to make for every record.

    Its place is in words; one that is not decoded has a reason and no value; `copies` counts records without content.
    """

    place: str
    value: Record
    raw: bytes
    reason: str = ""
    size: int = 0
    copies: int = 1


def named_by_user(file: TextFile) -> list[tuple[str, str]]:
    """(column, path) for each column that the user mapped."""
    # A column that the user mapped has two paths: the user's, and its own name.
    return [(ours, paths[0]) for ours, paths in file.fields.paths.items() if len(paths) > 1]


def framed_records(
    file: TextFile, framing: Framing, source: Source | None, rejects: Rejects, opened: HashedFile
) -> Iterator[Framed]:
    """Cut a file, hashed as it passes, into records; `rejects` takes damage that belongs to no single one."""
    if framing == "parquet":
        yield from _parquet_records(file.path, source, file.name, rejects)
    elif framing == "csv":
        yield from _csv_records(file, rejects, opened)
    else:
        try:
            pieces = file.content(opened)
            if framing == "protobuf":
                yield from _message_records(pieces, file)
            elif framing == "text":
                yield from _text_records(pieces, file)
            else:
                yield from _json_records(pieces, file, source, rejects)
        except DamagedFileError as error:
            yield Framed("end of what can be read", None, b"", str(error))


def _json_records(pieces: Iterator[bytes], file: TextFile, source: Source | None, rejects: Rejects) -> Iterator[Framed]:
    decoder = _choose_record_decoder(file, source)
    decode = _plain_first(decoder.decode, file, source)
    for place, line in _iterate_placed_records(*_json_lines(pieces, file.longest), file.longest):
        data = line.data
        raw, size = data[:_RAW_BYTES], len(data)
        if not line.complete:
            yield Framed(place, None, raw, f"longer than {file.longest} bytes (collect.max_line_bytes)", size)
        elif data and not data.isspace():
            try:
                yield Framed(place, decode(data), raw, "", size)
            except _UNDECODABLE as error:
                value, reason = _tolerantly_decoded(decoder, data, error, rejects)
                yield Framed(place, value, raw, reason, size)


def _json_lines(pieces: Iterator[bytes], longest: int) -> tuple[str, Iterator[Line]]:
    """What records are called (line, element or document), and the records."""
    beginning = b""
    for piece in pieces:
        beginning += piece
        if len(beginning.lstrip()) > _RAW_BYTES:
            break
    start = beginning.removeprefix(BYTE_ORDER_MARK).lstrip()
    everything = chain((start,), pieces)
    if start.startswith(b"["):
        return "element", array_elements(everything, longest)
    if start.startswith(b"{") and not start[1:].lstrip(b" \t\r").startswith((b'"', b"}")):
        return "document", whole_document(everything, longest)
    return "line", lines(everything, longest)


def _iterate_placed_records(word: str, records: Iterator[Line], longest: int) -> Iterator[tuple[str, Line]]:
    """Each record with its place; a line that is an array of records gives several."""
    for line in records:
        place = f"{word} {line.number + 1}"
        if line.data[:1] == b"[" and word == "line":
            for element in elements_of(line, longest):
                yield f"{place}, element {element.number + 1}", element
        else:
            yield place, line


def _choose_record_decoder(file: TextFile, source: Source | None) -> Any:
    """Decoder for lines of this source; decodes all fields if the user mapped any."""
    if source is not None and source.record_type is not None:
        return msgspec.json.Decoder(source.record_type)
    if source is not None and source.fields_read is not None and not named_by_user(file):
        return msgspec.json.Decoder(source.fields_read)
    return msgspec.json.Decoder(Any)


def _plain_first(decode: Decode, file: TextFile, source: Source | None) -> Decode:
    """Function that decodes into the plain types of a source first, and otherwise with the general decoder."""
    if source is None or source.plain_record is None or named_by_user(file):
        return decode
    plain = msgspec.json.Decoder(source.plain_record).decode
    left = _PATIENCE

    def either(data: bytes) -> Record:
        nonlocal left
        if left > 0:
            try:
                value = plain(data)
            except _UNDECODABLE:
                left -= 1
            else:
                left = min(left + 1, _PATIENCE)
                return value
        return decode(data)

    return either


def _tolerantly_decoded(decoder: Any, data: bytes, error: Exception, rejects: Rejects) -> tuple[Record, str]:
    if is_typeddict(decoder.type):
        try:
            return msgspec.json.decode(data), ""
        except _UNDECODABLE as general:
            error = general
    value = tolerant_object(data)
    if value is None:
        return None, "nested too deeply" if isinstance(error, RecursionError) else f"not a JSON object: {error}"
    try:
        if decoder.type is not Any and not is_typeddict(decoder.type):
            value = decoder.decode(strict_json(value))
    except (msgspec.DecodeError, RecursionError) as unfit:
        return None, f"a field has the wrong type: {unfit}"
    rejects.replaced_texts += 1
    return value, ""


def _csv_records(file: TextFile, rejects: Rejects, opened: HashedFile) -> Iterator[Framed]:
    try:
        reader = CsvReader(file, ())
    except UnusableInputError as error:  # only if the format was given by name; else the file is not taken for a table
        yield Framed(error.place, None, b"", error.reason)
        return
    for _number, line, values, raw in reader.records(rejects, opened):
        yield Framed(f"line {line}", dict(zip(reader.header, values, strict=False)), raw, "", sum(map(len, values)))


def _parquet_records(path: Place, source: Source | None, name: str, rejects: Rejects) -> Iterator[Framed]:
    number = 0
    try:
        for batch in _column_batches(path, source.columns if source else ()):
            for value in _row_values(_with_micros(batch), rejects):
                number += 1
                yield Framed(f"row {number - 1}", value, b"", "", 0)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        rejects.add(name, f"after row {number}", f"Parquet data is damaged: {first_line(error)}")


def _column_batches(path: Place, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A file or table in short batches; only these columns, or all if none are given."""
    if isinstance(path, StoredTable):
        for batch in path.batches(columns):
            yield from cut_batch(batch, PARQUET_ROWS)
        return
    with pq.ParquetFile(for_parquet(path)) as parquet:
        wanted = [name for name in parquet.schema_arrow.names if not columns or name in columns]
        yield from parquet.iter_batches(PARQUET_ROWS, columns=wanted, use_threads=False)


def _row_values(batch: pa.RecordBatch, rejects: Rejects) -> list[Row]:
    try:
        return cast("list[Row]", batch.to_pylist())
    except UnicodeDecodeError:  # a database without an encoding keeps any bytes
        texts = [name for name in batch.schema.names if pa.types.is_string(batch.schema.field(name).type)]
        for name in texts:
            batch = batch.set_column(batch.schema.get_field_index(name), name, batch.column(name).cast(pa.binary()))
        rows: list[Row] = batch.to_pylist()
        for row in rows:
            row.update({name: row[name].decode("utf-8", "replace") for name in texts if row[name] is not None})
            rejects.replaced_texts += any("\ufffd" in row[name] for name in texts if row[name] is not None)
        return rows


def _with_micros(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with its times in microseconds, since Python has no type for finer ones."""
    columns = [
        c.cast(pa.timestamp("us", c.type.tz), safe=False) if pa.types.is_timestamp(c.type) else c for c in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _message_records(pieces: Iterator[bytes], file: TextFile) -> Iterator[Framed]:
    number = 0
    for value, reason, copies in messages(pieces, file.longest):
        number += copies
        yield Framed(f"message {number}", value, b"", reason, len(value or b""), copies)


def _text_records(pieces: Iterator[bytes], file: TextFile) -> Iterator[Framed]:
    for line in lines(pieces, file.longest):
        place = f"line {line.number + 1}"
        if not line.complete:
            yield Framed(place, None, line.data[:_RAW_BYTES], f"longer than {file.longest} bytes", file.longest)
        elif line.data and not line.data.isspace():
            yield Framed(place, line.data.decode("utf-8", "replace"), line.data[:_RAW_BYTES], "", len(line.data))


SHORTEST_MESSAGE = 20
"""Bytes below which a ResourceSpans or ResourceLogs message has no room for an entry that says anything."""
_LENGTH_DELIMITED = 2
_LONGEST_VARINT = 10
_SHORT = b"|".join(rb"\x0a\x%02x.{%d}" % (size, size) for size in range(SHORTEST_MESSAGE))
_SHORT_ONE, _SHORT_RUN = re.compile(rb"(?s:%s)" % _SHORT), re.compile(rb"(?s:(?:%s)+)" % _SHORT)
_EMPTY_RUN = re.compile(rb"(?:\x0a\x00)+")
"""A message that is too short, with its tag and size; and a run of them, found by the regular expressions in C."""


def messages(pieces: Iterator[bytes], longest: int) -> Iterator[tuple[bytes | None, str, int]]:
    """Values of field 1 of the outermost message: ResourceSpans or ResourceLogs of an OTLP export request.

    Several export requests that follow each other are one such message again, since fields may repeat.

    Args:
        longest: bytes allowed in one value.

    Yields:
        (bytes of the value, "", 1), or (None, reason, 1) if it cannot be read; nothing follows the first damage. So
        many successive messages that are too short to hold anything are (b"", "", their number): a small file may
        unpack to millions of them.

    Source:
        protobuf.dev/programming-guides/encoding
    """
    feed = _Feed(pieces)
    while not feed.at_end():
        if skipped := feed.skip_short():
            yield b"", "", skipped
            continue
        tag, size = feed.varint(), None
        if tag is not None and tag & 7 == _LENGTH_DELIMITED:
            size = feed.varint()
        if tag is None or size is None:
            yield None, "not protobuf of an OTLP export request", 1
            return
        if size > longest:
            yield None, f"longer than {longest} bytes (collect.max_line_bytes)", 1
            if not feed.skip(size):
                return
            continue
        value = feed.take(size)
        if value is None:
            yield None, "the file is cut short", 1
            return
        if tag >> 3 == 1:
            yield value if size >= SHORTEST_MESSAGE else b"", "", 1


class _Feed:
    """A stream of bytes that is read in parts of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._bytes = b""
        self._at = 0

    def _fill_feed_buffer(self, size: int) -> bool:
        have = len(self._bytes) - self._at
        if have >= size:
            return True
        parts = [self._bytes[self._at :]]
        for piece in self._pieces:
            parts.append(piece)
            have += len(piece)
            if have >= size:
                break
        self._bytes, self._at = b"".join(parts), 0
        return have >= size

    def at_end(self) -> bool:
        return not self._fill_feed_buffer(1)

    def skip_short(self) -> int:
        """Skip the messages at this place that are too short and whole in memory; their number."""
        if run := _EMPTY_RUN.match(self._bytes, self._at):
            self._at = run.end()
            return (run.end() - run.start()) // 2
        run = _SHORT_RUN.match(self._bytes, self._at)
        if run is None:
            return 0
        self._at = run.end()
        return len(_SHORT_ONE.findall(self._bytes, run.start(), run.end()))

    def varint(self) -> int | None:
        """The next varint; None if there is none."""
        value = 0
        for place in range(_LONGEST_VARINT):
            if not self._fill_feed_buffer(1):
                return None
            byte = self._bytes[self._at]
            self._at += 1
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        return None

    def take(self, size: int) -> bytes | None:
        """The next `size` bytes; None if fewer are left."""
        if not self._fill_feed_buffer(size):
            return None
        self._at += size
        return self._bytes[self._at - size : self._at]

    def skip(self, size: int) -> bool:
        """Skip `size` bytes without keeping them; False if fewer are left."""
        while size > len(self._bytes) - self._at:
            size -= len(self._bytes) - self._at
            self._bytes, self._at = b"", 0
            if not self._fill_feed_buffer(1):
                return size == 0
        self._at += size
        return True
