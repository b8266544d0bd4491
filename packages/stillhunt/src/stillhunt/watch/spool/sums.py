"""Sums of an open part: a file beside it that has a line for each acknowledged batch, with place and checksum.

A line is written when its batch is on disk, and the batch is acknowledged when the line is written, but not synced: a
second sync would double what an acknowledgement costs. So after the death of a process each acknowledged batch has its
line, and a batch that has a line was on disk. After a power failure, lines of the last seconds may be missing. What
they were about is then known by its form: entries of OTLP have lengths, and lines hold no zero byte, as blocks do that
were not written yet (zero bytes of senders are escaped).
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhunt.watch.spool.parts import OPEN, whole_bytes

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


SUMS = ".sums"  # ending of the file; its name begins with a dot, so that nothing takes it for a part
_PIECE_BYTES = 1 << 20
_FIELDS = 4


@dataclass(frozen=True)
class Batch:
    """What was acknowledged together."""

    start: int  # its first byte in the part
    end: int  # the byte behind its last
    records: int
    check: int  # CRC-32 of its bytes

    def line(self) -> bytes:
        """The batch as a line of the file."""
        return checked_line(f"{self.start} {self.end} {self.records} {self.check}")


@dataclass(frozen=True)
class PartSums:
    """What the file says."""

    batches: Sequence[Batch]  # ascending; some may be missing where lines are damaged
    trusted: bool  # whether the file is there and each of its lines is whole

    @property
    def end(self) -> int:
        """Bytes that were acknowledged, as far as the file says."""
        return self.batches[-1].end if self.batches else 0

    @property
    def records(self) -> int:
        """Requests that were acknowledged, as far as the file says."""
        return sum(batch.records for batch in self.batches)


@dataclass(frozen=True)
class Verified:
    """What was found in a part that nobody holds."""

    size: int  # bytes that are to be kept: what was acknowledged, and whole records behind it
    records: int | None  # requests that were acknowledged; None where that is not known
    damage: str  # what is missing or damaged of what was acknowledged, in one sentence; empty where nothing is


def sums_path(part: Path) -> Path:
    """The file for a part."""
    return part.with_name(f".{part.name.removesuffix(OPEN)}{SUMS}")


def read_sums(part: Path) -> PartSums:
    """What was acknowledged in a part; nothing where it has no such file, as one of an older version.

    Raises OSError: the file is there and cannot be read.
    """
    try:
        data = sums_path(part).read_bytes()
    except FileNotFoundError:
        return PartSums((), trusted=False)
    lines, broken = read_checked(data)
    batches: list[Batch] = []
    for line in lines:
        numbers = [int(text) for text in line.split() if text.isdecimal()]
        if len(numbers) == _FIELDS and numbers[1] > numbers[0] >= (batches[-1].end if batches else 0):
            batches.append(Batch(*numbers))
        else:
            broken += 1
    return PartSums(batches, trusted=not broken)


def verify_part(handle: int, part: Path) -> Verified:
    """Compare a part with its sums.

    Whole records without a sum are kept: a hunt counts a request once, so one that its sender sends again does no harm.

    Raises:
        OSError: it cannot be read.
    """
    size, sums = os.fstat(handle).st_size, read_sums(part)
    whole = whole_bytes(handle, part.name, max((batch.end for batch in sums.batches if batch.end <= size), default=0))
    wrong = [batch for batch in sums.batches if not _is_whole(handle, batch)]
    damage = ""
    if wrong:
        number = sum(batch.records for batch in wrong)
        damage = f"up to {number} of its {sums.records} acknowledged requests were damaged or missing"
    elif not sums.trusted and _may_hold_records(handle, part, whole, size):
        damage = f"its last {size - whole} bytes had no checksum and no form of records, and were cut off"
    return Verified(whole, sums.records if sums.trusted and whole <= sums.end else None, damage)


def _is_whole(handle: int, batch: Batch) -> bool:
    at, check = batch.start, 0
    while at < batch.end:
        piece = os.pread(handle, min(_PIECE_BYTES, batch.end - at), at)
        if not piece:
            return False
        check = zlib.crc32(piece, check)
        at += len(piece)
    return check == batch.check


def _may_hold_records(handle: int, part: Path, start: int, end: int) -> bool:
    """Whether what is cut off may have been acknowledged: a line without its end never was."""
    if ".pb" in part.name:
        return start < end
    return any(b"\n" in os.pread(handle, _PIECE_BYTES, at) for at in range(start, end, _PIECE_BYTES))
