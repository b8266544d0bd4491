"""Faults of a running server that somebody must hear of, and its background threads, whose fall is one.

Health pages, metrics and alerts all read them here.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

ENFORCEMENT = "enforcement"
"""First word of the name of each fault by which a decision is not in force, such as "enforcement stale"."""


@dataclass(frozen=True)
class ServiceFault:
    """Something that does not work now."""

    name: str  # what is at fault, in a few fixed words, such as "decisions" or "inlet nats"; a label of metrics
    statement: str  # what is wrong and what follows from it, in one sentence; no secret, and nothing that a log holds
    since: int


class ServiceFaults:
    """The faults of this process; any thread may report one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[str, ServiceFault] = {}

    def begin(self, name: str, statement: str) -> None:
        """Report a fault; one that is known keeps the time at which it began.

        `statement`: what is wrong, in one sentence without a full stop; what a library adds in lines becomes one.
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


_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing


FIRST_PAUSE = 1.0
"""Wait before a thread that fell is started again; it doubles with each fall that follows soon. Judgement."""
LONGEST_PAUSE = 30.0
"""Longest such wait, seconds. Judgement: what it does is late by so much at most, and the log is not flooded."""
STEADY_SECONDS = 20.0
"""A thread that has gone on for so long since its fall works again. Judgement: longer than what it does once."""


class KeptThread:
    """A thread that goes on until its owner stops it.

    Args:
        name: what it does, in a word or two; part of the name of a fault.
        run: the work; it returns once `stopping` is true, and can be begun again after an error.
        stopping: whether the owner wants it to end.
    """

    def __init__(self, name: str, run: Callable[[], None], stopping: Callable[[], bool]) -> None:
        self._name, self._run, self._stopping = name, run, stopping
        self._faults: ServiceFaults | None = None
        self._wait = FIRST_PAUSE
        self._thread = threading.Thread(target=self._keep_thread_running, name=f"stillhunt-{name}"[:64], daemon=True)

    def report_to(self, faults: ServiceFaults) -> None:
        """Report falls there from now on."""
        self._faults = faults

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._thread.is_alive()

    def join(self, seconds: float | None = None) -> None:
        """Wait for its end; do nothing where it was never started."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _keep_thread_running(self) -> None:
        while not self._stopping():
            steady = threading.Timer(STEADY_SECONDS, self._works_again)
            steady.daemon = True
            steady.start()
            try:
                self._run()
                if self._stopping():
                    return
                raise RuntimeError("the work ended by itself")
            except BaseException:  # whatever it is, what this thread does must go on
                _LOG.exception("thread %s", self._name)
            finally:
                steady.cancel()
            if self._faults is not None and not self._stopping():
                what = f"the thread '{self._name}' fell and is started again; the log says why"
                self._faults.begin(self._fault, what)
            threading.Event().wait(self._wait)
            self._wait = min(2 * self._wait, LONGEST_PAUSE)

    @property
    def _fault(self) -> str:
        return f"thread {self._name}"

    def _works_again(self) -> None:
        self._wait = FIRST_PAUSE
        if self._faults is not None:
            self._faults.end(self._fault)
