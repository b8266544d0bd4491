"""Names of people in several scripts, from `names.txt`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unicodedata import combining, normalize

FILE = Path(__file__).with_name("names.txt")
_PLAIN = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe"})


def folded(word: str) -> str:
    """A word in small letters, without the accents of Latin script: names are often written without them."""
    small = word.lower()
    if small.isascii() or "\u0400" <= small[0] <= "\u04ff":
        return small
    return "".join(one for one in normalize("NFD", small.translate(_PLAIN)) if not combining(one))


@dataclass(frozen=True)
class NameLists:
    """What is known of names; other names are found by what stands around them.

    Attributes:
        given: given names in Latin letters that are hardly ever words, folded.
        given_words: those that are also words or places, such as Rose or Paris, folded.
        family: family names in Latin letters that are hardly ever words, folded.
        family_words: those that are also words, such as Baker, folded.
        cyrillic: given names in Cyrillic letters, folded.
        chinese_given, chinese_given_often: characters of given names, and the most frequent of them.
        particles: small words inside names in Latin letters.
        no_names: words with a capital letter that stand where a name could, and are none.
    """

    given: frozenset[str]
    given_words: frozenset[str]
    family: frozenset[str]
    family_words: frozenset[str]
    cyrillic: frozenset[str]
    arabic: frozenset[str]
    arabic_family: frozenset[str]
    chinese_given: frozenset[str]
    chinese_given_often: frozenset[str]
    chinese_family: frozenset[str]
    japanese_given: frozenset[str]
    japanese_family: frozenset[str]
    korean_family: frozenset[str]
    korean_syllables: frozenset[str]
    particles: frozenset[str]
    no_names: frozenset[str]


@cache
def name_lists() -> NameLists:
    """The lists, read once."""
    sections: dict[str, set[str]] = {}
    current: set[str] = set()
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), set())
        elif not line.startswith("#"):
            current.update(line.split())
    return NameLists(**{name: frozenset(words) for name, words in sections.items()})
