"""What `stillhunt model blunt measure` does: the experiment, condition by condition, and its table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import InputError
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import json_text, message_console, output_console, print_columns, print_json
from stillhunt_model.blunt.parameters import KEEP_SAMPLES

_LARGEST = 1 << 26
"""Bytes of a file of rows; a row takes some 2 kB."""


@dataclass(frozen=True)
class MeasureOrder:
    """What to measure, as given on the command line."""

    out: Path
    tasks: tuple[str, ...]
    queries: int
    data: int
    leak: float
    keep_samples: int | None
    seeds: int
    steps: int | None
    settings_file: Path | None
    quiet: bool


def run_blunt_measure(wanted: MeasureOrder, *, as_json: bool) -> None:
    """Measure each condition that the file has not yet, write the rows and print the table.

    Raises:
        StillhuntError: there is no such task, or the file holds something else or cannot be written.
    """
    config = Config.load(file=wanted.settings_file)
    start_models(config)
    from stillhunt_model.blunt.blunt_table import blunt_cells, blunt_results  # start-up time
    from stillhunt_model.blunt.experiment import INTERFACE, plan_of  # start-up time
    from stillhunt_model.blunt.measures import MEASURES  # start-up time

    plans = _plans(wanted)
    rows = _rows_before(wanted.out)
    _refuse_other_budgets(wanted, rows, plans)
    _measure(wanted, plans, rows)
    of_plans = {(plan.task, plan.seed) for plan in plans}
    results = blunt_results([row for row in rows if plan_of(row)[:2] in of_plans])
    if as_json:
        print_json({"rows": rows, "results": [one.as_dict() for one in results]})
        return
    output_console().print(
        f"Thief: {wanted.queries:,} queries, {wanted.data:,} questions of its own, {formatting.percent(wanted.leak)} "
        f"of its queries from accounts that are not flagged; interface: {INTERFACE}; cap: {plans[0].keep:,} samples. "
        "Gain: right answers to held-out questions, beyond a student without the harvest. Cut: of the adaptive gain."
    )
    print_columns(output_console(), blunt_cells(results))
    missed = [name for name in MEASURES if not any(one.condition == name and one.reaches_aim for one in results)]
    if missed:
        message_console().print(f"Not reached on any task: {', '.join(missed)}. Read the adaptive gain there.")


def _plans(wanted: MeasureOrder) -> list[Any]:
    from stillhunt_model.blunt.adaptive import Budgets  # start-up time
    from stillhunt_model.blunt.experiment import BluntPlan, student_size  # start-up time

    budgets = replace(Budgets(), queries=wanted.queries, own=wanted.data, leak=wanted.leak)
    keep = KEEP_SAMPLES if wanted.keep_samples is None else wanted.keep_samples
    return [
        BluntPlan(task, seed, budgets, keep, student_size(task, wanted.steps))
        for seed in range(wanted.seeds)
        for task in wanted.tasks
    ]


def _measure(wanted: MeasureOrder, plans: list[Any], rows: list[dict[str, Any]]) -> None:
    """Fill the rows, and write the file after each one."""
    from stillhunt_model.blunt.experiment import checked_plan, plan_of, run_blunt_cells  # start-up time
    from stillhunt_model.blunt.students import copying_base  # start-up time

    for plan in plans:
        checked_plan(plan)
    done = {plan_of(row) for row in rows}
    left = [plan for plan in plans if any((plan.task, plan.seed, one.name) not in done for one in plan.conditions())]
    if not left:
        return
    with open_progress(quiet=wanted.quiet) as progress:
        with progress.stage("base model", left[0].size.base_steps, "updates") as advance:
            seen = [0]

            def step_to(step: int, _loss: float, _speed: float) -> None:
                advance(step - seen[0])
                seen[0] = step

            base = copying_base(left[0].size, step_to)
        for plan in left:
            known = [name for task, seed, name in done if (task, seed) == (plan.task, plan.seed)]
            with progress.stage(f"{plan.task}, seed {plan.seed}", None, "students") as advance:
                for row in run_blunt_cells(plan, base, known, lambda advance=advance: advance(1)):  # type: ignore[misc]  # a lambda's default has no type
                    rows.append(row)
                    write_whole(wanted.out, [json_text({"rows": rows}).encode()])


def _rows_before(path: Path) -> list[dict[str, Any]]:
    """Rows that the file has already."""
    if not path.exists():
        return []
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST))
        rows = content["rows"]
        sound = isinstance(rows, list) and all(_is_row(row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(
            "the file is there and holds no rows of this command", where=str(path), next_step="name another file"
        )
    return list(rows)


def _is_row(row: Mapping[str, Any]) -> bool:
    return isinstance(row["task"], str) and isinstance(row["seed"], int) and isinstance(row["condition"], str)


def _refuse_other_budgets(wanted: MeasureOrder, rows: list[dict[str, Any]], plans: list[Any]) -> None:
    """Rows of other budgets or sizes do not belong into one table."""
    from stillhunt_model.blunt.experiment import budgets_of  # start-up time

    expected = {plan.task: json.loads(json.dumps(budgets_of(plan))) for plan in plans}
    for row in rows:
        budgets = expected.get(row["task"], {})
        if any(row.get(name) != value for name, value in budgets.items()):
            raise InputError(
                "the file has rows of other budgets or other students",
                where=str(wanted.out),
                next_step="name another file, or give the same budgets again",
            )
