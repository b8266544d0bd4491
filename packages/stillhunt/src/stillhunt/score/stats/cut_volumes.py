"""Evenness of volumes that are cut off: slices with few requests are never seen, so small volumes look even.

The law of a volume is negative binomial with variance m + r m^2, cut at the smallest slice that is looked at (a
truncated law, Johnson, Kemp and Kotz 2005, chapter 5). For each variation r the best mean is taken; the two
hypotheses are lognormal distributions of r, those of `honest_reference.py`.
"""

import numpy as np
from scipy.special import gammaln

from stillhunt.base.arrays import Floats, Ints
from stillhunt.score.stats.honest_reference import Overdispersion

_VARIATIONS = np.exp(np.linspace(np.log(1e-4), np.log(30.0), 60))
_MEANS = np.exp(np.linspace(-1.6, 0.15, 36))
"""Means of the whole law that are tried, times the mean of what is seen of it."""


def cut_volume_bits(volumes: Ints, least: int, reference: Overdispersion) -> float:
    """log2 likelihood ratio of volumes that are at least so large, one work queue against honest accounts.

    `volumes`: requests of each account; smaller ones than `least` are left out.
    """
    seen = volumes[volumes >= least]
    if not len(seen):
        return 0.0
    likelihood = _log_likelihood(seen, least)
    likelihood = np.exp(likelihood - likelihood.max())
    honest = _average_likelihood(likelihood, reference.honest_median, reference.honest_spread)
    queue = _average_likelihood(likelihood, reference.queue_median, reference.queue_spread)
    return float(np.log2(reference.queue_share * queue / honest + 1.0 - reference.queue_share))


def _average_likelihood(likelihood: Floats, median: float, spread: float) -> float:
    weight = np.exp(-0.5 * ((np.log(_VARIATIONS) - np.log(median)) / spread) ** 2)
    return float((weight * likelihood).sum() / weight.sum()) + 1e-30


def _log_likelihood(volumes: Ints, least: int) -> Floats:
    """Log likelihood of the volumes at each variation, at its best mean."""
    counts = np.bincount(volumes)
    values = np.flatnonzero(counts)
    times = counts[values].astype(np.float64)
    means = _MEANS * float(np.average(values, weights=times))
    best = np.empty(len(_VARIATIONS))
    for place, variation in enumerate(_VARIATIONS):
        unseen = np.exp(_log_mass(np.arange(least), means, 1.0 / variation)).sum(axis=0)
        seen = np.log1p(-np.minimum(unseen, 1.0 - 1e-12))
        mass = _log_mass(values, means, 1.0 / variation)
        best[place] = ((times[:, None] * mass).sum(axis=0) - times.sum() * seen).max()
    return best


def _log_mass(values: Ints, means: Floats, size: float) -> Floats:
    """Log probability of each value under each mean; rows are values."""
    value = values[:, None].astype(np.float64)
    chance = gammaln(value + size) - gammaln(size) - gammaln(value + 1.0)
    return np.asarray(chance + size * np.log(size / (size + means)) + value * np.log(means / (size + means)))
