"""Labelled texts of fourteen languages, for measuring redaction: made from lists of names and sentences.

The lists are in `redaction_texts`. They were written from general knowledge before the rules that are measured, by
whoever wrote the rules too, and without a look at the names that the rules know. A seed splits names and sentences into
two parts that share none: rules were written with `dev` in view; of `held`, only totals were looked at.

What this does not show: real traffic. Each text is one or two sentences, each name is equally likely, and the forms are
those that came to one writer's mind.
"""

from __future__ import annotations

import random
import re
import string
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXTS = Path(__file__).with_name("redaction_texts")
SEED_WORDS = Path(__file__).parents[2] / "packages/stillhunt/src/stillhunt/base/redaction/seed_words.txt"
SPLIT_SEED = 20261129
NAMES_PER_SENTENCE = 6
NAME_KINDS = ("running", "label", "greeting", "small_label", "small_running")
"""Where a full name stands: in a sentence, after a label, after a greeting or "my name is"; small: in small letters."""
_MARK = re.compile(r"«([^:«»]+):([^«»]*)»")
_DRAWN = re.compile(r"\{(letters|digits|hex|HEX|words):(\d+)\}")
_ALPHABETS = {
    "letters": string.ascii_letters + string.digits, "digits": string.digits, "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """A text and what must be hidden of it.

    Attributes:
        language: code, "others" for names of other peoples in English, "secrets" for what depends on no language.
        text: the text.
        spans: start, end (characters) and kind of each secret; none in an ordinary text.
    """

    language: str
    text: str
    spans: tuple[tuple[int, int, str], ...]


def labelled(part: str) -> list[Labelled]:
    """All texts of a part, the same on every run.

    Args:
        part: "dev" or "held".
    """
    sections: dict[str, dict[str, Any]] = {}
    for path in ("latin.toml", "other.toml"):
        sections |= tomllib.loads((TEXTS / path).read_text(encoding="utf-8"))
    rng = random.Random(f"{SPLIT_SEED} {part}")  # noqa: S311 - a split of texts, not a secret - not for secrets
    return [one for language, section in sections.items() for one in _texts(language, section, part, rng)]


def _texts(language: str, section: dict[str, Any], part: str, rng: random.Random) -> Iterator[Labelled]:
    names = _names(language, section, part)
    for kind in NAME_KINDS:
        for sentence in _half(language, section.get(kind, []), part):
            for name in rng.sample(names, min(NAMES_PER_SENTENCE, len(names))):
                before, place, after = sentence.rpartition("name" if kind.startswith("small") else "NAME")
                shown = name.lower() if place == "name" else name
                yield Labelled(language, before + shown + after, ((len(before), len(before) + len(shown), kind),))
    for sentence in _half(language, section["marked"], part):
        yield _unmarked(language, sentence, rng)
    for sentence in _half(language, section["clean"], part):
        yield Labelled(language, sentence, ())


def _names(language: str, section: dict[str, Any], part: str) -> list[str]:
    if "names" in section:
        whole = section["names"]
        return _half(language, whole.split() if isinstance(whole, str) else whole, part)
    given, family = (_half(language, section[key].split(), part) for key in ("given", "family"))
    return [f"{one} {other.replace('-', ' ')}" for one in given for other in family]


def _half(language: str, values: list[str], part: str) -> list[str]:
    seed = f"{SPLIT_SEED} {language} {len(values)}"
    shuffled = random.Random(seed).sample(values, len(values))  # noqa: S311 - a split of texts, not a secret - not for secrets
    return shuffled[::2] if part == "held" else shuffled[1::2]


def _unmarked(language: str, sentence: str, rng: random.Random) -> Labelled:
    drawn = _DRAWN.sub(lambda match: _draw(match[1], int(match[2]), rng), sentence)
    pieces, spans, length, at = [], [], 0, 0
    for match in _MARK.finditer(drawn):
        pieces += [drawn[at : match.start()], match[2]]
        length += match.start() - at
        spans.append((length, length + len(match[2]), match[1]))
        length += len(match[2])
        at = match.end()
    return Labelled(language, "".join([*pieces, drawn[at:]]), tuple(spans))


def _draw(alphabet: str, count: int, rng: random.Random) -> str:
    if alphabet == "words":
        return " ".join(rng.sample(SEED_WORDS.read_text(encoding="utf-8").split(), count))
    return "".join(rng.choices(_ALPHABETS[alphabet], k=count))
