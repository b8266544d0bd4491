"""The search for groups: which slices of a content cluster were dealt out by one operator?

On one half of the conversations: the slice with the most neighbours within chance seeds a group; slices join or leave
by their bits until nothing moves; the rest is searched again. All groups of a cluster then compete for the slices.
The other half judges: what formed a group earns no bits on the same half. Then the halves change places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.link.groups.kernels_search import Shown, in_order, search
from stillhunt.link.requests.arrays import Floats, Ints
from stillhunt.link.templates.slices import ClusterSlices

MEMBER_CAP = 12.0
"""Most bits one view of one slice may add to the strength of its group."""
LEAST_PROMPTS = 2
"""Distinct prompts on the searched half from which a slice can be a member."""


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
    if (slices.size[formed_on] >= LEAST_PROMPTS).sum() < least:
        return []
    inside, phrase, topic, freedom = search(
        _half(slices, formed_on), _half(slices, 1 - formed_on), least, LEAST_PROMPTS
    )[0]
    return [
        Group(slices.cluster, formed_on, np.flatnonzero(inside[g]), phrase[g], topic[g], float(freedom[g]))
        for g in range(len(inside))
    ]


def _half(slices: ClusterSlices, side: int) -> Shown:
    member, request, phrase = slices.member[side], slices.request[side], slices.phrase[side]
    if not in_order(member, request, phrase):
        order = np.lexsort((phrase, request, member))
        member, request, phrase = member[order], request[order], phrase[order]
    return slices.size[side], slices.phrases[side], slices.topics[side], (member, request, phrase)
