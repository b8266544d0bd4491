"""Tasks whose answers a program can check."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stillhunt import ConfigError
from stillhunt_model.training.pairs import TextPair

RESULT = "="
"""Stands before the result, after the reasoning."""
TRIES = 50
"""Draws for each question before a task counts as used up."""
_LAST_RESULT = re.compile(rf"{RESULT}([^{RESULT}\n]*)\Z")


@dataclass(frozen=True)
class Example:
    """One question.

    Attributes:
        reasoning: steps that lead to the result, each with its own short result.
    """

    prompt: str
    reasoning: str
    result: str

    @property
    def answer(self) -> str:
        """The full answer: reasoning, then the result."""
        return f"{self.reasoning}{RESULT}{self.result}"

    @property
    def pair(self) -> TextPair:
        """The question with its full answer."""
        return TextPair(self.prompt, self.answer)


class CheckableTask(Protocol):
    """A kind of question."""

    name: str

    def draw(self, source: random.Random) -> Example:
        """One question."""


def draw_examples(task: CheckableTask, count: int, seed: int, *, without: Sequence[Example] = ()) -> list[Example]:
    """Questions that differ from one another and from others.

    Args:
        count: how many; at most some thousands, since a task has no more (`DigitSums` has 8,100).
        without: questions that may not come again, such as those of the training.

    Raises:
        ConfigError: the task has not so many questions.
    """
    source = random.Random(f"{task.name}-{seed}")  # noqa: S311  # questions are no secret
    seen = {one.prompt for one in without}
    drawn: list[Example] = []
    for _ in range(TRIES * count):
        if len(drawn) == count:
            return drawn
        example = task.draw(source)
        if example.prompt not in seen:
            seen.add(example.prompt)
            drawn.append(example)
    if len(drawn) < count:
        raise ConfigError(
            f"the task has fewer than {count + len(without)} questions", where=task.name, next_step="ask for fewer"
        )
    return drawn


def result_of(answer: str) -> str | None:
    """The result that an answer gives; None where it gives none."""
    found = _LAST_RESULT.search(answer.strip())
    return found[1].strip() if found else None


def share_right(examples: Sequence[Example], answers: Sequence[str]) -> float:
    """Share of answers with the right result.

    Args:
        examples: questions; at least one.
    """
    right = sum(result_of(answer) == one.result for one, answer in zip(examples, answers, strict=True))
    return right / len(examples)
