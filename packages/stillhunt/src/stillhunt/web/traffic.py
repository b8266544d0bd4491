"""What the receiver counts, for the screen, the metrics and the limits."""

from __future__ import annotations

import time
from collections import Counter, deque
from pathlib import Path

from stillhunt.base.config_live import ServeSettings
from stillhunt.watch.spool.room import SpoolRoom
from stillhunt.web.unasked import CallCounts

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
        return bool(most) and self._sent(token_id, time.monotonic()) >= most

    def too_fast(self, token_id: str, records: int) -> bool:
        """Whether a token sends more than it may; counts the records if it does not."""
        most = self._settings.records_per_second * RATE_SECONDS
        if not most:
            return False
        now = time.monotonic()
        sent = self._sent(token_id, now)
        if sent and sent + records > most:
            return True
        self._rates[token_id].append((now, records))
        return False

    def _sent(self, token_id: str, now: float) -> int:
        """Records of a token in the last RATE_SECONDS."""
        sent = self._rates.setdefault(token_id, deque())
        while sent and sent[0][0] < now - RATE_SECONDS:
            sent.popleft()
        return sum(number for _, number in sent)
