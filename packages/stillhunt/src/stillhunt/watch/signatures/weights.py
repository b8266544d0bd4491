"""Weights in bits: how much more frequent a phrase, a setting or a client is in a campaign than in honest traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillhunt.link.campaign_phrases import distinct_keys
from stillhunt.link.requests.arrays import Floats, Hashes, Ints, lists, values
from stillhunt.watch.signatures.parameters import LEAST_HONEST_ACCOUNTS, LEAST_PHRASE_ACCOUNTS, PHRASE_SMOOTHING
from stillhunt.watch.signatures.parameters import SIGNATURES as P
from stillhunt.watch.signatures.passes import CHOOSING, PHRASE, SENDER, STATING, STYLE, TOPIC_WORD, TOTAL, topic_words
from stillhunt.watch.signatures.signature import (
    SENDER_FEATURES,
    STYLE_FEATURES,
    FalseMatches,
    StyleWeights,
    fill_sentence,
)
from stillhunt.watch.signatures.weighing import (
    PHRASE_COLUMNS,
    Senders,
    hash_text,
    sender_hashes,
    sender_weights,
    senders_of,
    style_hashes,
)

_TELLING_BITS = 1.0
"""Bits from which a feature of style is worth a sentence."""
_WORDS = {
    "settings": "temperature, top_p and max_tokens",
    "model": "models",
    "client": "client programs",
    "tls": "TLS fingerprints",
}


def reasons_of(
    material: Material, bits: Floats, known: Hashes, style: Mapping[str, StyleWeights], counts: Counts
) -> list[str]:
    """Sentences about the phrases, with their bits, and the style of a signature."""
    requests, accounts = counts.total(CHOOSING)
    elsewhere, _ = counts.of(PHRASE, known)
    size = {"phrases": len(known), "requests": material.requests, "accounts": material.accounts}
    size |= {"absent": int((elsewhere == 0).sum()), "honest": requests, "others": accounts}
    found = [fill_sentence("rests_on", **size, most=float(bits.max()), all=float(bits.sum()))]
    for name in STYLE_FEATURES:
        hashes, own = material.style[name]
        weights = np.array([style[name].values.get(f"{int(one):016x}", 0.0) for one in hashes])
        telling = weights >= _TELLING_BITS
        if telling.any():
            share, times = float(own[telling].sum() / own.sum()), 2.0 ** float(weights[telling].min())
            most = P.all_style_bits[1]
            found.append(fill_sentence("rests_on_style", share=share, words=_WORDS[name], times=times, most=most))
    return found


def rate_sentences(rate: FalseMatches) -> list[str]:
    """Sentences about what a signature matched in the honest traffic that had no part in making it."""
    figures = {"requests": rate.requests, "accounts": rate.accounts, "matched": rate.matched}
    found = [fill_sentence("rate", **figures, most=rate.at_most_per_million)]
    if rate.set_aside:
        found.append(fill_sentence("set_aside", accounts=rate.set_aside, matched=rate.set_aside_matched))
    return found


# Phrases of a signature: those in most of its requests (bounds the memory for each account that is followed)
_MOST_PHRASES = 512
# Least and most bits of one feature of style: settings, model, user agent, TLS fingerprint (a replacement pool may
# change each of them; none of them names a campaign)
_STYLE_BITS = (-3.0, 4.0)


MOST_VALUES = 64
"""Values of a feature of style, and MOST_TOPICS topic words, that a signature keeps: the most frequent."""
MOST_TOPICS = 256


class Counts:
    """What was counted in honest traffic, over all partitions."""

    def __init__(self, table: pa.Table) -> None:
        total = table.group_by(["kind", "half", "key"]).aggregate([("requests", "sum"), ("accounts", "sum")])
        total = total.sort_by([("kind", "ascending"), ("half", "ascending"), ("key", "ascending")])
        self._kind, self._half = values(total, "kind"), values(total, "half")
        self._key = values(total, "key")
        self._requests, self._accounts = values(total, "requests_sum"), values(total, "accounts_sum")

    def total(self, half: int) -> tuple[int, int]:
        """Requests and accounts of one half of the honest traffic."""
        own = (self._kind == TOTAL) & (self._half == half)
        return int(self._requests[own].sum()), int(self._accounts[own].sum())

    def of(self, kind: int, keys: Hashes) -> tuple[Ints, Ints]:
        """Requests and accounts with each key of a kind, PHRASE, STYLE or later, in the half that sets weights."""
        own = np.flatnonzero((self._kind == kind) & (self._half == CHOOSING))
        if not len(own):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        place = np.minimum(np.searchsorted(self._key[own], keys), len(own) - 1)
        here = self._key[own][place] == keys
        return np.where(here, self._requests[own][place], 0), np.where(here, self._accounts[own][place], 0)

    def enough(self) -> bool:
        """Whether both halves have accounts enough."""
        return min(self.total(half)[1] for half in (CHOOSING, STATING)) >= LEAST_HONEST_ACCOUNTS


@dataclass(frozen=True)
class Material:
    """What a campaign's harvested requests show."""

    requests: int
    accounts: int
    phrases: Hashes
    phrase_requests: Ints
    phrase_accounts: Ints
    style: dict[str, tuple[Hashes, Ints]]  # feature -> hashes of values, ascending, and requests with each
    senders: dict[str, Senders]  # feature of a sender -> its values
    topics: tuple[Hashes, Ints]  # buckets of topic words, ascending, and requests with each


def material_of(harvested: pa.Table) -> Material:
    """Count phrases, values of style and topic words of a campaign's requests.

    `harvested`: requests of one campaign, as `fetch_harvested` gives them.
    """
    rows, phrases = [], []
    for name in PHRASE_COLUMNS:
        begins, found = lists(harvested, name)
        rows.append(np.repeat(np.arange(harvested.num_rows), np.diff(begins)))
        phrases.append(found.astype(np.uint64))
    row, phrase = np.concatenate(rows), np.concatenate(phrases)
    known = distinct_keys(phrase)
    code = np.searchsorted(known, phrase)
    per_request = distinct_keys(row * max(len(known), 1) + code)
    _, owner = np.unique(values(harvested, "account_key"), return_inverse=True)
    per_account = distinct_keys(owner[row] * max(len(known), 1) + code)
    hashes = style_hashes(harvested)
    style = {name: np.unique(column, return_counts=True) for name, column in hashes.items()}
    return Material(
        requests=harvested.num_rows,
        accounts=int(owner.max(initial=-1)) + 1,
        phrases=known,
        phrase_requests=np.bincount(per_request % max(len(known), 1), minlength=len(known)),
        phrase_accounts=np.bincount(per_account % max(len(known), 1), minlength=len(known)),
        style=style,
        senders=senders_of(sender_hashes(harvested, hashes), owner),
        topics=topic_words(harvested),
    )


def campaign_phrases(material: Material) -> Hashes:
    """Hashes of the phrases that recur in a campaign, ascending, at most `most_phrases`."""
    least = np.maximum(P.phrase_share * material.requests, LEAST_PHRASE_ACCOUNTS)
    recurs = (material.phrase_requests >= least) & (material.phrase_accounts >= LEAST_PHRASE_ACCOUNTS)
    places = np.flatnonzero(recurs)
    # Twice as many as are kept: the most frequent ones may be ordinary language.
    first = np.lexsort((material.phrases[places], -material.phrase_requests[places]))[: 2 * _MOST_PHRASES]
    return np.sort(material.phrases[places[first]])


def phrase_weights(material: Material, phrases: Hashes, counts: Counts) -> tuple[Hashes, Floats]:
    """The phrases that are rare in honest traffic, ascending, and their bits.

    The rate in honest traffic is that of requests or that of accounts, whichever is higher: a phrase of one busy app
    is no rarer for being one app's, and a phrase of many people is no rarer for being used once.
    """
    own = material.phrase_requests[np.searchsorted(material.phrases, phrases)]
    requests, accounts = counts.of(PHRASE, phrases)
    all_requests, all_accounts = counts.total(CHOOSING)
    honest = np.maximum(
        (requests + PHRASE_SMOOTHING) / (all_requests + 2 * PHRASE_SMOOTHING),
        (accounts + PHRASE_SMOOTHING) / (all_accounts + 2 * PHRASE_SMOOTHING),
    )
    rate = (own + PHRASE_SMOOTHING * honest) / (material.requests + PHRASE_SMOOTHING)
    bits = np.minimum(np.log2(rate / honest), P.most_phrase_bits)
    kept = np.flatnonzero(bits >= P.least_phrase_bits)
    kept = np.sort(kept[np.lexsort((phrases[kept], -own[kept]))[:_MOST_PHRASES]])
    return phrases[kept], np.round(bits[kept], 3)


def mean_bits(material: Material, phrases: Hashes, bits: Floats) -> float:
    """Mean bits of the phrases of one harvested request."""
    own = material.phrase_requests[np.searchsorted(material.phrases, phrases)]
    return round(float((own * bits).sum()) / material.requests, 3)


def style_weights(material: Material, counts: Counts) -> dict[str, StyleWeights]:
    """Bits of the campaign's values of each feature of style, and of all other values."""
    result = {}
    all_requests, _ = counts.total(CHOOSING)
    least, most = _STYLE_BITS
    for number, name in enumerate(STYLE_FEATURES):
        hashes, own = material.style[name]
        honest, _ = counts.of(STYLE + number, hashes)
        rate = (honest + 1.0) / (all_requests + 2.0)
        bits = np.clip(np.log2((own + rate) / (material.requests + 1.0) / rate), least, most)
        first = np.lexsort((hashes, -own))[:MOST_VALUES]
        elsewhere = 1.0 - honest.sum() / (all_requests + 2.0)
        other = np.clip(np.log2(1.0 / (material.requests + 2.0) / max(elsewhere, 1e-3)), least, 0.0)
        weights = {hash_text(hashes[at]): round(float(bits[at]), 3) for at in first.tolist()}
        result[name] = StyleWeights(weights, round(float(other), 3))
    return result


def all_sender_weights(material: Material, counts: Counts) -> dict[str, dict[str, float]]:
    """Bits of the campaign's values of each feature of senders, where they tell anything."""
    honest = sum(counts.total(half)[1] for half in (CHOOSING, STATING))
    result = {}
    for number, name in enumerate(SENDER_FEATURES):
        own = material.senders[name]
        _, accounts = counts.of(SENDER + number, own.hashes)
        result[name] = sender_weights(own, material.accounts, accounts, honest)
    return result


def topic_weights(material: Material, counts: Counts) -> dict[str, float]:
    """Bits of the topic words that are more frequent in the campaign than in honest traffic, by bucket."""
    words, own = material.topics
    honest, _ = counts.of(TOPIC_WORD, words)
    rate = (honest + 1.0) / (counts.total(CHOOSING)[0] + 2.0)
    bits = np.clip(np.log2((own + rate) / (material.requests + 1.0) / rate), *_STYLE_BITS)
    telling = np.flatnonzero((bits >= 1.0) & (own >= LEAST_PHRASE_ACCOUNTS))
    first = telling[np.lexsort((words[telling], -own[telling] * bits[telling]))[:MOST_TOPICS]]
    return {str(words[at]): round(float(bits[at]), 3) for at in np.sort(first).tolist()}
