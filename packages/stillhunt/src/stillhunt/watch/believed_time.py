"""The time by which old things are deleted: that of the clock, unless it jumped ahead."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import insert, select, update

from stillhunt.base import formatting
from stillhunt.base.units import DAY, HOUR, MINUTE, SECOND
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import META

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


BELIEVED_ROW = "believed_time"
_TIMES_FASTER = 24
"""How much faster than hunts are scheduled the believed time may run. A clock that is wrong for an hour deletes at most
a day too early, and after 40 days without a server, what is too old is gone within two. Judgement."""


def believed_time(database: WatchDatabase, now: int, interval: int) -> int:
    """The time of the clock, but at most a bounded step after the time that the last call gave.

    A clock that is far ahead for a moment would otherwise delete everything at once.

    Args:
        interval: time between two hunts as they are scheduled, microseconds.
    """
    longest = min(_TIMES_FASTER * interval, interval + DAY)
    row = META.c.name == BELIEVED_ROW
    with database.write() as connection:
        before = connection.execute(select(META.c.value).where(row)).scalar()
        believed = now if before is None else min(now, int(before) + longest)
        if before is None:
            connection.execute(insert(META).values(name=BELIEVED_ROW, value=str(believed)))
        else:
            connection.execute(update(META).where(row).values(value=str(believed)))
    return believed


def last_believed(database: WatchDatabase, now: int) -> int:
    """The time for what cannot be taken back: that of the clock, but not beyond what was believed after the last hunt.

    Returns:
        Microseconds since 1970; at most as late as hunts are apart.
    """
    rows = database.read(select(META.c.value).where(META.c.name == BELIEVED_ROW))
    return min([now, *(int(row["value"]) for row in rows)])
