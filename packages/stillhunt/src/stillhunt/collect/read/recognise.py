"""Recognise the format of an input, by its content before its name, and open the reader for it."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.collect.decode.columnar import (
    ColumnarRows,
    ParquetReader,
    Reader,
    StoredReader,
    StreamReader,
    TableReader,
    UnusableInputError,
)
from stillhunt.collect.decode.delimited import DELIMITERS, CsvReader
from stillhunt.collect.decode.envelopes import UTF16, envelopes, from_utf16
from stillhunt.collect.decode.lines import BYTE_ORDER_MARK, PROBED_RECORDS, JsonReader, TextFile
from stillhunt.collect.decode.records import Context, RecordReader, sample_of
from stillhunt.collect.decode.streams import DamagedFileError, HashedFile, decompress_pieces
from stillhunt.collect.formats import CANONICAL_FORMAT, recognise, source_named
from stillhunt.collect.formats.source import Framing, Record, Sample, Source
from stillhunt.collect.locate.catalog import Found, FoundFile, plain_name
from stillhunt.collect.locate.database import StoredTable
from stillhunt.collect.locate.object_stores import Place
from stillhunt.collect.values.field_suggestions import leaves_of_all, usual_names
from stillhunt.collect.values.fields import FieldMap, from_object

PARQUET_MAGIC = b"PAR1"
SNIFFED_BYTES = 1 << 16
ENVELOPE_BYTES = 1 << 24
"""Bytes that are searched for wrapped records if nothing else fits: a line of them may be long."""
RECORDS_TO_FILE = (
    "write the records to a file of JSON lines and hunt that file: in pandas "
    "frame.to_json('log.jsonl', orient='records', lines=True, date_format='iso'), "
    "in Polars frame.write_ndjson('log.jsonl')"
)
USE_KNOWN_FORMAT = (
    "use Parquet, JSON lines, a JSON array, CSV or TSV (also .gz or .zst), or a log that docs/sources.md names"
)


def open_reader(
    found: Found, index: int, fields: FieldMap, required: Sequence[str], config: Config, formats: FormatsMet
) -> Reader:
    """Open the input of this place among the sorted names, and look at its columns.

    Raises ConfigError if `collect.format` names no format, UnusableInputError if it cannot be opened, is of no known
    format, or lacks a required column.
    """
    rows = ColumnarRows(found.name, index, fields)
    batch_rows = config.collect.batch_rows
    if isinstance(found, FoundFile):
        if isinstance(found.path, StoredTable):
            return _open_stored(found.path, rows, required, config, formats)
        return _open_file(found.path, rows, required, config, formats)
    try:
        if found.table is not None:
            with _advised_for_records(found.table.slice(0, PROBED_RECORDS)):
                return TableReader(found.table, rows, required, batch_rows)
        if found.stream is not None:
            first = next(found.stream, None)
            batches = [] if first is None else [first]
            with _advised_for_records(pa.Table.from_batches(batches, None if batches else pa.schema([]))):
                return StreamReader(itertools.chain(batches, found.stream), rows, required, batch_rows)
    except pa.ArrowException as error:
        raise UnusableInputError(f"the table cannot be read: {error}", "table") from error
    raise UnusableInputError("nothing to read", "table")


@contextlib.contextmanager
def _advised_for_records(beginning: pa.Table) -> Iterator[None]:
    """Say so where a table in memory that lacks our columns holds records of a known format: only files are read so."""
    try:
        yield
    except UnusableInputError as error:
        records = beginning.slice(0, PROBED_RECORDS).to_pylist()
        names = frozenset(usual_names(records))
        kinds: tuple[Framing, ...] = ("json", "parquet")
        source = next(filter(None, (recognise(Sample(kind, records, names, False)) for kind in kinds)), None)
        if source is None:
            raise
        raise UnusableInputError(
            f"the table holds records of {source.title}, which are read from files only",
            error.place,
            RECORDS_TO_FILE,
            error.rows,
        ) from error


def _open_file(
    path: Place, rows: ColumnarRows, required: Sequence[str], config: Config, formats: FormatsMet | None
) -> Reader:
    """The reader of a file; its content decides, unless `collect.format` is canonical."""
    if not path.is_file():
        raise UnusableInputError("not a regular file (it is a device, a pipe, or a broken link)")
    first_bytes = _first_bytes(path, packed=True)
    framing: Framing = "parquet"
    if not first_bytes:
        raise UnusableInputError("the file is empty")
    file = _describe_text_file(path, rows, config)
    if config.collect.format == CANONICAL_FORMAT:
        formats = None
    elif config.collect.format and formats is not None:
        source = source_named(config.collect.format)
        framing = framing if first_bytes.startswith(PARQUET_MAGIC) else _detect_framing(path, source)
        return formats.opened(file, source, _sample_file(file, framing))
    if first_bytes.startswith(PARQUET_MAGIC):
        plain = functools.partial(ParquetReader, path, rows, required, config.collect.batch_rows)
        return _canonical_or_known(plain, file, framing, formats)
    content = _first_bytes(path, packed=False)
    if content.startswith(UTF16):
        file.envelope, content = from_utf16, b"".join(from_utf16(iter((content,))))
        if not content.lstrip().startswith((b"{", b"[")):
            raise UnusableInputError("a table in UTF-16 cannot be read", next_step="convert it to UTF-8")
    if _looks_like_messages(content):
        return _canonical_or_known(None, file, "protobuf", formats)
    known = _open_known_format(file, "text", formats)
    if known is not None:
        return known
    try:
        return _open_text(file, content, required, formats)
    except UnusableInputError as complaint:
        first_bytes = _first_bytes(path, packed=False, most=ENVELOPE_BYTES)
        for envelope in envelopes(first_bytes, file.longest) if file.envelope is None else ():
            file.envelope = envelope
            if (found := _open_known_format(file, "text", formats)) is not None:
                return found
            with contextlib.suppress(UnusableInputError):
                unwrapping = functools.partial(JsonReader, file, required, array=False)
                return _canonical_or_known(unwrapping, file, "json", formats)
        raise complaint from None


def _open_text(file: TextFile, content: bytes, required: Sequence[str], formats: FormatsMet | None) -> Reader:
    kind = _text_kind(content, Path(file.name).name)
    if kind == "csv":
        return _canonical_or_known(functools.partial(CsvReader, file, required), file, "csv", formats)
    plain_json = functools.partial(JsonReader, file, required, array=kind == "array")
    return _canonical_or_known(plain_json, file, "json", formats)


def _describe_text_file(path: Place, rows: ColumnarRows, config: Config) -> TextFile:
    limits = config.collect
    return TextFile(
        path, rows.name, rows.index, rows.fields, limits.batch_rows, limits.max_line_bytes, limits.default_account
    )


def _sample_file(file: TextFile, framing: Framing) -> Sample:
    """The beginning of a file whose format the user named; empty if nothing can be read."""
    try:
        return sample_of(file, framing)
    except UnusableInputError:
        return Sample(framing, (), frozenset())


def _open_stored(
    table: StoredTable, rows: ColumnarRows, required: Sequence[str], config: Config, formats: FormatsMet
) -> Reader:
    if table.is_empty():
        raise UnusableInputError("the table is empty", "table")
    file = _describe_text_file(table, rows, config)
    if table.chosen and config.collect.format not in ("", CANONICAL_FORMAT):
        source = source_named(config.collect.format)
        return formats.opened(file, source, _sample_file(file, "parquet"))
    plain = functools.partial(StoredReader, table, rows, required, config.collect.batch_rows)
    asked = None if table.chosen and config.collect.format == CANONICAL_FORMAT else formats
    return _canonical_or_known(plain, file, "parquet", asked)


@dataclass
class FormatsMet:
    """The formats met so far, by name, with what their inputs share."""

    contexts: dict[str, Context] = field(default_factory=dict)

    def context(self, source: Source) -> Context:
        """What the inputs of a format share."""
        return self.contexts.setdefault(source.name, Context(source))

    def opened(self, file: TextFile, source: Source, sample: Sample) -> RecordReader:
        """The reader of a file of a known format; mapped fields are looked for at the beginning of the file."""
        fields = file.fields
        if fields.mapped:
            fields.met.update(entry for entry in fields.mapped if _holds_field(sample.records, entry[1]))
            fields.names.update(dict.fromkeys(leaves_of_all(sample.records)))
        return RecordReader(file, source, sample.framing, self.context(source))


def _holds_field(records: Sequence[Record], path: str) -> bool:
    """Whether one of some records has a field; in OpenTelemetry, names of fields are values."""
    named = f'"{path}"'.encode()
    for record in records:
        if isinstance(record, bytes):
            found = path.encode() in record
        elif isinstance(record, Mapping):
            keyed = not record.keys().isdisjoint(("resourceSpans", "resourceLogs"))
            found = named in msgspec.json.encode(record) if keyed else from_object(record, path) is not None
        else:
            found = False
        if found:
            return True
    return False


def _canonical_or_known(
    plain: Callable[..., Reader] | None, file: TextFile, framing: Framing, formats: FormatsMet | None
) -> Reader:
    """The reader of a file that has our columns, or that is of a known format; else raises the error of the former.

    At first, only what most records have counts, so that no client changes the format by fields of its own; then
    anything does.
    """
    complaint = UnusableInputError("the format is not recognised", next_step=USE_KNOWN_FORMAT)
    for mixed in (False, True):
        if plain is not None and (framing == "json" or not mixed):
            try:
                return plain(mixed=True) if mixed else plain()
            except UnusableInputError as error:
                complaint = complaint if mixed else error
        known = _open_known_format(file, framing, formats, mixed=mixed)
        if known is not None:
            return known
    raise complaint


def _open_known_format(
    file: TextFile, framing: Framing, formats: FormatsMet | None, *, mixed: bool = False
) -> Reader | None:
    """The reader of a file whose format is recognised; None if it is not, or if `formats` is None."""
    if formats is None:
        return None
    try:
        sample = sample_of(file, framing, mixed=mixed)
    except UnusableInputError:
        return None
    source = recognise(sample)
    return None if source is None else formats.opened(file, source, sample)


def _detect_framing(path: Place, source: Source) -> Framing:
    """How records are framed in a file whose format the user named."""
    content = _first_bytes(path, packed=False)
    if "text" in source.framings and not content.lstrip().startswith((b"{", b"[")):
        return "text"
    if _looks_like_messages(content):
        return "protobuf"
    return "csv" if _text_kind(content, path.name) == "csv" else "json"


def _looks_like_messages(first_bytes: bytes) -> bool:
    """Whether a file is protobuf: its first field has number 1 and a length. In text, that byte is an empty line."""
    return first_bytes[:1] == b"\n" and not _is_text(first_bytes[:4096])


def _is_text(first_bytes: bytes) -> bool:
    try:
        first_bytes[:-4].decode()
    except UnicodeDecodeError:
        return False
    return not any(byte < 9 for byte in first_bytes)


def _first_bytes(path: Place, *, packed: bool, most: int = SNIFFED_BYTES) -> bytes:
    """First bytes of a file as it is stored, or of its decompress_pieces content."""
    pieces = HashedFile(path).pieces()
    content = b""
    try:
        for piece in pieces if packed else decompress_pieces(pieces):
            content += piece
            if len(content) >= most:
                break
    except DamagedFileError as error:
        if not content:
            raise UnusableInputError(str(error)) from error
    return content[:most]


def _text_kind(first_bytes: bytes, name: str) -> str:
    start = first_bytes.removeprefix(BYTE_ORDER_MARK).lstrip()
    if not start:
        raise UnusableInputError("the file is empty")
    if start.startswith(b"{"):
        return "lines"
    if start.startswith(b"[") and start[1:].lstrip()[:1] in (b"{", b"]"):
        return "array"
    lowered = plain_name(name)
    if lowered.endswith((".jsonl", ".ndjson", ".json")):
        return "lines"
    if lowered.endswith((".parquet", ".pq")):
        raise UnusableInputError("not a Parquet file, although its name says so")
    first = start.split(b"\n", 1)[0].decode("utf-8", "replace")
    if lowered.endswith((".csv", ".tsv")) or any(delimiter in first for delimiter in DELIMITERS):
        return "csv"
    raise UnusableInputError("the format is not recognised", next_step=USE_KNOWN_FORMAT)
