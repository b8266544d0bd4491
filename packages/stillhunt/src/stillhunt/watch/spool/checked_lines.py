"""Lines that carry their own checksum, so that a torn or damaged one is told from a whole one."""

from __future__ import annotations

import zlib

_CHECK_DIGITS = 8


def checked_line(text: str) -> bytes:
    """A line with its CRC-32 before it."""
    content = text.encode()
    return b"%08x %s\n" % (zlib.crc32(content), content)


def read_checked(data: bytes) -> tuple[list[str], int]:
    """The whole lines of what `checked_line` wrote, and how many others are damaged.

    A last line without its end was being written when its process died: it is neither.
    """
    *lines, _unfinished = data.split(b"\n")
    whole: list[str] = []
    for line in lines:
        check, _, content = line.partition(b" ")
        if len(check) == _CHECK_DIGITS and check == b"%08x" % zlib.crc32(content):
            whole.append(content.decode(errors="replace"))
    return whole, len(lines) - len(whole)
