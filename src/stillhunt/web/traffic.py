"""What the receiver counts, for the screen, the metrics and the limits."""

from __future__ import annotations

import shutil
import time
from collections import Counter, deque
from pathlib import Path

from stillhunt.base.config_live import ServeSettings

RATE_SECONDS = 10.0
"""Time over which the rate of a token is measured: short bursts pass, a flood does not."""
_DISK_LOOK_SECONDS = 1.0
_SIZE_LOOK_SECONDS = 30.0
_GIB = 1 << 30


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
        self.last_at: float | None = None
        self.lag_seconds: deque[float] = deque(maxlen=4096)

    def accepted(self, source: str, records: int, size: int, lag: float) -> None:
        """Count records that are on disk now.

        Args:
            source: of the token, which an administrator named.
            records: how many.
            size: bytes of the spool.
            lag: seconds from the end of the request to the sync.
        """
        self.records[source] += records
        self.bytes[source] += size
        self.last_at = time.time()
        self.lag_seconds.append(lag)

    def total(self) -> int:
        """Records of all sources."""
        return sum(self.records.values())


class Limits:
    """Whether more may be accepted now.

    Args:
        settings: the limits.
        spool: the spool folder.
    """

    def __init__(self, settings: ServeSettings, spool: Path) -> None:
        self._settings, self._spool = settings, spool
        self._rates: dict[str, deque[tuple[float, int]]] = {}
        self._looked, self._measured = -_DISK_LOOK_SECONDS, -_SIZE_LOOK_SECONDS
        self._free, self._size = 0, 0

    def too_fast(self, token_id: str, records: int) -> bool:
        """Whether a token sends more than it may; counts the records if it does not."""
        most = self._settings.records_per_second * RATE_SECONDS
        if not most:
            return False
        now, sent = time.monotonic(), self._rates.setdefault(token_id, deque())
        while sent and sent[0][0] < now - RATE_SECONDS:
            sent.popleft()
        if sent and sum(number for _, number in sent) + records > most:
            return True
        sent.append((now, records))
        return False

    def full(self) -> str:
        """Why nothing more is accepted; empty where there is room."""
        now = time.monotonic()
        if now - self._looked >= _DISK_LOOK_SECONDS:
            self._looked, self._free = now, shutil.disk_usage(self._spool).free
        if self._free < self._settings.free_gb * _GIB:
            return "the disk of the data folder has less free space than serve.free_gb"
        if self._settings.spool_gb and now - self._measured >= _SIZE_LOOK_SECONDS:
            self._measured = now
            self._size = sum(map(_size_of, self._spool.glob("*/*/part-*")))
        if self._settings.spool_gb and self._size > self._settings.spool_gb * _GIB:
            return "the spool is larger than serve.spool_gb"
        return ""


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was closed, so its name changed; the next look counts it
        return 0
