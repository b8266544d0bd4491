"""What a teacher adds to the right answers that one has, and how much of the gap to it each method recovers.

    python benchmarks/model/distil.py OUT --seeds 3

Whoever distils has the same prompts and the right results, but no steps. A teacher of 320,000 parameters learned such
questions with all steps. Students of 120,000 begin as one model that can copy words and knows no task; one learns the
results alone, the others learn from the teacher by each method, for as many updates. All are asked 200 questions that
no student saw. Rows are appended to OUT/distil.jsonl as they are finished; a run that ended goes on. A task and seed
takes some two CPU minutes.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any

from stillhunt.base.progress import Silent
from stillhunt_model.blunt.students import StudentSize, copying_base
from stillhunt_model.distil.job import DistilJob, Distilled, distil
from stillhunt_model.distil.judging import Spread
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.rows import DataRow, DistilData
from stillhunt_model.distil.smoke import same_result
from stillhunt_model.distil.students import copy_of
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize
from stillhunt_model.tasks.checkable import RESULT, TASKS, draw_examples
from stillhunt_model.training.run import TrainingRecipe, train

QUESTIONS = 2000
TEACHER, STUDENT = TinySize(96, 3, 4, 128), TinySize(64, 2, 4, 128)
TEACHER_STEPS, RATE, BATCH, ANSWER_TOKENS = 300, 3e-3, 32, 64
METHODS: dict[str, dict[str, Any]] = {
    "sequence": {"method": "sequence"},
    "logits, forward": {"method": "logits", "beta": 0.0},
    "logits, reverse": {"method": "logits", "beta": 1.0},
    "logits, Jensen-Shannon": {"method": "logits", "beta": 0.5},
    "logits, 16 stored": {"method": "logits", "beta": 0.0, "top": 16},
    "on-policy after sequence": {"method": "on-policy", "beta": 1.0, "warm_up": 0.8},
}
SHOWN = "{task:8} {seed:4} {method:26} {model:26} {parameters:9,} {right:24} {gap:24} {seconds:8.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", default=["programs", "calls"], choices=list(TASKS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--steps", type=int, default=300, help="updates of a student")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "distil.jsonl"
    done = {(row["task"], row["seed"], row["method"], row["steps"]) for row in rows_of(file)}
    for task in given.tasks:
        for seed in range(given.seeds):
            left = [name for name in given.methods if (task, seed, name, given.steps) not in done]
            for row in cells(task, seed, left, given.steps):
                with file.open("a", encoding="utf-8") as opened:
                    opened.write(json.dumps(row) + "\n")
                show(row)


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def cells(task: str, seed: int, methods: list[str], steps: int) -> Any:
    """One row for each method; the teacher of a task and seed is trained once."""
    if not methods:
        return
    examples = draw_examples(TASKS[task], QUESTIONS, seed)
    teacher = copy_of(copies_words(TEACHER), "teacher")
    train(teacher, [one.pair for one in examples], TrainingRecipe(TEACHER_STEPS, BATCH, RATE, seed))
    rows = [DataRow(one.prompt, f"{RESULT}{one.result}") for one in examples]
    data = DistilData(rows, {f"task {task}": str(seed)}, {"own": "made here"})
    for place, name in enumerate(methods):
        student, recipe = copy_of(copies_words(STUDENT), "student"), recipe_of(name, steps, seed)
        # The student without the teacher is the same for every method.
        job = DistilJob(teacher, "", student, data, recipe, compare=place == 0, same=same_result)
        yield row_of(task, seed, name, job, distil(job, Silent()))


@cache
def copies_words(shape: TinySize) -> Net:
    """A model that can copy words."""
    return copying_base(StudentSize(shape))


def recipe_of(name: str, steps: int, seed: int) -> DistilRecipe:
    changes = dict(METHODS[name])
    warm_up = int(changes.pop("warm_up", 0) * steps)
    return DistilRecipe(
        TrainingRecipe(steps, BATCH, RATE, seed), warm_up=warm_up, answer_tokens=ANSWER_TOKENS, **changes
    )


def row_of(task: str, seed: int, name: str, job: DistilJob, done: Distilled) -> dict[str, Any]:
    return {
        "task": task,
        "seed": seed,
        "method": name,
        "steps": job.recipe.training.steps,
        "recipe": job.recipe.in_words(),
        "questions": done.questions,
        "training_seconds": round(done.trained.seconds, 1),
        "training_tokens": done.trained.tokens,
        "models": [
            {
                "model": row.asked.name,
                "parameters": row.asked.parameters,
                "right": spread(row.asked.share_right),
                "bits_per_byte": spread(row.asked.bits_per_byte),
                "recovered": spread(row.recovered),
                "operations_per_token": row.asked.flops,
                "seconds_per_1000_tokens": round(row.asked.seconds, 4),
            }
            for row in done.rows
        ],
    }


def spread(one: Spread) -> list[float]:
    return [round(value, 4) for value in (one.value, one.low, one.high)]


def show(row: dict[str, Any]) -> None:
    for model in row["models"]:
        print(
            SHOWN.format(
                task=row["task"],
                seed=row["seed"],
                method=row["method"],
                model=model["model"],
                parameters=model["parameters"],
                right=shown(model["right"]),
                gap=shown(model["recovered"]),
                seconds=model["seconds_per_1000_tokens"],
            ),
            flush=True,
        )


def shown(interval: list[float]) -> str:
    value, low, high = (f"{100 * one:.1f}" for one in interval)
    return f"{value} % ({low} to {high})"


if __name__ == "__main__":
    main()
