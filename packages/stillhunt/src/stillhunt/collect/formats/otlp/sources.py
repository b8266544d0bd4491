"""The OpenTelemetry formats: traces and log records of model calls, as a collector, an SDK or OTLP/HTTP writes them.

A log record is a complete call, or one message of a call (event names:
opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events). The records of one span are one call. They are kept until the
last one has been read, so that of a log in the order of time few are in memory at once.
"""

from __future__ import annotations

import contextlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.collect.formats.otlp.attributes import Attributes, Entry, SkipAttributes, value_of
from stillhunt.collect.formats.otlp.dialects import VENDOR_MODEL, call_of, model_group, operation
from stillhunt.collect.formats.otlp.entries import Export, entries
from stillhunt.collect.formats.otlp.identity import NOWHERE, identity, place_of
from stillhunt.collect.formats.otlp.traces import (
    LEARNED_ATTRIBUTES,
    MAX_SPANS,
    NamespaceAccounts,
    SpanIndex,
    gather_traces,
    numbers,
    span_key,
)
from stillhunt.collect.formats.source import (
    SHAPE_ERRORS,
    BrokenRecordError,
    PassedOverError,
    Record,
    Row,
    Sample,
    load_source,
)
from stillhunt.collect.values.chat import content_text

NO_MODEL_CALL = "not a model call"
EMPTY_ENTRY = "an entry without content"
WRAPPER = "a span around a model call"
DUPLICATE = "a call that another span describes too"
BEYOND = f"the spans around a call: only {MAX_SPANS:,} spans are kept, and later calls are read by themselves"
REPEATED_SPAN = "a span that was read already"
LOG_AMONG_SPANS = "a log record among spans; write it to a file of its own"
LITELLM_EMPTY = (
    "a call whose default LiteLLM spans have neither account, model nor text; set USE_OTEL_LITELLM_REQUEST_SPAN=true"
)
_RAW_REQUEST = "raw_gen_ai_request"


def _iterate_entry_rows(
    record: Record, made: Callable[[Entry], Row | None], *, skip: SkipAttributes | None = None
) -> Iterator[Row | PassedOverError | BrokenRecordError]:
    """Calls of one record; an entry that cannot be read costs none of the others."""
    try:
        for entry in entries(record, skip=skip):
            if entry.empty:
                yield PassedOverError(EMPTY_ENTRY, entry.empty)
                continue
            try:
                row = made(entry)
            except (PassedOverError, BrokenRecordError) as error:
                yield error
            except SHAPE_ERRORS as error:
                yield BrokenRecordError(f"an entry with an unknown structure ({type(error).__name__})")
            else:
                if row is not None:
                    yield row
    except (PassedOverError, BrokenRecordError) as error:
        yield error


def _iterate_readable_entries(records: Iterator[Record], names: frozenset[str] | None = None) -> Iterator[Entry]:
    """Entries of each record up to the first that cannot be read, which is reported when rows are made."""
    for record in records:
        with contextlib.suppress(PassedOverError, BrokenRecordError):
            yield from entries(record, names=names)


def _span_rows(record: Record, traces: SpanIndex) -> Iterator[Row | PassedOverError | BrokenRecordError]:
    without_context = 0

    def made(entry: Entry) -> Row:
        nonlocal without_context
        row = span_row(entry, traces)
        without_context += traces.is_beyond(entry.trace, entry.span)
        return row

    yield from _iterate_entry_rows(record, made, skip=traces.is_no_call)
    if without_context:
        yield PassedOverError(BEYOND, without_context)


def span_row(entry: Entry, traces: SpanIndex) -> Row:
    """The call that a span describes; a PassedOverError if none or repeated, a BrokenRecordError without a time."""
    if entry.log:
        raise PassedOverError(LOG_AMONG_SPANS)
    attributes = entry.attributes
    kind = operation(attributes)
    key = span_key(entry.trace, entry.span) if entry.trace and entry.span else None
    if key is not None and traces.read_before(key):
        raise PassedOverError(REPEATED_SPAN)
    if kind is None and entry.name != _RAW_REQUEST:
        raise PassedOverError(NO_MODEL_CALL)
    index = traces.index(key) if key is not None else -1
    if kind is None:
        # LiteLLM's request to the vendor of the model, for a call that no span around it describes.
        raise PassedOverError(NO_MODEL_CALL if traces.within_call(index) else LITELLM_EMPTY)
    if index >= 0 and traces.wraps[index]:
        raise PassedOverError(WRAPPER)
    if key in traces.duplicates:
        raise PassedOverError(DUPLICATE)
    if not entry.start:
        raise BrokenRecordError("a model call without a start time")
    outer = traces.outer(index) if index >= 0 else NOWHERE
    row = call_of(with_events(entry) if entry.events else attributes, kind)
    row["timestamp"] = entry.start
    vendor_model = attributes.get(VENDOR_MODEL)
    if traces.model_names and vendor_model is not None and model_group(attributes) is None:
        row["model"] = traces.model_names.get(str(vendor_model), row.get("model"))
    row.update(identity(entry, outer, tenants=traces.tenants))
    return row


def with_events(entry: Entry) -> Attributes:
    """Attributes of a span, with those of its events that hold messages."""
    made = entry.attributes
    for name, attributes in entry.events:
        if name in ("gen_ai.content.prompt", "gen_ai.content.completion", DETAILS):
            made = {**attributes, **made}
    return made


_EXPORTS = frozenset(("resourceSpans", "resourceLogs", "resourceMetrics"))


def _holds_entry_kind(sample: Sample, name: str, *, logs: bool) -> bool:
    if sample.framing == "json":
        exports = [not _EXPORTS.isdisjoint(record) for record in sample.records if isinstance(record, dict)]
        named = (name in record for record in sample.records if isinstance(record, dict))
        return sample.mostly(exports) and any(named)
    found = (next(_iterate_readable_entries(iter((record,))), None) for record in sample.records)
    return any(entry is not None and not entry.empty and entry.log == logs for entry in found)


MAX_EVENTS = 1 << 25
"""Log records of which the call is learned; later ones are read by themselves."""
MAX_WAITING = 1 << 20
"""Records kept of incomplete calls; with more, the oldest incomplete call becomes a row as it is."""
DETAILS = "gen_ai.client.inference.operation.details"
NO_MESSAGE = "not a message to or from a model"
NO_SPAN = "a message without a span id, which belongs to no call"
REPEATED_RECORD = "a log record that was read already"
_CHOICE = "gen_ai.choice"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    _CHOICE: "assistant",
}


@dataclass
class _Waiting:
    """Records of one call that have been read so far: entries by digest or number, until they are handed on."""

    entries: dict[int, Entry] = field(default_factory=dict)
    seen: int = 0
    given: bool = False


@dataclass
class Events:
    """How many log records each call has, and those of incomplete calls.

    `keys` are sorted, of all spans with log records; `distinct` counts each one's different records, `total` all.
    """

    keys: npt.NDArray[np.uint64]
    distinct: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]
    tenants: bool
    _waiting: dict[int, _Waiting] = field(default_factory=dict)
    _kept: int = 0
    _view: memoryview[int] | None = None

    def put(self, entry: Entry) -> list[Entry]:
        """Add a record; gives the records of its call in order of time if this completes it, else none.

        If more than MAX_WAITING are kept, gives those of the oldest call. A repeated record is a PassedOverError.
        """
        key = span_key(entry.trace, entry.span)
        if self._view is None:
            self._view = self.keys.data
        found = bisect_left(self._view, key)
        if found == len(self._view) or self._view[found] != key or self.total[found] == 1:
            return [entry]
        waiting = self._waiting.setdefault(key, _Waiting())
        # If all records of the call differ, a number identifies each and no digest is needed.
        name = waiting.seen if self.distinct[found] == self.total[found] else _hash_entry(entry)
        known = waiting.given or name in waiting.entries
        waiting.seen += 1
        ready: list[Entry] = []
        if not known:
            waiting.entries[name] = entry
            self._kept += 1
            if len(waiting.entries) == self.distinct[found]:
                ready = self._take_waiting_entries(waiting)
        if waiting.seen == self.total[found]:
            del self._waiting[key]
        if known:
            raise PassedOverError(REPEATED_RECORD)
        if not ready and self._kept > MAX_WAITING:
            ready = self._take_waiting_entries(next(one for one in self._waiting.values() if one.entries))
        return ready

    def _take_waiting_entries(self, waiting: _Waiting) -> list[Entry]:
        entries = sorted(waiting.entries.values(), key=lambda entry: entry.start)
        self._kept -= len(entries)
        waiting.entries, waiting.given = {}, True
        return entries


def gather_events(entries: Iterator[Entry]) -> Events:
    """Count the log records of each call."""
    keys, names = array("Q"), array("Q")
    customers = NamespaceAccounts()
    for entry in entries:
        if not _is_message(entry) or not entry.trace or not entry.span or len(keys) >= MAX_EVENTS:
            continue
        keys.append(span_key(entry.trace, entry.span))
        names.append(_hash_entry(entry))
        customers.note(entry, place_of(entry.attributes).user, called=True)
    unique, total = np.unique(numbers(keys), return_counts=True)
    pairs = np.unique(np.stack([numbers(keys), numbers(names)], axis=1), axis=0)
    distinct = np.unique(pairs[:, 0], return_counts=True)[1]
    return Events(unique, distinct, total, customers.are_namespaces())


def event_row(entry: Entry, events: Events) -> Row | None:
    """The call that a log record completes, None while others are missing; errors as those of `span_row`."""
    if not _is_message(entry):
        raise PassedOverError(NO_MESSAGE)
    if not entry.trace or not entry.span:
        if _get_event_name(entry) in _ROLES:
            raise PassedOverError(NO_SPAN)
        found = [entry]
    else:
        found = events.put(entry)
    return _build_event_call(found, tenants=events.tenants) if found else None


def _build_event_call(entries: list[Entry], *, tenants: bool) -> Row:
    began = min((entry.start for entry in entries if entry.start), default=0)
    if not began:
        raise BrokenRecordError("log records of a model call without a time")
    main = next((entry for entry in entries if _get_event_name(entry) not in _ROLES), entries[0])
    row = call_of(main.attributes, operation(main.attributes) or "chat")
    messages = [message for entry in entries if (message := _extract_event_message(entry)) is not None]
    if messages and "messages" not in row and "prompt" not in row:
        row["messages"] = messages
    texts = [text for entry in entries if _get_event_name(entry) == _CHOICE and (text := _extract_choice_text(entry))]
    if texts and "response" not in row:
        row["response"] = "\n".join(texts)
    return row | {"timestamp": began} | identity(main, NOWHERE, tenants=tenants)


def _extract_event_message(entry: Entry) -> dict[str, Any] | None:
    """The message to the model in a record; None for answers and other records."""
    name = _get_event_name(entry)
    if name not in _ROLES or name == _CHOICE:
        return None
    body = _get_entry_body(entry)
    role = body.get("role")
    return {"role": role if isinstance(role, str) and role else _ROLES[name], "content": body.get("content")}


def _extract_choice_text(entry: Entry) -> str:
    body = _get_entry_body(entry)
    message = value_of(body.get("message"))
    return content_text(message.get("content") if isinstance(message, Mapping) else message or body.get("content"))


def _get_entry_body(entry: Entry) -> Mapping[str, Any]:
    """Content of a record: its body, or its attributes if it has no body, as newer conventions have it."""
    body = value_of(entry.body)
    if isinstance(body, str):
        return {"content": body}
    return body if isinstance(body, Mapping) else entry.attributes


def _is_message(entry: Entry) -> bool:
    return entry.log and (
        _get_event_name(entry) in _ROLES or _get_event_name(entry) == DETAILS or operation(entry.attributes) is not None
    )


def _get_event_name(entry: Entry) -> str:
    return entry.name or str(entry.attributes.get("event.name") or "")


def _hash_entry(entry: Entry) -> int:
    """A number that differs between different records of one span."""
    content = repr((_get_event_name(entry), entry.start, entry.body, entry.attributes)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest())


SOURCES = (
    load_source(
        "otlp",
        lambda sample: _holds_entry_kind(sample, "resourceSpans", logs=False),
        gather=lambda records: gather_traces(_iterate_readable_entries(records, LEARNED_ATTRIBUTES)),
        rows_within=_span_rows,
        record_type=Export,
    ),
    load_source(
        "otlp-logs",
        lambda sample: _holds_entry_kind(sample, "resourceLogs", logs=True),
        gather=lambda records: gather_events(_iterate_readable_entries(records)),
        rows_within=lambda record, events: _iterate_entry_rows(record, lambda entry: event_row(entry, events)),
        record_type=Export,
    ),
)
