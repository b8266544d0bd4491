"""`stillhunt model distil`: a smaller student of your own teacher."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from stillhunt import ConfigError
from stillhunt.commands import (
    JsonFlag,
    QuietFlag,
    SettingsOption,
    login_name,
    message_console,
    open_progress,
    output_console,
    print_columns,
    print_json,
)
from stillhunt.tools import Progress, formatting
from stillhunt_model.commands.distil_teachers import NamedTeachers
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.distil.parameters import FEWEST_ASKED_PROMPTS
from stillhunt_model.distil.permission import OWN_TERMS, Declared
from stillhunt_model.distil.rows import DataOrder, DistilData, flagged_of, read_data_rows
from stillhunt_model.nets.net import Net, check_free, save_net

if TYPE_CHECKING:
    from stillhunt_model.distil.job import DistilJob, Distilled
    from stillhunt_model.distil.recipe import DistilRecipe
    from stillhunt_model.training.run import TrainingRecipe


class MethodChoice(StrEnum):
    """Names of methods on the command line."""

    SEQUENCE = "sequence"
    LOGITS = "logits"
    ON_POLICY = "on-policy"


class DivergenceChoice(StrEnum):
    """Names of divergences on the command line."""

    FORWARD = "forward"
    REVERSE = "reverse"
    JSD = "jsd"


_STEPS, _SMOKE_STEPS = 1000, 250

_BATCH, _SMOKE_BATCH = 32, 64

_TINY_RATE, _SMOKE_RATE, _RATE, _LOW_RANK_RATE = 2e-3, 4e-3, 5e-5, 2e-4
"""Highest learning rates: weights that were trained before are moved gently; that of low rank is LoRA's for GPT-3."""


def distil_command(
    teacher: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEACHER]",
            help="Model folder (safetensors), GGUF file, or address of an OpenAI-compatible server of yours. Without "
            "it: a smoke run of a tiny teacher.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for the student.")] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="JSON lines with prompt, answer, terms ...; may be repeated."),
    ] = None,
    student: Annotated[
        str, typer.Option("--student", metavar="FOLDER|tiny", help="Model folder, tiny, or tiny:WIDTHxLAYERS.")
    ] = "tiny",
    method: Annotated[
        MethodChoice,
        typer.Option("--method", help="Learn from answers, from logits over answers, or from corrections of its own."),
    ] = MethodChoice.SEQUENCE,
    divergence: Annotated[
        DivergenceChoice | None,
        typer.Option(
            "--divergence", help="Divergence of logits; by default forward for logits, reverse for on-policy."
        ),
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option("--beta", min=0, max=1, help="Between forward (0) and reverse (1); in place of --divergence."),
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Temperature of logits and of the student's answers.")
    ] = 1.0,
    top_logits: Annotated[
        int,
        typer.Option(
            "--top-logits",
            metavar="N",
            min=0,
            help="Store the N top tokens of each position; 0: ask the teacher again.",
        ),
    ] = 0,
    low_rank: Annotated[
        int,
        typer.Option("--low-rank", metavar="N", min=0, help="Learn changes of this rank (LoRA); 0: all weights."),
    ] = 0,
    own_answers: Annotated[
        bool, typer.Option("--own-answers", help="Compare logits over the data's answers, not the teacher's.")
    ] = False,
    warm_up: Annotated[
        int | None,
        typer.Option("--warm-up", metavar="N", min=0, help="Number of first on-policy steps that learn from answers."),
    ] = None,
    answer_tokens: Annotated[int, typer.Option("--answer-tokens", min=1, help="Maximum tokens of an answer.")] = 128,
    answer_temperature: Annotated[
        float,
        typer.Option(
            "--answer-temperature", min=0, help="Temperature of the teacher's answers; 0: the most likely one."
        ),
    ] = 0.0,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Updates; by default 1,000, or 250 in a smoke run.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="Prompts of one update; by default 32, or 64 in a smoke run.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate", min=0, help="Highest learning rate; by default 0.002 for a tiny student, else 0.00005."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of weights, order and draws.")] = 0,
    checkpoints: Annotated[
        Path | None, typer.Option("--checkpoints", metavar="FOLDER", help="Keep checkpoints, answers and logits there.")
    ] = None,
    checkpoint_every: Annotated[
        int, typer.Option("--checkpoint-every", min=1, help="Steps between checkpoints.")
    ] = 100,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the folder of checkpoints.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Train a second student without the teacher.")
    ] = True,
    terms: Annotated[str, typer.Option("--terms", metavar="TERMS", help="Terms of rows that declare none.")] = "",
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="TERMS", help="Terms that you have read and that allow this; repeatable."),
    ] = None,
    teacher_terms_named: Annotated[
        str,
        typer.Option(
            "--teacher-terms",
            metavar="TERMS",
            help="Terms of the teacher; by default those of its README, or else own.",
        ),
    ] = "",
    also: Annotated[
        list[str] | None, typer.Option("--also", metavar="TEACHER", help="One more teacher; may be repeated.")
    ] = None,
    model_name: Annotated[
        list[str] | None,
        typer.Option("--model-name", metavar="NAME", help="Model of a server; once for each address."),
    ] = None,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", metavar="VAR", help="Environment variable with the servers' key.")
    ] = "",
    permission: Annotated[
        str,
        typer.Option("--permission", metavar="TEXT", help="Who permits it, and on what grounds; needed for a teacher."),
    ] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it; the user by default.")] = "",
    case: Annotated[
        list[Path] | None,
        typer.Option("--case", metavar="CASE", help="Case whose flagged accounts may not teach; may be repeated."),
    ] = None,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Distil your own teacher into a smaller student, and say how good it is.

    Refuses data whose terms forbid training and requests of flagged accounts, and writes a model card. Without a
    teacher it trains a tiny one on sums and distils it, in less than a minute and without a network.
    """
    teachers = NamedTeachers(
        (() if teacher is None else (teacher,)) + tuple(also or ()),
        tuple(model_name or ()),
        api_key_env,
        teacher_terms_named,
    )
    _check_folders(teacher, data, out, checkpoints, resume=resume)
    _check_method(method, divergence, beta, temperature, warm_up)
    if teacher is not None and not permission.strip():
        raise ConfigError(
            "nothing says who permits to distil this teacher",
            next_step="state who permits it and on which grounds; the model card says it",
            command_step="state who permits it and on which grounds with --permission; the model card says it",
        )
    start_models(settings_file)
    from stillhunt_model.distil import card  # torch, which takes seconds
    from stillhunt_model.distil.job import distil  # torch, which takes seconds
    from stillhunt_model.distil.recipe import DistilRecipe  # torch, which takes seconds
    from stillhunt_model.distil.smoke import SMOKE_TEACHER, SmokeSize, smoke_job  # torch, which takes seconds

    if out is not None:
        check_free(out)
    training = _choose_training_recipe(
        student, steps, batch, learning_rate, smoke=teacher is None, low_rank=low_rank > 0
    )
    training = replace(training, seed=seed, checkpoint_every=checkpoint_every if checkpoints else 0)
    recipe = DistilRecipe(
        training,
        method.value,
        _choose_divergence_beta(method, divergence, beta),
        temperature,
        top_logits,
        _warm_up(method, student, warm_up, training.steps),
        answer_tokens,
        answer_temperature,
        low_rank,
        own_answers,
    )
    try:
        with open_progress(quiet=quiet) as progress:
            if teacher is None:
                name, declared = SMOKE_TEACHER, OWN_TERMS
                job = smoke_job(SmokeSize(student=student), recipe, progress)
            else:
                order = DataOrder(tuple(data or ()), terms, tuple(accept or ()), flagged_of(tuple(case or ())))
                declares = teachers.declared()
                name, declared = teachers.in_words(), "; ".join(dict.fromkeys(one.text for one in declares))
                job = _own_job(teachers, student, _read_data(order, declares, progress), recipe, checkpoints)
            job = replace(job, compare=compare, work=checkpoints, resume=resume)
            done = distil(job, progress)
    except KeyboardInterrupt:
        if checkpoints is not None and not quiet:
            message_console().print("the checkpoints are kept: go on with the same command and --resume")
        raise
    permit = card.Permit(
        permission or "none is needed: everything was made here",
        by or login_name(),
        name,
        declared,
        datetime.now(UTC).date().isoformat(),
    )
    facts = card.facts_of(job, permit, done)
    if out is not None:
        more = {card.CARD_FILE: card.model_card(facts, done), card.FACTS_FILE: card.facts_text(facts)}
        save_net(done.student, out, more)
    if as_json:
        print_json({**facts, "folder": out})
    else:
        _print_distil_result(job, done, out)


def _check_folders(
    teacher: str | None, data: list[Path] | None, out: Path | None, checkpoints: Path | None, *, resume: bool
) -> None:
    wrong = ""
    if teacher is None and data:
        wrong = "there is data but no teacher"
    elif teacher is not None and not data:
        wrong = "there is a teacher but no data"
    elif teacher is not None and out is None:
        wrong = "there is no folder for the student"
    elif resume and checkpoints is None:
        wrong = "nothing says where the checkpoints are"
    if wrong:
        _refuse_options(wrong)


def _refuse_options(wrong: str) -> NoReturn:
    raise ConfigError(
        wrong,
        next_step="give a teacher with data and a folder for the student, or none of them for a smoke run",
        command_step="give TEACHER with --data and --out, or none of them for a smoke run; --checkpoints with "
        "--resume; --divergence or --beta",
    )


def _check_method(
    method: MethodChoice,
    divergence: DivergenceChoice | None,
    beta: float | None,
    temperature: float,
    warm_up: int | None,
) -> None:
    """Refuse options that the method would not use."""
    if beta is not None and divergence is not None:
        _refuse_options("the divergence is given twice, by its name and by beta")
    unused = ""
    if method is MethodChoice.SEQUENCE and (beta is not None or divergence is not None):
        unused = "a divergence compares logits, and the method sequence has none"
    elif method is MethodChoice.SEQUENCE and temperature != 1:
        unused = "a temperature of logits is given, and the method sequence has none"
    elif method is not MethodChoice.ON_POLICY and warm_up:
        unused = "only the method on-policy has a warm-up"
    if unused:
        raise ConfigError(
            unused,
            next_step="leave it out, or choose a method that uses it",
            command_step="leave out --divergence, --beta, --temperature and --warm-up, or choose another --method",
        )


def _choose_training_recipe(
    student: str, steps: int | None, batch: int | None, rate: float | None, *, smoke: bool, low_rank: bool = False
) -> TrainingRecipe:
    from stillhunt_model.training.run import TrainingRecipe  # torch, which takes seconds

    trained_before = _LOW_RANK_RATE if low_rank else _RATE
    usual = _SMOKE_RATE if smoke else _TINY_RATE if student.startswith("tiny") else trained_before
    updates, prompts = steps or (_SMOKE_STEPS if smoke else _STEPS), batch or (_SMOKE_BATCH if smoke else _BATCH)
    return TrainingRecipe(updates, prompts, usual if rate is None else rate)


def _choose_divergence_beta(method: MethodChoice, divergence: DivergenceChoice | None, beta: float | None) -> float:
    from stillhunt_model.distil.recipe import BETAS  # torch, which takes seconds

    if beta is not None:
        return beta
    return BETAS[divergence or ("reverse" if method is MethodChoice.ON_POLICY else "forward")]


def _warm_up(method: MethodChoice, student: str, warm_up: int | None, steps: int) -> int:
    """Steps of warm-up; a tiny student has nothing to say before it has learned from answers."""
    if warm_up is not None:
        return warm_up
    return steps * 4 // 5 if method is MethodChoice.ON_POLICY and student.startswith("tiny") else 0


def _read_data(order: DataOrder, teachers: list[Declared], progress: Progress) -> DistilData:
    """The rows that may teach, under the terms of the teachers; what was left out is noted."""
    data = read_data_rows(order, teachers)
    for why, count in data.rejects.items():
        progress.note(f"{formatting.plural(count, 'row')} left out: {why}")
    if data.unchecked:
        progress.note(
            f"{formatting.plural(data.unchecked, 'row')} {formatting.verb(data.unchecked, 'names', 'name')} neither "
            "account nor request, and could not be compared with the cases"
        )
    return data


def _own_job(
    named: NamedTeachers, student: str, data: DistilData, recipe: DistilRecipe, work: Path | None
) -> DistilJob:
    """The job with teachers of one's own."""
    from stillhunt_model.distil.job import DistilJob  # torch, which takes seconds
    from stillhunt_model.distil.students import new_student  # torch, which takes seconds

    teachers = named.open_all(work)
    here = next((one for one in teachers if isinstance(one, Net)), None)
    learner = new_student(student, here, recipe.training.seed)
    first, *others = teachers
    return DistilJob(first, named.hash_all(teachers), learner, data, recipe, others=tuple(others))


def _print_distil_result(job: DistilJob, done: Distilled, out: Path | None) -> None:
    from stillhunt_model.distil.card import result_cells  # torch, which takes seconds

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
    if out is not None:
        console.print(f"Student and model card: {formatting.escape_controls(str(out))}")
