"""Names of the subjects that a campaign asks about: the words that tell each topic of the log from the others.

Topics are learned from hashes of words, which nobody can read back. But the hash of a word that is known can be looked
up: the words of the redacted excerpts of the campaign are the candidates, and the counts of all requests say which of
them tell a subject. A name holds no word that the excerpts do not show.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.coded import codes
from stillhunt.triage.alike_prompts import BLOCK_ROWS, BUCKETS_OF_WORDS, evenly, words_of

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]{2}|(?<![\w@/.-])[^\W\d_\u3040-\u30ff\u3400-\u9fff]{4,24}(?![\w@-])")
"""A word of letters; of scripts without spaces two characters. Labels of redacted places stand in brackets."""
_LABEL = re.compile(r"\[[a-z -]+\]")


_WORDS = 3  # Most words of a name (more are not read)
_LEAST_WORDS = 2  # Fewest words of a name (one alone is too often a common word)
# Accounts of the campaign that must use a word before it may be part of a name (what one or two wrote may be private)
_LEAST_ACCOUNTS = 3
_LEAST_REQUESTS = 5  # Requests of a topic that hold a word before it may name the topic (fewer may be chance or a name)
# Share of a topic's requests that must hold a word before it may name the topic (a word of one request in twelve or
# more stands for the topic)
_LEAST_SHARE = 0.08
# Share of the campaign's requests above which a word is of its template and names no subject (templates have few
# variants, so that their words are in nearly all requests)
_MOST_SHARE = 0.8
# times: how much commoner a word is in the topic than in the campaign's other topics and in other traffic (less tells
# no subject)
_LEAST_LIFT = 3.0
# Requests of a campaign, and as many of comparison accounts, in which words are counted (bounds the time to some tenths
# of a second)
_COUNTED_REQUESTS = 10_000


def candidate_words(excerpts: Sequence[str]) -> list[str]:
    """Words that may name a subject: those of a campaign's redacted excerpts."""
    return sorted({word.lower() for text in excerpts for word in _WORD.findall(_LABEL.sub(" ", text))})


@dataclass(frozen=True)
class WordCounts:
    """How many requests of each topic hold a word."""

    # requests of each topic with a word of each bucket, shape (topics + 1, buckets); the last row is of requests whose
    # topic is not known
    holding: Ints
    requests: Ints  # requests of each topic that were looked at, shape (topics + 1,)
    accounts: Ints  # accounts that use a word of each bucket, shape (buckets,)


def word_counts(traffic: pa.Table, rows: Ints, topics: int, buckets: Ints) -> WordCounts:
    """How many of some requests of each topic hold a word of each bucket.

    `rows`: positions of requests; at most `counted_requests` of them, evenly spread, are looked at.
    """
    rows = evenly(rows, _COUNTED_REQUESTS)
    own = traffic.select(["account_id", "topic"]).take(pa.array(rows))
    topic = own["topic"].to_numpy().astype(np.int64)
    ids, account = np.unique(codes(own["account_id"])[0], return_inverse=True)
    topic = np.where(topic >= 0, topic, topics)
    place = np.full(BUCKETS_OF_WORDS, -1, np.int64)
    place[buckets] = np.arange(len(buckets))
    holding, users = np.zeros((topics + 1) * len(buckets), np.int64), np.zeros((len(ids), len(buckets)), bool)
    for first in range(0, len(rows), BLOCK_ROWS):
        block = slice(first, first + BLOCK_ROWS)
        lengths, words = words_of(traffic["topic_words"], rows[block])
        at = place[words]
        known = at >= 0
        of_topic, of_account = (np.repeat(part[block], lengths)[known] for part in (topic, account))
        holding += np.bincount(of_topic * len(buckets) + at[known], minlength=len(holding))
        users[of_account, at[known]] = True
    return WordCounts(
        holding.reshape(topics + 1, len(buckets)), np.bincount(topic, minlength=topics + 1), users.sum(axis=0)
    )


def subject_names(words: Sequence[str], place: Ints, own: WordCounts, others: WordCounts) -> dict[int, str]:
    """Names of the campaign's topics, as far as words tell them.

    `place`: bucket of each word, as a column of the counts. Returns topic -> its most telling words, joined by commas;
    no two topics have one name.
    """
    total, requests = own.holding.sum(axis=0), int(own.requests.sum())
    everywhere = others.holding.sum(axis=0) / max(int(others.requests.sum()), 1)
    usable = (total <= _MOST_SHARE * requests) & (own.accounts >= _LEAST_ACCOUNTS)
    names: dict[int, str] = {}
    for topic in np.argsort(-own.requests[:-1], kind="stable").tolist():
        holding, inside = own.holding[topic], own.holding[topic] / max(int(own.requests[topic]), 1)
        outside = (total - holding) / max(requests - int(own.requests[topic]), 1)
        usual = np.maximum(np.maximum(outside, everywhere), 1e-6)
        fits = usable & (holding >= _LEAST_REQUESTS) & (inside >= _LEAST_SHARE)
        fits &= inside >= _LEAST_LIFT * usual
        name = _name_subject(words, place, np.where(fits, inside * np.log2(np.maximum(inside / usual, 1e-9)), 0.0))
        if name and name not in names.values():
            names[topic] = name
    return names


def _name_subject(words: Sequence[str], place: Ints, telling: Floats) -> str:
    """The most telling words, one of each bucket; the earlier in the alphabet where two are equal."""
    weights = telling[place]
    ranked = sorted((-float(weights[at]), words[at], int(place[at])) for at in np.flatnonzero(weights > 0.0).tolist())
    chosen: dict[int, str] = {}
    for _, word, bucket in ranked:
        if len(chosen) < _WORDS and not any(_same_stem(word, other) for other in chosen.values()):
            chosen.setdefault(bucket, word)
    return ", ".join(chosen.values()) if len(chosen) >= _LEAST_WORDS else ""


def _same_stem(word: str, other: str) -> bool:
    """True for forms of one word, as far as their beginnings show it."""
    length = max(min(len(word), len(other)) - 2, 4)
    return word[:length] == other[:length]


def shares_of(values: Sequence[str | None]) -> list[tuple[str | None, float]]:
    """Each value with its share, the commonest first; the unknown last."""
    counted = Counter(values)
    ranked = sorted(counted.items(), key=lambda one: (one[0] is None, -one[1], one[0] or ""))
    return [(value, times / len(values)) for value, times in ranked]
