"""What is put around an item: wordy instruction templates, and oblique requests for reasoning.

There is one grammar per skill, which campaigns and honest pipelines share. A *family* is the part of a skill's grammar
that one author uses. A fixed template is one reading of a family; a paraphrased one draws another combination, order
and choice of synonyms for every request.

Oblique prompts elicit reasoning without asking for it, in several languages. Each draws a situation, an approach
(teach, debug, translate, audit, compare), sentences, their order, their words and the place of the item, so no phrase
recurs in more than a few percent of the requests. Campaigns from rung 7 on, auditors, teachers and safety researchers
draw from the same lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from stillhunt_lab.worlds.grammar import Pattern, Pools, T, choose, expand_alternatives, load_grammar, read_data

_POSITIONS = ("role", "duty", "method", "form")
_ALTERNATIVES = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class Sentence:
    """A sentence with synonym choices: fixed pieces at even places, alternatives at odd ones."""

    pieces: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, source: str) -> Sentence:
        """Split "[a|b]" alternatives."""
        return cls(tuple(tuple(piece.split("|")) for piece in _ALTERNATIVES.split(source)))

    def say(self, draws: Iterator[int]) -> str:
        """One reading."""
        return "".join([p[0] if len(p) == 1 else choose(p, draws) for p in self.pieces])


@dataclass(frozen=True)
class Skill:
    """The template grammar of one skill.

    `sentences`: position (role, duty, method, form) -> possible sentences.
    """

    name: str
    topics: tuple[str, ...]
    sentences: dict[str, tuple[Sentence, ...]]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """What one author uses of a skill's grammar: some sentences per position and some labels."""

    skill: Skill
    sentences: dict[str, tuple[Sentence, ...]]
    labels: tuple[str, ...]


@lru_cache
def load_skills(source: str = "wrappers") -> tuple[Skill, ...]:
    """All skills of one data file, in its order."""
    return tuple(
        Skill(
            name,
            tuple(entry["topics"]),
            {position: tuple(Sentence.parse(s) for s in entry[position]) for position in _POSITIONS},
            tuple(entry["label"]),
        )
        for name, entry in read_data(source).items()
    )


def draw_family(draws: Iterator[int], skill: Skill, *, width: int) -> Family:
    """One author's part of a skill's grammar.

    `width`: sentences kept per position; the whole grammar has five.
    """
    return Family(
        skill,
        {position: _draw_distinct_options(draws, options, width) for position, options in skill.sentences.items()},
        _draw_distinct_options(draws, skill.labels, max(1, width - 2)),
    )


def draw_template(draws: Iterator[int], family: Family) -> str:
    """A fixed template: one reading of a family, ending where the item goes."""
    sentences = [choose(family.sentences[position], draws).say(draws) for position in _POSITIONS]
    if next(draws) % 2:  # not every author writes all four sentences
        del sentences[1 + next(draws) % 3]
    return " ".join(sentences) + "\n" + choose(family.labels, draws) + " "


def paraphrase(draws: Iterator[int], family: Family, item: str) -> str:
    """An item in a newly worded template: sentences, order, synonyms and the place of the item vary."""
    sentences = [choose(family.sentences[position], draws).say(draws) for position in _POSITIONS]
    for place in range(3, 1, -1):  # the role usually stays first; the rest is shuffled
        other = 1 + next(draws) % place
        sentences[place], sentences[other] = sentences[other], sentences[place]
    if next(draws) % 10 < 4:
        del sentences[next(draws) % 4]
    if next(draws) % 10 < 2:
        return f"{item}\n\n{' '.join(sentences)}"
    label = "" if next(draws) % 4 == 0 else choose(family.labels, draws) + " "
    return f"{' '.join(sentences)}\n{label}{item}"


def _draw_distinct_options(draws: Iterator[int], options: tuple[T, ...], width: int) -> tuple[T, ...]:
    left = list(options)
    return tuple(left.pop(next(draws) % len(left)) for _ in range(min(width, len(options))))


APPROACHES = ("teach", "debug", "translate", "audit", "compare")
"""Ways to elicit reasoning; each is a list of sentences in `data/oblique.toml`."""

_PROBE_PARTS = ("claim", "wish", "carrier", "limit")
_WORD = re.compile(r"[a-z]+")

Options = tuple[tuple[Pattern, ...], ...]


@dataclass(frozen=True)
class Voice:
    """The sentences of one language.

    `asks`: requests by approach; foreign languages keep one list for all. `synonyms`: word -> words that may stand for
    it.
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
    voice = _load_oblique_voices().get(language) or _load_oblique_voices()["en"]
    pools = _load_oblique_pools()
    asks = voice.asks[(next(draws) if approach is None else approach) % len(voice.asks)]
    parts = [_fill_random_option(options, pools, draws) for options in (voice.who, asks, voice.close)]
    if next(draws) % 3 == 0:
        parts.insert(1 + next(draws) % 2, _fill_random_option(asks, pools, draws))
    sentences = [_reword_sentence(voice, part, draws) for part in dict.fromkeys(parts) if part]
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
    probe, pools = _load_probe_options(), _load_oblique_pools()
    claim, wish, carrier, limit = (_fill_random_option(probe[part], pools, draws) for part in _PROBE_PARTS)
    order = f"{wish} {carrier}{limit}." if next(draws) % 2 else f"{carrier[0].upper()}{carrier[1:]}: {wish}{limit}."
    head = f"{claim} {order}" if claim else order
    return f"{head}\n{item}" if next(draws) % 3 else f"{item}\n\n{head}"


def _fill_random_option(options: Options, pools: Pools, draws: Iterator[int]) -> str:
    readings = choose(options, draws)
    return choose(readings, draws).fill(pools, draws)


def _reword_sentence(voice: Voice, sentence: str, draws: Iterator[int]) -> str:
    """Every second known word is replaced by one of its synonyms."""
    synonyms = voice.synonyms
    if not synonyms:
        return sentence

    def other(found: re.Match[str]) -> str:
        words = synonyms.get(found[0])
        return choose(words, draws) if words and next(draws) % 2 else found[0]

    return _WORD.sub(other, sentence)


@lru_cache(maxsize=1)
def _load_oblique_voices() -> dict[str, Voice]:
    data = read_data("oblique")
    voices = {}
    for name in load_grammar().languages:
        if name in data:
            words = data[name]
            asks = [words[approach] for approach in APPROACHES] if "teach" in words else [words["ask"]]
            voices[name] = Voice(
                _parse_sentence_options(words["who"]),
                tuple(_parse_sentence_options(sentences) for sentences in asks),
                _parse_sentence_options(words["close"]),
                words.get("synonyms", {}),
                "" if name in ("zh", "ja") else " ",
            )
    return voices


@lru_cache(maxsize=1)
def _load_probe_options() -> dict[str, Options]:
    return {part: _parse_sentence_options(read_data("oblique")["probe"][part]) for part in _PROBE_PARTS}


@lru_cache(maxsize=1)
def _load_oblique_pools() -> Pools:
    own: Pools = read_data("oblique")["pools"]
    return load_grammar().pools[0][0] | own


def _parse_sentence_options(sentences: list[str]) -> Options:
    return tuple(tuple(Pattern.parse(reading) for reading in expand_alternatives(text)) for text in sentences)
