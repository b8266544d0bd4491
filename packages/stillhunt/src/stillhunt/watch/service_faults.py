"""Faults of a running server that somebody must hear of; health pages, metrics and alerts all read them here."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

ENFORCEMENT = "enforcement"
"""First word of the name of each fault by which a decision is not in force, such as "enforcement stale"."""


@dataclass(frozen=True)
class ServiceFault:
    """Something that does not work now.

    Attributes:
        name: what is at fault, in a few fixed words, such as "decisions" or "inlet nats"; a label of metrics.
        statement: what is wrong and what follows from it, in one sentence; no secret, and nothing that a log holds.
        since: microseconds since 1970.
    """

    name: str
    statement: str
    since: int


class ServiceFaults:
    """The faults of this process; any thread may report one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[str, ServiceFault] = {}

    def begin(self, name: str, statement: str) -> None:
        """Report a fault; one that is known keeps the time at which it began.

        Args:
            statement: what is wrong, in one sentence without a full stop; what a library adds in lines becomes one.
        """
        statement = " ".join(statement.split())
        with self._lock:
            known = self._current.get(name)
            since = known.since if known is not None else time.time_ns() // 1000
            self._current[name] = ServiceFault(name, statement, since)

    def end(self, name: str) -> None:
        """Report that it works again; nothing happens where no such fault is known."""
        with self._lock:
            self._current.pop(name, None)

    def current(self) -> tuple[ServiceFault, ...]:
        """What does not work now, ascending by name."""
        with self._lock:
            return tuple(self._current[name] for name in sorted(self._current))
