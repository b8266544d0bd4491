"""SHA-256 of input files: each file is read for it at most once, and not at all if a state folder has its digest.

The state folder keeps digests as git's index does: under the file's path, with its size, inode and times of change.
Writing to a file changes its ctime, which no program can set back, so a digest is valid as long as all of these are
unchanged. A file that is written within the file system's smallest step of time after it was hashed could have the same
times with other bytes. So a digest is kept only if the file's last change was SAFE_NANOSECONDS ago when hashing began
(git's rule for racily clean entries), and if the file looked the same afterwards.

Times of object stores are not reliable. Their ETag is: it changes with the content, and asking for it costs one request
without a body. A store that gives none has its objects hashed each time.
"""

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from stillhunt.collect.decode.streams import DamagedFileError, HashedFile
from stillhunt.collect.locate.catalog import Found, FoundFile
from stillhunt.collect.locate.object_stores import Place, RemoteFile

DIGESTS_FILE = "digests"  # file of digests in the state folder; it has no ending, so that it does not look like a log
SAFE_NANOSECONDS = 3_000_000_000
"""The coarsest time step in use, the 2 s of FAT, and some allowance for clocks that differ."""
MAX_KNOWN = 1 << 17
"""Most files of which digests are kept; those hashed longest ago are dropped first."""
_LAYOUT = 1
Stamp: TypeAlias = tuple[int, int, int, int]
"""Size, mtime and ctime in nanoseconds, inode; of an object, size and a number made of its ETag."""
_Entries: TypeAlias = dict[str, tuple[Stamp, int, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]]]
"""Name of a file -> its stamp, when it was hashed, digest."""
_CONTENT = msgspec.json.Decoder(tuple[int, _Entries])


class KnownDigests:
    """Digests of files that have not changed since, in a state folder; a damaged file of them counts as empty."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / DIGESTS_FILE
        self._known = _read_known_digests(self._path)
        self._changed = False

    def look_up(self, path: Place) -> tuple[str, int] | None:
        """Digest and size of a file; None if it is new, or may have changed since it was hashed."""
        entry = self._known.get(_name_of(path))
        stamp = _stamp_of(path)
        if entry is None or stamp is None or entry[0] != stamp or not _is_stamp_settled(stamp, entry[1]):
            return None
        return entry[2], stamp[0]

    def note(self, path: Place, before: Stamp | None, began: int, digest: str) -> None:
        """Keep a digest, unless the file may have been written to since hashing began (nanoseconds since 1970)."""
        if before is not None and digest and before == _stamp_of(path) and _is_stamp_settled(before, began):
            self._known[_name_of(path)] = (before, began, digest)
            self._changed = True

    def save(self) -> None:
        """Write the digests to another name and rename the file, so that no reader sees a part of it."""
        if not self._changed:
            return
        latest = sorted(self._known.items(), key=lambda item: (item[1][1], item[0]))[-MAX_KNOWN:]
        content = [_LAYOUT, dict(latest)]
        beside = self._path.with_name(f"{DIGESTS_FILE}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            beside.touch(mode=0o600)
            beside.write_text(json.dumps(content))
            beside.replace(self._path)
        except OSError:
            # This costs only time: the next hunt hashes again. Whatever must be kept reports its own errors.
            with contextlib.suppress(OSError):
                beside.unlink()
        self._changed = False


def _read_known_digests(path: Path) -> _Entries:
    try:
        layout, known = _CONTENT.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return known if layout == _LAYOUT else {}


def _name_of(path: Place) -> str:
    """Hash of the absolute path: so any name fits into JSON, and the folder does not reveal where the logs are."""
    if isinstance(path, RemoteFile):
        return hashlib.sha256(f"{path.home}\0{path.key}".encode("utf-8", "surrogatepass")).hexdigest()
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest() if isinstance(path, Path) else ""


def _stamp_of(path: Place) -> Stamp | None:
    try:
        if isinstance(path, RemoteFile):
            version = path.version()
            number = int(hashlib.sha256(version.encode()).hexdigest()[:15], 16)
            return (path.size, 0, 0, number) if version else None
        if not isinstance(path, Path):
            return None  # a table of a database
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _is_stamp_settled(stamp: Stamp, taken: int) -> bool:
    """Whether the last change was safely before a moment."""
    return max(stamp[1], stamp[2]) < taken - SAFE_NANOSECONDS


class Digests:
    """Computes SHA-256 of input files in threads of its own; a `state` folder keeps them between hunts."""

    def __init__(self, found: Sequence[Found], state: str = "") -> None:
        self._found = found
        self._begun: dict[int, Future[tuple[str, int]]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._known = KnownDigests(Path(state)) if state else None

    def begin(self, indices: Sequence[int], threads: int = 1) -> None:
        """Start to hash these files, unless that was done before or their digests are kept."""
        for index in indices:
            found = self._found[index]
            if index in self._begun or not isinstance(found, FoundFile):
                continue
            known = self._known.look_up(found.path) if self._known else None
            if known is not None:
                self._begun[index] = Future()
                self._begun[index].set_result(known)
            else:
                self._pool = self._pool or ThreadPoolExecutor(threads, "stillhunt-sha256")
                self._begun[index] = self._pool.submit(self._hash_found_file, found)

    def _hash_found_file(self, found: FoundFile) -> tuple[str, int]:
        if self._known is None:
            return hash_file(found)
        # The clock is read first, so that a later change cannot look older than this moment.
        began, before = time.time_ns(), _stamp_of(found.path)
        digest, size = hash_file(found)
        self._known.note(found.path, before, began, digest)
        return digest, size

    def known(self, index: int) -> bool:
        """Whether the digest of this file is known, or is being computed."""
        return index in self._begun

    def of(self, index: int) -> tuple[str, int]:
        """Digest and size of a file for which `begin` was called; waits for them."""
        return self._begun[index].result()

    def end(self) -> None:
        """Stop the threads, and save the digests."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        if self._known is not None:
            self._known.save()


def hash_file(found: FoundFile) -> tuple[str, int]:
    """SHA-256 and size of a file; the hash is empty if the file cannot be read or has no end (a device)."""
    if not found.path.is_file():
        return "", 0
    source = HashedFile(found.path)
    try:
        for _piece in source.pieces():
            pass
    except DamagedFileError:
        return "", source.size
    return source.sha256(), source.size
