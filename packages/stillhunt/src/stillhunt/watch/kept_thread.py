"""Background threads of a server: one that ends without being told is a fault, is reported, and is started again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stillhunt.watch.service_faults import ServiceFaults

FIRST_PAUSE = 1.0
"""Wait before a thread that fell is started again; it doubles with each fall that follows soon. Judgement."""
LONGEST_PAUSE = 30.0
"""Longest such wait, seconds. Judgement: what it does is late by so much at most, and the log is not flooded."""
STEADY_SECONDS = 20.0
"""A thread that has gone on for so long since its fall works again. Judgement: longer than what it does once."""
_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing


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
        self._thread = threading.Thread(target=self._keep, name=f"stillhunt-{name}"[:64], daemon=True)

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

    def _keep(self) -> None:
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
                self._faults.begin(
                    self._fault, f"the thread '{self._name}' fell and is started again; the log says why"
                )
            threading.Event().wait(self._wait)
            self._wait = min(2 * self._wait, LONGEST_PAUSE)

    @property
    def _fault(self) -> str:
        return f"thread {self._name}"

    def _works_again(self) -> None:
        self._wait = FIRST_PAUSE
        if self._faults is not None:
            self._faults.end(self._fault)
