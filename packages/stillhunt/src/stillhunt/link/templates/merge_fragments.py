"""Fragments of one paraphrased template, joined through the accounts that use them.

A template that is worded anew for each request leaves in each account only some phrases that recur often enough, and
others in the next account. Each makes a small content cluster that proves nothing. Two such clusters belong together if
far more accounts have requests in both than popularity explains (relative risk), and these accounts are a good part of
the accounts with requests in either (Jaccard index). A cluster in which a strong group was found is a complete template
and stays as it is: two operators that share a pool of accounts share accounts, too.

Chains of such pairs lead from a campaign's fragments to stock phrases that everybody uses. So the pairs are joined from
the most alike to the least, and each join must hold for all that is joined already: the accounts of both sides together
must be as alike as those of two fragments.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.templates.fragment_kernels import label_joined, rarest_uses
from stillhunt.link.templates.parameters import FRAGMENTS as P

# Clusters of one account that are compared: those with the fewest accounts (bounds the work that a reseller causes)
_MAX_CLUSTERS_PER_ACCOUNT = 256
_MIN_ACCOUNTS = 5  # Accounts that must have requests in both clusters (the fewest accounts of a campaign)


def joined_labels(account: Ints, cluster: Ints, accounts: int, count: int, complete: Ints) -> Ints:
    """Label under which each cluster goes: the smallest label among the fragments of its template.

    Args:
        account: account of each distinct pair of an account and a cluster with a first occurrence, in any order.
        cluster: cluster of the same pair.
        complete: labels of clusters that are no fragments.
    """
    users = np.bincount(cluster, minlength=count)
    fragment = users <= P.max_account_share * accounts
    fragment[complete] = False
    account, cluster = account[fragment[cluster]], cluster[fragment[cluster]]
    start, cluster, account = _by(account, cluster, accounts)
    kept = rarest_uses(start, cluster, users, _MAX_CLUSTERS_PER_ACCOUNT)
    start, cluster, account = _by(account[kept], cluster[kept], accounts)
    cluster_start, users_of, _ = _by(cluster, account, count)
    limits = (_MIN_ACCOUNTS, P.min_relative_risk, P.min_jaccard)
    chained = label_joined((start, cluster), (cluster_start, users_of), limits)
    by_cluster = np.repeat(np.arange(count), np.diff(cluster_start))
    return _held_together(chained, by_cluster, users_of, accounts)


def _held_together(chained: Ints, cluster: Ints, account: Ints, accounts: int) -> Ints:
    """The labels, where each chain is cut into parts that hold together; uses are by cluster."""
    label = np.arange(len(chained))
    several = np.bincount(chained, minlength=len(chained))[chained[cluster]] > 1
    cluster, account = cluster[several], account[several]
    order = np.argsort(chained[cluster], kind="stable")
    for first, last in pairwise(np.flatnonzero(np.diff(chained[cluster[order]], prepend=-1, append=-1)).tolist()):
        own = order[first:last]
        names, fragment = np.unique(cluster[own], return_inverse=True)
        label[names] = names[_joined_in_order(fragment, account[own], len(names), accounts)]
    return label


def _joined_in_order(fragment: Ints, account: Ints, fragments: int, accounts: int) -> Ints:
    """The smallest fragment that each fragment of one chain is joined with."""
    who, place = np.unique(account, return_inverse=True)
    size = np.bincount(fragment, minlength=fragments)
    bits = _packed(np.split(place[np.argsort(fragment, kind="stable")], np.cumsum(size)[:-1]), len(who))
    root = np.arange(fragments)
    pairs, joined = _alike_pairs(fragment, place, size, (len(who), accounts)), True
    while joined:
        joined = False
        for left, right in pairs:
            one, other = sorted((int(root[left]), int(root[right])))
            both = np.bitwise_count(bits[one] & bits[other]).sum(dtype=np.int64)
            if one != other and _belong(both, size[one], size[other], accounts):
                bits[one] |= bits[other]
                size[one] += size[other] - both
                root[root == other] = one
                joined = True
    return root


def _packed(sets: list[Ints], width: int) -> npt.NDArray[np.uint8]:
    """One row of bits for each set."""
    bits = np.empty((len(sets), -(-width // 8)), np.uint8)
    flags = np.zeros(width, bool)
    for row, chosen in zip(bits, sets, strict=True):
        flags[chosen] = True
        row[:] = np.packbits(flags)
        flags[chosen] = False
    return bits


def _alike_pairs(fragment: Ints, place: Ints, size: Ints, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Pairs of fragments that belong together by themselves, the most alike first."""
    ones = np.ones(len(fragment), np.int64)
    table = sp.csr_array((ones, (fragment, place)), shape=(len(size), shape[0]))
    met = sp.triu(table @ table.T, 1).tocoo()
    left, right, both = met.row.astype(np.int64), met.col.astype(np.int64), met.data
    alike = np.flatnonzero(_belong(both, size[left], size[right], shape[1]))
    left, right, both = left[alike], right[alike], both[alike]
    order = np.lexsort((right, left, -_jaccard(both, size[left], size[right])))
    return list(zip(left[order].tolist(), right[order].tolist(), strict=True))


def _jaccard(both: Ints, one: Ints, other: Ints) -> Floats:
    return both / (one + other - both)


def _belong(both: Ints, one: Ints, other: Ints, accounts: int) -> Flags:
    """Are sets of so many accounts, so many of them in both, fragments of one template?"""
    fits = (both >= _MIN_ACCOUNTS) & (both >= P.min_jaccard * (one + other - both))
    for here, there in ((one, other), (other, one)):
        elsewhere = (there - both) / np.maximum(accounts - here, 1)
        fits &= both / here >= P.min_relative_risk * elsewhere
    return fits


def _by(key: Ints, value: Ints, keys: int) -> tuple[Ints, Ints, Ints]:
    """Where the entries of each key start, and the values and the keys in that order."""
    order = np.argsort(key, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=keys))])
    return start, value[order], key[order]
