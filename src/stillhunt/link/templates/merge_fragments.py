"""Fragments: a paraphrased template falls apart into the few phrases that happen to recur; its accounts join them.

A grammar worded anew for each request leaves in each account only some phrases often enough to be a habit, and others
in the next. Each makes a small content cluster that proves nothing. Two such clusters belong together if far more
accounts have requests in both than popularity explains (relative risk) and those are a good part of the accounts that
have either (Jaccard). Clusters in which a strong group was found are whole and stay as they are: two
operators on one pool share accounts too.
"""

from __future__ import annotations

import numpy as np

from stillhunt.link.requests.arrays import Ints
from stillhunt.link.templates.kernels_fragments import label_joined, rarest_uses

MOST_ACCOUNTS = 0.5
"""Share of all accounts above which a cluster is everybody's language and joins nothing."""
MOST_CLUSTERS = 256
"""Clusters of one account that are compared, those with the fewest users; bounds the work that a reseller causes."""


def joined_labels(account: Ints, cluster: Ints, accounts: int, count: int, whole: Ints) -> Ints:
    """Label under which each cluster goes: the smallest of the fragments of its template.

    Args:
        account: of each distinct pair of an account and a cluster in which it has a fresh request, in any order.
        cluster: of the same pair.
        accounts: number of accounts.
        count: number of clusters.
        whole: labels of clusters that are no fragments.
    """
    users = np.bincount(cluster, minlength=count)
    fragment = users <= MOST_ACCOUNTS * accounts
    fragment[whole] = False
    account, cluster = account[fragment[cluster]], cluster[fragment[cluster]]
    start, cluster, account = _by(account, cluster, accounts)
    kept = rarest_uses(start, cluster, users, MOST_CLUSTERS)
    start, cluster, account = _by(account[kept], cluster[kept], accounts)
    cluster_start, users_of, _ = _by(cluster, account, count)
    return label_joined((start, cluster), (cluster_start, users_of))


def _by(key: Ints, value: Ints, keys: int) -> tuple[Ints, Ints, Ints]:
    """Where the entries of each key start, the values and the keys, in that order."""
    order = np.argsort(key, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=keys))])
    return start, value[order], key[order]
