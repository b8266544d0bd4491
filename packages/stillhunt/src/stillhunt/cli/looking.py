"""The commands with which to look at findings in the browser: a demo, and a case folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import QuietFlag, SettingsOption

commands = typer.Typer()
OPEN_LISTEN = "127.0.0.1:8687"
"""Beside the port of `serve`, so that both can run."""


@commands.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the world and the case.")] = Path(
        "stillhunt-demo"
    ),
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of another world of the same kind.")] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Then show what was found in the browser, with work on its campaigns.")
    ] = False,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen with --serve.")
    ] = OPEN_LISTEN,
    quiet: QuietFlag = False,
) -> None:
    """Hunt a simulated world and compare the findings with the truth.

    Builds a seeded world with two campaigns among honest customers, hunts it like any logs, and prints what was found,
    what was missed and who was wrongly accused. Takes less than a minute and needs no network.
    """
    from stillhunt.cli.demo import run_demo, serve_world  # start-up time

    run_demo(out, seed=seed, quiet=quiet)
    if serve:
        serve_world(out, listen, quiet=quiet)


@commands.command("open")
def open_case(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Case folder.")],
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen, on this machine.")
    ] = OPEN_LISTEN,
    settings_file: SettingsOption = None,
) -> None:
    """Show a case folder in the browser, to read.

    Prints an address with a key, since others who use this machine reach the same port. Nothing can be changed there:
    work on campaigns needs the data folder of 'stillhunt serve'.
    """
    from stillhunt.cli.opening import run_open  # start-up time

    run_open(case, listen, settings_file)
