"""Groups of accounts that word their requests in one style.

A style is treated as a content cluster whose phrases are its words: the accounts that use it are its slices, and the
search for groups asks, on one fold, which of them have the same mix of its words and of topics, and judges on the other
fold. Accounts that merely share a language or a trade have mixes of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from stillhunt.base.config import Config
from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.groups.slices import SLICE_ROWS, ClusterSlices, sorted_slices
from stillhunt.link.requests.arrays import Flags, Floats, Ints, list_array, lists, values
from stillhunt.link.style.recurring_words import is_free, recurring_words, word_sample
from stillhunt.link.style.styles import Styles, beyond_chance, learned_styles
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.topics.topic_kernels import orthonormal, word_vectors
from stillhunt.link.topics.topics import WORD_BUCKETS

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
    """Accounts x blocks, coarsely and finely divided; an account without a recurring word is in no block.

    Args:
        recurring: accounts x words, 1 where a word is a recurring word of an account.
        seed: key of the random start.
    """
    used, word = np.unique(recurring.indices, return_inverse=True)
    fine = int(np.clip(recurring.shape[0] // _ACCOUNTS_PER_BLOCK, *_FINE_BLOCKS))
    if len(used) < fine or recurring.shape[0] < fine:
        return [np.zeros((recurring.shape[0], 0), bool)]
    vectors = _account_vectors(recurring, (used, word.astype(np.int64)), fine, seed)
    known, divisions = np.diff(recurring.indptr) > 0, []
    for count in (_COARSE_BLOCKS, fine):
        block = np.abs(_rotated(vectors[:, :count])).argmax(axis=1)
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


def _rotated(vectors: Floats) -> Floats:
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
    """Content clusters, groups and labels, with each style in which a group is found as one more content cluster.

    Args:
        clusters: content clusters and the requests.
        label_of: label of each content cluster.
    """
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
    rows = clusters.rows.extend(_styled, STYLED, (styles, grouped), ["cluster", "topic_words"])
    context = (styles, grouped, accounts, config.link.min_slice_requests)
    columns = ["cluster", "account", "first_occurrence", "fold", "topic", "topic_words", "style"]
    groups = _groups(rows.gather(_slice_rows, SLICE_ROWS, context, columns), least)
    chosen = _strongest(groups, styles.count)
    if not len(chosen):
        return clusters, found, label_of
    label = np.full(styles.count, -1)
    label[chosen] = clusters.count + np.arange(len(chosen))
    columns = ["cluster", "matched", "topic_words", "style"]
    rows = rows.extend(_relabelled, RELABELLED, (styles, label), columns).without(("style",))
    joined = replace(clusters, rows=rows, count=clusters.count + len(chosen))
    added = [_labelled(pair, label) for pair in groups if label[pair[1].cluster] >= 0]
    return joined.with_uses(accounts), found + added, np.append(label_of, label[chosen])


def _groups(slice_rows: pa.Table, least: int) -> StyleGroups:
    """Groups of all styles on both folds."""
    found: StyleGroups = []
    for slices in sorted_slices(slice_rows) if slice_rows.num_rows else ():
        for fold in (0, 1):
            found += [(slices.without_counts(), group) for group in find_groups(slices, formed_on=fold, least=least)]
    return found


def _strongest(groups: StyleGroups, styles: int) -> Ints:
    """Styles whose groups have the most held-out bits, ascending."""
    strength = np.zeros(styles)
    for _, group in groups:
        strength[group.cluster] = max(strength[group.cluster], group.strength)
    order = np.argsort(-strength, kind="stable")[:_MOST_STYLES]
    chosen: Ints = np.sort(order[strength[order] > 0.0])
    return chosen


def _labelled(pair: tuple[ClusterSlices, Group], label: Ints) -> tuple[ClusterSlices, Group]:
    slices, group = pair
    number = int(label[group.cluster])
    return replace(slices, cluster=number), replace(group, cluster=number)


def _styled(table: pa.Table, context: Any) -> pa.Table:
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


def _relabelled(table: pa.Table, context: Any) -> pa.Table:
    styles, label = context
    cluster, matched = values(table, "cluster").copy(), values(table, "matched").copy()
    own = np.append(label, -1)[values(table, "style")]  # the last place stands for -1
    rows = np.flatnonzero(own >= 0)
    cluster[rows] = own[rows]
    matched[rows] = np.bincount(_style_words(table, styles, rows)[0], minlength=len(rows))
    return pa.table({"cluster": cluster, "matched": matched})
