"""Calls that passed without a question: what arrives in the logs is counted against what gateways ask, by source.

A gateway that fails open where an answer comes too late enforces nothing, and nobody else would see it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from stillhunt.base.formatting import percent
from stillhunt.watch.kept_thread import KeptThread
from stillhunt.watch.service_faults import ServiceFaults

UNASKED_FAULT = "gateway asks"
COMPARE_SECONDS = 5.0
"""How often the counts are compared. Judgement."""
_MINUTE = 60.0
_MOST_ASKERS = 1024


class UnaskedLimits(NamedTuple):
    """When too many calls pass without a question."""

    # minutes: time over which calls are counted against questions (calls are logged minutes after they were asked
    # about, where they take long)
    minutes: int = 10
    # Share of calls without a question, above which it is a fault (retries that are logged twice, and keys without a
    # guardrail, stay below it)
    share: float = 0.2
    # Calls in that time, and questions of the source so far, below which nothing is said (a person who tries a question
    # makes no source one that asks)
    least_calls: int = 100


UNASKED_LIMITS = UnaskedLimits()


@dataclass(frozen=True)
class Unasked:
    """Calls of one source in the last minutes.

    Attributes:
        calls: that were made, as far as logs and questions tell.
        unasked: of them, those that passed without an answered question.
    """

    calls: int
    unasked: int

    @property
    def share(self) -> float:
        """Share of them that passed so."""
        return self.unasked / self.calls if self.calls else 0.0


class CallCounts:
    """Calls, questions and failed questions of each source, by the minute.

    Args:
        ticks: seconds of a clock that never goes back.
        limits: over how many minutes, and from how many calls on.
    """

    def __init__(self, ticks: Callable[[], float] = time.monotonic, limits: UnaskedLimits = UNASKED_LIMITS) -> None:
        self._ticks, self._limits = ticks, limits
        self._lock = threading.Lock()
        self._minutes: dict[int, Counter[tuple[str, str]]] = {}
        self._known: dict[tuple[str, str], int] = {}
        self.questions: Counter[str] = Counter()
        """Answered questions of each source since the start."""
        self.unanswered: Counter[str] = Counter()
        """Questions of each source that it did not wait for, as it tells with a later one, since the start."""

    def logged(self, source: str, calls: int) -> None:
        """Count calls that arrived in the logs."""
        self._add("logged", source, calls)

    def asked(self, source: str) -> None:
        """Count a question that was answered."""
        self.questions[source] += 1
        self._add("asked", source, 1)

    def late(self, source: str, asker: str, total: int, known: int) -> None:
        """Count questions whose answers a gateway did not wait for, each once however often it tells of them.

        Args:
            total: such questions of this process since its start.
            known: of them, those that it knows to be known here.
        """
        with self._lock:
            if len(self._known) >= _MOST_ASKERS:
                self._known.clear()
            new = total - max(known, self._known.get((source, asker), 0))
            self._known[source, asker] = max(total, known)
        if new > 0:
            self.unanswered[source] += new
            self._add("unanswered", source, new)

    def unasked(self) -> dict[str, Unasked]:
        """The last minutes of each source that asks, ascending by source."""
        since = int(self._ticks() / _MINUTE) - self._limits.minutes
        total: Counter[tuple[str, str]] = Counter()
        with self._lock:
            for minute, counts in self._minutes.items():
                if minute > since:
                    total.update(counts)
        found = {}
        for source in sorted(self.questions):
            if self.questions[source] + self.unanswered[source] >= self._limits.least_calls:
                logged, asked, late = (total[what, source] for what in ("logged", "asked", "unanswered"))
                calls = max(logged, asked, late) if logged else asked + late  # an answer that came late is in both
                found[source] = Unasked(calls, max(late, calls - asked))
        return found

    def too_many(self) -> str:
        """Why too many calls passed unasked, one sentence for all sources; "" where they did not."""
        said = [
            f"{percent(one.share)} of {one.calls} calls of the source '{source}'"
            for source, one in self.unasked().items()
            if one.calls >= self._limits.least_calls and one.share > self._limits.share
        ]
        if not said:
            return ""
        return f"in the last {self._limits.minutes} minutes, {', '.join(said)} passed without an answered question"

    def _add(self, what: str, source: str, number: int) -> None:
        minute = int(self._ticks() / _MINUTE)
        with self._lock:
            if minute not in self._minutes:
                self._minutes[minute] = Counter()
                for old in [one for one in self._minutes if one <= minute - self._limits.minutes]:
                    del self._minutes[old]
            self._minutes[minute][what, source] += number


class UnaskedWatch:
    """A thread that reports a fault while too many calls pass without a question."""

    def __init__(self, counts: CallCounts, faults: ServiceFaults) -> None:
        self._counts, self._faults = counts, faults
        self._stop = threading.Event()
        self.thread = KeptThread("unasked", self._run, self._stop.is_set)
        self.thread.report_to(faults)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self.thread.join()

    def look(self) -> None:
        """Compare once."""
        if why := self._counts.too_many():
            self._faults.begin(UNASKED_FAULT, why)
        else:
            self._faults.end(UNASKED_FAULT)

    def _run(self) -> None:
        while not self._stop.wait(COMPARE_SECONDS):
            self.look()
