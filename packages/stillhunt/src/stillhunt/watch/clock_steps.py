"""Steps of the wall clock, seen by comparing it with a clock that never jumps."""

from __future__ import annotations

import time
from collections.abc import Callable

from stillhunt.base import formatting
from stillhunt.base.units import DAY, HOUR, MINUTE, SECOND

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
        said = f"the clock of this machine was moved {way} by {_amount(abs(self._moved))}"
        return {CLOCK_FAULT: f"{said}; decisions end by it, so check its time"}


def _amount(seconds: float) -> str:
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds * SECOND >= 2 * unit:
            return formatting.plural(int(seconds * SECOND / unit), name)
    return formatting.plural(int(seconds), "second")
