"""What signatures read of requests and how they weigh it, in whole millionths so that no order of adding matters."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import M1, M2, U32
from stillhunt.base.coded import codes
from stillhunt.base.schema import SAMPLING_PARAMETERS
from stillhunt.link.campaign_phrases import distinct_keys
from stillhunt.link.requests.arrays import Hashes, Ints, lists, values
from stillhunt.watch.signatures.parameters import LEAST_PHRASE_ACCOUNTS, PHRASE_SMOOTHING
from stillhunt.watch.signatures.parameters import SIGNATURES as P
from stillhunt.watch.signatures.signature import MICRO, SENDER_FEATURES, Signature

PHRASE_COLUMNS = ("phrases", "system_phrases")
STYLE_COLUMNS = (*SAMPLING_PARAMETERS, "model", "user_agent", "tls_fingerprint")
_READ_CHARACTERS = 256
"""Characters of a User-Agent or fingerprint that are read: a client may send any length."""
_NUMBERS = r"[0-9][0-9.]*"
_FILTER_BITS = 18
_HALF = np.uint64(33)
_UNSET = np.uint64(0x9E3779B97F4A7C15)


def known_phrases_of(table: pa.Table, known: Hashes) -> tuple[Ints, Ints]:
    """Where known phrases stand in requests, each once a request, whether in the prompt or the system prompt.

    Returns row and place in `known` of each, ascending by both.
    """
    if not len(known):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    passes = np.zeros(1 << _FILTER_BITS, bool)
    shift = np.uint32(32 - _FILTER_BITS)
    passes[known.astype(np.uint32) >> shift] = True  # most phrases of a log are passed over by this alone
    found = []
    for name in PHRASE_COLUMNS:
        begins, phrases = lists(table, name)
        near = np.flatnonzero(passes[phrases >> shift])
        place = np.minimum(np.searchsorted(known, phrases[near]), len(known) - 1)
        hits = known[place] == phrases[near]
        rows = np.searchsorted(begins, near[hits], side="right") - 1
        found.append(rows.astype(np.int64) * len(known) + place[hits])
    keys = distinct_keys(np.concatenate(found))
    return keys // len(known), keys % len(known)


def style_hashes(table: pa.Table) -> dict[str, Hashes]:
    """Hash of each request's value of each feature of style; unknown is a value like others."""
    columns = {"model": "model", "client": "user_agent", "tls": "tls_fingerprint"}
    found = {feature: _hash_feature_column(table.column(name), feature) for feature, name in columns.items()}
    return {"settings": _hash_sampling_settings(table), **found}


def mixed(hashes: Hashes) -> Hashes:
    """Well-mixed 64-bit values, equal for equal ones (the finaliser of MurmurHash3)."""
    hashes = (hashes ^ (hashes >> _HALF)) * M1
    hashes = (hashes ^ (hashes >> _HALF)) * M2
    return hashes ^ (hashes >> _HALF)


def _hash_sampling_settings(table: pa.Table) -> Hashes:
    result = np.zeros(table.num_rows, np.uint64)
    for name in SAMPLING_PARAMETERS:
        column = table.column(name)
        known = column.is_valid().to_numpy()
        number = values(table, name, pa.float64(), fill=0) + 0.0  # -0.0 and 0.0 are one setting
        result = mixed(result * np.uint64(3) + np.where(known, np.ascontiguousarray(number).view(np.uint64), _UNSET))
    return result


def _hash_feature_column(column: pa.ChunkedArray, feature: str) -> Hashes:
    code, names = codes(column)
    names = pc.utf8_slice_codeunits(names, 0, _READ_CHARACTERS)
    if feature == "client":  # the versions of a client change from week to week
        names = pc.replace_substring_regex(names, _NUMBERS, "#")
    hashes = [_hash_feature_text(f"{feature}:{name}") for name in names.to_pylist()]
    return np.array([*hashes, _hash_feature_text(feature)], np.uint64)[code]  # code -1 is the last: unknown


def _hash_feature_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def hash_text(value: Any) -> str:
    """A hash as signature files write it."""
    return f"{int(value):016x}"


SENDER_COLUMNS = (*STYLE_COLUMNS, "client_prefix")
SENDER_NOT_KNOWN = np.uint64(0)
"""Hash of a value that the log does not have: it tells nothing."""
_MOST_VALUES = 64
"""Values of a feature that a signature keeps: those of most accounts. Judgement: bounds the file."""
_ONE_KIND = ("client", "settings", "program", "tls")
"""They say nearly the same, so that only the strongest of them counts; the network counts beside it."""


@dataclass(frozen=True)
class Senders:
    """Values of one feature in a campaign."""

    hashes: Hashes  # of the values, ascending, without SENDER_NOT_KNOWN
    accounts: Ints  # the campaign's accounts with each


def sender_hashes(table: pa.Table, style: Mapping[str, Hashes]) -> dict[str, Hashes]:
    """Hash of each request's value of each feature; SENDER_NOT_KNOWN where the log does not have it."""
    clients, tls = (
        np.where(table.column(name).is_valid().to_numpy(), style[feature], SENDER_NOT_KNOWN)
        for name, feature in (("user_agent", "client"), ("tls_fingerprint", "tls"))
    )
    programs = np.where(clients == SENDER_NOT_KNOWN, SENDER_NOT_KNOWN, program_hash(clients, style["settings"]))
    networks = values(table, "client_prefix", fill=0).astype(np.uint64)
    return dict(zip(SENDER_FEATURES, (clients, style["settings"], programs, tls, networks), strict=True))


def program_hash(client: Hashes, settings: Hashes) -> Hashes:
    """Hash of client programs together with their settings."""
    return mixed(client * np.uint64(3) + settings)


def senders_of(hashes: Mapping[str, Hashes], owner: Ints) -> dict[str, Senders]:
    """The values of a campaign's requests."""
    result = {}
    for name, column in hashes.items():
        found, code = np.unique(column, return_inverse=True)
        pairs = distinct_keys(owner * len(found) + code)
        accounts = np.bincount(pairs % max(len(found), 1), minlength=len(found))
        known = found != SENDER_NOT_KNOWN
        result[name] = Senders(found[known], accounts[known])
    return result


def sender_weights(senders: Senders, accounts: int, honest: Ints, all_honest: int) -> dict[str, float]:
    """Bits of the values of one feature that are more frequent in a campaign than elsewhere, by hash."""
    elsewhere = (honest + PHRASE_SMOOTHING) / (all_honest + 2.0 * PHRASE_SMOOTHING)
    share = senders.accounts / max(accounts, 1)
    bits = np.minimum(np.log2(np.maximum(share, 1e-9) / elsewhere), P.most_sender_bits)
    telling = np.flatnonzero((bits >= 1.0) & (senders.accounts >= LEAST_PHRASE_ACCOUNTS))
    first = telling[np.lexsort((senders.hashes[telling], -senders.accounts[telling]))[:_MOST_VALUES]]
    return {hash_text(senders.hashes[at]): round(float(bits[at]), 3) for at in first.tolist()}


class _Weights:
    """Bits of the values of one feature, in millionths, for lookup of many requests."""

    def __init__(self, values_bits: Mapping[str, float], other: float = 0.0) -> None:
        known = sorted((int(value, 16), round(bits * MICRO)) for value, bits in values_bits.items())
        self._hashes = np.array([value for value, _ in known], np.uint64)
        self._bits = np.array([bits for _, bits in known], np.int64)
        self._other = round(other * MICRO)

    def of(self, hashes: Hashes) -> Ints:
        if not len(self._hashes):
            return np.zeros(len(hashes), np.int64)
        place = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.where(self._hashes[place] == hashes, self._bits[place], self._other)


class SenderTable:
    """Weights of one signature, for lookup of many requests."""

    def __init__(self, signature: Signature) -> None:
        self._tables = {name: _Weights(weights) for name, weights in signature.senders.items() if weights}

    def bits(self, hashes: Mapping[str, Hashes]) -> Ints:
        """Bits of requests by the hashes of their values, millionths."""
        size = len(next(iter(hashes.values())))
        found = {True: np.zeros(size, np.int64), False: np.zeros(size, np.int64)}
        for name, table in self._tables.items():
            found[name in _ONE_KIND] = np.maximum(found[name in _ONE_KIND], table.of(hashes[name]))
        return found[True] + found[False]


def known_sender_bits(signature: Signature, known: Iterable[tuple[str, str]]) -> int:
    """Millionths of bits of what is known of a request's sender: feature and hash, as signature files write it."""
    found = {True: 0, False: 0}
    for name, value in known:
        own = round(signature.senders.get(name, {}).get(value, 0.0) * MICRO)
        found[name in _ONE_KIND] = max(found[name in _ONE_KIND], own)
    return found[True] + found[False]


class WeighedMatch(NamedTuple):
    """One request under one signature: bits of its phrases, style and sender, in millionths."""

    bits: int
    style: int
    sender: int
    phrases: Mapping[int, int]  # number of each phrase within its signature -> weight


@dataclass(frozen=True)
class WeighedRequests:
    """Requests with a phrase of a signature, one entry for each such request and signature, ascending by request."""

    row: Ints  # place of the request in the table
    signature: Ints
    bits: Ints
    style: Ints  # of its settings, model and client, millionths
    sender: Ints  # of what shows who sends it, millionths
    begins: Ints  # where the phrases of each entry begin in `phrase` and `weight`; one more than entries
    phrase: Ints  # number of each phrase within its signature
    weight: Ints  # its millionths of a bit

    def entries(self, wanted: Ints) -> Iterator[tuple[int, int, WeighedMatch]]:
        """Row, signature and what is weighed of some entries, one by one."""
        for at in wanted.tolist():
            own = slice(int(self.begins[at]), int(self.begins[at + 1]))
            phrases = dict(zip(self.phrase[own].tolist(), self.weight[own].tolist(), strict=True))
            weighed = WeighedMatch(int(self.bits[at]), int(self.style[at]), int(self.sender[at]), phrases)
            yield int(self.row[at]), int(self.signature[at]), weighed


class PhraseTable:
    """The phrases of all signatures in one ascending table of twenty bytes a phrase."""

    def __init__(self, signatures: Sequence[Signature]) -> None:
        sizes = [len(one.phrases) for one in signatures]
        phrase = np.array([phrase for one in signatures for phrase in one.phrases], np.uint32)
        weight = np.array([bits for one in signatures for bits in one.phrase_bits], np.float64)
        order = np.argsort(phrase, kind="stable")
        self.known, first = np.unique(phrase[order], return_index=True)
        self.first = np.append(first, len(order)).astype(np.int32)
        self.signature = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[order]
        self.number = np.array([number for size in sizes for number in range(size)], np.int32)[order]
        self.weight = np.round(weight * MICRO).astype(np.int32)[order]

    def uses_of(self, place: Ints) -> tuple[Ints, Ints]:
        """How many signatures have each of some phrases, by place in `known`, and the rows of all of these."""
        size = (self.first[place + 1] - self.first[place]).astype(np.int64)
        return size, np.repeat(self.first[place] - np.cumsum(size) + size, size) + np.arange(size.sum())

    def find(self, phrases: U32) -> list[tuple[int, dict[int, int]]]:
        """Signatures of which a request has a phrase.

        `phrases`: of the request, in any order; one that stands twice counts once. Returns number of each signature,
        ascending, and the number of each phrase within it with its weight in millionths of a bit.
        """
        if not len(self.known):
            return []
        place = np.minimum(np.searchsorted(self.known, phrases), len(self.known) - 1)
        place = place[self.known[place] == phrases]
        if not len(place):  # nearly always
            return []
        use = self.uses_of(place)[1]
        columns = (column[use].tolist() for column in (self.signature, self.number, self.weight))
        found: dict[int, dict[int, int]] = {}
        for signature, number, weight in zip(*columns, strict=True):
            found.setdefault(signature, {})[number] = weight
        return sorted(found.items())


class Weigher:
    """Weighs requests under some signatures."""

    def __init__(self, signatures: Sequence[Signature]) -> None:
        self._count = len(signatures)
        styles = [one.style for one in signatures]
        self._styles = [{name: _Weights(own.values, own.other) for name, own in one.items()} for one in styles]
        self._senders = [SenderTable(one) for one in signatures]
        self._phrases = PhraseTable(signatures)
        self._known = self._phrases.known.astype(np.uint64)

    def weigh(self, table: pa.Table) -> WeighedRequests:
        """Bits of the requests that have a phrase of a signature."""
        row, known = known_phrases_of(table, self._known)
        size, use = self._phrases.uses_of(known)
        key = np.repeat(row, size) * max(self._count, 1) + self._phrases.signature[use]
        order = np.argsort(key, kind="stable")
        key, use = key[order], use[order]
        begins = np.flatnonzero(np.diff(key, prepend=-1, append=-1)) if len(key) else np.zeros(1, np.int64)
        entry = key[begins[:-1]]
        rows, signature = entry // max(self._count, 1), entry % max(self._count, 1)
        number, weight = (one[use].astype(np.int64) for one in (self._phrases.number, self._phrases.weight))
        bits = np.diff(np.append(0, np.cumsum(weight))[begins])
        style, sender = self._style_and_sender(table, rows, signature)
        return WeighedRequests(rows, signature, bits, style, sender, begins, number, weight)

    def style(self, table: pa.Table, number: int) -> Ints:
        """Bits of style of all requests under one signature, millionths."""
        rows = np.arange(table.num_rows)
        return self._style_and_sender(table, rows, np.full(len(rows), number))[0]

    def _style_and_sender(self, table: pa.Table, rows: Ints, signature: Ints) -> tuple[Ints, Ints]:
        """Bits of style and of the sender of some rows, each under one signature, millionths."""
        style, sender = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        if not len(rows):
            return style, sender
        taken = table.select(list(SENDER_COLUMNS)).take(pa.array(rows))
        styles = style_hashes(taken)
        senders = sender_hashes(taken, styles)
        for number in np.unique(signature).tolist():
            own = np.flatnonzero(signature == number)
            style[own] = sum(table.of(styles[name][own]) for name, table in self._styles[number].items())
            sender[own] = self._senders[number].bits({name: column[own] for name, column in senders.items()})
        least, most = (round(bound * MICRO) for bound in P.all_style_bits)
        return np.clip(style, least, most), sender
