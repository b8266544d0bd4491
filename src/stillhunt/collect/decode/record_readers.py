"""Records cut out of whatever file holds them: JSON, CSV, Parquet, protobuf or lines of text, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, cast, is_typeddict

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect.decode.batch_sizing import cut_up
from stillhunt.collect.decode.columnar import UnusableInputError
from stillhunt.collect.decode.delimited import CsvReader
from stillhunt.collect.decode.lines import BYTE_ORDER_MARK, TextFile, array_elements, whole_document
from stillhunt.collect.decode.protobuf_framing import messages
from stillhunt.collect.decode.streams import DamagedFileError, HashedFile, Line, lines
from stillhunt.collect.formats.source import Framing, Record, Row, Source
from stillhunt.collect.locate.database import StoredTable
from stillhunt.collect.locate.object_stores import Place, for_parquet
from stillhunt.collect.values.rejects import RAW_CHARACTERS, Rejects
from stillhunt.collect.values.tolerant_json import lenient_object, strict_json

PARQUET_ROWS = 1024
"""Rows of a Parquet file turned into Python objects at a time."""
_UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_RAW_BYTES = 4 * RAW_CHARACTERS
_PATIENCE = 256
"""Records more that are not plain than are, after which plain ones are no longer expected in a file."""
Decode: TypeAlias = Callable[[bytes], Record]


class Framed(msgspec.Struct, gc=False):
    """One record cut out of a file; made once a record, which a named tuple is too slow for.

    Attributes:
        place: where it stands, in words.
        value: the decoded record, None where it cannot be decoded.
        raw: its first bytes.
        reason: why it cannot be decoded.
        size: its bytes.
    """

    place: str
    value: Record
    raw: bytes
    reason: str = ""
    size: int = 0


def named_by_user(file: TextFile) -> list[tuple[str, str]]:
    """Our columns whose place the user told, and that place: of two it is the first, our name for it the second.

    Args:
        file: what every reader of the file is given.
    """
    return [(ours, paths[0]) for ours, paths in file.fields.paths.items() if len(paths) > 1]


def framed_records(
    file: TextFile, framing: Framing, source: Source | None, rejects: Rejects, opened: HashedFile
) -> Iterator[Framed]:
    """Cut a file into records.

    Args:
        file: the file.
        framing: how.
        source: its kind, where it is known already; says what to decode.
        rejects: takes what no record can be blamed for.
        opened: the file's bytes, hashed as they pass.
    """
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
    decoder = _decoder(file, source)
    decode = _plain_first(decoder.decode, file, source)
    word, elements = _json_lines(pieces, file.longest)
    for line in elements:
        data = line.data
        if line.number == 0:
            data = data.removeprefix(BYTE_ORDER_MARK)
        place, raw, size = f"{word} {line.number + 1}", data[:_RAW_BYTES], len(data)
        if not line.whole:
            yield Framed(place, None, raw, f"longer than {file.longest} bytes (collect.max_line_bytes)", size)
        elif data and not data.isspace():
            try:
                yield Framed(place, decode(data), raw, "", size)
            except _UNDECODABLE as error:
                value, reason = _leniently_decoded(decoder, data, error, rejects)
                yield Framed(place, value, raw, reason, size)


def _json_lines(pieces: Iterator[bytes], longest: int) -> tuple[str, Iterator[Line]]:
    """Lines, elements of one array, or one document that runs over several lines."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head.lstrip()) > _RAW_BYTES:
            break
    start = head.removeprefix(BYTE_ORDER_MARK).lstrip()

    def everything() -> Iterator[bytes]:
        yield start
        yield from pieces

    if start.startswith(b"["):
        return "element", array_elements(everything(), longest)
    if start.startswith(b"{") and not start[1:].lstrip(b" \t\r").startswith((b'"', b"}")):
        return "document", whole_document(everything(), longest)
    return "line", lines(everything(), longest)


def _decoder(file: TextFile, source: Source | None) -> Any:
    """What decodes a line of this source; of all that the user may name fields in, everything is decoded."""
    if source is not None and source.record_type is not None:
        return msgspec.json.Decoder(source.record_type)
    if source is not None and source.fields_read is not None and not named_by_user(file):
        return msgspec.json.Decoder(source.fields_read)
    return msgspec.json.Decoder(Any)


def _plain_first(decode: Decode, file: TextFile, source: Source | None) -> Decode:
    """Decodes records as most are into types, all others with care; where most are others, no longer tries."""
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


def _leniently_decoded(decoder: Any, data: bytes, error: Exception, rejects: Rejects) -> tuple[Record, str]:
    if is_typeddict(decoder.type):
        try:
            return msgspec.json.decode(data), ""
        except _UNDECODABLE as whole:
            error = whole
    value = lenient_object(data)
    if value is None:
        return None, "nested too deeply" if isinstance(error, RecursionError) else f"not a JSON object: {error}"
    try:
        if decoder.type is not Any and not is_typeddict(decoder.type):
            value = decoder.decode(strict_json(value))
    except (msgspec.DecodeError, RecursionError) as unfit:
        return None, f"a field is not of its kind: {unfit}"
    rejects.replaced_texts += 1
    return value, ""


def _csv_records(file: TextFile, rejects: Rejects, opened: HashedFile) -> Iterator[Framed]:
    try:
        reader = CsvReader(file, ())
    except UnusableInputError as error:  # of a format that was given by name; else nobody takes the file for a table
        yield Framed(error.place, None, b"", error.reason)
        return
    for _number, line, values, head in reader.records(rejects, opened):
        yield Framed(f"line {line}", dict(zip(reader.header, values, strict=False)), head, "", sum(map(len, values)))


def _parquet_records(path: Place, source: Source | None, name: str, rejects: Rejects) -> Iterator[Framed]:
    number = 0
    try:
        for batch in _column_batches(path, source.columns if source else ()):
            for value in _row_values(_with_micros(batch), rejects):
                number += 1
                yield Framed(f"row {number - 1}", value, b"", "", 0)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        rejects.add(name, f"after row {number}", f"Parquet data is damaged: {first}")


def _column_batches(path: Place, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A file or table in short batches; only these columns where any are named."""
    if isinstance(path, StoredTable):
        for batch in path.batches(columns):
            yield from cut_up(batch, PARQUET_ROWS)
        return
    with pq.ParquetFile(for_parquet(path)) as parquet:
        wanted = [name for name in parquet.schema_arrow.names if not columns or name in columns]
        yield from parquet.iter_batches(PARQUET_ROWS, columns=wanted, use_threads=False)


def _row_values(batch: pa.RecordBatch, rejects: Rejects) -> list[Row]:
    try:
        return cast("list[Row]", batch.to_pylist())
    except UnicodeDecodeError:  # databases without an encoding keep whatever bytes they were given
        texts = [name for name in batch.schema.names if pa.types.is_string(batch.schema.field(name).type)]
        for name in texts:
            batch = batch.set_column(batch.schema.get_field_index(name), name, batch.column(name).cast(pa.binary()))
        rows: list[Row] = batch.to_pylist()
        for row in rows:
            row.update({name: row[name].decode("utf-8", "replace") for name in texts if row[name] is not None})
            rejects.replaced_texts += any("\ufffd" in row[name] for name in texts if row[name] is not None)
        return rows


def _with_micros(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times in microseconds: finer ones have no Python type of their own."""
    columns = [
        c.cast(pa.timestamp("us", c.type.tz), safe=False) if pa.types.is_timestamp(c.type) else c for c in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _message_records(pieces: Iterator[bytes], file: TextFile) -> Iterator[Framed]:
    for number, (value, reason) in enumerate(messages(pieces, file.longest)):
        yield Framed(f"message {number + 1}", value, b"", reason, len(value or b""))


def _text_records(pieces: Iterator[bytes], file: TextFile) -> Iterator[Framed]:
    for line in lines(pieces, file.longest):
        place = f"line {line.number + 1}"
        if not line.whole:
            yield Framed(place, None, line.data[:_RAW_BYTES], f"longer than {file.longest} bytes", file.longest)
        elif line.data and not line.data.isspace():
            yield Framed(place, line.data.decode("utf-8", "replace"), line.data[:_RAW_BYTES], "", len(line.data))
