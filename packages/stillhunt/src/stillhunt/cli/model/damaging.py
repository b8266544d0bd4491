"""What `stillhunt model damage` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines

if TYPE_CHECKING:
    from stillhunt_model.damage.measuring import DamageResult

BASE_RATE = 3e-4
"""Highest learning rate for a student that starts from a model: a tenth of that of one made from nothing."""


@dataclass(frozen=True)
class DamageOrder:
    """What to measure, as given on the command line."""

    case: Path
    campaign: str
    logs: tuple[str, ...]
    mapping: Mapping[str, str]
    out: Path | None
    student: Path | None
    numbers: Mapping[str, int]
    rate: float | None
    settings_file: Path | None
    as_json: bool
    quiet: bool


def run_damage(order: DamageOrder) -> None:
    """Measure what a harvest is worth, print it, and write it if a folder was given.

    Raises:
        StillhuntError: case, logs or folder cannot be used, or the logs hold no responses.
    """
    config = Config.load(file=order.settings_file)
    start_models(config)
    from stillhunt_model.damage.measuring import measure_damage  # start-up time
    from stillhunt_model.damage.report import STUDENTS_FOLDER, damage_document, write_damage  # start-up time
    from stillhunt_model.damage.samples import HarvestSource  # start-up time
    from stillhunt_model.damage.students import StudentSpec  # start-up time

    if order.out is not None and order.out.exists() and not order.out.is_dir():
        raise OutputError("there is a file of this name", where=str(order.out), next_step="name a folder")
    rate = order.rate or (StudentSpec.learning_rate if order.student is None else BASE_RATE)
    spec = StudentSpec(**order.numbers, learning_rate=rate, base=order.student)
    source = HarvestSource(order.case, order.campaign, list(order.logs), order.mapping)
    work = None if order.out is None else order.out / STUDENTS_FOLDER
    with open_progress(quiet=order.quiet) as progress:
        compile_once(progress)
        result = measure_damage(source, spec, config, progress, work)
    if order.out is not None:
        write_damage(result, order.out)
    if order.as_json:
        print_json(damage_document(result))
        return
    _print(result, order.out)


def _print(result: DamageResult, out: Path | None) -> None:
    from stillhunt_model.damage import report  # start-up time

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
