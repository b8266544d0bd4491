"""Groups of accounts that word their requests in one style.

A style is treated as a content cluster whose phrases are its words: the accounts that use it are its slices, and the
search for groups asks, on one fold, which of them have the same mix of its words and of topics, and judges on the other
fold. Accounts that merely share a language or a trade have mixes of their own.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from scipy.special import betainc

from stillhunt.base.config import Config
from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.groups.slices import SLICE_ROWS, ClusterSlices, sorted_slices
from stillhunt.link.requests.arrays import Flags, Floats, Ints, list_array, lists, values
from stillhunt.link.style.recurring_words import (
    MIN_HOLDERS,
    STYLE_MAX_ACCOUNT_SHARE,
    STYLE_SEARCH,
    WordSample,
    is_free,
    recurring_words,
    word_sample,
)
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.topics.topic_word_kernels import orthonormal, word_vectors
from stillhunt.link.topics.topics import TOPICS, WORD_BUCKETS

# rounds: times that the words of a style are learned from its accounts, and its accounts from their requests (blocks
# settle earlier)
_ROUNDS = 3
# Share of a block's requests in which a word of its style stands (measured: worlds of rung 7 and 0 of two generators,
# seeds of docs/adr/0024; no script repeats it)
_MIN_RATE = 0.01
# Times that share of an account's requests that must look so, beyond chance (an account may share a few words with
# anybody)
_MATCHING_LIFT = 5.0


Weights = npt.NDArray[np.int32]

_BIT = 16
"""Integer weight of a word that is twice as frequent in a style."""
_MAX_BITS = 7


@dataclass(frozen=True)
class Styles:
    """Styles found."""

    weights: Weights  # words x styles, integer weight of each word; 0 where it is none of the style's
    thresholds: Ints  # sum of weights above which a request is worded in each style

    @property
    def count(self) -> int:
        """Number of styles."""
        return len(self.thresholds)


def learned_styles(sample: WordSample, recurring: sp.csr_array, divisions: list[Flags], least: int) -> Styles:
    """Styles of the blocks that have one.

    `divisions`: accounts x blocks of each division; they are learned apart, or blocks of the same accounts would count
    each other's requests as those of others. `least`: accounts that a style needs, and requests that each of them
    needs.
    """
    learned = [_learn_styles(sample, recurring, inside, least) for inside in divisions]
    weights, thresholds, inside = (np.concatenate(parts, axis=-1) for parts in zip(*learned, strict=True))
    kept = _distinct_styles(inside)
    everywhere = np.zeros((WORD_BUCKETS, len(kept)), np.int32)
    everywhere[sample.codes] = weights[:, kept]
    return Styles(everywhere, thresholds[kept])


def _learn_styles(
    sample: WordSample, recurring: sp.csr_array, inside: Flags, least: int
) -> tuple[Weights, Ints, Flags]:
    """Weights, thresholds and accounts of the styles of one division."""
    weights, thresholds = np.zeros((len(sample.codes), 0), np.int32), np.zeros(0, np.int64)
    for _ in range(_ROUNDS):
        sizes = inside.sum(axis=0)
        inside = inside[:, (sizes >= least) & (sizes <= STYLE_MAX_ACCOUNT_SHARE * len(inside))]
        weights = _weigh_words(sample, recurring, inside)
        enough = (weights > 0).sum(axis=0) >= STYLE_SEARCH.min_words
        weights, inside = weights[:, enough], inside[:, enough]
        fit = sample.words @ weights
        thresholds = _find_thresholds(fit, inside[sample.owner])
        wide = _wide_styles(sample, fit > thresholds)
        weights, fit, thresholds = weights[:, wide], fit[:, wide], thresholds[wide]
        inside = _fitting_accounts(sample, fit > thresholds, least)
    return weights, thresholds, inside


def _distinct_styles(inside: Flags) -> Ints:
    """Styles, ascending, without those that share most accounts with a larger one."""
    sizes = inside.sum(axis=0)
    kept: list[int] = []
    for number in np.argsort(-sizes, kind="stable").tolist():
        if 2 * int((inside[:, kept] & inside[:, [number]]).sum(axis=0).max(initial=0)) < max(int(sizes[number]), 1):
            kept.append(number)
    return np.array(sorted(kept), np.int64)


def _weigh_words(sample: WordSample, recurring: sp.csr_array, inside: Flags) -> Weights:
    """Words x blocks: log2 of how much more often the block's requests have a word of its style, in `_BIT`."""
    # An account is in one block at most, so counting takes no product of matrices.
    count = inside.shape[1]
    block = np.where(inside.any(axis=1), inside.argmax(axis=1), count)[sample.owner] if count else sample.owner * 0
    cells = sample.words.indices * (count + 1) + np.repeat(block, np.diff(sample.words.indptr))
    shape = len(sample.codes), count + 1
    within = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)[:, :count]
    size = np.bincount(block, minlength=count + 1)[:count]
    rate = (within + 0.5) / (size + 1.0)
    elsewhere = (sample.word_requests[:, None] - within + 0.5) / (len(block) - size + 1.0)
    holders = recurring.T @ inside.astype(np.int32)
    needed = np.maximum(STYLE_SEARCH.holder_share * inside.sum(axis=0), MIN_HOLDERS - 1)
    words = (rate >= _MIN_RATE) & (rate >= STYLE_SEARCH.min_lift * elsewhere) & (holders >= needed)
    for number in range(count):
        own = np.flatnonzero(words[:, number])
        words[own, number] = _neutral_words(sample, np.flatnonzero(block == number), own)
    weights = np.zeros(words.shape, np.int32)
    weights[words] = np.rint(_BIT * np.minimum(np.log2(rate[words] / elsewhere[words]), _MAX_BITS))
    return weights


def _neutral_words(sample: WordSample, rows: Ints, words: Ints) -> Flags:
    """True for the words that stand in the topics of a block as its requests do, and not in a subject of their own."""
    topic = sample.topic[rows]
    shown = sp.csr_array((np.ones(len(rows), np.int32), (topic, np.arange(len(rows)))), shape=(TOPICS, len(rows)))
    table = (shown @ sample.words[rows][:, words]).toarray()
    neutral: Flags = _same_topic(table) <= STYLE_SEARCH.max_concentration * _same_topic(np.bincount(topic)[:, None])
    return neutral


def _same_topic(table: Ints) -> npt.NDArray[np.float64]:
    """Chance that two requests of each column of a topics x columns table share their topic."""
    total = table.sum(axis=0)
    pairs = (table * (table - 1)).sum(axis=0) / np.maximum(total * (total - 1), 1)
    chance: npt.NDArray[np.float64] = np.asarray(pairs, np.float64)
    return chance


def _find_thresholds(fit: Weights, inside: Flags) -> Ints:
    """Sum of weights that few requests of other accounts exceed, by block."""
    found = np.zeros(fit.shape[1], np.int64)
    for number in range(fit.shape[1]):
        every = np.bincount(fit[:, number])
        others = every - np.bincount(fit[inside[:, number], number], minlength=len(every))
        above = others.sum() - np.cumsum(others)
        found[number] = np.argmax(above <= STYLE_SEARCH.matching_share * others.sum())
    return found


def _wide_styles(sample: WordSample, matches: Flags) -> Flags:
    """True for the styles in which requests on many topics are worded: a subject or a language has words, too."""
    counts = [np.bincount(sample.topic[own], minlength=TOPICS) for own in matches.T]
    tables = np.array(counts, np.int64).reshape(-1, TOPICS)
    usual = _same_topic(np.bincount(sample.topic, minlength=TOPICS)[:, None])
    wide: Flags = _same_topic(tables.T) <= STYLE_SEARCH.max_narrowness * usual
    return wide


def _fitting_accounts(sample: WordSample, matches: Flags, least: int) -> Flags:
    """Accounts x styles: of those that its requests fit beyond chance, the one that most of them fit."""
    if not matches.size:
        return np.zeros((sample.accounts, matches.shape[1]), bool)
    hits = np.add.reduceat(matches.astype(np.int64), sample.begins[:-1], axis=0)
    fitting = np.where((hits >= least) & beyond_chance(hits, sample.requests[:, None]), hits, 0)
    best: Flags = (fitting.argmax(axis=1)[:, None] == np.arange(matches.shape[1])) & (fitting > 0)
    return best


def beyond_chance(hits: Ints, requests: Ints) -> Flags:
    """True where an account words more of its requests in a style than others do by chance."""
    # the binomial tail of `hits` and more; scipy.stats has it as well, and takes half a second to import
    chance = betainc(hits, requests - hits + 1, _MATCHING_LIFT * STYLE_SEARCH.matching_share)
    beyond: Flags = chance < STYLE_SEARCH.max_chance
    return beyond


# Styles that become candidates: those whose groups have the most held-out bits (a candidate costs time, and a campaign
# stands out)
_MOST_STYLES = 4
# Blocks of accounts into which recurring words are divided first; in a small log, finer ones tear campaigns apart
_COARSE_BLOCKS = 6
# Fewest and most blocks into which they are divided once more (measured: as above, and one world of 20,000 accounts,
# seed 431, in which 24 and 48 do not find it)
_FINE_BLOCKS = (24, 64)
# Accounts for each of these blocks (a campaign of 60 accounts should be a good part of its block)
_ACCOUNTS_PER_BLOCK = 150
# Rounds of subspace iteration by which the blocks are found (the space hardly turns after that)
_SUBSPACE_ITERATIONS = 10
# means: added to the rarity of an account's recurring words together before accounts are compared, as a multiple of its
# mean over accounts
_DEGREE_SMOOTHING = 2.0
_SCALE = 1 << 16
"""Length of a vector, as an integer."""
_CELL = 1 << 10
"""Scale of a weight, as an integer."""


def blocks(recurring: sp.csr_array, seed: int) -> list[Flags]:
    """Accounts x blocks, coarsely and finely divided; an account without a recurring word is in no block."""
    used, word = np.unique(recurring.indices, return_inverse=True)
    fine = int(np.clip(recurring.shape[0] // _ACCOUNTS_PER_BLOCK, *_FINE_BLOCKS))
    if len(used) < fine or recurring.shape[0] < fine:
        return [np.zeros((recurring.shape[0], 0), bool)]
    vectors = _account_vectors(recurring, (used, word.astype(np.int64)), fine, seed)
    known, divisions = np.diff(recurring.indptr) > 0, []
    for count in (_COARSE_BLOCKS, fine):
        block = np.abs(_rotate_vectors(vectors[:, :count])).argmax(axis=1)
        divisions.append((block[:, None] == np.arange(count)) & known[:, None])
    return divisions


def _account_vectors(recurring: sp.csr_array, words: tuple[Ints, Ints], dimensions: int, seed: int) -> Floats:
    """Orthonormal vectors, one entry an account, that span the strongest common recurring words.

    `words` are the distinct words, and the position among them of each entry.
    """
    used, word = words
    begins, count = recurring.indptr.astype(np.int64), recurring.shape[0]
    account = np.repeat(np.arange(count), np.diff(begins))
    rarity = np.log2(count / np.bincount(word))[word]
    degree = np.bincount(account, weights=rarity, minlength=count)
    degree += _DEGREE_SMOOTHING * degree.mean()
    weight = np.rint(_CELL * np.sqrt(rarity / degree[account])).astype(np.int64)
    generator = np.random.Generator(np.random.PCG64(seed))
    basis = generator.integers(-_SCALE, _SCALE, size=(len(used), dimensions)).astype(np.int32)
    for _ in range(_SUBSPACE_ITERATIONS):
        step = word_vectors(begins, word, weight, basis, np.arange(count))
        basis = np.rint(_SCALE * orthonormal(step.astype(np.float64))).astype(np.int32)
    across = sp.csr_array((weight, word, begins), shape=(count, len(used)))
    return orthonormal((across @ basis.astype(np.int64)).astype(np.float64))


def _rotate_vectors(vectors: Floats) -> Floats:
    """The same vectors, turned so that each account's largest entry is that of its block."""
    left, chosen = vectors.copy(), []
    for _ in range(vectors.shape[1]):
        lengths = np.square(left).sum(axis=1)
        chosen.append(int(lengths.argmax()))
        direction = left[chosen[-1]] / np.sqrt(max(float(lengths[chosen[-1]]), 1e-12))
        left -= np.outer((left * direction).sum(axis=1), direction)
    first, _, second = np.linalg.svd(vectors[chosen].T)
    turned: Floats = vectors @ (first @ second)
    return turned


StyleGroups = list[tuple[ClusterSlices, Group]]
STYLED = pa.schema([("style", pa.int16())])
RELABELLED = pa.schema([("cluster", pa.int32()), ("matched", pa.int32())])


def with_styles(
    clusters: Clusters, found: StyleGroups, label_of: Ints, accounts: int, config: Config
) -> tuple[Clusters, StyleGroups, Ints]:
    """Content clusters, groups and labels, with each style in which a group is found as one more content cluster."""
    least = config.resolve.min_accounts
    held = np.zeros(clusters.count, bool)
    held[[group.cluster for _, group in found]] = True
    grouped = held[label_of]
    sample = word_sample(clusters.rows, grouped, accounts)
    if sample.accounts < least:
        return clusters, found, label_of
    own = recurring_words(sample)
    styles = learned_styles(sample, own, blocks(own, config.seed), least)
    if not styles.count:
        return clusters, found, label_of
    rows = clusters.rows.extend(_style_of_requests, STYLED, (styles, grouped), ["cluster", "topic_words"])
    context = (styles, grouped, accounts, config.link.min_slice_requests)
    columns = ["cluster", "account", "first_occurrence", "fold", "topic", "topic_words", "style"]
    groups = _groups_of_styles(rows.gather(_slice_rows, SLICE_ROWS, context, columns), least)
    chosen = _strongest_styles(groups, styles.count)
    if not len(chosen):
        return clusters, found, label_of
    label = np.full(styles.count, -1)
    label[chosen] = clusters.count + np.arange(len(chosen))
    columns = ["cluster", "matched", "topic_words", "style"]
    rows = rows.extend(_relabel_requests, RELABELLED, (styles, label), columns).without(("style",))
    joined = replace(clusters, rows=rows, count=clusters.count + len(chosen))
    added = [_label_group(pair, label) for pair in groups if label[pair[1].cluster] >= 0]
    return joined.with_uses(accounts), found + added, np.append(label_of, label[chosen])


def _groups_of_styles(slice_rows: pa.Table, least: int) -> StyleGroups:
    """Groups of all styles on both folds."""
    found: StyleGroups = []
    for slices in sorted_slices(slice_rows) if slice_rows.num_rows else ():
        for fold in (0, 1):
            found += [(slices.without_counts(), group) for group in find_groups(slices, formed_on=fold, least=least)]
    return found


def _strongest_styles(groups: StyleGroups, styles: int) -> Ints:
    """Styles whose groups have the most held-out bits, ascending."""
    strength = np.zeros(styles)
    for _, group in groups:
        strength[group.cluster] = max(strength[group.cluster], group.strength)
    order = np.argsort(-strength, kind="stable")[:_MOST_STYLES]
    chosen: Ints = np.sort(order[strength[order] > 0.0])
    return chosen


def _label_group(pair: tuple[ClusterSlices, Group], label: Ints) -> tuple[ClusterSlices, Group]:
    slices, group = pair
    number = int(label[group.cluster])
    return replace(slices, cluster=number), replace(group, cluster=number)


def _style_of_requests(table: pa.Table, context: Any) -> pa.Table:
    """Style of each request that is in no content cluster with a group; -1 where it fits none."""
    styles, grouped = context
    begins, words = lists(table, "topic_words")
    has = sp.csr_array((np.ones(len(words), np.int32), words.astype(np.int32), begins), (table.num_rows, WORD_BUCKETS))
    above = has @ styles.weights - styles.thresholds
    fits = (above.max(axis=1, initial=0) > 0) & is_free(values(table, "cluster"), grouped)
    return pa.table({"style": np.where(fits, above.argmax(axis=1), -1).astype(np.int16)})


def _slice_rows(table: pa.Table, context: Any) -> pa.Table:
    """Requests of the accounts that word more of them in a style than chance allows."""
    styles, grouped, accounts, least = context
    account = values(table, "account").astype(np.int64)
    style = values(table, "style").astype(np.int64)
    asked = is_free(values(table, "cluster"), grouped) & (values(table, "first_occurrence") > 0)
    rows = np.flatnonzero(asked & (style >= 0))
    names, position, hits = np.unique(style[rows] * accounts + account[rows], return_inverse=True, return_counts=True)
    prompts = np.bincount(account[asked], minlength=accounts)[names % accounts]
    rows = rows[((hits >= least) & beyond_chance(hits, prompts))[position]]
    row, words = _style_words(table, styles, rows)
    offsets = np.append(0, np.cumsum(np.bincount(row, minlength=len(rows)))).astype(np.int32)
    return pa.table(
        {
            "label": style[rows].astype(np.int32),
            "account": account[rows].astype(np.int32),
            "fold": values(table, "fold")[rows].astype(np.int8),
            "topic": values(table, "topic")[rows],
            "codes": list_array(offsets, words.astype(np.int32)),
        }
    )


def _style_words(table: pa.Table, styles: Styles, rows: Ints) -> tuple[Ints, Ints]:
    """Words of their styles in some requests: position among the requests, and word."""
    begins, words = lists(table, "topic_words")
    lengths = np.diff(begins)[rows]
    row = np.repeat(np.arange(len(rows)), lengths)
    word = words[np.repeat(begins[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))]
    own = styles.weights[word, values(table, "style")[rows][row]] > 0
    return row[own], word[own]


def _relabel_requests(table: pa.Table, context: Any) -> pa.Table:
    styles, label = context
    cluster, matched = values(table, "cluster").copy(), values(table, "matched").copy()
    own = np.append(label, -1)[values(table, "style")]  # the last place stands for -1
    rows = np.flatnonzero(own >= 0)
    cluster[rows] = own[rows]
    matched[rows] = np.bincount(_style_words(table, styles, rows)[0], minlength=len(rows))
    return pa.table({"cluster": cluster, "matched": matched})
