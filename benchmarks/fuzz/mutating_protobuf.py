"""Changes of protobuf, however deep, with the lengths of the messages around them written anew.

No schema is used: a value that can be read as a message is taken for one.
"""

from __future__ import annotations

import random
import struct
from typing import Any, TypeAlias

from mutating import MOST_BYTES, bytes_changed


def protobuf_changed(data: bytes, draw: random.Random) -> bytes:
    """Changes one field of one message, however deep, and writes the lengths around it anew."""
    fields = _message(data)
    if not fields:
        return bytes_changed(data, draw)
    return _written(_fields_changed(fields, draw))


_Field: TypeAlias = tuple[int, int, Any]


def _message(data: bytes) -> list[_Field] | None:
    """(number, wire type, value) of a message; None where the bytes are none."""
    found: list[_Field] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind, value = tag & 7, None
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at : at + size], at + size
        elif kind == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        if value is None or at > len(data) or tag < 8:
            return None
        found.append((tag >> 3, kind, value))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
    return 0, len(data) + 1


def _fields_changed(fields: list[_Field], draw: random.Random) -> list[_Field]:
    at = draw.randrange(len(fields))
    number, kind, value = fields[at]
    inner = _message(value) if kind == 2 else None
    if inner and draw.randrange(6):
        return [*fields[:at], (number, kind, _written(_fields_changed(inner, draw))), *fields[at + 1 :]]
    way = draw.randrange(7)
    if way == 0:
        return [*fields[:at], *fields[at + 1 :]]
    if way == 1:
        return [*fields, fields[at]]
    if way == 2:
        number = draw.choice((1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 15, 1000, 0))
    elif way == 3 or kind != 2:
        kind, value = _drawn(draw)
    elif way == 4:
        other = fields[draw.randrange(len(fields))]
        kind, value = other[1], other[2]
    elif way == 5:
        depth = draw.choice((3, 17, 40))
        for _ in range(depth):  # a list in a list, as AnyValue nests them
            value = _written([(5, 2, _written([(1, 2, value)]))])[-MOST_BYTES:]
    else:
        value = bytes_changed(value, draw)
    return [*fields[:at], (number, kind, value), *fields[at + 1 :]]


def _drawn(draw: random.Random) -> tuple[int, Any]:
    kind = draw.choice((0, 1, 2, 5))
    if kind == 0:
        return kind, draw.getrandbits(draw.choice((1, 7, 32, 64)))
    if kind == 1:
        return kind, draw.choice((draw.randbytes(8), struct.pack("<d", draw.choice((float("nan"), 1e300, -1.0, 0.5)))))
    return kind, draw.randbytes(4) if kind == 5 else draw.choice((b"", b"\xff", b"x" * 300, draw.randbytes(16)))


def _written(fields: list[_Field]) -> bytes:
    made = b""
    for number, kind, value in fields:
        made += _number(number << 3 | kind)
        made += _number(value) if kind == 0 else (_number(len(value)) if kind == 2 else b"") + value
    return made


def _number(value: int) -> bytes:
    made = b""
    while value > 127:
        made += bytes([value & 127 | 128])
        value >>= 7
    return made + bytes([value])
