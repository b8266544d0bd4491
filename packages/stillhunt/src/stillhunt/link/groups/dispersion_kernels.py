"""How much likelier is a slice if it was drawn from the group's work queue than if it belongs to an unrelated account?

Accounts that draw from one work queue differ by sampling noise alone. Unrelated accounts differ far more, also where
they share a template. Both hypotheses have the same mean, so a mixture without variety (every account sends the one
fixed prompt) gives no bits: sharing is judged elsewhere, by rarity.

Loops over slices run innermost, over contiguous memory, so that no sum needs another order to fit vector registers.
"""

from math import exp, lgamma, log

import numpy as np

from stillhunt.link.groups.fold_kernels import (
    CONCENTRATIONS,
    PREFERENCES,
    Counts,
    Flags,
    Floats,
    Fold,
    Ints,
    Sums,
    add_up,
    part,
)
from stillhunt.link.groups.parameters import GROUP_PARAMETERS as P

# Standardised mean square deviation beyond which a slice counts as no more foreign (distance says no more beyond it)
MAX_DEVIATION = 30.0
# prompts squared: variance added to each phrase count (keeps a phrase that hardly varies from deciding a distance)
MIN_VARIANCE = 0.25
# Prompts added to each phrase or topic count behind a rate (half a count, the usual prior of a rate (Jeffreys))
SMOOTHING = 0.5
# Prompts of a set with, and without, a phrase from which the phrase counts as varied (a phrase in all prompts but one
# says nothing about a mixture)
MIN_VARIED = 2
FORMING_CAP = P.forming_cap_bits
MIN_EXPECTED_DEVIATION = 1e-6
"""Keeps a division from overflowing."""
LOG2 = log(2.0)
DISPERSION_BLOCK = 256
"""Slices of one pass: what they gather stays in the nearest cache."""
MAX_FACTORS = 24
"""Prompts on one topic up to which its factors are multiplied one by one; above, the gamma function is cheaper."""
LARGE_PRODUCT = 1e60
"""A product beyond which its logarithm is put aside; MAX_FACTORS more factors cannot overflow it."""


@part
def rates(phrase: Ints, total: int) -> Floats:
    """Share of a set's prompts that have each phrase."""
    rate: Floats = (phrase + SMOOTHING) / np.float64(total + 2.0 * SMOOTHING)
    return rate


@part
def freedom_of(rate: Floats, total: int, together: Counts) -> float:
    """Satterthwaite degrees of freedom of the set's phrase counts: J^2 / trace(R^2)."""
    width = len(rate)
    prompts = max(total, 1)
    varied = 0
    for p in range(width):
        varied += rate[p] * prompts >= MIN_VARIED and (1.0 - rate[p]) * prompts >= MIN_VARIED
    if not varied:
        return 0.0
    inverse = 1.0 / np.sqrt(rate * (1.0 - rate))
    share = 1.0 / prompts
    squares = np.zeros(width)
    for i in range(width - 1):
        own, scale = rate[i], inverse[i]
        row, right, other, out = together[i, i + 1 :], rate[i + 1 :], inverse[i + 1 :], squares[i + 1 :]
        for j in range(len(out)):
            correlation = (row[j] * share - own * right[j]) * (scale * other[j])
            out[j] += correlation * correlation
    trace = float(width)
    for p in range(width):
        trace += 2.0 * squares[p]
    return width * width / trace * (varied / width)


@part
def deviations(fold: Fold, rate: Floats, out: Floats) -> None:
    """Mean squared standardised deviation of every slice's phrase counts from the rates."""
    width, count = fold.phrases.shape
    for first in range(0, count, DISPERSION_BLOCK):
        last = min(first + DISPERSION_BLOCK, count)
        size, away = fold.size[first:last], out[first:last]
        away[:] = 0.0
        for p in range(width):
            chance, rest, counts = rate[p], 1.0 - rate[p], fold.phrases[p, first:last]
            for s in range(len(away)):
                expected = size[s] * chance
                off = counts[s] - expected
                away[s] += off * off / (expected * rest + MIN_VARIANCE)
        for s in range(len(away)):
            away[s] /= max(width, 1)


@part
def set_expected_deviations(fold: Fold, rate: Floats, out: Floats) -> None:
    """Expected mean squared deviation of slices of one work queue: below 1 where counts are too small to vary."""
    width, count = fold.phrases.shape
    out[:] = 0.0
    for p in range(width):
        scale = rate[p] * (1.0 - rate[p])
        for s in range(count):
            variance = fold.size[s] * scale
            out[s] += variance / (variance + MIN_VARIANCE)
    for s in range(count):
        out[s] = max(out[s] / max(width, 1), MIN_EXPECTED_DEVIATION)


@part
def phrase_bits_of(fold: Fold, s: int, freedom: float, deviation: float) -> float:
    """Bits of one slice for being drawn from the phrase mixture, given its deviation from it."""
    if fold.size[s] <= 0.0:
        return 0.0
    lost = min(deviation, MAX_DEVIATION) * (1.0 - 1.0 / fold.spread[s])
    return float(0.5 * freedom * (fold.log_spread[s] - lost) / LOG2)


@part
def topic_mean(pooled: Ints) -> Floats:
    """A set's mixture of topics."""
    mean: Floats = (pooled + SMOOTHING) / (add_up(pooled) + SMOOTHING * len(pooled))
    return mean


@part
def topic_bits_of(fold: Fold, s: int, mean: Floats, scratch: Floats) -> float:
    """Bits of one slice for being drawn from the topic mixture, against a preference of the account's own.

    The likelihood ratio of a preference is a product over the prompts: prompt k + 1 on a topic of mean m has the factor
    strength + k / m, and the prompts in all divide it. So logarithms are taken of products, not of each factor.

    Args:
        scratch: memory, shape (2, PREFERENCES).
    """
    logs, products = scratch
    for c in range(PREFERENCES):
        logs[c] = fold.preference[s, c]
        products[c] = 1.0
    for i in range(fold.topic_start[s], fold.topic_start[s + 1]):
        count, share = fold.topic_count[i], mean[fold.topic[i]]
        if count > MAX_FACTORS:
            for c in range(PREFERENCES):
                alpha = CONCENTRATIONS[c] * share
                logs[c] += lgamma(count + alpha) - lgamma(alpha) - count * log(share) - log(CONCENTRATIONS[c])
            continue
        step = 1.0 / share
        for k in range(1, count):
            for c in range(PREFERENCES):
                products[c] *= CONCENTRATIONS[c] + k * step
        if products[PREFERENCES - 1] > LARGE_PRODUCT:
            for c in range(PREFERENCES):
                logs[c] += log(products[c])
                products[c] = 1.0
    highest = -np.inf
    for c in range(PREFERENCES):
        logs[c] += log(products[c])
        highest = max(highest, logs[c])
    likelihood = 0.0
    for c in range(PREFERENCES):
        likelihood += exp(logs[c] - highest)
    return -(highest + log(likelihood)) / LOG2


@part
def forming_bits(fold: Fold, sums: Sums, row: int, wanted: Flags, out: Floats) -> None:
    """Bits of the wanted slices for belonging to a set, each view within its cap; any number <= 0 where they do not.

    Args:
        wanted: slices that are asked for; the others get 0.
    """
    rate = rates(sums.phrase[row], sums.total[row])
    freedom = freedom_of(rate, sums.total[row], sums.together[row])
    deviations(fold, rate, out)
    mean = topic_mean(sums.topic[row])
    scratch = np.empty((2, PREFERENCES))
    for s in range(len(out)):
        if not wanted[s]:
            out[s] = 0.0
            continue
        phrase = phrase_bits_of(fold, s, freedom, out[s])
        out[s] = min(phrase, FORMING_CAP)
        # From here on no topic can make up for the phrases, and most strangers are done.
        if phrase > -FORMING_CAP:
            topic = topic_bits_of(fold, s, mean, scratch)
            out[s] += min(max(topic, -FORMING_CAP), FORMING_CAP)


@part
def profile_distances(fold: Fold, chosen: Ints) -> Floats:
    """Mean squared standardised difference between the phrase rates of each pair of slices (1 = chance)."""
    width, count = len(fold.phrases), len(chosen)
    counts = np.empty((width, count))
    for p in range(width):
        for i in range(count):
            counts[p, i] = fold.phrases[p, chosen[i]]
    size = fold.size[chosen]
    inverse = 1.0 / np.maximum(size, 1.0)
    distances = np.zeros((count, count))
    pooled, scale, least = np.empty(count), np.empty(count), np.empty(count)
    for i in range(count):
        for j in range(count):
            pooled[j] = 1.0 / (size[i] + size[j] + 2.0 * SMOOTHING)
            scale[j] = inverse[i] + inverse[j]
            least[j] = MIN_VARIANCE * inverse[i] * inverse[j]
        out = distances[i]
        for first in range(i + 1, count, DISPERSION_BLOCK):
            _add_distances(counts, inverse, (pooled, scale, least), i, first, out)
        for j in range(i + 1, count):
            out[j] /= max(width, 1)
            distances[j, i] = out[j]
    return distances


@part
def _add_distances(
    counts: Floats, inverse: Floats, pair: tuple[Floats, Floats, Floats], i: int, first: int, out: Floats
) -> None:
    last = min(first + DISPERSION_BLOCK, counts.shape[1])
    pooled, scale, least = pair[0][first:last], pair[1][first:last], pair[2][first:last]
    others, away = inverse[first:last], out[first:last]
    for p in range(len(counts)):
        row = counts[p, first:last]
        own, rate = counts[p, i] + SMOOTHING, counts[p, i] * inverse[i]
        for j in range(len(away)):
            chance = (own + row[j]) * pooled[j]
            off = rate - row[j] * others[j]
            away[j] += off * off / (chance * (1.0 - chance) * scale[j] + least[j])
