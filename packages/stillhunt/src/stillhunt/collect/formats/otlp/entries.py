"""A record of OTLP, in JSON or protobuf -> spans and log records with plain attributes.

JSON names: opentelemetry-proto 1.9 in the JSON mapping of opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding (ids
are hex, 64-bit integers are strings).
"""

from binascii import unhexlify
from collections.abc import Iterator
from typing import Any

import msgspec

from stillhunt.collect.formats.otlp.attributes import (
    MAX_VALUE_DEPTH,
    SPAN_BYTES,
    STATUS_ERROR,
    TRACE_BYTES,
    Attributes,
    Entry,
    SkipAttributes,
)
from stillhunt.collect.formats.otlp.protobuf import protobuf_entries
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError
from stillhunt.collect.values.json_values import tolerant_value

_TIME_LIMIT = 1 << 63
METRICS = "metrics, which describe no single call"
FOREIGN = "not a record of OpenTelemetry: it has neither resourceSpans nor resourceLogs"


class _Value(msgspec.Struct, gc=False, rename="camel"):
    string_value: Any = None
    int_value: Any = None
    double_value: Any = None
    bool_value: Any = None
    bytes_value: Any = None
    array_value: Any = None
    kvlist_value: Any = None


class _Pair(msgspec.Struct, gc=False):
    key: str
    value: _Value | None = None


class _Span(msgspec.Struct, gc=False, rename="camel"):
    trace_id: Any = None
    span_id: Any = None
    parent_span_id: Any = None
    name: Any = None
    start_time_unix_nano: Any = None
    end_time_unix_nano: Any = None
    attributes: msgspec.Raw = msgspec.Raw()
    events: msgspec.Raw = msgspec.Raw()
    status: Any = None


class _LogRecord(msgspec.Struct, gc=False, rename="camel"):
    trace_id: Any = None
    span_id: Any = None
    event_name: Any = None
    time_unix_nano: Any = None
    observed_time_unix_nano: Any = None
    attributes: msgspec.Raw = msgspec.Raw()
    body: Any = None


class _Event(msgspec.Struct, gc=False):
    name: Any = None
    attributes: msgspec.Raw = msgspec.Raw()


class _Resource(msgspec.Struct, gc=False):
    attributes: msgspec.Raw = msgspec.Raw()


class _Scope(msgspec.Struct, gc=False):
    name: Any = None


class _ScopeEntries(msgspec.Struct, gc=False, rename="camel"):
    scope: _Scope | None = None
    spans: list[_Span] | None = None
    log_records: list[_LogRecord] | None = None


class _ResourceEntries(msgspec.Struct, gc=False, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeEntries] | None = None
    scope_logs: list[_ScopeEntries] | None = None


class Export(msgspec.Struct, gc=False, rename="camel"):
    """An export request in JSON; attributes are decoded only when they are needed."""

    resource_spans: list[_ResourceEntries] | None = None
    resource_logs: list[_ResourceEntries] | None = None
    resource_metrics: msgspec.Raw = msgspec.Raw()


_PAIRS = msgspec.json.Decoder(list[_Pair])
_EVENTS = msgspec.json.Decoder(list[_Event])


def entries(record: Any, *, names: frozenset[str] | None = None, skip: SkipAttributes | None = None) -> Iterator[Entry]:
    """Spans and log records of one record of a file, in their order; None of `names` means all attributes.

    Attributes of spans for which `skip` holds are left out. Raises BrokenRecordError where the record is no export
    request, and PassedOverError where it holds metrics.
    """
    if isinstance(record, Export):
        if record.resource_spans is None and record.resource_logs is None:
            if record.resource_metrics:
                raise PassedOverError(METRICS)
            raise BrokenRecordError(FOREIGN)
        yield from _json_entries(record, skip)
    elif isinstance(record, bytes):
        yield from protobuf_entries(record, names, skip)
    else:
        raise BrokenRecordError("not an OTLP export request, neither in JSON nor in protobuf")


def _json_entries(record: Export, skip: SkipAttributes | None) -> Iterator[Entry]:
    for group in (*(record.resource_spans or ()), *(record.resource_logs or ())):
        resource = _json_attributes(group.resource.attributes) if group.resource else {}
        for part in (*(group.scope_spans or ()), *(group.scope_logs or ())):
            scope = _get_text_or_empty(part.scope.name) if part.scope else ""
            for span in part.spans or ():
                trace, own = _decode_hex_id(span.trace_id, TRACE_BYTES), _decode_hex_id(span.span_id, SPAN_BYTES)
                left = skip is not None and skip(trace, own)
                yield Entry(
                    False,
                    trace,
                    own,
                    _decode_hex_id(span.parent_span_id, SPAN_BYTES),
                    _get_text_or_empty(span.name),
                    _parse_nanoseconds(span.start_time_unix_nano),
                    {} if left else _json_attributes(span.attributes),
                    () if left else _json_events(span.events),
                    scope=scope,
                    resource=resource,
                    end=_parse_nanoseconds(span.end_time_unix_nano),
                    failure=_get_failure_message(span.status) if span.status and not left else None,
                )
            for log in part.log_records or ():
                yield Entry(
                    True,
                    _decode_hex_id(log.trace_id, TRACE_BYTES),
                    _decode_hex_id(log.span_id, SPAN_BYTES),
                    name=_get_text_or_empty(log.event_name),
                    start=_parse_nanoseconds(log.time_unix_nano) or _parse_nanoseconds(log.observed_time_unix_nano),
                    attributes=_json_attributes(log.attributes),
                    body=_json_value(log.body, MAX_VALUE_DEPTH),
                    scope=scope,
                    resource=resource,
                )


def _get_failure_message(status: Any) -> str | None:
    if not isinstance(status, dict) or status.get("code") not in (STATUS_ERROR, str(STATUS_ERROR), "STATUS_CODE_ERROR"):
        return None
    return _get_text_or_empty(status.get("message"))


def _json_attributes(raw: msgspec.Raw) -> Attributes:
    if not raw:
        return {}
    try:
        pairs = _PAIRS.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _json_pairs({"values": _tolerant_value(raw)}, MAX_VALUE_DEPTH)  # the well-formed ones are read
    made: Attributes = {}
    for pair in pairs:
        value = pair.value
        if value is not None:
            text = value.string_value
            made[pair.key] = _struct_value(value) if text is None else text
    return made


def _struct_value(value: _Value) -> Any:
    if value.int_value is not None:
        return _parse_json_integer(value.int_value)
    if value.double_value is not None:
        return value.double_value
    if value.bool_value is not None:
        return value.bool_value
    if value.array_value is not None:
        return _json_list(value.array_value, MAX_VALUE_DEPTH)
    if value.kvlist_value is not None:
        return _json_pairs(value.kvlist_value, MAX_VALUE_DEPTH)
    return value.bytes_value


def _tolerant_value(raw: msgspec.Raw) -> Any:
    return tolerant_value(bytes(raw).decode("utf-8", "replace"))


def _json_pairs(value: Any, depth: int) -> Attributes:
    values = value.get("values") if isinstance(value, dict) else None
    return {
        pair["key"]: _json_value(pair.get("value"), depth - 1)
        for pair in (values if isinstance(values, list) else ())
        if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


def _json_list(value: Any, depth: int) -> list[Any]:
    values = value.get("values") if isinstance(value, dict) else None
    return [_json_value(part, depth - 1) for part in (values if isinstance(values, list) else ())]


def _json_value(value: Any, depth: int) -> Any:
    if not isinstance(value, dict) or depth <= 0:
        return None
    for name, inner in value.items():
        if name == "intValue":
            return _parse_json_integer(inner)
        if name == "arrayValue":
            return _json_list(inner, depth)
        if name == "kvlistValue":
            return _json_pairs(inner, depth)
        if name in ("stringValue", "doubleValue", "boolValue", "bytesValue"):
            return inner
    return None


def _json_events(raw: msgspec.Raw) -> tuple[tuple[str, Attributes], ...]:
    if not raw or b"gen_ai." not in bytes(raw):
        return ()
    try:
        return tuple(
            [(_get_text_or_empty(event.name), _json_attributes(event.attributes)) for event in _EVENTS.decode(raw)]
        )
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        events = _tolerant_value(raw)
        return tuple(
            (_get_text_or_empty(event.get("name")), _json_pairs({"values": event.get("attributes")}, MAX_VALUE_DEPTH))
            for event in (events if isinstance(events, list) else ())
            if isinstance(event, dict)
        )


def _parse_json_integer(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return int(value) if len(value) <= 20 else None
        except ValueError:
            return None
    return value


def _parse_nanoseconds(value: Any) -> int:
    if value is None:
        return 0
    if not isinstance(value, int):
        value = _parse_json_integer(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _TIME_LIMIT else 0


def _get_text_or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _decode_hex_id(value: Any, size: int) -> bytes:
    """An id written in hex; empty for one of another length or of zeros, which mean that there is none."""
    if not value:
        return b""
    try:
        found = unhexlify(value)
    except (ValueError, TypeError):
        return b""
    return found if len(found) == size and any(found) else b""
