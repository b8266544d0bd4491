"""What shows who sends a request, whatever its text says: client program, settings of sampling and network.

Whoever asks through an application of somebody else writes the text of its requests, and as many as he likes. He does
not choose by which program the application calls the model, with which settings and from where. So a link is more than
a reason to look only where these agree with the campaign, too. Bits are those of a likelihood ratio: an honest account
has values of n bits or more with a probability of at most 2 to the power of -n.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillhunt.link.requests.arrays import Hashes, Ints, values
from stillhunt.watch.signatures.features import STYLE_COLUMNS, distinct, hash_text, mixed
from stillhunt.watch.signatures.parameters import LEAST_PHRASE_ACCOUNTS, PHRASE_SMOOTHING
from stillhunt.watch.signatures.parameters import SIGNATURES as P
from stillhunt.watch.signatures.signature import MICRO, SENDER_FEATURES, Signature

SENDER_COLUMNS = (*STYLE_COLUMNS, "client_prefix")
SENDER_NOT_KNOWN = np.uint64(0)
"""Hash of a value that the log does not have: it tells nothing."""
_MOST_VALUES = 64
"""Values of a feature that a signature keeps: those of most accounts. Judgement: bounds the file."""
_ONE_KIND = ("client", "settings", "program", "tls")
"""They say nearly the same, so that only the strongest of them counts; the network counts beside it."""


@dataclass(frozen=True)
class Senders:
    """Values of one feature in a campaign.

    Attributes:
        hashes: of the values, ascending, without SENDER_NOT_KNOWN.
        accounts: the campaign's accounts with each.
    """

    hashes: Hashes
    accounts: Ints


def sender_hashes(table: pa.Table, style: Mapping[str, Hashes]) -> dict[str, Hashes]:
    """Hash of each request's value of each feature; SENDER_NOT_KNOWN where the log does not have it.

    Args:
        table: requests with `SENDER_COLUMNS`.
        style: what `features.style_hashes` gives for them.
    """
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
    """The values of a campaign's requests.

    Args:
        hashes: as `sender_hashes` gives them.
        owner: number of each request's account.
    """
    result = {}
    for name, column in hashes.items():
        found, code = np.unique(column, return_inverse=True)
        pairs = distinct(owner * len(found) + code)
        accounts = np.bincount(pairs % max(len(found), 1), minlength=len(found))
        known = found != SENDER_NOT_KNOWN
        result[name] = Senders(found[known], accounts[known])
    return result


def sender_weights(senders: Senders, accounts: int, honest: Ints, all_honest: int) -> dict[str, float]:
    """Bits of the values of one feature that are more frequent in a campaign than elsewhere, by hash.

    Args:
        honest: honest accounts with each value.
    """
    elsewhere = (honest + PHRASE_SMOOTHING) / (all_honest + 2.0 * PHRASE_SMOOTHING)
    share = senders.accounts / max(accounts, 1)
    bits = np.minimum(np.log2(np.maximum(share, 1e-9) / elsewhere), P.most_sender_bits)
    telling = np.flatnonzero((bits >= 1.0) & (senders.accounts >= LEAST_PHRASE_ACCOUNTS))
    first = telling[np.lexsort((senders.hashes[telling], -senders.accounts[telling]))[:_MOST_VALUES]]
    return {hash_text(senders.hashes[at]): round(float(bits[at]), 3) for at in first.tolist()}


class SenderTable:
    """Weights of one signature, for lookup of many requests."""

    def __init__(self, signature: Signature) -> None:
        self._tables: dict[str, tuple[Hashes, Ints]] = {}
        for name, weights in signature.senders.items():
            known = sorted((int(value, 16), round(bits * MICRO)) for value, bits in weights.items())
            if known:
                hashes = np.array([value for value, _ in known], np.uint64)
                self._tables[name] = hashes, np.array([bits for _, bits in known], np.int64)

    def bits(self, hashes: Mapping[str, Hashes]) -> Ints:
        """Bits of requests by the hashes of their values, millionths."""
        size = len(next(iter(hashes.values())))
        found = {True: np.zeros(size, np.int64), False: np.zeros(size, np.int64)}
        for name, (known, weight) in self._tables.items():
            place = np.minimum(np.searchsorted(known, hashes[name]), len(known) - 1)
            own = np.where(known[place] == hashes[name], weight[place], 0)
            found[name in _ONE_KIND] = np.maximum(found[name in _ONE_KIND], own)
        return found[True] + found[False]


def known_sender_bits(signature: Signature, known: Iterable[tuple[str, str]]) -> int:
    """Bits of what is known of the sender of one request, millionths.

    Args:
        known: feature and hash of its value, as signature files write them.
    """
    found = {True: 0, False: 0}
    for name, value in known:
        own = round(signature.senders.get(name, {}).get(value, 0.0) * MICRO)
        found[name in _ONE_KIND] = max(found[name in _ONE_KIND], own)
    return found[True] + found[False]
