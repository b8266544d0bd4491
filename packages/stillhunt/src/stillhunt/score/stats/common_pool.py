"""Whether two groups of accounts draw the values of a key (cards, networks, clients) from one pool.

A group's distinct values are its coincidences, not its accounts: whoever runs 60 accounts on one program chose one
program. Values of unequal weight count as their effective number, 1 / (sum of squared shares) (Simpson 1949; Hill's
number of order 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.score.stats.arrays import Floats, Ints

_SHARES = np.linspace(0.05, 0.95, 19)[:, None]
"""Parts of the draws that may come from the common pool; each is as likely as the others beforehand."""


@dataclass(frozen=True)
class Draws:
    """The values that a group draws.

    Attributes:
        chance: chance that one draw among comparison accounts is each value.
    """

    values: Ints
    counts: Ints
    chance: Floats

    @property
    def shares(self) -> Floats:
        """Part of the draws that each value has."""
        return np.asarray(self.counts / max(int(self.counts.sum()), 1), np.float64)

    @property
    def effective(self) -> float:
        """Effective number of values."""
        return float(1.0 / np.square(self.shares).sum()) if len(self.counts) else 0.0


def common_pool_bits(first: Draws, second: Draws, *, cap: float, one_coincidence: bool = False) -> float:
    """Bits that two groups draw from one pool: those of the direction that says less; 0 where chance does as well.

    Args:
        cap: most bits, of one value and in all.
        one_coincidence: all values together are one coincidence, as the dates of one operation are.
    """
    bits = min(_drawn_from(first, second, cap, one_coincidence), _drawn_from(second, first, cap, one_coincidence))
    return float(np.clip(bits, 0.0, cap))


def _drawn_from(own: Draws, pool: Draws, cap: float, one_coincidence: bool) -> float:
    """Bits that a group's values come from the other's, against from what everybody has."""
    if not len(own.values) or not len(pool.values):
        return 0.0
    at = np.minimum(np.searchsorted(pool.values, own.values), len(pool.values) - 1)
    held = np.where(pool.values[at] == own.values, pool.shares[at], 0.0)
    ratio = np.minimum(held / np.clip(own.chance, 1e-12, 1.0), 2.0**cap)
    weight = own.shares * (1.0 if one_coincidence else own.effective)
    totals = (weight * np.log2((1.0 - _SHARES) + _SHARES * ratio)).sum(axis=1)
    return float(np.logaddexp2.reduce(totals) - np.log2(len(totals)))
