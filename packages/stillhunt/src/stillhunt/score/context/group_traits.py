"""Traits of the log's content clusters, counted once, for every candidate to be compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from stillhunt.score import kernels
from stillhunt.score.stats.arrays import Flags, Floats, Ints

FLAG_BITS = 32
"""Conduct flags of a request, see `extract/text/conduct.py`."""


# Requests from which a content cluster is a group that others are compared with (a share of a smaller group is mostly
# noise)
_MIN_REQUESTS = 40


@dataclass(frozen=True)
class GroupTraits:
    """Traits of each content cluster that is large enough, each cluster counting once.

    Attributes:
        flagged: requests with each conduct flag, clusters x 32.
        answer: mean output tokens; nan where unknown.
        one_model: share of the requests that ask for the cluster's commonest model.
    """

    cluster: Ints
    requests: Ints
    flagged: Ints
    answer: Floats
    one_model: Floats
    _by_share: dict[int, tuple[Ints, Floats]] = field(default_factory=dict, repr=False, compare=False)

    def others(self, clusters: Ints) -> Flags:
        """True for the groups that are none of the given clusters."""
        at = np.searchsorted(self.cluster, clusters)
        there = at < len(self.cluster)
        there[there] = self.cluster[at[there]] == clusters[there]
        out = np.ones(len(self.cluster), bool)
        out[at[there]] = False
        return out

    def by_share(self, flags: int) -> tuple[Ints, Floats]:
        """Groups in order of the share of their requests that show any of some flags, and those shares."""
        if flags not in self._by_share:
            bits = [bit for bit in range(FLAG_BITS) if flags >> bit & 1]
            # A request may show two flags of one trait: the commoner one stands for both.
            share = self.flagged[:, bits].max(axis=1) / self.requests
            order = np.argsort(share, kind="stable")
            self._by_share[flags] = order, share[order]
        return self._by_share[flags]


def group_traits(rows: Ints, cluster: Ints, conduct: Ints, model: Ints, output_tokens: Ints) -> GroupTraits:
    """Traits of the content clusters.

    Args:
        rows: the requests that count, in order of their cluster.
        cluster: cluster of each request of the log, 0 or above in those rows.
        conduct: conduct flags of each request.
        model: model code of each request.
        output_tokens: tokens of each answer; -1 unknown.
    """
    of_row = cluster[rows]
    size = int(of_row.max(initial=-1)) + 1
    requests = np.bincount(of_row, minlength=size)
    kept = np.flatnonzero(requests >= _MIN_REQUESTS)
    tokens = output_tokens[rows]
    answered = np.bincount(of_row[tokens >= 0], minlength=size)
    total = np.bincount(of_row, weights=np.maximum(tokens, 0), minlength=size)
    most = kernels.commonest_in_runs(of_row, model[rows], int(model.max(initial=-1)) + 1, size)[1]
    return GroupTraits(
        cluster=kept,
        requests=requests[kept],
        flagged=kernels.flags_by_cluster(cluster, conduct, rows, size)[kept],
        answer=np.where(answered[kept] > 0, total[kept] / np.maximum(answered[kept], 1), np.nan),
        one_model=most[kept] / requests[kept],
    )
