"""Alike beyond chance: was a slice dealt from the group's plan, or is it an account's own habit?

Dealt traffic differs between accounts by sampling noise alone; accounts with habits of their own differ far more,
also when they share a template. Both hypotheses have the same mean, so a mixture without variety (everybody sends
the one fixed prompt) gives no bits: sharing is judged elsewhere, by rarity.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from stillhunt.link.arrays import Floats, Ints
from stillhunt.link.slices import ClusterSlices

OWN_HABIT = 0.5
"""Intra-class correlation of phrase use in honest slices: an account of its own either uses a phrase or not."""
CONCENTRATIONS = (0.5, 2.0, 8.0, 32.0, 128.0)
CONCENTRATION_WEIGHTS = (0.25, 0.25, 0.2, 0.2, 0.1)
"""How sharply honest templated slices keep to topics of their own: Dirichlet concentrations and their share."""
WORST = 30.0
"""Mean square deviation at which a slice is as foreign as it can get; beyond, distance tells no more."""
LEAST_VARIANCE = 0.25
"""Of a count: keeps a phrase that hardly varies from deciding a distance."""
LOG2 = float(np.log(2.0))


def phrase_bits(
    slices: ClusterSlices, side: int, members: Ints, judged: int, *, forming: bool = False
) -> tuple[Floats, float]:
    """Bits of each slice for being dealt the group's phrase mixture, and the mixture's effective number of choices.

    The chi-square of a slice against the group's rates is scaled by Satterthwaite's effective degrees of freedom,
    since phrases of one sentence are not independent (Satterthwaite 1946).

    Args:
        slices: slices of one content cluster.
        side: half on which the group's rates are taken.
        members: positions of the group's slices.
        judged: half on which every slice is judged.
        forming: groups compete for slices, and none may gain by how much its own rates can tell.
    """
    total = slices.size[side][members].sum()
    rate = (slices.phrases[side][members].sum(axis=0) + 0.5) / (total + 1.0)
    freedom = effective_choices(slices, side, members, rate)
    size = slices.size[judged].astype(np.float64)
    told = np.ones(len(size)) if forming else _told(size, rate)
    deviation = deviations(slices.phrases[judged], size, rate) / told
    spread = 1.0 + size * OWN_HABIT
    bits = 0.5 * freedom * told * (np.log(spread) - np.minimum(deviation, WORST) * (1.0 - 1.0 / spread)) / LOG2
    return np.where(size > 0, bits, 0.0), freedom


def _told(size: Floats, rate: Floats) -> Floats:
    """Mean squared deviation of dealt slices: below 1 where counts are too small to vary, and tell so much less."""
    variance = size[:, None] * rate * (1.0 - rate)
    told: Floats = (variance / (variance + LEAST_VARIANCE)).mean(axis=1)
    return np.maximum(told, 1e-6)


def deviations(counts: Ints, size: Floats, rate: Floats) -> Floats:
    """Mean squared standardised deviation of each slice's phrase counts from the rates."""
    expected = size[:, None] * rate
    variance = expected * (1.0 - rate) + LEAST_VARIANCE
    deviation: Floats = ((counts - expected) ** 2 / variance).mean(axis=1)
    return deviation


def effective_choices(slices: ClusterSlices, side: int, members: Ints, rate: Floats) -> float:
    """Satterthwaite degrees of freedom of the group's phrase counts: J^2 / trace(R^2)."""
    inside = np.zeros(len(slices.account), bool)
    inside[members] = True
    chosen = inside[slices.member[side]]
    request, phrase = slices.request[side][chosen], slices.phrase[side][chosen]
    total = max(int(slices.size[side][members].sum()), 1)
    together = _together(request, phrase, len(rate)) / total
    covariance = together - np.outer(rate, rate)
    deviation = np.sqrt(rate * (1.0 - rate))
    correlation = covariance / np.outer(deviation, deviation)
    np.fill_diagonal(correlation, 1.0)
    choices = len(rate)
    varied = (rate * total >= 2) & ((1 - rate) * total >= 2)
    if not varied.any():
        return 0.0
    freedom = choices**2 / float((correlation**2).sum())
    return freedom * float(varied.mean())


def _together(request: Ints, phrase: Ints, size: int) -> Floats:
    """Requests in which each pair of phrases stands together."""
    _, position = np.unique(request, return_inverse=True)
    table = np.zeros((int(position.max(initial=-1)) + 1, size), np.float32)
    table[position, phrase] = 1.0
    # Counts below 2^24 are exact in float32, whatever the order in which a threaded product adds them.
    counts: Floats = (table.T @ table).astype(np.float64)
    return counts


def topic_bits(slices: ClusterSlices, side: int, members: Ints, judged: int) -> Floats:
    """Bits of each slice for being dealt the group's topic mixture, against a taste of its own around it."""
    pooled = slices.topics[side][members].sum(axis=0).astype(np.float64)
    mean = (pooled + 0.5) / (pooled.sum() + 0.5 * len(pooled))
    counts = slices.topics[judged].astype(np.float64)
    dealt = (counts * np.log(mean)).sum(axis=1)
    bits: Floats = (dealt - own_taste(counts, mean)) / LOG2
    return bits


def own_taste(counts: Floats, mean: Floats) -> Floats:
    """Log-likelihood of each row under honest tastes: Dirichlet-multinomials around the mean, in nats."""
    total = counts.sum(axis=1)
    terms = []
    for concentration, weight in zip(CONCENTRATIONS, CONCENTRATION_WEIGHTS, strict=True):
        alpha = concentration * mean
        row = gammaln(concentration) - gammaln(total + concentration)
        row = row + (gammaln(counts + alpha) - gammaln(alpha)).sum(axis=1)
        terms.append(row + np.log(weight))
    stacked = np.stack(terms)
    highest = stacked.max(axis=0)
    likelihood: Floats = highest + np.log(np.exp(stacked - highest).sum(axis=0))
    return likelihood


def profile_distances(counts: Ints, size: Ints) -> Floats:
    """Mean squared standardised difference between the phrase rates of each pair of slices (1 = chance)."""
    n = size.astype(np.float64)
    rate = counts / np.maximum(n, 1.0)[:, None]
    inverse = 1.0 / np.maximum(n, 1.0)
    distances = np.zeros((len(n), len(n)))
    for phrase in range(counts.shape[1]):
        column = rate[:, phrase]
        pooled = (counts[:, phrase][:, None] + counts[:, phrase][None, :] + 0.5) / (n[:, None] + n[None, :] + 1.0)
        variance = (
            pooled * (1.0 - pooled) * (inverse[:, None] + inverse[None, :])
            + LEAST_VARIANCE * inverse * inverse[:, None]
        )
        distances += (column[:, None] - column[None, :]) ** 2 / variance
    mean: Floats = distances / max(counts.shape[1], 1)
    return mean
