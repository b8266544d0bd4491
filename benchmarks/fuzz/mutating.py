"""Changes that keep the shape of a log: values and fields of JSON and CSV, words of lines.

Bytes changed at random mostly break the decoder and never reach the code behind it. These change what is decoded:
a value becomes one of another type, a field is dropped, doubled, renamed or swapped with another of the same log, and
texts that are JSON themselves (bodies in strings) are changed inside.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

Change: TypeAlias = Callable[[bytes, random.Random], bytes]
"""Content and the source of chance -> content."""

DEEP = "[" * 1200 + "]" * 1200
MARK = "@deep@"
"""Text that is written as a value nested too deeply for any encoder."""
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2.5,
    -0.0,
    1e300,
    float("nan"),
    float("inf"),
    2**31,
    2**53,
    2**63,
    2**64,
    10**30,
    "",
    " ",
    "x",
    "0",
    "-1",
    "1e999",
    "NaN",
    "null",
    "None",
    "[1",
    "{",
    "{}",
    "[]",
    "['a', {'b': None}]",
    '[{"role": "user", "content": "hi"}]',
    '{"messages": [{"role": "user", "content": ["a", {"text": 3}]}]}',
    "data: {}\n\ndata: [DONE]",
    "\ud800",
    "\x00",
    "\u202e",
    "\ufeff",
    "2026-11-02T10:00:00Z",
    "2026-11-02 10:00:00",
    "2026-11-02",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    1_795_000_000,
    1_795_000_000_000,
    1_795_000_000_000_000_000,
    "192.0.2.7",
    "192.0.2.7, 10.0.0.1",
    "[2001:db8::1]:443",
    "::ffff:192.0.2.7",
    [],
    [None],
    [[]],
    [["a", 1]],
    {},
    {"": None},
    {"a": [1]},
    {"role": "user", "content": "hi"},
    [{"role": "user", "content": None}],
    [{"role": "assistant", "content": [{"type": "image_url"}]}, 7],
)
LONG = 70_000
TOKENS = (
    b"",
    b'"',
    b"\\",
    b"\\x22",
    b"\\x5C",
    b"\xff",
    b"\x00",
    b"\n",
    b"\r\n",
    b",",
    b";",
    b"\t",
    b"[",
    b"]",
    b"{",
    b"}",
)
TOKENS += (b"-", b" ", b'""', b"9" * 30, b"1e999", b"null", b"\xef\xbb\xbf", b"POST ", b"GET ", b" HTTP/1.1", b"data:")
MOST_BYTES = 1 << 17
"""A longer result is no use: it only slows what comes after."""


class Pool:
    """Names and values found in the logs to start from, which others may take.

    Args:
        records: decoded records.
    """

    def __init__(self, records: Iterable[Any]) -> None:
        names: dict[str, None] = {}
        values: dict[str, Any] = {}
        for record in records:
            for place, key in _places(record):
                if isinstance(key, str):
                    names[key] = None
                values.setdefault(repr(place[key])[:200], place[key])
        self.names = list(names) or ["a"]
        self.values = [*values.values(), *ODD_VALUES]

    def value(self, draw: random.Random) -> Any:
        """Some value, odd or from the log."""
        kind = draw.randrange(12)
        if kind == 0:
            return draw.choice(("x", "é", "[", "\\", "\n", "'")) * draw.choice((255, 1025, LONG))
        if kind == 1:
            return draw.choice((DEEP, '{"a":' * 600 + "1" + "}" * 600, MARK, json.loads(DEEP[1160:1240])))
        if kind == 2:
            return draw.choice((1, -1)) * draw.getrandbits(draw.choice((8, 33, 64, 90)))
        return copy.deepcopy(draw.choice(self.values if kind < 8 else ODD_VALUES))


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) in a decoded value."""
    keys: Iterable[Any] = value.keys() if isinstance(value, dict) else range(len(value)) if _is_list(value) else ()
    for key in list(keys):
        yield value, key
        if depth < 40:
            yield from _places(value[key], depth + 1)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def changed_value(value: Any, pool: Pool, draw: random.Random, depth: int = 0) -> Any:
    """A decoded value with one thing in it changed; it may itself be changed in place."""
    places = list(_places(value))
    if not places:
        return pool.value(draw)
    place, key = draw.choice(places)
    inner = place[key]
    kind = draw.randrange(10)
    if isinstance(inner, str) and inner[:1] in ("{", "[") and kind < 6 and depth < 3:
        try:
            place[key] = json.dumps(changed_value(json.loads(inner), pool, draw, depth + 1))
        except (ValueError, RecursionError):
            place[key] = text_changed(inner, draw)
    elif kind < 4:
        place[key] = pool.value(draw)
    elif kind == 4:
        del place[key]
    elif kind == 5:
        _swap(place, key, *draw.choice(places))
    elif kind == 6 and isinstance(inner, str):
        place[key] = text_changed(inner, draw)
    elif kind == 7:
        place[key] = draw.choice(
            ([inner], {draw.choice(pool.names): inner}, json.dumps(inner), str(inner), repr(inner))
        )
    elif isinstance(place, dict):
        place[draw.choice(pool.names)] = copy.deepcopy(inner) if kind == 8 else place.pop(key)
    else:
        place.insert(draw.randrange(len(place) + 1), copy.deepcopy(inner))
    return value


def _swap(place: Any, key: Any, other: Any, name: Any) -> None:
    """Two values change places, as copies: one within the other would be a loop."""
    mine, theirs = copy.deepcopy(place[key]), copy.deepcopy(other[name])
    other[name] = mine
    if (isinstance(place, dict) and key in place) or (isinstance(place, list) and key < len(place)):
        place[key] = theirs


def text_changed(text: str, draw: random.Random) -> str:
    """Text with one stretch of it replaced, doubled or cut."""
    at = draw.randrange(len(text) + 1)
    end = min(len(text), at + draw.choice((0, 1, 1, 2, 5, 20)))
    kind = draw.randrange(4)
    if kind == 0:
        return text[:at] + draw.choice(TOKENS).decode("latin-1") + text[end:]
    if kind == 1:
        return text[:end] + text[at:]
    if kind == 2:
        return text[:at] + text[end:]
    return (
        text[:at]
        + chr(draw.choice((0, 0x1F, 0x85, 0x2028, 0xD800, 0xFEFF, 0x1F600, draw.randrange(0x250))))
        + text[end:]
    )


def bytes_changed(data: bytes, draw: random.Random) -> bytes:
    """Bytes with one stretch of them replaced, doubled, moved or cut."""
    made = bytearray(data)
    at = draw.randrange(len(made) + 1)
    end = min(at + draw.choice((0, 1, 2, 8, 64)), len(made))
    kind = draw.randrange(4)
    if kind == 0:
        made[at:end] = draw.choice(TOKENS)
    elif kind == 1:
        made[at:end] = made[at:end] * draw.choice((0, 2, 3))
    elif kind == 2 and made:
        other = draw.randrange(len(made))
        made[at:end] = made[other : other + draw.randrange(64)]
    else:
        made[at:end] = draw.randbytes(end - at)
    return bytes(made)


def json_lines_changed(pool: Pool) -> Change:
    """Changes one line of several, decoded; lines too may be doubled, dropped or moved."""

    def change(data: bytes, draw: random.Random) -> bytes:
        lines = data.split(b"\n")
        at = draw.randrange(len(lines))
        kind = draw.randrange(12)
        if kind == 0:
            lines[at:at] = [lines[draw.randrange(len(lines))]]
        elif kind == 1 and len(lines) > 1:
            del lines[at]
        else:
            lines[at] = json_changed(lines[at], pool, draw)
        return b"\n".join(lines)

    return change


def json_document_changed(pool: Pool) -> Change:
    """Changes the whole content as one JSON value."""
    return lambda data, draw: json_changed(data, pool, draw)


def json_changed(data: bytes, pool: Pool, draw: random.Random) -> bytes:
    """One JSON value, decoded, changed in one to three places, and written in one of several ways."""
    try:
        value = json.loads(data)
        for _ in range(draw.randrange(1, 4)):
            value = changed_value(value, pool, draw)
        text = json.dumps(
            value, ensure_ascii=draw.random() < 0.7, separators=draw.choice((None, (",", ":"))), indent=None
        )
    except (ValueError, RecursionError, TypeError):
        return bytes_changed(data, draw)
    made = text.replace(f'"{MARK}"', DEEP).encode("utf-8", "surrogatepass")
    return made if len(made) <= MOST_BYTES else bytes_changed(data, draw)


def csv_changed(pool: Pool) -> Change:
    """Changes one field of one record, JSON within it too, or the number of fields."""

    def change(data: bytes, draw: random.Random) -> bytes:
        try:
            rows = list(csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")))
        except csv.Error:
            return bytes_changed(data, draw)
        if not rows or not any(rows):
            return bytes_changed(data, draw)
        row = draw.choice([row for row in rows if row])
        at, kind = draw.randrange(len(row)), draw.randrange(8)
        if kind == 0:
            row.insert(at, draw.choice(row))
        elif kind == 1:
            del row[at]
        elif kind == 2:
            rows.insert(draw.randrange(len(rows) + 1), list(row))
        elif row[at][:1] in ("{", "["):
            row[at] = json_changed(row[at].encode("utf-8", "surrogateescape"), pool, draw).decode("utf-8", "replace")
        else:
            value = pool.value(draw)
            row[at] = value if isinstance(value, str) and kind < 6 else text_changed(row[at], draw)
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=draw.choice(("\n", "\r\n"))).writerows(rows)
        return text.getvalue().encode("utf-8", "surrogatepass")

    return change


def lines_changed(samples: Sequence[bytes]) -> Change:
    """Changes words of lines, and takes words of the lines to start from."""
    words = sorted({word for sample in samples for word in sample.split()})

    def change(data: bytes, draw: random.Random) -> bytes:
        if draw.randrange(3) == 0:
            return bytes_changed(data, draw)
        found = data.split(b" ")
        at, kind = draw.randrange(len(found)), draw.randrange(4)
        if kind == 0:
            del found[at]
        elif kind == 1:
            found.insert(at, draw.choice(words))
        elif kind == 2:
            found[at] = draw.choice(words)
        else:
            found[at] = bytes_changed(found[at], draw)
        return b" ".join(found)

    return change
