"""What `stillhunt model distil` does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.progress import Progress
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import login_name, message_console, output_console, print_columns, print_json
from stillhunt_model.distil.parameters import FEWEST_ASKED_PROMPTS

if TYPE_CHECKING:
    from stillhunt_model.distil.job import DistilJob, Distilled
    from stillhunt_model.distil.recipe import DistilRecipe

_STEPS, _SMOKE_STEPS = 1000, 250
_BATCH, _SMOKE_BATCH = 32, 64
_TINY_RATE, _SMOKE_RATE, _RATE = 2e-3, 4e-3, 5e-5
"""Highest learning rates: weights that were trained before are moved gently."""


@dataclass(frozen=True)
class DistilOptions:
    """The command line of `model distil`, option by option."""

    teacher: Path | None
    out: Path | None
    data: tuple[Path, ...]
    student: str
    method: str
    divergence: str | None
    beta: float | None
    temperature: float
    top_logits: int
    own_answers: bool
    warm_up: int | None
    answer_tokens: int
    answer_temperature: float
    steps: int | None
    batch: int | None
    learning_rate: float | None
    seed: int
    checkpoints: Path | None
    checkpoint_every: int
    resume: bool
    compare: bool
    terms: str
    accept: tuple[str, ...]
    teacher_terms: str
    permission: str
    by: str
    case: tuple[Path, ...]
    settings_file: Path | None
    quiet: bool


def run_distil(options: DistilOptions, *, as_json: bool) -> None:
    """Distil, write the student with its card, and print the table of results.

    Raises:
        StillhuntError: an option is missing, data may not teach, or a model cannot be used.
    """
    _check_options(options)
    start_models(Config.load(file=options.settings_file))
    from stillhunt_model.distil import card  # start-up time
    from stillhunt_model.distil.job import distil  # start-up time
    from stillhunt_model.nets.net import check_free, save_net  # start-up time

    if options.out is not None:
        check_free(options.out)
    try:
        with open_progress(quiet=options.quiet) as progress:
            job, teacher = _job(options, progress)
            done = distil(job, progress)
    except KeyboardInterrupt:
        if options.checkpoints is not None and not options.quiet:
            message_console().print("the checkpoints are kept: go on with the same command and --resume")
        raise
    permit = card.Permit(
        options.permission or "none is needed: everything was made here",
        options.by or login_name(),
        teacher.name,
        teacher.terms,
        datetime.now(UTC).date().isoformat(),
    )
    facts = card.facts_of(job, permit, done)
    if options.out is not None:
        more = {card.CARD_FILE: card.model_card(facts, done), card.FACTS_FILE: card.facts_text(facts)}
        save_net(done.student, options.out, more)
    if as_json:
        print_json({**facts, "folder": options.out})
    else:
        _print(job, done, options)


def _check_options(options: DistilOptions) -> None:
    wrong = ""
    if options.teacher is None and options.data:
        wrong = "there is data but no teacher"
    elif options.teacher is not None and not options.data:
        wrong = "there is a teacher but no data"
    elif options.teacher is not None and options.out is None:
        wrong = "there is no folder for the student"
    elif options.resume and options.checkpoints is None:
        wrong = "nothing says where the checkpoints are"
    elif options.beta is not None and options.divergence is not None:
        wrong = "the divergence is given twice, by its name and by beta"
    if wrong:
        raise ConfigError(
            wrong,
            next_step="give a teacher with data and a folder for the student, or none of them for a smoke run",
            command_step="give TEACHER with --data and --out, or none of them for a smoke run; --checkpoints with "
            "--resume; --divergence or --beta",
        )
    _check_method(options)
    if options.teacher is not None and not options.permission.strip():
        raise ConfigError(
            "nothing says who permits to distil this teacher",
            next_step="state who permits it and on which grounds; the model card says it",
            command_step="state who permits it and on which grounds with --permission; the model card says it",
        )


def _check_method(options: DistilOptions) -> None:
    """Refuse options that the method would not use."""
    unused = ""
    if options.method == "sequence" and (options.beta is not None or options.divergence is not None):
        unused = "a divergence compares logits, and the method sequence has none"
    elif options.method == "sequence" and options.temperature != 1:
        unused = "a temperature of logits is given, and the method sequence has none"
    elif options.method != "on-policy" and options.warm_up:
        unused = "only the method on-policy has a warm-up"
    if unused:
        raise ConfigError(
            unused,
            next_step="leave it out, or choose a method that uses it",
            command_step="leave out --divergence, --beta, --temperature and --warm-up, or choose another --method",
        )


def _recipe(options: DistilOptions) -> DistilRecipe:
    from stillhunt_model.distil.recipe import BETAS, DistilRecipe, Method  # start-up time
    from stillhunt_model.training.run import TrainingRecipe  # start-up time

    smoke = options.teacher is None
    steps = options.steps or (_SMOKE_STEPS if smoke else _STEPS)
    batch = options.batch or (_SMOKE_BATCH if smoke else _BATCH)
    tiny = options.student.startswith("tiny")
    rate = options.learning_rate
    if rate is None:
        rate = _SMOKE_RATE if smoke else _TINY_RATE if tiny else _RATE
    on_policy = options.method == "on-policy"
    beta = (
        options.beta
        if options.beta is not None
        else BETAS[options.divergence or ("reverse" if on_policy else "forward")]
    )
    warm_up = options.warm_up
    if warm_up is None:  # a tiny student has nothing to say before it has learned from answers
        warm_up = steps * 4 // 5 if on_policy and tiny else 0
    every = options.checkpoint_every if options.checkpoints else 0
    return DistilRecipe(
        TrainingRecipe(steps, batch, rate, options.seed, every),
        cast("Method", options.method),
        beta,
        options.temperature,
        options.top_logits,
        warm_up,
        options.answer_tokens,
        options.answer_temperature,
        options.own_answers,
    )


@dataclass(frozen=True)
class _Teacher:
    name: str
    terms: str


def _job(options: DistilOptions, progress: Progress) -> tuple[DistilJob, _Teacher]:
    """The job, and whose answers it learns from."""
    from dataclasses import replace  # start-up time

    from stillhunt_model.distil.job import DistilJob  # start-up time
    from stillhunt_model.distil.permission import (  # start-up time
        OWN_TERMS,
        Declared,  # start-up time
        teacher_terms,
    )
    from stillhunt_model.distil.rows import DataOrder, flagged_of, read_data_rows  # start-up time
    from stillhunt_model.distil.smoke import SMOKE_TEACHER, SmokeSize, smoke_job  # start-up time
    from stillhunt_model.distil.students import model_hash, new_student  # start-up time
    from stillhunt_model.nets.loading import load_net  # start-up time

    recipe = _recipe(options)
    if options.teacher is None:
        job = smoke_job(SmokeSize(student=options.student), recipe, progress)
        job = replace(job, compare=options.compare, work=options.checkpoints, resume=options.resume)
        return job, _Teacher(SMOKE_TEACHER, OWN_TERMS)
    terms = teacher_terms(options.teacher_terms, options.teacher)
    order = DataOrder(options.data, options.terms, options.accept, flagged_of(options.case))
    data = read_data_rows(order, [Declared(terms, "the teacher")])
    for why, count in data.rejects.items():
        progress.note(f"{formatting.plural(count, 'row')} left out: {why}")
    if data.unchecked:
        progress.note(
            f"{formatting.plural(data.unchecked, 'row')} {formatting.verb(data.unchecked, 'names', 'name')} neither "
            "account nor request, and could not be compared with the cases"
        )
    teacher = load_net(options.teacher, "teacher")
    student = new_student(options.student, teacher, options.seed)
    job = DistilJob(
        teacher,
        model_hash(options.teacher),
        student,
        data,
        recipe,
        compare=options.compare,
        work=options.checkpoints,
        resume=options.resume,
    )
    return job, _Teacher(options.teacher.name, terms)


def _print(job: DistilJob, done: Distilled, options: DistilOptions) -> None:
    from stillhunt_model.distil.card import result_cells  # start-up time

    console = output_console()
    console.print(formatting.sentence(job.recipe.in_words()))
    rejects: dict[str, Any] = job.data.rejects
    if rejects:
        why = formatting.join_words([f"{count:,} because {reason}" for reason, count in rejects.items()])
        console.print(f"{formatting.plural(sum(rejects.values()), 'row')} left out: {why}.")
    console.print(
        f"Asked {formatting.plural(done.questions, 'prompt')} that no student saw; an answer is right where it is "
        f"{done.right_means}. "
        + ("Intervals of 95 %." if done.questions >= FEWEST_ASKED_PROMPTS else "Too few for intervals.")
    )
    print_columns(console, result_cells(done))
    for note in done.notes:
        console.print(note)
    if options.out is not None:
        console.print(f"Student and model card: {formatting.escape_controls(str(options.out))}")
