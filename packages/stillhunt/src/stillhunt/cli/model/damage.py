"""The command `model damage`; what it does is in `damaging.py`, imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, MapOption, QuietFlag, SeedOption, SettingsOption, pairs

commands = typer.Typer()


@commands.command()
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
            help="Write damage.json and damage.md there, and keep finished students, so that a stopped run goes on.",
        ),
    ] = None,
    student: Annotated[
        Path | None,
        typer.Option("--student", metavar="MODEL", help="Model folder or GGUF file that each student starts from."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=32, help="Most useful samples to learn from.")] = 1024,
    seeds: Annotated[int, typer.Option("--seeds", min=3, help="Students of each kind and count.")] = 3,
    steps: Annotated[int, typer.Option("--steps", min=20, help="Updates of each student, whatever the count.")] = 300,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Answers of one update.")] = 16,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0, help="Highest learning rate; 0.003, or 0.0003 from a model.", show_default=False),
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
    on fewer, and asks them for harvested answers that none of them has seen. Prints the learning curve, how many honest
    answers the harvest is worth, at which count the curve bends, and which skill gained. Without logged responses it
    ends with an error that says so.
    """
    from stillhunt.cli.model.damaging import DamageOrder, run_damage  # start-up time

    numbers = {"samples": samples, "seeds": seeds, "steps": steps, "batch": batch}
    shape = {"width": width, "layers": layers, "seed": seed}
    order = DamageOrder(
        case,
        campaign,
        tuple(responses),
        pairs(mapping, "--map"),
        out,
        student,
        {**numbers, **shape},
        rate,
        settings_file,
        as_json,
        quiet,
    )
    run_damage(order)
