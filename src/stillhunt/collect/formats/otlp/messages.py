"""OTLP in protobuf -> spans and log records with plain attributes.

Of each message a handful of fields is wanted, a text that is not UTF-8 must cost no more than its bad bytes, and
messages of spans and of logs are told apart by what is in them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from stillhunt.collect.formats.otlp.entry import Attributes, Bare, Entry
from stillhunt.collect.formats.otlp.kernels_protobuf import (
    ENTRY_COLUMNS,
    EVENTS,
    INTEGER,
    LIST,
    NOTHING,
    OBJECT,
    READ,
    REAL,
    TEXT,
    TOO_MANY,
    TRUTH,
    VALUE_COLUMNS,
    Rows,
    find_all,
)
from stillhunt.collect.formats.otlp.wire import entries_by_hand, event_by_hand, failure_by_hand

_BYTES_OF_AN_ENTRY, _BYTES_OF_A_VALUE = 200, 30
"""About so few bytes make one; where they are fewer, there is a second try."""
_MOST_NAMES, _LONGEST_NAME = 1 << 14, 128
_names: dict[bytes, str] = {}
"""Names of attributes as they are written -> as text: they are few and come again with every span."""


def wire_entries(data: bytes, names: frozenset[str] | None = None, bare: Bare | None = None) -> Iterator[Entry]:
    """Spans and log records of one ResourceSpans or ResourceLogs message, in their order.

    Args:
        data: the message.
        names: attributes that are asked for, where not all are; others may be left out.
        bare: told a trace and a span, whether none of its attributes are asked for.

    Raises:
        BrokenRecordError: it is no such message.
    """
    found = _found(data)
    if found is None:
        yield from entries_by_hand(data)
        return
    entries, values = found
    resource = _attributes(data, values, 0, int(entries[0, EVENTS]))
    scopes: dict[tuple[int, int], str] = {}
    for row in range(1, len(entries)):
        log, *places = entries[row].tolist()
        (trace, trace_end, span, span_end, parent, parent_end, name, name_end, *scope_place) = places[:10]
        began, ended, first, events, body, after, status, status_end = places[10:]
        place = (scope_place[0], scope_place[1])
        scope = scopes.get(place)
        if scope is None:
            scope = scopes[place] = str(data[place[0] : place[1]], "utf-8", "replace")
        trace_id, span_id = data[trace:trace_end], data[span:span_end]
        left = bare is not None and not log and bare(trace_id, span_id)
        yield Entry(
            log != 0,
            trace_id,
            span_id,
            data[parent:parent_end],
            str(data[name:name_end], "utf-8", "replace"),
            began,
            {} if left else _attributes(data, values, first, events, names),
            _events(data, values, events, body) if body > events else (),
            _value(data, values, *values[body, :3].tolist()) if after > body else None,
            scope,
            resource,
            ended,
            failure_by_hand(data, status, status_end) if status_end > status and not left else None,
        )


def _found(data: bytes) -> tuple[Rows, Rows] | None:
    """Where all entries and values lie; None where the message is left to be read by hand."""
    numbers = np.frombuffer(data, np.uint8)
    rows, places = 16 + len(data) // _BYTES_OF_AN_ENTRY, 64 + len(data) // _BYTES_OF_A_VALUE
    while True:
        entries, values = np.empty((rows, ENTRY_COLUMNS), np.int64), np.empty((places, VALUE_COLUMNS), np.int64)
        state, entry_count, value_count = find_all(numbers, entries, values)
        if state == READ:
            return entries[:entry_count], values[:value_count]
        if state != TOO_MANY:
            return None
        rows, places = 4 * rows, 4 * places


def _attributes(data: bytes, values: Rows, first: int, end: int, names: frozenset[str] | None = None) -> Attributes:
    made: Attributes = {}
    for kind, at, stop, key_at, key_end, _depth in values[first:end].tolist():
        if kind == NOTHING:
            continue
        key = data[key_at:key_end]
        name = _names.get(key)
        if name is None:
            name = _name(key)
        if names is not None and name not in names:
            continue
        made[name] = str(data[at:stop], "utf-8", "replace") if kind == TEXT else _value(data, values, kind, at, stop)
    return made


def _value(data: bytes, values: Rows, kind: int, at: int, end: int) -> Any:
    if kind == TEXT:
        return str(data[at:end], "utf-8", "replace")
    if kind == INTEGER:
        return at
    if kind == TRUTH:
        return at != 0
    if kind == REAL:
        return struct.unpack("<d", struct.pack("<q", at))[0]
    if kind == LIST:
        return [_value(data, values, *row) for row in values[at : at + end, :3].tolist()]
    return _attributes(data, values, at, at + end) if kind == OBJECT else None


def _events(data: bytes, values: Rows, first: int, end: int) -> tuple[tuple[str, Attributes], ...]:
    """Those events of a span that tell of a model."""
    places = values[first:end, 1:3].tolist()
    return tuple([event_by_hand(data, at, stop) for at, stop in places if data.find(b"gen_ai.", at, stop) >= 0])


def _name(key: bytes) -> str:
    name = str(key, "utf-8", "replace")
    if len(key) <= _LONGEST_NAME and len(_names) < _MOST_NAMES:
        _names[key] = name
    return name
