"""One plan or two? Operators that share a phrase grammar deal out different mixtures of it.

A group is split along its main direction of variation (power iteration on standardised phrase rates, then Lloyd's
rounds) if, and only if, the half that did not choose the split agrees: the squared deviations on the other half must
fall by more bits than a chance split could gain, which is below zero on held-out data.
"""

from __future__ import annotations

import numpy as np

from stillhunt.link.alike import LEAST_VARIANCE, LOG2, deviations, effective_choices
from stillhunt.link.arrays import Floats, Ints
from stillhunt.link.slices import ClusterSlices

GAIN_BITS = 20.0
"""Bits that a split must gain on the half that did not choose it. Two labs of one grammar gained 56 on a sample world,
parts of one plan lost 6."""
ROUNDS = 12
DEEPEST = 4


def split_group(slices: ClusterSlices, side: int, members: Ints, least: int, depth: int = 0) -> list[Ints]:
    """Parts of a group that were dealt from different plans; the group itself where it is one.

    Args:
        slices: slices of one content cluster.
        side: half on which the group was found and the split is chosen.
        members: positions of the group's slices.
        least: slices that each part needs.
        depth: splits above this one; bounds the recursion.
    """
    if len(members) < 2 * least or depth >= DEEPEST:
        return [members]
    parts = _two_parts(slices, side, members)
    if min(len(part) for part in parts) < least:
        return [members]
    if _gain(slices, side, members, parts) < GAIN_BITS:
        return [members]
    return [piece for part in parts for piece in split_group(slices, side, part, least, depth + 1)]


def join_groups(slices: ClusterSlices, side: int, sets: list[Ints]) -> list[Ints]:
    """Join groups that the other half cannot tell apart, the largest first.

    Args:
        slices: slices of one content cluster.
        side: half on which the groups were found.
        sets: positions of each group's slices.
    """
    whole: list[Ints] = []
    for members in sorted(sets, key=lambda found: (-len(found), found[0])):
        for position, larger in enumerate(whole):
            both = np.union1d(larger, members)
            if _gain(slices, side, both, [larger, members]) < GAIN_BITS:
                whole[position] = both
                break
        else:
            whole.append(members)
    return whole


def _two_parts(slices: ClusterSlices, side: int, members: Ints) -> list[Ints]:
    counts, size = slices.phrases[side][members], slices.size[side][members].astype(np.float64)
    rate = (counts.sum(axis=0) + 0.5) / (size.sum() + 1.0)
    standard = (counts - size[:, None] * rate) / np.sqrt(size[:, None] * rate * (1 - rate) + LEAST_VARIANCE)
    direction = standard[0] + 1e-3
    for _ in range(20):
        # einsum runs in one fixed order; a threaded matrix product might not.
        direction = np.einsum("ij,i->j", standard, np.einsum("ij,j->i", standard, direction))
        direction /= np.sqrt((direction**2).sum()) + 1e-12
    second = np.einsum("ij,j->i", standard, direction) > 0
    for _ in range(ROUNDS):
        if second.all() or not second.any():
            break
        away = [_deviation(slices, side, members[chosen], side)[members] for chosen in (~second, second)]
        moved = away[1] < away[0]
        if np.array_equal(moved, second):
            break
        second = moved
    return [members[~second], members[second]]


def _gain(slices: ClusterSlices, side: int, members: Ints, parts: list[Ints]) -> float:
    judged = 1 - side
    rate = (slices.phrases[side][members].sum(axis=0) + 0.5) / (slices.size[side][members].sum() + 1.0)
    freedom = effective_choices(slices, side, members, rate)
    together = _deviation(slices, side, members, judged)[members].sum()
    apart = sum(float(_deviation(slices, side, part, judged)[part].sum()) for part in parts)
    return float(0.5 * freedom * (together - apart) / LOG2)


def _deviation(slices: ClusterSlices, side: int, chosen: Ints, judged: int) -> Floats:
    rate = (slices.phrases[side][chosen].sum(axis=0) + 0.5) / (slices.size[side][chosen].sum() + 1.0)
    return deviations(slices.phrases[judged], slices.size[judged].astype(np.float64), rate)
