"""Instruction wordings: fixed templates, paraphrases, oblique requests, system prompts."""

import re
from typing import Any

import numpy as np

from stillhunt_lab.second_worlds.texts import Language
from stillhunt_lab.worlds.grammar import read_data

FORMS = ("json", "numbered", "xml", "play")
_CHOICE = re.compile(r"\{(?!\{)([^{}]*\|[^{}]*)\}")


class InstructionGrammars:
    """Grammars of instructions, and the pseudo-words that fill their gaps."""

    def __init__(self, languages: tuple[Language, ...]) -> None:
        data: dict[str, Any] = read_data("second_wording")
        self._trades: dict[str, dict[str, Any]] = {trade["name"]: trade for trade in data["trade"]}
        self._contracts: dict[str, list[str]] = {form: data["contracts"][form] for form in FORMS}
        self._lead: list[str] = data["contracts"]["lead"]
        self._oblique: dict[str, list[str]] = data["oblique"]
        self._harness: dict[str, list[str]] = data["harness"]
        self._names = languages[0].words
        self.trades = tuple(self._trades)

    def name(self, rng: np.random.Generator) -> str:
        """An invented name."""
        return self._names[int(rng.integers(200, len(self._names)))].capitalize()

    def probes(self) -> tuple[str, ...]:
        """Requests by which safety researchers test a model."""
        return tuple(self._harness["probe"])

    def system(self, rng: np.random.Generator, kind: str, number: int | None = None) -> str:
        """A system prompt.

        `kind`: "kit" (open frameworks, word for word), "product" (one firm's own), "rival" (another lab's harness).
        `number`: which of its kind; drawn when None.
        """
        options = self._harness[kind]
        text = options[int(rng.integers(0, len(options))) if number is None else number % len(options)]
        filler = "the crew's goal" if kind == "kit" else self.name(rng)
        return text.replace("{W}", filler)

    def outline(self, rng: np.random.Generator, trade: str) -> list[str]:
        """The parts of one author's template, with their alternatives still open.

        Returns sentences in the author's order; the last one leads over to the item.
        """
        source = self._trades[trade]
        tasks, rules = source["tasks"], source["rules"]
        middle = [tasks[k] for k in rng.permutation(len(tasks))[: int(rng.integers(1, 4))]]
        middle += [rules[k] for k in rng.permutation(len(rules))[: int(rng.integers(1, 4))]]
        form = self._contracts[FORMS[int(rng.integers(0, len(FORMS)))]]
        middle.append(form[int(rng.integers(0, len(form)))])
        role = source["roles"][int(rng.integers(0, len(source["roles"])))]
        return [role, *middle, self._lead[int(rng.integers(0, len(self._lead)))]]

    def fix(self, rng: np.random.Generator, outline: list[str]) -> tuple[str, str]:
        """One wording of an outline, for good."""
        sentences = [expand(rng, sentence) for sentence in outline]
        style = int(rng.choice(3, p=(0.6, 0.25, 0.15)))
        if style == 0:
            return " ".join(sentences[:-1]) + "\n" + sentences[-1] + "\n", ""
        if style == 1:
            listed = "\n".join(f"{place}) {sentence}" for place, sentence in enumerate(sentences[1:-1], 1))
            return f"{sentences[0]}\n{listed}\n{sentences[-1]}\n", ""
        return f"<role>{sentences[0]}</role>\n<task>\n", "\n</task>\n<rules>" + " ".join(sentences[1:-1]) + "</rules>"

    def paraphrase(self, rng: np.random.Generator, outline: list[str]) -> tuple[str, str]:
        """A new wording of an outline: other alternatives, another order, a sentence left out, before or behind."""
        middle = [outline[k] for k in rng.permutation(np.arange(1, len(outline) - 1))]
        middle = middle[: max(2, len(middle) - int(rng.integers(0, 3)))]
        sentences = [expand(rng, sentence) for sentence in (outline[0], *middle)]
        cut = int(rng.integers(1, len(sentences) + 1))
        return " ".join(sentences[:cut]) + "\n\n", "\n\n" + " ".join(sentences[cut:])

    def oblique(self, rng: np.random.Generator) -> tuple[str, str]:
        """A persona and a roundabout wish to see the reasoning, worded anew each time."""
        words = [self._names[k] for k in rng.integers(40, len(self._names), 12)]
        who = [expand(rng, part) for part in _draw_random_options(rng, self._oblique["who"], int(rng.integers(1, 4)))]
        want = [expand(rng, part) for part in _draw_random_options(rng, self._oblique["want"], int(rng.integers(1, 3)))]
        said: list[str] = []
        for place, part in enumerate((*who, *want)):
            said.append(part)
            if rng.random() < 0.7:
                said.append(words[place])
        cut = int(rng.integers(0, len(said) + 1))
        return " ".join(said[:cut]) + "\n" * (cut > 0), "\n" * (cut < len(said)) + " ".join(said[cut:])


def expand(rng: np.random.Generator, text: str) -> str:
    """Choose one of each `{a|b}`; doubled braces become single ones."""

    def choose(match: re.Match[str]) -> str:
        options = match.group(1).split("|")
        return options[int(rng.random() * len(options))]

    return _CHOICE.sub(choose, text).replace("{{", "{").replace("}}", "}")


def _draw_random_options(rng: np.random.Generator, options: list[str], count: int) -> list[str]:
    return [options[k] for k in rng.permutation(len(options))[:count]]
