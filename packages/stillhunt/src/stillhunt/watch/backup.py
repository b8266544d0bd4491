"""Copies of a data folder, made while it is in use, checked by their checksums, and put back into an empty place.

First the database is copied, as it is at one moment; then the snapshots that it names, and the spool, which by then has
at least what those snapshots were made of. Meanwhile nothing old is deleted. Kept state is left out, for hunts make it
anew, but not its key, without which hashes of addresses could not be compared with earlier ones.
"""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Mapping, Set
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stillhunt._version import __version__
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.extract.store.folders import KEY
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import (
    DATABASE,
    POLICY_FILE,
    PROVIDERS_FILES,
    SNAPSHOTS,
    SPOOL,
    STATE,
    DataFolder,
    sync_folder,
    write_synced,
)
from stillhunt.watch.holds import undisturbed
from stillhunt.watch.records import newest_sequence
from stillhunt.watch.snapshots import Snapshot, all_snapshots, name_of
from stillhunt.watch.spool.ledger import LEDGER_ENDING, PartEntry, SpoolLedger, ledger_bytes
from stillhunt.watch.spool.parts import OPEN, closed_parts, open_parts, whole_bytes
from stillhunt.watch.spool.sums import read_sums

MANIFEST = "manifest.json"
BACKUP_VERSION = 2
_CHUNK = 1 << 20
_LONGEST_MANIFEST = 1 << 28
LEDGER = f"{SPOOL}{LEDGER_ENDING}"
_ALLOWED = re.compile(
    rf"{re.escape(DATABASE)}|{re.escape(LEDGER)}|{re.escape(POLICY_FILE)}|{STATE}/{re.escape(KEY)}"
    rf"|{'|'.join(map(re.escape, PROVIDERS_FILES))}"
    rf"|{SPOOL}/[a-z0-9][a-z0-9_-]{{0,62}}/\d{{4}}-\d\d-\d\dT\d\d/part-[\w.-]{{1,200}}"
    rf"|{SNAPSHOTS}/\d{{8,10}}(?:/(?!\.)[\w.-]{{1,120}}){{1,4}}"
)
"""Names of files that a backup may hold."""


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds."""

    path: Path
    files: int
    size: int
    snapshot: int | None  # number of its newest snapshot; None where there was none
    database: bool  # whether the database is in it; False where it is on a server


def back_up(folder: DataFolder, database: WatchDatabase, target: Path, url: str = "") -> BackedUp:
    """Copy a data folder while it is in use.

    Args:
        target: folder to write; must not exist, or be empty.
        url: of a database on a server, which is not copied; empty for the file in the folder.

    Raises:
        OutputError: it cannot be written, or what was written is not what was read.
    """
    hidden = _new_folder(target)
    try:
        files: dict[str, dict[str, Any]] = {}
        with undisturbed(folder):
            if not url:
                _copy_database(folder.database, hidden / DATABASE)
                files[DATABASE] = _facts_of_file(hidden / DATABASE)
                with closing(sqlite3.connect(hidden / DATABASE)) as copy:
                    newest = copy.execute("SELECT max(sequence) FROM snapshots").fetchone()[0]
            else:
                newest = newest_sequence(database)
            before, still_open = _ledger_entries(folder), set[str]()
            for source, name in _to_copy(folder, newest):
                copied = _copy_live(source, hidden / name)
                if copied is not None:
                    files[name] = copied
                    (still_open.add if source.name.endswith(OPEN) else still_open.discard)(name)
            if before:
                entries = _entries_of_copy({**before, **_ledger_entries(folder)}, set(before), files, still_open)
                write_synced(hidden / LEDGER, ledger_bytes(entries))
                files[LEDGER] = _facts_of_file(hidden / LEDGER)
        about = {"version": BACKUP_VERSION, "stillhunt": __version__, "snapshot": newest, "database": not url}
        manifest = json.dumps({**about, "files": files}, indent=1, sort_keys=True)
        write_synced(hidden / MANIFEST, manifest.encode())
        for name, facts in files.items():
            if _facts_of_file(hidden / name) != facts:
                raise _make_broken_backup_error(hidden / name, "the copy is not what was read")
        _move_copy_into_place(hidden, target)
    except (OSError, sqlite3.Error) as error:
        raise _make_unwritable_error(target, error) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return BackedUp(target, len(files), sum(one["size"] for one in files.values()), newest, not url)


def restore(source: Path, target: Path) -> BackedUp:
    """Put a backup back as a data folder; every file is checked while it is copied.

    `target`: the data folder to make; must not exist, or be empty. Raises CaseError: it is no backup, is damaged, or
    was written by a newer version. Raises OutputError: it cannot be written.
    """
    manifest = _read_manifest(source / MANIFEST)
    hidden = _new_folder(target)
    try:
        for name, facts in manifest["files"].items():
            if not _is_plain_file(source, name) or _copy_file_synced(source / name, hidden / name) != facts:
                raise _make_broken_backup_error(source / name, "it is missing or damaged")
        for part in (SPOOL, STATE, SNAPSHOTS):
            (hidden / part).mkdir(exist_ok=True)
        newest = manifest["snapshot"]
        if newest is not None and (hidden / SNAPSHOTS / name_of(newest)).is_dir():
            DataFolder(hidden).switch_latest(name_of(newest))
        _move_copy_into_place(hidden, target)
    except OSError as error:
        raise _make_unwritable_error(target, error) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    size = sum(one["size"] for one in manifest["files"].values())
    return BackedUp(target, len(manifest["files"]), size, newest, manifest["database"])


def _ledger_entries(folder: DataFolder) -> Mapping[str, PartEntry]:
    """Entries of the spool's ledger; none where there is no ledger that can be read."""
    with suppress(OSError):
        return SpoolLedger(folder.spool).read().entries
    return {}


def _entries_of_copy(
    entries: Mapping[str, PartEntry], before: Set[str], files: Mapping[str, Mapping[str, Any]], still_open: Set[str]
) -> Iterator[PartEntry]:
    """The ledger of a copy: what was copied open is as it was copied, and what was missing before stays missing.

    `before`: names of those that it had before. `still_open`: of those, the parts that were open.
    """
    for name in still_open:
        yield PartEntry(name.removeprefix(f"{SPOOL}/"), files[name]["size"], sha256=files[name]["sha256"])
    for name, entry in entries.items():
        path = f"{SPOOL}/{name}"
        if not entry.gone and path not in still_open and (path in files or name in before):
            yield replace(entry, stamp=())


def _to_copy(folder: DataFolder, newest: int | None) -> Iterator[tuple[Path, str]]:
    """Files and their names in the backup; an open part has the name that it will have when it is closed."""
    key = folder.state / KEY
    if key.exists():
        yield key, f"{STATE}/{KEY}"
    policy = (folder.path / POLICY_FILE).resolve()  # it may be a link, as containers mount files
    if policy.is_file():
        yield policy, POLICY_FILE
    own = ((folder.path / name, name) for name in PROVIDERS_FILES)
    yield from ((path, name) for path, name in own if path.is_file() and not path.is_symlink())
    for snapshot in all_snapshots(folder):
        if newest is not None and snapshot.sequence <= newest:
            yield from _files_of(folder, snapshot)
    # Closed parts are listed when the open ones were copied: what was closed meanwhile is copied again, as a whole.
    for parts_of in (open_parts, closed_parts):
        for path in parts_of(folder.spool):
            name = path.relative_to(folder.path).as_posix().removesuffix(OPEN)
            if not path.is_symlink() and _ALLOWED.fullmatch(name):
                yield path, name


def _files_of(folder: DataFolder, snapshot: Snapshot) -> Iterator[tuple[Path, str]]:
    for path in sorted(snapshot.path.rglob("*")):
        name = path.relative_to(folder.path).as_posix()
        if not path.is_symlink() and path.is_file() and _ALLOWED.fullmatch(name):
            yield path, name


def _copy_live(source: Path, target: Path) -> dict[str, Any] | None:
    """Copy a file of a folder that is in use; None where there is nothing whole in it, or where it is gone."""
    try:
        sums = read_sums(source)  # before its part, which then has at least what they say
        facts = _copy_file_synced(source, target)
    except FileNotFoundError:
        return None  # an open part that was closed meanwhile
    if not source.name.endswith(OPEN):
        return facts
    with target.open("rb+") as file:
        acknowledged = sums.end if sums.end <= facts["size"] else 0
        file.truncate(whole_bytes(file.fileno(), target.name, acknowledged))
        os.fsync(file.fileno())
    facts = _facts_of_file(target)
    if not facts["size"]:
        target.unlink()
        return None
    return facts


def _copy_file_synced(source: Path, target: Path) -> dict[str, Any]:
    """Copy one file with its times, synced; its size and SHA-256 as they were read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as read, os.fdopen(_new_file(target), "wb") as written:
        while piece := read.read(_CHUNK):
            written.write(piece)
            digest.update(piece)
            size += len(piece)
        written.flush()
        os.fsync(written.fileno())
        about = os.fstat(read.fileno())
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))
    return {"size": size, "sha256": digest.hexdigest()}


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _facts_of_file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"size": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _copy_database(source: Path, target: Path) -> None:
    os.close(_new_file(target))
    with (
        closing(sqlite3.connect(f"file:{quote(source.as_posix())}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(target)) as write,
    ):
        read.backup(write)
        write.execute("PRAGMA journal_mode=DELETE")  # one file, whatever the mode of the source


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LONGEST_MANIFEST:
            raise ValueError("too long")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = manifest["files"]
        known = {"version": int, "files": dict, "database": bool}
        right = all(isinstance(manifest[name], kind) for name, kind in known.items())
        right = right and all(set(facts) == {"size", "sha256"} for facts in files.values())
        if not right or not isinstance(manifest["snapshot"], int | None):
            raise ValueError("not of this form")
        if strange := [name for name in files if not _ALLOWED.fullmatch(name)]:
            raise ValueError(f"a backup has no file {strange[0]!r:.80}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _make_broken_backup_error(path, f"there is no manifest of a backup: {error}") from error
    if manifest["version"] > BACKUP_VERSION:
        raise _make_broken_backup_error(path, "a newer version of stillhunt wrote it")
    return dict(manifest)


def _is_plain_file(source: Path, name: str) -> bool:
    """Whether a file of a backup is one, and no part of its path below the backup is a link."""
    path = source
    for part in name.split("/"):
        path = path / part
        if not os.path.lexists(path) or path.is_symlink():
            return False
    return stat.S_ISREG(path.lstat().st_mode)


def _new_folder(target: Path) -> Path:
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise OutputError("this exists already and is not empty", where=str(target), next_step="name a new folder")
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".part", dir=target.absolute().parent))
    except OSError as error:
        raise _make_unwritable_error(target, error) from error


def _move_copy_into_place(hidden: Path, target: Path) -> None:
    for folder in (hidden, *(path for path in hidden.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o700)
        sync_folder(folder)
    hidden.rename(target.absolute())  # onto an empty folder too, and onto nothing else
    sync_folder(target.absolute().parent)


def _make_unwritable_error(target: Path, error: Exception) -> OutputError:
    return OutputError(
        f"it cannot be written: {getattr(error, 'strerror', None) or error}",
        where=str(target),
        next_step="nothing was left behind; make room, or name another folder",
    )


def _make_broken_backup_error(path: Path, what: str) -> CaseError:
    return CaseError(what, where=str(path), next_step="use another backup")
