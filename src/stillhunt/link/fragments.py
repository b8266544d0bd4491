"""Fragments: a paraphrased template falls apart into the few phrases that happen to recur; its accounts join them.

A grammar worded anew for each request leaves in each account only some phrases often enough to be a habit, and others
in the next. Each makes a small content cluster that proves nothing. Two such clusters belong together if far more
accounts have requests in both than popularity explains (relative risk) and those are a good part of the accounts that
have either (Jaccard). Clusters in which a strong group was found are whole and stay as they are: two
operators on one pool share accounts too.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from stillhunt.link.arrays import Ints

MIN_TOGETHER = 5
"""Accounts that must have requests in both."""
MIN_LIFT = 4.0
"""Times likelier to use the one are the accounts that use the other than those that do not: a relative risk, which a
campaign of a third of all accounts does not lower as it would lower a lift over everybody."""
MIN_JACCARD = 0.13
"""Accounts in both among those in either; a framework that a few of them use as well stays out."""
MOST_ACCOUNTS = 0.5
"""Share of all accounts above which a cluster is everybody's language and joins nothing."""


def joined_labels(account: Ints, cluster: Ints, accounts: int, count: int, whole: Ints) -> Ints:
    """Label of each cluster: the smallest of the clusters that are fragments of one template with it.

    Args:
        account, cluster: distinct (account, cluster) uses.
        accounts: number of accounts.
        count: number of clusters.
        whole: labels of clusters that are no fragments.
    """
    label = np.arange(count)
    inside = ~np.isin(cluster, whole)
    if not inside.any():
        return label
    account, cluster = account[inside], cluster[inside]
    uses = sp.csr_matrix((np.ones(len(account), np.int64), (account, cluster)), shape=(accounts, count))
    together = sp.triu(uses.T @ uses, k=1).tocoo()
    left, right, both = together.row, together.col, together.data
    users = np.bincount(cluster, minlength=count)
    either = users[left] + users[right] - both
    known = users <= MOST_ACCOUNTS * accounts
    edge = (both >= MIN_TOGETHER) & known[left] & known[right] & (both >= MIN_JACCARD * either)
    for one, other in ((left, right), (right, left)):
        elsewhere = (users[other] - both) / np.maximum(accounts - users[one], 1)
        edge &= both / np.maximum(users[one], 1) >= MIN_LIFT * elsewhere
    graph = sp.coo_matrix((np.ones(int(edge.sum())), (left[edge], right[edge])), shape=(count,) * 2)
    part = connected_components(graph, directed=False)[1]
    first = np.full(int(part.max(initial=-1)) + 1, count)
    np.minimum.at(first, part, label)
    joined: Ints = first[part]
    return joined
