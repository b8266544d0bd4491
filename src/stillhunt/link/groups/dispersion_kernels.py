"""Alike beyond chance: was a slice dealt from the group's plan, or is it an account's own habit?

Dealt traffic differs between accounts by sampling noise alone; accounts with habits of their own differ far more,
also when they share a template. Both hypotheses have the same mean, so a mixture without variety (everybody sends
the one fixed prompt) gives no bits: sharing is judged elsewhere, by rarity.

Loops over slices run innermost, over contiguous memory: no sum needs another order to fit vector registers.
"""

from __future__ import annotations

from math import exp, lgamma, log

import numpy as np

from stillhunt.link.groups.kernels_folds import CONCENTRATIONS, TASTES, Counts, Flags, Floats, Half, Ints, Sums, part

WORST = 30.0
"""Mean square deviation at which a slice is as foreign as it can get; beyond, distance tells no more."""
LEAST_VARIANCE = 0.25
"""Of a count: keeps a phrase that hardly varies from deciding a distance."""
LEAST_TOLD = 1e-6
LOG2 = log(2.0)
VIEW_CAP = 24.0
"""Most bits one view may give or take while groups form."""
BLOCK = 256
"""Slices of one pass: what they gather stays in the nearest cache."""
MOST_FACTORS = 24
"""Prompts on one topic up to which its factors are multiplied one by one; above, the gamma function is cheaper."""
FOLD = 1e60
"""A product beyond which its logarithm is put aside; MOST_FACTORS more factors cannot overflow it."""


@part
def rates(phrase: Ints, total: int) -> Floats:
    """Share of a set's prompts that have each phrase."""
    rate: Floats = (phrase + 0.5) / np.float64(total + 1.0)
    return rate


@part
def freedom_of(rate: Floats, total: int, together: Counts) -> float:
    """Satterthwaite degrees of freedom of the set's phrase counts: J^2 / trace(R^2)."""
    width = len(rate)
    prompts = max(total, 1)
    varied = 0
    for p in range(width):
        varied += rate[p] * prompts >= 2 and (1.0 - rate[p]) * prompts >= 2
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
def deviations(half: Half, rate: Floats, out: Floats) -> None:
    """Mean squared standardised deviation of every slice's phrase counts from the rates."""
    width, count = half.phrases.shape
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        size, away = half.size[first:last], out[first:last]
        away[:] = 0.0
        for p in range(width):
            chance, rest, counts = rate[p], 1.0 - rate[p], half.phrases[p, first:last]
            for s in range(len(away)):
                expected = size[s] * chance
                off = counts[s] - expected
                away[s] += off * off / (expected * rest + LEAST_VARIANCE)
        for s in range(len(away)):
            away[s] /= max(width, 1)


@part
def set_told(half: Half, rate: Floats, out: Floats) -> None:
    """Mean squared deviation of dealt slices: below 1 where counts are too small to vary, and tell so much less."""
    width, count = half.phrases.shape
    out[:] = 0.0
    for p in range(width):
        scale = rate[p] * (1.0 - rate[p])
        for s in range(count):
            variance = half.size[s] * scale
            out[s] += variance / (variance + LEAST_VARIANCE)
    for s in range(count):
        out[s] = max(out[s] / max(width, 1), LEAST_TOLD)


@part
def phrase_bits_of(half: Half, s: int, freedom: float, deviation: float) -> float:
    """Bits of one slice for being dealt the phrase mixture from which it deviates so much."""
    if half.size[s] <= 0.0:
        return 0.0
    lost = min(deviation, WORST) * (1.0 - 1.0 / half.spread[s])
    return float(0.5 * freedom * (half.log_spread[s] - lost) / LOG2)


@part
def topic_mean(pooled: Ints) -> Floats:
    """A set's mixture of topics."""
    mean: Floats = (pooled + 0.5) / (pooled.sum() + 0.5 * len(pooled))
    return mean


@part
def topic_bits_of(half: Half, s: int, mean: Floats, scratch: Floats) -> float:
    """Bits of one slice for being dealt the topic mixture, against a taste of its own around it.

    The likelihood ratio of a taste is a product over the prompts: prompt k + 1 on a topic of mean m has the factor
    strength + k / m, and the prompts in all divide it. So logarithms are taken of products, not of each factor.

    Args:
        half: what the slices show.
        s: the slice.
        mean: mixture of topics.
        scratch: memory, shape (2, TASTES).
    """
    logs, products = scratch
    logs[:] = half.taste[s]
    products[:] = 1.0
    for i in range(half.topic_start[s], half.topic_start[s + 1]):
        count, share = half.topic_count[i], mean[half.topic[i]]
        if count > MOST_FACTORS:
            for c in range(TASTES):
                alpha = CONCENTRATIONS[c] * share
                logs[c] += lgamma(count + alpha) - lgamma(alpha) - count * log(share) - log(CONCENTRATIONS[c])
            continue
        step = 1.0 / share
        for k in range(1, count):
            for c in range(TASTES):
                products[c] *= CONCENTRATIONS[c] + k * step
        if products[TASTES - 1] > FOLD:
            for c in range(TASTES):
                logs[c] += log(products[c])
                products[c] = 1.0
    highest = -np.inf
    for c in range(TASTES):
        logs[c] += log(products[c])
        highest = max(highest, logs[c])
    likelihood = 0.0
    for c in range(TASTES):
        likelihood += exp(logs[c] - highest)
    return -(highest + log(likelihood)) / LOG2


@part
def forming_bits(half: Half, sums: Sums, row: int, wanted: Flags, out: Floats) -> None:
    """Bits of the wanted slices for belonging to a set, either view within its cap; any number <= 0 where they lose.

    Args:
        half: what the slices show.
        sums: sets.
        row: the set.
        wanted: slices that are asked for; the others get 0.
        out: bits of each slice.
    """
    rate = rates(sums.phrase[row], sums.total[row])
    freedom = freedom_of(rate, sums.total[row], sums.together[row])
    deviations(half, rate, out)
    mean = topic_mean(sums.topic[row])
    scratch = np.empty((2, TASTES))
    for s in range(len(out)):
        if not wanted[s]:
            out[s] = 0.0
            continue
        phrase = phrase_bits_of(half, s, freedom, out[s])
        out[s] = min(phrase, VIEW_CAP)
        # From here on no topic can make up for the phrases, and most strangers are done.
        if phrase > -VIEW_CAP:
            topic = topic_bits_of(half, s, mean, scratch)
            out[s] += min(max(topic, -VIEW_CAP), VIEW_CAP)


@part
def profile_distances(half: Half, chosen: Ints) -> Floats:
    """Mean squared standardised difference between the phrase rates of each pair of slices (1 = chance)."""
    width, count = len(half.phrases), len(chosen)
    counts = np.empty((width, count))
    for p in range(width):
        for i in range(count):
            counts[p, i] = half.phrases[p, chosen[i]]
    size = half.size[chosen]
    inverse = 1.0 / np.maximum(size, 1.0)
    distances = np.zeros((count, count))
    pooled, scale, least = np.empty(count), np.empty(count), np.empty(count)
    for i in range(count):
        for j in range(count):
            pooled[j] = 1.0 / (size[i] + size[j] + 1.0)
            scale[j] = inverse[i] + inverse[j]
            least[j] = LEAST_VARIANCE * inverse[i] * inverse[j]
        out = distances[i]
        for first in range(i + 1, count, BLOCK):
            _add_distances(counts, inverse, (pooled, scale, least), i, first, out)
        for j in range(i + 1, count):
            out[j] /= max(width, 1)
            distances[j, i] = out[j]
    return distances


@part
def _add_distances(
    counts: Floats, inverse: Floats, pair: tuple[Floats, Floats, Floats], i: int, first: int, out: Floats
) -> None:
    last = min(first + BLOCK, counts.shape[1])
    pooled, scale, least = pair[0][first:last], pair[1][first:last], pair[2][first:last]
    others, away = inverse[first:last], out[first:last]
    for p in range(len(counts)):
        row = counts[p, first:last]
        own, rate = counts[p, i] + 0.5, counts[p, i] * inverse[i]
        for j in range(len(away)):
            chance = (own + row[j]) * pooled[j]
            off = rate - row[j] * others[j]
            away[j] += off * off / (chance * (1.0 - chance) * scale[j] + least[j])
