"""Records within what carried them: a prefix before JSON, JSON as text in a field, lists of records in an object."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec

from stillhunt.collect.streams import lines

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Change: TypeAlias = Callable[[bytes], bytes | None]
"""A line -> the lines within it; None where it holds none."""
TEXTS = ("message", "log", "msg")
OBJECTS = ("jsonPayload", "json", "payload")
LISTS = ("records", "Records", "data", "logs", "items", "value", "hits")
_DECODE = msgspec.json.Decoder().decode


def _decoded(data: bytes | str) -> Any:
    try:
        return _DECODE(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def after_prefix(line: bytes) -> bytes | None:
    """JSON that stands behind a prefix, as container runtimes and syslog write it."""
    at = line.find(b"{")
    return line[at:] if at > 0 and isinstance(_decoded(line[at:]), dict) else None


def in_field(line: bytes) -> bytes | None:
    """An object in a field of another, as text (Docker, Fluentd) or as it is (Cloud Logging)."""
    outer = _decoded(line)
    if not isinstance(outer, dict):
        return None
    for name in TEXTS:
        value = outer.get(name)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            inner = _decoded(value)
            if isinstance(inner, dict):
                return msgspec.json.encode(inner)
    for name in OBJECTS:
        if isinstance(outer.get(name), dict):
            return msgspec.json.encode(outer[name])
    return None


def in_list(line: bytes) -> bytes | None:
    """Objects in a list of another, as exports and event hubs write them."""
    outer = _decoded(line)
    for name in LISTS if isinstance(outer, dict) else ():
        values = outer.get(name)
        if isinstance(values, list) and values and all(isinstance(value, dict) for value in values):
            return b"\n".join(map(msgspec.json.encode, values))
    return None


CHANGES: tuple[Change, ...] = (after_prefix, in_field, in_list)


def fitting(head: bytes) -> list[Change]:
    """What finds records within the first line that is not blank.

    Args:
        head: the beginning of a file.
    """
    first = next((line for line in head.split(b"\n") if line.strip()), b"")
    return [change for change in CHANGES if change(first) is not None]


def unwrapped(change: Change, longest: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A file's lines with what is within them instead; those that hold nothing stay as they are.

    Args:
        change: finds records in a line.
        longest: bytes allowed in a line.
        pieces: the content.
    """
    for line in lines(pieces, longest):
        found = change(line.data) if line.whole else None
        yield (line.data if found is None else found) + b"\n"


def from_utf16(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Text in UTF-16 with a byte order mark -> UTF-8; what is broken is replaced.

    Args:
        pieces: the content.
    """
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
