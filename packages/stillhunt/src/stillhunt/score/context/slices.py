"""Slices of the whole log, counted once: which account has how many requests in which content cluster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stillhunt.base.arrays import CODE_RANGE
from stillhunt.score import kernels
from stillhunt.score.stats.arrays import Flags, Ints, ranges


@dataclass(frozen=True)
class SliceTable:
    """One entry a slice, in order of cluster, then of account.

    Attributes:
        order: requests that are in a cluster, in the slices' order, then as they stand.
        start: position in `order` of the first request of each slice, and the length of `order` last.
        first: first slice of each cluster, and the number of slices last.
    """

    order: Ints
    account: Ints
    start: Ints
    first: Ints

    @property
    def requests(self) -> Ints:
        """Requests of each slice."""
        return np.diff(self.start)

    @property
    def cluster(self) -> Ints:
        """Content cluster of each slice."""
        return np.repeat(np.arange(len(self.first) - 1, dtype=np.int32), np.diff(self.first))

    def of_clusters(self, clusters: Ints) -> Ints:
        """Slices of some clusters, ascending."""
        known = clusters[(clusters >= 0) & (clusters < len(self.first) - 1)]
        return ranges(self.first[known], self.first[known + 1])

    @cached_property
    def key(self) -> Ints:
        """Cluster and account of each slice in one number, ascending."""
        return self.cluster.astype(np.int64) * CODE_RANGE + self.account

    def find(self, cluster: Ints, account: Ints) -> Ints:
        """Number of each slice; -1 where the log has none."""
        wanted = cluster.astype(np.int64) * CODE_RANGE + account
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        if not len(self.key):
            return np.full(len(wanted), -1, np.int64)
        found: Ints = np.where(self.key[at] == wanted, at, -1)
        return found

    def count(self, chosen: Flags) -> Ints:
        """Requests of each slice that are chosen.

        Args:
            chosen: one entry a request of the log.
        """
        before = np.zeros(len(self.order) + 1, np.int32)
        np.cumsum(chosen[self.order], out=before[1:])
        return np.diff(before[self.start])


def slice_table(account: Ints, cluster: Ints) -> SliceTable:
    """Slices of a log.

    Args:
        account: account of each request, ascending.
        cluster: cluster of each request; below 0 none.
    """
    order, first_row = kernels.rows_by_cluster(cluster, int(cluster.max(initial=-1)) + 1)
    owner = account[order]
    begins = np.ones(len(order), bool)
    begins[1:] = owner[1:] != owner[:-1]
    begins[first_row[:-1][first_row[:-1] < len(order)]] = True
    start = np.append(np.flatnonzero(begins), len(order))
    return SliceTable(order, owner[start[:-1]], start, np.searchsorted(start[:-1], first_row))
