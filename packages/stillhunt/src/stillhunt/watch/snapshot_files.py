"""Sees that the latest snapshot is as it was written, and has a new one made where it is not."""

from __future__ import annotations

from collections.abc import Callable

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import Snapshot, all_snapshots, damaged_files, latest_snapshot

SNAPSHOT_FAULT = "snapshot"


class SnapshotFiles:
    """Looks at the files of the latest snapshot; their content is read only where a file seems to be another one.

    Args:
        mend: starts a hunt, which makes a new snapshot; None where this process does not hunt.
    """

    def __init__(self, folder: DataFolder, mend: Callable[[], None] | None = None) -> None:
        self._folder, self._mend = folder, mend
        self._seen: tuple[object, ...] = ()
        self._said = ""
        self._asked_for = -1

    def faults(self) -> dict[str, str]:
        """The fault: name -> what happened and what follows."""
        said, sequence = self._look()
        if said and self._mend is not None and sequence != self._asked_for:
            self._asked_for = sequence
            self._mend()
        return {SNAPSHOT_FAULT: f"{said}; the next hunt makes a new one"} if said else {}

    def _look(self) -> tuple[str, int]:
        snapshot = latest_snapshot(self._folder)
        if snapshot is None:
            there = self._folder.snapshots.is_dir() and all_snapshots(self._folder)
            return ("the link to the latest snapshot is gone" if there else ""), 0
        seen = _as_they_seem(snapshot)
        if seen != self._seen:
            self._said = _damage(snapshot)
            self._seen = seen
        return self._said, snapshot.sequence


def _as_they_seem(snapshot: Snapshot) -> tuple[object, ...]:
    """What changes when a file is written, removed or replaced."""
    seen: list[object] = [snapshot.sequence]
    for path in sorted(snapshot.path.rglob("*")):
        try:
            about = path.stat()
        except OSError:
            continue
        seen.append((path.name, about.st_size, about.st_mtime_ns, about.st_ino))
    return tuple(seen)


def _damage(snapshot: Snapshot) -> str:
    try:
        names = damaged_files(snapshot)
    except CaseError:
        return f"snapshot {snapshot.sequence} is damaged"
    if not names:
        return ""
    others = f" and {formatting.plural(len(names) - 1, 'other file')}" if len(names) > 1 else ""
    return f"snapshot {snapshot.sequence} is damaged: {names[0]}{others}"
