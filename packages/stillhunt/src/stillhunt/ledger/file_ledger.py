"""A ledger in a file: one line of JSON for each entry, and the hash of the last one in a file beside.

It is read from its end, so that appending takes one line however many there are: the hash beside fixes the last line,
and each line the one before it. A cut in one of the two files alone is found.
"""

import errno
import fcntl
import hashlib
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.base.table_files import write_whole
from stillhunt.ledger.chain import FIRST_HASH, LEDGER_START, LedgerPlace, digest_of, placed

LARGEST_LEDGER = 1 << 30
"""Bytes of a file that are read: a million pairs of a register of trials take some 800 MB."""


@dataclass(frozen=True)
class LedgerNames:
    """What a ledger is called, what follows where it was changed, and what where it cannot be used."""

    what: str
    restore: str
    unusable: str


class FileLedger:
    """The ledger of a .jsonl file, with .last and .lock beside it, used within `locked` by one process at a time.

    Whatever reads or appends raises a ConfigError where a line was changed or the end is missing, and an OutputError
    where the file cannot be used.
    """

    def __init__(self, path: Path, names: LedgerNames) -> None:
        self.path, self._names = path, names
        self._last, self._lock = path.with_suffix(".last"), path.with_suffix(".lock")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else reads or appends meanwhile; the folder is made."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._make_ledger_error(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def entries(self) -> list[dict[str, Any]]:
        """All entries, in order."""
        found = [*self.newest()][::-1]
        for place, entry in enumerate(found, 1):
            if entry.get("seq", place) != place:
                raise self.changed(f"line {place}: it says that it is line {entry['seq']}")
        return found

    def newest(self) -> Iterator[dict[str, Any]]:
        """Entries from the last one back, each checked by the one after it."""
        return (entry for _end, entry in self._iterate_checked_entries())

    def append(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Write one entry to the disk, then that it is the last one; it is returned with its place and hashes."""
        end, before = next(self._iterate_checked_entries(), (0, LEDGER_START._asdict()))
        seq = before["seq"] if "seq" in before else self._lines_until(end)
        entry = placed(content, LedgerPlace(seq, before["digest"]))
        if not end:  # so that a ledger of one line without this file is never what a dead process left
            self._write_last_hash(LEDGER_START.digest)
        try:
            _write_behind(self.path, line_of(entry), end)
        except OSError as error:
            raise self._make_ledger_error(error) from error
        self._write_last_hash(entry["digest"])
        return entry

    def changed(self, what: str) -> ConfigError:
        """The error that the ledger was changed, and what is wrong with it."""
        return ConfigError(
            f"the {self._names.what} was changed or damaged: {what}",
            where=str(self.path),
            next_step=self._names.restore,
        )

    def _iterate_checked_entries(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """From the last line back: bytes until its end, and the entry, with its hash."""
        wanted, known = "", self._read_last_hash()
        for end, raw in self._lines_back():
            entry = parsed_line(raw)
            if entry is None:
                raise self.changed(f"line {self._lines_until(end)}: it is no line of a ledger")
            digest = digest_of(entry) if "digest" in entry else hashlib.sha256(raw).hexdigest()
            if entry.get("digest", digest) != digest:
                raise self.changed(f"line {self._lines_until(end)}: its content is not what was hashed")
            if not wanted:
                if known is None:
                    raise self.changed(f"the file {self._last.name} with the hash of the last line is missing")
                if digest != known and (entry["before"] or FIRST_HASH) == known:
                    self._write_last_hash(digest)  # a process died between the two files
                elif digest != known:
                    raise self.changed(f"its end is missing, or {self._last.name} is older than one line")
            elif digest != wanted:
                raise self.changed(f"line {self._lines_until(end)}: the line after it does not follow from it")
            wanted = entry["before"] or FIRST_HASH
            yield end, {**entry, "digest": digest}
        if wanted != FIRST_HASH and (wanted or known not in (None, FIRST_HASH)):
            raise self.changed("its beginning is missing" if wanted else "all of its lines are missing")

    def _read_last_hash(self) -> str | None:
        """The hash of the last line, from the file beside; None without that file."""
        try:
            return self._last.read_text(encoding="ascii", errors="replace").strip() or FIRST_HASH
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._make_ledger_error(error) from error

    def _lines_back(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines from the last one back; what follows the last line feed was left by a process that died."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > LARGEST_LEDGER:
                    raise self.changed("the file is far too large")
                if size:
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                        end = content.rfind(b"\n") + 1
                        while end:
                            begin = content.rfind(b"\n", 0, end - 1) + 1
                            yield end, content[begin:end]
                            end = begin
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._make_ledger_error(error) from error

    def _lines_until(self, end: int) -> int:
        with self.path.open("rb") as file:
            return file.read(end).count(b"\n")

    def _write_last_hash(self, digest: str) -> None:
        write_whole(self._last, [digest.encode() + b"\n"])

    def _make_ledger_error(self, error: OSError) -> OutputError:
        return OutputError(
            f"the {self._names.what} cannot be used: {error.strerror or error}",
            where=str(self.path),
            next_step=self._names.unusable,
        )


def line_of(entry: Mapping[str, Any]) -> bytes:
    """An entry as the file has it."""
    return json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def parsed_line(raw: bytes) -> dict[str, Any] | None:
    """The entry of a line; None where it is none. Earlier versions wrote some without place and hash of their own."""
    try:
        entry = json.loads(raw)
        before = isinstance(entry, dict) and isinstance(entry.get("before"), str)
        same = before and ("digest" not in entry or line_of(entry) == raw)
    except (ValueError, RecursionError):
        return None
    return entry if same and isinstance(entry.get("seq", 0), int) else None


def _write_behind(path: Path, line: bytes, end: int) -> None:
    """Write a line behind the `end` bytes of whole ones, in place of what a dying process left; the path is no link."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.ftruncate(handle, end)
        if os.pwrite(handle, line, end) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    finally:
        os.close(handle)
