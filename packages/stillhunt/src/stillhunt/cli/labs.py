"""`stillhunt lab world` and `stillhunt lab drill`: commands and options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import (
    JsonFlag,
    MapAccountsOption,
    MapOption,
    QuietFlag,
    SeedOption,
    SetOption,
    SettingsOption,
    pairs,
)

commands = typer.Typer()
lab_app = typer.Typer(no_args_is_help=True, help="Simulated worlds, drills on your own logs, benchmarks.")
lab_app.add_typer(commands)


class Generator(StrEnum):
    """Generators of simulated worlds."""

    FIRST = "first"
    SECOND = "second"


class KnownCase(StrEnum):
    """Worlds of a fixed cast."""

    FOUNDING = "founding"


_NOT_WITH_A_CASE = ("rung", "accounts", "days", "generator", "texts")


@commands.command("world")
def lab_world(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; must not exist or be empty.")],
    rung: Annotated[
        int,
        typer.Option(
            "--rung", min=0, max=15, help="Rung of the evasion ladder; 0: no campaign; 14 cannot be simulated."
        ),
    ] = 1,
    accounts: Annotated[int, typer.Option("--accounts", min=10, help="Honest accounts.")] = 2000,
    days: Annotated[int, typer.Option("--days", min=2, help="Days of traffic.")] = 14,
    seed: SeedOption = 0,
    generator: Annotated[
        Generator,
        typer.Option("--generator", help="Which of the two generators; use second for final scores only."),
    ] = Generator.FIRST,
    texts: Annotated[
        Path | None, typer.Option("--texts", metavar="FILE", help="Second generator: Parquet of real texts to use.")
    ] = None,
    case: Annotated[
        KnownCase | None,
        typer.Option("--case", help="A known case: founding = three labs with 24,000 accounts."),
    ] = None,
    scale: Annotated[
        float, typer.Option("--scale", min=0.001, max=1.0, help="With --case: part of its accounts to write.")
    ] = 1.0,
    quiet: QuietFlag = False,
) -> None:
    """Write a simulated world.

    It holds request logs, the table of accounts and the truth about both, all drawn from one seed.
    """
    from stillhunt.cli.demo import run_founding_case, run_lab_world  # start-up time

    if case is not None:
        for name in _NOT_WITH_A_CASE:
            if _given(context, name):
                raise typer.BadParameter("a case has its own", param_hint=f"--{name}")
        run_founding_case(out, scale, seed, quiet=quiet)
        return
    if _given(context, "scale"):
        raise typer.BadParameter("only a case has a scale", param_hint="--scale")
    if texts is not None and generator is Generator.FIRST:
        raise typer.BadParameter("only the second generator takes texts", param_hint="--texts")
    options = {"rung": rung, "accounts": accounts, "days": days, "seed": seed}
    run_lab_world(out, options, second=generator is Generator.SECOND, texts=texts, quiet=quiet)


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


@commands.command("drill")
def lab_drill(
    logs: Annotated[
        list[str], typer.Argument(metavar="LOGS", help="Your request logs, in any form 'hunt' reads; never changed.")
    ],
    accounts: Annotated[
        str | None, typer.Option("--accounts", metavar="FILE", help="Table of accounts, one row per account; optional.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for drill.md, drill.json, drill.svg.")
    ] = None,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="LIST", help="Numbers of accounts of the planted campaigns.")
    ] = "10,30,100,300",
    paces: Annotated[
        str, typer.Option("--paces", metavar="LIST", help="Harvest requests per account and day.")
    ] = "4,12,40",
    kinds: Annotated[
        str,
        typer.Option("--kinds", metavar="LIST", help="Wording around the items: template, paraphrase, untemplated."),
    ] = "template,paraphrase,untemplated",
    quick: Annotated[
        bool, typer.Option("--quick", help="Sizes 20 and 60 at 12 a day, whatever --sizes and --paces say.")
    ] = False,
    cover: Annotated[
        float,
        typer.Option("--cover", min=0, max=0.9, help="Share of the planted accounts' traffic that is cover traffic."),
    ] = 0.0,
    queue: Annotated[
        int, typer.Option("--queue", min=100, help="Harvest requests after which a campaign ends.")
    ] = 10_000,
    sample: Annotated[
        int, typer.Option("--sample", min=0, metavar="ACCOUNTS", help="Drill on that many accounts only; 0 = all.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything that is planted.")] = 0,
    mapping: MapOption = None,
    accounts_mapping: MapAccountsOption = None,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Plant campaigns into a copy of your own logs and say which would be found.

    Planted accounts use the busy hours, texts, models and networks of your log, and are hunted with your settings. The
    result says which sizes and paces are found, after how many harvested requests, and how many honest accounts are
    flagged along with them. Everything happens in memory.
    """
    from stillhunt.cli.drilling import DrillOrder, run_drill  # start-up time
    from stillhunt_lab.drill.own_logs import LogsToDrill  # start-up time

    run_drill(
        DrillOrder(
            source=LogsToDrill(
                logs, accounts, pairs(mapping, "--map"), pairs(accounts_mapping, "--map-accounts"), sample
            ),
            grid={"sizes": "20,60" if quick else sizes, "paces": "12" if quick else paces, "kinds": kinds},
            cover=cover,
            queue=queue,
            seed=seed,
            out=out,
            settings=pairs(settings, "--set"),
            settings_file=settings_file,
            as_json=as_json,
            quiet=quiet,
        )
    )
