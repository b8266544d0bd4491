"""The item grammar: writes prompts on many topics in many languages, for honest users and campaigns alike.

A prompt is an opening, some context, sometimes a limit and a pasted block, built from word lists in `data/`.
Lists, patterns and laws are this project's own. Every draw comes from the generator that is handed in, so
the same generator state gives the same texts; texts never depend on hashing or set order.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import product
from typing import Any, TypeVar

import numpy as np

MAX_ITEM_SENTENCES = 16
_DRIFT = 0.15
"""Share of context sentences that are about another topic, as in people's requests."""
_BLOCK = 0.3
"""Share of prompts that carry a pasted block where their topic's group has one."""
_CLAUSE = ("subject", "verb", "object", "tail", "end")
_ALTERNATIVES = re.compile(r"\[([^\]]*)\]")
_SLOT = re.compile(r"\{([a-zA-Z])\}")

T = TypeVar("T")
Pools = dict[str, list[str]]
Integers = np.ndarray[Any, np.dtype[np.integer[Any]]]


@dataclass(frozen=True)
class Pattern:
    """A sentence pattern, split once: a %-format and the slot letters in order."""

    text: str
    slots: tuple[str, ...]

    @classmethod
    def parse(cls, source: str) -> Pattern:
        """Split `{t}`-style slots; doubled braces stand for themselves."""
        slots = tuple(_SLOT.findall(source))
        text = _SLOT.sub("%s", source.replace("%", "%%")).replace("{{", "{").replace("}}", "}")
        return cls(text, slots)

    def fill(self, pools: Pools, draws: Iterator[int]) -> str:
        """The sentence, one draw per slot."""
        words = [pools[slot] for slot in self.slots]
        return self.text % tuple([pool[next(draws) % len(pool)] for pool in words])


@dataclass(frozen=True)
class Tongue:
    """Patterns of one language for one topic group."""

    openings: tuple[Pattern, ...]
    contexts: tuple[Pattern, ...]
    limits: tuple[Pattern, ...]
    follow_stock: tuple[Pattern, ...]
    follow_rich: tuple[Pattern, ...]
    blocks: tuple[Pattern, ...]
    connectives: tuple[str, ...]
    clauses: tuple[tuple[Pattern, ...], ...]
    space: str


@dataclass(frozen=True)
class Grammar:
    """All vocabularies and patterns, loaded once.

    Args:
        languages: language names; index 0 is English.
        pools: [language][topic] -> slot letter -> phrases.
        tongues: [language][topic] -> patterns.
    """

    topics: tuple[str, ...]
    groups: tuple[str, ...]
    languages: tuple[str, ...]
    pools: tuple[tuple[Pools, ...], ...]
    tongues: tuple[tuple[Tongue, ...], ...]

    def topic_codes(self, names: tuple[str, ...] | list[str]) -> Integers:
        """Codes of topics by name."""
        return np.array([self.topics.index(name) for name in names], np.int64)


def integer_stream(rng: np.random.Generator) -> Iterator[int]:
    """Endless uniform 31-bit integers; drawn in blocks because single numpy draws are slow."""
    while True:
        yield from rng.integers(0, 1 << 31, 16_384).tolist()


def compose_items(
    grammar: Grammar, rng: np.random.Generator, topics: Integers, languages: Integers, sentences: Integers
) -> list[str]:
    """One new prompt per row.

    `sentences`: number of sentences per row, shape (n,), 1 to `MAX_ITEM_SENTENCES`.
    """
    draws = integer_stream(rng)
    return [
        _compose_prompt_item(grammar, draws, topic, language, count)
        for topic, language, count in zip(topics.tolist(), languages.tolist(), sentences.tolist(), strict=True)
    ]


def compose_follow_ups(grammar: Grammar, rng: np.random.Generator, topics: Integers, languages: Integers) -> list[str]:
    """One short later turn per row: a stock phrase for two in five, else one on the topic.

    Returns n prompts of one to a dozen words.
    """
    draws = integer_stream(rng)
    texts = []
    for topic, language in zip(topics.tolist(), languages.tolist(), strict=True):
        tongue = grammar.tongues[language][topic]
        patterns = tongue.follow_stock if next(draws) % 5 < 2 else tongue.follow_rich
        texts.append(choose(patterns, draws).fill(grammar.pools[language][topic], draws))
    return texts


def draw_sentences(rng: np.random.Generator, verbosity: np.ndarray[Any, Any]) -> Integers:
    """Sentence counts with a heavy tail.

    `verbosity`: median number of sentences per row, shape (n,). Returns counts of shape (n,), 1 to
    `MAX_ITEM_SENTENCES`.
    """
    counts = np.round(verbosity * np.exp(rng.normal(0.0, 0.6, len(verbosity))))
    return np.clip(counts, 1, MAX_ITEM_SENTENCES).astype(np.int64)


@lru_cache(maxsize=1)
def load_grammar() -> Grammar:
    """Read the word lists that ship with the package."""
    topics, patterns, tongues = (read_data(name) for name in ("topics", "patterns", "tongues"))
    names = tuple(topics)
    groups = tuple(str(topics[name]["group"]) for name in names)
    noise = _noise_pools(patterns["noise"])
    english = {group: _build_english_tongue(patterns, group) for group in sorted(set(groups))}
    pools = [tuple(noise | _english_pools(topics[name]) for name in names)]
    by_language = [tuple(english[group] for group in groups)]
    for place, code in enumerate(tongues["order"]["tongues"]):
        phrases = {n: tongues["phrases"][n].split("|")[place].split("/") for n in names}
        foreign = _build_foreign_tongue(tongues[code], code)
        by_language.append(tuple(foreign for _ in names))
        pools.append(tuple(noise | _foreign_pools(phrases, names, groups, topic) for topic in range(len(names))))
    languages = ("en", *tongues["order"]["tongues"])
    return Grammar(names, groups, languages, tuple(pools), tuple(by_language))


@cache
def read_data(name: str) -> dict[str, Any]:
    """One TOML file of this package's data folder."""
    return tomllib.loads(resources.files("stillhunt_lab").joinpath("data", f"{name}.toml").read_text("utf-8"))


def _compose_prompt_item(grammar: Grammar, draws: Iterator[int], topic: int, language: int, count: int) -> str:
    tongue = grammar.tongues[language][topic]
    pools = grammar.pools[language][topic]
    parts = [choose(tongue.openings, draws).fill(pools, draws)]
    limited = count > 1 and next(draws) % 3 == 0
    for _ in range(count - 1 - limited):
        here = pools
        if next(draws) % 1000 < _DRIFT * 1000:
            here = grammar.pools[language][next(draws) % len(grammar.topics)]
        parts.append(_compose_context_sentence(tongue, here, draws))
    if count > 2 and next(draws) % 4 == 0:  # some people tell the story first and ask at the end
        parts = [*parts[1:], parts[0]]
    if limited:
        parts.append(choose(tongue.limits, draws).fill(pools, draws))
    text = tongue.space.join(parts)
    if tongue.blocks and next(draws) % 1000 < _BLOCK * 1000:
        text += choose(tongue.blocks, draws).fill(pools, draws)
    return text


def _compose_context_sentence(tongue: Tongue, pools: Pools, draws: Iterator[int]) -> str:
    if tongue.clauses and next(draws) % 5 < 3:
        subject, verb, thing, tail, end = (choose(part, draws) for part in tongue.clauses)
        first = subject
        sentence = f"{subject.fill(pools, draws)} {verb.fill(pools, draws)} {thing.fill(pools, draws)}"
        sentence += tail.fill(pools, draws) + end.text
    else:
        first = choose(tongue.contexts, draws)
        sentence = first.fill(pools, draws)
    if tongue.connectives and next(draws) % 5 == 0:
        if not first.text.startswith(("%s", "I ")):
            sentence = sentence[0].lower() + sentence[1:]
        sentence = choose(tongue.connectives, draws) + sentence
    return sentence


def choose(options: Sequence[T], draws: Iterator[int]) -> T:
    """One of the options, by the next draw."""
    return options[next(draws) % len(options)]


def expand_alternatives(source: str) -> list[str]:
    """All readings of a text with "[a|b]" alternatives, in order."""
    pieces = [piece.split("|") for piece in _ALTERNATIVES.split(source)]
    # Odd pieces were in brackets; a "|" outside brackets is plain text, as in a pasted table.
    choices = [piece if place % 2 else ["|".join(piece)] for place, piece in enumerate(pieces)]
    return ["".join(reading) for reading in product(*choices)]


def parse_readings(sources: Iterable[str]) -> tuple[Pattern, ...]:
    """The patterns of all readings of some texts with "[a|b]" alternatives, in order."""
    return tuple(Pattern.parse(reading) for source in sources for reading in expand_alternatives(source))


def _parse_pattern_sources(sources: list[str]) -> tuple[Pattern, ...]:
    # Grouped by source, so that a sentence with many alternatives is not heard more often than one without.
    readings = [expand_alternatives(source) for source in sources]
    widest = max((len(r) for r in readings), default=0)
    return tuple(Pattern.parse(r[place % len(r)]) for r in readings for place in range(widest))


def _build_english_tongue(patterns: dict[str, Any], group: str) -> Tongue:
    # A group's own openings count twice, so that code asks for code about half of the time.
    openings = patterns["openings"]["any"] + 2 * patterns["openings"].get(group, [])
    follow = patterns["follow"]
    blocks = patterns["blocks"].get(group, [])
    return Tongue(
        openings=_parse_pattern_sources(openings),
        contexts=_parse_pattern_sources(patterns["contexts"]["any"]),
        limits=_parse_pattern_sources(patterns["limits"]["any"]),
        follow_stock=_parse_pattern_sources(follow["stock"]),
        follow_rich=_parse_pattern_sources(follow["rich"]),
        blocks=tuple(Pattern.parse(block) for block in blocks),
        connectives=tuple(patterns["noise"]["connectives"]),
        clauses=tuple(_parse_pattern_sources(patterns["clauses"][part]) for part in _CLAUSE),
        space=" ",
    )


def _build_foreign_tongue(tongue: dict[str, list[str]], code: str) -> Tongue:
    return Tongue(
        openings=_parse_pattern_sources(tongue["openings"]),
        contexts=_parse_pattern_sources(tongue["contexts"]),
        limits=_parse_pattern_sources(tongue["limits"]),
        follow_stock=_parse_pattern_sources(tongue["follow"][:4]),
        follow_rich=_parse_pattern_sources(tongue["follow"][4:]),
        blocks=(),
        connectives=(),
        clauses=(),
        space="" if code in ("zh", "ja") else " ",
    )


def _english_pools(topic: dict[str, Any]) -> Pools:
    things, acts = topic["things"].split("|"), topic["acts"].split("|")
    # Offset lists make "the {t} and the {u}" name two things far more often than one twice.
    return {
        "t": things,
        "u": things[5:] + things[:5],
        "w": things[9:] + things[:9],
        "a": acts,
        "b": acts[3:] + acts[:3],
        "A": [act[0].upper() + act[1:] for act in acts],
    }


def _foreign_pools(phrases: dict[str, list[str]], names: tuple[str, ...], groups: tuple[str, ...], at: int) -> Pools:
    own = phrases[names[at]]
    related = [p for name, group in zip(names, groups, strict=True) if group == groups[at] for p in phrases[name]]
    return {"t": own, "u": related}


def _noise_pools(noise: dict[str, list[str]]) -> Pools:
    people = [f"{given} {family}" for given, family in product(noise["given"], noise["families"])]
    syllables = noise["syllables"]
    coined = [a + b + c for a, b, c in product(syllables, syllables, syllables)]
    firms = [
        f"{word.capitalize()} {noise['firms'][place % len(noise['firms'])]}" for place, word in enumerate(coined[::5])
    ]
    return {
        "p": people,
        "q": noise["given"],
        "c": firms,
        "x": coined,
        "y": noise["cities"],
        "d": noise["days"],
        "j": noise["adjectives"],
        "k": noise["nouns"],
        "n": [str(number) for number in range(2, 31)],
        "m": [str(number) for number in range(32, 4_000, 7)],
    }
