"""How alike accounts are: dispersion against chance, and how alike the comparison accounts are among themselves.

The index is the chi-square of homogeneity of the accounts-by-category table over its degrees of freedom: 1 where
accounts differ by sampling noise alone, as they do when they draw from one work queue. With an intra-class correlation
r it is about 1 + (n - 1) r for slices of n requests, so the index of honest groups grows with their traffic and that
of one queue stays at 1. Bits are the ratio of the two likelihoods of the index, each averaged over its own distribution
of r (`honest_reference.py`).

The frozen reference knows customers who differ. Where all customers ask about one product, or none keeps hours of its
own, any group of them is as alike as if it drew from one work queue. The measure is the intra-class correlation by
which the dispersion index grows (`homogeneity.py`): the chance that two requests of one account are of one category,
against that of two requests of two accounts. It is a sum over accounts, from which the members of a candidate are
subtracted: a campaign that is a third of all accounts does not make its own alikeness usual.

Source: estimator of moments with weights of a random effects model (Kleinman 1973).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.score import kernels
from stillhunt.score.stats.honest_reference import SPREADS, Overdispersion

# Effective number of comparison accounts below which nothing is estimated (derived: a correlation between accounts
# needs two of them)
_MIN_EFFECTIVE_ACCOUNTS = 2.0


class CorrelationParameters(NamedTuple):
    """Parameters of the estimate."""

    weighting: float
    standard_errors: float


CORRELATION = read_parameters(CorrelationParameters, "score.background_correlation")
_CELLS = 1 << 22
"""Cells of accounts by categories that are counted at a time; bounds memory."""


@dataclass(frozen=True)
class Mixtures:
    """Sums over some accounts, each of which mixes the categories of one view in its own way."""

    weight: Floats  # sums of the accounts' weights and of their squares
    # sums of weight * own and of squared weight * own and * own^2, where own is an account's chance that two of its
    # requests are of one category
    same: Floats
    mixed: Floats  # sum of weight * share of each category
    squares: float  # sum of squared weight * squared shares

    def without(self, other: Mixtures) -> Mixtures:
        """The same less some of the accounts, given their sums over the same categories."""
        return Mixtures(
            self.weight - other.weight, self.same - other.same, self.mixed - other.mixed, self.squares - other.squares
        )

    @property
    def correlation(self) -> float:
        """Upper bound (95 %) of the intra-class correlation of the accounts' categories; 1 where there are too few."""
        total, squared = self.weight.tolist()
        effective = total**2 / squared if squared > 0 else 0.0
        if effective < _MIN_EFFECTIVE_ACCOUNTS:
            return 1.0
        own = self.same[0] / total
        spread = max(self.same[2] - 2.0 * own * self.same[1] + own**2 * squared, 0.0)
        error = float(np.sqrt(spread)) / total
        between = (float((self.mixed**2).sum()) - self.squares) / (total**2 - squared)
        above = own - between + CORRELATION.standard_errors * error
        return float(np.clip(above / max(1.0 - between, 1e-6), 0.0, 1.0))


def mixtures(account: Ints, category: Ints, categories: int) -> Mixtures:
    """Sum up the mixtures of accounts."""
    starts = np.flatnonzero(np.diff(account, prepend=-1))
    edges = np.append(starts, len(account))
    step = max(_CELLS // max(categories, 1), 1)
    weight, same, mixed, squares = np.zeros(2), np.zeros(3), np.zeros(categories), 0.0
    for first in range(0, len(starts), step):
        bounds = edges[first : first + step + 1]
        sent = np.diff(bounds)
        rank = np.repeat(np.arange(len(sent)), sent)
        counts = np.bincount(rank * categories + category[bounds[0] : bounds[-1]], minlength=len(sent) * categories)
        share = counts.reshape(len(sent), categories)[sent >= 2].astype(np.float64)
        sent = sent[sent >= 2]
        # Sums of whole numbers are exact in any order, and large arrays of their parts cost more than the sums.
        own = (np.einsum("ij,ij->i", share, share) - sent) / (sent * (sent - 1.0))
        share /= sent[:, None]
        weights = (sent - 1.0) / (1.0 + (sent - 1.0) * CORRELATION.weighting)
        weight += [weights.sum(), (weights**2).sum()]
        same += [(weights * own).sum(), (weights**2 * own).sum(), (weights**2 * own**2).sum()]
        mixed += weights @ share
        squares += float((weights**2 * np.square(share, out=share).sum(axis=1)).sum())
    return Mixtures(weight, same, mixed, squares)


MIN_COMPARED_ACCOUNTS = 3  # Accounts from which mixtures and volumes are compared (two accounts can agree by chance)
# Accounts from which volumes are trimmed at all (in a smaller group the ends are a large part of it)
_MIN_TRIMMED_ACCOUNTS = 8


class DispersionParameters(NamedTuple):
    """Parameters of the dispersion index."""

    min_expected: int
    trimmed_share: float


DISPERSION = read_parameters(DispersionParameters, "score.dispersion_index")
_OVERDISPERSIONS = np.exp(np.linspace(np.log(1e-6), np.log(20.0), 240))
"""Intra-class correlations over which likelihoods are averaged."""
_DENSE = 4_096
"""Width of a range of values up to which they are counted and not sorted."""


@dataclass(frozen=True)
class Homogeneity:
    """Homogeneity of an accounts-by-category table."""

    # chi_square, freedom: the statistic and its degrees of freedom
    chi_square: float
    freedom: float
    size: float  # typical requests per account, sum n^2 / sum n
    accounts: int

    @property
    def index(self) -> float:
        """The dispersion index: chi-square over its degrees of freedom; 1 = drawn from one work queue."""
        return self.chi_square / self.freedom if self.freedom else float("nan")


def homogeneity(account: Ints, category: Ints) -> Homogeneity:
    """Homogeneity of the accounts' category counts."""
    row, rows = _number_values(account)
    column, columns = _number_values(category)
    del account, category
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
    rare = sums < DISPERSION.min_expected
    if not rare.any():
        return column, sums
    common = columns - int(np.count_nonzero(rare))
    place = np.where(rare, common, np.cumsum(~rare) - 1)
    together = sums[rare].sum()
    return place[column], np.append(sums[~rare], together) if together else sums[~rare]


def _number_values(values: Ints) -> tuple[Ints, int]:
    """Rank of each value among the distinct ones, and how many these are."""
    if not len(values):
        return np.zeros(0, np.int64), 0
    low = values.min()
    if int(values.max()) - int(low) > _DENSE:
        distinct, rank = np.unique(values, return_inverse=True)
        return rank, len(distinct)
    seen = np.bincount(values - low) > 0
    place = np.cumsum(seen) - 1
    return place[values - low], int(place[-1]) + 1


def pooled(parts: list[Homogeneity]) -> Homogeneity:
    """One homogeneity from several tables."""
    freedom = sum(p.freedom for p in parts)
    size = sum(p.size * p.freedom for p in parts) / freedom if freedom else 0.0
    return Homogeneity(sum(p.chi_square for p in parts), freedom, size, max((p.accounts for p in parts), default=0))


def index_bits(found: Homogeneity, reference: Overdispersion) -> float:
    """log2 likelihood ratio of the dispersion index, one work queue against honest accounts."""
    if found.freedom < 1 or found.accounts < MIN_COMPARED_ACCOUNTS:
        return 0.0
    honest = _index_density(found, reference.honest_median, reference.honest_spread, reference.noise)
    queue = _index_density(found, reference.queue_median, reference.queue_spread, reference.noise)
    mixed = reference.queue_share * queue + (1.0 - reference.queue_share) * honest
    return float(np.log2(mixed / honest))


def _index_density(found: Homogeneity, median: float, spread: float, noise: float) -> float:
    """Density of the log index, averaged over a lognormal overdispersion: see `Overdispersion`."""
    weight = np.exp(-0.5 * ((np.log(_OVERDISPERSIONS) - np.log(median)) / spread) ** 2)
    weight /= weight.sum()
    mean = np.log1p(max(found.size - 1.0, 0.0) * _OVERDISPERSIONS)
    # Sampling noise of the index, more where accounts themselves differ: few accounts, few draws of r.
    deviation = np.sqrt(2.0 / found.freedom + noise**2 + (_OVERDISPERSIONS * found.size > 1) * 2.0 / found.accounts)
    z = (np.log(max(found.index, 1e-3)) - mean) / deviation
    density: Floats = np.exp(-0.5 * z**2) / deviation
    return float((weight * density).sum()) + 1e-9


def volume_evenness(volumes: Ints) -> Homogeneity:
    """Variance over mean of the accounts' volumes, in the same form: 1 where tasks are assigned at random."""
    count = len(volumes)
    mean = float(volumes.mean()) if count else 0.0
    if count < MIN_COMPARED_ACCOUNTS or mean == 0:
        return Homogeneity(0.0, 0.0, 0.0, count)
    square = float(((volumes - mean) ** 2).sum() / mean)
    return Homogeneity(square, float(count - 1), mean + 1.0, count)


def volume_fit(volumes: Ints, spread: float) -> Floats:
    """Bits of each account's volume: near the group's middle, or as far from it as customers' are (lognormal).

    `spread`: standard deviation of the logarithm of volumes in one operation.
    """
    away = np.log(np.maximum(volumes, 1) / max(float(np.median(volumes)), 1.0))
    bits: Floats = (
        np.log(SPREADS.customers / spread) + 0.5 * (away / SPREADS.customers) ** 2 - 0.5 * (away / spread) ** 2
    ) / np.log(2.0)
    return np.clip(bits, -SPREADS.member_cap_bits, SPREADS.member_cap_bits)


def trimmed(volumes: Ints) -> Ints:
    """Volumes without the few smallest and largest, at least one of each; all of them in a small group."""
    cut = max(1, round(DISPERSION.trimmed_share * len(volumes)))
    ordered: Ints = np.sort(volumes)
    return ordered[cut:-cut] if len(volumes) >= _MIN_TRIMMED_ACCOUNTS else ordered
