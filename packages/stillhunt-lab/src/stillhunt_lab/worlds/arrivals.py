"""Times of requests: bursty and heavy-tailed, with days off; never Poisson.

Sessions are placed on days by a weight of each account's own (log-normal, with absent days and weekends) and at
hours of its owner's zone; requests follow inside a session with log-normal gaps.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from stillhunt.tools import DAY, HOUR, SECOND
from stillhunt_lab.arrays import Array, count_within

Hours = Literal["office", "evening", "round", "nightly"]


@dataclass(frozen=True)
class Rhythm:
    """How one kind of user spreads its work; `data/personas.toml` says what each field means."""

    hours: Hours = "evening"
    presence: float = 0.6
    day_sigma: float = 1.0
    weekend: float = 1.0
    gap: float = 45.0
    gap_sigma: float = 1.2


@dataclass(frozen=True)
class Sessions:
    """Requests grouped in sessions, in order of session.

    `position`: place of each request in its session from 0, shape (n,).
    """

    session: Array
    position: Array
    time: Array
    owner: Array


def place_sessions(
    rng: np.random.Generator, owner: Array, zone: Array, rhythm: Rhythm, origin: int, days: int
) -> Array:
    """Start of every session.

    Args:
        owner: account of each session, shape (sessions,), codes into `zone`.
        zone: hours ahead of UTC of each account, shape (accounts,).
        window: start of the world in microseconds since the epoch, its first and its last-plus-one day.

    Returns:
        Microseconds since the epoch (UTC), shape (sessions,).
    """
    accounts = len(zone)
    weight = np.exp(rng.normal(0.0, rhythm.day_sigma, (accounts, days)))
    weight *= np.where((np.arange(days) % 7) >= 5, rhythm.weekend, 1.0)  # the world starts on a Monday
    # Accounts differ: some are used daily, most now and then.
    share = rng.beta(2.0 * rhythm.presence, 2.0 * (1.0 - rhythm.presence) + 1e-9, (accounts, 1))
    present = rng.random((accounts, days)) < np.maximum(share, 1.0 / days)
    present[np.arange(accounts), rng.integers(0, days, accounts)] = True
    day = draw_columns(rng, weight * present, owner)
    return origin + day * DAY + _hour_of_day(rng, owner, zone, rhythm.hours)


def expand_sessions(rng: np.random.Generator, owner: Array, start: Array, sizes: Array, rhythm: Rhythm) -> Sessions:
    """All requests of all sessions.

    `sizes`: requests per session, at least 1, shape (sessions,).
    """
    session = np.repeat(np.arange(len(sizes)), sizes)
    first = np.cumsum(sizes) - sizes
    position = count_within(sizes)
    gaps = np.exp(rng.normal(np.log(rhythm.gap), rhythm.gap_sigma, len(session)))
    gaps = np.minimum(gaps, 4 * 3600.0)
    gaps[first] = 0.0
    elapsed = np.cumsum(gaps)
    elapsed -= elapsed[first][session]
    return Sessions(session, position, start[session] + (elapsed * SECOND).astype(np.int64), owner[session])


def draw_columns(rng: np.random.Generator, weights: Array, rows: Array) -> Array:
    """A column for each entry of `rows`, in proportion to that row's weights.

    `weights`: non-negative, shape (r, c), each row with a positive sum. `rows`: row numbers, shape (n,).
    """
    cumulative = np.cumsum(weights, axis=1)
    cumulative /= cumulative[:, -1:]
    # Rows laid end to end are one sorted line, so one binary search serves all rows.
    line = (cumulative + np.arange(len(weights))[:, None]).ravel()
    found: Array = np.searchsorted(line, rows + rng.random(len(rows)), side="right")
    columns: Array = np.clip(found - rows * weights.shape[1], 0, weights.shape[1] - 1)
    return columns


def human_hours(rng: np.random.Generator, owner: Array, zone: Array, centre: Array, spread: float) -> Array:
    """Times of day of people who are awake around a favourite local hour.

    `zone`: hours ahead of UTC per account. `centre`: favourite local hour per account.
    """
    local = rng.normal(centre[owner], spread)
    # Nobody is awake at four in the morning: hours in the dead of night are folded to the other side of noon.
    local = np.where((local % 24) < 6.5, local + 9.0, local)
    utc: Array = (local - zone[owner]) % 24
    moment: Array = (utc * HOUR).astype(np.int64)
    return moment


def _hour_of_day(rng: np.random.Generator, owner: Array, zone: Array, hours: Hours) -> Array:
    accounts = len(zone)
    if hours == "office":
        return human_hours(rng, owner, zone, rng.normal(13.5, 1.2, accounts), 2.6)
    if hours == "evening":
        return human_hours(rng, owner, zone, rng.normal(17.0, 3.0, accounts), 3.2)
    if hours == "nightly":
        alarm = rng.integers(0, 24 * 12, accounts) * (HOUR // 12)
        return alarm[owner] + (rng.exponential(40.0, len(owner)) * SECOND).astype(np.int64)
    return (rng.random(len(owner)) * DAY).astype(np.int64)
