"""A part that this process writes: its batches, their sums, and whether the file is still where it was made."""

from __future__ import annotations

import hashlib
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from stillhunt.watch.folder import sync_folder
from stillhunt.watch.spool.closing import close_part, final_path
from stillhunt.watch.spool.ledger import PartEntry, SpoolLedger
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt.watch.spool.sums import Batch, sums_path

_PIECE_BYTES = 1 << 20


@dataclass
class OpenPart:
    """An open part and its sums, which this process has locked."""

    spool: Path
    path: Path
    opened: float  # when it was made, seconds of the writer's clock
    handle: int
    sums: int
    size: int = 0
    records: int = 0
    sums_size: int = 0
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @classmethod
    def begin(cls, spool: Path, stream: Stream, opened: float) -> OpenPart:
        """Make an empty part.

        Raises:
            OSError: it cannot be made.
        """
        handle, path = new_part(spool, stream, datetime.now(UTC))
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            sums = os.open(sums_path(path), flags, 0o600)
            sync_folder(path.parent)
        except OSError:
            path.unlink(missing_ok=True)
            os.close(handle)
            raise
        return cls(spool, path, opened, handle, sums)

    def append(self, data: bytes, records: int) -> None:
        """Write a batch, sync it, and write its sum; then it is safe, and may be acknowledged.

        Raises:
            OSError: it cannot be written. What the system kept of it is unknown: close the part, and begin another.
        """
        end = self.size + len(data)
        _write_all_bytes(self.handle, data)
        os.fdatasync(self.handle)
        line = Batch(self.size, end, records, zlib.crc32(data)).line()
        _write_all_bytes(self.sums, line)
        self._digest.update(data)
        self.size, self.records, self.sums_size = end, self.records + records, self.sums_size + len(line)

    def in_place(self) -> bool:
        """Whether the part and its sums are still found under their names; True where that cannot be looked at."""
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return os.path.samestat(found, os.fstat(self.handle)) and os.fstat(self.sums).st_nlink > 0

    def is_cut(self) -> bool:
        """Whether somebody cut the file: nothing more is to be written behind the hole."""
        return os.fstat(self.handle).st_size < self.size

    def is_removed(self) -> bool:
        """Whether the file has no name any more, so that its content ends with this process."""
        return not os.fstat(self.handle).st_nlink

    def copy_to(self, other: OpenPart) -> None:
        """Write what was acknowledged into another part.

        Raises:
            OSError: it cannot be read or written.
        """
        while piece := os.pread(self.handle, min(_PIECE_BYTES, self.size - other.size), other.size):
            last = other.size + len(piece) == self.size
            other.append(piece, self.records if last else 0)

    def close(self) -> None:
        """Cut it back to what was acknowledged, enter it in the ledger, and give it its final name.

        Raises:
            OSError: it stays open by name; whoever looks next finds that nobody holds it, and closes it.
        """
        os.ftruncate(self.sums, self.sums_size)  # first: no sum may name what was cut off
        if not self.is_cut():
            os.ftruncate(self.handle, self.size)
        close_part(self.spool, self.handle, self.path, self._make_part_entry())

    def enter(self, gone: str = "") -> None:
        """Enter in the ledger what was acknowledged, where that can be written now.

        Args:
            gone: why the part is rightly not there; empty where it should be.
        """
        with suppress(OSError):
            SpoolLedger(self.spool).append([replace(self._make_part_entry(), gone=gone)])

    def discard(self) -> None:
        """Remove it again."""
        for path in (self.path, sums_path(self.path)):
            with suppress(OSError):
                path.unlink()
        self.release()

    def release(self) -> None:
        """Let go of the files."""
        os.close(self.handle)
        os.close(self.sums)

    def _make_part_entry(self) -> PartEntry:
        name = SpoolLedger(self.spool).name_of(final_path(self.path))
        return PartEntry(name, self.size, self.records, self._digest.hexdigest())


def _write_all_bytes(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
