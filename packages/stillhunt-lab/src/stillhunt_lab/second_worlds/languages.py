"""The text model of the second generator: Zipf pseudo-words and real function words, put together unit by unit.

A language has connecting units (walks on a seeded chain over function words) and, for each topic, content units (one
to three pseudo-words). A text alternates between them; one sentence in six wanders off to another topic. Units recur
by Zipf's law, as collocations do, so that honest texts share short runs of words as real ones do.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from stillhunt_lab.second_worlds.records import Array
from stillhunt_lab.second_worlds.spec import open_stream

_LEXICON = 3000
_TOPIC_WORDS = 120
_CONNECTING = 1500
_CONTENT = 260


@dataclass(frozen=True)
class Language:
    """A language.

    Args:
        weight: share of the accounts that speak it first.
        glue: what stands between two words.
    """

    name: str
    weight: float
    glue: str
    openers: tuple[str, ...]
    follow: tuple[str, ...]
    functions: tuple[str, ...]
    words: tuple[str, ...]


def read_data(name: str) -> dict[str, object]:
    """A data file of the second generator."""
    text = (files("stillhunt_lab") / "data" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def build_languages(seed: int) -> tuple[Language, ...]:
    """The languages of one world; their pseudo-words are new for every seed."""
    entries = read_data("second_tongues")["tongue"]
    assert isinstance(entries, list)  # noqa: S101 - the file is ours
    languages = []
    for entry in entries:
        rng = open_stream(seed, f"tongue/{entry['name']}")
        languages.append(
            Language(
                name=entry["name"],
                weight=entry["weight"],
                glue=entry["glue"],
                openers=tuple(entry["openers"]),
                follow=tuple(entry["follow"]),
                functions=tuple(dict.fromkeys(entry["functions"].split())),
                words=_coin_words(rng, entry),
            )
        )
    return tuple(languages)


def _coin_words(rng: np.random.Generator, entry: dict[str, str]) -> tuple[str, ...]:
    """Distinct words of one to four syllables; the commoner a word, the shorter it tends to be."""
    heads, cores, tails = (entry[part].split(" ") for part in ("heads", "cores", "tails"))
    count = _LEXICON * 2
    syllables = 1 + rng.binomial(3, np.linspace(0.25, 0.6, count))
    picks = rng.integers(0, 1 << 30, (count, 9)).tolist()
    words = []
    for length, pick in zip(syllables.tolist(), picks, strict=True):
        parts = [
            heads[pick[2 * k] % len(heads)] + cores[pick[2 * k + 1] % len(cores)] for k in range(max(1, int(length)))
        ]
        words.append("".join(parts) + tails[pick[8] % len(tails)])
    return tuple(dict.fromkeys(words))[:_LEXICON]


@dataclass(frozen=True)
class Units:
    """Units of one language.

    Args:
        connecting: (first, count) of the connecting units.
        content: first content unit of each topic, shape (topics,); `_CONTENT` each.
    """

    texts: list[str]
    connecting: tuple[int, int]
    content: Array


def build_units(seed: int, language: Language, topics: int) -> Units:
    """Build the connecting and content units of a language."""
    rng = open_stream(seed, f"units/{language.name}")
    texts = _connecting_units(rng, language)
    first_content = len(texts)
    words = len(language.words)
    for _ in range(topics):
        # Low ranks are common words that several topics share; each topic has its own order of preference.
        own = np.unique(np.minimum(rng.pareto(0.35, 4 * _TOPIC_WORDS) * 7 + 40, words - 1).astype(np.int64))
        own = rng.permutation(np.concatenate([own, rng.integers(40, words, _TOPIC_WORDS)]))[:_TOPIC_WORDS]
        picks = own[np.minimum(zipf_ranks(rng, len(own), (_CONTENT, 3), 0.7), len(own) - 1)]
        common = rng.random((_CONTENT, 3)) < 0.22
        picks = np.where(common, zipf_ranks(rng, 400, (_CONTENT, 3), 0.8), picks)
        lengths = rng.choice((1, 2, 3), _CONTENT, p=(0.62, 0.29, 0.09))
        for length, pick in zip(lengths.tolist(), picks.tolist(), strict=True):
            texts.append(language.glue.join(language.words[k] for k in pick[:length]))
    return Units(texts, (0, first_content), first_content + _CONTENT * np.arange(topics))


def _connecting_units(rng: np.random.Generator, language: Language) -> list[str]:
    """Walks of one to three steps on a chain over function words."""
    functions = language.functions
    count = len(functions)
    chain = np.cumsum(rng.dirichlet(np.full(count, 0.15), count), axis=1)
    last = zipf_ranks(rng, count, _CONNECTING, 0.9)
    walks = [last]
    for _ in range(2):
        last = np.minimum((chain[last] < rng.random((_CONNECTING, 1))).sum(1), count - 1)
        walks.append(last)
    lengths = rng.choice((1, 2, 3), _CONNECTING, p=(0.5, 0.38, 0.12)).tolist()
    return [language.glue.join(functions[walk[row]] for walk in walks[:length]) for row, length in enumerate(lengths)]


def zipf_ranks(rng: np.random.Generator, count: int, shape: int | tuple[int, ...], exponent: float) -> Array:
    """Ranks 0 to count - 1 drawn by a power of the rank.

    Args:
        exponent: the power; 0 = all alike.
    """
    weights = np.cumsum(np.arange(1, count + 1, dtype=float) ** -exponent)
    return np.minimum(np.searchsorted(weights / weights[-1], rng.random(shape)), count - 1)


def content_units() -> int:
    """Number of content units of each topic in each language."""
    return _CONTENT
