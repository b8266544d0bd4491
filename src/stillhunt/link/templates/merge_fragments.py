"""Fragments of one paraphrased template, joined through the accounts that use them.

A template that is worded anew for each request leaves in each account only some phrases that recur often enough, and
others in the next account. Each makes a small content cluster that proves nothing. Two such clusters belong together if
far more accounts have requests in both than popularity explains (relative risk), and these accounts are a good part of
the accounts with requests in either (Jaccard index). A cluster in which a strong group was found is a complete template
and stays as it is: two operators that share a pool of accounts share accounts, too.
"""

from __future__ import annotations

import numpy as np

from stillhunt.link.requests.arrays import Ints
from stillhunt.link.templates.fragment_kernels import label_joined, rarest_uses
from stillhunt.link.templates.parameters import FRAGMENTS as P


def joined_labels(account: Ints, cluster: Ints, accounts: int, count: int, complete: Ints) -> Ints:
    """Label under which each cluster goes: the smallest label among the fragments of its template.

    Args:
        account: account of each distinct pair of an account and a cluster with a first occurrence, in any order.
        cluster: cluster of the same pair.
        accounts: number of accounts.
        count: number of clusters.
        complete: labels of clusters that are no fragments.
    """
    users = np.bincount(cluster, minlength=count)
    fragment = users <= P.max_account_share * accounts
    fragment[complete] = False
    account, cluster = account[fragment[cluster]], cluster[fragment[cluster]]
    start, cluster, account = _by(account, cluster, accounts)
    kept = rarest_uses(start, cluster, users, P.max_clusters_per_account)
    start, cluster, account = _by(account[kept], cluster[kept], accounts)
    cluster_start, users_of, _ = _by(cluster, account, count)
    limits = (P.min_accounts, P.min_relative_risk, P.min_jaccard)
    return label_joined((start, cluster), (cluster_start, users_of), limits)


def _by(key: Ints, value: Ints, keys: int) -> tuple[Ints, Ints, Ints]:
    """Where the entries of each key start, and the values and the keys in that order."""
    order = np.argsort(key, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=keys))])
    return start, value[order], key[order]
