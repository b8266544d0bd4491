"""The language of a prompt, told by the function words in it: an estimate for samples that are read again.

Each word of the stop lists of twenty languages counts for the languages that have it, shared equally among them. No
model is needed, and texts of code, figures or names tell no language, as they should. Languages without a list are told
as a close relative or not at all (Romanian as French); so are texts of a few words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of
from stillhunt.extract.lexicon import lexicon_file
from stillhunt.extract.text.words import SCRIPTS, fold, script_of

LANGUAGES: dict[str, str] = lexicon_file("languages")
"""Code of a language that is told -> its name; all but the last two have a stop list."""
_BY_SCRIPT = {"hangul": "ko", "thai": "th", "han": "zh", "japanese": "ja", "greek": "el", "hebrew": "he"}
"""Scripts that one language is written in, for our purpose; Han beside kana is Japanese."""
_WORD = re.compile(r"(?![b-df-hj-np-tv-xz]\b)[^\W\d_]+(?:['\u2019][^\W\d_]+)*", re.IGNORECASE)
"""A word; single consonants are none: they are the variables of formulas more often than elided articles."""


@parameter_table("extract.languages", "When function words tell the language of a prompt.")
@dataclass(frozen=True)
class LanguageParameters:
    """Parameters of the language of a prompt."""

    characters: int = parameter(
        4_000,
        unit="characters",
        meaning="Characters of a prompt that are read.",
        provenance=judgement("some hundred function words, more change no answer"),
    )
    least_words: float = parameter(
        2.0,
        unit="words",
        meaning="Function words, each shared among its languages, from which a language is told.",
        provenance=measured("benchmarks/quality/taken.py: languages beside those of a trained model"),
    )
    least_share: float = parameter(
        0.08,
        unit="share of words",
        meaning="Share of the words that these must be.",
        provenance=judgement("a third of the share in running text, so that code and lists tell none"),
    )
    lead: float = parameter(
        1.15,
        unit="times",
        meaning="How much more of them than of the next language.",
        provenance=judgement("close relatives share many"),
    )
    script_share: float = parameter(
        0.3,
        unit="share of letters",
        meaning="Share of the letters in a script of one language from which that language is told.",
        provenance=judgement("a name or a quotation has less"),
    )
    kana_share: float = parameter(
        0.1,
        unit="share of letters",
        meaning="Share of kana among Han and kana from which these are Japanese.",
        provenance=judgement("Japanese sentences have far more, Chinese ones none"),
    )


P = values_of(LanguageParameters)


def languages_of(prompts: Sequence[str | None]) -> list[str | None]:
    """The language of each prompt by its English name; None where it cannot be told.

    Misleads: a prompt that wraps a text in another language has the language that is most of it.
    """
    return [None if text is None else _language_of(text[: P.characters]) for text in prompts]


def _language_of(text: str) -> str | None:
    by_script = _of_script(text)
    if by_script is not None:
        return LANGUAGES[by_script]
    words = [word.translate(_folding()) for word in _WORD.findall(text)]
    votes: dict[str, float] = {}
    holders = _holders()
    for word, times in Counter(words).items():
        languages = holders.get(word, ())
        for language in languages:
            votes[language] = votes.get(language, 0.0) + times / len(languages)
    ranked = sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))
    if not ranked:
        return None
    best, most = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    clear = most >= max(P.least_words, P.least_share * len(words)) and most >= P.lead * second
    return LANGUAGES[best] if clear else None


def _of_script(text: str) -> str | None:
    """Code of the language whose script the text is mostly written in, where the script tells it."""
    letters = Counter(_script(letter) for letter in text if letter.isalpha())
    total = letters.total()
    letters.pop("latin", None)
    script, most = max(sorted(letters.items()), key=lambda one: one[1], default=("", 0))
    if not total or script not in _BY_SCRIPT or most < P.script_share * total:
        return None
    if script in ("han", "japanese"):
        kana = letters["japanese"] / (letters["han"] + letters["japanese"])
        return "ja" if kana >= P.kana_share else "zh"
    return _BY_SCRIPT[script]


@cache
def _script(letter: str) -> str:
    return SCRIPTS[script_of(ord(letter))]


class _Folding(dict[int, str]):
    """Folds characters as the tokeniser does, each once."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = fold(chr(code))
        return folded


@cache
def _folding() -> _Folding:
    return _Folding()


@cache
def _holders() -> dict[str, tuple[str, ...]]:
    """Function word, folded -> codes of the languages that have it; scripts without spaces have none."""
    found: dict[str, list[str]] = {}
    for code, words in lexicon_file("stop_words").items():
        if code in _BY_SCRIPT.values():
            continue
        for word in sorted({word.translate(_folding()) for word in words.split()}):
            found.setdefault(word, []).append(code)
    return {word: tuple(codes) for word, codes in found.items()}
