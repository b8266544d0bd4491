"""The language of a prompt, told by the function words in it: an estimate for samples that are read again.

Each word of the stop lists of twenty languages counts for the languages that have it, shared equally among them. No
model is needed, and texts of code, figures or names tell no language, as they should. Languages without a list are told
as a close relative or not at all (Romanian as French); so are texts of a few words.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from stillhunt.extract.lexicon import lexicon_file
from stillhunt.extract.text.words import SCRIPTS, fold, script_of

LANGUAGES: dict[str, str] = lexicon_file("languages")
"""Code of a language that is told -> its name; all but the last two have a stop list."""
_BY_SCRIPT = {"hangul": "ko", "thai": "th", "han": "zh", "japanese": "ja", "greek": "el", "hebrew": "he"}
"""Scripts that one language is written in, for our purpose; Han beside kana is Japanese."""
_WORD = re.compile(r"(?![b-df-hj-np-tv-xz]\b)[^\W\d_]+(?:['\u2019][^\W\d_]+)*", re.IGNORECASE)
"""A word; single consonants are none: they are the variables of formulas more often than elided articles."""
_CHARACTERS = 4000  # Characters of a prompt that are read (some hundred function words, more change no answer)
# Function words, each shared among its languages, from which a language is told (measured: benchmarks/quality/taken.py:
# languages beside those of a trained model)
_LEAST_WORDS = 2.0
# Share of the words that these must be (a third of the share in running text, so that code and lists tell none)
_LEAST_SHARE = 0.08
_LEAD = 1.15  # times: how much more of them than of the next language (close relatives share many)
# Share of the letters in a script of one language from which that language is told (a name or a quotation has less)
_SCRIPT_SHARE = 0.3
# Share of kana among Han and kana from which these are Japanese (Japanese sentences have far more, Chinese ones none)
_KANA_SHARE = 0.1


def languages_of(prompts: Sequence[str | None]) -> list[str | None]:
    """The language of each prompt by its English name; None where it cannot be told.

    Misleads: a prompt that wraps a text in another language has the language that is most of it.
    """
    return [None if text is None else _language_of(text[:_CHARACTERS]) for text in prompts]


def _language_of(text: str) -> str | None:
    by_script = _of_script(text)
    if by_script is not None:
        return LANGUAGES[by_script]
    words = [word.translate(_get_word_folding()) for word in _WORD.findall(text)]
    votes: dict[str, float] = {}
    holders = _load_word_languages()
    for word, times in Counter(words).items():
        languages = holders.get(word, ())
        for language in languages:
            votes[language] = votes.get(language, 0.0) + times / len(languages)
    ranked = sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))
    if not ranked:
        return None
    best, most = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    clear = most >= max(_LEAST_WORDS, _LEAST_SHARE * len(words)) and most >= _LEAD * second
    return LANGUAGES[best] if clear else None


def _of_script(text: str) -> str | None:
    """Code of the language whose script the text is mostly written in, where the script tells it."""
    letters: Counter[str] = Counter()
    for letter, times in Counter(text).items():
        if letter.isalpha():
            letters[SCRIPTS[script_of(ord(letter))]] += times
    total = letters.total()
    letters.pop("latin", None)
    script, most = max(sorted(letters.items()), key=lambda one: one[1], default=("", 0))
    if not total or script not in _BY_SCRIPT or most < _SCRIPT_SHARE * total:
        return None
    if script in ("han", "japanese"):
        kana = letters["japanese"] / (letters["han"] + letters["japanese"])
        return "ja" if kana >= _KANA_SHARE else "zh"
    return _BY_SCRIPT[script]


@cache
class _Folding(dict[int, str]):
    """Folds characters as the tokeniser does, each once."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = fold(chr(code))
        return folded


@cache
def _get_word_folding() -> _Folding:
    return _Folding()


@cache
def _load_word_languages() -> dict[str, tuple[str, ...]]:
    """Function word, folded -> codes of the languages that have it; scripts without spaces have none."""
    found: dict[str, list[str]] = {}
    for code, words in lexicon_file("stop_words").items():
        if code in _BY_SCRIPT.values():
            continue
        for word in sorted({word.translate(_get_word_folding()) for word in words.split()}):
            found.setdefault(word, []).append(code)
    return {word: tuple(codes) for word, codes in found.items()}
