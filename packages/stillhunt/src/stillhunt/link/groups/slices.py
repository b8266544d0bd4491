"""Slices: one account's requests in one content cluster, and what each fold of its conversations shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.dataset import Dataset
from stillhunt.link.groups.fold_kernels import Lists, count_phrases, phrase_users
from stillhunt.link.requests.arrays import Array, Ints, list_array, lists, values
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.topics.topics import TOPICS

# Phrases of a cluster by which its slices are compared: those that most slices have (bounds the work that one hostile
# or chained cluster causes)
_MAX_PHRASES = 256


Codes = npt.NDArray[np.int32]

BATCH_OCCURRENCES = 30_000_000
"""Phrases of requests that are brought together at a time; bounds memory, changes no result."""
PHRASES_PER_PROMPT = 40.0
"""Phrases of one prompt, roughly, by which batches are sized."""

SLICE_ROWS = pa.schema(
    [
        ("label", pa.int32()),
        ("account", pa.int32()),
        ("fold", pa.int8()),
        ("topic", pa.int8()),
        ("codes", pa.list_(pa.int32())),
    ]
)


@dataclass(frozen=True)
class ClusterSlices:
    """The slices of one content cluster; arrays have one entry per slice unless said otherwise."""

    cluster: int
    account: Ints
    size: Ints  # distinct prompts, by fold (2 x slices)
    phrases: Ints  # prompts with each phrase, by fold (2 x slices x phrases)
    topics: Ints  # prompts on each topic, by fold (2 x slices x TOPICS)
    # member, request, phrase: occurrences of phrases, by fold: slice position, request number, phrase position
    member: tuple[Ints, Ints]
    request: tuple[Ints, Ints]
    phrase: tuple[Ints, Ints]

    def without_counts(self) -> ClusterSlices:
        """The same slices without what is only needed to find groups; it is most of the memory."""
        table, none = np.zeros((2, 0, 0), np.int64), np.zeros(0, np.int64)
        empty = (none, none)
        return ClusterSlices(self.cluster, self.account, self.size, table, table, empty, empty, empty)


def cluster_slices(
    rows: Dataset, clusters: Clusters, label_of: Ints, accounts: int, *, least_accounts: int, least: int
) -> Iterator[ClusterSlices]:
    """Slices of every label that enough accounts use, by label.

    Args:
        rows: the requests with cluster, known phrases and topic.
        label_of: label of each cluster; -1 where it is not wanted.
        least_accounts: accounts that a label needs.
        least: distinct prompts that a slice needs.
    """
    label = label_of[clusters.cluster]
    inside = label >= 0
    keys, position = np.unique(label[inside] * accounts + clusters.account[inside], return_inverse=True)
    label = keys // accounts
    prompts = np.bincount(position, weights=clusters.prompts[inside], minlength=len(keys)).astype(np.int64)
    large = prompts >= least
    enough = np.flatnonzero(np.bincount(label[large], minlength=clusters.count) >= least_accounts)
    large &= np.isin(label, enough)
    weight = np.bincount(label[large], weights=prompts[large] * PHRASES_PER_PROMPT, minlength=clusters.count)
    for labels in _iterate_label_batches(enough, weight):
        wanted = np.where(np.isin(label_of, labels), label_of, -1).astype(np.int32)
        own = keys[large & np.isin(label, labels)]
        columns = [
            "account", "cluster", "first_occurrence", "single_turn", "conversation", "order", "fold", "topic", "known",
        ]  # fmt: skip
        found = rows.gather(_slice_rows, SLICE_ROWS, (wanted, clusters.of_known, own, accounts), columns)
        yield from sorted_slices(found)


def _iterate_label_batches(labels: Ints, weight: Array) -> Iterator[Ints]:
    number = np.floor(np.cumsum(weight[labels]) / BATCH_OCCURRENCES)
    for one in np.unique(number):
        yield labels[number == one]


def _slice_rows(table: pa.Table, context: Any) -> pa.Table:
    label_of, of_known, keys, accounts = context
    cluster, account = values(table, "cluster"), values(table, "account")
    label = np.where(cluster >= 0, label_of[np.maximum(cluster, 0)], -1) if len(label_of) else cluster
    rows = np.flatnonzero((label >= 0) & (values(table, "first_occurrence") > 0))
    rows = rows[np.isin(label[rows].astype(np.int64) * accounts + account[rows], keys)]
    rows = _first_of_conversations(table, rows, label)
    begins, codes = lists(table, "known")
    lengths = np.diff(begins)[rows]
    place = np.repeat(begins[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
    codes = codes[place]
    own = of_known[codes] == np.repeat(cluster[rows], lengths)
    row = np.repeat(np.arange(len(rows)), lengths)[own]
    offsets = np.append(0, np.cumsum(np.bincount(row, minlength=len(rows)))).astype(np.int32)
    return pa.table(
        {
            "label": label[rows],
            "account": account[rows],
            "fold": values(table, "fold")[rows].astype(np.int8),
            "topic": values(table, "topic")[rows],
            "codes": list_array(offsets, codes[own]),
        }
    )


def _first_of_conversations(table: pa.Table, rows: Ints, label: Array) -> Ints:
    """The rows without those whose conversation had an earlier one under the same label: it is one draw of a queue."""
    later = rows[values(table, "single_turn")[rows] == 0]
    if not len(later):
        return rows
    rank = np.empty(table.num_rows, np.int64)
    rank[values(table, "order")] = np.arange(table.num_rows)
    names = values(table, "account")[later], values(table, "conversation")[later], label[later]
    by = np.lexsort((rank[later], *names))
    same = np.ones(len(later), bool)
    for name in names:
        ordered = name[by]
        same[1:] &= ordered[1:] == ordered[:-1]
    same[0] = False
    kept = np.ones(table.num_rows, bool)
    kept[later[by[same]]] = False
    return rows[kept[rows]]


def sorted_slices(found: pa.Table) -> Iterator[ClusterSlices]:
    """Requests of slices (`SLICE_ROWS`), as the slices of each label, by label."""
    # Folds, topics and phrases of a slice's requests are only counted: their order within it does not matter.
    label = values(found, "label")
    order = np.lexsort((values(found, "account"), label))
    account, fold, topic = (values(found, name)[order] for name in ("account", "fold", "topic"))
    begins, codes = lists(found.combine_chunks(), "codes")
    stands: Lists = begins[:-1][order].astype(np.int64), begins[1:][order].astype(np.int64), codes
    known = int(codes.max(initial=-1)) + 1
    scratch = np.zeros(known, np.int32), np.full(known, -1, np.int32), np.full(known, -1, np.int32)
    edges = np.flatnonzero(np.diff(label[order], prepend=-1, append=-1))
    for first, last in pairwise(edges.tolist()):
        own = slice(int(first), int(last))
        rows = (account[own], fold[own].astype(np.int64), topic[own].astype(np.int64))
        yield _one_cluster(int(label[order[first]]), rows, (stands[0][own], stands[1][own], codes), scratch)


def _most_shared(names: Ints, users: Ints) -> Ints:
    """The phrases that most slices have, up to a limit; the smaller code on ties."""
    kept: Ints = np.sort(names[np.lexsort((names, -users))[:_MAX_PHRASES]])
    return kept


def _one_cluster(
    label: int, rows: tuple[Ints, Ints, Ints], codes: Lists, scratch: tuple[Codes, Codes, Codes]
) -> ClusterSlices:
    """Slices of one label; `rows` are account, fold and topic of its requests, by account."""
    account, fold, topic = rows
    edges = np.diff(account, prepend=-1) != 0
    position = np.cumsum(edges) - 1
    count = int(edges.sum())
    size = np.bincount(fold * count + position, minlength=2 * count).reshape(2, count)
    known = topic >= 0
    key = (fold[known] * count + position[known]) * TOPICS + topic[known]
    topics = np.bincount(key, minlength=2 * count * TOPICS).reshape(2, count, TOPICS)
    users, last, place = scratch
    names = phrase_users(position, codes, users, last)
    kept = _most_shared(names, users[names].astype(np.int64))
    place[kept] = np.arange(len(kept))
    phrases = np.zeros((2, count, len(kept)), np.int64)
    member, request, phrase = count_phrases(position, fold, codes, place, phrases)
    place[kept] = -1
    return ClusterSlices(label, account[edges].astype(np.int64), size, phrases, topics, member, request, phrase)
