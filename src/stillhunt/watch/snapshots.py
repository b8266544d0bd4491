"""Snapshots: one folder for each hunt, complete before it is visible, never changed afterwards."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt.watch.folder import DataFolder, sync_folder

CASE, WATCH_FILE = "case", "watch.json"
SNAPSHOT_FACTS = ("made_at", "to_time", "requests", "rejected", "required_bits", "budget")
"""What readers of the facts of a snapshot rely on."""
_DIGITS = 8


@dataclass(frozen=True)
class Snapshot:
    """One snapshot on disk.

    Attributes:
        sequence: its number; each hunt has the next one.
        path: its folder.
    """

    sequence: int
    path: Path

    @property
    def case(self) -> Path:
        """The case folder in it."""
        return self.path / CASE

    def facts(self) -> dict[str, Any]:
        """What the watch knew when it was made: times, counts, budget.

        Raises:
            CaseError: it is damaged.
        """
        try:
            content = json.loads((self.path / WATCH_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise self._damaged() from error
        if not isinstance(content, dict) or not set(SNAPSHOT_FACTS) <= content.keys():
            raise self._damaged()
        return content

    def _damaged(self) -> CaseError:
        return CaseError(
            "the snapshot is damaged", where=str(self.path), next_step="wait for the next hunt, or start one"
        )


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


def write_snapshot(folder: DataFolder, sequence: int, case: Case, files: Mapping[str, bytes]) -> Snapshot:
    """Write a snapshot, completely or not at all; readers see it after `DataFolder.switch_latest`.

    Args:
        folder: the data folder.
        sequence: its number; a folder of this number that no database row names is replaced.
        case: what the hunt found.
        files: name -> content of what stands beside the case; WATCH_FILE at least.

    Raises:
        OutputError: it cannot be written.
    """
    target = folder.snapshots / name_of(sequence)
    hidden = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=folder.snapshots))
    try:
        case.write(hidden / CASE)
        for name, content in files.items():
            _write(hidden / name, content)
        sync_folder(hidden)
        shutil.rmtree(target, ignore_errors=True)
        hidden.rename(target)
        sync_folder(folder.snapshots)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return Snapshot(sequence, target)


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


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
