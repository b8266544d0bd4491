"""Groups of every content cluster, on both folds; fragments of one template are joined where that finds more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.progress import Progress
from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.groups.slices import ClusterSlices, cluster_slices
from stillhunt.link.requests.arrays import Floats, Ints
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.templates.merge_fragments import joined_labels
from stillhunt.link.templates.parameters import FRAGMENTS

Found = list[tuple[ClusterSlices, Group]]
"""Groups with the slices of their cluster, in order of cluster and fold."""

_IN_FLIGHT = 8
"""Clusters whose slices are held at a time; bounds memory."""


@dataclass(frozen=True)
class TemplateSearch:
    """What the search for groups needs.

    Attributes:
        rows: the requests with cluster, known phrases and topic.
    """

    clusters: Clusters
    rows: Dataset
    accounts: int
    config: Config
    progress: Progress

    def groups(self, label_of: Ints, step: str) -> Found:
        """Groups under the labels of content clusters.

        Args:
            label_of: label of each content cluster; -1 where it is not searched.
            step: name of this step on the progress bar.
        """
        least = self.config.resolve.min_accounts
        slices = cluster_slices(
            self.rows,
            self.clusters,
            label_of,
            self.accounts,
            least_accounts=least,
            least=self.config.link.min_slice_requests,
        )

        def search(one: ClusterSlices, fold: int) -> Found:
            return [(one.without_counts(), group) for group in find_groups(one, formed_on=fold, least=least)]

        with self.progress.stage(step, None, "clusters") as advance:
            return _in_threads(search, slices, self.config.threads, advance)


def find_template_groups(search: TemplateSearch) -> tuple[Found, Ints]:
    """Groups of every content cluster, and the label of each content cluster.

    Clusters that look like fragments of one template are searched again under one label. They keep that label if it
    holds a stronger group than each of them alone.
    """
    clusters, own = search.clusters, np.arange(search.clusters.count)
    found = search.groups(own, "finding groups")
    strongest = _strongest(found, clusters.count)
    complete = np.flatnonzero(strongest >= FRAGMENTS.complete_bits)
    joined = joined_labels(clusters.account, clusters.cluster, search.accounts, clusters.count, complete)
    changed = np.isin(joined, np.unique(joined[joined != own]))
    if not changed.any():
        return found, own
    again = search.groups(np.where(changed, joined, -1), "joining fragments")
    apart = np.zeros(clusters.count)
    np.maximum.at(apart, joined, strongest)
    better = np.flatnonzero(_strongest(again, clusters.count) > apart)
    moved = np.isin(joined, better)
    found = [pair for pair in found if not moved[pair[1].cluster]]
    found += [pair for pair in again if np.isin(pair[1].cluster, better)]
    found.sort(key=lambda pair: (pair[1].cluster, pair[1].formed_on))
    return found, np.where(moved, joined, own)


def _strongest(found: Found, count: int) -> Floats:
    """Strength of the strongest group under each label; 0 where there is none."""
    strongest = np.zeros(count)
    for _, group in found:
        strongest[group.cluster] = max(strongest[group.cluster], group.strength)
    return strongest


def _in_threads(
    search: Callable[[ClusterSlices, int], Found],
    slices: Iterable[ClusterSlices],
    threads: int,
    advance: Callable[[int], None],
) -> Found:
    """Results of both folds in the order of the slices.

    The folds are searched side by side: where one cluster is most of a log, its two searches are most of the work.
    """
    found: Found = []
    with ThreadPoolExecutor(threads or 2, "stillhunt-groups") as pool:
        pending: deque[tuple[Future[Found], Future[Found]]] = deque()

        def collect(most: int) -> None:
            while len(pending) > most:
                for fold in pending.popleft():
                    found.extend(fold.result())
                advance(1)

        for one in slices:
            pending.append((pool.submit(search, one, 0), pool.submit(search, one, 1)))
            del one  # the next may be large
            collect(_IN_FLIGHT)
        collect(0)
    return found
