"""Looks for faults that no part of the service reports by itself, in a thread for each, since one may hang."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from stillhunt.watch.service_faults import ServiceFaults

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
            threading.Thread(target=self._follow, args=(look,), name="stillhunt-looks", daemon=True) for look in looks
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

    def _follow(self, look: FaultLook) -> None:
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
