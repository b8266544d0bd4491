"""OTLP in protobuf, read field by field: messages that `kernels_protobuf` leaves, being damaged or odd.

Field numbers: opentelemetry-proto 1.9, trace.proto, logs.proto, common.proto; encoding:
protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from stillhunt.collect.formats.otlp.entry import FAILED, SPAN_BYTES, TRACE_BYTES, Attributes, Entry
from stillhunt.collect.formats.otlp.kernels_protobuf import DEEPEST
from stillhunt.collect.formats.source import BrokenRecordError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 70
_SIGN, _UNSIGNED = 1 << 63, 1 << 64
_NUMBER = -1
"""In place of an end: the field is a number."""
_CUT_SHORT = "protobuf of OTLP that is cut short"


def entries_by_hand(data: bytes) -> Iterator[Entry]:
    """Spans and log records of one ResourceSpans or ResourceLogs message, in their order.

    Args:
        data: the message.

    Raises:
        BrokenRecordError: it is no such message.
    """
    groups: list[tuple[int, int]] = []
    resource: Attributes = {}
    for number, at, end in _fields(data, 0, len(data)):
        if number == 1 and end != _NUMBER:
            resource = _attributes(data, [(s, e) for n, s, e in _fields(data, at, end) if n == 1 and e != _NUMBER])
        elif number == 2 and end != _NUMBER:
            groups.append((at, end))
    for at, end in groups:
        scope = ""
        members: list[tuple[int, int]] = []
        for number, start, stop in _fields(data, at, end):
            if number == 1 and stop != _NUMBER:
                scope = next((_text(data, s, e) for n, s, e in _fields(data, start, stop) if n == 1), "")
            elif number == 2 and stop != _NUMBER:
                members.append((start, stop))
        for start, stop in members:
            entry = _entry(data, list(_fields(data, start, stop)))
            entry.scope, entry.resource = scope, resource
            yield entry


def _entry(data: bytes, fields: list[tuple[int, int, int]]) -> Entry:
    """A span, or a log record, whose times are in fields 1 and 11, where a span has its trace and its events."""
    texts: dict[int, tuple[int, int]] = {}
    numbers: dict[int, int] = {}
    repeated: dict[int, list[tuple[int, int]]] = {}
    for number, at, end in fields:
        if end == _NUMBER:
            numbers[number] = at
        else:
            texts[number] = (at, end)
            repeated.setdefault(number, []).append((at, end))
    if 1 in numbers or 11 in numbers or 1 not in texts:
        return Entry(
            True,
            _id(data, texts.get(9), TRACE_BYTES),
            _id(data, texts.get(10), SPAN_BYTES),
            name=_text(data, *texts.get(12, (0, 0))),
            start=numbers.get(1) or numbers.get(11) or 0,
            attributes=_attributes(data, repeated.get(6, [])),
            body=_value(data, *texts[5], DEEPEST) if 5 in texts else None,
        )
    return Entry(
        False,
        _id(data, texts.get(1), TRACE_BYTES),
        _id(data, texts.get(2), SPAN_BYTES),
        _id(data, texts.get(4), SPAN_BYTES),
        _text(data, *texts.get(5, (0, 0))),
        numbers.get(7, 0),
        _attributes(data, repeated.get(9, [])),
        tuple(
            [event_by_hand(data, at, end) for at, end in repeated.get(11, ()) if data.find(b"gen_ai.", at, end) >= 0]
        ),
        end=numbers.get(8, 0),
        failure=failure_by_hand(data, *texts[15]) if 15 in texts else None,
    )


def failure_by_hand(data: bytes, at: int, end: int) -> str | None:
    """What the status of a span says of its failure; None where it did not fail.

    Args:
        data: the message.
        at: where the status begins.
        end: where it ends.

    Raises:
        BrokenRecordError: it is none.
    """
    text, failed = "", False
    for number, start, stop in _fields(data, at, end):
        if number == 2 and stop != _NUMBER:
            text = _text(data, start, stop)
        elif number == 3 and stop == _NUMBER:
            failed = start == FAILED
    return text if failed else None


def event_by_hand(data: bytes, at: int, end: int) -> tuple[str, Attributes]:
    """Name and attributes of an event of a span.

    Args:
        data: the message.
        at: where the event begins.
        end: where it ends.

    Raises:
        BrokenRecordError: it is none.
    """
    fields = [f for f in _fields(data, at, end) if f[2] != _NUMBER]
    name = next((_text(data, s, e) for n, s, e in fields if n == 2), "")
    return name, _attributes(data, [(s, e) for n, s, e in fields if n == 3])


def _attributes(data: bytes, places: list[tuple[int, int]], depth: int = DEEPEST) -> Attributes:
    """Key and value of KeyValue messages."""
    made: Attributes = {}
    for at, end in places:
        key, value = "", None
        for number, start, stop in _fields(data, at, end):
            if stop == _NUMBER:
                continue
            if number == 1:
                key = data[start:stop].decode("utf-8", "replace")
            elif number == 2:
                value = _value(data, start, stop, depth)
        if value is not None:
            made[key] = value
    return made


def _value(data: bytes, at: int, end: int, depth: int) -> Any:
    """Value of an AnyValue message; None beyond the depth that is read."""
    found: Any = None
    for number, start, stop in _fields(data, at, end):
        if number == 1 and stop != _NUMBER:
            found = data[start:stop].decode("utf-8", "replace")
        elif number == 2 and stop == _NUMBER:
            found = start != 0
        elif number == 3 and stop == _NUMBER:
            found = start - _UNSIGNED if start >= _SIGN else start
        elif number == 4 and stop == _NUMBER:
            found = struct.unpack("<d", (start % _UNSIGNED).to_bytes(8, "little"))[0]
        elif number in (5, 6) and stop != _NUMBER:
            if depth <= 0:
                return None
            inner = [(s, e) for n, s, e in _fields(data, start, stop) if n == 1 and e != _NUMBER]
            if number == 5:
                found = [_value(data, s, e, depth - 1) for s, e in inner]
            else:
                found = _attributes(data, inner, depth - 1)
    return found


def _text(data: bytes, at: int, end: int) -> str:
    return data[at:end].decode("utf-8", "replace") if end != _NUMBER else ""


def _id(data: bytes, place: tuple[int, int] | None, size: int) -> bytes:
    """An id; empty for one of another length or of zeros, which stands for none."""
    if place is None or place[1] - place[0] != size:
        return b""
    found = data[place[0] : place[1]]
    return found if any(found) else b""


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, value or start, end) of a message; the end of a number is _NUMBER."""
    while at < end:
        tag = data[at]
        at += 1
        if tag > 127:
            tag, at = _varint(data, at - 1, end)
        kind = tag & 7
        if kind == _BYTES:
            size = data[at] if at < end else 0
            at += 1
            if size > 127:
                size, at = _varint(data, at - 1, end)
            if at + size > end:
                raise BrokenRecordError(_CUT_SHORT)
            yield tag >> 3, at, at + size
            at += size
        elif kind == _VARINT:
            value, at = _varint(data, at, end)
            yield tag >> 3, value, _NUMBER
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            if at + size > end:
                raise BrokenRecordError(_CUT_SHORT)
            yield tag >> 3, int.from_bytes(data[at : at + size], "little"), _NUMBER
            at += size
        else:
            raise BrokenRecordError("not protobuf of OTLP")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < _LONGEST_VARINT:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise BrokenRecordError("not protobuf of OTLP")
