"""OTLP in protobuf -> spans and log records with plain attributes.

The message types are those of the package opentelemetry-proto with two changes, which the wire format allows. Every
text field is declared as bytes, because the decoder would otherwise refuse a whole message for one text that is not
UTF-8. What may nest without limit, or is seldom needed, is declared as bytes and decoded when it is asked for, because
the decoder would otherwise refuse a whole message for one deeply nested value.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from stillhunt.collect.formats.otlp.attributes import (
    MAX_VALUE_DEPTH,
    SHORTEST_ENTRY,
    SPAN_BYTES,
    STATUS_ERROR,
    TRACE_BYTES,
    Attributes,
    Entry,
    SkipAttributes,
)
from stillhunt.collect.formats.source import BrokenRecordError

_DECODED_LATER = frozenset(
    ("ScopeSpans.spans", "ScopeLogs.log_records", "Span.events", "AnyValue.array_value", "AnyValue.kvlist_value")
)
_SPAN_START, _LOG_START = b"\x0a", b"\x09"
"""First byte of a span, whose field 1 is its trace id, and of a log record, whose field 1 is its time."""
_MAX_CACHED_NAMES, _MAX_CACHED_BYTES = 1 << 14, 128
_names: dict[bytes, str] = {}
"""Attribute names as bytes -> as text: a log has few different ones, and every span repeats them."""


def _declare_bytes(message: DescriptorProto) -> None:
    """Declare texts, and fields that are decoded later, as bytes."""
    for field in message.field:
        if field.type == field.TYPE_STRING or f"{message.name}.{field.name}" in _DECODED_LATER:
            field.type = field.TYPE_BYTES
            field.ClearField("type_name")
    for nested in message.nested_type:
        _declare_bytes(nested)


def _build_descriptor_pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, logs_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _declare_bytes(message)
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _build_descriptor_pool()


def _get_message_decoder(name: str) -> Any:
    """Function that decodes a message of this type."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"opentelemetry.proto.{name}")).FromString


_resource_spans = _get_message_decoder("trace.v1.ResourceSpans")  # ResourceLogs has the same fields
_span = _get_message_decoder("trace.v1.Span")
_event = _get_message_decoder("trace.v1.Span.Event")
_log_record = _get_message_decoder("logs.v1.LogRecord")
_array = _get_message_decoder("common.v1.ArrayValue")
_key_values = _get_message_decoder("common.v1.KeyValueList")


def protobuf_entries(
    data: bytes, names: frozenset[str] | None = None, skip: SkipAttributes | None = None
) -> Iterator[Entry]:
    """As `entries`, of one ResourceSpans or ResourceLogs message; those before a damage come before the error."""
    try:
        message = _resource_spans(data)
        resource = _collect_attributes(message.resource.attributes)
        for group in message.scope_spans:
            scope = _decode_utf8_text(group.scope.name)
            empty = 0
            for part in group.spans:
                if len(part) < SHORTEST_ENTRY:
                    empty += 1
                    continue
                entry = _decode_entry(part, names, skip)
                entry.scope, entry.resource = scope, resource
                yield entry
            if empty:
                yield Entry(empty=empty)
    except DecodeError as error:
        raise BrokenRecordError("damaged protobuf, or not of OTLP") from error


def _decode_entry(data: bytes, names: frozenset[str] | None, skip: SkipAttributes | None) -> Entry:
    """A span where the message decodes as one and has a trace id; a log record otherwise."""
    if data[:1] != _LOG_START:
        try:
            span = _span(data)
        except DecodeError:
            if data[:1] == _SPAN_START:
                raise
        else:
            if span.trace_id:
                return _span_entry(span, names, skip)
    log = _log_record(data)
    return Entry(
        True,
        _check_id_bytes(log.trace_id, TRACE_BYTES),
        _check_id_bytes(log.span_id, SPAN_BYTES),
        name=_decode_utf8_text(log.event_name),
        start=log.time_unix_nano or log.observed_time_unix_nano,
        attributes=_collect_attributes(log.attributes, names),
        body=_convert_any_value(log.body, MAX_VALUE_DEPTH),
    )


def _span_entry(span: Any, names: frozenset[str] | None, skip: SkipAttributes | None) -> Entry:
    trace_id, span_id = _check_id_bytes(span.trace_id, TRACE_BYTES), _check_id_bytes(span.span_id, SPAN_BYTES)
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    parent, name = _check_id_bytes(span.parent_span_id, SPAN_BYTES), _decode_utf8_text(span.name)
    if skip is not None and skip(trace_id, span_id):
        return Entry(False, trace_id, span_id, parent, name, start, end=end)
    events = [_event(event) for event in span.events if b"gen_ai." in event]
    return Entry(
        False,
        trace_id,
        span_id,
        parent,
        name,
        start,
        _collect_attributes(span.attributes, names),
        tuple([(_decode_utf8_text(one.name), _collect_attributes(one.attributes)) for one in events]),
        end=end,
        failure=_decode_utf8_text(span.status.message) if span.status.code == STATUS_ERROR else None,
    )


def _collect_attributes(
    pairs: Iterable[Any], names: frozenset[str] | None = None, depth: int = MAX_VALUE_DEPTH
) -> Attributes:
    """Attributes that have a value, by name; only those that are named, all when None."""
    made: Attributes = {}
    for pair in pairs:
        key = pair.key
        name = _names.get(key)
        if name is None:
            name = _decode_attribute_name(key)
        if names is not None and name not in names:
            continue
        value = pair.value
        text = value.string_value  # most values are texts
        found = _decode_utf8_text(text) if text else _convert_any_value(value, depth)
        if found is not None:
            made[name] = found
    return made


def _convert_any_value(value: Any, depth: int) -> Any:
    """Value of an AnyValue message; None for bytes, and for lists and objects below the depth that is read."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return _decode_utf8_text(value.string_value)
    if kind in ("int_value", "bool_value", "double_value"):
        return getattr(value, kind)
    if depth > 0 and kind == "array_value":
        return [_convert_any_value(part, depth - 1) for part in _array(value.array_value).values]
    if depth > 0 and kind == "kvlist_value":
        return _collect_attributes(_key_values(value.kvlist_value).values, None, depth - 1)
    return None


def _decode_attribute_name(key: bytes) -> str:
    name = _decode_utf8_text(key)
    if len(key) <= _MAX_CACHED_BYTES and len(_names) < _MAX_CACHED_NAMES:
        _names[key] = name
    return name


def _decode_utf8_text(data: bytes) -> str:
    return str(data, "utf-8", "replace")


def _check_id_bytes(data: bytes, size: int) -> bytes:
    """An id; empty for one of another length or of zeros, which mean that there is none."""
    return data if len(data) == size and any(data) else b""
