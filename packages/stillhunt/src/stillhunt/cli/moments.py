"""Moments as commands read and show them; elsewhere they are microseconds since 1970."""

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

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


def known_minute(at: int | None) -> str | None:
    """As `minute_of`; None for a moment that is not known."""
    return None if at is None else minute_of(at)


def headed_minute(at: int) -> str:
    """As `minute_of`, for a column whose heading says "UTC"."""
    return minute_of(at).removesuffix(" UTC")


def with_moments(row: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A row as JSON shows it: what these columns have, microseconds since 1970, are moments."""
    return {name: time_of(value) if name in names and value is not None else value for name, value in row.items()}
