"""Names of people in several scripts, from `names.txt`."""

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
    """What is known of names, folded; other names are found by what stands around them.

    `given` and `family` are hardly ever words, those with `_words` are also words or places, such as Rose or Baker.
    `particles` are small words inside names; `no_names` have a capital where a name could stand, and are none.
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
