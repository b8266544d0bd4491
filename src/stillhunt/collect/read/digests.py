"""SHA-256 of input files: each is read for it at most once, and not at all where a state folder knows its digest.

What the state folder knows is kept as git's index keeps it: under the file's path, with its size, inode and times of
change as the file system told them. Who writes into a file changes its ctime, which no program can set back, so a
digest is believed as long as all of these stand. A file that was written within the file system's smallest step of
time after it was hashed could bear the same times with other bytes; so a digest is noted only of a file whose last
change lay SAFE_NANOSECONDS back when hashing began (git's rule of racily clean entries), and of one that looked the
same after it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from stillhunt.collect.decode.streams import DamagedFileError, HashedFile
from stillhunt.collect.locate.catalog import Found, FoundFile

KNOWN = "digests"
"""Name of what the state folder knows; no ending, so that it is no log in a folder of logs."""
SAFE_NANOSECONDS = 3_000_000_000
"""More than the coarsest step of time in use, the 2 s of FAT, and a little for clocks that differ."""
MOST_KNOWN = 1 << 17
"""Files of which digests are kept; those hashed longest ago go first."""
_LAYOUT = 1
_DIGEST_CHARACTERS = 64

Stamp: TypeAlias = tuple[int, int, int, int]
"""Size, mtime and ctime in nanoseconds, inode."""


class KnownDigests:
    """Digests of files that lie as they lay when they were hashed.

    Args:
        folder: the state folder; what is damaged or missing there is as if nothing was known.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / KNOWN
        self._known = _read(self._path)
        self._changed = False

    def look_up(self, path: Path) -> tuple[str, int] | None:
        """Digest and size of a file; None where it is new, or may have changed since it was hashed."""
        entry = self._known.get(_name_of(path))
        stamp = _stamp_of(path)
        if entry is None or stamp is None or entry[0] != stamp or not _settled(stamp, entry[1]):
            return None
        return entry[2], stamp[0]

    def note(self, path: Path, before: Stamp | None, began: int, digest: str) -> None:
        """Remember a digest, if nobody can have written into the file meanwhile.

        Args:
            path: the file.
            before: its stamp when hashing began.
            began: when that was, in nanoseconds since 1970.
            digest: of its bytes, hexadecimal.
        """
        if before is not None and digest and before == _stamp_of(path) and _settled(before, began):
            self._known[_name_of(path)] = (before, began, digest)
            self._changed = True

    def save(self) -> None:
        """Write what is known beside its name and rename it, so that no reader sees half of it."""
        if not self._changed:
            return
        latest = sorted(self._known.items(), key=lambda item: (item[1][1], item[0]))[-MOST_KNOWN:]
        content = [_LAYOUT, {name: [list(stamp), taken, digest] for name, (stamp, taken, digest) in latest}]
        beside = self._path.with_name(f"{KNOWN}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            beside.write_text(json.dumps(content))
            beside.replace(self._path)
        except OSError:
            # Only time is lost by it: the next hunt hashes again. What must be kept tells its own errors.
            with contextlib.suppress(OSError):
                beside.unlink()
        self._changed = False


def _read(path: Path) -> dict[str, tuple[Stamp, int, str]]:
    try:
        layout, entries = json.loads(path.read_text())
        if layout != _LAYOUT:
            return {}
        known = {}
        for name, (stamp, taken, digest) in entries.items():
            size, modified, changed, inode = (int(part) for part in stamp)
            if len(digest) != _DIGEST_CHARACTERS or int(digest, 16) < 0:
                return {}
            known[str(name)] = ((size, modified, changed, inode), int(taken), str(digest))
        return known
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _name_of(path: Path) -> str:
    """A digest of the absolute path: any name fits into JSON so, and the folder does not tell where logs lie."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()


def _stamp_of(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _settled(stamp: Stamp, taken: int) -> bool:
    """Whether the last change lay safely before a moment."""
    return max(stamp[1], stamp[2]) < taken - SAFE_NANOSECONDS


class Digests:
    """SHA-256 of input files, by threads of their own.

    Args:
        found: all inputs.
        state: folder that keeps digests between hunts; None or empty: none.
    """

    def __init__(self, found: Sequence[Found], state: str = "") -> None:
        self._found = found
        self._begun: dict[int, Future[tuple[str, int]]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._known = KnownDigests(Path(state)) if state else None

    def begin(self, indices: Sequence[int], threads: int = 1) -> None:
        """Hash these files, if that was not begun before and their digests are not known."""
        for index in indices:
            found = self._found[index]
            if index in self._begun or not isinstance(found, FoundFile):
                continue
            known = self._known.look_up(found.path) if self._known and isinstance(found.path, Path) else None
            if known is not None:
                self._begun[index] = Future()
                self._begun[index].set_result(known)
            else:
                self._pool = self._pool or ThreadPoolExecutor(threads, "stillhunt-sha256")
                self._begun[index] = self._pool.submit(self._hash, found)

    def _hash(self, found: FoundFile) -> tuple[str, int]:
        if self._known is None or not isinstance(found.path, Path):  # an object store tells no times to rely on
            return hash_file(found)
        # The clock is read first: a change after this moment is not older than it.
        began, before = time.time_ns(), _stamp_of(found.path)
        digest, size = hash_file(found)
        self._known.note(found.path, before, began, digest)
        return digest, size

    def known(self, index: int) -> bool:
        """Whether the digest of this file is known, or hashing it was begun."""
        return index in self._begun

    def of(self, index: int) -> tuple[str, int]:
        """Digest and size of a file that was begun; waits for it."""
        return self._begun[index].result()

    def end(self) -> None:
        """Free the threads once all is done, and keep what they found."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        if self._known is not None:
            self._known.save()


def hash_file(found: FoundFile) -> tuple[str, int]:
    """SHA-256 and size of a file; empty where it cannot be read or has no end (a device)."""
    if not found.path.is_file():
        return "", 0
    source = HashedFile(found.path)
    try:
        for _piece in source.pieces():
            pass
    except DamagedFileError:
        return "", source.size
    return source.sha256(), source.size
