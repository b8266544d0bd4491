"""Snapshots: one folder for each hunt, complete before it is visible, never changed afterwards."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt.base.errors import CaseError, ContractError
from stillhunt.base.schema import REMEMBERED
from stillhunt.base.table_files import table_of_parquet
from stillhunt.triage import Case
from stillhunt.watch.folder import DataFolder, sync_folder, write_synced

CASE, WATCH_FILE, CHECKSUMS_FILE, REMEMBERED_FILE = "case", "watch.json", "checksums.json", "remembered.parquet"
SNAPSHOT_FACTS = ("made_at", "to_time", "requests", "rejected", "required_bits", "budget")
"""What readers of the facts of a snapshot rely on."""
SEED = "seed"
"""Fact of a snapshot: the setting that chose its folds."""
_DIGITS = 8


@dataclass(frozen=True)
class Snapshot:
    """One snapshot on disk."""

    sequence: int
    path: Path

    @property
    def case(self) -> Path:
        """The case folder in it."""
        return self.path / CASE

    def facts(self) -> dict[str, Any]:
        """What the watch knew when it was made: times, counts, budget."""
        try:
            content = json.loads((self.path / WATCH_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise self.damaged() from error
        if not isinstance(content, dict) or not set(SNAPSHOT_FACTS) <= content.keys():
            raise self.damaged()
        return content

    def remembered(self) -> pa.Table:
        """REMEMBERED; nothing where an earlier version made it. Raises CaseError: it is not as it was written."""
        path, written = self.path / REMEMBERED_FILE, checksums_of(self).get(REMEMBERED_FILE)
        if written is None and not path.exists():
            return REMEMBERED.empty()
        with suppress(OSError, pa.ArrowException, ContractError):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == written:
                return REMEMBERED.check(table_of_parquet(content))
        raise self.damaged(REMEMBERED_FILE)

    def damaged(self, name: str = "") -> CaseError:
        """The error for a snapshot that cannot be read; `name` is the file at fault, "" for the whole."""
        step = "wait for the next hunt, or start one"
        return CaseError("the snapshot is damaged", where=str(self.path / name), next_step=step)


def name_of(sequence: int) -> str:
    """Name of the folder of a snapshot."""
    return f"{sequence:0{_DIGITS}d}"


def all_snapshots(folder: DataFolder) -> list[Snapshot]:
    """Snapshots on disk, the oldest first."""
    names = [path.name for path in folder.snapshots.iterdir() if path.name.isdigit() and path.is_dir()]
    return [Snapshot(int(name), folder.snapshots / name) for name in sorted(names, key=int)]


def latest_snapshot(folder: DataFolder) -> Snapshot | None:
    """The snapshot that readers see; None before the first hunt."""
    try:
        name = folder.latest.readlink().name
    except OSError:
        return None
    return Snapshot(int(name), folder.snapshots / name)


def remembered_groups(folder: DataFolder, seed: int) -> pa.Table:
    """REMEMBERED of the latest snapshot; nothing where it is damaged, or another seed chose the folds of its groups."""
    with suppress(CaseError):  # the hunt then has what it finds alone
        latest = latest_snapshot(folder)
        if latest is not None and latest.facts().get(SEED, seed) == seed:  # earlier versions did not say it
            return latest.remembered()
    return REMEMBERED.empty()


def write_snapshot(folder: DataFolder, sequence: int, case: Case, files: Mapping[str, bytes]) -> Snapshot:
    """Write a snapshot, completely or not at all; readers see it after `DataFolder.switch_latest`.

    Args:
        sequence: its number; a folder of this number that no database row names is replaced.
        files: name -> content of what stands beside the case; WATCH_FILE at least.

    Raises:
        OutputError: it cannot be written.
    """
    target = folder.snapshots / name_of(sequence)
    hidden = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=folder.snapshots))
    try:
        case.write(hidden / CASE)
        for name, content in files.items():
            write_synced(hidden / name, content)
        write_checksums(hidden)
        sync_folder(hidden)
        shutil.rmtree(target, ignore_errors=True)
        hidden.rename(target)
        sync_folder(folder.snapshots)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return Snapshot(sequence, target)


def write_checksums(path: Path) -> None:
    """Write the checksum of each file of a snapshot into it."""
    files = (one for one in sorted(path.rglob("*")) if one.is_file() and one.name != CHECKSUMS_FILE)
    sums = {one.relative_to(path).as_posix(): _compute_file_checksum(one) for one in files}
    write_synced(path / CHECKSUMS_FILE, json.dumps(sums, indent=1).encode())


def checksums_of(snapshot: Snapshot) -> dict[str, str]:
    """Name of each file of a snapshot -> its checksum when it was written; empty for one of an earlier version.

    Raises CaseError: the file with the checksums is damaged, or the snapshot is gone.
    """
    path = snapshot.path / CHECKSUMS_FILE
    if snapshot.path.is_dir() and not path.exists():
        return {}
    try:
        found = json.loads(path.read_bytes())
        return {str(name): str(checksum) for name, checksum in found.items()}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise snapshot.damaged(CHECKSUMS_FILE) from error


def damaged_files(snapshot: Snapshot) -> list[str]:
    """Names of files of a snapshot that are missing, or not as they were written."""
    return [
        name
        for name, wanted in checksums_of(snapshot).items()
        if _compute_file_checksum(snapshot.path / name) != wanted
    ]


def remove_unrecorded(folder: DataFolder, newest: int | None) -> int:
    """Remove what a killed hunt left: hidden folders, and the snapshot that follows the newest one in the database.

    More snapshots than one beyond the database come from no killed hunt, but from a database that was lost, restored
    from an older backup, or wrongly named in the settings: they stay.

    Args:
        folder: the data folder, in which this process has the role of the hunt.
        newest: number of the newest snapshot in the database.

    Returns:
        The number of the next snapshot.
    """
    following = (newest or 0) + 1
    beyond = [snapshot for snapshot in all_snapshots(folder) if snapshot.sequence >= following]
    if [snapshot.sequence for snapshot in beyond] == [following]:
        shutil.rmtree(beyond.pop().path, ignore_errors=True)
    for path in folder.snapshots.iterdir():
        if path.name.startswith(".") and path.name.endswith(".part"):
            shutil.rmtree(path, ignore_errors=True)
    return max([following, *(snapshot.sequence + 1 for snapshot in beyond)])


def _compute_file_checksum(path: Path) -> str:
    """SHA-256 of a file; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
