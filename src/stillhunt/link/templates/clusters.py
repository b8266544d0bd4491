"""Content clusters: phrases that stand in the same requests of the same accounts.

Two phrases belong together if the accounts that have both as a habit, in the same request, are a good part of the
accounts that have either (Jaccard). Connected components of that relation chain strangers together, so each
component must be cohesive: an account in it must use a fair share of its phrases. One that is not is cut at the
next higher Jaccard (a single-linkage tree, cut where the parts hold together).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from stillhunt.base.dataset import Dataset
from stillhunt.link.requests.arrays import Flags, Ints, counted, lists, numbered, values
from stillhunt.link.requests.index_requests import stretches
from stillhunt.link.requests.kernels import assign_clusters
from stillhunt.link.templates.kernels_pairs import pairs_by_account
from stillhunt.link.templates.phrases import Habits

CUTS = (0.23, 0.29, 0.37, 0.47, 0.59, 0.73)
"""Jaccard levels of the tree, each about 1.26 times the one before; not round, so that few pairs hit one exactly."""
COHESION = 0.17
"""Share of a cluster's phrases that its accounts use, in the mean. A phrase grammar of 6 x 6 variants seen through
25 requests shows 0.6, a fixed pipeline beside it 0.2, chained stock phrases 0.02-0.06 (sample of seeded worlds)."""
MIN_TOGETHER = 3
"""Accounts that must have both phrases together."""

PAIRS = pa.schema([("pair", pa.int64()), ("accounts", pa.int32())])
CLUSTERED = pa.schema([("cluster", pa.int32()), ("matched", pa.int32())])
USES = pa.schema([("cluster", pa.int32()), ("account", pa.int32()), ("prompts", pa.int64())])


@dataclass(frozen=True)
class Clusters:
    """Content clusters and what falls into them.

    Attributes:
        rows: the requests, each with its `cluster` (-1 where none) and how many of its phrases it has (`matched`).
        of_known: cluster of each known phrase; -1 where none.
        count: number of clusters.
        cluster, account, prompts: distinct prompts of each account in each cluster, by cluster, then account.
    """

    rows: Dataset
    of_known: npt.NDArray[np.int32]
    count: int
    cluster: Ints
    account: Ints
    prompts: Ints


def content_clusters(habits: Habits, accounts: int) -> Clusters:
    """Cluster the habit phrases and assign each request to at most one cluster.

    Args:
        habits: shared habits, and the requests.
        accounts: number of accounts.
    """
    of_phrase = cluster_phrases(habits, *_pairs(habits, accounts))
    count = int(of_phrase.max(initial=-1)) + 1
    # Place -1, that of what is no habit, is the last; there may be no habit at all.
    of_known = np.append(of_phrase, -1)[habits.habit_of].astype(np.int32)
    inside = of_phrase[habits.phrase] >= 0
    habitual = np.unique(habits.account[inside] * max(count, 1) + of_phrase[habits.phrase[inside]])
    rows = habits.rows.extend(_clustered, CLUSTERED, (of_known, habitual, max(count, 1)), ["account", "known"])
    cluster, account, prompts = _uses(rows, accounts)
    return Clusters(rows, of_known, count, cluster, account, prompts)


def _uses(rows: Dataset, accounts: int) -> tuple[Ints, Ints, Ints]:
    used = rows.gather(_use, USES, None, ["account", "cluster", "first_occurrence"])
    cluster, account = values(used, "cluster").astype(np.int64), values(used, "account").astype(np.int64)
    order = np.argsort(cluster * accounts + account, kind="stable")
    return cluster[order], account[order], values(used, "prompts")[order]


def _use(table: pa.Table, _: Any) -> pa.Table:
    cluster = values(table, "cluster").astype(np.int64)
    inside = (cluster >= 0) & (values(table, "first_occurrence") > 0)
    key, prompts = counted(cluster[inside] << 32 | values(table, "account")[inside])
    return pa.table({"cluster": key >> 32, "account": key & 0xFFFFFFFF, "prompts": prompts})


def _clustered(table: pa.Table, context: Any) -> pa.Table:
    of_known, habitual, width = context
    cluster, matched = np.empty(table.num_rows, np.int32), np.empty(table.num_rows, np.int32)
    known = lists(table, "known")
    assign_clusters(values(table, "account"), known, of_known, habitual, width, cluster, matched)
    return pa.table({"cluster": cluster, "matched": matched})


def _pairs(habits: Habits, accounts: int) -> tuple[Ints, Ints, Ints]:
    """Pairs left < right of habit phrases, and the accounts that have both in one request, at least twice."""
    begins = np.searchsorted(habits.account, np.arange(accounts + 1))
    context = (habits.habit_of, begins, habits.phrase.astype(np.int32), habits.size)
    found = habits.rows.gather(_pairs_of, PAIRS, context, ["order", "owner", "account", "known"])
    pair, users = values(found, "pair"), values(found, "accounts")
    code, names = numbered(pair)
    total = np.bincount(code, weights=users, minlength=len(names)).astype(np.int64)
    kept = np.flatnonzero(total >= MIN_TOGETHER)
    kept = kept[np.argsort(names[kept])]
    left, right = np.divmod(names[kept], max(habits.size, 1))
    return left, right, total[kept]


def _pairs_of(table: pa.Table, context: Any) -> pa.Table:
    habit_of, begins, phrases, size = context
    order, edges, accounts = stretches(table)
    pair = pairs_by_account(
        (order, edges), accounts.astype(np.int32), (*lists(table, "known"), habit_of), (begins, phrases), size
    )
    pair, users = counted(pair)
    return pa.table({"pair": pair, "accounts": users})


def cluster_phrases(habits: Habits, left: Ints, right: Ints, together: Ints) -> Ints:
    """Cluster of each habit phrase; -1 where none.

    Args:
        habits: shared habits.
        left: smaller phrase of each pair of habit phrases.
        right: the larger one.
        together: accounts that have both in one request.
    """
    size = habits.size
    users = np.bincount(habits.phrase, minlength=size)
    jaccard = together / (users[left] + users[right] - together)
    of_phrase = np.full(size, -1, np.int64)
    part = np.zeros(size, np.int64)
    pending = np.ones(size, bool)
    labels = 0
    for level, cut in enumerate(CUTS):
        edge = pending[left] & pending[right] & (part[left] == part[right]) & (jaccard >= cut)
        graph = sp.coo_matrix((np.ones(int(edge.sum())), (left[edge], right[edge])), shape=(size, size))
        part = connected_components(graph, directed=False)[1].astype(np.int64)
        large = np.bincount(part[pending], minlength=size) >= 2
        whole = large if level + 1 == len(CUTS) else large & (_cohesion(habits, part, pending) >= COHESION)
        done = pending & whole[part]
        of_phrase[done] = labels + part[done]
        labels += int(part.max(initial=-1)) + 1
        pending &= large[part] & ~whole[part]
        if not pending.any():
            break
    return _relabel(of_phrase)


def _cohesion(habits: Habits, part: Ints, pending: Flags) -> npt.NDArray[np.float64]:
    """Share of each part's phrases that its accounts use, in the mean."""
    size = len(part)
    inside = pending[habits.phrase]
    own = part[habits.phrase[inside]]
    used = np.bincount(own, minlength=size)
    users = np.bincount(np.unique(own << 32 | habits.account[inside]) >> 32, minlength=size)
    cohesion: npt.NDArray[np.float64] = (
        used / np.maximum(users, 1) / np.maximum(np.bincount(part[pending], minlength=size), 1)
    )
    return cohesion


def _relabel(labels: Ints) -> Ints:
    """Number the clusters by their smallest phrase code, so that labels do not depend on the search order."""
    known = labels >= 0
    names, position = np.unique(labels[known], return_inverse=True)
    first = np.full(len(names), len(labels))
    np.minimum.at(first, position, np.flatnonzero(known))
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(first)] = np.arange(len(names))
    out = labels.copy()
    out[known] = rank[position]
    return out
