"""Canaries: keyed choices between two wordings of one meaning, in answers that exist already."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from stillhunt_model.data_files import read_data
from stillhunt_model.marks.requests import is_english
from stillhunt_model.marks.untouched import untouched_signs

_WORDINGS = read_data("mark_words")["wordings"]
WORDINGS: tuple[tuple[str, str], ...] = tuple((first, second) for first, second in _WORDINGS["pairs"])
"""Pairs of wordings of one meaning, each as it stands within a sentence; their order is part of the scheme."""
RETIRED = frozenset(_WORDINGS["retired"])
"""First wordings of pairs that are no longer exchanged: a noun or a time may follow, or they name an order."""


class CanaryChoice(NamedTuple):
    """One place where a text chooses between two wordings.

    Attributes:
        pair: place in `WORDINGS`.
        previous: the word before it, in lower case; empty at the beginning.
        variant: 0 or 1, which of the two it has.
        start: where it begins in the text, in characters.
    """

    pair: int
    previous: str
    variant: int
    start: int
    capital: bool


_VARIANTS = {
    words: (pair, variant)
    for pair, both in enumerate(WORDINGS)
    if both[0] not in RETIRED
    for variant, words in enumerate(both)
}
_LONGEST_FIRST = sorted(_VARIANTS, key=lambda words: (-len(words), words))
_FOUND = re.compile(
    r"(?<![\w'’-])(?:"
    + "|".join(f"[{words[0].upper()}{words[0]}]{re.escape(words[1:])}" for words in _LONGEST_FIRST)
    + r")(?![\w'’-])"
)
_LAST_WORD = re.compile(r"([^\W\d_]+)[^\w]*\Z")
_REACH = 80
"""Characters before a wording in which the word before it is looked for."""
_ARTICLES = ("a", "an")
"""After an article the sound of the next word counts."""
_CLAUSE_BEGINS = re.compile(r"(?:\A|[.!?,;:\n*)•-]|\b(?:and|but))[ \t]*\Z", re.IGNORECASE)
"""Before a wording that ends with a comma, which joins sentences there and may mean something else elsewhere."""
_SENTENCE_BEGINS = re.compile(r"(?:\A|[.!?…][*_)\]]*\s|\n[ \t]*(?:[-*+•]|\d+[.)])?)\s*\Z")
_CAPITAL_FOLLOWS = re.compile(r"[ \t]+(?!I\b)[^\W\d_a-z]", re.ASCII)
_SENTENCE = re.compile(r"[^.!?\n]+")
_ABOUT_WORDS = re.compile(
    r"\b(?:words?|wordings?|phras\w+|means?|meant|meanings?|spell\w*|spelt|prepositions?|adverbs?|adjectives?|nouns?"
    r"|verbs?|pronouns?|conjunctions?|synonym\w*|terms?|idioms?|expressions?|pronounc\w+|pronunciation|grammar\w*"
    r"|syllables?|vocabulary|called|named|titled|entitled|written|dictionary|comma|hyphen\w*|letters?)\b",
    re.IGNORECASE,
)
"""In a sentence with one of these a wording may be what the sentence talks about."""
Chooser = Callable[[CanaryChoice], int]


def canary_bit(key: bytes, pair: int, previous: str) -> int:
    """Which wording the key chooses.

    Args:
        pair: place in `WORDINGS`.
        previous: the word before it, in lower case.
    """
    content = f"{pair}\0{previous}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=1, key=key).digest()[0] & 1


def canary_text(key: bytes, text: str) -> tuple[str, int]:
    """A text with the wordings that the key chooses.

    Returns:
        The text, all of it but the wordings byte for byte, and how many wordings were exchanged.
    """
    return _choose_text_wordings(text, lambda choice: canary_bit(key, choice.pair, choice.previous))


def canary_choices(text: str) -> list[CanaryChoice]:
    """The places where a text chooses between two wordings, in its order."""
    choices: list[CanaryChoice] = []

    def keep(choice: CanaryChoice) -> int:
        choices.append(choice)
        return choice.variant

    _choose_text_wordings(text, keep)
    return choices


def unkeyed_text(text: str) -> str:
    """A text with the first wording of each pair, whatever a key chose."""
    return _choose_text_wordings(text, lambda _: 0)[0]


def shown_choices(text: str) -> set[tuple[int, str]]:
    """Pair and word before of every wording in a text, also where it is left as it is: what a reader may repeat."""
    return {
        (_pair_of(found[0])[0], _word_before(text[max(0, found.start() - _REACH) : found.start()]))
        for found in _FOUND.finditer(text)
    }


def with_wording(choice: CanaryChoice, variant: int) -> str:
    """One of the two wordings as it stands at a place.

    Args:
        variant: 0 or 1.
    """
    words = WORDINGS[choice.pair][variant]
    return words[0].upper() + words[1:] if choice.capital else words


def _choose_text_wordings(text: str, choose: Chooser) -> tuple[str, int]:
    """The text with other wordings: from left to right, since one wording may be the word before the next."""
    mask = _closed_signs(text)
    parts: list[str] = []
    before, done, changes = "", 0, 0
    for found in _FOUND.finditer(text):
        between = text[done : found.start()]
        before = (before + between)[-_REACH:]
        previous = _word_before(before)
        words = found[0]
        if not any(mask[found.start() : found.end()]) and _may_change(found, before, previous):
            pair, variant = _pair_of(words)
            choice = CanaryChoice(pair, previous, variant, found.start(), words[0].isupper())
            chosen = choose(choice)
            if chosen != variant:
                words = with_wording(choice, chosen)
                changes += 1
        parts += [between, words]
        before, done = (before + words)[-_REACH:], found.end()
    return "".join(parts) + text[done:], changes


def _closed_signs(text: str) -> bytearray:
    """What is left as it is, also since it is not English or about words; judged without the wordings themselves."""
    mask = untouched_signs(text)
    if all(mask):
        return mask
    running = "".join(" " if closed and sign != "\n" else sign for sign, closed in zip(text, mask, strict=True))
    if not is_english(_FOUND.sub(" ", running)):
        return bytearray(b"\1" * len(text))
    start = 0
    for line in running.split("\n"):
        if not is_english(_FOUND.sub(" ", line)):
            mask[start : start + len(line)] = b"\1" * len(line)
        start += len(line) + 1
    for found in _SENTENCE.finditer(text):
        sentence = found[0]
        pairs = Counter(_pair_of(one[0])[0] for one in _FOUND.finditer(sentence))
        if pairs and (max(pairs.values()) > 1 or _ABOUT_WORDS.search(_FOUND.sub(" ", sentence))):
            mask[found.start() : found.end()] = b"\1" * len(sentence)
    return mask


def _pair_of(words: str) -> tuple[int, int]:
    return _VARIANTS[words[0].lower() + words[1:]]


def _may_change(found: re.Match[str], before: str, previous: str) -> bool:
    words = found[0]
    if words[0].isupper() and (
        not _SENTENCE_BEGINS.search(before)  # part of a name or a title
        or (not words.endswith(",") and _CAPITAL_FOLLOWS.match(found.string, found.end()))
    ):
        return False
    return previous not in _ARTICLES and (not words.endswith(",") or bool(_CLAUSE_BEGINS.search(before)))


def _word_before(text: str) -> str:
    found = _LAST_WORD.search(text)
    return found[1].lower() if found else ""
