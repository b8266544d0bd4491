"""Tasks with steps: sums, string programs of two and of three steps, nested calls of a small grammar."""

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
    """One question."""

    prompt: str
    reasoning: str  # steps that lead to the result, each with its own short result
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
    """Share of answers with the right result."""
    right = sum(result_of(answer) == one.result for one, answer in zip(examples, answers, strict=True))
    return right / len(examples)


DIGITS = 10


class DigitSums:
    """DigitSums of numbers of two digits, worked out from the last digit with the carry."""

    name = "sums"

    def draw(self, source: random.Random) -> Example:
        """One sum."""
        first, second = source.randrange(10, 100), source.randrange(10, 100)
        ones = first % DIGITS + second % DIGITS
        tens = first // DIGITS + second // DIGITS + ones // DIGITS
        carried = f"{first // DIGITS}+{second // DIGITS}+{ones // DIGITS}:{tens}"
        reasoning = f"{first % DIGITS}+{second % DIGITS}:{ones};{carried};"
        return Example(f"add {first} {second}", reasoning, str(first + second))


class StringPrograms:
    """Programs of a few steps over a short word; each step shows the word after it."""

    steps = ("reverse", "swap", "rotate", "double")

    def __init__(self, name: str = "strings", length: int = 2) -> None:
        self.name, self._length = name, length

    def draw(self, source: random.Random) -> Example:
        """One program with its word."""
        word = "".join(source.choice("abcdef") for _ in range(4))
        program = [source.choice(self.steps) for _ in range(self._length)]
        reasoning, now = "", word
        for step in program:
            now = run_step(step, now)
            reasoning += f"{step}:{now};"
        return Example(f"{' '.join(program)} {word}", reasoning, now)


def run_step(step: str, word: str) -> str:
    """One step of a string program."""
    if step == "reverse":
        return word[::-1]
    if step == "swap":
        return word[1] + word[0] + word[2:]
    if step == "rotate":
        return word[1:] + word[0]
    return word[0] + word


class NestedCalls:
    """Expressions of a small grammar: calls of three functions of digits, nested, worked out from within."""

    name = "calls"
    functions = ("max", "min", "add")

    def draw(self, source: random.Random) -> Example:
        """One expression."""
        steps: list[str] = []
        text, value = self._draw_nested_call(source, 3, steps)
        return Example(text, "".join(f"{step};" for step in steps), str(value))

    def _draw_nested_call(self, source: random.Random, calls: int, steps: list[str]) -> tuple[str, int]:
        """An expression with so many calls, its value, and a step for each call, the innermost first."""
        if not calls:
            digit = source.randrange(DIGITS)
            return str(digit), digit
        before = source.randrange(calls)
        parts = [self._draw_nested_call(source, part, steps) for part in (before, calls - 1 - before)]
        function = source.choice(self.functions)
        value = call(function, parts[0][1], parts[1][1])
        steps.append(f"{function} {parts[0][1]} {parts[1][1]}:{value}")
        return f"{function}({parts[0][0]},{parts[1][0]})", value


def call(function: str, first: int, second: int) -> int:
    """One function of two digits.

    `function`: one of `NestedCalls.functions`; `add` keeps the last digit.
    """
    if function == "add":
        return (first + second) % DIGITS
    return max(first, second) if function == "max" else min(first, second)


_TASKS: tuple[CheckableTask, ...] = (DigitSums(), StringPrograms(), StringPrograms("programs", 3), NestedCalls())
TASKS = {task.name: task for task in _TASKS}
"""Name -> task. The result of a program of two steps can be guessed without reasoning, that of three cannot."""
