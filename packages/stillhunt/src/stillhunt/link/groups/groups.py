"""The search for groups: which slices of a content cluster were drawn from one work queue?

On one fold of the conversations, the slice with the most neighbours within chance seeds a group, slices join or leave
by their bits until nothing moves, and the rest is searched again. All groups of a cluster then compete for the slices.
The other fold judges: what formed a group earns no bits on the same fold. Then the folds change places.
"""

from dataclasses import dataclass

import numpy as np

from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.link.groups.parameters import MIN_SLICE_PROMPTS
from stillhunt.link.groups.search_kernels import Shown, in_order, search
from stillhunt.link.groups.slices import ClusterSlices
from stillhunt.link.requests.arrays import Floats, Ints


@dataclass(frozen=True)
class Group:
    """A group found on one fold of a content cluster."""

    cluster: int  # label of the content cluster
    formed_on: int  # fold on which it was found
    members: Ints  # positions in the cluster's slices
    # phrase, topic: bits of every slice of the cluster on the other fold, by view
    phrase: Floats
    topic: Floats
    freedom: float  # effective number of independent phrase choices

    @property
    def strength(self) -> float:
        """Held-out bits of the members that the other fold confirms, each view of a slice within its cap."""
        cap = SLICE_PARAMETERS.view_cap_bits
        phrase, topic = (np.clip(view[self.members], -cap, cap) for view in (self.phrase, self.topic))
        return float(np.maximum(phrase + topic, 0.0).sum())


def find_groups(slices: ClusterSlices, *, formed_on: int, least: int) -> list[Group]:
    """Groups of `least` or more slices drawn from one work queue, found on one fold and judged on the other."""
    if (slices.size[formed_on] >= MIN_SLICE_PROMPTS).sum() < least:
        return []
    inside, phrase, topic, freedom = search(
        _order_fold_slices(slices, formed_on), _order_fold_slices(slices, 1 - formed_on), least
    )[0]
    return [
        Group(slices.cluster, formed_on, np.flatnonzero(inside[g]), phrase[g], topic[g], float(freedom[g]))
        for g in range(len(inside))
    ]


def compile_search() -> None:
    """Compile the search without a log: it takes longer than all other kernels of this room together."""
    two, nothing = np.full((2, 2), MIN_SLICE_PROMPTS), (np.zeros(0, np.int64),) * 2  # fewer prompts are not searched
    slices = ClusterSlices(0, two[0], two, two[:, :, None], two[:, :, None], nothing, nothing, nothing)
    search(_order_fold_slices(slices, 0), _order_fold_slices(slices, 1), 3)


def _order_fold_slices(slices: ClusterSlices, fold: int) -> Shown:
    """What one fold shows, in the order that the search expects."""
    member, request, phrase = slices.member[fold], slices.request[fold], slices.phrase[fold]
    if not in_order(member, request, phrase):
        order = np.lexsort((phrase, request, member))
        member, request, phrase = member[order], request[order], phrase[order]
    return slices.size[fold], slices.phrases[fold], slices.topics[fold], (member, request, phrase)
