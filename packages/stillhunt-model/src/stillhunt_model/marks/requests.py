"""Which requests get no marks at all: all but plain English ones that are about nothing where a word decides.

The rules refuse when in doubt. They are lists, and no list is complete; so they also refuse what is not recognisably
English, and what a person asks about themselves. The traffic of a harvest is written otherwise.
"""

from __future__ import annotations

import re

from stillhunt_model.marks.english import has_foreign_sentence, is_english
from stillhunt_model.marks.request_words import (
    CODE_PHRASES,
    CODE_STEMS,
    CODE_WORDS,
    PERSON_PHRASES,
    PERSON_WORDS,
    PROMPT_WORDS,
    SAFETY_ENDINGS,
    SAFETY_PHRASES,
    SAFETY_STEMS,
    SAFETY_WORDS,
)

CODE, SAFETY, SCRIPT, LENGTH = "code or data", "safety", "a script without a list of words", "too long to read"
PERSON, LANGUAGE = "about the person who asks", "not recognisably English"
LONGEST_READ = 20_000
"""Characters of a prompt that are read; a longer one holds documents, in which anything may stand."""
LEAST_LATIN = 0.9
"""Share of letters that are Latin, below which a prompt counts as another script."""

_CODE_SIGNS = re.compile(
    r"[{}`<>|\\^~]|==|!=|->|=>|::|&&|\w\(|\[\d|</|\$\w|^[ \t]*(?:#|//|import |def |class )"
    r"|(?<!\w)[CR](?:\+\+|#|(?![\w'’]))",
    re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_SPACES = re.compile(r"\s+")
_OTHER_LETTER = re.compile(r"[^\W\d_\u0041-\u024F]")
_SAFETY_PATTERN, _CODE_PATTERN, _PERSON_PATTERN = (
    re.compile("|".join(phrases)) for phrases in (SAFETY_PHRASES, CODE_PHRASES, PERSON_PHRASES)
)


def why_unmarked(prompt: str) -> str | None:
    """Why the answer to a prompt gets no marks; None where it may get them.

    Args:
        prompt: what is asked, with whatever stands before it.
    """
    if len(prompt) > LONGEST_READ:
        return LENGTH
    text = _plain(prompt)
    words = set(_WORD.findall(text))
    if any(map(_is_safety, words)) or words & PROMPT_WORDS or _SAFETY_PATTERN.search(text):
        return SAFETY
    if _CODE_SIGNS.search(prompt) or any(map(_is_code, words)) or _CODE_PATTERN.search(text):
        return CODE
    letters = sum(map(str.isalpha, prompt))
    if letters and len(_OTHER_LETTER.findall(prompt)) > (1 - LEAST_LATIN) * letters:
        return SCRIPT
    if words & PERSON_WORDS or _PERSON_PATTERN.search(text):
        return PERSON
    return None if is_english(text) and not has_foreign_sentence(text) else LANGUAGE


def is_safety_word(word: str) -> bool:
    """Whether a word is about safety, medicine, law or money.

    Args:
        word: with the signs around it.
    """
    return any(map(_is_safety, _WORD.findall(word.lower())))


def mentions_safety(text: str) -> bool:
    """Whether a text has a word about safety, medicine, law or money, or a phrase about them."""
    return is_safety_word(text) or bool(_SAFETY_PATTERN.search(_plain(text)))


def _plain(text: str) -> str:
    """In lower case, with one kind of apostrophe, and one space or line feed for many: patterns would try each."""
    return _SPACES.sub(lambda found: "\n" if "\n" in found[0] else " ", text.lower().replace("’", "'"))


def _is_safety(word: str) -> bool:
    return any(
        part in SAFETY_WORDS or part.startswith(SAFETY_STEMS) or part.endswith(SAFETY_ENDINGS) for part in _parts(word)
    )


def _is_code(word: str) -> bool:
    return any(part in CODE_WORDS or part.startswith(CODE_STEMS) for part in _parts(word))


def _parts(word: str) -> list[str]:
    return [word, *re.split("['-]", word)] if "-" in word or "'" in word else [word]
