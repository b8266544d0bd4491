"""Messages in a protobuf file, one at a time and not decoded, within bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator

SHORTEST_MESSAGE = 20
"""Bytes below which a ResourceSpans or ResourceLogs message has no room for an entry that says anything."""
_LENGTH_DELIMITED = 2
_LONGEST_VARINT = 10
_SHORT = b"|".join(rb"\x0a\x%02x.{%d}" % (size, size) for size in range(SHORTEST_MESSAGE))
_SHORT_ONE, _SHORT_RUN = re.compile(rb"(?s:%s)" % _SHORT), re.compile(rb"(?s:(?:%s)+)" % _SHORT)
_EMPTY_RUN = re.compile(rb"(?:\x0a\x00)+")
"""A message that is too short, with its tag and size; and a run of them, found by the regular expressions in C."""


def messages(pieces: Iterator[bytes], longest: int) -> Iterator[tuple[bytes | None, str, int]]:
    """Values of field 1 of the outermost message: ResourceSpans or ResourceLogs of an OTLP export request.

    Several export requests that follow each other are one such message again, since fields may repeat.

    Args:
        longest: bytes allowed in one value.

    Yields:
        (bytes of the value, "", 1), or (None, reason, 1) if it cannot be read; nothing follows the first damage. So
        many successive messages that are too short to hold anything are (b"", "", their number): a small file may
        unpack to millions of them.

    Source:
        protobuf.dev/programming-guides/encoding
    """
    feed = _Feed(pieces)
    while not feed.at_end():
        if skipped := feed.skip_short():
            yield b"", "", skipped
            continue
        tag, size = feed.varint(), None
        if tag is not None and tag & 7 == _LENGTH_DELIMITED:
            size = feed.varint()
        if tag is None or size is None:
            yield None, "not protobuf of an OTLP export request", 1
            return
        if size > longest:
            yield None, f"longer than {longest} bytes (collect.max_line_bytes)", 1
            if not feed.skip(size):
                return
            continue
        value = feed.take(size)
        if value is None:
            yield None, "the file is cut short", 1
            return
        if tag >> 3 == 1:
            yield value if size >= SHORTEST_MESSAGE else b"", "", 1


class _Feed:
    """A stream of bytes that is read in parts of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._bytes = b""
        self._at = 0

    def _fill(self, size: int) -> bool:
        have = len(self._bytes) - self._at
        if have >= size:
            return True
        parts = [self._bytes[self._at :]]
        for piece in self._pieces:
            parts.append(piece)
            have += len(piece)
            if have >= size:
                break
        self._bytes, self._at = b"".join(parts), 0
        return have >= size

    def at_end(self) -> bool:
        return not self._fill(1)

    def skip_short(self) -> int:
        """Skip the messages at this place that are too short and whole in memory; their number."""
        if run := _EMPTY_RUN.match(self._bytes, self._at):
            self._at = run.end()
            return (run.end() - run.start()) // 2
        run = _SHORT_RUN.match(self._bytes, self._at)
        if run is None:
            return 0
        self._at = run.end()
        return len(_SHORT_ONE.findall(self._bytes, run.start(), run.end()))

    def varint(self) -> int | None:
        """The next varint; None if there is none."""
        value = 0
        for place in range(_LONGEST_VARINT):
            if not self._fill(1):
                return None
            byte = self._bytes[self._at]
            self._at += 1
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        return None

    def take(self, size: int) -> bytes | None:
        """The next `size` bytes; None if fewer are left."""
        if not self._fill(size):
            return None
        self._at += size
        return self._bytes[self._at - size : self._at]

    def skip(self, size: int) -> bool:
        """Skip `size` bytes without keeping them; False if fewer are left."""
        while size > len(self._bytes) - self._at:
            size -= len(self._bytes) - self._at
            self._bytes, self._at = b"", 0
            if not self._fill(1):
                return size == 0
        self._at += size
        return True
