"""`stillhunt lab drill`: what a hunt would find in the user's own logs, and what it would miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import typer

from stillhunt.base.config import Config
from stillhunt.base.formatting import plural
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.hunting import nested_settings
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import message_console, output_console, print_columns, print_json
from stillhunt_lab.drill.own_logs import LogsToDrill
from stillhunt_lab.drill.report import document, refuse_folder, sentences, table_rows, write_results
from stillhunt_lab.drill.run import DrillResult, DrillSpec, drill

T = TypeVar("T")


@dataclass(frozen=True)
class DrillOrder:
    """The options of the command line; `grid` holds those of the grid as texts."""

    source: LogsToDrill
    grid: Mapping[str, str | None]
    cover: float
    queue: int
    seed: int
    out: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    settings_file: Path | None = None
    as_json: bool = False
    quiet: bool = False


def run_drill(order: DrillOrder) -> None:
    """Plant campaigns, hunt, print the power curve, and write it if a folder was given.

    Raises:
        StillhuntError: settings, logs or folder cannot be used.
    """
    config = Config.load(nested_settings(order.settings), file=order.settings_file)
    spec = _spec(order)
    if order.out is not None:
        refuse_folder(order.out, order.source.logs)
    with open_progress(quiet=order.quiet) as progress:
        compile_once(progress)
        result = drill(order.source, spec, config, progress)
    if order.out is not None:
        write_results(result, order.out)
    if order.as_json:
        print_json(document(result))
    else:
        _print(result, order.out)
    if result.suspects and not order.quiet:
        who = plural(result.suspects, "account is", "accounts are")
        message_console().print(f"note: {who} flagged without any planted campaign; they do not count as honest")


def _spec(order: DrillOrder) -> DrillSpec:
    given = order.grid
    return DrillSpec(
        sizes=_list(given["sizes"], int, "--sizes"),
        paces=_list(given["paces"], float, "--paces"),
        kinds=_list(given["kinds"], str, "--kinds"),  # type: ignore[arg-type]  # the spec refuses unknown kinds
        cover=order.cover,
        queue=order.queue,
        seed=order.seed,
    )


def _list(text: str | None, kind: Callable[[str], T], option: str) -> tuple[T, ...]:
    """Values separated by commas."""
    try:
        return tuple(kind(part.strip()) for part in (text or "").split(",") if part.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 10,30", param_hint=option) from error


def _print(result: DrillResult, out: Path | None) -> None:
    console = output_console()
    read = f"{result.requests:,} requests of {result.accounts:,} accounts over {result.days:.1f} days"
    console.print(f"{read}, {result.hunts} hunts\n")
    print_columns(console, table_rows(result), ("bold",))
    console.print()
    for sentence in sentences(result):
        console.print(sentence)
    if out is not None:
        console.print(f"written: {out}/drill.md, drill.json, drill.svg")
