"""Threads for what needs the database, so that the event loop never waits for it; their number is bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from stillhunt.base.errors import OutputError
from stillhunt.watch.database.probe import DATABASE_FAULT
from stillhunt.watch.service_faults import ServiceFaults

T = TypeVar("T")
THREADS = 16
"""Most threads of requests that use the database at a time. Judgement: as many as the database gives connections."""
WAITING = 64
"""Most requests that wait for one of these threads; further ones are refused at once. Judgement."""


class DatabaseThreads:
    """Runs what uses the database; refuses at once what would only wait.

    Args:
        faults: say whether the database answers; None where nobody looks.
    """

    def __init__(self, faults: ServiceFaults | None = None) -> None:
        self._faults = faults or ServiceFaults()
        self._limiter: CapacityLimiter | None = None

    async def run(self, work: Callable[..., T], *words: Any) -> T:
        """Do something in a thread.

        Raises:
            OutputError: the database does not answer, or too many wait for it.
        """
        if any(fault.name == DATABASE_FAULT for fault in self._faults.current()):
            raise _build_database_busy_error("the database does not answer now")
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)  # it belongs to the event loop
        if self._limiter.statistics().tasks_waiting >= WAITING:
            raise _build_database_busy_error("too many wait for the database")
        return await anyio.to_thread.run_sync(work, *words, limiter=self._limiter)


def _build_database_busy_error(what: str) -> OutputError:
    return OutputError(what, where="database", next_step="try again in a minute")
