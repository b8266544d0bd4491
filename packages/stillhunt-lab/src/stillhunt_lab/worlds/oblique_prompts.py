"""Prompts that elicit reasoning without asking for it, in several languages, and probes before a campaign.

Each wording draws a situation, an approach (teach, debug, translate, audit, compare), sentences, their order, their
words and the place of the item, so no phrase recurs in more than a few percent of the requests. Campaigns from rung 7
on, auditors, teachers and safety researchers draw from the same lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from stillhunt_lab.worlds.grammar import Pattern, Pools, expand_alternatives, load_grammar, read_data

APPROACHES = ("teach", "debug", "translate", "audit", "compare")
"""Ways to elicit reasoning; each is a list of sentences in `data/oblique.toml`."""

_PROBE_PARTS = ("claim", "wish", "carrier", "limit")
_WORD = re.compile(r"[a-z]+")

Options = tuple[tuple[Pattern, ...], ...]


@dataclass(frozen=True)
class Voice:
    """The sentences of one language.

    Args:
        asks: requests by approach; foreign languages keep one list for all.
        synonyms: word -> words that may stand for it.
    """

    who: Options
    asks: tuple[Options, ...]
    close: Options
    synonyms: dict[str, list[str]]
    space: str


def ask_obliquely(draws: Iterator[int], item: str, language: str, approach: int | None = None) -> str:
    """Word an item so that the answer shows its reasoning, without asking for that.

    Args:
        item: the question itself, kept as it is.
        language: name of the item's language; English where it has no wrappings.
        approach: place in `APPROACHES`; drawn when None.
    """
    voice = _voices().get(language) or _voices()["en"]
    pools = _pools()
    asks = voice.asks[(next(draws) if approach is None else approach) % len(voice.asks)]
    parts = [_say(options, pools, draws) for options in (voice.who, asks, voice.close)]
    if next(draws) % 3 == 0:
        parts.insert(1 + next(draws) % 2, _say(asks, pools, draws))
    sentences = [_reword(voice, part, draws) for part in dict.fromkeys(parts) if part]
    for place in range(len(sentences) - 1, 0, -1):
        other = next(draws) % (place + 1)
        if next(draws) % 2:
            sentences[place], sentences[other] = sentences[other], sentences[place]
    where = next(draws) % (len(sentences) + 1)
    joint = ("\n\n", "\n", voice.space or " ")[next(draws) % 3]
    before, after = voice.space.join(sentences[:where]), voice.space.join(sentences[where:])
    return joint.join(text for text in (before, item, after) if text)


def word_probe(draws: Iterator[int], item: str) -> str:
    """Try one technique to make a model reveal its hidden reasoning; each draw is another technique."""
    probe, pools = _probes(), _pools()
    claim, wish, carrier, limit = (_say(probe[part], pools, draws) for part in _PROBE_PARTS)
    order = f"{wish} {carrier}{limit}." if next(draws) % 2 else f"{carrier[0].upper()}{carrier[1:]}: {wish}{limit}."
    head = f"{claim} {order}" if claim else order
    return f"{head}\n{item}" if next(draws) % 3 else f"{item}\n\n{head}"


def _say(options: Options, pools: Pools, draws: Iterator[int]) -> str:
    readings = options[next(draws) % len(options)]
    return readings[next(draws) % len(readings)].fill(pools, draws)


def _reword(voice: Voice, sentence: str, draws: Iterator[int]) -> str:
    """Every second known word is replaced by one of its synonyms."""
    synonyms = voice.synonyms
    if not synonyms:
        return sentence

    def other(found: re.Match[str]) -> str:
        words = synonyms.get(found[0])
        return words[next(draws) % len(words)] if words and next(draws) % 2 else found[0]

    return _WORD.sub(other, sentence)


@lru_cache(maxsize=1)
def _voices() -> dict[str, Voice]:
    data = read_data("oblique")
    voices = {}
    for name in load_grammar().languages:
        if name in data:
            words = data[name]
            asks = [words[approach] for approach in APPROACHES] if "teach" in words else [words["ask"]]
            voices[name] = Voice(
                _options(words["who"]),
                tuple(_options(sentences) for sentences in asks),
                _options(words["close"]),
                words.get("synonyms", {}),
                "" if name in ("zh", "ja") else " ",
            )
    return voices


@lru_cache(maxsize=1)
def _probes() -> dict[str, Options]:
    return {part: _options(read_data("oblique")["probe"][part]) for part in _PROBE_PARTS}


@lru_cache(maxsize=1)
def _pools() -> Pools:
    own: Pools = read_data("oblique")["pools"]
    return load_grammar().pools[0][0] | own


def _options(sentences: list[str]) -> Options:
    return tuple(tuple(Pattern.parse(reading) for reading in expand_alternatives(text)) for text in sentences)
