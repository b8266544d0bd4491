"""Moments as commands read and show them; elsewhere they are microseconds since 1970."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from stillhunt.base import formatting


def read_clock() -> int:
    """Now, microseconds since 1970."""
    return time.time_ns() // 1000


def time_of(at: int) -> datetime:
    """A moment as JSON shows it."""
    return datetime.fromtimestamp(at / 1e6, UTC)


def minute_of(at: int) -> str:
    """A moment for people, with "UTC"."""
    return formatting.minute(time_of(at))
