"""What each request is about: one topic a request, learned from a keyed sample of all requests.

Latent semantic analysis (Deerwester et al. 1990) on the sample, by subspace iteration, then spherical k-means.
Products are sums of integers and the orthogonalisation runs in one fixed order, so that the topics do not depend on
row order, file split or threads. Random indexing, tried first, was four times faster and far blunter: it saw app
traffic at an index of 5 where this sees 12 (1 = dealt at random; sample world a).

Words of a content cluster's own wrapping are left out, or a template would look like one topic and its accounts
alike by construction: content would be counted twice. A word is wrapping if it recurs in a good part of the
cluster's accounts; judged by accounts, not requests, so that one large pipeline cannot declare its subject wrapping.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.dataset import Dataset
from stillhunt.link.requests.arrays import Flags, Hashes, Ints, list_array, lists, values
from stillhunt.link.requests.index_requests import BUCKETS, Log, word_counts
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.topics.kernels import nearest_topics, orthonormal, request_vectors, word_vectors
from stillhunt.link.topics.kernels_words import (
    best_columns,
    recurring_words,
    take_words,
    telling_words,
    unit_vectors,
    word_keys,
)

Vectors = npt.NDArray[np.int32]

DIMENSIONS = 64
TOPICS = 64
"""As in the measurements behind the design (dealt 0.99-1.05, honest groups 1.35-26)."""
ROUNDS = 12
SAMPLE = 30_000
"""Requests from which topics are learned; chosen by keyed hash."""
COMMONEST = 0.08
"""Share of requests above which a word tells no topic."""
RAREST = 5
ITERATIONS = 6
SCALE = 1 << 12
BLOCK = 1 << 13
"""Requests whose topics are found at a time: their vectors stay in the cache."""
LEAST_WORDS = 3
"""Telling words a request needs: "go on" and "try again" are about nothing, and would make everybody alike."""
WRAPPER_RATE = 0.04
WRAPPER_ACCOUNTS = 0.34
"""Share of a cluster's accounts in which a word must recur to count as wrapping."""
WRAPPER_SLICE = 4
"""Distinct prompts from which an account has a say in what its cluster's wrapping is."""
NO_TOPIC = -1

RECURRING = pa.schema([("key", pa.int64()), ("accounts", pa.int64())])
SAMPLED = pa.schema([("key", pa.uint64()), ("told", pa.uint64()), ("words", pa.list_(pa.uint16()))])
TOPIC = pa.schema([("topic", pa.int8())])


def request_topics(log: Log, clusters: Clusters, *, seed: int) -> Dataset:
    """The requests with the topic of each (`topic`), 0 to `TOPICS` - 1; -1 where its words tell none.

    Args:
        log: all requests.
        clusters: content clusters, whose own words are set aside.
        seed: key of the random vectors and of the sample.
    """
    frequency = word_counts(log)
    rows = int(log.requests.sum())
    telling = (frequency >= RAREST) & (frequency <= max(COMMONEST * rows, RAREST))
    told = (telling.astype(np.uint8), _wrapping(clusters))
    words = ["cluster", "topic_words"]
    salt = np.uint64((seed * 2 + 1) & 0xFFFFFFFFFFFFFFFF)
    sampled = _sampled(clusters.rows, told, salt, rows)
    if sampled.num_rows < TOPICS:
        return clusters.rows.extend(_no_topics, TOPIC, None, ["cluster"])
    weight = np.rint(16 * np.log2(rows / np.maximum(frequency, 1))).astype(np.int64)
    used, basis, centres = _learned(sampled, weight, seed)
    code = np.full(BUCKETS, -1, np.int32)
    code[used] = np.arange(len(used))
    return clusters.rows.extend(_topics, TOPIC, (told, weight, code, basis, centres), words)


def _wrapping(clusters: Clusters) -> Ints:
    """Ascending cluster * BUCKETS + word for the words of each cluster's own wrapping."""
    found = clusters.rows.gather(_recurring, RECURRING, None, ["cluster", "account", "first_occurrence", "topic_words"])
    key, position = np.unique(values(found, "key"), return_inverse=True)
    hits = np.zeros(len(key), np.int64)
    np.add.at(hits, position, values(found, "accounts"))
    users = np.bincount(clusters.cluster[clusters.prompts >= WRAPPER_SLICE], minlength=clusters.count)
    wrapping: Ints = key[hits >= np.maximum(WRAPPER_ACCOUNTS * users[key // BUCKETS], 2)]
    return wrapping


def _recurring(table: pa.Table, _: Any) -> pa.Table:
    cluster, account = values(table, "cluster"), values(table, "account")
    rows = np.flatnonzero((cluster >= 0) & (values(table, "first_occurrence") > 0))
    key = cluster[rows].astype(np.int64) << 32 | account[rows]
    order = np.argsort(key, kind="stable")
    key, ordered = key[order], rows[order].astype(np.int32)
    edges = np.append(np.flatnonzero(np.diff(key, prepend=-1)), len(key)).astype(np.int64)
    stretch, word = recurring_words(ordered, edges, *lists(table, "topic_words"), WRAPPER_RATE)
    of_cluster = cluster[ordered[edges[stretch]]].astype(np.int64)
    key, accounts = np.unique(of_cluster * BUCKETS + word, return_counts=True)
    return pa.table({"key": key, "accounts": accounts})


def _told(
    cluster: npt.NDArray[np.int32], begins: npt.NDArray[np.int32], words: npt.NDArray[np.uint16], told: tuple[Any, Any]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]:
    """Where each request's telling words begin, one more than requests, and these words."""
    kept, offsets = np.empty(len(words), np.uint16), np.empty(len(begins), np.int32)
    used = telling_words(cluster, begins, words, *told, kept, offsets)
    return offsets, kept[:used]


def _sampled(rows: Dataset, told: Any, salt: np.uint64, requests: int) -> pa.Table:
    """Requests of the smallest keys, at least `SAMPLE` of those with enough telling words, or all of these."""
    share = min(4.0 * SAMPLE / max(requests, 1), 1.0)
    while True:
        limit = np.uint64(min(int(share * 2.0**64), 2**64 - 1))
        sampled = rows.gather(_sample, SAMPLED, (told, salt, limit), ["cluster", "topic_words"])
        if sampled.num_rows >= SAMPLE or share >= 1.0:
            return sampled
        share = min(8.0 * share, 1.0)


def _sample(table: pa.Table, context: Any) -> pa.Table:
    told, salt, limit = context
    # Drawn by their words, so that neither the order of rows nor the names of accounts move a centre.
    keys = np.empty(table.num_rows, np.uint64)
    begins, words = lists(table, "topic_words")
    word_keys(begins, words, salt, keys)
    near = np.flatnonzero(keys <= limit)
    keys, own, starts = keys[near], np.empty(len(words), np.uint16), np.empty(len(near) + 1, np.int32)
    take_words(near, begins, words, starts, own)
    offsets, kept = _told(values(table, "cluster")[near], starts, own, told)
    told_keys = np.empty(len(near), np.uint64)
    word_keys(offsets, kept, salt, told_keys)
    known = np.flatnonzero(np.diff(offsets) >= LEAST_WORDS)
    chosen = known[_drawn(keys[known], told_keys[known], np.diff(offsets)[known])]
    lengths = np.diff(offsets)[chosen]
    starts = np.append(0, np.cumsum(lengths)).astype(np.int32)
    inner = kept[np.repeat(offsets[chosen] - starts[:-1], lengths) + np.arange(int(starts[-1]))]
    return pa.table({"key": keys[chosen], "told": told_keys[chosen], "words": list_array(starts, inner)})


def _drawn(keys: Hashes, told: Hashes, lengths: Ints) -> Ints:
    """Positions of the sample, in its order."""
    if len(keys) > 2 * SAMPLE:
        limit = np.partition(keys, SAMPLE)[SAMPLE]
        near = np.flatnonzero(keys <= limit)
        return near[_drawn_all(keys[near], told[near], lengths[near])]
    return _drawn_all(keys, told, lengths)


def _drawn_all(keys: Hashes, told: Hashes, lengths: Ints) -> Ints:
    # Requests of the same words have the same key; they differ at most by what is wrapping in their clusters.
    return np.lexsort((told, lengths, keys))[:SAMPLE]


def _learned(sampled: pa.Table, weight: Ints, seed: int) -> tuple[Ints, Vectors, Vectors]:
    """Words in use, a vector for each, and the centres of the topics."""
    sampled = sampled.combine_chunks()
    offsets, words = lists(sampled, "words")
    order = _drawn(values(sampled, "key"), values(sampled, "told"), np.diff(offsets))
    taken = sampled.take(pa.array(order)).combine_chunks()
    offsets, words = lists(taken, "words")
    used, word = np.unique(words, return_inverse=True)
    row = np.repeat(np.arange(len(order)), np.diff(offsets))
    weights = _row_weights(row, weight[words], len(order))
    starts, everything = offsets.astype(np.int64), np.arange(len(order))
    basis = _start(used, seed)
    for _ in range(ITERATIONS):
        projected = word_vectors(starts, word, weights, basis, everything)
        basis = np.rint(SCALE * 16 * orthonormal(projected.astype(np.float64))).astype(np.int32)
    return used, basis, _centres(request_vectors(starts, word, weights, basis))


def _no_topics(table: pa.Table, _: Any) -> pa.Table:
    return pa.table({"topic": np.full(table.num_rows, NO_TOPIC, np.int8)})


def _topics(table: pa.Table, context: Any) -> pa.Table:
    told, weight, code, basis, centres = context
    offsets, kept = _told(values(table, "cluster"), *lists(table, "topic_words"), told)
    topics = np.full(table.num_rows, NO_TOPIC, np.int8)
    known: Flags = np.diff(offsets) >= LEAST_WORDS
    # Products of whole numbers up to 127, summed over 64: exact in float32, in whatever order they are added.
    across = np.ascontiguousarray(centres.T.astype(np.float32))
    vectors = np.empty((BLOCK, DIMENSIONS), np.float32)
    for first in range(0, table.num_rows, BLOCK):
        block = vectors[: min(BLOCK, table.num_rows - first)]
        unit_vectors(first, (offsets, kept), code, weight, basis, LEAST_WORDS, block)
        best_columns(block @ across, topics[first : first + len(block)])
    topics[~known] = NO_TOPIC
    return pa.table({"topic": topics})


def _row_weights(row: Ints, weight: Ints, rows: int) -> Ints:
    """Rarity of each word of each request, scaled so that every request has the same length."""
    square = np.bincount(row, weights=(weight * weight).astype(np.float64), minlength=rows)
    scaled: Ints = np.rint(256 * weight / np.sqrt(np.maximum(square[row], 1.0))).astype(np.int64)
    return scaled


def _start(used: Ints, seed: int) -> Vectors:
    """Random directions, drawn for every bucket and kept for the words in use, so that no word moves another's."""
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.integers(-SCALE, SCALE, size=(BUCKETS, DIMENSIONS)).astype(np.int32)[used]


def _centres(sample: Vectors) -> Vectors:
    """Spherical k-means; starts are the sample points farthest from each other, in keyed order."""
    unit = _unit_rows(sample)
    chosen = [0]
    nearest = unit.astype(np.int64) @ unit[0].astype(np.int64)
    for _ in range(TOPICS - 1):
        # An eighth into the order of distance, not the very farthest: those are outliers.
        order = np.argsort(nearest, kind="stable")
        chosen.append(int(order[len(order) // 8]))
        nearest = np.maximum(nearest, unit.astype(np.int64) @ unit[chosen[-1]].astype(np.int64))
    centres = unit[chosen]
    for _ in range(ROUNDS):
        label = nearest_topics(unit, centres)
        sums = np.zeros((TOPICS, DIMENSIONS), np.int64)
        np.add.at(sums, label, unit.astype(np.int64))
        empty = np.bincount(label, minlength=TOPICS) == 0
        centres = np.where(empty[:, None], centres, _unit_rows(sums))
    return centres


def _unit_rows(vectors: Vectors | Ints) -> Vectors:
    """Rows scaled to length 127, so that a dot product of two fits 32 bits."""
    lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))
    unit: Vectors = np.rint(127 * vectors / np.maximum(lengths[:, None], 1e-9)).astype(np.int32)
    return unit
