"""Weights of all signatures in the form in which one request is looked up while its gateway waits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from stillhunt.base.arrays import GOLDEN_RATIO, U32
from stillhunt.base.visible_ids import visible_id
from stillhunt.watch.signatures.asked_texts import valid
from stillhunt.watch.signatures.features import hash_text, mixed
from stillhunt.watch.signatures.parameters import SIGNATURES
from stillhunt.watch.signatures.senders import program_hash
from stillhunt.watch.signatures.signature import MICRO, SENDER_FEATURES, Signature

Settings = tuple[float | None, ...]
"""Temperature, top_p and max_tokens that a client sent; None where it sent none."""
KnownStyle = tuple[tuple[str, str], ...]
"""Feature of style and hash of its value, as signature files write them, for the features that are known."""
_READ_CHARACTERS = 256
_NUMBERS = re.compile(r"[0-9][0-9.]*")
"""As in `features`: how much of a model or User-Agent is read, and what goes from a User-Agent."""
_CACHED_STYLES = 4096
_LEAST, _MOST = (round(bound * MICRO) for bound in SIGNATURES.all_style_bits)


class PhraseTable:
    """The phrases of all signatures in one ascending table of twenty bytes a phrase.

    Args:
        signatures: their order gives their numbers.
    """

    def __init__(self, signatures: Sequence[Signature]) -> None:
        sizes = [len(one.phrases) for one in signatures]
        phrase = np.array([phrase for one in signatures for phrase in one.phrases], np.uint32)
        weight = np.array([bits for one in signatures for bits in one.phrase_bits], np.float64)
        order = np.argsort(phrase, kind="stable")
        self._known, first = np.unique(phrase[order], return_index=True)
        self._first = np.append(first, len(order)).astype(np.int32)
        self._signature = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[order]
        self._number = np.array([number for size in sizes for number in range(size)], np.int32)[order]
        self._weight = np.round(weight * MICRO).astype(np.int32)[order]

    def find(self, phrases: U32) -> list[tuple[int, dict[int, int]]]:
        """Signatures of which a request has a phrase.

        Args:
            phrases: of the request, in any order; one that stands twice counts once.

        Returns:
            Number of each signature, ascending, and the number of each phrase within it with its weight in millionths
            of a bit.
        """
        if not len(self._known):
            return []
        place = np.minimum(np.searchsorted(self._known, phrases), len(self._known) - 1)
        place = place[self._known[place] == phrases]
        if not len(place):  # nearly always
            return []
        first = self._first[place]
        size = self._first[place + 1] - first
        use = np.repeat(first - np.cumsum(size) + size, size) + np.arange(size.sum())
        columns = (column[use].tolist() for column in (self._signature, self._number, self._weight))
        found: dict[int, dict[int, int]] = {}
        for signature, number, weight in zip(*columns, strict=True):
            found.setdefault(signature, {})[number] = weight
        return sorted(found.items())


def style_bits(signature: Signature, known: KnownStyle) -> int:
    """Bits of what is known of a request's style, in millionths.

    A feature that the gateway does not pass on gives no bits: it is missing for everybody, so its absence is as
    frequent in a campaign as elsewhere. In a log, a missing value is a value like others, which says what a client did
    not send; to count it as "other" here would hold up to 3 bits a feature against every account. What honest accounts
    gain is the bits that style would have cost them: at most 8 (`all_style_bits`), of the 60 or more that are needed.

    Args:
        known: as `known_style` gives it.
    """
    total = 0
    for feature, value in known:
        weights = signature.style.get(feature)
        if weights is not None and weights.values:
            total += round(weights.values.get(value, weights.other) * MICRO)
    return min(max(total, _LEAST), _MOST)


def known_style(model: str | None, user_agent: str | None, settings: Settings | None) -> KnownStyle:
    """Hashes of the features of style that are known of a request, as `style_hashes` makes them of a log.

    Args:
        model: as the client names it; None or empty where it is not known.
        settings: None where they are not known.
    """
    return _known_style((model or "")[:_READ_CHARACTERS], (user_agent or "")[:_READ_CHARACTERS], settings)


@lru_cache(_CACHED_STYLES)
def _known_style(model: str, user_agent: str, settings: Settings | None) -> KnownStyle:
    # `style_hashes` works on columns and takes half a millisecond for one row; a test holds the two together.
    found = []
    if settings is not None:
        found.append(("settings", hash_text(_settings_hash(settings))))
    if model:
        found.append(("model", _value_hash("model", visible_id(valid(model))[:_READ_CHARACTERS])))
    if user_agent:
        agent = visible_id(valid(user_agent))[:_READ_CHARACTERS]
        found.append(("client", _value_hash("client", _NUMBERS.sub("#", agent))))
    return tuple(found)


@lru_cache(_CACHED_STYLES)
def known_senders(style: KnownStyle) -> KnownStyle:
    """Feature and hash of what is known of a request's sender, as `senders.sender_hashes` makes them of a log.

    A gateway tells neither the network nor the TLS fingerprint.

    Args:
        style: as `known_style` gives it.
    """
    known = {name: value for name, value in style if name in SENDER_FEATURES}
    if {"client", "settings"} <= known.keys():
        client, settings = (np.array([int(known[name], 16)], np.uint64) for name in ("client", "settings"))
        known["program"] = hash_text(program_hash(client, settings)[0])
    return tuple(known.items())


def _value_hash(feature: str, value: str) -> str:
    return hashlib.blake2b(f"{feature}:{value}".encode(), digest_size=8).hexdigest()


def _settings_hash(settings: Settings) -> int:
    result = np.zeros(1, np.uint64)
    for value in settings:
        own = GOLDEN_RATIO if value is None else np.array([value + 0.0], np.float64).view(np.uint64)
        result = mixed(result * np.uint64(3) + own)
    return int(result[0])
