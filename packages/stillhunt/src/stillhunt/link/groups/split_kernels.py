"""One work queue or two? Operators that share a phrase grammar use it with different mixtures.

A group is split along its main direction of variation (power iteration on standardised phrase rates, then Lloyd's
rounds) if, and only if, the fold that did not choose the split agrees: the squared deviations on the other fold must
fall by more bits than a chance split could gain, which is below zero on held-out data.
"""

import numpy as np

from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.link.groups.dispersion_kernels import LOG2, MIN_VARIANCE, freedom_of, rates
from stillhunt.link.groups.fold_kernels import (
    ONE_SET,
    ONLY_ROW,
    Flags,
    Floats,
    Fold,
    Ints,
    Sums,
    add_up,
    blank_sums,
    count_true,
    mark_slices,
    part,
    set_members,
    take_sums,
)

MIN_GAIN = SLICE_PARAMETERS.min_split_bits
# Rounds of power iteration by which the main direction of variation is found (bounds time; Lloyd's rounds correct the
# rest)
DIRECTION_ROUNDS = 20
LLOYD_ROUNDS = 12  # Rounds in which slices move to the nearer of two parts (parts settle earlier)
MAX_DEPTH = 4  # Splits above one another (16 operators in one cluster)
SPLIT_LANES = 8
"""Partial sums of an inner product."""


@part
def split_sets(fold: Fold, other: Fold, inside: Flags, least: int) -> Flags:
    """Parts of each set that were drawn from different work queues; the set itself where it is one.

    Args:
        fold: fold on which the sets were found and splits are chosen.
        inside: members of each set, shape (sets, slices).
        least: slices that each part needs.

    Returns:
        Members of each part, in the order of the sets.
    """
    pending = [(np.flatnonzero(inside[g]), 0) for g in range(len(inside) - 1, -1, -1)]
    scratch = blank_sums(fold, ONE_SET)
    done = [np.empty(0, np.int64)]
    while len(pending):
        members, depth = pending.pop()
        second = _second_part(fold, other, scratch, members, depth, least)
        if second.any():
            pending.append((members[second], depth + 1))
            pending.append((members[~second], depth + 1))
        else:
            done.append(members)
    parts = np.zeros((len(done) - 1, inside.shape[1]), np.bool_)
    for g in range(len(parts)):
        for s in done[g + 1]:
            parts[g, s] = True
    return parts


@part
def _second_part(fold: Fold, other: Fold, scratch: Sums, members: Ints, depth: int, least: int) -> Flags:
    """True for the members of the second of two work queues; nowhere where there is one."""
    nobody = np.zeros(len(members), np.bool_)
    if len(members) < 2 * least or depth >= MAX_DEPTH:
        return nobody
    second = _two_parts(fold, members)
    if min(count_true(second), len(second) - count_true(second)) < least:
        return nobody
    set_members(fold, scratch, ONLY_ROW, mark_slices(len(fold.size), members))
    rate = rates(scratch.phrase[0], scratch.total[0])
    apart = 0.0
    for chosen in (members[~second], members[second]):
        apart += add_up(_measure_mean_deviation(other, rate_of(fold, chosen), chosen))
    freedom = freedom_of(rate, scratch.total[0], scratch.together[0])
    gain = 0.5 * freedom * (add_up(_measure_mean_deviation(other, rate, members)) - apart) / LOG2
    return second if gain >= MIN_GAIN else nobody


@part
def _two_parts(fold: Fold, members: Ints) -> Flags:
    standard = _standardise_counts(fold, members)
    count, width = standard.shape
    direction = standard[0] + 1e-3
    for _ in range(DIRECTION_ROUNDS):
        turned = np.zeros(width)
        for i in range(count):
            row = standard[i]
            weight = _compute_inner_product(row, direction)
            for p in range(width):
                turned[p] += weight * row[p]
        direction = turned / (np.sqrt(_compute_inner_product(turned, turned)) + 1e-12)
    second = np.empty(count, np.bool_)
    for i in range(count):
        second[i] = _compute_inner_product(standard[i], direction) > 0.0
    for _ in range(LLOYD_ROUNDS):
        if second.all() or not second.any():
            break
        first_away = _measure_mean_deviation(fold, rate_of(fold, members[~second]), members)
        moved = _measure_mean_deviation(fold, rate_of(fold, members[second]), members) < first_away
        if (moved == second).all():
            break
        second = moved
    return second


@part
def _standardise_counts(fold: Fold, members: Ints) -> Floats:
    """Standardised deviation of each member's phrase counts from the rates of all, shape (members, phrases)."""
    rate = rate_of(fold, members)
    standard = np.empty((len(members), len(rate)))
    for i in range(len(members)):
        size = fold.size[members[i]]
        for p in range(len(rate)):
            expected = size * rate[p]
            off = fold.phrases[p, members[i]] - expected
            standard[i, p] = off / np.sqrt(expected * (1.0 - rate[p]) + MIN_VARIANCE)
    return standard


@part
def _compute_inner_product(left: Floats, right: Floats) -> float:
    """Inner product in one fixed order, in lanes so that it need not wait for each sum."""
    lanes = np.zeros(SPLIT_LANES)
    full = len(left) // SPLIT_LANES * SPLIT_LANES
    for first in range(0, full, SPLIT_LANES):
        for lane in range(SPLIT_LANES):
            lanes[lane] += left[first + lane] * right[first + lane]
    total = 0.0
    for lane in range(SPLIT_LANES):
        total += lanes[lane]
    for p in range(full, len(left)):
        total += left[p] * right[p]
    return total


@part
def rate_of(fold: Fold, chosen: Ints) -> Floats:
    """Rates of the phrases in the chosen slices."""
    phrase = np.zeros(len(fold.phrases), np.int64)
    total = 0
    for s in chosen:
        total += int(fold.size[s])
    for p in range(len(phrase)):
        row = fold.phrases[p]
        for s in chosen:
            phrase[p] += row[s]
    return rates(phrase, total)


@part
def _measure_mean_deviation(fold: Fold, rate: Floats, chosen: Ints) -> Floats:
    """Mean squared standardised deviation of the chosen slices from the rates."""
    away = np.zeros(len(chosen))
    size = fold.size[chosen]
    for p in range(len(rate)):
        row, chance, rest = fold.phrases[p], rate[p], 1.0 - rate[p]
        for i in range(len(away)):
            expected = size[i] * chance
            off = row[chosen[i]] - expected
            away[i] += off * off / (expected * rest + MIN_VARIANCE)
    return away / max(len(rate), 1)


@part
def join_sets(fold: Fold, other: Fold, sums: Sums) -> Sums:
    """Join sets that the other fold does not distinguish, the largest first.

    Args:
        fold: fold on which the sets were found.
        sums: sets without a common slice; rows that take others in change.
    """
    rows = len(sums.total)
    apart = np.zeros(rows)
    scratch = blank_sums(fold, ONE_SET)
    kept = list(range(0))
    for row in _largest_first(sums.inside):
        members = np.flatnonzero(sums.inside[row])
        apart[row] = add_up(_measure_mean_deviation(other, rates(sums.phrase[row], sums.total[row]), members))
        joined = False
        for larger in kept:
            _set_row_to_sum(sums, larger, row, scratch, ONLY_ROW)
            rate = rates(scratch.phrase[0], scratch.total[0])
            freedom = freedom_of(rate, scratch.total[0], scratch.together[0])
            together = add_up(_measure_mean_deviation(other, rate, np.flatnonzero(scratch.inside[0])))
            if 0.5 * freedom * (together - apart[larger] - apart[row]) / LOG2 < MIN_GAIN:
                _set_row_to_sum(sums, larger, row, sums, larger)
                apart[larger] = together
                joined = True
                break
        if not joined:
            kept.append(row)
    return take_sums(sums, np.array(kept, np.int64))


@part
def _largest_first(inside: Flags) -> Ints:
    """Sets by size, descending; the one with the earlier first member on ties."""
    rows = len(inside)
    size, first = np.empty(rows, np.int64), np.empty(rows, np.int64)
    order = np.empty(rows, np.int64)
    for row in range(rows):
        size[row], first[row] = count_true(inside[row]), inside[row].argmax()
        place = row
        while place > 0:
            before = order[place - 1]
            if (-size[before], first[before]) <= (-size[row], first[row]):
                break
            order[place] = before
            place -= 1
        order[place] = row
    return order


@part
def _set_row_to_sum(sums: Sums, left: int, right: int, out: Sums, row: int) -> None:
    """Make one row the sum of two, of which it may be one."""
    out.total[row] = sums.total[left] + sums.total[right]
    for s in range(sums.inside.shape[1]):
        out.inside[row, s] = sums.inside[left, s] | sums.inside[right, s]
    for t in range(sums.topic.shape[1]):
        out.topic[row, t] = sums.topic[left, t] + sums.topic[right, t]
    for p in range(sums.phrase.shape[1]):
        out.phrase[row, p] = sums.phrase[left, p] + sums.phrase[right, p]
        for q in range(sums.phrase.shape[1]):
            out.together[row, p, q] = sums.together[left, p, q] + sums.together[right, p, q]
