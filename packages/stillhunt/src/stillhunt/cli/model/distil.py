"""The command `model distil`; what it does is in the room of models, imported when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, QuietFlag, SettingsOption

commands = typer.Typer()


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


@commands.command()
def distil(
    teacher: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TEACHER]",
            help="Model folder of Hugging Face (safetensors) or GGUF file. Without it: a smoke run of a tiny teacher.",
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
        typer.Option("--divergence", help="Of logits. By default forward for logits, reverse for on-policy."),
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option("--beta", min=0, max=1, help="Between forward (0) and reverse (1); in place of --divergence."),
    ] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="Of logits and of the student's answers.")] = 1.0,
    top_logits: Annotated[
        int, typer.Option("--top-logits", metavar="N", min=0, help="Store the N top tokens of each place; 0: ask.")
    ] = 0,
    own_answers: Annotated[
        bool, typer.Option("--own-answers", help="Compare logits over the data's answers, not the teacher's.")
    ] = False,
    warm_up: Annotated[
        int | None,
        typer.Option("--warm-up", metavar="N", min=0, help="First steps of on-policy that learn from answers."),
    ] = None,
    answer_tokens: Annotated[int, typer.Option("--answer-tokens", min=1, help="Most tokens of an answer.")] = 128,
    answer_temperature: Annotated[
        float, typer.Option("--answer-temperature", min=0, help="Of the teacher's answers; 0: the likeliest.")
    ] = 0.0,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Updates; 1,000, and 250 of a smoke run.")] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="Prompts of one update; 32, and 64 of a smoke run.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", min=0, help="The highest one; 0.002 for a tiny student, else 0.00005."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of weights, order and draws.")] = 0,
    checkpoints: Annotated[
        Path | None, typer.Option("--checkpoints", metavar="FOLDER", help="Keep checkpoints, answers and logits there.")
    ] = None,
    checkpoint_every: Annotated[int, typer.Option("--checkpoint-every", min=1, help="Steps between them.")] = 100,
    resume: Annotated[bool, typer.Option("--resume", help="Go on in the folder of checkpoints.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Train a second student without the teacher.")
    ] = True,
    terms: Annotated[str, typer.Option("--terms", metavar="TERMS", help="Terms of rows that declare none.")] = "",
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="TERMS", help="Terms that you have read and that allow this; repeatable."),
    ] = None,
    teacher_terms: Annotated[
        str,
        typer.Option(
            "--teacher-terms", metavar="TERMS", help="Terms of the teacher; by default those of its README, else own."
        ),
    ] = "",
    permission: Annotated[
        str,
        typer.Option("--permission", metavar="TEXT", help="Who permits it, on which grounds; needed for a teacher."),
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
    from stillhunt.cli.model.distilling import DistilOptions, run_distil  # start-up time

    options = DistilOptions(
        teacher, out, tuple(data or ()), student, str(method), divergence and str(divergence), beta, temperature,
        top_logits, own_answers, warm_up, answer_tokens, answer_temperature, steps, batch, learning_rate, seed,
        checkpoints, checkpoint_every, resume, compare, terms, tuple(accept or ()), teacher_terms, permission, by,
        tuple(case or ()), settings_file, quiet,
    )  # fmt: skip
    run_distil(options, as_json=as_json)
