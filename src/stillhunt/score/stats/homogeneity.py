"""Dealt from one queue or not: how alike are the members' mixtures, times and loads?

The statistic is the index of homogeneity, chi-square of the accounts-by-category table over its degrees of freedom:
1 where accounts differ by sampling noise alone. With an intra-class correlation r it is about 1 + (n - 1) r for slices
of n requests, so the index of honest groups grows with their traffic while that of dealt traffic stays at 1. Bits are
the ratio of the two likelihoods of the index, each averaged over its own distribution of r (`baseline.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.score.context import kernels
from stillhunt.score.context.coding import Floats, Ints
from stillhunt.score.stats.baseline import CUSTOMER_LOAD_SPREAD, Overdispersion

GRID = np.exp(np.linspace(np.log(1e-6), np.log(20.0), 240))
RARE = 5
"""Requests below which categories are pooled, as usual for chi-square."""
_DENSE = 4_096
"""Width of a range of values up to which they are counted and not sorted."""


@dataclass(frozen=True)
class Homogeneity:
    """Index of homogeneity of an accounts-by-category table.

    Attributes:
        chi_square, freedom: the statistic and its degrees of freedom.
        size: typical requests per account, sum n^2 / sum n.
        accounts: accounts in the table.
    """

    chi_square: float
    freedom: float
    size: float
    accounts: int

    @property
    def index(self) -> float:
        """Chi-square over its degrees of freedom; 1 = dealt at random."""
        return self.chi_square / self.freedom if self.freedom else float("nan")


def homogeneity(account: Ints, category: Ints) -> Homogeneity:
    """Homogeneity of the accounts' category counts.

    Args:
        account: account of each request.
        category: its category, 0 or above.
    """
    row, rows = _numbered(account)
    column, columns = _numbered(category)
    total = np.bincount(row, minlength=rows)
    kept = total >= 2
    if not kept.all():
        inside = kept[row]
        row, column = (np.cumsum(kept) - 1)[row[inside]], column[inside]
        total, rows = total[kept], int(np.count_nonzero(kept))
    column, sums = _without_rare(column, columns)
    columns = len(sums)
    if rows < 2 or columns < 2:
        return Homogeneity(0.0, 0.0, 0.0, rows)
    return Homogeneity(
        float(kernels.squares_of_table(row, column, total, sums).sum()),
        float((rows - 1) * (columns - 1)),
        float((total**2).sum() / total.sum()),
        rows,
    )


def _without_rare(column: Ints, columns: int) -> tuple[Ints, Ints]:
    """Categories renumbered with the rare ones as one, and how often each occurs."""
    sums = np.bincount(column, minlength=columns)
    rare = sums < RARE
    if not rare.any():
        return column, sums
    common = columns - int(np.count_nonzero(rare))
    place = np.where(rare, common, np.cumsum(~rare) - 1)
    together = sums[rare].sum()
    return place[column], np.append(sums[~rare], together) if together else sums[~rare]


def _numbered(values: Ints) -> tuple[Ints, int]:
    """Rank of each value among the distinct ones, and how many these are."""
    if not len(values):
        return np.zeros(0, np.int64), 0
    low = values.min()
    if int(values.max()) - int(low) > _DENSE:
        distinct, rank = np.unique(values, return_inverse=True)
        return rank, len(distinct)
    seen = np.bincount(values - low) > 0
    place = np.cumsum(seen)
    return place[values - low] - 1, int(place[-1])


def pooled(parts: list[Homogeneity]) -> Homogeneity:
    """One homogeneity from several tables."""
    freedom = sum(p.freedom for p in parts)
    size = sum(p.size * p.freedom for p in parts) / freedom if freedom else 0.0
    return Homogeneity(sum(p.chi_square for p in parts), freedom, size, max((p.accounts for p in parts), default=0))


def index_bits(found: Homogeneity, baseline: Overdispersion) -> float:
    """log2 likelihood ratio of the index, dealt from one plan against honest accounts.

    Args:
        found: index of the candidate, on requests that did not form it.
        baseline: distributions of the intra-class correlation under both hypotheses.
    """
    if found.freedom < 1 or found.accounts < 3:
        return 0.0
    honest = _likelihood(found, baseline.honest_median, baseline.honest_spread, baseline.noise)
    dealt = _likelihood(found, baseline.dealt_median, baseline.dealt_spread, baseline.noise)
    mixed = baseline.dealt_share * dealt + (1.0 - baseline.dealt_share) * honest
    return float(np.log2(mixed / honest))


def _likelihood(found: Homogeneity, median: float, spread: float, noise: float) -> float:
    """Density of the log index, averaged over a lognormal intra-class correlation."""
    weight = np.exp(-0.5 * ((np.log(GRID) - np.log(median)) / spread) ** 2)
    weight /= weight.sum()
    mean = np.log1p(max(found.size - 1.0, 0.0) * GRID)
    # Sampling noise of the index, more where accounts themselves differ: few accounts, few draws of r.
    deviation = np.sqrt(2.0 / found.freedom + noise**2 + (GRID * found.size > 1) * 2.0 / found.accounts)
    z = (np.log(max(found.index, 1e-3)) - mean) / deviation
    density: Floats = np.exp(-0.5 * z**2) / deviation
    return float((weight * density).sum()) + 1e-9


def load_evenness(loads: Ints) -> Homogeneity:
    """Variance over mean of the members' loads, in the same form: 1 where jobs are dealt at random."""
    count = len(loads)
    mean = float(loads.mean()) if count else 0.0
    if count < 3 or mean == 0:
        return Homogeneity(0.0, 0.0, 0.0, count)
    square = float(((loads - mean) ** 2).sum() / mean)
    return Homogeneity(square, float(count - 1), mean + 1.0, count)


LOAD_MEMBER_CAP = 6.0
"""Most bits that one member's load may say about its part."""


def load_fit(loads: Ints, spread: float) -> Floats:
    """Bits of each member's load: near the group's middle as a worker's, or spread as customers' are (lognormal).

    Args:
        loads: requests of each member.
        spread: standard deviation of the logarithm of workers' loads.
    """
    away = np.log(np.maximum(loads, 1) / max(float(np.median(loads)), 1.0))
    bits: Floats = (
        np.log(CUSTOMER_LOAD_SPREAD / spread) + 0.5 * (away / CUSTOMER_LOAD_SPREAD) ** 2 - 0.5 * (away / spread) ** 2
    ) / np.log(2.0)
    return np.clip(bits, -LOAD_MEMBER_CAP, LOAD_MEMBER_CAP)


TRIM = 0.05
"""Share cut from each end of the loads: one stranger in the group must not hide that the rest are equal."""


def trimmed(loads: Ints) -> Ints:
    """Loads without the few smallest and largest, at least one of each; all of them in a group too small for that."""
    cut = max(1, round(TRIM * len(loads)))
    ordered: Ints = np.sort(loads)
    return ordered[cut:-cut] if len(loads) >= 8 else ordered
