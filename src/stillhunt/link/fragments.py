"""Fragments: a paraphrased template falls apart into the few phrases that happen to recur; its accounts join them.

A grammar worded anew for each request leaves in each account only some phrases often enough to be a habit, and others
in the next. Each makes a small content cluster that proves nothing. Two such clusters belong together if far more
accounts have requests in both than popularity explains (relative risk) and those are a good part of the accounts that
have either (Jaccard). Clusters in which a strong group was found are whole and stay as they are: two
operators on one pool share accounts too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from stillhunt.link.clusters import Clusters
from stillhunt.link.coding import Coded, Ints

MIN_TOGETHER = 5
"""Accounts that must have requests in both."""
MIN_LIFT = 4.0
"""Times likelier to use the one are the accounts that use the other than those that do not: a relative risk, which a
campaign of a third of all accounts does not lower as it would lower a lift over everybody."""
MIN_JACCARD = 0.13
"""Accounts in both among those in either; a framework that a few of them use as well stays out."""
MOST_ACCOUNTS = 0.5
"""Share of all accounts above which a cluster is everybody's language and joins nothing."""


def join_fragments(coded: Coded, clusters: Clusters, whole: Ints) -> Clusters:
    """The clusters with fragments of one template joined under the smallest of their labels.

    Args:
        coded: requests in canonical order.
        clusters: content clusters.
        whole: labels of clusters that are no fragments.
    """
    label = np.arange(clusters.count)
    inside = (clusters.of_request >= 0) & coded.fresh & ~np.isin(clusters.of_request, whole)
    if not inside.any():
        return clusters
    used = np.unique(np.stack([coded.account[inside], clusters.of_request[inside]]), axis=1)
    shape = (len(coded.account_ids), clusters.count)
    uses = sp.csr_matrix((np.ones(used.shape[1], np.int64), (used[0], used[1])), shape=shape)
    together = sp.triu(uses.T @ uses, k=1).tocoo()
    left, right, both = together.row, together.col, together.data
    users = np.bincount(used[1], minlength=clusters.count)
    either = users[left] + users[right] - both
    known = users <= MOST_ACCOUNTS * len(coded.account_ids)
    edge = (both >= MIN_TOGETHER) & known[left] & known[right] & (both >= MIN_JACCARD * either)
    accounts = len(coded.account_ids)
    for one, other in ((left, right), (right, left)):
        elsewhere = (users[other] - both) / np.maximum(accounts - users[one], 1)
        edge &= both / users[one] >= MIN_LIFT * elsewhere
    graph = sp.coo_matrix((np.ones(int(edge.sum())), (left[edge], right[edge])), shape=(clusters.count,) * 2)
    part = connected_components(graph, directed=False)[1]
    first = np.full(int(part.max(initial=-1)) + 1, clusters.count)
    np.minimum.at(first, part, label)
    joined = first[part]
    of_request = np.where(clusters.of_request >= 0, joined[clusters.of_request], -1)
    return replace(clusters, of_request=of_request)
