"""The OpenTelemetry formats: traces and log records of model calls, as a collector, an SDK or OTLP/HTTP writes them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from stillhunt.collect.formats.otlp.attributes import Attributes, Entry, SkipAttributes
from stillhunt.collect.formats.otlp.dialects import VENDOR_MODEL, call_of, model_group, operation
from stillhunt.collect.formats.otlp.entries import Export, entries
from stillhunt.collect.formats.otlp.events import DETAILS, Events, event_row, gather_events
from stillhunt.collect.formats.otlp.identity import NOWHERE, identity
from stillhunt.collect.formats.otlp.traces import LEARNED_ATTRIBUTES, MAX_SPANS, SpanIndex, gather_traces, span_key
from stillhunt.collect.formats.source import (
    SHAPE_ERRORS,
    BrokenRecordError,
    PassedOverError,
    Record,
    Row,
    Sample,
    load_source,
)

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


def _rows(
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


def _readable(records: Iterator[Record], names: frozenset[str] | None = None) -> Iterator[Entry]:
    """Entries of each record up to the first that cannot be read, which is reported when rows are made."""
    for record in records:
        with contextlib.suppress(PassedOverError, BrokenRecordError):
            yield from entries(record, names=names)


def _gather(records: Iterator[Record]) -> SpanIndex:
    return gather_traces(_readable(records, LEARNED_ATTRIBUTES))


def _span_rows(record: Record, traces: SpanIndex) -> Iterator[Row | PassedOverError | BrokenRecordError]:
    without_context = 0

    def made(entry: Entry) -> Row:
        nonlocal without_context
        row = span_row(entry, traces)
        without_context += traces.is_beyond(entry.trace, entry.span)
        return row

    yield from _rows(record, made, skip=traces.is_no_call)
    if without_context:
        yield PassedOverError(BEYOND, without_context)


def span_row(entry: Entry, traces: SpanIndex) -> Row:
    """The model call that a span describes.

    Raises:
        PassedOverError: the span is not a model call, or not the one that counts.
        BrokenRecordError: it is a model call without a time.
    """
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


def _gather_logs(records: Iterator[Record]) -> Events:
    return gather_events(_readable(records))


def _log_rows(record: Record, events: Events) -> Iterator[Row | PassedOverError | BrokenRecordError]:
    return _rows(record, lambda entry: event_row(entry, events))


def with_events(entry: Entry) -> Attributes:
    """Attributes of a span, with those of its events that hold messages."""
    made = entry.attributes
    for name, attributes in entry.events:
        if name in ("gen_ai.content.prompt", "gen_ai.content.completion", DETAILS):
            made = {**attributes, **made}
    return made


_EXPORTS = frozenset(("resourceSpans", "resourceLogs", "resourceMetrics"))


def _holds(sample: Sample, name: str, *, logs: bool) -> bool:
    if sample.framing == "json":
        exports = [not _EXPORTS.isdisjoint(record) for record in sample.records if isinstance(record, dict)]
        named = (name in record for record in sample.records if isinstance(record, dict))
        return sample.mostly(exports) and any(named)
    found = (next(_readable(iter((record,))), None) for record in sample.records)
    return any(entry is not None and not entry.empty and entry.log == logs for entry in found)


SOURCES = (
    load_source(
        "otlp",
        lambda sample: _holds(sample, "resourceSpans", logs=False),
        gather=_gather,
        rows_within=_span_rows,
        record_type=Export,
    ),
    load_source(
        "otlp-logs",
        lambda sample: _holds(sample, "resourceLogs", logs=True),
        gather=_gather_logs,
        rows_within=_log_rows,
        record_type=Export,
    ),
)
