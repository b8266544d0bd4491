"""Records of vendor logs, cut out of whatever file holds them, and turned into rows of ours by their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, is_typeddict

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect.chat import settle_messages
from stillhunt.collect.database import StoredTable
from stillhunt.collect.delimited import CsvReader
from stillhunt.collect.fields import from_object, strict_json
from stillhunt.collect.files import UnusableInputError
from stillhunt.collect.framing import messages
from stillhunt.collect.lines import (
    BATCH_BYTES,
    BYTE_ORDER_MARK,
    Gathered,
    TextFile,
    array_elements,
    lenient_object,
    text_batch,
    whole_document,
)
from stillhunt.collect.pieces import cut_up
from stillhunt.collect.rejects import RAW_CHARACTERS, Rejects, printable
from stillhunt.collect.remote import Place, changed_at, for_parquet
from stillhunt.collect.sources.source import BrokenRecordError, Framing, PassedOverError, Record, Row, Sample, Source
from stillhunt.collect.standardise import RawBatch
from stillhunt.collect.streams import DamagedFileError, HashedFile, Line, lines

PROBED_RECORDS = 200
PROBED_BYTES = 4 << 20
PARQUET_ROWS = 1024
"""Rows of a Parquet file turned into Python objects at a time."""
NO_COUNTERPART = "of calls that no other log has"
"""Why rows that only complete the calls of others are passed over where there are none."""
UNKNOWN_MODEL = "unknown"
"""Model of calls whose log names none, as edge logs do."""
_SHAPE_ERRORS = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
_UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_RAW_BYTES = 4 * RAW_CHARACTERS


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


@dataclass
class Context:
    """What `Source.gather` gives for all inputs of one source; gathered when first asked for."""

    source: Source
    readers: list[RecordReader] = field(default_factory=list)
    _value: Any = None
    _known: bool = False

    def value(self) -> Any:
        """What was gathered."""
        if not self._known and self.source.gather is not None:
            self._value = self.source.gather(
                framed.value for reader in self.readers for framed in reader.records() if not framed.reason
            )
        self._known = True
        return self._value


class RecordReader:
    """One input of a vendor log; see Reader.

    Args:
        file: what every reader of a file is given.
        source: the kind of log.
        framing: how records are cut out.
        context: shared by the inputs of the source.
    """

    rewindable = False

    def __init__(self, file: TextFile, source: Source, framing: Framing, context: Context) -> None:
        self.name, self.index, self.source = file.name, file.index, source
        self.rows_expected: int | None = None
        self.passed_over: Counter[str] = Counter()
        """Records that are no calls, by reason; complete after the last batch."""
        self.found = 0
        """Records met."""
        self.joined = False
        """Whether rows will be joined with those of other inputs, which then name account and model."""
        self.by_address = 0
        """Calls that stand under their client's address since the log names no account; of logs that are not joined."""
        self.handed_on = 0
        """Rows given to be joined."""
        self._file, self._framing, self._context = file, framing, context
        self._digest: HashedFile | None = None
        self._changed: int | None = None
        self._mapped = _named_by_user(file)
        context.readers.append(self)

    def digest(self) -> str:
        """SHA-256 of the file as it lies on disk, once all of it has been read."""
        return "" if self._digest is None else self._digest.sha256()

    def changed(self) -> int:
        """When the file was last changed, microseconds since 1970: the time of calls whose log tells none."""
        if self._changed is None:
            self._changed = changed_at(self._file.path)
        return self._changed

    def records(self, rejects: Rejects | None = None) -> Iterator[Framed]:
        """All records of the file, broken ones with their reason."""
        return framed_records(self._file, self._framing, self.source, rejects or Rejects(), HashedFile(self._file.path))

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All calls, see Reader."""
        self.passed_over.clear()
        self.found = self.handed_on = 0
        if not self.joined:
            self.by_address = 0
        context = self._context.value()
        self._digest = HashedFile(self._file.path) if self._framing != "parquet" else None
        waiting, places = Gathered(), list[str]()
        number = 0
        most_rows, counted = self._file.batch_rows, self.source.gather is None
        source = self._digest or HashedFile(self._file.path)
        for framed in framed_records(self._file, self._framing, self.source, rejects, source):
            self.found += 1
            for place, row in enumerate(self._rows(framed, context, rejects)):
                identity = row.get("request_id")
                if identity is None or identity == "":
                    row["request_id"] = f"{self.name}#{framed.place}" + (f".{place}" if place else "")
                waiting.add(tuple(map(row.get, wanted)), number, framed.raw)
                if framed.size and counted and not place:
                    waiting.size += framed.size  # all that its texts can be, and the messages that wait beside them
                else:
                    waiting.size += sum([len(v) for v in row.values() if isinstance(v, str)])
                places.append(framed.place)
                number += 1
                if len(places) >= most_rows or waiting.size >= BATCH_BYTES:
                    self.handed_on += len(places) if self.joined else 0
                    yield text_batch(self._file, waiting, wanted, _placed(number - waiting.rows, places))
                    waiting, places = Gathered(), []
        if waiting.rows:
            self.handed_on += len(places) if self.joined else 0
            yield text_batch(self._file, waiting, wanted, _placed(number - waiting.rows, places))

    def _rows(self, framed: Framed, context: Any, rejects: Rejects) -> list[Row]:
        reason = framed.reason
        if not reason:
            try:
                source = self.source
                made: Iterable[Row | PassedOverError | BrokenRecordError] = ()
                if source.rows is not None:
                    made = source.rows(framed.value)
                elif source.rows_within is not None:
                    made = source.rows_within(framed.value, context)
                return self._usable(list(made), framed, rejects)
            except PassedOverError as error:
                self.passed_over[printable(str(error), RAW_CHARACTERS)] += 1
                return []
            except BrokenRecordError as error:
                reason = str(error)
            except _SHAPE_ERRORS as error:
                reason = f"its shape is not that of {self.source.title} ({type(error).__name__})"
        rejects.add(self.name, framed.place, reason, framed.raw.decode("utf-8", "replace"))
        return []

    def _usable(
        self, made: list[Row | PassedOverError | BrokenRecordError], framed: Framed, rejects: Rejects
    ) -> list[Row]:
        """Calls of a record; its other parts are counted, or set aside."""
        rows = []
        for row in made:
            if isinstance(row, dict):
                self._complete(row, row.pop("attributes", framed.value) if self._mapped else None)
                if (
                    self.source.role == "parts"
                    and not self.joined
                    and None in map(row.get, ("account_id", "timestamp"))
                ):
                    self.passed_over[NO_COUNTERPART] += 1
                else:
                    rows.append(row)
            elif isinstance(row, PassedOverError):
                self.passed_over[printable(str(row), RAW_CHARACTERS)] += 1
            else:
                rejects.add(self.name, framed.place, str(row), framed.raw.decode("utf-8", "replace"))
        return rows

    def _complete(self, row: Row, record: Record) -> None:
        """Fill columns that the user maps by hand, and account and model where no log names them."""
        if self._mapped and isinstance(record, Mapping):
            for ours, path in self._mapped:
                value = from_object(record, path)
                row[ours] = row.get(ours) if value is None else value
        settle_messages(row)
        get = row.get
        if self.source.nameless:
            row["account_fallback"] = get("account_fallback") or self._file.account or self.name
        if self.joined:
            return
        if self.source.nameless and get("timestamp") in (None, ""):
            row["timestamp"] = self.changed()
        if not get("account_id") and get("account_id") in (None, ""):
            row["account_id"] = found = get("account_fallback")
            self.by_address += found is not None and found == get("client_ip")
        if not get("model") and get("model") in (None, ""):
            row["model"] = UNKNOWN_MODEL


def _placed(first: int, places: list[str]) -> Callable[[int], str]:
    return lambda number: places[number - first]


def sample_of(file: TextFile, framing: Framing) -> Sample:
    """The beginning of a file, to recognise its source by.

    Raises:
        UnusableInputError: nothing in it can be decoded.
    """
    found: list[Record] = []
    names: dict[str, None] = {}
    seen = size = 0
    reason = ""
    try:
        for framed in framed_records(file, framing, None, Rejects(), HashedFile(file.path)):
            seen, size = seen + 1, size + framed.size
            if not framed.reason:
                found.append(framed.value)
                names.update(dict.fromkeys(framed.value if isinstance(framed.value, Mapping) else ()))
            reason = reason or framed.reason
            if seen >= PROBED_RECORDS or size >= PROBED_BYTES:
                break
    except DamagedFileError as error:
        reason = reason or str(error)
    if not found:
        raise UnusableInputError(reason or "the file is empty")
    return Sample(framing, found, frozenset(names))


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
    decode = decoder.decode
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
    if source is not None and source.fields_read is not None and not _named_by_user(file):
        return msgspec.json.Decoder(source.fields_read)
    return msgspec.json.Decoder(Any)


def _named_by_user(file: TextFile) -> list[tuple[str, str]]:
    """Our columns whose place the user told, and that place: of two it is the first, our name for it the second."""
    return [(ours, paths[0]) for ours, paths in file.fields.paths.items() if len(paths) > 1]


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
    reader = CsvReader(file, ())
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
