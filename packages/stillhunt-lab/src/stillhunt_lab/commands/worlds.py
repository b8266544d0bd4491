"""`stillhunt lab world`: a simulated world, written."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stillhunt import OutputError
from stillhunt.commands import QuietFlag, SeedOption, open_progress, output_console
from stillhunt.tools import Progress, formatting
from stillhunt_lab.founding.build import FoundingSpec, write_founding_case
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import SANCTIONED_FILE, World, build_world, spec_for_rung, write_world


class Generator(StrEnum):
    """Generators of simulated worlds."""

    FIRST = "first"
    SECOND = "second"


class KnownCase(StrEnum):
    """Worlds of a fixed cast."""

    FOUNDING = "founding"


_NOT_WITH_A_CASE = ("rung", "accounts", "days", "generator", "texts", "rich")


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
    rich: Annotated[
        bool,
        typer.Option("--rich", help="First generator: also honest groups that share cards, prompts or items."),
    ] = False,
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
    if case is not None:
        for name in _NOT_WITH_A_CASE:
            if _is_option_given(context, name):
                raise typer.BadParameter("a case has its own", param_hint=f"--{name}")
        with open_progress(quiet=quiet) as progress:
            size = write_founding_case(FoundingSpec(scale, seed), out, progress)
        _print_next(out, size.requests, size.accounts)
        return
    if _is_option_given(context, "scale"):
        raise typer.BadParameter("only a case has a scale", param_hint="--scale")
    if texts is not None and generator is Generator.FIRST:
        raise typer.BadParameter("only the second generator takes texts", param_hint="--texts")
    if rich and generator is Generator.SECOND:
        raise typer.BadParameter("only the first generator makes rich worlds", param_hint="--rich")
    _refuse_filled(out)  # before the work; write_world would say it after
    build: Callable[[Progress], World]
    if generator is Generator.SECOND:
        second = SecondSpec(rung=rung, accounts=accounts, days=days, seed=seed, texts=texts)
        build = partial(build_second_world, second)
    else:
        spec = spec_for_rung(rung, accounts=accounts, days=days, seed=seed)
        build = partial(build_world, replace(spec, look_alikes="rich" if rich else "usual"))
    world = build_and_write(build, out, quiet=quiet)
    _print_next(out, world.requests.num_rows, world.accounts.num_rows)


def _is_option_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _refuse_filled(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError("the folder is not empty", where=str(out), next_step="name another one, or empty it")


def _print_next(out: Path, requests: int, accounts: int) -> None:
    console = output_console()
    console.print(f"{formatting.volume(requests, accounts)} in {out}")
    file = settings_of_world(out)
    settings = "" if file is None else f" --settings {shlex.quote(str(file))}"
    logs, table = shlex.quote(str(out / "requests")), shlex.quote(str(out / "accounts.parquet"))
    console.print(f"next: stillhunt hunt {logs} --accounts {table}{settings} --out CASE")


def build_and_write(build: Callable[[Progress], World], out: Path, *, quiet: bool) -> World:
    """Build a world and write it, with progress."""
    with open_progress(quiet=quiet) as progress:
        world = build(progress)
        with progress.stage("writing the world", None, "requests") as advance:
            write_world(world, out)
            advance(world.requests.num_rows)
    return world


def settings_of_world(folder: Path) -> Path | None:
    """The settings file of a world: it declares the programmes that are allowed; None where it has none."""
    file = folder / SANCTIONED_FILE
    return file if file.exists() else None
