"""`stillhunt model damage`: what a harvest is worth to a student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillhunt import OutputError
from stillhunt.commands import (
    JsonFlag,
    MapOption,
    QuietFlag,
    SeedOption,
    SettingsOption,
    compile_once,
    open_progress,
    output_console,
    pairs,
    print_columns,
    print_json,
    safe_lines,
)
from stillhunt_model.commands.orders_shown import start_models

if TYPE_CHECKING:
    from stillhunt_model.damage.measuring import DamageResult


BASE_RATE = 3e-4
"""Highest learning rate for a student that starts from a model: a tenth of that of one made from nothing."""


def damage(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder that 'hunt' wrote.")],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    responses: Annotated[
        list[str],
        typer.Option(
            "--responses",
            metavar="LOGS",
            help="The logs that were hunted, with the text of answers; may be repeated.",
        ),
    ],
    mapping: MapOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Write damage.json and damage.md there, and keep finished students, so that a stopped run can "
            "continue.",
        ),
    ] = None,
    student: Annotated[
        Path | None,
        typer.Option("--student", metavar="MODEL", help="Model folder or GGUF file that each student starts from."),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=32, help="Maximum number of useful samples to learn from.")
    ] = 1024,
    seeds: Annotated[int, typer.Option("--seeds", min=3, help="Students of each kind and count.")] = 3,
    steps: Annotated[int, typer.Option("--steps", min=20, help="Updates of each student, whatever the count.")] = 300,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Answers of one update.")] = 16,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            min=0,
            help="Highest learning rate; by default 0.003, or 0.0003 with --student.",
            show_default=False,
        ),
    ] = None,
    width: Annotated[int, typer.Option("--width", help="Width of a tiny student, a multiple of 8.")] = 64,
    layers: Annotated[int, typer.Option("--layers", help="Layers of a tiny student.")] = 2,
    seed: SeedOption = 0,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Measure what one campaign's harvest is worth to a student.

    Trains small students on the useful samples that the campaign took, on the same number of random honest answers and
    on fewer of them, and asks them for harvested answers that none of them has seen. Prints the learning curve, how
    many honest answers the harvest is worth, at which count the curve bends, and which skill gained. Without logged
    responses it ends with an error that says so.
    """
    config = start_models(settings_file)
    from stillhunt_model.damage.measuring import measure_damage  # torch, which takes seconds
    from stillhunt_model.damage.report import (  # torch, which takes seconds
        STUDENTS_FOLDER,
        damage_document,
        write_damage,
    )
    from stillhunt_model.damage.samples import HarvestSource  # torch, which takes seconds
    from stillhunt_model.damage.students import StudentSpec  # torch, which takes seconds

    if out is not None and out.exists() and not out.is_dir():
        raise OutputError("there is a file of this name", where=str(out), next_step="name a folder")
    spec = StudentSpec(
        samples=samples,
        seeds=seeds,
        steps=steps,
        batch=batch,
        width=width,
        layers=layers,
        seed=seed,
        learning_rate=rate or (StudentSpec.learning_rate if student is None else BASE_RATE),
        base=student,
    )
    source = HarvestSource(case, campaign, responses, pairs(mapping, "--map"))
    work = None if out is None else out / STUDENTS_FOLDER
    with open_progress(quiet=quiet) as progress:
        compile_once(progress)
        result = measure_damage(source, spec, config, progress, work)
    if out is not None:
        write_damage(result, out)
    if as_json:
        print_json(damage_document(result))
        return
    _print_damage_result(result, out)


def _print_damage_result(result: DamageResult, out: Path | None) -> None:
    from stillhunt_model.damage import report  # torch, which takes seconds

    console = output_console()
    for sentence in report.damage_sentences(result):
        console.print(safe_lines(sentence))
    for rows in (report.curve_rows(result), report.gain_rows(result)):
        if len(rows) > 1:
            console.print()
            print_columns(console, rows, ("bold",))
    console.print()
    for sentence in report.NOT_SHOWN:
        console.print(sentence)
    if out is not None:
        console.print(safe_lines(f"written: {out}/damage.md, damage.json"))
