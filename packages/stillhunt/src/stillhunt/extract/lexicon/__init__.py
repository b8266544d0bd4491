"""Words and phrases that show conduct, and stop words, both by language; read from the files in this folder."""

import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def lexicon_file(name: str) -> dict[str, Any]:
    """Content of `phrases.toml` (feature -> language -> phrases), `stop_words.toml` or `languages.toml`."""
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text("utf-8"))


def phrases_by_feature(features: Collection[str]) -> list[tuple[str, str]]:
    """(phrase, feature) of some features of prompts or answers, in a fixed order."""
    pairs = set()
    for feature in features:
        for phrases in lexicon_file("phrases")[feature].values():
            pairs |= {(" ".join(phrase.split()), feature) for phrase in phrases.split("|")}
    return sorted(pairs)


def all_stop_words() -> list[str]:
    """Every stop word, each once, in a fixed order."""
    return sorted({word for words in lexicon_file("stop_words").values() for word in words.split()})
