"""How much of the gap between an untrained student and its teacher each method of distillation recovers.

    python benchmarks/model/distil.py OUT --seeds 5
    python benchmarks/model/distil.py OUT --seeds 1 --tasks sums --methods sequence

For each task and seed a teacher of some 900,000 parameters is trained here, and students of some 120,000 are distilled
from it by each method, and one without it. All are asked 200 questions that no student saw. Rows are appended to
OUT/distil.jsonl as they are finished; a run that ended goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from stillhunt.base.progress import Silent
from stillhunt_model.distil.job import DistilJob, Distilled, distil
from stillhunt_model.distil.judging import Spread
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.smoke import SmokeSize, smoke_job
from stillhunt_model.distil.students import new_student
from stillhunt_model.nets.tiny import TinySize
from stillhunt_model.tasks.checkable import TASKS
from stillhunt_model.training.run import TrainingRecipe

QUESTIONS = 4000
TEACHER, STUDENT = TinySize(128, 4, 4, 96), "tiny:64x2"
TEACHER_STEPS, TEACHER_RATE = 400, 2e-3
STUDENT_RATE, BATCH = 4e-3, 64
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
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--steps", type=int, default=1500, help="updates of a student")
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
    size = SmokeSize(task, QUESTIONS, TEACHER, STUDENT, TEACHER_STEPS, TEACHER_RATE)
    base = smoke_job(size, recipe_of("sequence", steps, seed), Silent())
    for place, name in enumerate(methods):
        student = new_student(STUDENT, base.teacher, seed)
        # The student without the teacher is the same for every method.
        job = replace(base, student=student, recipe=recipe_of(name, steps, seed), compare=place == 0)
        yield row_of(task, seed, name, job, distil(job, Silent()))


def recipe_of(name: str, steps: int, seed: int) -> DistilRecipe:
    changes = dict(METHODS[name])
    warm_up = int(changes.pop("warm_up", 0) * steps)
    return DistilRecipe(TrainingRecipe(steps, BATCH, STUDENT_RATE, seed), warm_up=warm_up, answer_tokens=48, **changes)


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
