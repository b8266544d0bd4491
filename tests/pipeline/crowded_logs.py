"""Honest logs whose customers crowded: behind a carrier's addresses, on a reseller's cards, around one product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

DAY = 86_400_000_000
DAYS = 30
START = 1_740_787_200_000_000
ROWS = 12_000
ACCOUNTS = 375


@dataclass(frozen=True)
class CrowdedLog:
    """What the customers have in common. Nobody draws anything out.

    Attributes:
        words: words of everybody's vocabulary; few where all ask about one product.
        carrier: neighbours share networks and some addresses.
        campus: every other account is behind sixty addresses.
        on_a_card: accounts that pay with one card.
        shuffled: neighbours are strangers to each other; else they are as busy as each other, too.
        help_texts: prompts are two sentences of one product's help texts and two words.
        half: every other account has a vocabulary of its own.
    """

    words: int = 20_000
    carrier: bool = False
    campus: bool = False
    on_a_card: int = 1
    shuffled: bool = False
    help_texts: bool = False
    half: bool = False


KINDS = {
    "nothing in common": CrowdedLog(),
    "carrier": CrowdedLog(carrier=True),
    "campus": CrowdedLog(campus=True),
    "reseller": CrowdedLog(on_a_card=100),
    "families": CrowdedLog(on_a_card=4),
    "one product": CrowdedLog(words=300),
    "all of it": CrowdedLog(words=300, carrier=True, on_a_card=100),
    "all of it, among strangers": CrowdedLog(words=300, carrier=True, on_a_card=100, shuffled=True),
    "help texts": CrowdedLog(help_texts=True, carrier=True, on_a_card=100),
    "half of them": CrowdedLog(words=300, half=True, carrier=True, on_a_card=100),
}


def crowded_log(crowded: CrowdedLog, seed: int) -> tuple[pa.Table, pa.Table]:
    """(REQUESTS, ACCOUNTS) of such a log: requests even in time, a few accounts far busier than most."""
    draw = np.random.default_rng(seed)
    account = (ACCOUNTS * draw.random(ROWS) ** 2).astype(np.int64)
    place = draw.permutation(ACCOUNTS) if crowded.shuffled else np.arange(ACCOUNTS)
    address = account * 256 + draw.integers(0, 3, ROWS)
    if crowded.carrier:
        address = place[account] * 3 + draw.integers(0, 3, ROWS)
    if crowded.campus:
        address = np.where(account % 2, draw.integers(0, 60, ROWS), address + 256)
    requests = pa.table(
        {
            "request_id": [f"r{number}" for number in range(ROWS)],
            "timestamp": pa.array(START + np.arange(ROWS) * (DAYS * DAY // ROWS), pa.timestamp("us", tz="UTC")),
            "account_id": [f"acc-{number}" for number in account.tolist()],
            "model": [f"model-{number}" for number in draw.integers(0, 4, ROWS).tolist()],
            "client_ip": [f"20.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in address.tolist()],
            "user_agent": [f"client/1.{number % 300}" for number in account.tolist()],
            "prompt": _prompts(crowded, draw, account),
        }
    )
    cards = [f"card-{number // crowded.on_a_card}" for number in place.tolist()]
    return requests, pa.table(
        {"account_id": [f"acc-{number}" for number in range(ACCOUNTS)], "payment_fingerprint": cards}
    )


def _prompts(crowded: CrowdedLog, draw: np.random.Generator, account: np.ndarray) -> list[str]:
    if crowded.help_texts:
        sentences = [_text(draw, 600, 0, int(size)) for size in draw.integers(6, 14, 200)]
        chosen, ends = draw.integers(0, 200, (ROWS, 2)).tolist(), draw.integers(0, crowded.words, (ROWS, 2)).tolist()
        return [
            f"{sentences[one]} {sentences[two]} {_word(first)} {_word(last)}"
            for (one, two), (first, last) in zip(chosen, ends, strict=True)
        ]
    sizes = np.clip(draw.lognormal(3.6, 0.9, ROWS), 3, 200).astype(np.int64)
    own = np.where((account % 2 == 1) & crowded.half, account * 40 + 1_000, 0)
    return [_text(draw, crowded.words, base, size) for base, size in zip(own.tolist(), sizes.tolist(), strict=True)]


def _text(draw: np.random.Generator, words: int, base: int, size: int) -> str:
    """Words of a vocabulary, frequent ones more often (Zipf-like)."""
    return " ".join(map(_word, (base + (words ** draw.random(size)).astype(np.int64)).tolist()))


_SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]


@cache
def _word(number: int) -> str:
    first, rest = number % 75, number // 75
    return _SYLLABLES[first] + (_SYLLABLES[rest % 75] if rest else "") + (_SYLLABLES[rest // 75] if rest >= 75 else "")
