"""The search of `groups.py` on one fold of a content cluster, compiled as one call without Python in it."""

from collections.abc import Callable

import numba as nb
import numpy as np

from stillhunt.base.compiled import folder_key
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.link.groups.dispersion_kernels import (
    deviations,
    forming_bits,
    freedom_of,
    phrase_bits_of,
    profile_distances,
    rates,
    set_expected_deviations,
    topic_bits_of,
    topic_mean,
)
from stillhunt.link.groups.fold_kernels import (
    ONE_SET,
    ONLY_ROW,
    PREFERENCES,
    Flags,
    Floats,
    Fold,
    Ints,
    Occurrences,
    Sums,
    blank_sums,
    count_true,
    make_fold,
    mark_slices,
    part,
    set_members,
    take_sums,
)
from stillhunt.link.groups.parameters import GROUP_PARAMETERS as P
from stillhunt.link.groups.parameters import MIN_SLICE_PROMPTS
from stillhunt.link.groups.split_kernels import join_sets, split_sets

# Slices of a cluster among which seeds of groups are sought; the others only join (keeps the search linear in slices)
MAX_SEEDERS = 600
# standard deviations: distance beyond chance up to which two slices are neighbours (three standard deviations of the
# distance between slices of one work queue)
NEIGHBOUR_DEVIATIONS = 3.0
CHANCE = 1.0
"""Mean distance of two slices of one work queue, in standard units."""
# Rounds in which slices join and leave a set, or sets compete for slices (sets settle earlier; bounds time where they
# do not)
SETTLE_ROUNDS = 8
# rounds: times that sets are joined and then compete for slices (what the first competition moves may join once more)
COMPETE_ROUNDS = 2
MAX_GROUPS = 12  # Groups that are sought in one cluster on one fold (bounds time)
MIN_PROMPTS = MIN_SLICE_PROMPTS


@part
def separate(fold: Fold, usable: Flags, least: int) -> Flags:
    """Sets of slices that stand together, one after the other: the most neighbours seed the next.

    `usable`: slices that may be members. Returns members of each set, shape (sets, slices).
    """
    candidates = _choose_seeders(usable)
    scratch = blank_sums(fold, ONE_SET)
    near = _find_near_pairs(fold, scratch, candidates)
    left = np.ones(len(candidates), np.bool_)
    background = np.empty(len(near), np.int64)
    for i in range(len(near)):
        background[i] = count_true(near[i])
    free = usable.copy()
    sets = np.zeros((MAX_GROUPS, len(usable)), np.bool_)
    found = 0
    members = np.zeros(len(usable), np.bool_)
    while found < MAX_GROUPS:
        seed = (background * left).argmax()
        if background[seed] * left[seed] < least:
            break
        members[:] = False
        for i in range(len(candidates)):
            members[candidates[i]] = near[seed, i] and left[i]
        stands = _settle_members(fold, scratch, free, members, least)
        for i in range(len(candidates)):
            if left[i] and (i == seed or (stands and members[candidates[i]])):
                left[i] = False
                background -= near[i]
        if stands:
            for s in range(len(members)):
                sets[found, s] = members[s]
                free[s] &= not members[s]
            found += 1
    return sets[:found]


@part
def _choose_seeders(usable: Flags) -> Ints:
    candidates = np.flatnonzero(usable)
    if len(candidates) > MAX_SEEDERS:
        # Spread evenly over the accounts, whose ids are opaque: a sample that row order cannot move.
        candidates = candidates[np.linspace(0, len(candidates) - 1, MAX_SEEDERS).astype(np.int64)]
    return candidates


@part
def _find_near_pairs(fold: Fold, scratch: Sums, candidates: Ints) -> Flags:
    """True for pairs of candidates as near as slices drawn from one work queue."""
    set_members(fold, scratch, ONLY_ROW, mark_slices(len(fold.size), candidates))
    rate = rates(scratch.phrase[0], scratch.total[0])
    freedom = max(freedom_of(rate, scratch.total[0], scratch.together[0]), 1.0)
    near: Flags = profile_distances(fold, candidates) <= CHANCE + NEIGHBOUR_DEVIATIONS * np.sqrt(2.0 / freedom)
    return near


@part
def _settle_members(fold: Fold, scratch: Sums, free: Flags, members: Flags, least: int) -> bool:
    """Let slices join and leave until the set stands; False where it falls apart. Members change in place."""
    bits = np.empty(len(free))
    for _ in range(SETTLE_ROUNDS):
        set_members(fold, scratch, ONLY_ROW, members)
        forming_bits(fold, scratch, ONLY_ROW, free, bits)
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
def compete(fold: Fold, usable: Flags, sums: Sums, least: int) -> Sums:
    """Give each slice to the set that explains it best.

    Args:
        usable: slices that may be members.
        sums: sets; their rows change.
        least: slices a set needs; smaller ones are gone.
    """
    table = np.empty((len(sums.total), len(usable)))
    stale = np.ones(len(table), np.bool_)
    alive = list(range(len(table)))
    for _ in range(SETTLE_ROUNDS):
        if len(alive) == 0:
            break
        for row in alive:
            if stale[row]:
                forming_bits(fold, sums, row, usable, table[row])
                stale[row] = False
        owner = _best_sets(table, alive)
        kept = alive[:0]
        for row in alive:
            wanted = owner == row
            if count_true(wanted) >= least:
                kept.append(row)
                if (wanted != sums.inside[row]).any():
                    set_members(fold, sums, row, wanted)
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
def judge(fold: Fold, other: Fold, sums: Sums, row: int) -> tuple[Floats, Floats, float]:
    """Bits of every slice on the other fold, by phrases and by topics, and the set's effective number of choices."""
    count = len(fold.size)
    phrase, topic, expected = np.empty(count), np.empty(count), np.empty(count)
    rate = rates(sums.phrase[row], sums.total[row])
    freedom = freedom_of(rate, sums.total[row], sums.together[row])
    deviations(other, rate, phrase)
    set_expected_deviations(other, rate, expected)
    mean = topic_mean(sums.topic[row])
    scratch = np.empty((2, PREFERENCES))
    for s in range(count):
        phrase[s] = phrase_bits_of(other, s, freedom * expected[s], phrase[s] / expected[s])
        topic[s] = topic_bits_of(other, s, mean, scratch)
    return phrase, topic, freedom


Shown = tuple[Ints, Ints, Ints, Occurrences]
"""Prompts of each slice, with each phrase and on each topic, and the occurrences: one fold of a `ClusterSlices`."""
Judged = tuple[Flags, Floats, Floats, Floats]
"""Members, bits by phrases and bits by topics, each of shape (sets, slices), and the freedom of each set."""


def _make_search(key: int) -> Callable[[Shown, Shown, int], tuple[Judged, int]]:
    """Entry point of the search; `key` stands for all that is compiled into it."""

    @nb.njit(cache=True, nogil=True, error_model="numpy")
    def search(own: Shown, judged: Shown, least: int) -> tuple[Judged, int]:
        fold, other = make_fold(*own), make_fold(*judged)
        usable = fold.size >= MIN_PROMPTS
        parts = split_sets(fold, other, separate(fold, usable, least), least)
        sums = blank_sums(fold, len(parts))
        for row in range(len(parts)):
            set_members(fold, sums, row, parts[row])
        for _ in range(COMPETE_ROUNDS):
            sums = compete(fold, usable, join_sets(fold, other, sums), least)
        count = len(sums.total)
        phrase, topic = np.empty((count, len(usable))), np.empty((count, len(usable)))
        freedom = np.empty(count)
        for row in range(count):
            phrase[row], topic[row], freedom[row] = judge(fold, other, sums, row)
        return (sums.inside, phrase, topic, freedom), key

    return search


@nb.njit(cache=True, nogil=True)
def in_order(member: Ints, request: Ints, phrase: Ints) -> bool:
    """Are the occurrences in ascending order of slice, request and phrase?"""
    for i in range(1, len(member)):
        if (member[i - 1], request[i - 1], phrase[i - 1]) > (member[i], request[i], phrase[i]):
            return False
    return True


search = _make_search(folder_key(__file__, P, SLICE_PARAMETERS))
"""Sets found on one fold and judged on the other.

Takes what the two folds show and the slices that a set needs; gives the sets and the key of what was compiled.
"""
