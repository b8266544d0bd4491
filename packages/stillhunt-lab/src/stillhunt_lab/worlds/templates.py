"""Wordy instruction templates: one grammar per skill, which campaigns and honest pipelines share.

A *family* is the part of a skill's grammar that one author uses. A fixed template is one reading of a family;
a paraphrased one draws another combination, order and choice of synonyms for every request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from stillhunt_lab.worlds.grammar import read_data

T = TypeVar("T")

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
        return "".join([p[0] if len(p) == 1 else p[next(draws) % len(p)] for p in self.pieces])


@dataclass(frozen=True)
class Skill:
    """The template grammar of one skill.

    Args:
        topics: topic names that its items come from.
        sentences: position (role, duty, method, form) -> possible sentences.
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

    Args:
        width: sentences kept per position; the whole grammar has five.
    """
    return Family(
        skill,
        {position: _some(draws, options, width) for position, options in skill.sentences.items()},
        _some(draws, skill.labels, max(1, width - 2)),
    )


def draw_template(draws: Iterator[int], family: Family) -> str:
    """A fixed template: one reading of a family, ending where the item goes."""
    sentences = [_one(draws, family.sentences[position]).say(draws) for position in _POSITIONS]
    if next(draws) % 2:  # not every author writes all four sentences
        del sentences[1 + next(draws) % 3]
    return " ".join(sentences) + "\n" + _one(draws, family.labels) + " "


def paraphrase(draws: Iterator[int], family: Family, item: str) -> str:
    """An item in a newly worded template: sentences, order, synonyms and the place of the item vary."""
    sentences = [_one(draws, family.sentences[position]).say(draws) for position in _POSITIONS]
    for place in range(3, 1, -1):  # the role usually stays first; the rest is shuffled
        other = 1 + next(draws) % place
        sentences[place], sentences[other] = sentences[other], sentences[place]
    if next(draws) % 10 < 4:
        del sentences[next(draws) % 4]
    if next(draws) % 10 < 2:
        return f"{item}\n\n{' '.join(sentences)}"
    label = "" if next(draws) % 4 == 0 else _one(draws, family.labels) + " "
    return f"{' '.join(sentences)}\n{label}{item}"


def _one(draws: Iterator[int], options: tuple[T, ...]) -> T:
    return options[next(draws) % len(options)]


def _some(draws: Iterator[int], options: tuple[T, ...], width: int) -> tuple[T, ...]:
    left = list(options)
    return tuple(left.pop(next(draws) % len(left)) for _ in range(min(width, len(options))))
