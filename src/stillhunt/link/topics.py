"""What each request is about: one topic a request, learned from the merged sketches.

Latent semantic analysis (Deerwester et al. 1990) on a keyed sample, by subspace iteration, then spherical k-means.
Products are sums of integers and the orthogonalisation runs in one fixed order, so that the topics do not depend on
row order, file split or threads. Random indexing, tried first, was four times faster and far blunter: it saw app
traffic at an index of 5 where this sees 12 (1 = dealt at random; sample world a).

Words of a content cluster's own wrapping are left out, or a template would look like one topic and its accounts
alike by construction: content would be counted twice. A word is wrapping if it recurs in a good part of the
cluster's accounts; judged by accounts, not requests, so that one large pipeline cannot declare its subject wrapping.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillhunt.link.clusters import Clusters
from stillhunt.link.coding import Coded, Flags, Hashes, Ints
from stillhunt.link.kernels import nearest_topics, orthonormal, request_vectors, word_vectors

Vectors = npt.NDArray[np.int32]

BUCKETS = 1 << 16
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
BLOCK = 1 << 15
"""Requests scaled at a time; bounds memory."""
LEAST_WORDS = 3
"""Telling words a request needs: "go on" and "try again" are about nothing, and would make everybody alike."""
WRAPPER_RATE = 0.04
WRAPPER_ACCOUNTS = 0.34
"""Share of a cluster's accounts in which a word must recur to count as wrapping."""
NO_TOPIC = -1


def request_topics(coded: Coded, clusters: Clusters, *, seed: int) -> Ints:
    """Topic of each request, 0 to `TOPICS` - 1; -1 where its words tell none.

    Args:
        coded: requests in canonical order.
        clusters: content clusters, whose own words are set aside.
        seed: key of the random vectors and of the sample.
    """
    rows = coded.rows
    frequency = np.bincount(coded.word, minlength=BUCKETS)
    telling = (frequency >= RAREST) & (frequency <= max(COMMONEST * rows, RAREST))
    keep = telling[coded.word] & ~_wrapper_words(coded, clusters)
    row = coded.word_row[keep]
    # Only the words in use take part: their codes are as good as the buckets, and far fewer in a small log.
    used, word = np.unique(coded.word[keep], return_inverse=True)
    weight = np.rint(16 * np.log2(rows / np.maximum(frequency[used], 1))).astype(np.int64)
    offsets = np.searchsorted(row, np.arange(rows + 1))
    weights = _row_weights(row, weight[word], rows)
    topics = np.full(rows, NO_TOPIC, np.int64)
    known = np.flatnonzero(np.diff(offsets) >= LEAST_WORDS)
    if len(known) < TOPICS:
        return topics
    # In keyed order of their words, so that neither the order of rows nor the names of accounts move a centre.
    sample = known[np.argsort(_keys(coded, seed)[known], kind="stable")[:SAMPLE]]
    basis = _word_basis(offsets, word, weights, sample, _start(used, seed))
    vectors = request_vectors(offsets, word, weights, basis)
    centres = _centres(vectors[sample])
    for block in np.array_split(known, len(known) // BLOCK + 1):
        topics[block] = nearest_topics(_unit_rows(vectors[block]), centres)
    return topics


def _keys(coded: Coded, seed: int) -> Hashes:
    """A number for each request from its own words alone, to draw a sample that no row order can move."""
    mixed = (coded.word.astype(np.uint64) + np.uint64(seed * 2 + 1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    total = np.zeros(coded.rows, np.uint64)
    np.add.at(total, coded.word_row, mixed)
    keys: Hashes = total ^ (total >> np.uint64(31))
    return keys


def _wrapper_words(coded: Coded, clusters: Clusters) -> Flags:
    """True for each (request, word) whose word belongs to the wrapping of the request's content cluster."""
    cluster = clusters.of_request[coded.word_row]
    inside = (cluster >= 0) & coded.fresh[coded.word_row]
    wrapper = np.zeros(len(coded.word), bool)
    if not inside.any():
        return wrapper
    accounts = len(coded.account_ids)
    of_request = clusters.of_request[coded.fresh]
    size = np.bincount(
        of_request[of_request >= 0] * accounts + coded.account[coded.fresh][of_request >= 0],
        minlength=clusters.count * accounts,
    )
    slice_key = cluster[inside] * accounts + coded.account[coded.word_row[inside]]
    key, count = np.unique(slice_key * BUCKETS + coded.word[inside], return_counts=True)
    owner, word = np.divmod(key, BUCKETS)
    recurs = (count >= 2) & (count >= WRAPPER_RATE * size[owner])
    key, hits = np.unique((owner[recurs] // accounts) * BUCKETS + word[recurs], return_counts=True)
    users = np.bincount(np.flatnonzero(size >= 4) // accounts, minlength=clusters.count)
    own = hits >= np.maximum(WRAPPER_ACCOUNTS * users[key // BUCKETS], 2)
    clustered = cluster >= 0
    wrapper[clustered] = np.isin(cluster[clustered] * BUCKETS + coded.word[clustered], key[own])
    return wrapper


def _row_weights(row: Ints, weight: Ints, rows: int) -> Ints:
    """Rarity of each word of each request, scaled so that every request has the same length."""
    square = np.bincount(row, weights=(weight * weight).astype(np.float64), minlength=rows)
    scaled: Ints = np.rint(256 * weight / np.sqrt(np.maximum(square[row], 1.0))).astype(np.int64)
    return scaled


def _start(used: Ints, seed: int) -> Vectors:
    """Random directions, drawn for every bucket and kept for the words in use, so that no word moves another's."""
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.integers(-SCALE, SCALE, size=(BUCKETS, DIMENSIONS)).astype(np.int32)[used]


def _word_basis(offsets: Ints, word: Ints, weights: Ints, sample: Ints, basis: Vectors) -> Vectors:
    """Leading directions of the sample's word space: one integer vector a word."""
    for _ in range(ITERATIONS):
        projected = word_vectors(offsets, word, weights, basis, sample)
        basis = np.rint(SCALE * 16 * orthonormal(projected.astype(np.float64))).astype(np.int32)
    return basis


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
