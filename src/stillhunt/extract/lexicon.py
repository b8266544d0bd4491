"""Phrases that show conduct, by feature and language; written for this product.

A line is `language: phrase | phrase | ...`; every listed phrase counts as a whole run of words, in any case and with
or without accents, whatever stands between the words as long as it is no word. A number stands for any number. Scripts
written without spaces are matched character by character. `conduct.py` says what a feature means.
"""

from __future__ import annotations

LEXICON: dict[str, str] = {
    "reasoning_asked": """
        en: step by step | show your reasoning | explain your reasoning | chain of thought
    """,
}


def phrases_by_feature() -> list[tuple[str, str]]:
    """(phrase, feature) of the whole lexicon, in a fixed order."""
    pairs = set()
    for feature, lines in LEXICON.items():
        for line in lines.strip().splitlines():
            for phrase in line.partition(":")[2].split("|"):
                pairs.add((phrase.strip(), feature))
    return sorted(pairs)
