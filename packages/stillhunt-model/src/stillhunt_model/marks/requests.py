"""Which requests get no marks at all: all but plain English ones that are about nothing where a word decides.

The rules refuse when in doubt. They are lists, and no list is complete; so they also refuse what is not recognisably
English, and what a person asks about themselves. The traffic of a harvest is written otherwise.
"""

from __future__ import annotations

import re

from stillhunt_model.data_files import read_data
from stillhunt_model.marks.parameters import P

_CLEAR, _SHARED = (frozenset(read_data("mark_words")["english"][kind].split()) for kind in ("clear", "shared"))
"""English words that no other language with Latin letters has, and those that others have, too."""
_ENGLISH_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE = re.compile(r"[^.!?:;\n]+")
_LEAST_WORDS = 3
"""Words of a sentence from which it must have an English one: fewer may be a name."""


def english_share(text: str) -> float:
    """The share of the words of a text that are clearly English; 0 where there are none to tell by."""
    clear, telling = _count_english_words(text)
    return clear / telling if telling else 0.0


def is_english(text: str) -> bool:
    """Whether a text is recognisably English."""
    return english_share(text) >= P.english


def has_foreign_sentence(text: str) -> bool:
    """Whether a sentence has several words and none that is clearly English."""
    counts = (_count_english_words(found[0]) for found in _SENTENCE.finditer(text))
    return any(not clear and telling >= _LEAST_WORDS for clear, telling in counts)


def _count_english_words(text: str) -> tuple[int, int]:
    words = [word.replace("’", "'") for word in _ENGLISH_WORD.findall(text.lower())]
    clear = sum(word in _CLEAR for word in words)
    return clear, sum(word not in _SHARED for word in words)


_WORDS = read_data("mark_words")["requests"]
_CODE_WORDS, _SAFETY_WORDS, _PROMPT_WORDS, _PERSON_WORDS = (
    frozenset(_WORDS[f"{kind}_words"].split()) for kind in ("code", "safety", "prompt", "person")
)
_CODE_STEMS, _SAFETY_STEMS, _SAFETY_ENDINGS = (
    tuple(_WORDS[kind].split()) for kind in ("code_stems", "safety_stems", "safety_endings")
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
    re.compile("|".join(_WORDS[f"{kind}_phrases"])) for kind in ("safety", "code", "person")
)


def why_unmarked(prompt: str) -> str | None:
    """Why the answer to a prompt gets no marks; None where it may get them.

    Args:
        prompt: what is asked, with whatever stands before it.
    """
    if len(prompt) > LONGEST_READ:
        return LENGTH
    text = _simplify_prompt_text(prompt)
    words = set(_WORD.findall(text))
    if any(map(_is_safety, words)) or words & _PROMPT_WORDS or _SAFETY_PATTERN.search(text):
        return SAFETY
    if _CODE_SIGNS.search(prompt) or any(map(_is_code, words)) or _CODE_PATTERN.search(text):
        return CODE
    letters = sum(map(str.isalpha, prompt))
    if letters and len(_OTHER_LETTER.findall(prompt)) > (1 - LEAST_LATIN) * letters:
        return SCRIPT
    if words & _PERSON_WORDS or _PERSON_PATTERN.search(text):
        return PERSON
    return None if is_english(text) and not has_foreign_sentence(text) else LANGUAGE


def is_safety_word(word: str) -> bool:
    """Whether a word is about safety, medicine, law or money."""
    return any(map(_is_safety, _WORD.findall(word.lower())))


def mentions_safety(text: str) -> bool:
    """Whether a text has a word about safety, medicine, law or money, or a phrase about them."""
    return is_safety_word(text) or bool(_SAFETY_PATTERN.search(_simplify_prompt_text(text)))


def _simplify_prompt_text(text: str) -> str:
    """In lower case, with one kind of apostrophe, and one space or line feed for many: patterns would try each."""
    return _SPACES.sub(lambda found: "\n" if "\n" in found[0] else " ", text.lower().replace("’", "'"))


def _is_safety(word: str) -> bool:
    return any(
        part in _SAFETY_WORDS or part.startswith(_SAFETY_STEMS) or part.endswith(_SAFETY_ENDINGS)
        for part in _split_word_parts(word)
    )


def _is_code(word: str) -> bool:
    return any(part in _CODE_WORDS or part.startswith(_CODE_STEMS) for part in _split_word_parts(word))


def _split_word_parts(word: str) -> list[str]:
    return [word, *re.split("['-]", word)] if "-" in word or "'" in word else [word]
