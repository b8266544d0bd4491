"""What a signature rests on, in plain sentences without any text of a log."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stillhunt.base.wording import fill
from stillhunt.link.requests.arrays import Floats, Hashes
from stillhunt.watch.signatures.parameters import SIGNATURES
from stillhunt.watch.signatures.passes import CHOOSING, PHRASE
from stillhunt.watch.signatures.signature import STYLE_FEATURES, FalseMatches, StyleWeights
from stillhunt.watch.signatures.weights import Counts, Material

_TELLING_BITS = 1.0
"""Bits from which a feature of style is worth a sentence."""
_WORDS = {
    "settings": "temperature, top_p and max_tokens",
    "model": "models",
    "client": "client programs",
    "tls": "TLS fingerprints",
}


def reasons_of(
    material: Material, phrases: tuple[Hashes, Floats], style: Mapping[str, StyleWeights], counts: Counts
) -> list[str]:
    """Sentences about the phrases and the style of a signature."""
    known, bits = phrases
    requests, accounts = counts.total(CHOOSING)
    elsewhere, _ = counts.of(PHRASE, known)
    found = [
        fill(
            "{phrases:phrase} {phrases:recurs|recur} in {requests:harvested request} of {accounts:account} and "
            "{phrases:is|are} rare elsewhere: {absent:#} of them in none of {honest:request} of {others:honest "
            "account}; {most:.1f} bits the strongest, {all:,.0f} bits together".replace(":,.0f", ":.0f"),
            phrases=len(known),
            requests=material.requests,
            accounts=material.accounts,
            absent=int((elsewhere == 0).sum()),
            honest=requests,
            others=accounts,
            most=float(bits.max()),
            all=float(bits.sum()),
        )
    ]
    for name in STYLE_FEATURES:
        hashes, own = material.style[name]
        weights = np.array([style[name].values.get(f"{int(one):016x}", 0.0) for one in hashes])
        telling = weights >= _TELLING_BITS
        if telling.any():
            found.append(
                fill(
                    "{share:%} of its requests use {words} that are at least {times:.1f} times as frequent in it as in "
                    "honest traffic; all of its style adds at most {most:.1f} bits",
                    share=float(own[telling].sum() / own.sum()),
                    words=_WORDS[name],
                    times=2.0 ** float(weights[telling].min()),
                    most=SIGNATURES.all_style_bits[1],
                )
            )
    return found


def rate_sentences(rate: FalseMatches) -> list[str]:
    """Sentences about what a signature matched in the honest traffic that had no part in making it."""
    found = [
        fill(
            "Of {requests:further honest request} from {accounts:account}, {matched:#} {matched:matches|match}: at "
            "most {most:.1f} in a million (95 % bound)",
            requests=rate.requests,
            accounts=rate.accounts,
            matched=rate.matched,
            most=rate.at_most_per_million,
        )
    ]
    if rate.set_aside:
        found.append(
            fill(
                "{accounts:account} of no group {accounts:shows|show} as much of it as its members, in "
                "{matched:request}: taken for members that the hunt missed, and not counted as honest",
                accounts=rate.set_aside,
                matched=rate.set_aside_matched,
            )
        )
    return found
