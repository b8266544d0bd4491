"""The search of `groups` on one half of a content cluster, as one call without Python in it; see there for the why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numba as nb
import numpy as np

from stillhunt.link.groups.dispersion_kernels import (
    deviations,
    forming_bits,
    freedom_of,
    phrase_bits_of,
    profile_distances,
    rates,
    set_told,
    topic_bits_of,
    topic_mean,
)
from stillhunt.link.groups.kernels_folds import (
    TASTES,
    Flags,
    Floats,
    Half,
    Ints,
    Occurrences,
    Sums,
    blank_sums,
    make_half,
    part,
    set_members,
    take_sums,
)
from stillhunt.link.groups.kernels_split import join_sets, split_sets

SEEDERS = 600
"""Slices of a cluster among which seeds are sought (the rest only joins); keeps the search linear in slices."""
CHANCE = 1.0
DEVIATIONS = 3.0
"""A neighbour lies within chance plus so many standard deviations of the distance between dealt slices."""
ROUNDS = 8
MOST_GROUPS = 12


@part
def separate(half: Half, usable: Flags, least: int) -> Flags:
    """Sets of slices that stand together, one after the other: the most neighbours seed the next.

    Args:
        half: half to search.
        usable: slices that may be members.
        least: slices a set needs.

    Returns:
        Members of each set, shape (sets, slices).
    """
    candidates = _candidates(usable)
    scratch = blank_sums(half, 1)
    near = _neighbours(half, scratch, candidates)
    left = np.ones(len(candidates), np.bool_)
    crowd = near.sum(axis=1)
    free = usable.copy()
    sets = np.zeros((MOST_GROUPS, len(usable)), np.bool_)
    found = 0
    members = np.zeros(len(usable), np.bool_)
    while found < MOST_GROUPS:
        seed = (crowd * left).argmax()
        if crowd[seed] * left[seed] < least:
            break
        members[:] = False
        members[candidates[near[seed] & left]] = True
        stands = _settle(half, scratch, free, members, least)
        for i in range(len(candidates)):
            if left[i] and (i == seed or (stands and members[candidates[i]])):
                left[i] = False
                crowd -= near[i]
        if stands:
            sets[found] = members
            found += 1
            free &= ~members
    return sets[:found]


@part
def _candidates(usable: Flags) -> Ints:
    candidates = np.flatnonzero(usable)
    if len(candidates) > SEEDERS:
        # Spread evenly over the accounts, whose ids are opaque: a sample that row order cannot move.
        candidates = candidates[np.linspace(0, len(candidates) - 1, SEEDERS).astype(np.int64)]
    return candidates


@part
def _neighbours(half: Half, scratch: Sums, candidates: Ints) -> Flags:
    """True for pairs of candidates as near as slices dealt from one plan."""
    wanted = np.zeros(len(half.size), np.bool_)
    wanted[candidates] = True
    set_members(half, scratch, 0, wanted)
    rate = rates(scratch.phrase[0], scratch.total[0])
    freedom = max(freedom_of(rate, scratch.total[0], scratch.together[0]), 1.0)
    near: Flags = profile_distances(half, candidates) <= CHANCE + DEVIATIONS * np.sqrt(2.0 / freedom)
    return near


@part
def _settle(half: Half, scratch: Sums, free: Flags, members: Flags, least: int) -> bool:
    """Let slices join and leave until the set stands; False where it falls apart. Members change in place."""
    bits = np.empty(len(free))
    for _ in range(ROUNDS):
        set_members(half, scratch, 0, members)
        forming_bits(half, scratch, 0, free, bits)
        joined = 0
        moved = False
        for s in range(len(free)):
            joins = bits[s] > 0.0
            joined += joins
            moved |= joins != members[s]
            members[s] = joins
        if joined < least:
            return False
        if not moved:
            break
    return True


@part
def compete(half: Half, usable: Flags, sums: Sums, least: int) -> Sums:
    """Give each slice to the set that explains it best.

    Args:
        half: half that forms sets.
        usable: slices that may be members.
        sums: sets; their rows change.
        least: slices a set needs; smaller ones are gone.
    """
    table = np.empty((len(sums.total), len(usable)))
    stale = np.ones(len(table), np.bool_)
    alive = list(range(len(table)))
    for _ in range(ROUNDS):
        if len(alive) == 0:
            break
        for row in alive:
            if stale[row]:
                forming_bits(half, sums, row, usable, table[row])
                stale[row] = False
        owner = _best_sets(table, alive)
        kept = alive[:0]
        for row in alive:
            wanted = owner == row
            if wanted.sum() >= least:
                kept.append(row)
                if (wanted != sums.inside[row]).any():
                    set_members(half, sums, row, wanted)
                    stale[row] = True
        settled = len(kept) == len(alive) and not stale.any()
        alive = kept
        if settled:
            break
    return take_sums(sums, np.array(alive, np.int64))


@part
def _best_sets(table: Floats, alive: list[int]) -> Ints:
    """Row of the set with the most bits for each slice, the first on ties; -1 where none has any."""
    count = table.shape[1]
    owner = np.full(count, -1)
    most = np.zeros(count)
    for row in alive:
        for s in range(count):
            if table[row, s] > most[s]:
                most[s] = table[row, s]
                owner[s] = row
    return owner


@part
def judge(half: Half, other: Half, sums: Sums, row: int) -> tuple[Floats, Floats, float]:
    """Bits of every slice on the other half, by phrases and by topics, and the set's effective number of choices."""
    count = len(half.size)
    phrase, topic, told = np.empty(count), np.empty(count), np.empty(count)
    rate = rates(sums.phrase[row], sums.total[row])
    freedom = freedom_of(rate, sums.total[row], sums.together[row])
    deviations(other, rate, phrase)
    set_told(other, rate, told)
    mean = topic_mean(sums.topic[row])
    scratch = np.empty((2, TASTES))
    for s in range(count):
        phrase[s] = phrase_bits_of(other, s, freedom * told[s], phrase[s] / told[s])
        topic[s] = topic_bits_of(other, s, mean, scratch)
    return phrase, topic, freedom


Shown = tuple[Ints, Ints, Ints, Occurrences]
"""Prompts of each slice, with each phrase and on each topic, and the occurrences: one half of a `ClusterSlices`."""
Judged = tuple[Flags, Floats, Floats, Floats]
"""Members, bits by phrases and bits by topics, each of shape (sets, slices), and the freedom of each set."""


def _digest() -> int:
    """Digest of the pieces' sources: numba's disk cache looks at the door's own file only, this at all of them."""
    digest = hashlib.sha256()
    for name in ("kernels_folds.py", "dispersion_kernels.py", "kernels_split.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return int.from_bytes(digest.digest()[:7], "little")


def _make_search(digest: int) -> Callable[[Shown, Shown, int, int], tuple[Judged, int]]:
    """Door to the search; the digest is part of its key in numba's disk cache."""

    @nb.njit(cache=True, nogil=True, error_model="numpy")
    def search(own: Shown, judged: Shown, least: int, least_size: int) -> tuple[Judged, int]:
        half, other = make_half(*own), make_half(*judged)
        usable = half.size >= least_size
        parts = split_sets(half, other, separate(half, usable, least), least)
        sums = blank_sums(half, len(parts))
        for row in range(len(parts)):
            set_members(half, sums, row, parts[row])
        for _ in range(2):
            sums = compete(half, usable, join_sets(half, other, sums), least)
        count = len(sums.total)
        phrase, topic = np.empty((count, len(usable))), np.empty((count, len(usable)))
        freedom = np.empty(count)
        for row in range(count):
            phrase[row], topic[row], freedom[row] = judge(half, other, sums, row)
        return (sums.inside, phrase, topic, freedom), digest

    return search


@nb.njit(cache=True, nogil=True)
def in_order(member: Ints, request: Ints, phrase: Ints) -> bool:
    """Are the occurrences in ascending order of slice, request and phrase?"""
    for i in range(1, len(member)):
        if (member[i - 1], request[i - 1], phrase[i - 1]) > (member[i], request[i], phrase[i]):
            return False
    return True


search = _make_search(_digest())
"""Sets found on one half and judged on the other; takes the slices a set and the prompts a usable slice need at least.

The second thing it gives is the digest of its sources.
"""
