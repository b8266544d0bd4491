"""Three tasks with steps: sums, string programs, nested calls of a small grammar."""

from __future__ import annotations

import random

from stillhunt_model.tasks.task import CheckableTask, Example

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
    """Programs of two steps over a short word; each step shows the word after it."""

    name = "strings"
    steps = ("reverse", "swap", "rotate", "double")

    def draw(self, source: random.Random) -> Example:
        """One program with its word."""
        word = "".join(source.choice("abcdef") for _ in range(4))
        program = [source.choice(self.steps) for _ in range(2)]
        reasoning, now = "", word
        for step in program:
            now = run_step(step, now)
            reasoning += f"{step}:{now};"
        return Example(f"{' '.join(program)} {word}", reasoning, now)


def run_step(step: str, word: str) -> str:
    """One step of a string program.

    Args:
        step: one of `StringPrograms.steps`.
    """
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
        text, value = self._call(source, 3, steps)
        return Example(text, "".join(f"{step};" for step in steps), str(value))

    def _call(self, source: random.Random, calls: int, steps: list[str]) -> tuple[str, int]:
        """An expression with so many calls, its value, and a step for each call, the innermost first."""
        if not calls:
            digit = source.randrange(DIGITS)
            return str(digit), digit
        before = source.randrange(calls)
        parts = [self._call(source, part, steps) for part in (before, calls - 1 - before)]
        function = source.choice(self.functions)
        value = call(function, parts[0][1], parts[1][1])
        steps.append(f"{function} {parts[0][1]} {parts[1][1]}:{value}")
        return f"{function}({parts[0][0]},{parts[1][0]})", value


def call(function: str, first: int, second: int) -> int:
    """One function of two digits.

    Args:
        function: one of `NestedCalls.functions`; `add` keeps the last digit.
    """
    if function == "add":
        return (first + second) % DIGITS
    return max(first, second) if function == "max" else min(first, second)


TASKS: dict[str, CheckableTask] = {task.name: task for task in (DigitSums(), StringPrograms(), NestedCalls())}
"""Name -> task."""
