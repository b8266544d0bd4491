"""String programs of three steps: the task of two has answers that a student guesses without any reasoning."""

from __future__ import annotations

import random

from stillhunt_model.tasks.checkable import TASKS, StringPrograms, run_step
from stillhunt_model.tasks.task import CheckableTask, Example

PROGRAM_STEPS = 3


class LongPrograms:
    """Programs of three steps over a word of four letters; each step shows the word after it."""

    name = "programs"

    def draw(self, source: random.Random) -> Example:
        """One program with its word."""
        word = "".join(source.choice("abcdef") for _ in range(4))
        program = [source.choice(StringPrograms.steps) for _ in range(PROGRAM_STEPS)]
        reasoning, now = "", word
        for step in program:
            now = run_step(step, now)
            reasoning += f"{step}:{now};"
        return Example(f"{' '.join(program)} {word}", reasoning, now)


BLUNT_TASKS: dict[str, CheckableTask] = {**TASKS, LongPrograms.name: LongPrograms()}
"""Name -> task of the experiment."""
