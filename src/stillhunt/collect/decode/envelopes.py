"""Records within what carried them: a prefix before JSON, JSON as text in a field, lists of records in an object.

Loggers, container runtimes and exports wrap a record once or twice.
"""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from stillhunt.collect.decode.streams import lines
from stillhunt.collect.values.tolerant_json import decode_json, objects_in, strict_json

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Change: TypeAlias = Callable[[bytes], bytes | None]
"""A line -> the lines within it; None where it holds none."""
Part: TypeAlias = tuple[bytes, bytes, bool]
"""Stream of a container's output; part of a line; whether the line ends with it."""
Envelope: TypeAlias = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Content of a file -> lines that are records."""
TEXTS = ("message", "log", "msg")
OBJECTS = ("jsonPayload", "json", "payload", "_source")
LISTS = ("records", "Records", "logEvents", "data", "logs", "items", "value", "hits")
_CRI = re.compile(rb"\S+ std(out|err) ([PF])(?: |$)")
"""A line of a container runtime: time, stream, whether a part or the end of a line (Kubernetes' CRI logging format)."""
_LOOKED_AT, _STREAMS = 50, 16
_DOCKER_BYTES = 16_000
"""A text of fewer bytes was not cut by Docker."""
_BRACES = 8
"""Braces of a line at which an object is looked for."""


def _object(data: bytes | str) -> dict[str, Any] | None:
    value = decode_json(data)
    return value if isinstance(value, dict) else None


def _line(value: Any) -> bytes:
    """A value in one line, with whatever our own encoder would refuse made harmless."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeError, ValueError, TypeError, RecursionError):
        return strict_json(value).encode()


def after_prefix(line: bytes) -> bytes | None:
    """JSON that stands behind a prefix, as container runtimes and syslog write it; the prefix may hold braces."""
    at = line.find(b"{")
    if at == 0:
        return None
    for _try in range(_BRACES):
        if at < 0:
            return None
        if _object(line[at:]) is not None:
            return line[at:]
        at = line.find(b"{", at + 1)
    return None


def in_field(line: bytes) -> bytes | None:
    """An object in a field of another, as text (Docker, Fluentd) or as it is (Cloud Logging)."""
    outer = _object(line) or {}
    for name in TEXTS:
        value = outer.get(name)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            inner = _object(value)
            if inner is not None:
                return _line(inner)
    for name in OBJECTS:
        if isinstance(outer.get(name), dict):
            return _line(outer[name])
    return None


def in_list(line: bytes) -> bytes | None:
    """Objects in a list of another, as exports and event hubs write them; what is none is a line, too."""
    outer = _object(line) or {}
    for name in LISTS:
        values = outer.get(name)
        if isinstance(values, dict):  # of a search: hits.hits
            values = values.get(name)
        if isinstance(values, list) and any(isinstance(value, dict) for value in values):
            return b"\n".join(map(_line, values))
    return None


def apart(line: bytes) -> bytes | None:
    """Objects that stand one after the other in a line, as Firehose puts them together."""
    if not line.startswith(b"{"):
        return None
    text = line.decode("utf-8", "replace")
    found = list(objects_in(text))
    return "\n".join(found).encode("utf-8", "replace") if len(found) > 1 else None


def as_it_is(line: bytes) -> bytes | None:
    """An object among lines of text, of a program that logs both."""
    return line if line.lstrip().startswith(b"{") and _object(line) is not None else None


CHANGES: tuple[Change, ...] = (after_prefix, in_field, in_list, apart, as_it_is)


def envelopes(head: bytes, longest: int) -> Iterator[Envelope]:
    """What may find records within the lines of a file, one layer of it and then two.

    Args:
        head: the beginning of the file, with lines as long as they are.
        longest: bytes allowed in a line.
    """
    for usual in (_usual, any):
        outer = list(_fitting(head, longest, usual))
        yield from outer
        for first in outer:
            for second in _fitting(b"".join(first(iter((head,)))), longest, usual):
                yield functools.partial(_both, first, second)


def _both(first: Envelope, second: Envelope, pieces: Iterator[bytes]) -> Iterator[bytes]:
    return second(first(pieces))


def _fitting(head: bytes, longest: int, usual: Callable[[Iterable[bool]], bool]) -> Iterator[Envelope]:
    found = [line for line in head.split(b"\n") if line.strip()][:_LOOKED_AT]
    for part_of in (_of_cri, _of_docker):
        parts = [part for line in found if (part := part_of(line)) is not None]
        if 4 * len(parts) >= len(found) and _usual(whole for *_, whole in parts):
            yield functools.partial(_whole_lines, part_of, longest)
    for change in CHANGES:
        if usual(change(line) is not None for line in found):
            yield functools.partial(_unwrapped, change, longest)


def _usual(found: Iterable[bool]) -> bool:
    """A quarter at least: text may stand between, and one line says nothing of a file."""
    told = list(found)
    return 4 * sum(told) >= len(told) > 0


def _unwrapped(change: Change, longest: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A file's lines with what is within them instead; those that hold nothing stay as they are."""
    for line in lines(pieces, longest):
        found = change(line.data) if line.whole else None
        yield (line.data if found is None else found) + b"\n"


def _of_cri(line: bytes) -> Part | None:
    found = _CRI.match(line)
    return None if found is None else (found[1], line[found.end() :], found[2] == b"F")


def _of_docker(line: bytes) -> Part | None:
    """Docker cuts lines at 16 KB; the last part of one ends in a line feed, which others take off."""
    outer = _object(line) or {}
    text, stream = outer.get("log"), outer.get("stream")
    if not isinstance(text, str) or not isinstance(stream, str):
        return None
    content = text.rstrip("\n").encode("utf-8", "replace")
    return stream.encode("utf-8", "replace"), content, text.endswith("\n") or len(content) < _DOCKER_BYTES


def _whole_lines(part_of: Callable[[bytes], Part | None], longest: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines that a container runtime cut into parts, put together and without what it wrote around them."""
    waiting: dict[bytes, list[bytes]] = {}
    sizes: dict[bytes, int] = {}
    for line in lines(pieces, longest):
        found = part_of(line.data) if line.whole else None
        if found is None:
            yield line.data + b"\n"
            continue
        stream, text, whole = found
        waiting.setdefault(stream, []).append(text)
        sizes[stream] = sizes.get(stream, 0) + len(text)
        if whole or sizes[stream] > longest or len(waiting) > _STREAMS:
            yield b"".join(waiting.pop(stream)) + b"\n"
            del sizes[stream]
    yield from (b"".join(parts) + b"\n" for parts in waiting.values())


def from_utf16(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Text in UTF-16 with a byte order mark -> UTF-8; what is broken is replaced.

    Args:
        pieces: the content.
    """
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
