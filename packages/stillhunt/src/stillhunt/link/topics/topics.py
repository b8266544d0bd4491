"""The topic of each request: one topic per request, learned from a keyed sample of all requests.

Latent semantic analysis (Deerwester et al. 1990) on the sample, by subspace iteration, then spherical k-means.
Products are sums of integers, and the orthogonalisation runs in one fixed order, so that the topics do not depend on
the order of rows, the split into files or the number of threads. Random indexing, tried first, was four times faster
and far blunter: it saw app traffic at a dispersion index of 5 where this method sees 12 (sample world a).

The words of a content cluster's own template are left out. Otherwise a template would look like one topic, its accounts
would be alike by construction, and content would count twice. A word belongs to the template if it recurs in a good
part of the cluster's accounts; accounts are counted and not requests, so that one large pipeline cannot declare its
topic a template. Where one phrase stands in most prompts of an account, so are the words that do: a wording that nobody
shares would hide what the account asks about.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.arrays import ranges
from stillhunt.base.dataset import Dataset
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.link.requests.arrays import Flags, Hashes, Ints, list_array, lists, values
from stillhunt.link.requests.index_requests import IndexedLog
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.templates.recurring_phrases import WORDING_RATE
from stillhunt.link.topics.topic_word_kernels import (
    TOPIC_DIMENSIONS,
    best_columns,
    count_words,
    orthonormal,
    recurring_words,
    request_vectors,
    take_words,
    telling_words,
    unit_vectors,
    word_keys,
    word_vectors,
)


class TopicParameters(NamedTuple):
    """Topics."""

    topics: int
    max_word_share: float
    min_words: int
    wrapper_word_rate: float
    wrapper_account_share: float


TOPIC_SEARCH = read_parameters(TopicParameters, "link.topics")


# Rounds of subspace iteration by which the latent space is found (the space hardly turns after that)
_SUBSPACE_ITERATIONS = 6
_CENTRE_ROUNDS = 12  # Rounds of spherical k-means (few requests change their topic after that)
# 1 / share: a new centre starts at this part of the sample in order of distance from the centres so far (the very
# farthest points are outliers)
_START_QUANTILE = 8
_SAMPLE = 30_000  # Requests from which topics are learned, chosen by a keyed hash (bounds time and memory)
_MIN_WORD_REQUESTS = 5  # Requests below which a word shows no topic (misspellings and names)
_WRAPPER_WORD_REQUESTS = 2  # Requests of an account in a cluster from which a word recurs there (once is no recurrence)
# Shares of the words of an account's wording between which a template is a sentence of it (seen, medians of accounts:
# 0.45 to 0.83 where wordings are put together from one stock; 0 to 0.26, or 0.85 and more, for other templates)
_LEAST_SENTENCE, _LEAST_WORDING = 0.33, 0.84
_MORE_WORDS = 2  # Words that the wording has besides (one is a word of the questions)
_WRAPPER_MIN_ACCOUNTS = 2  # Accounts in which it must recur at least (one account's words may be its topic)


Vectors = npt.NDArray[np.int32]

TOPICS = TOPIC_SEARCH.topics
WORD_BUCKETS = 1 << 16
"""Topic words are buckets of a hash of 16 bits."""
NO_TOPIC = -1
SCALE = 1 << 12
"""Length of a basis vector, as an integer."""
REQUEST_BLOCK = 1 << 13
"""Requests whose topics are found at a time: their vectors stay in the cache."""

RECURRING_WORDS = pa.schema([("key", pa.int64()), ("accounts", pa.int64())])
SAMPLED = pa.schema([("key", pa.uint64()), ("telling", pa.uint64()), ("words", pa.list_(pa.uint16()))])
WORD_COUNTS = pa.schema([("word", pa.int32()), ("requests", pa.int64())])
TOPIC = pa.schema([("topic", pa.int8())])


class TopicModel(NamedTuple):
    """What was learned of the topics of one log."""

    shows_topic: npt.NDArray[np.uint8]  # 1 for each word bucket that shows a topic
    template_words: Ints  # ascending label * WORD_BUCKETS + word
    clusters: int  # labels of accounts follow those of so many content clusters
    weight: Ints  # rarity of each word bucket
    code: npt.NDArray[np.int32]  # row of the basis of each word bucket; -1 where it has none
    basis: Vectors
    centres: Vectors


def request_topics(
    log: IndexedLog, clusters: Clusters, template: Ints, *, worded: Flags, seed: int
) -> tuple[Dataset, TopicModel | None]:
    """The requests with the `topic` of each, 0 to `TOPICS` - 1; -1 where the words of a request do not show it.

    `template`: of `template_words`; clusters that were left out since do not matter. `worded`: True for accounts with a
    wording of their own, whose words show no topic. The model is None where too few show one.
    """
    frequency = _word_counts(log)
    rows = int(log.requests.sum())
    most = max(TOPIC_SEARCH.max_word_share * rows, _MIN_WORD_REQUESTS)
    shows_topic = (frequency >= _MIN_WORD_REQUESTS) & (frequency <= most)
    learned_without, shown_without = (np.append(template, own) for own in _own_words(clusters, worded))
    telling = (shows_topic.astype(np.uint8), learned_without, clusters.count)
    words = ["account", "cluster", "topic_words"]
    salt = np.uint64((seed * 2 + 1) & 0xFFFFFFFFFFFFFFFF)
    sampled = _sample_requests(clusters.rows, telling, salt, rows)
    if sampled.num_rows < TOPICS:
        return clusters.rows.extend(_no_topics, TOPIC, None, ["cluster"]), None
    weight = np.rint(16 * np.log2(rows / np.maximum(frequency, 1))).astype(np.int64)
    used, basis, centres = _learn_topics(sampled, weight, seed)
    code = np.full(WORD_BUCKETS, -1, np.int32)
    code[used] = np.arange(len(used))
    model = TopicModel(telling[0], shown_without, clusters.count, weight, code, basis, centres)
    return clusters.rows.extend(topics_of_partition, TOPIC, model, words), model


def without_stock_sentences(clusters: Clusters, template: Ints, *, worded: Flags, least_accounts: int) -> Clusters:
    """The clusters without those whose template is a sentence of what most of its accounts word each time.

    Accounts whose wordings are put together from one stock of sentences share some of them by chance. Each sentence
    would be a template and its users a group, so that one work queue falls into groups of which none convinces. An
    account counts where at least half of what it sends by templates is sent by this one.

    Args:
        template, worded: as for `request_topics`.
        least_accounts: accounts of whose wordings it must be a sentence.
    """
    _, wording = _own_words(clusters, worded, inside=True)
    sent = np.bincount(clusters.account, clusters.prompts)
    main = 2 * clusters.prompts >= sent[clusters.account]  # first: an account has two such clusters at most
    cluster, label = clusters.cluster[main], clusters.count + clusters.account[main]
    begins, ends = (np.searchsorted(wording, (label + more) * WORD_BUCKETS) for more in (0, 1))
    use = np.repeat(np.arange(len(label)), ends - begins)
    key = cluster[use] * WORD_BUCKETS + wording[ranges(begins, ends)] % WORD_BUCKETS
    common = np.append(template, -1)[np.searchsorted(template, key)] == key
    shared, words = np.bincount(use, common, len(label)), ends - begins
    sentence = (shared >= _LEAST_SENTENCE * words) & (shared < _LEAST_WORDING * words) & (words - shared >= _MORE_WORDS)
    users, stock = (np.bincount(some, minlength=clusters.count) for some in (clusters.cluster, cluster[sentence]))
    left_out = (2 * stock > users) & (stock >= least_accounts)
    return clusters.keep(~left_out) if left_out.any() else clusters


def template_words(clusters: Clusters, least: int) -> Ints:
    """Ascending cluster * WORD_BUCKETS + word for the words of each cluster's template.

    `least`: distinct prompts from which an account has a say in what these are.
    """
    columns = ["cluster", "account", "first_occurrence", "topic_words"]
    found = clusters.rows.gather(_recurring_in_partition, RECURRING_WORDS, None, columns)
    key, position = np.unique(values(found, "key"), return_inverse=True)
    hits = np.zeros(len(key), np.int64)
    np.add.at(hits, position, values(found, "accounts"))
    users = np.bincount(clusters.cluster[clusters.prompts >= least], minlength=clusters.count)
    needed = np.maximum(TOPIC_SEARCH.wrapper_account_share * users[key // WORD_BUCKETS], _WRAPPER_MIN_ACCOUNTS)
    kept: Ints = key[hits >= needed]
    return kept


def _own_words(clusters: Clusters, worded: Flags, *, inside: bool = False) -> tuple[Ints, Ints]:
    """Ascending label * WORD_BUCKETS + word for the words of each account's own wording; labels are above all clusters.

    `inside`: also of requests inside clusters.

    Returns those without which topics are learned, and without which a request shows one: there, what stands in most of
    an account's requests with its wording counts as well, so that traffic beside it hides nothing. Topics are learned
    without that, so that a few accounts do not move all centres.
    """
    columns, context = ["cluster", "account", "first_occurrence", "unworded", "topic_words"], (worded, inside)
    own = clusters.rows.gather(_own_words_in_partition, RECURRING_WORDS, (clusters.count, *context), columns)
    key = values(own, "key")
    return np.sort(key[values(own, "accounts") > 0]), np.unique(key)


def _labels_of(table: pa.Table, clusters: int) -> npt.NDArray[np.int32]:
    """Cluster of each request, and where there is none, the number of clusters and the account's code."""
    cluster = values(table, "cluster")
    labels: npt.NDArray[np.int32] = np.where(cluster >= 0, cluster, np.int32(clusters) + values(table, "account"))
    return labels


def _word_counts(log: IndexedLog) -> Ints:
    """Requests in which each topic word stands, one entry per word bucket."""
    found = log.rows.gather(_partition_words, WORD_COUNTS, None, ["topic_words"])
    total = np.zeros(WORD_BUCKETS, np.int64)
    np.add.at(total, values(found, "word"), values(found, "requests"))
    return total


def _partition_words(table: pa.Table, _: Any) -> pa.Table:
    counts = np.zeros(WORD_BUCKETS, np.int64)
    count_words(lists(table, "topic_words")[1], counts)
    return pa.table({"word": np.arange(WORD_BUCKETS, dtype=np.int32), "requests": counts})


def _recurring_in_partition(table: pa.Table, _: Any) -> pa.Table:
    label = values(table, "cluster").astype(np.int64)
    key, accounts = _recurring_keys(table, label, label >= 0, (_WRAPPER_WORD_REQUESTS, TOPIC_SEARCH.wrapper_word_rate))
    return pa.table({"key": key, "accounts": accounts})


def _own_words_in_partition(table: pa.Table, context: Any) -> pa.Table:
    """The words of each account's own wording: 1 where they stand in most of its requests, else in most worded ones."""
    (clusters, worded, inside), account = context, values(table, "account")
    label, own = clusters + account.astype(np.int64), worded[account] & (inside | (values(table, "cluster") < 0))
    limits = (SLICE_PARAMETERS.min_untemplated_questions, WORDING_RATE)
    everywhere, accounts = _recurring_keys(table, label, own, limits)
    more, others = _recurring_keys(table, label, own & (values(table, "unworded") == 0), limits)
    return pa.table({"key": np.append(everywhere, more), "accounts": np.append(accounts, 0 * others)})


def _recurring_keys(table: pa.Table, label: Ints, wanted: Flags, limits: tuple[int, float]) -> tuple[Ints, Ints]:
    """Label and word as one number, where the word recurs in an account's wanted requests, and in how many accounts."""
    rows = np.flatnonzero(wanted & (values(table, "first_occurrence") > 0))
    key = label[rows] << 32 | values(table, "account")[rows]
    order = np.argsort(key)  # in what order an account's requests stand is of no matter
    key, ordered = key[order], rows[order].astype(np.int32)
    edges = np.append(np.flatnonzero(np.diff(key, prepend=-1)), len(key)).astype(np.int64)
    run, word = recurring_words(ordered, edges, *lists(table, "topic_words"), *limits)
    return np.unique(label[ordered[edges[run]]] * WORD_BUCKETS + word, return_counts=True)


def _telling_words(
    cluster: npt.NDArray[np.int32],
    begins: npt.NDArray[np.int32],
    words: npt.NDArray[np.uint16],
    telling: tuple[Any, Any],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]:
    """Where each request's telling words begin, one more than requests, and these words."""
    kept, offsets = np.empty(len(words), np.uint16), np.empty(len(begins), np.int32)
    used = telling_words(cluster, begins, words, *telling, kept, offsets)
    return offsets, kept[:used]


def _sample_requests(rows: Dataset, telling: Any, salt: np.uint64, requests: int) -> pa.Table:
    """Requests of the smallest keys, so many of those with enough telling words, or all."""
    share = min(4.0 * _SAMPLE / max(requests, 1), 1.0)
    while True:
        limit = np.uint64(min(int(share * 2.0**64), 2**64 - 1))
        sampled = rows.gather(_sample_partition, SAMPLED, (telling, salt, limit), ["account", "cluster", "topic_words"])
        if sampled.num_rows >= _SAMPLE or share >= 1.0:
            return sampled
        share = min(8.0 * share, 1.0)


def _sample_partition(table: pa.Table, context: Any) -> pa.Table:
    telling, salt, limit = context
    # Drawn by their words, so that neither the order of rows nor the names of accounts can move a centre.
    keys = np.empty(table.num_rows, np.uint64)
    begins, words = lists(table, "topic_words")
    word_keys(begins, words, salt, keys)
    near = np.flatnonzero(keys <= limit)
    keys, own, starts = keys[near], np.empty(len(words), np.uint16), np.empty(len(near) + 1, np.int32)
    take_words(near, begins, words, starts, own)
    offsets, kept = _telling_words(_labels_of(table, telling[2])[near], starts, own, telling[:2])
    telling_keys = np.empty(len(near), np.uint64)
    word_keys(offsets, kept, salt, telling_keys)
    known = np.flatnonzero(np.diff(offsets) >= TOPIC_SEARCH.min_words)
    chosen = known[_draw_positions(keys[known], telling_keys[known], np.diff(offsets)[known])]
    lengths = np.diff(offsets)[chosen]
    starts = np.append(0, np.cumsum(lengths)).astype(np.int32)
    inner = kept[np.repeat(offsets[chosen] - starts[:-1], lengths) + np.arange(int(starts[-1]))]
    return pa.table({"key": keys[chosen], "telling": telling_keys[chosen], "words": list_array(starts, inner)})


def _draw_positions(keys: Hashes, telling: Hashes, lengths: Ints) -> Ints:
    """Positions of the sample, in its order."""
    near = np.arange(len(keys))
    if len(keys) > _SAMPLE:
        near = np.flatnonzero(keys <= np.partition(keys, _SAMPLE)[_SAMPLE])
    # Requests of the same words have the same key; they differ at most by the template words of their clusters.
    return near[np.lexsort((telling[near], lengths[near], keys[near]))[:_SAMPLE]]


def _learn_topics(sampled: pa.Table, weight: Ints, seed: int) -> tuple[Ints, Vectors, Vectors]:
    """Words in use, a vector for each, and the centres of the topics."""
    sampled = sampled.combine_chunks()
    offsets, words = lists(sampled, "words")
    order = _draw_positions(values(sampled, "key"), values(sampled, "telling"), np.diff(offsets))
    taken = sampled.take(pa.array(order)).combine_chunks()
    offsets, words = lists(taken, "words")
    used, word = np.unique(words, return_inverse=True)
    row = np.repeat(np.arange(len(order)), np.diff(offsets))
    weights = _row_weights(row, weight[words], len(order))
    starts, everything = offsets.astype(np.int64), np.arange(len(order))
    # Drawn for every bucket and kept for the words in use, so that no word moves another's.
    basis = _random_directions(seed)[used].astype(np.int32)
    for _ in range(_SUBSPACE_ITERATIONS):
        projected = word_vectors(starts, word, weights, basis, everything)
        basis = np.rint(SCALE * 16 * orthonormal(projected.astype(np.float64))).astype(np.int32)
    return used, basis, _find_centres(request_vectors(starts, word, weights, basis))


def _no_topics(table: pa.Table, _: Any) -> pa.Table:
    return pa.table({"topic": np.full(table.num_rows, NO_TOPIC, np.int8)})


def topics_of_partition(table: pa.Table, model: TopicModel) -> pa.Table:
    """TOPIC of some requests, with their columns `cluster`, `account` and `topic_words`."""
    labels, telling = _labels_of(table, model.clusters), (model.shows_topic, model.template_words)
    offsets, kept = _telling_words(labels, *lists(table, "topic_words"), telling)
    topics = np.full(table.num_rows, NO_TOPIC, np.int8)
    known: Flags = np.diff(offsets) >= TOPIC_SEARCH.min_words
    # Products of whole numbers up to 127, summed over 64: exact in float32, in whatever order they are added.
    across = np.ascontiguousarray(model.centres.T.astype(np.float32))
    vectors = np.empty((REQUEST_BLOCK, TOPIC_DIMENSIONS), np.float32)
    for first in range(0, table.num_rows, REQUEST_BLOCK):
        block = vectors[: min(REQUEST_BLOCK, table.num_rows - first)]
        unit_vectors(first, (offsets, kept), model.code, model.weight, model.basis, TOPIC_SEARCH.min_words, block)
        best_columns(block, across, topics[first : first + len(block)])
    topics[~known] = NO_TOPIC
    return pa.table({"topic": topics})


def _row_weights(row: Ints, weight: Ints, rows: int) -> Ints:
    """Rarity of each word of each request, scaled so that every request has the same length."""
    square = np.bincount(row, weights=(weight * weight).astype(np.float64), minlength=rows)
    scaled: Ints = np.rint(256 * weight / np.sqrt(np.maximum(square[row], 1.0))).astype(np.int64)
    return scaled


@lru_cache(1)
def _random_directions(seed: int) -> npt.NDArray[np.int16]:
    """A direction for each bucket; a service hunts again and again under one seed."""
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.integers(-SCALE, SCALE, size=(WORD_BUCKETS, TOPIC_DIMENSIONS)).astype(np.int16)


def _find_centres(sample: Vectors) -> Vectors:
    """Spherical k-means; starts are the sample points farthest from each other, in keyed order."""
    unit = _unit_rows(sample)
    exact = unit.astype(np.float32)  # products of whole numbers up to 127, summed over 64
    chosen = [0]
    nearest = exact @ exact[0]
    for _ in range(TOPICS - 1):
        # An eighth into the order of distance, not the very farthest: those are outliers.
        chosen.append(_find_in_order(nearest, len(nearest) // _START_QUANTILE))
        nearest = np.maximum(nearest, exact @ exact[chosen[-1]])
    centres = unit[chosen]
    label = np.empty(len(unit), np.int8)
    for _ in range(_CENTRE_ROUNDS):
        best_columns(exact, np.ascontiguousarray(centres.T.astype(np.float32)), label)
        # Up to 127 each, and _SAMPLE of them: exact in float32, in whatever order they are added.
        sums = ((label == np.arange(TOPICS)[:, None]).astype(np.float32) @ exact).astype(np.int64)
        empty = np.bincount(label, minlength=TOPICS) == 0
        centres = np.where(empty[:, None], centres, _unit_rows(sums))
    return centres


def _find_in_order(values: npt.NDArray[np.float32], place: int) -> int:
    """Position of the value at a place in ascending order; equal values keep their order."""
    value = np.partition(values, place)[place]
    return int(np.flatnonzero(values == value)[place - np.count_nonzero(values < value)])


def _unit_rows(vectors: Vectors | Ints) -> Vectors:
    """Rows scaled to length 127, so that a dot product of two fits 32 bits."""
    lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))
    unit: Vectors = np.rint(127 * vectors / np.maximum(lengths[:, None], 1e-9)).astype(np.int32)
    return unit
