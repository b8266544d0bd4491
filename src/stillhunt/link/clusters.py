"""Content clusters: phrases that stand in the same requests of the same accounts.

Two phrases belong together if the accounts that have both as a habit, in the same request, are a good part of the
accounts that have either (Jaccard). Connected components of that relation chain strangers together, so each
component must be cohesive: an account in it must use a fair share of its phrases. One that is not is cut at the
next higher Jaccard (a single-linkage tree, cut where the parts hold together).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from stillhunt.link.coding import Coded, Flags, Ints
from stillhunt.link.kernels import account_pairs
from stillhunt.link.phrases import Habits

CUTS = (0.23, 0.29, 0.37, 0.47, 0.59, 0.73)
"""Jaccard levels of the tree, each about 1.26 times the one before; not round, so that few pairs hit one exactly."""
COHESION = 0.17
"""Share of a cluster's phrases that its accounts use, in the mean. A phrase grammar of 6 x 6 variants seen through
25 requests shows 0.6, a fixed pipeline beside it 0.2, chained stock phrases 0.02-0.06 (sample of seeded worlds)."""
MIN_TOGETHER = 3
"""Accounts that must have both phrases together."""


@dataclass(frozen=True)
class Clusters:
    """Content clusters and what falls into them.

    Attributes:
        of_phrase: cluster of each habit phrase; -1 where none.
        of_request: cluster of each request; -1 where none.
        row, row_phrase: occurrences of a cluster's phrases in the requests assigned to that cluster, rows ascending.
        count: number of clusters.
    """

    of_phrase: Ints
    of_request: Ints
    row: Ints
    row_phrase: Ints
    count: int


def content_clusters(coded: Coded, habits: Habits) -> Clusters:
    """Cluster the habit phrases and assign each request to at most one cluster.

    A request goes to the cluster with the most of its phrases, if they are enough.
    """
    of_phrase = _cluster_phrases(coded, habits)
    count = int(of_phrase.max(initial=-1)) + 1
    cluster = of_phrase[habits.row_phrase]
    row, row_phrase, cluster = habits.row[cluster >= 0], habits.row_phrase[cluster >= 0], cluster[cluster >= 0]
    key, matched = np.unique(row * max(count, 1) + cluster, return_counts=True)
    pair_row, pair_cluster = np.divmod(key, max(count, 1))
    enough = _enough(coded, habits, of_phrase, (pair_row, pair_cluster, matched))
    pair_row, pair_cluster, matched = pair_row[enough], pair_cluster[enough], matched[enough]
    order = np.lexsort((pair_cluster, -matched, pair_row))
    first = np.unique(pair_row[order], return_index=True)[1]
    of_request = np.full(coded.rows, -1, np.int64)
    of_request[pair_row[order][first]] = pair_cluster[order][first]
    inside = of_request[row] == cluster
    return Clusters(of_phrase, of_request, row[inside], row_phrase[inside], count)


def _enough(coded: Coded, habits: Habits, of_phrase: Ints, matches: tuple[Ints, Ints, Ints]) -> Flags:
    """True for the (request, cluster) matches that count.

    Two phrases always do. One phrase does in an account that has a habit among the cluster's phrases; anybody else may
    hit on one by chance.
    """
    row, cluster, matched = matches
    width = int(cluster.max(initial=0)) + 1
    key = coded.account[row] * width + cluster
    known = of_phrase[habits.phrase] >= 0
    habitual = habits.account[known] * width + of_phrase[habits.phrase[known]]
    enough: Flags = (matched >= 2) | np.isin(key, habitual)
    return enough


def _cluster_phrases(coded: Coded, habits: Habits) -> Ints:
    size = len(habits.phrases)
    of_phrase = np.full(size, -1, np.int64)
    if not size:
        return of_phrase
    own = np.unique(habits.account * size + habits.phrase)
    occurrence = np.isin(coded.account[habits.row] * size + habits.row_phrase, own, assume_unique=False)
    left, right, together = account_pairs(
        coded.account[habits.row[occurrence]], habits.row[occurrence], habits.row_phrase[occurrence], size
    )
    users = np.bincount(habits.phrase, minlength=size)
    jaccard = together / (users[left] + users[right] - together)
    usage = sp.csr_matrix(
        (np.ones(len(habits.phrase), np.int32), (habits.account, habits.phrase)), shape=(len(coded.account_ids), size)
    )
    next_label = 0
    pending = [(np.arange(size), 0)]
    while pending:
        members, level = pending.pop()
        inside = np.zeros(size, bool)
        inside[members] = True
        edge = inside[left] & inside[right] & (jaccard >= CUTS[level]) & (together >= MIN_TOGETHER)
        parts = connected_components(
            sp.coo_matrix((np.ones(int(edge.sum())), (left[edge], right[edge])), shape=(size, size)), directed=False
        )[1][members]
        for part in np.unique(parts):
            phrases = members[parts == part]
            if len(phrases) < 2:
                continue
            if level + 1 < len(CUTS) and _cohesion(usage, phrases) < COHESION:
                pending.append((phrases, level + 1))
                continue
            of_phrase[phrases] = next_label
            next_label += 1
    return _relabel(of_phrase)


def _cohesion(usage: sp.csr_matrix, phrases: Ints) -> float:
    used = np.asarray(usage[:, phrases].sum(axis=1)).ravel()
    return float(used[used > 0].mean() / len(phrases))


def _relabel(labels: Ints) -> Ints:
    """Number the clusters by their smallest phrase code, so that labels do not depend on the search order."""
    known = labels >= 0
    if not known.any():
        return labels
    first = np.full(int(labels.max()) + 1, len(labels))
    np.minimum.at(first, labels[known], np.flatnonzero(known))
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    out = labels.copy()
    out[known] = rank[labels[known]]
    return out
