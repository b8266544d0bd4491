"""From blocks of accounts to styles: the words of each, and how well a request must fit to be worded in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.stats import binom

from stillhunt.link.requests.arrays import Flags, Ints
from stillhunt.link.style.parameters import MIN_HOLDERS, STYLE_MAX_ACCOUNT_SHARE
from stillhunt.link.style.parameters import STYLE_PARAMETERS as P
from stillhunt.link.style.recurring_words import WordSample
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
    """Styles found.

    Attributes:
        weights: words x styles, integer weight of each word; 0 where it is none of the style's.
        thresholds: sum of weights above which a request is worded in each style.
    """

    weights: Weights
    thresholds: Ints

    @property
    def count(self) -> int:
        """Number of styles."""
        return len(self.thresholds)


def learned_styles(sample: WordSample, recurring: sp.csr_array, divisions: list[Flags], least: int) -> Styles:
    """Styles of the blocks that have one.

    Args:
        recurring: accounts x words, 1 where a word is a recurring word of an account.
        divisions: accounts x blocks of each division; they are learned apart, or blocks of the same accounts would
            count each other's requests as those of others.
        least: accounts that a style needs, and requests that each of them needs.
    """
    learned = [_learned(sample, recurring, inside, least) for inside in divisions]
    weights, thresholds, inside = (np.concatenate(parts, axis=-1) for parts in zip(*learned, strict=True))
    kept = _distinct(inside)
    everywhere = np.zeros((WORD_BUCKETS, len(kept)), np.int32)
    everywhere[sample.codes] = weights[:, kept]
    return Styles(everywhere, thresholds[kept])


def _learned(sample: WordSample, recurring: sp.csr_array, inside: Flags, least: int) -> tuple[Weights, Ints, Flags]:
    """Weights, thresholds and accounts of the styles of one division."""
    weights, thresholds = np.zeros((len(sample.codes), 0), np.int32), np.zeros(0, np.int64)
    for _ in range(_ROUNDS):
        sizes = inside.sum(axis=0)
        inside = inside[:, (sizes >= least) & (sizes <= STYLE_MAX_ACCOUNT_SHARE * len(inside))]
        weights = _weights(sample, recurring, inside)
        enough = (weights > 0).sum(axis=0) >= P.min_words
        weights, inside = weights[:, enough], inside[:, enough]
        fit = sample.words @ weights
        thresholds = _thresholds(fit, inside[sample.owner])
        wide = _wide(sample, fit > thresholds)
        weights, fit, thresholds = weights[:, wide], fit[:, wide], thresholds[wide]
        inside = _fitting(sample, fit > thresholds, least)
    return weights, thresholds, inside


def _distinct(inside: Flags) -> Ints:
    """Styles, ascending, without those that share most accounts with a larger one."""
    sizes = inside.sum(axis=0)
    kept: list[int] = []
    for number in np.argsort(-sizes, kind="stable").tolist():
        if 2 * int((inside[:, kept] & inside[:, [number]]).sum(axis=0).max(initial=0)) < max(int(sizes[number]), 1):
            kept.append(number)
    return np.array(sorted(kept), np.int64)


def _weights(sample: WordSample, recurring: sp.csr_array, inside: Flags) -> Weights:
    """Words x blocks: log2 of how much more often the block's requests have a word of its style, in `_BIT`."""
    of_request = inside[sample.owner].astype(np.int32)
    within = sample.requests_of @ of_request
    total = np.diff(sample.requests_of.indptr)[:, None]
    size = of_request.sum(axis=0)
    rate = (within + 0.5) / (size + 1.0)
    elsewhere = (total - within + 0.5) / (len(of_request) - size + 1.0)
    holders = recurring.T @ inside.astype(np.int32)
    needed = np.maximum(P.holder_share * inside.sum(axis=0), MIN_HOLDERS - 1)
    words = (rate >= _MIN_RATE) & (rate >= P.min_lift * elsewhere) & (holders >= needed)
    for number in range(inside.shape[1]):
        own = np.flatnonzero(words[:, number])
        words[own, number] = _neutral(sample, np.flatnonzero(of_request[:, number]), own)
    weights = np.zeros(words.shape, np.int32)
    weights[words] = np.rint(_BIT * np.minimum(np.log2(rate[words] / elsewhere[words]), _MAX_BITS))
    return weights


def _neutral(sample: WordSample, rows: Ints, words: Ints) -> Flags:
    """True for the words that stand in the topics of a block as its requests do, and not in a subject of their own."""
    topic = sample.topic[rows]
    shown = sp.csr_array((np.ones(len(rows), np.int32), (topic, np.arange(len(rows)))), shape=(TOPICS, len(rows)))
    table = (shown @ sample.words[rows][:, words]).toarray()
    neutral: Flags = _same_topic(table) <= P.max_concentration * _same_topic(np.bincount(topic)[:, None])
    return neutral


def _same_topic(table: Ints) -> npt.NDArray[np.float64]:
    """Chance that two requests of each column of a topics x columns table share their topic."""
    total = table.sum(axis=0)
    pairs = (table * (table - 1)).sum(axis=0) / np.maximum(total * (total - 1), 1)
    chance: npt.NDArray[np.float64] = np.asarray(pairs, np.float64)
    return chance


def _thresholds(fit: Weights, inside: Flags) -> Ints:
    """Sum of weights that few requests of other accounts exceed, by block."""
    found = np.zeros(fit.shape[1], np.int64)
    for number in range(fit.shape[1]):
        others = np.bincount(fit[:, number]) - np.bincount(
            fit[inside[:, number], number], minlength=int(fit[:, number].max(initial=0)) + 1
        )
        above = others.sum() - np.cumsum(others)
        found[number] = np.argmax(above <= P.matching_share * others.sum())
    return found


def _wide(sample: WordSample, matches: Flags) -> Flags:
    """True for the styles in which requests on many topics are worded: a subject or a language has words, too."""
    counts = [np.bincount(sample.topic[own], minlength=TOPICS) for own in matches.T]
    tables = np.array(counts, np.int64).reshape(-1, TOPICS)
    usual = _same_topic(np.bincount(sample.topic, minlength=TOPICS)[:, None])
    wide: Flags = _same_topic(tables.T) <= P.max_narrowness * usual
    return wide


def _fitting(sample: WordSample, matches: Flags, least: int) -> Flags:
    """Accounts x styles: of those that its requests fit beyond chance, the one that most of them fit."""
    if not matches.size:
        return np.zeros((sample.accounts, matches.shape[1]), bool)
    hits = np.add.reduceat(matches.astype(np.int64), sample.begins[:-1], axis=0)
    fitting = np.where((hits >= least) & beyond_chance(hits, sample.requests[:, None]), hits, 0)
    best: Flags = (fitting.argmax(axis=1)[:, None] == np.arange(matches.shape[1])) & (fitting > 0)
    return best


def beyond_chance(hits: Ints, requests: Ints) -> Flags:
    """True where an account words more of its requests in a style than others do by chance.

    Args:
        hits: its requests in the style.
    """
    beyond: Flags = binom.sf(hits - 1, requests, _MATCHING_LIFT * P.matching_share) < P.max_chance
    return beyond
