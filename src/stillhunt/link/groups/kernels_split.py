"""One plan or two? Operators that share a phrase grammar deal out different mixtures of it.

A group is split along its main direction of variation (power iteration on standardised phrase rates, then Lloyd's
rounds) if, and only if, the half that did not choose the split agrees: the squared deviations on the other half must
fall by more bits than a chance split could gain, which is below zero on held-out data.
"""

from __future__ import annotations

import numpy as np

from stillhunt.link.groups.dispersion_kernels import LEAST_VARIANCE, LOG2, freedom_of, rates
from stillhunt.link.groups.kernels_folds import (
    Flags,
    Floats,
    Half,
    Ints,
    Sums,
    blank_sums,
    part,
    set_members,
    take_sums,
)

GAIN_BITS = 20.0
"""Bits that a split must gain on the half that did not choose it. Two labs of one grammar gained 56 on a sample world,
parts of one plan lost 6."""
DIRECTION_ROUNDS = 20
LLOYD_ROUNDS = 12
DEEPEST = 4
LANES = 8


@part
def split_sets(half: Half, other: Half, inside: Flags, least: int) -> Flags:
    """Parts of each set that were dealt from different plans; the set itself where it is one.

    Args:
        half: half on which the sets were found and splits are chosen.
        other: half that must agree.
        inside: members of each set, shape (sets, slices).
        least: slices that each part needs.

    Returns:
        Members of each part, in the order of the sets.
    """
    pending = [(np.flatnonzero(inside[g]), 0) for g in range(len(inside) - 1, -1, -1)]
    scratch = blank_sums(half, 1)
    done = [np.empty(0, np.int64)]
    while len(pending):
        members, depth = pending.pop()
        second = _second_part(half, other, scratch, members, depth, least)
        if second.any():
            pending.append((members[second], depth + 1))
            pending.append((members[~second], depth + 1))
        else:
            done.append(members)
    parts = np.zeros((len(done) - 1, inside.shape[1]), np.bool_)
    for g in range(len(parts)):
        parts[g][done[g + 1]] = True
    return parts


@part
def _second_part(half: Half, other: Half, scratch: Sums, members: Ints, depth: int, least: int) -> Flags:
    """True for the members of the second of two plans; nowhere where there is one."""
    nobody = np.zeros(len(members), np.bool_)
    if len(members) < 2 * least or depth >= DEEPEST:
        return nobody
    second = _two_parts(half, members)
    if min(second.sum(), (~second).sum()) < least:
        return nobody
    wanted = np.zeros(len(half.size), np.bool_)
    wanted[members] = True
    set_members(half, scratch, 0, wanted)
    rate = rates(scratch.phrase[0], scratch.total[0])
    apart = 0.0
    for chosen in (members[~second], members[second]):
        apart += _away(other, rate_of(half, chosen), chosen).sum()
    freedom = freedom_of(rate, scratch.total[0], scratch.together[0])
    gain = 0.5 * freedom * (_away(other, rate, members).sum() - apart) / LOG2
    return second if gain >= GAIN_BITS else nobody


@part
def _two_parts(half: Half, members: Ints) -> Flags:
    standard = _standardised(half, members)
    count, width = standard.shape
    direction = standard[0] + 1e-3
    for _ in range(DIRECTION_ROUNDS):
        turned = np.zeros(width)
        for i in range(count):
            row = standard[i]
            weight = _dot(row, direction)
            for p in range(width):
                turned[p] += weight * row[p]
        direction = turned / (np.sqrt(_dot(turned, turned)) + 1e-12)
    second = np.empty(count, np.bool_)
    for i in range(count):
        second[i] = _dot(standard[i], direction) > 0.0
    for _ in range(LLOYD_ROUNDS):
        if second.all() or not second.any():
            break
        first_away = _away(half, rate_of(half, members[~second]), members)
        moved = _away(half, rate_of(half, members[second]), members) < first_away
        if (moved == second).all():
            break
        second = moved
    return second


@part
def _standardised(half: Half, members: Ints) -> Floats:
    """Standardised deviation of each member's phrase counts from the rates of all, shape (members, phrases)."""
    rate = rate_of(half, members)
    standard = np.empty((len(members), len(rate)))
    for i in range(len(members)):
        size = half.size[members[i]]
        for p in range(len(rate)):
            expected = size * rate[p]
            off = half.phrases[p, members[i]] - expected
            standard[i, p] = off / np.sqrt(expected * (1.0 - rate[p]) + LEAST_VARIANCE)
    return standard


@part
def _dot(left: Floats, right: Floats) -> float:
    """Inner product in one fixed order, in lanes so that it need not wait for each sum."""
    lanes = np.zeros(LANES)
    whole = len(left) // LANES * LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += left[first + lane] * right[first + lane]
    total = 0.0
    for lane in range(LANES):
        total += lanes[lane]
    for p in range(whole, len(left)):
        total += left[p] * right[p]
    return total


@part
def rate_of(half: Half, chosen: Ints) -> Floats:
    """Rates of the phrases in the chosen slices."""
    phrase = np.zeros(len(half.phrases), np.int64)
    total = 0
    for s in chosen:
        total += int(half.size[s])
    for p in range(len(phrase)):
        row = half.phrases[p]
        for s in chosen:
            phrase[p] += row[s]
    return rates(phrase, total)


@part
def _away(half: Half, rate: Floats, chosen: Ints) -> Floats:
    """Mean squared standardised deviation of the chosen slices from the rates."""
    away = np.zeros(len(chosen))
    size = half.size[chosen]
    for p in range(len(rate)):
        row, chance, rest = half.phrases[p], rate[p], 1.0 - rate[p]
        for i in range(len(away)):
            expected = size[i] * chance
            off = row[chosen[i]] - expected
            away[i] += off * off / (expected * rest + LEAST_VARIANCE)
    return away / max(len(rate), 1)


@part
def join_sets(half: Half, other: Half, sums: Sums) -> Sums:
    """Join sets that the other half cannot tell apart, the largest first.

    Args:
        half: half on which the sets were found.
        other: half that judges.
        sums: sets without a common slice; rows that take others in change.
    """
    rows = len(sums.total)
    apart = np.zeros(rows)
    scratch = blank_sums(half, 1)
    kept = list(range(0))
    for row in _largest_first(sums.inside):
        members = np.flatnonzero(sums.inside[row])
        apart[row] = _away(other, rates(sums.phrase[row], sums.total[row]), members).sum()
        joined = False
        for larger in kept:
            _add_rows(sums, larger, row, scratch)
            rate = rates(scratch.phrase[0], scratch.total[0])
            freedom = freedom_of(rate, scratch.total[0], scratch.together[0])
            together = _away(other, rate, np.flatnonzero(scratch.inside[0])).sum()
            if 0.5 * freedom * (together - apart[larger] - apart[row]) / LOG2 < GAIN_BITS:
                _put_row(scratch, sums, larger)
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
        size[row], first[row] = inside[row].sum(), inside[row].argmax()
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
def _add_rows(sums: Sums, left: int, right: int, out: Sums) -> None:
    out.inside[0] = sums.inside[left] | sums.inside[right]
    out.total[0] = sums.total[left] + sums.total[right]
    out.phrase[0] = sums.phrase[left] + sums.phrase[right]
    out.topic[0] = sums.topic[left] + sums.topic[right]
    out.together[0] = sums.together[left] + sums.together[right]


@part
def _put_row(source: Sums, sums: Sums, row: int) -> None:
    sums.inside[row] = source.inside[0]
    sums.total[row] = source.total[0]
    sums.phrase[row] = source.phrase[0]
    sums.topic[row] = source.topic[0]
    sums.together[row] = source.together[0]
