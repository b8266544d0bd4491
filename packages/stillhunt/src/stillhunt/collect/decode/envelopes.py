"""Records inside envelopes: after a prefix, as JSON text or object in a field, in a list, or several in one line.

Loggers, container runtimes and exports wrap a record in one or two such envelopes.
"""

import codecs
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from stillhunt.collect.decode.streams import lines
from stillhunt.collect.values.json_values import decode_json, objects_in, strict_json

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Change: TypeAlias = Callable[[bytes], bytes | None]
"""A line -> the lines within it; None if there are none."""
Part: TypeAlias = tuple[bytes, bytes, bool]
"""(output stream of a container, part of a line, whether the line ends with this part)."""
Envelope: TypeAlias = Callable[[Iterator[bytes]], Iterator[bytes]]  # content of a file -> lines that are records
TEXTS = ("message", "log", "msg")
OBJECTS = ("jsonPayload", "json", "payload", "_source")
LISTS = ("records", "Records", "logEvents", "data", "logs", "items", "value", "hits")
_CRI = re.compile(rb"\S+ std(out|err) ([PF])(?: |$)")
"""A line in Kubernetes' CRI logging format: time, stream, P for a part of a line or F for its end."""
_PROBED_LINES, _MAX_STREAMS = 50, 16
_DOCKER_BYTES = 16_000
"""Docker cuts no text shorter than this."""
_MAX_BRACES_TRIED = 8
"""Braces of a line at which an object may begin."""


def _decode_json_object(data: bytes | str) -> dict[str, Any] | None:
    value = decode_json(data)
    return value if isinstance(value, dict) else None


def _encode_json_line(value: Any) -> bytes:
    """A value as one line of JSON; values that the encoder refuses are replaced."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeError, ValueError, TypeError, RecursionError):
        return strict_json(value).encode()


def after_prefix(line: bytes) -> bytes | None:
    """JSON after a prefix, as container runtimes and syslog write it; the prefix may contain braces."""
    at = line.find(b"{")
    if at == 0:
        return None
    for _try in range(_MAX_BRACES_TRIED):
        if at < 0:
            return None
        if _decode_json_object(line[at:]) is not None:
            return line[at:]
        at = line.find(b"{", at + 1)
    return None


def in_field(line: bytes) -> bytes | None:
    """An object in a field of another one, as text (Docker, Fluentd) or as an object (Cloud Logging)."""
    outer = _decode_json_object(line) or {}
    for name in TEXTS:
        value = outer.get(name)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            inner = _decode_json_object(value)
            if inner is not None:
                return _encode_json_line(inner)
    for name in OBJECTS:
        if isinstance(outer.get(name), dict):
            return _encode_json_line(outer[name])
    return None


def in_list(line: bytes) -> bytes | None:
    """Items of a list in an object, one a line, as exports and event hubs write them."""
    outer = _decode_json_object(line) or {}
    for name in LISTS:
        values = outer.get(name)
        if isinstance(values, dict):  # a search result: hits.hits
            values = values.get(name)
        if isinstance(values, list) and any(isinstance(value, dict) for value in values):
            return b"\n".join(map(_encode_json_line, values))
    return None


def apart(line: bytes) -> bytes | None:
    """Objects that follow each other in one line, as Firehose writes them."""
    if not line.startswith(b"{"):
        return None
    text = line.decode("utf-8", "replace")
    found = list(objects_in(text))
    return "\n".join(found).encode("utf-8", "replace") if len(found) > 1 else None


def as_it_is(line: bytes) -> bytes | None:
    """An object among lines of text, from a program that logs both."""
    return line if line.lstrip().startswith(b"{") and _decode_json_object(line) is not None else None


CHANGES: tuple[Change, ...] = (after_prefix, in_field, in_list, apart, as_it_is)


def envelopes(beginning: bytes, longest: int) -> Iterator[Envelope]:
    """Envelopes that fit the beginning of a file: first single ones, then two within each other."""
    for usual in (_has_enough_fits, any):
        outer = list(_iterate_fitting_envelopes(beginning, longest, usual))
        yield from outer
        for first in outer:
            for second in _iterate_fitting_envelopes(b"".join(first(iter((beginning,)))), longest, usual):
                yield functools.partial(_chain_envelopes, first, second)


def _chain_envelopes(first: Envelope, second: Envelope, pieces: Iterator[bytes]) -> Iterator[bytes]:
    return second(first(pieces))


def _iterate_fitting_envelopes(
    beginning: bytes, longest: int, usual: Callable[[Iterable[bool]], bool]
) -> Iterator[Envelope]:
    found = [line for line in beginning.split(b"\n") if line.strip()][:_PROBED_LINES]
    for part_of in (_of_cri, _of_docker):
        parts = [part for line in found if (part := part_of(line)) is not None]
        if 4 * len(parts) >= len(found) and _has_enough_fits(ends for *_, ends in parts):
            yield functools.partial(_joined_lines, part_of, longest)
    for change in CHANGES:
        if usual(change(line) is not None for line in found):
            yield functools.partial(_iterate_unwrapped_lines, change, longest)


def _has_enough_fits(found: Iterable[bool]) -> bool:
    """Whether at least a quarter fit: text may lie between records, and one line is too little evidence."""
    fits = list(found)
    return 4 * sum(fits) >= len(fits) > 0


def _iterate_unwrapped_lines(change: Change, longest: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a file, replaced by the lines within them; a line without any stays as it is."""
    for line in lines(pieces, longest):
        found = change(line.data) if line.complete else None
        yield (line.data if found is None else found) + b"\n"


def _of_cri(line: bytes) -> Part | None:
    found = _CRI.match(line)
    return None if found is None else (found[1], line[found.end() :], found[2] == b"F")


def _of_docker(line: bytes) -> Part | None:
    """Docker cuts lines at 16 KB; the last part ends in a line feed, which some programs remove."""
    outer = _decode_json_object(line) or {}
    text, stream = outer.get("log"), outer.get("stream")
    if not isinstance(text, str) or not isinstance(stream, str):
        return None
    content = text.rstrip("\n").encode("utf-8", "replace")
    return stream.encode("utf-8", "replace"), content, text.endswith("\n") or len(content) < _DOCKER_BYTES


def _joined_lines(part_of: Callable[[bytes], Part | None], longest: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines that a container runtime cut into parts, joined again and without their envelopes."""
    waiting: dict[bytes, list[bytes]] = {}
    sizes: dict[bytes, int] = {}
    for line in lines(pieces, longest):
        found = part_of(line.data) if line.complete else None
        if found is None:
            yield line.data + b"\n"
            continue
        stream, text, ends = found
        waiting.setdefault(stream, []).append(text)
        sizes[stream] = sizes.get(stream, 0) + len(text)
        if ends or sizes[stream] > longest or len(waiting) > _MAX_STREAMS:
            yield b"".join(waiting.pop(stream)) + b"\n"
            del sizes[stream]
    yield from (b"".join(parts) + b"\n" for parts in waiting.values())


def from_utf16(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Text in UTF-16 with a byte order mark -> UTF-8; invalid characters are replaced."""
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
