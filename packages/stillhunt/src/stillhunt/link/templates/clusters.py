"""Content clusters: phrases that stand in the same requests of the same accounts.

Two phrases belong together if the accounts in which both recur, in the same request, are a good part of the accounts in
which either does (Jaccard index). Connected components of that relation chain strangers together, so each component
must be cohesive: its accounts must use a fair share of its phrases. A component that is not cohesive is cut at the next
higher Jaccard level (a single-linkage tree, cut where its parts hold together).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.components import number_components
from stillhunt.base.dataset import Dataset
from stillhunt.base.parameters import read_parameters
from stillhunt.link.requests.arrays import Flags, Ints, counted, lists, summed, values
from stillhunt.link.requests.index_requests import account_runs
from stillhunt.link.templates.phrase_kernels import assign_clusters
from stillhunt.link.templates.phrase_pair_kernels import pairs_by_account
from stillhunt.link.templates.recurring_phrases import SharedPhrases


class ClusterParameters(NamedTuple):
    """Content clusters."""

    jaccard_levels: tuple[float, ...]
    min_cohesion: float
    min_pair_accounts: int
    min_pair_requests: int
    min_phrases: int
    min_matched: int


P = read_parameters(ClusterParameters, "link.clusters")


# Phrases of one request that are paired (bounds the work that one hostile prompt can cause)
_MAX_PHRASES_PER_REQUEST = 48
# Requests of one account whose phrases are paired, spread evenly over its time (what stands in fewer is no template)
_MAX_PAIRED_REQUESTS = 4096


PAIRS = pa.schema([("pair", pa.int64()), ("accounts", pa.int32())])
CLUSTERED = pa.schema([("cluster", pa.int32()), ("matched", pa.int32())])
USES = pa.schema([("cluster", pa.int32()), ("account", pa.int32()), ("prompts", pa.int64())])


@dataclass(frozen=True)
class Clusters:
    """Content clusters, and the requests that fall into them."""

    # the requests, each with its `cluster` (-1 where none) and how many of its phrases it has (`matched`)
    rows: Dataset
    of_known: npt.NDArray[np.int32]  # cluster of each known phrase; -1 where none
    count: int
    # cluster, account, prompts: distinct prompts of each account in each cluster, by cluster, then account
    cluster: Ints
    account: Ints
    prompts: Ints

    def shared_by(self, least: int) -> Clusters:
        """The same without clusters that fewer accounts use: these are no group, and have wordings of their own."""
        return self.keep(np.bincount(self.cluster, minlength=self.count) >= least)

    def keep(self, chosen: Flags) -> Clusters:
        """The same with the chosen clusters alone; requests of the others are in none, later ones neither."""
        rows = self.rows.extend(_leave_out_clusters, CLUSTERED, chosen, ["cluster", "matched"])
        of_known = np.where(np.append(chosen, False)[self.of_known], self.of_known, np.int32(-1))
        kept = chosen[self.cluster]
        uses = (self.cluster[kept], self.account[kept], self.prompts[kept])
        return Clusters(rows, of_known, self.count, *uses)

    def with_uses(self, accounts: int) -> Clusters:
        """The same, with the uses counted again from the requests."""
        cluster, account, prompts = _count_uses(self.rows, accounts)
        return replace(self, cluster=cluster, account=account, prompts=prompts)


def content_clusters(shared: SharedPhrases, accounts: int) -> Clusters:
    """Cluster the shared phrases and assign each request to at most one cluster."""
    of_phrase = cluster_phrases(shared, *_phrase_pairs(shared, accounts))
    count = int(of_phrase.max(initial=-1)) + 1
    # Place -1, that of a phrase that nobody shares, is the last one; there may be no shared phrase at all.
    of_known = np.append(of_phrase, -1)[shared.shared_of].astype(np.int32)
    inside = of_phrase[shared.phrase] >= 0
    recurring = np.unique(shared.account[inside] * max(count, 1) + of_phrase[shared.phrase[inside]])
    rows = shared.rows.extend(_cluster_partition, CLUSTERED, (of_known, recurring, max(count, 1)), ["account", "known"])
    cluster, account, prompts = _count_uses(rows, accounts)
    return Clusters(rows, of_known, count, cluster, account, prompts)


def _leave_out_clusters(table: pa.Table, chosen: Any) -> pa.Table:
    cluster, matched = values(table, "cluster"), values(table, "matched")
    kept = np.append(chosen, False)[cluster]
    return pa.table({"cluster": np.where(kept, cluster, np.int32(-1)), "matched": np.where(kept, matched, np.int32(0))})


def _count_uses(rows: Dataset, accounts: int) -> tuple[Ints, Ints, Ints]:
    used = rows.gather(_uses_of_partition, USES, None, ["account", "cluster", "first_occurrence"])
    cluster, account = values(used, "cluster").astype(np.int64), values(used, "account").astype(np.int64)
    order = np.argsort(cluster * accounts + account, kind="stable")
    return cluster[order], account[order], values(used, "prompts")[order]


def _uses_of_partition(table: pa.Table, _: Any) -> pa.Table:
    cluster = values(table, "cluster").astype(np.int64)
    inside = (cluster >= 0) & (values(table, "first_occurrence") > 0)
    key, prompts = counted(cluster[inside] << 32 | values(table, "account")[inside])
    return pa.table({"cluster": key >> 32, "account": key & 0xFFFFFFFF, "prompts": prompts})


def _cluster_partition(table: pa.Table, context: Any) -> pa.Table:
    of_known, recurring, width = context
    cluster, matched = np.empty(table.num_rows, np.int32), np.empty(table.num_rows, np.int32)
    known = lists(table, "known")
    assign_clusters(values(table, "account"), known, of_known, (recurring, width), P.min_matched, cluster, matched)
    return pa.table({"cluster": cluster, "matched": matched})


def _phrase_pairs(shared: SharedPhrases, accounts: int) -> tuple[Ints, Ints, Ints]:
    """Pairs of shared phrases (left < right), and the accounts in which both stand together in enough requests."""
    begins = np.searchsorted(shared.account, np.arange(accounts + 1))
    context = (shared.shared_of, begins, shared.phrase.astype(np.int32), shared.size)
    parts = shared.rows.gather_parts(_pairs_of, PAIRS, context, ["order", "owner", "account", "known"])
    pair, total = summed((values(part, "pair"), values(part, "accounts")) for part in parts)
    kept = np.flatnonzero(total >= P.min_pair_accounts)
    kept = kept[np.argsort(pair[kept])]
    left, right = np.divmod(pair[kept], max(shared.size, 1))
    return left, right, total[kept]


def _pairs_of(table: pa.Table, context: Any) -> pa.Table:
    shared_of, begins, phrases, size = context
    order, edges, accounts = account_runs(table)
    pair = pairs_by_account(
        (order, edges),
        accounts.astype(np.int32),
        (*lists(table, "known"), shared_of),
        (begins, phrases),
        size,
        (_MAX_PHRASES_PER_REQUEST, _MAX_PAIRED_REQUESTS, P.min_pair_requests),
    )
    pair, users = counted(pair)
    return pa.table({"pair": pair, "accounts": users})


def cluster_phrases(shared: SharedPhrases, left: Ints, right: Ints, together: Ints) -> Ints:
    """Cluster of each shared phrase; -1 where none."""
    size = shared.size
    users = np.bincount(shared.phrase, minlength=size)
    jaccard = together / (users[left] + users[right] - together)
    of_phrase = np.full(size, -1, np.int64)
    part = np.zeros(size, np.int64)
    pending = np.ones(size, bool)
    labels = 0
    for level, cut in enumerate(P.jaccard_levels):
        edge = pending[left] & pending[right] & (part[left] == part[right]) & (jaccard >= cut)
        part = number_components(left[edge], right[edge], size)
        large = np.bincount(part[pending], minlength=size) >= P.min_phrases
        last = level + 1 == len(P.jaccard_levels)
        cohesive = large if last else large & (_cohesion_of(shared, part, pending) >= P.min_cohesion)
        done = pending & cohesive[part]
        of_phrase[done] = labels + part[done]
        labels += int(part.max(initial=-1)) + 1
        pending &= large[part] & ~cohesive[part]
        if not pending.any():
            break
    return _relabel_clusters(of_phrase)


def _cohesion_of(shared: SharedPhrases, part: Ints, pending: Flags) -> npt.NDArray[np.float64]:
    """Mean share of each part's phrases that its accounts use."""
    size = len(part)
    inside = pending[shared.phrase]
    own = part[shared.phrase[inside]]
    used = np.bincount(own, minlength=size)
    users = np.bincount(np.unique(own << 32 | shared.account[inside]) >> 32, minlength=size)
    cohesion: npt.NDArray[np.float64] = (
        used / np.maximum(users, 1) / np.maximum(np.bincount(part[pending], minlength=size), 1)
    )
    return cohesion


def _relabel_clusters(labels: Ints) -> Ints:
    """Number the clusters by their smallest phrase code, so that labels do not depend on the order of the search."""
    known = labels >= 0
    names, position = np.unique(labels[known], return_inverse=True)
    first = np.full(len(names), len(labels))
    np.minimum.at(first, position, np.flatnonzero(known))
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(first)] = np.arange(len(names))
    out = labels.copy()
    out[known] = rank[position]
    return out
