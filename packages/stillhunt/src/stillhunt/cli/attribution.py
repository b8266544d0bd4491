"""The command `attribute`; what it does is in `attributing.py`, imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag

commands = typer.Typer()


@commands.command()
def attribute(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder written by 'hunt --out'.")],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    actors: Annotated[
        Path, typer.Option("--actors", metavar="FILE", help="What is known of actors (TOML); docs/howto/attribute.md.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Compare a campaign with known actors.

    Shows for each actor of the file what is evidence for and against it, in bits, and how probable it is. An actor is
    named only where marks of several kinds agree, what they rest on is costly to plant, they cover most of the
    campaign, and nothing contradicts them; else nobody is, and what is missing is said. Nothing is written.
    """
    from stillhunt.cli.attributing import run_attribute  # start-up time

    run_attribute(case, campaign, actors, as_json=as_json)
