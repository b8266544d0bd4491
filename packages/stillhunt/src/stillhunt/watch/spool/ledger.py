"""The ledger of the spool: what was acknowledged in each closed part, so that damage and loss are seen.

It lies beside the spool, so that whoever removes the spool does not remove it. Lines are only appended, each with its
checksum; the last line of a part counts.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from stillhunt.watch.folder import sync_folder, write_synced
from stillhunt.watch.spool.parts import closed_parts
from stillhunt.watch.spool.sums import checked_line, read_checked, sums_path

LEDGER_ENDING = ".ledger"  # what follows the name of the spool in that of its ledger
HAS_LEDGER = ".ledger"
"""File in the spool which says that there was a ledger: without it, the spool comes from an older version."""
EXPIRED, PART_ERASED, SAVED = "expired", "erased", "saved in another part"  # why a part is rightly gone
_HEADER = json.dumps({"version": 1})
_TAIL_BYTES = 1 << 16
_SPARE_LINES = 1000
"""Lines that no longer count and are kept all the same, so that a small ledger is not written anew at each hunt."""


@dataclass(frozen=True)
class PartEntry:
    """What the ledger says of one part."""

    part: str  # SOURCE/HOUR/NAME; empty where it is about the ledger itself
    size: int = 0
    records: int | None = None  # requests that were acknowledged; None where that is not known
    sha256: str = ""  # of the content; empty where it is not known
    # change time (ns) and inode of the file when its content was last compared; empty before
    stamp: tuple[int, ...] = ()
    damage: str = ""  # what is wrong with it for good, in one sentence; empty where nothing is
    gone: str = ""  # EXPIRED, PART_ERASED or SAVED where the part is rightly not there; else empty


@dataclass(frozen=True)
class LedgerContent:
    """What a ledger holds."""

    entries: Mapping[str, PartEntry]
    lines: int
    broken: int


class SpoolLedger:
    """The ledger of one spool; any process of the data folder may append to it."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self.path = spool.with_name(spool.name + LEDGER_ENDING)

    def read(self) -> LedgerContent:
        """All entries; none where there is no ledger yet. Raises OSError: it cannot be read."""
        try:
            return ledger_content(self.path.read_bytes())
        except FileNotFoundError:
            return ledger_content(b"")

    def append(self, entries: Iterable[PartEntry] = ()) -> None:
        """Enter parts, synced. A spool without a ledger gets one with the parts that are there, as they are.

        Raises OSError: it cannot be written; it is as it was.
        """
        entries = list(entries)
        with self._hold_ledger_file() as handle:
            size = os.fstat(handle).st_size
            if not size:
                self._replace_ledger_file([*self._list_unrecorded_parts(), *entries])
                return
            if entries:
                size = _without_torn_end(handle, size)
                _append_ledger_bytes(handle, size, b"".join(map(_encode_ledger_line, entries)))
        self._mark_ledger_present()

    def replace(self, entries: Iterable[PartEntry]) -> None:
        """Write the ledger anew, whole; or raise OSError, and it is as it was."""
        with self._hold_ledger_file():
            self._replace_ledger_file(entries)

    def compact(self) -> None:
        """Leave out what no longer counts, where that is most of it."""
        content = self.read()
        kept = [entry for entry in content.entries.values() if not entry.gone or (self._spool / entry.part).exists()]
        if not content.broken and content.lines > 2 * len(kept) + _SPARE_LINES:
            self.replace(kept)

    def name_of(self, part: Path) -> str:
        """The name of a part in the ledger."""
        return part.relative_to(self._spool).as_posix()

    def _list_unrecorded_parts(self) -> list[PartEntry]:
        """Entries of parts of which nothing is known but that they are there."""
        old = [path for path in closed_parts(self._spool) if not sums_path(path).exists()]
        found = [PartEntry(self.name_of(path), path.stat().st_size) for path in old]
        if (self._spool / HAS_LEDGER).exists():
            lost = "the ledger of the spool was gone, so nobody can tell which parts were missing or damaged then"
            found.append(PartEntry("", damage=lost))
        return found

    def _replace_ledger_file(self, entries: Iterable[PartEntry]) -> None:
        beside = self.path.with_name(f".{self.path.name}.new")
        write_synced(beside, ledger_bytes(entries))
        beside.replace(self.path)
        sync_folder(self.path.parent)
        self._mark_ledger_present()

    def _mark_ledger_present(self) -> None:
        mark = self._spool / HAS_LEDGER
        with suppress(OSError):  # the spool cannot be written now: the next part that is closed makes it
            if not mark.exists():
                mark.touch(mode=0o600)

    @contextmanager
    def _hold_ledger_file(self) -> Iterator[int]:
        """The open file, which no other process may change meanwhile."""
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is_at(handle, self.path):  # else it was written anew while we waited
                    yield handle
                    return
            finally:
                os.close(handle)


def ledger_content(data: bytes) -> LedgerContent:
    """The entries in the content of a ledger."""
    lines, broken = read_checked(data)
    entries: dict[str, PartEntry] = {}
    for line in lines:
        try:
            fields = json.loads(line)
            if "part" in fields:
                entries[fields["part"]] = PartEntry(**{**fields, "stamp": tuple(fields["stamp"])})
        except (ValueError, TypeError, KeyError):  # of another version
            broken += 1
    return LedgerContent(entries, len(lines), broken)


def ledger_bytes(entries: Iterable[PartEntry]) -> bytes:
    """The content of a ledger with these entries."""
    return checked_line(_HEADER) + b"".join(map(_encode_ledger_line, entries))


def _encode_ledger_line(entry: PartEntry) -> bytes:
    return checked_line(json.dumps(asdict(entry)))


def _is_at(handle: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), path.lstat())
    return False


def _without_torn_end(handle: int, size: int) -> int:
    """Cut off a last line that was being written when a process died; nothing relied on it."""
    start = max(0, size - _TAIL_BYTES)
    whole = start + os.pread(handle, size - start, start).rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(handle, whole)
    return whole


def _append_ledger_bytes(handle: int, size: int, data: bytes) -> None:
    try:
        view, at = memoryview(data), size
        while view:
            written = os.pwrite(handle, view, at)
            view, at = view[written:], at + written
        os.fdatasync(handle)
    except OSError:
        with suppress(OSError):
            os.ftruncate(handle, size)
        raise
