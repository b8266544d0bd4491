"""What the receiver counts, for the screen, the metrics and the limits; and calls that passed without a question.

A gateway that fails open where an answer comes too late enforces nothing, and nobody else would see it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.formatting import percent
from stillhunt.watch.spool.room import SpoolRoom

UNASKED_FAULT = "gateway asks"
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
    """Calls of one source in the last minutes."""

    calls: int  # that were made, as far as logs and questions tell
    unasked: int  # of them, those that passed without an answered question

    @property
    def share(self) -> float:
        """Share of them that passed so."""
        return self.unasked / self.calls if self.calls else 0.0


class CallCounts:
    """Calls, questions and failed questions of each source, by the minute.

    Args:
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
        self._add_minute_count("logged", source, calls)

    def asked(self, source: str) -> None:
        """Count a question that was answered."""
        self.questions[source] += 1
        self._add_minute_count("asked", source, 1)

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
            self._add_minute_count("unanswered", source, new)

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

    def faults(self) -> dict[str, str]:
        """The fault while too many calls pass without a question: name -> what happens."""
        return {UNASKED_FAULT: why} if (why := self.too_many()) else {}

    def _add_minute_count(self, what: str, source: str, number: int) -> None:
        minute = int(self._ticks() / _MINUTE)
        with self._lock:
            if minute not in self._minutes:
                self._minutes[minute] = Counter()
                for old in [one for one in self._minutes if one <= minute - self._limits.minutes]:
                    del self._minutes[old]
            self._minutes[minute][what, source] += number


RATE_SECONDS = 10.0
"""Time over which the rate of a token is measured: short bursts pass, a flood does not."""


class Traffic:
    """Counts of one process since its start."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.waiting: dict[str, int] = {}
        """Source -> messages that its broker still holds."""
        self.problems: dict[str, str] = {}
        """Source -> why nothing comes from its broker."""
        self.calls = CallCounts()
        """Calls that arrive, and what gateways ask about them."""
        self.last_at: float | None = None
        self.lag_seconds: deque[float] = deque(maxlen=4096)

    def accepted(self, source: str, records: int, size: int, lag: float) -> None:
        """Count records that are on disk now.

        Args:
            source: of the token, which an administrator named.
            lag: seconds from the end of the request to the sync.
        """
        self.records[source] += records
        self.bytes[source] += size
        self.last_at = time.time()
        self.lag_seconds.append(lag)

    def total(self) -> int:
        """Records of all sources."""
        return sum(self.records.values())


class Limits(SpoolRoom):
    """Whether more may be accepted now: there is room, and the sender is not too fast."""

    def __init__(self, settings: ServeSettings, spool: Path) -> None:
        super().__init__(settings, spool)
        self._rates: dict[str, deque[tuple[float, int]]] = {}

    def has_spent(self, token_id: str) -> bool:
        """Whether a token has sent all that it may: then nothing more of it is even decoded."""
        most = self._settings.records_per_second * RATE_SECONDS
        return bool(most) and self._count_recent_records(token_id, time.monotonic()) >= most

    def too_fast(self, token_id: str, records: int) -> bool:
        """Whether a token sends more than it may; counts the records if it does not."""
        most = self._settings.records_per_second * RATE_SECONDS
        if not most:
            return False
        now = time.monotonic()
        sent = self._count_recent_records(token_id, now)
        if sent and sent + records > most:
            return True
        self._rates[token_id].append((now, records))
        return False

    def _count_recent_records(self, token_id: str, now: float) -> int:
        """Records of a token in the last RATE_SECONDS."""
        sent = self._rates.setdefault(token_id, deque())
        while sent and sent[0][0] < now - RATE_SECONDS:
            sent.popleft()
        return sum(number for _, number in sent)
