"""Texts that the classifier of what is asked for learns from: wordings written for it, the lab's, and the corpus."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.extract.text.tables import ASKED_FLAGS
from stillhunt_lab.worlds.grammar import compose_items, load_grammar
from stillhunt_lab.worlds.grammar import read_data as read_first
from stillhunt_lab.worlds.grammar import read_data as read_second

WORDINGS = Path(__file__).with_name("wordings.toml")
READINGS = 24
"""Readings drawn of each wording."""
NONE, UNSURE = "none", "unsure"
LAB_SET, LAB_ITEMS = "lab_items_", 4_000
"""Name of the sets of items of the lab, before their language; and items of each."""
TRAIN, BARS, TEST = 0, 1, 2
USES = np.array([TRAIN, TEST, BARS, TEST])
_CURLY = re.compile(r"\{(?!\{)([^{}]*\|[^{}]*)\}")
_SQUARE = re.compile(r"\[([^\[\]]*)\]")
_FIRST = {"stepwise": "REASONING", "engineering": "CODE", "grading": "RUBRIC", "agent": "AGENT_TRAJECTORY"}
_SECOND = {"proof": "REASONING", "repair": "CODE", "referee": "RUBRIC", "toolwork": "AGENT_TRAJECTORY"}


@dataclass(frozen=True)
class Wording:
    """A sentence with choices.

    Args:
        flag: what it asks for; "none" for nothing of it, "unsure" where nobody can say.
        family: the idea, the same in all languages; or the generator it comes from.
        language: two letters.
        text: sentence, choices as {a|b}.
    """

    flag: str
    family: str
    language: str
    text: str


def own_wordings() -> list[Wording]:
    """The wordings of `wordings.toml`."""
    data = tomllib.loads(WORDINGS.read_text("utf-8"))
    return [
        Wording(flag, f"{flag}.{family}", language, text)
        for language, flags in data.items()
        for flag, families in flags.items()
        for family, texts in families.items()
        for text in texts
    ]


def lab_wordings() -> list[Wording]:
    """What the templates of both generators of worlds ask for, sentence by sentence.

    Oblique requests are left out: they are worded so that nobody can tell them from what teachers and auditors ask.
    """
    found = []
    for skill, entry in read_first("wrappers").items():
        for position in ("duty", "method", "form"):
            flag = _FIRST.get(skill, UNSURE if skill == "analysis" else NONE)
            flag = UNSURE if skill == "engineering" and position == "method" else flag
            found += [Wording(flag, "lab.first", "en", _SQUARE.sub(r"{\1}", text)) for text in entry[position]]
    second = read_second("second_wording")
    for trade in second["trade"]:  # type: ignore[attr-defined]  # the file is ours
        flag = _SECOND.get(trade["name"], UNSURE if trade["name"] == "ledger" else NONE)
        found += [Wording(flag, "lab.second", "en", text) for text in (*trade["tasks"], *trade["rules"])]
    for form in ("numbered", "xml"):
        found += [Wording("REASONING", "lab.second", "en", text) for text in second["contracts"][form]]  # type: ignore[index]  # the file is ours
    return found


def read_out(rng: np.random.Generator, text: str) -> str:
    """One reading of a sentence with choices."""

    def choose(match: re.Match[str]) -> str:
        options = match.group(1).split("|")
        return options[int(rng.integers(len(options)))]

    return _CURLY.sub(choose, text).replace("{{", "{").replace("}}", "}").replace(" .", ".").strip()


@dataclass(frozen=True)
class Prompt:
    """A prompt put together from parts.

    Args:
        parts: texts in order.
        flags: flag of each part.
        families: family of each part.
        language: language of the asking parts.
    """

    parts: tuple[str, ...]
    flags: tuple[str, ...]
    families: tuple[str, ...]
    language: str


def compose_prompts(rng: np.random.Generator, wordings: list[Wording], items: list[str]) -> list[Prompt]:
    """Prompts in which each wording stands alone, beside an item, or among others of its language.

    Args:
        rng: generator.
        wordings: sentences.
        items: texts that ask for nothing.
    """
    by_language: dict[str, list[Wording]] = {}
    for wording in wordings:
        by_language.setdefault(wording.language, []).append(wording)
    prompts = []
    for wording in wordings:
        for _ in range(READINGS):
            chosen = [wording]
            style = rng.random()
            if style > 0.6:
                others = by_language[wording.language]
                chosen += [others[int(k)] for k in rng.integers(0, len(others), int(rng.integers(1, 3)))]
                chosen = [chosen[int(k)] for k in rng.permutation(len(chosen))]
            parts = [(read_out(rng, w.text), w.flag, w.family) for w in chosen]
            if style > 0.25:
                item = (items[int(rng.integers(len(items)))], NONE, "item")
                parts.insert(0 if rng.random() < 0.3 else len(parts), item)
            texts, flags, families = zip(*parts, strict=True)
            prompts.append(Prompt(texts, flags, families, wording.language))
    return prompts


@dataclass(frozen=True)
class Corpus:
    """Texts that stand for ordinary traffic: real ones, read in place, and items of the lab in its languages.

    Args:
        texts: the texts.
        sets: data set of each.
        use: TRAIN, BARS or TEST.
    """

    texts: list[str]
    sets: np.ndarray[tuple[int], np.dtype[np.str_]]
    use: np.ndarray[tuple[int], np.dtype[np.int64]]


def lab_items() -> list[tuple[str, str]]:
    """Text and language of what customers of the first generator ask: the corpus has few texts beyond two languages."""
    grammar, rng = load_grammar(), np.random.default_rng(1)
    language = np.repeat(np.arange(1, len(grammar.languages)), LAB_ITEMS)
    topic = rng.integers(0, len(grammar.topics), len(language))
    sentences = rng.integers(1, 5, len(language))
    texts = compose_items(grammar, rng, topic, language, sentences)
    return [(text, grammar.languages[code]) for text, code in zip(texts, language.tolist(), strict=True)]


def read_corpus(path: Path) -> Corpus:
    """All texts of the corpus; a quarter is to train on, a quarter to set the bars by, and half for tests."""
    table = pq.read_table(path, columns=["text", "set"])
    order = pc.sort_indices(table, sort_keys=[("set", "ascending"), ("text", "ascending")])
    table = table.take(order)
    items = lab_items()
    texts = table["text"].to_pylist() + [text for text, _ in items]
    sets = table["set"].to_pylist() + [f"{LAB_SET}{language}" for _, language in items]
    return Corpus(texts, np.array(sets), USES[np.arange(len(texts)) % 4])


FLAGS = tuple(ASKED_FLAGS)
