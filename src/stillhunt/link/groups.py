"""The search for groups: which slices of a content cluster were dealt out by one operator?

On one half of the conversations: the slice with the most neighbours within chance seeds a group; slices join or leave
by their bits until nothing moves; the rest is searched again. All groups of a cluster then compete for the slices.
The other half judges: what formed a group earns no bits on the same half. Then the halves change places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.link.alike import effective_choices, phrase_bits, profile_distances, topic_bits
from stillhunt.link.arrays import Flags, Floats, Ints
from stillhunt.link.slices import ClusterSlices
from stillhunt.link.split import join_groups, split_group

SEEDERS = 600
"""Slices of a cluster among which seeds are sought (the rest only joins); keeps the search linear in slices."""
CHANCE = 1.0
DEVIATIONS = 3.0
"""A neighbour lies within chance plus so many standard deviations of the distance between dealt slices."""
ROUNDS = 8
MOST_GROUPS = 12
MEMBER_CAP = 12.0
"""Most bits one view of one slice may add to the strength of its group."""
VIEW_CAP = 24.0
"""Most bits one view may give or take while groups form."""


@dataclass(frozen=True)
class Group:
    """A group found on one half of a content cluster.

    Attributes:
        cluster: label of the content cluster.
        formed_on: half on which it was found.
        members: positions in the cluster's slices.
        phrase, topic: bits of every slice of the cluster on the other half, by view.
        freedom: effective number of phrase choices.
    """

    cluster: int
    formed_on: int
    members: Ints
    phrase: Floats
    topic: Floats
    freedom: float

    @property
    def strength(self) -> float:
        """Held-out bits of the members together, either view of a slice within its cap."""
        phrase = np.clip(self.phrase[self.members], -MEMBER_CAP, MEMBER_CAP)
        topic = np.clip(self.topic[self.members], -MEMBER_CAP, MEMBER_CAP)
        return float((phrase + topic).sum())


def find_groups(slices: ClusterSlices, *, formed_on: int, least: int) -> list[Group]:
    """Groups of slices dealt from one plan, found on one half and judged on the other.

    Args:
        slices: slices of one content cluster.
        formed_on: half to search.
        least: slices a group needs.
    """
    usable = slices.size[formed_on] >= 2
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


def _separate(slices: ClusterSlices, side: int, usable: Flags, least: int) -> list[Ints]:
    candidates = np.flatnonzero(usable)
    if len(candidates) > SEEDERS:
        # Spread evenly over the accounts, whose ids are opaque: a sample that row order cannot move.
        candidates = candidates[np.linspace(0, len(candidates) - 1, SEEDERS).astype(np.int64)]
    counts, size = slices.phrases[side][candidates], slices.size[side][candidates]
    rate = (counts.sum(axis=0) + 0.5) / (size.sum() + 1.0)
    freedom = max(effective_choices(slices, side, candidates, rate), 1.0)
    near = profile_distances(counts, size) <= CHANCE + DEVIATIONS * np.sqrt(2.0 / freedom)
    left = np.ones(len(candidates), bool)
    free = usable.copy()
    sets: list[Ints] = []
    while len(sets) < MOST_GROUPS:
        neighbours = (near & left).sum(axis=1) * left
        seed = int(neighbours.argmax())
        if neighbours[seed] < least:
            break
        members = _settle(slices, side, free, candidates[near[seed] & left], least)
        taken = np.isin(candidates, members)
        taken[seed] = True
        left &= ~taken
        if len(members) >= least:
            sets.append(members)
            free[members] = False
    return sets


def _settle(slices: ClusterSlices, side: int, free: Flags, members: Ints, least: int) -> Ints:
    """Let slices join and leave until the group stands; empty where it falls apart."""
    for _ in range(ROUNDS):
        joined = np.flatnonzero((_bits(slices, side, members) > 0) & free)
        if len(joined) < least:
            return joined[:0]
        if np.array_equal(joined, members):
            break
        members = joined
    return members


def _compete(slices: ClusterSlices, side: int, usable: Flags, sets: list[Ints], least: int) -> list[Ints]:
    """Give each slice to the group that explains it best."""
    for _ in range(ROUNDS):
        if not sets:
            return sets
        table = np.stack([_bits(slices, side, members) for members in sets])
        best = table.argmax(axis=0)
        fits = usable & (table.max(axis=0) > 0)
        moved = [np.flatnonzero(fits & (best == g)) for g in range(len(sets))]
        moved = [members for members in moved if len(members) >= least]
        if len(moved) == len(sets) and all(np.array_equal(a, b) for a, b in zip(moved, sets, strict=True)):
            break
        sets = moved
    return sets


def _bits(slices: ClusterSlices, side: int, members: Ints) -> Floats:
    phrase, _ = phrase_bits(slices, side, members, side, forming=True)
    topic = topic_bits(slices, side, members, side)
    total: Floats = np.clip(phrase, -VIEW_CAP, VIEW_CAP) + np.clip(topic, -VIEW_CAP, VIEW_CAP)
    return total
