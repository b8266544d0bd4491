"""What chance makes of two campaigns that draw accounts from one pool, or that pause at the same time.

A group's distinct values are its coincidences, not its accounts: whoever runs 60 accounts on one program chose one
program. Values of unequal weight count as their effective number, 1 / (sum of squared shares) (Simpson 1949; Hill's
number of order 2).

An operation begins, stands still (an empty queue, a broken proxy) and ends with all of its workers at once. Nights,
weekends and outages of the provider are none of these: silence counts only by what the group's own hours of the day let
expect, less what the silence of comparison accounts explains, and a pause only up to a length that no weekend has.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stillhunt.base.arrays import Floats, Ints

# account-hours: active accounts by the hour that a silence must lack before it counts (derived: a chance of e^-7 for
# each request, which is charged by the number of pauses found)
_MIN_EXPECTED = 7.0
_MAX_HOURS = 24  # Longest silence that is a pause (weekends and holidays are longer, and everybody has them)
# Most hours between two beginnings, or two ends, that may be one (small campaigns are late to begin again)
_EDGE_HOURS = 6


DAY_HOURS = 24


@dataclass(frozen=True)
class Schedule:
    """When a group stands still, in hours of the log."""

    begin: int | None  # hour of its first request; None where it may have begun before the log
    end: int | None  # hour of its last one; None where it may go on after the log
    pauses: Ints  # begin and end (exclusive) of each pause, shape (pauses, 2)


def schedule_of(active: Ints, others: Floats) -> Schedule:
    """Beginning, end and pauses of a group.

    `active`: accounts of the group that are active in each hour of the log. `others`: activity of comparison accounts
    in each hour over what is usual at that hour of the day; about 1.
    """
    seen = np.flatnonzero(active)
    if not len(seen):
        return Schedule(None, None, np.zeros((0, 2), np.int64))
    of_day = np.arange(len(active)) % DAY_HOURS
    inside = slice(seen[0], seen[-1] + 1)
    days = np.maximum(np.bincount(of_day[inside], minlength=DAY_HOURS), 1)
    usual = np.bincount(of_day, weights=active, minlength=DAY_HOURS) / days
    missed = np.concatenate([[0.0], np.cumsum(usual[of_day] * np.minimum(others, 1.0))])
    begin, end = seen[:-1] + 1, seen[1:]
    kept = (missed[end] - missed[begin] >= _MIN_EXPECTED) & (end - begin <= _MAX_HOURS)
    return Schedule(
        int(seen[0]) if missed[seen[0]] >= _MIN_EXPECTED else None,
        int(seen[-1]) if missed[-1] - missed[seen[-1] + 1] >= _MIN_EXPECTED else None,
        np.column_stack([begin[kept], end[kept]]),
    )


def common_schedule(first: Schedule, second: Schedule, hours: int, unlike: float) -> tuple[float, list[str]]:
    """Bits that two groups keep one schedule, and which parts of it say so.

    Logs are often cut around a case, so that campaigns begin soon after them: two beginnings are compared with all that
    lie at most twice as far from the log's beginning, and ends likewise.

    Args:
        unlike: times the chance of an accident at which a common pause still counts as chance.

    Returns:
        Bits, and of begin, pause and end those in common.
    """
    chances = {"begin": 1.0, "pause": 1.0, "end": 1.0}
    for name, edge in (("begin", -1), ("end", hours)):
        one, other = getattr(first, name), getattr(second, name)
        if one is not None and other is not None and abs(one - other) <= _EDGE_HOURS:
            near = min(abs(one - edge), abs(other - edge))
            chances[name] = (2 * abs(one - other) + 1) / min(hours, 2 * near)
    if len(first.pauses) and len(second.pauses):
        apart = np.abs(first.pauses[:, None, :] - second.pauses[None, :, :]).max(axis=2)
        if apart.min() <= _EDGE_HOURS:
            chances["pause"] = unlike * (2 * int(apart.min()) + 1) * apart.size / hours
    found = [name for name, chance in chances.items() if chance < 1.0]
    return sum((-float(np.log2(chances[name])) for name in found), start=0.0), found


_SHARES = np.linspace(0.05, 0.95, 19)[:, None]
"""Parts of the draws that may come from the common pool; each is as likely as the others beforehand."""


@dataclass(frozen=True)
class Draws:
    """The values that a group draws."""

    values: Ints
    counts: Ints
    chance: Floats  # chance that one draw among comparison accounts is each value

    @cached_property
    def shares(self) -> Floats:
        """Part of the draws that each value has."""
        return np.asarray(self.counts / max(int(self.counts.sum()), 1), np.float64)

    @cached_property
    def effective(self) -> float:
        """Effective number of values."""
        return float(1.0 / np.square(self.shares).sum()) if len(self.counts) else 0.0

    def held(self, values: Ints) -> Floats:
        """Part of the draws that each of some other values has."""
        at = np.minimum(np.searchsorted(self.values, values), len(self.values) - 1)
        return np.where(self.values[at] == values, self.shares[at], 0.0)

    def weights(self, one_coincidence: bool) -> Floats:
        """How many coincidences each value stands for; all together are one, or their effective number."""
        return self.shares * (1.0 if one_coincidence else self.effective)


def common_pool_bits(first: Draws, second: Draws, *, cap: float, one_coincidence: bool = False) -> float:
    """Bits that two groups draw from one pool: those of the direction that says less; 0 where chance does as well.

    `cap`: most bits, of one value and in all. `one_coincidence`: all values together are one coincidence, as the dates
    of one operation are.
    """
    if not len(first.values) or not len(second.values):
        return 0.0
    ways = [
        drawn_from(own, pool.held(own.values)[None, :], cap=cap, one_coincidence=one_coincidence)[0]
        for own, pool in ((first, second), (second, first))
    ]
    return float(np.clip(min(ways), 0.0, cap))


def drawn_from(own: Draws, held: Floats, *, cap: float, one_coincidence: bool) -> Floats:
    """Bits that a group's values come from each of several pools, against from what everybody has.

    `held`: share of each pool that each of the group's values has, shape (pools, values).
    """
    ratio = np.minimum(held / np.clip(own.chance, 1e-12, 1.0), 2.0**cap)
    likelier = np.log2((1.0 - _SHARES) + _SHARES * ratio[:, None, :])
    totals = (own.weights(one_coincidence) * likelier).sum(axis=2)
    return np.asarray(np.logaddexp2.reduce(totals, axis=1) - np.log2(len(_SHARES)), np.float64)


def most_bits(own: Draws, most_held: Floats, *, cap: float, one_coincidence: bool) -> Floats:
    """Bits to which each value can add at most, for whoever has it, in place of all that others take away.

    `most_held`: largest share of any pool that each of the group's values has.
    """
    ratio = np.clip(most_held / np.clip(own.chance, 1e-12, 1.0), 1.0, 2.0**cap)
    return np.asarray(own.weights(one_coincidence) * np.log2(ratio), np.float64)
