"""Which content clusters do the same accounts use? The plain twin is in tests/oracle/test_oracle_fragments.py."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

Limits = tuple[int, float, float]
"""Fewest accounts in both clusters, least relative risk, least Jaccard index: see `parameters.FragmentParameters`."""


@nb.njit(cache=True, nogil=True)
def rarest_uses(start: Ints, cluster: Ints, users: Ints, limit: int) -> Flags:
    """True for the uses of each account's clusters with the fewest users, at most `limit` of them.

    Args:
        start: account a uses the clusters start[a] : start[a + 1].
        users: accounts that use each cluster.
        limit: uses of an account that are kept; the smaller label on ties.
    """
    kept = np.ones(len(cluster), np.bool_)
    for account in range(len(start) - 1):
        first, last = start[account], start[account + 1]
        if last - first > limit:
            rank = np.empty(last - first, np.int64)
            for i in range(first, last):
                rank[i - first] = users[cluster[i]] * len(users) + cluster[i]
            worst = np.sort(rank)[limit - 1]
            for i in range(first, last):
                kept[i] = rank[i - first] <= worst
    return kept


@nb.njit(cache=True, nogil=True)
def label_joined(of_account: tuple[Ints, Ints], of_cluster: tuple[Ints, Ints], limits: Limits) -> Ints:
    """Label of each cluster: the smallest of those that the same accounts use, directly or by way of others.

    Args:
        of_account: where each account's clusters start, and the clusters.
        of_cluster: where each cluster's accounts start, and the accounts.
        limits: what makes two clusters fragments of one template.
    """
    start, cluster = of_account
    cluster_start, account = of_cluster
    count, accounts = len(cluster_start) - 1, len(start) - 1
    label = np.arange(count)
    together = np.zeros(count, np.int64)
    seen = np.empty(count, np.int64)
    for left in range(count):
        met = 0
        for i in range(cluster_start[left], cluster_start[left + 1]):
            for j in range(start[account[i]], start[account[i] + 1]):
                right = cluster[j]
                if right > left:
                    if together[right] == 0:
                        seen[met] = right
                        met += 1
                    together[right] += 1
        size = cluster_start[left + 1] - cluster_start[left]
        for i in range(met):
            right = seen[i]
            other = cluster_start[right + 1] - cluster_start[right]
            if _belong(together[right], size, other, accounts, limits):
                _join(label, left, right)
            together[right] = 0
    for one in range(count):
        label[one] = _root(label, one)
    return label


@nb.njit(nogil=True)
def _belong(both: int, left: int, right: int, accounts: int, limits: Limits) -> bool:
    """Are two clusters with so many accounts fragments of one template?"""
    min_accounts, min_risk, min_jaccard = limits
    if both < min_accounts or both < min_jaccard * (left + right - both):
        return False
    for one, other in ((left, right), (right, left)):
        elsewhere = (other - both) / max(accounts - one, 1)
        if both / one < min_risk * elsewhere:
            return False
    return True


@nb.njit(nogil=True)
def _root(label: Ints, one: int) -> int:
    while label[one] != one:
        label[one] = label[label[one]]
        one = label[one]
    return one


@nb.njit(nogil=True)
def _join(label: Ints, left: int, right: int) -> None:
    """Put two components under the smaller of their labels."""
    left, right = _root(label, left), _root(label, right)
    label[max(left, right)] = min(left, right)
