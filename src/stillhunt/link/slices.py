"""Slices: one account's requests in one content cluster, and what each half of its conversations shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.link.clusters import Clusters
from stillhunt.link.coding import Coded, Ints
from stillhunt.link.topics import TOPICS

MOST_PHRASES = 256
"""Phrases of a cluster by which its slices are compared; bounds the work that one hostile or chained cluster causes."""


@dataclass(frozen=True)
class ClusterSlices:
    """The slices of one content cluster; arrays have one entry a slice unless said otherwise.

    Attributes:
        cluster: label of the cluster.
        account: account codes, ascending.
        size: distinct prompts, by half (2 x slices).
        phrases: prompts with each phrase, by half (2 x slices x phrases).
        topics: prompts on each topic, by half (2 x slices x TOPICS).
        member, request, phrase: occurrences, by half: slice position, request number, phrase position.
    """

    cluster: int
    account: Ints
    size: Ints
    phrases: Ints
    topics: Ints
    member: tuple[Ints, Ints]
    request: tuple[Ints, Ints]
    phrase: tuple[Ints, Ints]


def cluster_slices(
    coded: Coded, clusters: Clusters, topics: Ints, *, least_accounts: int, least: int
) -> list[ClusterSlices]:
    """Slices of every cluster that enough accounts use.

    Args:
        coded: requests in canonical order.
        clusters: content clusters.
        topics: topic of each request.
        least_accounts: accounts a cluster needs.
        least: distinct prompts a slice needs.
    """
    rows = np.flatnonzero(coded.fresh & (clusters.of_request >= 0))
    rows = rows[np.lexsort((rows, coded.account[rows], clusters.of_request[rows]))]
    cluster = clusters.of_request[rows]
    occurrence_order = np.argsort(clusters.of_request[clusters.row], kind="stable")
    occurrence_row = clusters.row[occurrence_order]
    occurrence_phrase = clusters.row_phrase[occurrence_order]
    occurrence_cluster = clusters.of_request[occurrence_row]
    found = []
    for label in range(clusters.count):
        own = rows[np.searchsorted(cluster, label) : np.searchsorted(cluster, label + 1)]
        account, position, prompts = np.unique(coded.account[own], return_inverse=True, return_counts=True)
        large = prompts >= least
        if large.sum() < least_accounts:
            continue
        first, last = np.searchsorted(occurrence_cluster, [label, label + 1])
        found.append(
            _one_cluster(
                coded,
                label,
                account[large],
                own,
                np.where(large, np.cumsum(large) - 1, -1)[position],
                topics,
                (occurrence_row[first:last], occurrence_phrase[first:last]),
            )
        )
    return found


def _most_shared(member: Ints, phrase: Ints) -> Ints:
    """The phrases that most slices have, at most `MOST_PHRASES`; the smaller code on ties."""
    pair = np.unique(np.stack([phrase, member]), axis=1)[0]
    names, slices = np.unique(pair, return_counts=True)
    kept: Ints = np.sort(names[np.lexsort((names, -slices))[:MOST_PHRASES]])
    return kept


def _one_cluster(
    coded: Coded, label: int, account: Ints, rows: Ints, position: Ints, topics: Ints, occurrences: tuple[Ints, Ints]
) -> ClusterSlices:
    kept = position >= 0
    rows, position = rows[kept], position[kept]
    half = coded.half[rows]
    count = len(account)
    size = np.zeros((2, count), np.int64)
    np.add.at(size, (half, position), 1)
    topic_counts = np.zeros((2, count, TOPICS), np.int64)
    known = topics[rows] >= 0
    np.add.at(topic_counts, (half[known], position[known], topics[rows[known]]), 1)
    row_position = np.full(coded.rows, -1, np.int64)
    row_position[rows] = position
    member = row_position[occurrences[0]]
    inside = member >= 0
    inside &= np.isin(occurrences[1], _most_shared(member[inside], occurrences[1][inside]))
    names, phrase = np.unique(occurrences[1][inside], return_inverse=True)
    member, request = member[inside], occurrences[0][inside]
    phrase_counts = np.zeros((2, count, len(names)), np.int64)
    occurrence_half = coded.half[request]
    np.add.at(phrase_counts, (occurrence_half, member, phrase), 1)
    halves = [occurrence_half == side for side in (0, 1)]
    return ClusterSlices(
        cluster=label,
        account=account,
        size=size,
        phrases=phrase_counts,
        topics=topic_counts,
        member=(member[halves[0]], member[halves[1]]),
        request=(request[halves[0]], request[halves[1]]),
        phrase=(phrase[halves[0]], phrase[halves[1]]),
    )
