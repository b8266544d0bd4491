"""Plain twin of the group search: the same laws and the same search step by step in numpy, nothing kept for later."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from stillhunt.link.groups.groups import Group
from stillhunt.link.groups.slices import ClusterSlices
from stillhunt.link.requests.arrays import Flags, Floats, Ints

# The numbers of the method, stated here once more: a changed number of the product must make a test fail.
LOG2 = float(np.log(2.0))
WORST, LEAST_VARIANCE, LEAST_EXPECTED = 30.0, 0.25, 1e-6
FORMING_CAP = 24.0
PHRASE_CORRELATION = 0.5
CONCENTRATIONS, CONCENTRATION_WEIGHTS = (0.5, 2.0, 8.0, 32.0, 128.0), (0.25, 0.25, 0.2, 0.2, 0.1)
MIN_PROMPTS, SEEDERS, DEVIATIONS, ROUNDS, MAX_GROUPS = 2, 600, 3.0, 8, 12
MIN_GAIN, DIRECTION_ROUNDS, LLOYD_ROUNDS, MAX_DEPTH = 20.0, 20, 12, 4

TIE_DECIMALS = 9
"""Bits that differ by rounding alone are equal: slices of distinct topics earn the same by any mixture of them."""


def phrase_bits(
    slices: ClusterSlices, fold: int, members: Ints, judged: int, *, forming: bool = False
) -> tuple[Floats, float]:
    """Bits of each slice for being drawn from the group's phrase mixture, and the effective number of choices.

    The chi-square of a slice against the group's rates is scaled by Satterthwaite's effective degrees of freedom,
    since phrases of one sentence are not independent (Satterthwaite 1946).

    Args:
        slices: slices of one content cluster.
        side: fold on which the group's rates are taken.
        members: positions of the group's slices.
        judged: fold on which every slice is judged.
        forming: groups compete for slices, and none may gain by how much its own rates can tell.
    """
    total = slices.size[fold][members].sum()
    rate = (slices.phrases[fold][members].sum(axis=0) + 0.5) / (total + 1.0)
    freedom = effective_choices(slices, fold, members, rate)
    size = slices.size[judged].astype(np.float64)
    expected = np.ones(len(size)) if forming else _expected_deviation(size, rate)
    deviation = deviations(slices.phrases[judged], size, rate) / expected
    spread = 1.0 + size * PHRASE_CORRELATION
    bits = 0.5 * freedom * expected * (np.log(spread) - np.minimum(deviation, WORST) * (1.0 - 1.0 / spread)) / LOG2
    return np.where(size > 0, bits, 0.0), freedom


def _expected_deviation(size: Floats, rate: Floats) -> Floats:
    """Expected mean squared deviation of slices of one work queue: below 1 where counts are too small to vary."""
    variance = size[:, None] * rate * (1.0 - rate)
    expected: Floats = (variance / (variance + LEAST_VARIANCE)).mean(axis=1)
    return np.maximum(expected, LEAST_EXPECTED)


def deviations(counts: Ints, size: Floats, rate: Floats) -> Floats:
    """Mean squared standardised deviation of each slice's phrase counts from the rates."""
    expected = size[:, None] * rate
    variance = expected * (1.0 - rate) + LEAST_VARIANCE
    deviation: Floats = ((counts - expected) ** 2 / variance).mean(axis=1)
    return deviation


def effective_choices(slices: ClusterSlices, fold: int, members: Ints, rate: Floats) -> float:
    """Satterthwaite degrees of freedom of the group's phrase counts: J^2 / trace(R^2)."""
    inside = np.zeros(len(slices.account), bool)
    inside[members] = True
    chosen = inside[slices.member[fold]]
    request, phrase = slices.request[fold][chosen], slices.phrase[fold][chosen]
    total = max(int(slices.size[fold][members].sum()), 1)
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


def topic_bits(slices: ClusterSlices, fold: int, members: Ints, judged: int) -> Floats:
    """Bits of each slice for being drawn from the group's topic mixture, against a preference of its own."""
    pooled = slices.topics[fold][members].sum(axis=0).astype(np.float64)
    mean = (pooled + 0.5) / (pooled.sum() + 0.5 * len(pooled))
    counts = slices.topics[judged].astype(np.float64)
    drawn = (counts * np.log(mean)).sum(axis=1)
    bits: Floats = (drawn - own_preference(counts, mean)) / LOG2
    return bits


def own_preference(counts: Floats, mean: Floats) -> Floats:
    """Log-likelihood of each row under honest topic preferences: Dirichlet-multinomials around the mean, in nats."""
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


def split_group(slices: ClusterSlices, fold: int, members: Ints, least: int, depth: int = 0) -> list[Ints]:
    """Parts of a group that were drawn from different work queues; the group itself where it is one.

    Args:
        slices: slices of one content cluster.
        side: fold on which the group was found and the split is chosen.
        members: positions of the group's slices.
        least: slices that each part needs.
        depth: splits above this one; bounds the recursion.
    """
    if len(members) < 2 * least or depth >= MAX_DEPTH:
        return [members]
    parts = _two_parts(slices, fold, members)
    if min(len(part) for part in parts) < least:
        return [members]
    if _gain(slices, fold, members, parts) < MIN_GAIN:
        return [members]
    return [piece for part in parts for piece in split_group(slices, fold, part, least, depth + 1)]


def join_groups(slices: ClusterSlices, fold: int, sets: list[Ints]) -> list[Ints]:
    """Join groups that the other fold cannot tell apart, the largest first.

    Args:
        slices: slices of one content cluster.
        side: fold on which the groups were found.
        sets: positions of each group's slices.
    """
    complete: list[Ints] = []
    for members in sorted(sets, key=lambda found: (-len(found), found[0])):
        for position, larger in enumerate(complete):
            both = np.union1d(larger, members)
            if _gain(slices, fold, both, [larger, members]) < MIN_GAIN:
                complete[position] = both
                break
        else:
            complete.append(members)
    return complete


def _two_parts(slices: ClusterSlices, fold: int, members: Ints) -> list[Ints]:
    counts, size = slices.phrases[fold][members], slices.size[fold][members].astype(np.float64)
    rate = (counts.sum(axis=0) + 0.5) / (size.sum() + 1.0)
    standard = (counts - size[:, None] * rate) / np.sqrt(size[:, None] * rate * (1 - rate) + LEAST_VARIANCE)
    direction = standard[0] + 1e-3
    for _ in range(DIRECTION_ROUNDS):
        # einsum runs in one fixed order; a threaded matrix product might not.
        direction = np.einsum("ij,i->j", standard, np.einsum("ij,j->i", standard, direction))
        direction /= np.sqrt((direction**2).sum()) + 1e-12
    second = np.einsum("ij,j->i", standard, direction) > 0
    for _ in range(LLOYD_ROUNDS):
        if second.all() or not second.any():
            break
        away = [_deviation(slices, fold, members[chosen], fold)[members] for chosen in (~second, second)]
        moved = away[1] < away[0]
        if np.array_equal(moved, second):
            break
        second = moved
    return [members[~second], members[second]]


def _gain(slices: ClusterSlices, fold: int, members: Ints, parts: list[Ints]) -> float:
    judged = 1 - fold
    rate = (slices.phrases[fold][members].sum(axis=0) + 0.5) / (slices.size[fold][members].sum() + 1.0)
    freedom = effective_choices(slices, fold, members, rate)
    together = _deviation(slices, fold, members, judged)[members].sum()
    apart = sum(float(_deviation(slices, fold, part, judged)[part].sum()) for part in parts)
    return float(0.5 * freedom * (together - apart) / LOG2)


def _deviation(slices: ClusterSlices, fold: int, chosen: Ints, judged: int) -> Floats:
    rate = (slices.phrases[fold][chosen].sum(axis=0) + 0.5) / (slices.size[fold][chosen].sum() + 1.0)
    return deviations(slices.phrases[judged], slices.size[judged].astype(np.float64), rate)


def find_groups(slices: ClusterSlices, *, formed_on: int, least: int) -> list[Group]:
    """Groups of slices drawn from one work queue, found on one fold and judged on the other.

    Args:
        slices: slices of one content cluster.
        formed_on: fold to search.
        least: slices a group needs.
    """
    usable = slices.size[formed_on] >= MIN_PROMPTS
    if usable.sum() < least:
        return []
    sets = _separate(slices, formed_on, usable, least)
    sets = [part for members in sets for part in split_group(slices, formed_on, members, least)]
    sets = _compete(slices, formed_on, usable, join_groups(slices, formed_on, sets), least)
    sets = _compete(slices, formed_on, usable, join_groups(slices, formed_on, sets), least)
    judged = 1 - formed_on
    groups = []
    for members in sets:
        phrase, freedom = phrase_bits(slices, formed_on, members, judged)
        topic = topic_bits(slices, formed_on, members, judged)
        groups.append(Group(slices.cluster, formed_on, members, phrase, topic, freedom))
    return groups


def _separate(slices: ClusterSlices, fold: int, usable: Flags, least: int) -> list[Ints]:
    candidates = np.flatnonzero(usable)
    if len(candidates) > SEEDERS:
        # Spread evenly over the accounts, whose ids are opaque: a sample that row order cannot move.
        candidates = candidates[np.linspace(0, len(candidates) - 1, SEEDERS).astype(np.int64)]
    counts, size = slices.phrases[fold][candidates], slices.size[fold][candidates]
    rate = (counts.sum(axis=0) + 0.5) / (size.sum() + 1.0)
    freedom = max(effective_choices(slices, fold, candidates, rate), 1.0)
    near = profile_distances(counts, size) <= 1.0 + DEVIATIONS * np.sqrt(2.0 / freedom)
    left = np.ones(len(candidates), bool)
    free = usable.copy()
    sets: list[Ints] = []
    while len(sets) < MAX_GROUPS:
        neighbours = (near & left).sum(axis=1) * left
        seed = int(neighbours.argmax())
        if neighbours[seed] < least:
            break
        members = _settle(slices, fold, free, candidates[near[seed] & left], least)
        taken = np.isin(candidates, members)
        taken[seed] = True
        left &= ~taken
        if len(members) >= least:
            sets.append(members)
            free[members] = False
    return sets


def _settle(slices: ClusterSlices, fold: int, free: Flags, members: Ints, least: int) -> Ints:
    """Let slices join and leave until the group stands; empty where it falls apart."""
    for _ in range(ROUNDS):
        joined = np.flatnonzero((_bits(slices, fold, members) > 0) & free)
        if len(joined) < least:
            return joined[:0]
        if np.array_equal(joined, members):
            break
        members = joined
    return members


def _compete(slices: ClusterSlices, fold: int, usable: Flags, sets: list[Ints], least: int) -> list[Ints]:
    """Give each slice to the group that explains it best."""
    for _ in range(ROUNDS):
        if not sets:
            return sets
        table = np.round([_bits(slices, fold, members) for members in sets], TIE_DECIMALS)
        best = table.argmax(axis=0)
        fits = usable & (table.max(axis=0) > 0)
        moved = [np.flatnonzero(fits & (best == g)) for g in range(len(sets))]
        moved = [members for members in moved if len(members) >= least]
        if len(moved) == len(sets) and all(np.array_equal(a, b) for a, b in zip(moved, sets, strict=True)):
            break
        sets = moved
    return sets


def _bits(slices: ClusterSlices, fold: int, members: Ints) -> Floats:
    phrase, _ = phrase_bits(slices, fold, members, fold, forming=True)
    topic = topic_bits(slices, fold, members, fold)
    total: Floats = np.clip(phrase, -FORMING_CAP, FORMING_CAP) + np.clip(topic, -FORMING_CAP, FORMING_CAP)
    return total
