"""Where everything lies in a ResourceSpans or ResourceLogs message: one walk over its bytes, nothing is decoded.

Field numbers: opentelemetry-proto 1.9, trace.proto, logs.proto, common.proto, resource.proto; encoding:
protobuf.dev/programming-guides/encoding. Whatever is damaged, or written in a way that the common encoders do not, is
left to a reader that knows what to say of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.collect.values.kernels import U8, kernel

Rows = npt.NDArray[np.int64]

READ, TOO_MANY, ODD = 0, 1, 2
"""What became of a message: read; more rows than there is room for; not read."""
LOG, TRACE, SPAN, PARENT, NAME, SCOPE = 0, 1, 3, 5, 7, 9
BEGAN, ENDED, VALUES, EVENTS, BODY, NEXT = 11, 12, 13, 14, 15, 16
"""Columns of an entry; of what has a beginning and an end the first of two. Values up to EVENTS are its attributes,
those up to BODY its events, the one up to NEXT, if any, its body."""
STATUS = 17
"""Column, the first of two, of where the status of a span lies."""
ENTRY_COLUMNS = 19
KIND, AT, END, KEY, DEPTH = 0, 1, 2, 3, 5
"""Columns of a value. A list or object has the row of its first part at AT, and their number at END."""
VALUE_COLUMNS = 6
NOTHING, TEXT, TRUTH, INTEGER, REAL, LIST, OBJECT, EVENT = 0, 1, 2, 3, 4, 5, 6, 7
DEEPEST = 16
"""Levels of nested values that are read; real ones have five."""
_NUMBER, _BYTES = 0, 1
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_TRACE_BYTES, _SPAN_BYTES = 16, 8


@kernel
def _varint(data: U8, at: int, end: int) -> tuple[int, int]:
    """(64 bits, place after them); the place is -1 where they are none."""
    value: Any = np.int64(0)
    shift = 0
    while at < end and shift < 64:
        byte = np.int64(data[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if shift == 63 and byte > 1:
                return 0, -1
            return value, at
        shift += 7
    return 0, -1


@kernel
def _field(data: U8, at: int, end: int) -> tuple[int, int, int, int, int]:
    """(field number, whether a number or bytes, value or start, end, place after it); -1 where there is none."""
    tag, at = _varint(data, at, end)
    if at < 0 or tag < 0:
        return 0, 0, 0, 0, -1
    kind = tag & 7
    number = tag >> 3
    if kind == _LENGTH:
        size, at = _varint(data, at, end)
        if at < 0 or size < 0 or size > end - at:
            return 0, 0, 0, 0, -1
        return number, _BYTES, at, at + size, at + size
    value: Any
    if kind == _VARINT:
        value, at = _varint(data, at, end)
        return number, _NUMBER, value, 0, at
    size = 8 if kind == _FIXED64 else 4 if kind == _FIXED32 else 0
    if size == 0 or size > end - at:
        return 0, 0, 0, 0, -1
    value = np.int64(0)
    for place in range(size):
        value |= np.int64(data[at + place]) << (8 * place)
    return number, _NUMBER, value, 0, at + size


@kernel
def _value(data: U8, at: int, end: int, depth: int) -> tuple[int, int, int]:
    """(kind, value or start, end) of an AnyValue; kind -1 where it is odd."""
    if at >= end:
        return NOTHING, 0, 0
    number, kind, start, stop, at = _field(data, at, end)
    if at != end:
        return -1, 0, 0
    if kind == _BYTES:
        if number == TEXT:
            return TEXT, start, stop
        if number in (LIST, OBJECT) and depth > 0:
            return number, start, stop
        return NOTHING, 0, 0
    if number in (TRUTH, INTEGER, REAL):
        return number, start, 0
    return NOTHING, 0, 0


@kernel
def _put_value(data: U8, at: int, end: int, depth: int, values: Rows, filled: int) -> bool:
    kind, start, stop = _value(data, at, end, depth)
    values[filled, KIND] = kind
    values[filled, AT] = start
    values[filled, END] = stop
    values[filled, KEY] = 0
    values[filled, KEY + 1] = 0
    values[filled, DEPTH] = depth
    return kind >= 0


@kernel
def _put_pair(data: U8, at: int, end: int, depth: int, values: Rows, filled: int) -> bool:
    """A KeyValue with its key and one value; False for any other."""
    key_at, key_end, value_at, value_end = -1, -1, -1, -1
    while at < end:
        number, kind, start, stop, at = _field(data, at, end)
        if at < 0:
            return False
        if kind == _BYTES and number == 1:
            if key_at >= 0:
                return False
            key_at, key_end = start, stop
        elif kind == _BYTES and number == 2:
            if value_at >= 0:
                return False
            value_at, value_end = start, stop
    if not _put_value(data, value_at, value_end, depth, values, filled):
        return False
    values[filled, KEY] = max(key_at, 0)
    values[filled, KEY + 1] = max(key_end, 0)
    return True


@kernel
def _put_pairs(data: U8, at: int, end: int, wanted: int, depth: int, values: Rows, filled: int) -> tuple[int, int]:
    """(state, rows filled) after the fields of this number, each a KeyValue."""
    while at < end:
        number, kind, start, stop, at = _field(data, at, end)
        if at < 0:
            return ODD, filled
        if kind == _BYTES and number == wanted:
            if filled >= len(values):
                return TOO_MANY, filled
            if not _put_pair(data, start, stop, depth, values, filled):
                return ODD, filled
            filled += 1
    return READ, filled


@kernel
def _put_id(data: U8, at: int, end: int, size: int, entries: Rows, row: int, column: int) -> None:
    """An id; of another length, or of zeros, it is none."""
    zero = True
    if end - at == size:
        for place in range(at, end):
            zero = zero and data[place] == 0
    entries[row, column] = 0 if zero else at
    entries[row, column + 1] = 0 if zero else end


@kernel
def _put_entry(data: U8, at: int, end: int, entries: Rows, row: int, values: Rows, filled: int) -> tuple[int, int]:
    """(state, rows of values filled) after a span, or a log record, whose times are in fields 1 and 11."""
    # Of the fields 0 to 15 the last of each kind.
    starts, ends = np.zeros(16, np.int64), np.full(16, -1, np.int64)
    numbers, told = np.zeros(16, np.int64), np.zeros(16, np.bool_)
    place = at
    while place < end:
        number, kind, start, stop, place = _field(data, place, end)
        if place < 0:
            return ODD, filled
        if number <= 15:
            if kind == _BYTES:
                starts[number], ends[number] = start, stop
            else:
                numbers[number], told[number] = start, True
    log = told[1] or told[11] or ends[1] < 0
    began = numbers[7]
    if log:
        began = numbers[1] if numbers[1] != 0 else numbers[11]
    if began < 0 or numbers[8] < 0:
        return ODD, filled
    trace, span, name = (9, 10, 12) if log else (1, 2, 5)
    entries[row, LOG] = log
    _put_id(data, starts[trace], ends[trace], _TRACE_BYTES, entries, row, TRACE)
    _put_id(data, starts[span], ends[span], _SPAN_BYTES, entries, row, SPAN)
    _put_id(data, starts[4], 0 if log else ends[4], _SPAN_BYTES, entries, row, PARENT)
    entries[row, NAME] = starts[name]
    entries[row, NAME + 1] = max(ends[name], starts[name])
    entries[row, STATUS] = 0 if log else starts[15]
    entries[row, STATUS + 1] = 0 if log else max(ends[15], starts[15])
    entries[row, BEGAN] = began
    entries[row, ENDED] = 0 if log else numbers[8]
    entries[row, VALUES] = filled
    state, filled = _put_pairs(data, at, end, 6 if log else 9, DEEPEST, values, filled)
    entries[row, EVENTS] = filled
    place = end if log else at
    while place < end and state == READ:
        number, kind, start, stop, place = _field(data, place, end)
        if number == 11 and kind == _BYTES:
            if filled >= len(values):
                state = TOO_MANY
            else:
                values[filled, KIND], values[filled, AT], values[filled, END] = EVENT, start, stop
                filled += 1
    entries[row, BODY] = filled
    if log and ends[5] >= 0 and state == READ:
        if filled >= len(values):
            state = TOO_MANY
        elif not _put_value(data, starts[5], ends[5], DEEPEST, values, filled):
            state = ODD
        else:
            filled += 1
    entries[row, NEXT] = filled
    return state, filled


@kernel
def _put_group(data: U8, at: int, end: int, entries: Rows, row: int, values: Rows, filled: int) -> tuple[int, int, int]:
    """(state, entries, rows of values filled) after a ScopeSpans or ScopeLogs message."""
    scope_at = scope_end = 0
    first = row
    place = at
    while place < end:
        number, kind, start, stop, place = _field(data, place, end)
        if place < 0:
            return ODD, row, filled
        if kind == _BYTES and number == 1:
            scope_at = scope_end = 0
            while start < stop:
                inner, sort, scope_at, scope_end, start = _field(data, start, stop)
                if start < 0:
                    return ODD, row, filled
                if inner == 1 and sort == _BYTES:
                    break
                if inner == 1:
                    start = stop
                scope_at = scope_end = 0
        elif kind == _BYTES and number == 2:
            if row >= len(entries):
                return TOO_MANY, row, filled
            state, filled = _put_entry(data, start, stop, entries, row, values, filled)
            if state != READ:
                return state, row, filled
            row += 1
    for place in range(first, row):
        entries[place, SCOPE] = scope_at
        entries[place, SCOPE + 1] = scope_end
    return READ, row, filled


@kernel
def find_all(data: U8, entries: Rows, values: Rows) -> tuple[int, int, int]:
    """Find all entries and values of a message.

    Args:
        data: its bytes.
        entries: filled with a row each, see above; row 0 is that of the resource.
        values: filled with a row each, those of one entry, list or object one after the other.

    Returns:
        What became of it; entries; values.
    """
    row, filled, resources = 1, 0, 0
    if len(entries) < 1:
        return TOO_MANY, 0, 0
    entries[0, :] = 0
    place, end = 0, len(data)
    while place < end:
        number, kind, start, stop, place = _field(data, place, end)
        if place < 0 or (number == 1 and kind == _BYTES and resources > 0):
            return ODD, row, filled
        if number == 1 and kind == _BYTES:
            resources += 1
            state, filled = _put_pairs(data, start, stop, 1, DEEPEST, values, filled)
            if state != READ:
                return state, row, filled
            entries[0, EVENTS] = entries[0, BODY] = entries[0, NEXT] = filled
    place = 0
    while place < end:
        number, kind, start, stop, place = _field(data, place, end)
        if number == 2 and kind == _BYTES:
            state, row, filled = _put_group(data, start, stop, entries, row, values, filled)
            if state != READ:
                return state, row, filled
    done = 0
    while done < filled:
        if values[done, KIND] in (LIST, OBJECT):
            state, parts = _put_parts(data, done, values, filled)
            if state != READ:
                return state, row, filled
            values[done, AT], values[done, END] = filled, parts - filled
            filled = parts
        done += 1
    return READ, row, filled


@kernel
def _put_parts(data: U8, done: int, values: Rows, filled: int) -> tuple[int, int]:
    """(state, rows filled) after the parts of a list or object."""
    at, end, depth = values[done, AT], values[done, END], values[done, DEPTH] - 1
    if values[done, KIND] == OBJECT:
        return _put_pairs(data, at, end, 1, depth, values, filled)
    while at < end:
        number, kind, start, stop, at = _field(data, at, end)
        if at < 0:
            return ODD, filled
        if number == 1 and kind == _BYTES:
            if filled >= len(values):
                return TOO_MANY, filled
            if not _put_value(data, start, stop, depth, values, filled):
                return ODD, filled
            filled += 1
    return READ, filled
