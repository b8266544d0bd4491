"""What a server looks at again and again: its clock, the files of its database and of its latest snapshot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.base.units import DAY, HOUR, MINUTE, SECOND
from stillhunt.watch.database.store import LostDatabaseError, WatchDatabase
from stillhunt.watch.folder import DATABASE, DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.snapshots import Snapshot, all_snapshots, damaged_files, latest_snapshot

FAULT_LOOK_SECONDS = 1.0
"""How often each look is made. Judgement: they cost microseconds, and whoever watches sees a fault at once."""
_JOIN_SECONDS = 2.0
_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing
FaultLook = Callable[[], Mapping[str, str]]
"""Gives the faults that there are now: name -> statement."""


class FaultLooks:
    """Makes looks until it is stopped, and begins and ends what they find.

    Args:
        looks: no two of which give the same name.
    """

    def __init__(self, faults: ServiceFaults, looks: Sequence[FaultLook]) -> None:
        self._faults = faults
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow_fault_look, args=(look,), name="stillhunt-looks", daemon=True)
            for look in looks
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _follow_fault_look(self, look: FaultLook) -> None:
        known: set[str] = set()
        while not self._stopping.is_set():
            known = report(self._faults, look, known)
            self._stopping.wait(FAULT_LOOK_SECONDS)


def report(faults: ServiceFaults, look: FaultLook, known: set[str]) -> set[str]:
    """Make one look, and begin and end what it finds.

    Returns:
        What it found; what was known before where it failed.
    """
    try:
        found = look()
    except Exception:  # whatever one file holds, the next look comes
        _LOG.exception("looking for faults")
        return known
    for name in known - found.keys():
        faults.end(name)
    for name, statement in found.items():
        faults.begin(name, statement)
    return set(found)


STEP_SECONDS = 10.0
"""Difference between two looks from which on the clock was moved, and not only corrected. Judgement: decisions last for
days, and a busy machine may pause a thread between the two readings."""
SHOWN_SECONDS = 900.0
"""How long a step is shown as a fault. Judgement: time for an alert, and for somebody to look."""
CLOCK_FAULT = "clock"


def _steady() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class ClockSteps:
    """Tells whether the wall clock was moved since the last look.

    Args:
        wall: seconds since 1970.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady) -> None:
        self._wall, self._steady = wall, steady
        self._apart = wall() - steady()
        self._moved, self._moved_at = 0.0, 0.0

    def moved(self) -> float:
        """Seconds by which the clock was moved since the last call; 0 where it was not."""
        apart = self._wall() - self._steady()
        moved = apart - self._apart
        if abs(moved) < STEP_SECONDS:
            return 0.0  # what was known stays, so that many small corrections are seen as well
        self._apart = apart
        return moved

    def faults(self) -> dict[str, str]:
        """The fault while a step is recent: name -> what happened and what follows."""
        if moved := self.moved():
            self._moved, self._moved_at = moved, self._steady()
        if not self._moved or self._steady() - self._moved_at >= SHOWN_SECONDS:
            return {}
        way = "ahead" if self._moved > 0 else "back"
        said = f"the clock of this machine was moved {way} by {_describe_duration(abs(self._moved))}"
        return {CLOCK_FAULT: f"{said}; decisions end by it, so check its time"}


def _describe_duration(seconds: float) -> str:
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds * SECOND >= 2 * unit:
            return formatting.plural(int(seconds * SECOND / unit), name)
    return formatting.plural(int(seconds), "second")


LOST_DATABASE_FAULT = "database file"


class DatabaseFiles:
    """Sees that no file of the database was removed while it is open."""

    def __init__(self, database: WatchDatabase, data: Path) -> None:
        self._database, self._file = database, str((data / DATABASE).absolute())

    def faults(self) -> dict[str, str]:
        """The fault: name -> what happened and what follows."""
        try:
            self._database.check_place()
        except LostDatabaseError as error:
            said = "nothing more is written, so stop the server and restore a backup"
            return {LOST_DATABASE_FAULT: f"{error.what}; {said}"}
        if _is_open_and_removed(f"{self._file}-wal"):
            self._database.reopen()
        return {}


def _is_open_and_removed(path: str) -> bool:
    """Whether this process has a file open that has no name any more; where the system does not tell, no."""
    removed = f"{path} (deleted)"
    with suppress(OSError):
        for handle in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # it was closed meanwhile
                if str(handle.readlink()) == removed:
                    return True
    return False


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
        said, sequence = self._check_latest_snapshot()
        if said and self._mend is not None and sequence != self._asked_for:
            self._asked_for = sequence
            self._mend()
        return {SNAPSHOT_FAULT: f"{said}; the next hunt makes a new one"} if said else {}

    def _check_latest_snapshot(self) -> tuple[str, int]:
        snapshot = latest_snapshot(self._folder)
        if snapshot is None:
            there = self._folder.snapshots.is_dir() and all_snapshots(self._folder)
            return ("the link to the latest snapshot is gone" if there else ""), 0
        seen = _as_they_seem(snapshot)
        if seen != self._seen:
            self._said = _describe_snapshot_damage(snapshot)
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


def _describe_snapshot_damage(snapshot: Snapshot) -> str:
    try:
        names = damaged_files(snapshot)
    except CaseError:
        return f"snapshot {snapshot.sequence} is damaged"
    if not names:
        return ""
    others = f" and {formatting.plural(len(names) - 1, 'other file')}" if len(names) > 1 else ""
    return f"snapshot {snapshot.sequence} is damaged: {names[0]}{others}"
