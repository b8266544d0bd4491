"""A distillation from nothing, to see that everything works: a teacher of a task that a program can check."""

import hashlib
from dataclasses import dataclass, field, replace

from stillhunt.tools import Progress
from stillhunt_model.distil.job import DistilJob, watched_training
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.rows import DataRow, DistilData
from stillhunt_model.distil.students import new_student, weights_hash
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, tiny_net
from stillhunt_model.tasks.checkable import TASKS, draw_examples, result_of
from stillhunt_model.training.run import TrainingRecipe, train

SMOKE_TEACHER = "a tiny teacher made here"
_ANSWER_TOKENS = 64  # Longest answer of a task, in bytes, with room to go wrong


@dataclass(frozen=True)
class SmokeSize:
    """How large a smoke run is."""

    task: str = "sums"
    questions: int = 2000
    teacher: TinySize = field(default_factory=lambda: TinySize(96, 2, 4, 96))
    student: str = "tiny"
    teacher_steps: int = 250
    teacher_rate: float = 3e-3


def smoke_job(size: SmokeSize, recipe: DistilRecipe, progress: Progress) -> DistilJob:
    """Train a tiny teacher on a task, and make a job of it.

    `recipe`: of the student; its seed is that of everything.
    """
    seed = recipe.training.seed
    examples = draw_examples(TASKS[size.task], size.questions, seed)
    teacher = tiny_net(size.teacher, byte_tokenizer(), seed, "teacher")
    steps = TrainingRecipe(size.teacher_steps, 64, size.teacher_rate, seed)
    pairs = [one.pair for one in examples]
    watched_training("teacher", steps.steps, progress, lambda watch: train(teacher, pairs, steps, watch=watch))
    rows = [DataRow(one.prompt, one.answer) for one in examples]
    digest = hashlib.sha256("\n".join(f"{one.prompt}\t{one.answer}" for one in examples).encode()).hexdigest()
    data = DistilData(rows, {f"task {size.task}": digest}, {"own": "made here"})
    return DistilJob(
        teacher,
        weights_hash(teacher),
        new_student(size.student, teacher, seed),
        data,
        replace(recipe, answer_tokens=min(recipe.answer_tokens, _ANSWER_TOKENS)),
        same=same_result,
    )


def same_result(expected: str, answer: str) -> bool:
    """Whether two answers to a question of a task give the same result."""
    return result_of(answer) is not None and result_of(answer) == result_of(expected)
