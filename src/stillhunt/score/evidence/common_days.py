"""Days on which a group changes as one: common starts, stops, pauses and bursts.

One plan drives all workers, so that their days rise and fall together. The statistic is the mean correlation of two
members' daily counts, after what all customers do on a day (weekends, outages, holidays) is taken off. Its noise is
that of members each of whom keeps its own series of days, gaps and bursts included, turned round by some days of its
own: then any two correlate with variance 1 / (days - 1). Honest groups are not quite at zero: seats of one company
share its calendar, classes their term.
"""

from __future__ import annotations

import numpy as np

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Floats
from stillhunt.score.context.frame import Frame
from stillhunt.score.context.log_facts import WHOLE
from stillhunt.score.evidence.findings import Finding
from stillhunt.score.stats.rates import part_bits

LEAST_DAYS = 6
LEAST_MEMBERS = 4
MOST_BINS = 120
"""Longer logs are cut into bins of several days."""
GRID = np.linspace(0.0, 0.999, 1000)
CALM, CALENDAR, TERM = (0.80, 0.012), (0.15, 0.05), (0.05, 0.12)
"""Honest groups: weight and scale of near independence (half normal), of a shared calendar and of a shared term
(exponential). Of 460 honest candidates of at least eight accounts 5 % lie above 0.06, 1 % above 0.14, noise included;
the highest are seats of one company at 0.27."""
PLANNED = (0.02, 1.0)
"""Operations: even in the logarithm. Those of the worlds lie between 0.01 (uneven human days) and 0.75 (one queue)."""
PART = 0.6
CAP = 4.0


def common_days(frame: Frame, candidate: Candidate) -> Finding:
    """Whether the members' days rise and fall together.

    Args:
        frame: the log.
        candidate: the candidate.

    Returns:
        0 bits in logs of a few days.
    """
    found = _correlation(frame, candidate)
    if found is None:
        return Finding("timing", "common_days", "too few days or accounts to compare days", 0.0)
    correlation, members, days = found
    noise = float(np.sqrt(2.0 / (members * (members - 1.0) * (days - 1.0))))
    bits = min(part_bits(_ratio(correlation, noise), PART), CAP)
    together = "rise and fall together" if bits > 0 else "are each account's own"
    return Finding(
        "timing",
        "common_days",
        f"the days of its accounts {together}: mean correlation {correlation:.3f} between two accounts, what all "
        f"customers do taken off (chance gives 0 +- {noise:.3f})",
        bits,
        count=len(candidate.rows),
    )


def _correlation(frame: Frame, candidate: Candidate) -> tuple[float, int, int] | None:
    """Mean correlation of two members, members that can be compared, and days."""
    days = len(frame.daily)
    width = -(-days // MOST_BINS)
    bins = -(-days // width)
    if bins < LEAST_DAYS:
        return None
    accounts = len(candidate.accounts)
    day = frame.day(candidate.rows) // width
    counts = np.bincount(candidate.row_account * bins + day, minlength=accounts * bins).reshape(accounts, bins)
    aside = candidate.accounts[frame.public[candidate.accounts]]
    inside = frame.rows_of(aside)
    parts = np.repeat(frame.part[aside], frame.first[aside + 1] - frame.first[aside])
    others = frame.daily - np.bincount(frame.day(inside), weights=parts, minlength=days)
    public = np.bincount(np.arange(days) // width, weights=others, minlength=bins) + WHOLE // 100
    expected = counts.sum(axis=1, keepdims=True) * (public / public.sum())
    # In units of their noise, or days on which hardly anybody works would outweigh the rest.
    level: Floats = (counts - expected) / np.sqrt(np.maximum(expected, 1e-9))
    level -= level.mean(axis=1, keepdims=True)
    length = np.sqrt((level**2).sum(axis=1, keepdims=True))
    level = (level / np.where(length > 0, length, 1.0))[length[:, 0] > 0]
    members = len(level)
    if members < LEAST_MEMBERS:
        return None
    # All pairs at once: the square of the sum is the sum over pairs plus one for each member with itself.
    pairs = float((level.sum(axis=0) ** 2).sum()) - members
    return pairs / (members * (members - 1.0)), members, bins


def _ratio(correlation: float, noise: float) -> float:
    honest = CALM[0] * np.exp(-0.5 * (GRID / CALM[1]) ** 2) / (CALM[1] * np.sqrt(np.pi / 2.0))
    for weight, scale in (CALENDAR, TERM):
        honest = honest + weight * np.exp(-GRID / scale) / scale
    low, high = PLANNED
    planned = np.where((low <= GRID) & (high >= GRID), 1.0 / np.maximum(GRID, low), 0.0)
    seen = np.exp(-0.5 * ((correlation - GRID) / noise) ** 2) + 1e-12
    return float((seen * planned / planned.sum()).sum() / (seen * honest / honest.sum()).sum())
