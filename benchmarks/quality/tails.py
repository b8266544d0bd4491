"""How often honest candidates reach high bits: fits with their uncertainty, and months of looks drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BOOTSTRAPS = 2_000
UPPER = 95.0
"""Percentile of each one-sided bound; a bar made of several bounds is safer than each."""


@dataclass(frozen=True)
class Tail:
    """Honest candidates above a level, at one look.

    Attributes:
        level: bits.
        count: candidates above it.
        per_thousand, scale: for each thousand accounts; mean excess in bits.
        per_thousand_upper, scale_upper: upper bounds: the larger of whole worlds drawn again, which knows that
            candidates come in clusters, and of the exact bound for independent ones, which knows how few there are.
    """

    level: float
    count: int
    per_thousand: float
    scale: float
    per_thousand_upper: float
    scale_upper: float


def fit_tail(bits: Floats, world: Ints, worlds: int, accounts: int, level: float) -> Tail:
    """Exponential tail above a level; the maximum likelihood of its scale is the mean excess.

    Args:
        bits: bits of the candidates, prior excluded.
        world: number of each candidate's world, 0 to worlds - 1.
        worlds: number of worlds.
        accounts: accounts of one world.
        level: bits from which the tail is fitted.
    """
    above = bits > level
    counts = np.bincount(world[above], minlength=worlds).astype(float)
    sums = np.bincount(world[above], bits[above] - level, minlength=worlds)
    drawn = np.random.default_rng(1).integers(0, worlds, (BOOTSTRAPS, worlds))
    again, excess = counts[drawn].sum(axis=1), sums[drawn].sum(axis=1)
    scales = excess / np.maximum(again, 1.0)
    thousands = worlds * accounts / 1000.0
    return Tail(
        level=level,
        count=int(above.sum()),
        per_thousand=float(counts.sum() / thousands),
        scale=float(sums.sum() / max(counts.sum(), 1.0)),
        per_thousand_upper=max(float(np.percentile(again, UPPER)), _most_events(int(counts.sum()))) / thousands,
        scale_upper=max(float(np.percentile(scales, UPPER)), _most_scale(bits[above] - level)),
    )


def _most_events(count: int) -> float:
    """Exact upper bound of a Poisson mean."""
    return float(chi2.ppf(UPPER / 100.0, 2 * (count + 1)) / 2.0)


def _most_scale(excess: Floats) -> float:
    """Exact upper bound of the scale of exponential excesses; 0 where there are none."""
    return float(2.0 * excess.sum() / chi2.ppf(1.0 - UPPER / 100.0, 2 * len(excess))) if len(excess) else 0.0


def tail_shape(bits: Floats, level: float) -> tuple[float, float]:
    """Shape of the generalised Pareto tail by the method of moments, and its standard error; 0 = exponential.

    Hosking and Wallis (1987): below zero the tail is lighter than exponential. Not a number with fewer than three.

    Args:
        bits: bits of the candidates.
        level: bits from which the tail is fitted.
    """
    excess = bits[bits > level] - level
    if len(excess) < 3:
        return float("nan"), float("nan")
    ratio = excess.mean() ** 2 / excess.var(ddof=1)
    return float(0.5 * (1.0 - ratio)), float(1.0 / np.sqrt(len(excess)))


def path_table(look: Ints, track: Ints, bits: Floats) -> Floats:
    """Looks x groups; minus infinity where a group was not found.

    Args:
        look: look of each row, from 0.
        track: group of each row, from 0.
        bits: bits of each row.
    """
    table = np.full((int(look.max()) + 1, int(track.max()) + 1), -np.inf)
    table[look, track] = bits
    return table


@dataclass(frozen=True)
class Restlessness:
    """How far the bits of one group stray from their mean over a month of looks; from months that were hunted.

    Attributes:
        strays: groups x looks: bits minus the group's mean; minus infinity where a look did not find the group.
    """

    strays: Floats

    @property
    def highest(self) -> Floats:
        """Largest stray of each group."""
        return self.strays.max(axis=1)

    def at_a_look(self, scale: float) -> float:
        """Sum over groups of the mean over looks of exp(stray / scale)."""
        return float(np.exp(self.strays / scale).mean(axis=1).sum())

    def month_factor(self, scale: float) -> float:
        """Distinct groups above a bar in a month for each that is above it at one look, for a tail of this scale.

        Groups' means have an exponential tail, so that the number above any bar at one look is proportional to the mean
        of exp(stray / scale), and the number of those that are above it at any look to exp(highest stray / scale).

        Args:
            scale: bits over which the tail of the means falls by a factor of e.
        """
        return float(np.exp(self.highest / scale).sum() / self.at_a_look(scale))

    def month_factor_upper(self, scale: float) -> float:
        """Upper bound of the factor, groups drawn again.

        Args:
            scale: as for `month_factor`.
        """
        month = np.exp(self.highest / scale)
        look = np.exp(self.strays / scale).mean(axis=1)
        drawn = np.random.default_rng(4).integers(0, len(month), (BOOTSTRAPS, len(month)))
        return float(np.percentile(month[drawn].sum(axis=1) / look[drawn].sum(axis=1), UPPER))


def restlessness(paths: list[Floats], least: float) -> Restlessness:
    """Strays of the groups whose mean is high enough to matter.

    Args:
        paths: months, each looks x groups with minus infinity where a group was not found; equally many looks.
        least: mean bits that a group needs; far below the bars groups are steadier and say nothing about the tail.
    """
    strays = []
    for path in paths:
        found = np.isfinite(path)
        mean = np.where(found, path, 0.0).sum(axis=0) / np.maximum(found.sum(axis=0), 1)
        strays.append((path - mean)[:, mean >= least].T)
    return Restlessness(np.concatenate(strays))


@dataclass(frozen=True)
class Search:
    """What one look finds among honest accounts.

    Attributes:
        above: expected candidates above the level at one look.
        level, scale: exponential tail, in bits.
    """

    above: float
    level: float
    scale: float


def months(
    runs: int, search: Search, bars: list[float], restless: Restlessness, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Honest months of hourly looks at the level of the search: every group has a mean and strays from it.

    Means are drawn from the exponential tail, at the rate that puts the given number of candidates above the level at
    one look; strays are the hour-by-hour paths of hunted groups. Groups too low to reach the lowest bar are not drawn.

    Args:
        runs: months.
        search: tail of one look.
        bars: bits from which a candidate is a false campaign, ascending.
        restless: strays of hunted groups.
        rng: chance.

    Returns:
        Distinct groups above each bar in the month (runs x bars), and the mean number above it at one look.
    """
    highest, paths = restless.highest, restless.strays
    lowest = min(bars) - float(highest.max())
    # E(candidates above x at one look) = groups x exp((lowest - x) / scale) x E(exp(stray / scale)).
    groups = search.above * np.exp((search.level - lowest) / search.scale)
    groups /= restless.at_a_look(search.scale) / len(paths)
    counts, once = np.zeros((runs, len(bars)), np.int64), np.zeros((runs, len(bars)))
    for run in range(runs):
        number = int(rng.poisson(groups))
        which = rng.integers(0, len(paths), number)
        mean = lowest + rng.exponential(search.scale, number)
        for place, bar in enumerate(bars):
            reach = np.flatnonzero(mean + highest[which] > bar)
            counts[run, place] = len(reach)
            once[run, place] = (mean[reach, None] + paths[which[reach]] > bar).mean(axis=1).sum()
    return counts, once


def mean_interval(counts: Ints, rng_seed: int = 2) -> tuple[float, float, float]:
    """Mean of counts with its 95 % interval, runs drawn again.

    Args:
        counts: one an independent run.
        rng_seed: for the drawing.
    """
    drawn = np.random.default_rng(rng_seed).integers(0, len(counts), (BOOTSTRAPS, len(counts)))
    means = counts[drawn].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(counts.mean()), float(low), float(high)


def numbered(names: list[Any]) -> tuple[Ints, int]:
    """Number of each name in order of first appearance, and how many there are."""
    order = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.array([order[name] for name in names], np.int64), len(order)
