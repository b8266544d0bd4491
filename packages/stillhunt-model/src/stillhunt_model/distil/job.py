"""One distillation from data to a table of results."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stillhunt import InputError
from stillhunt.tools import Progress, formatting
from stillhunt_model.distil.judging import AskedModel, Spread, ask_model, gap_recovered, judge_answers
from stillhunt_model.distil.learning import check_recipe, distil_net
from stillhunt_model.distil.lessons import Lessons, Teacher, lessons_of
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.rows import DataRow, DistilData
from stillhunt_model.distil.served_teacher import ServedTeacher
from stillhunt_model.distil.students import copy_of, weights_hash
from stillhunt_model.distil.work_folder import draw_answers, open_work
from stillhunt_model.nets.low_rank import low_rank_changes
from stillhunt_model.nets.net import Net
from stillhunt_model.training.generating import Sampling
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import Trained, Watch, train

# Share of different prompts that no student sees, and of which all models are asked (one in ten says what was learned,
# and nine teach)
_HELD_OUT = 0.1
# Most prompts of which all models are asked (derived: a share of 50 % is then known to 7 points each way: 1.96 x
# sqrt(0.25 / 200))
_MOST_HELD_OUT = 200
_FEWEST_PROMPTS = 20  # Different prompts below which no distillation begins (fewer leave one or none to judge by)


TEACHER, STUDENT, ALONE, UNTRAINED = "teacher", "student", "student without the teacher", "untrained student"
_NOTES = 10
"""Lines of progress of one training."""


@dataclass(frozen=True)
class DistilJob:
    """What is to be distilled."""

    teacher: Teacher
    teacher_hash: str  # of all teachers
    student: Net  # model before it learns; it is changed in place
    data: DistilData
    recipe: DistilRecipe
    compare: bool = True  # train a second student of the same beginning without the teacher
    work: Path | None = None
    resume: bool = False
    # whether an answer counts as the one that was expected; None compares the texts
    same: Callable[[str, str], bool] | None = None
    others: tuple[Teacher, ...] = ()  # more teachers, which answer the same prompts

    @property
    def teachers(self) -> list[Teacher]:
        """All teachers, with the names that tables call them."""
        every = [self.teacher, *self.others]
        names = [TEACHER] if len(every) == 1 else [f"{TEACHER} {number}" for number in range(1, len(every) + 1)]
        return [
            Net(one.model, one.tokenizer, name) if isinstance(one, Net) else one.renamed(name)
            for one, name in zip(every, names, strict=True)
        ]


@dataclass(frozen=True)
class ResultRow:
    """One line of the table of results."""

    asked: AskedModel
    recovered: Spread


@dataclass(frozen=True)
class Distilled:
    """What a distillation made."""

    student: Net
    trained: Trained
    # table of results: teacher, student, student without the teacher where there is one, untrained student
    rows: list[ResultRow]
    questions: int
    right_means: str
    notes: list[str]


def distil(job: DistilJob, progress: Progress) -> Distilled:
    """Distil a teacher into a student and compare them on prompts that no student saw.

    Raises ConfigError: the recipe does not suit the models, or there is nothing to resume. Raises InputError: there are
    too few prompts.
    """
    training, held = set_aside(job.data.rows, job.recipe.training.seed)
    teachers = job.teachers
    check_recipe(teachers, job.student, job.recipe, [row.prompt for row in training])
    if job.work is not None:
        open_work(job.work, _describe_distil_job(job), resume=job.resume)
    lessons = _collect_lessons(job, teachers, training, progress)
    untrained = copy_of(job.student, UNTRAINED)
    corrects = teachers[0] if isinstance(teachers[0], Net) else None
    with low_rank_changes(job.student, job.recipe.rank, job.recipe.training.seed):
        trained = watched_training(
            STUDENT,
            job.recipe.training.steps,
            progress,
            lambda watch: distil_net(corrects, job.student, lessons, job.recipe, folder=job.work, watch=watch),
        )
    models: list[tuple[Teacher, str]] = [(one, one.name) for one in teachers]
    models.append((job.student, STUDENT))
    notes: list[str] = []
    alone = _train_student_alone(job, untrained, training, progress, notes)
    if alone is not None:
        models.append((alone, ALONE))
    models.append((untrained, UNTRAINED))
    asked, right_means = _ask_held_out_questions(job, held, models, progress)
    best = max(asked[: len(teachers)], key=lambda one: one.right.sum())  # of several the first with most right answers
    rows = [ResultRow(one, gap_recovered(one, asked[-1], best)) for one in asked]
    notes += _list_size_notes(asked[0], asked[len(teachers)])
    student = Net(job.student.model, job.student.tokenizer, STUDENT)
    return Distilled(student, trained, rows, len(held), right_means, notes)


def _list_size_notes(teacher: AskedModel, student: AskedModel) -> list[str]:
    if not teacher.parameters or (student.parameters <= teacher.parameters and student.flops <= teacher.flops):
        return []
    larger = f"{formatting.plural(student.parameters, 'parameter')} and {formatting.count(teacher.parameters)}"
    return [f"The student is larger than its teacher ({larger}): it saves nothing."]


def set_aside(rows: Sequence[DataRow], seed: int) -> tuple[list[DataRow], list[DataRow]]:
    """Rows to learn from, and one row of each prompt by which models are judged.

    Raises InputError: there are too few different prompts.
    """
    prompts = sorted({row.prompt for row in rows})
    if len(prompts) < _FEWEST_PROMPTS:
        raise InputError(
            f"there {formatting.verb(len(prompts), 'is', 'are')} only "
            f"{formatting.plural(len(prompts), 'different prompt')}",
            next_step=f"give at least {_FEWEST_PROMPTS}",
        )
    count = min(_MOST_HELD_OUT, max(1, round(_HELD_OUT * len(prompts))))
    chosen = set(random.Random(f"held-out-{seed}").sample(prompts, count))  # noqa: S311  # the draw is no secret
    first = {row.prompt: row for row in reversed(rows) if row.prompt in chosen}
    return [row for row in rows if row.prompt not in chosen], [first[prompt] for prompt in sorted(first)]


def _describe_distil_job(job: DistilJob) -> dict[str, object]:
    return {
        "teacher": job.teacher_hash,
        "student": weights_hash(job.student),
        "data": dict(sorted(job.data.files.items())),
        "rows": len(job.data.rows),
        "recipe": asdict(job.recipe),
    }


def _collect_lessons(
    job: DistilJob, teachers: Sequence[Teacher], training: Sequence[DataRow], progress: Progress
) -> Lessons:
    """Prompts with the answers from which the student learns; an interrupted run kept those that it had."""
    recipe = job.recipe
    if recipe.own_answers:
        pairs = [TextPair(row.prompt, row.answer) for row in training if row.answer]
        if not pairs:
            raise InputError("the data has no answers of its own", next_step="learn from the teacher's answers")
        return Lessons(pairs)
    prompts = [row.prompt for row in training]
    if recipe.method == "on-policy" and not recipe.warm_up:
        return Lessons([TextPair(prompt, "") for prompt in prompts])  # the student answers
    return lessons_of(teachers, job.student, prompts, recipe, job.work, progress)


def _train_student_alone(
    job: DistilJob, untrained: Net, training: Sequence[DataRow], progress: Progress, notes: list[str]
) -> Net | None:
    """The same student trained as long on the data's own answers; None where there are none, or nobody asked."""
    own = [TextPair(row.prompt, row.answer) for row in training if row.answer]
    if not job.compare or not own:
        why = "the data has no answers of its own" if job.compare else "it was not asked for"
        notes.append(f"No student was trained without the teacher: {why}.")
        return None
    alone = copy_of(untrained, ALONE)
    recipe = replace(job.recipe.training, checkpoint_every=0)
    with low_rank_changes(alone, job.recipe.rank, recipe.seed):
        watched_training(ALONE, recipe.steps, progress, lambda watch: train(alone, own, recipe, watch=watch))
    notes.append(
        f"The student without the teacher began with the same weights and learned for as many steps from the data's "
        f"own {formatting.plural(len(own), 'answer')}."
    )
    return alone


def watched_training(name: str, steps: int, progress: Progress, training: Callable[[Watch], Trained]) -> Trained:
    """Train with progress, and with the loss and the speed about ten times."""
    done = 0
    every = max(1, steps // _NOTES)
    noted = 0
    with progress.stage(f"{name} learns", steps, "steps") as advance:

        def watch(step: int, loss: float, rate: float) -> None:
            nonlocal done, noted
            advance(step - done)
            done = step
            if step - noted >= every or step == steps:
                noted = step
                progress.note(
                    f"  step {step:,} of {steps:,}: loss {loss:.4f} nats a token, {rate:,.0f} tokens a second"
                )

        return training(watch)


def _ask_held_out_questions(
    job: DistilJob, held: Sequence[DataRow], models: Sequence[tuple[Teacher, str]], progress: Progress
) -> tuple[list[AskedModel], str]:
    """All models on the held-out questions, and when an answer counts as right."""
    prompts = [row.prompt for row in held]
    quiet = Sampling(tokens=job.recipe.answer_tokens, temperature=0)
    served = {
        place: [one.text for one in net.ask_prompts(prompts, quiet, 0, progress)]
        for place, (net, _) in enumerate(models)
        if isinstance(net, ServedTeacher)
    }
    first = models[0][0]
    answers = draw_answers(first, prompts, quiet, progress) if isinstance(first, Net) else served[0]
    pairs = [TextPair(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    own = all(row.answer for row in held)
    expected = [row.answer for row in held] if own else answers
    same = job.same or (lambda one, other: one.strip() == other.strip())

    def grade(place: int, answer: str) -> bool:
        return same(expected[place], answer)

    asked = [
        ask_model(net, name, pairs, grade, job.recipe.answer_tokens, progress)
        if isinstance(net, Net)
        else judge_answers(name, pairs, served[place], grade)
        for place, (net, name) in enumerate(models)
    ]
    means = "the data's own answer" if own else "the teacher's likeliest answer"
    return asked, f"{means}, compared by its result" if job.same else means
