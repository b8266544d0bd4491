"""Reader of a vendor log: its records become rows of REQUESTS by the functions of their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillhunt.base.formatting import shorten
from stillhunt.collect.decode.columnar import UnusableInputError
from stillhunt.collect.decode.lines import (
    PROBED_BYTES,
    PROBED_RECORDS,
    TEXT_BATCH_BYTES,
    Gathered,
    TextFile,
    text_batch,
)
from stillhunt.collect.decode.record_readers import Framed, framed_records, named_by_user
from stillhunt.collect.decode.streams import DamagedFileError, HashedFile
from stillhunt.collect.formats.source import (
    SHAPE_ERRORS,
    BrokenRecordError,
    Framing,
    PassedOverError,
    Record,
    Row,
    Sample,
    Source,
)
from stillhunt.collect.locate.object_stores import changed_at
from stillhunt.collect.values.chat import settle_messages
from stillhunt.collect.values.field_suggestions import leading_names, usual_names
from stillhunt.collect.values.fields import UNKNOWN_MODEL, RawBatch, from_object
from stillhunt.collect.values.other_settings import SETTING_FIELDS
from stillhunt.collect.values.rejects import RAW_CHARACTERS, Rejects

NO_COUNTERPART = "of calls that no other log has"
"""Why rows that only complete calls of other logs are passed over if there is no such call."""
HOLDS_NONE = "a record without a call"  # such as an empty export


@dataclass
class Context:
    """Result of `Source.gather` for all inputs of one source; computed when it is first needed."""

    source: Source
    readers: list[RecordReader] = field(default_factory=list)
    _value: Any = None
    _known: bool = False

    def value(self) -> Any:
        """The result; None if the source has no `gather`."""
        if not self._known and self.source.gather is not None:
            self._value = self.source.gather(
                framed.value for reader in self.readers for framed in reader.records() if not framed.reason
            )
        self._known = True
        return self._value


class RecordReader:
    """One input of a vendor log; see Reader."""

    rewindable = False

    def __init__(self, file: TextFile, source: Source, framing: Framing, context: Context) -> None:
        self.name, self.index, self.source = file.name, file.index, source
        self.rows_expected: int | None = None
        self.passed_over: Counter[str] = Counter()
        """Records that are not model calls, by reason; complete after the last batch."""
        self.found = 0  # records read
        self.joined = False  # whether rows will be joined with those of other inputs, which may name account and model
        self.by_address = 0
        """Calls whose account is the client's address because the log names none; only if rows are not joined."""
        self.handed_on = 0  # rows given to the join
        self._file, self._framing, self._context = file, framing, context
        self._digest: HashedFile | None = None
        self._changed: int | None = None
        self._mapped = named_by_user(file)
        context.readers.append(self)

    def digest(self) -> str:
        """SHA-256 of the file as it lies on disk, once all of it has been read."""
        return "" if self._digest is None else self._digest.sha256()

    def changed(self) -> int:
        """When the file was last changed, microseconds since 1970; the time of calls whose log has none."""
        if self._changed is None:
            self._changed = changed_at(self._file.path)
        return self._changed

    def records(self, rejects: Rejects | None = None) -> Iterator[Framed]:
        """All records of the file; broken ones have a reason."""
        return framed_records(self._file, self._framing, self.source, rejects or Rejects(), HashedFile(self._file.path))

    def batches(self, wanted: Sequence[str], rejects: Rejects) -> Iterator[RawBatch]:
        """All calls, see Reader."""
        wanted = [name for name in wanted if name not in SETTING_FIELDS]  # formats name them in other_settings
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
            self.found += framed.copies
            for place, row in enumerate(self._convert_framed_record(framed, context, rejects)):
                identity = row.get("request_id")
                if identity is None or identity == "":
                    row["request_id"] = f"{self.name}#{framed.place}" + (f".{place}" if place else "")
                waiting.add(tuple(map(row.get, wanted)), number, framed.raw)
                if framed.size and counted and not place:
                    waiting.size += framed.size  # upper bound of its texts, messages included
                else:
                    waiting.size += sum([len(v) for v in row.values() if isinstance(v, str)])
                places.append(framed.place)
                number += 1
                if len(places) >= most_rows or waiting.size >= TEXT_BATCH_BYTES:
                    self.handed_on += len(places) if self.joined else 0
                    yield text_batch(self._file, waiting, wanted, _make_place_lookup(number - waiting.rows, places))
                    waiting, places = Gathered(), []
        if waiting.rows:
            self.handed_on += len(places) if self.joined else 0
            yield text_batch(self._file, waiting, wanted, _make_place_lookup(number - waiting.rows, places))

    def _convert_framed_record(self, framed: Framed, context: Any, rejects: Rejects) -> list[Row]:
        reason = framed.reason
        if not reason:
            try:
                source = self.source
                made: Iterable[Row | PassedOverError | BrokenRecordError] = ()
                if source.rows is not None:
                    made = source.rows(framed.value)
                elif source.rows_within is not None:
                    made = source.rows_within(framed.value, context)
                return self._select_usable_calls(made, framed, rejects)
            except PassedOverError as error:
                self.passed_over[shorten(str(error), RAW_CHARACTERS)] += 1
                return []
            except BrokenRecordError as error:
                reason = str(error)
            except SHAPE_ERRORS as error:
                reason = f"its structure is not that of {self.source.title} ({type(error).__name__})"
        rejects.add(self.name, framed.place, reason, framed.raw.decode("utf-8", "replace"))
        return []

    def _select_usable_calls(
        self, made: Iterable[Row | PassedOverError | BrokenRecordError], framed: Framed, rejects: Rejects
    ) -> list[Row]:
        """Calls of a record; its other parts are counted or rejected once all of it has been read."""
        calls, reasons, passed_over = list[Row](), list[str](), dict[str, int]()  # a Counter takes long to make
        for part in made:  # of millions of parts that are no calls, none is kept
            if isinstance(part, dict):
                calls.append(part)
            elif isinstance(part, PassedOverError):
                why = shorten(str(part), RAW_CHARACTERS)
                passed_over[why] = passed_over.get(why, 0) + part.count
            else:
                reasons.append(str(part))
        if not (calls or reasons or passed_over):
            passed_over[HOLDS_NONE] = framed.copies
        if passed_over:
            self.passed_over.update(passed_over)
        for reason in reasons:
            rejects.add(self.name, framed.place, reason, framed.raw.decode("utf-8", "replace"))
        return self._complete_calls(calls, framed)

    def _complete_calls(self, calls: list[Row], framed: Framed) -> list[Row]:
        """Calls with what the user mapped; those that only complete others, and cannot, are passed over."""
        rows = []
        for row in calls:
            self._fill_missing_columns(row, row.pop("attributes", framed.value) if self._mapped else None)
            alone = self.source.role == "parts" and not self.joined
            if alone and None in map(row.get, ("account_id", "timestamp")):
                self.passed_over[NO_COUNTERPART] += 1
            else:
                rows.append(row)
        return rows

    def _fill_missing_columns(self, row: Row, record: Record) -> None:
        """Fill columns that the user mapped, and account and model if no log names them."""
        if self._mapped and isinstance(record, Mapping):
            for ours, path in self._mapped:
                value = from_object(record, path)
                if value is not None:
                    row[ours] = value
                    if ours == "messages":
                        row["prompt"] = None  # so that the prompt is taken from these messages
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


def _make_place_lookup(first: int, places: list[str]) -> Callable[[int], str]:
    return lambda number: places[number - first]


def sample_of(file: TextFile, framing: Framing, *, mixed: bool = False) -> Sample:
    """The beginning of a file, which tells its source; an UnusableInputError if no record in it can be decoded."""
    found: list[Record] = []
    seen = size = 0
    reason = ""
    try:
        for framed in framed_records(file, framing, None, Rejects(), HashedFile(file.path)):
            seen, size = seen + 1, size + framed.size
            if not framed.reason:
                found.append(framed.value)
            reason = reason or framed.reason
            if seen >= PROBED_RECORDS or size >= PROBED_BYTES:
                break
    except DamagedFileError as error:
        reason = reason or str(error)
    if not found:
        raise UnusableInputError(reason or "the file is empty")
    names = leading_names(found) if mixed else usual_names(found)
    return Sample(framing, found, frozenset(names), mixed)
