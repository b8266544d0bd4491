"""`stillhunt model blunt measure`: the experiment, condition by condition, and its table."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import InputError
from stillhunt.commands import (
    JsonFlag,
    QuietFlag,
    SettingsOption,
    json_text,
    message_console,
    open_progress,
    output_console,
    print_columns,
    print_json,
)
from stillhunt.tools import formatting, write_whole
from stillhunt_model.blunt.blunt_table import blunt_cells, blunt_results
from stillhunt_model.blunt.measures import MEASURES
from stillhunt_model.blunt.parameters import KEEP_SAMPLES
from stillhunt_model.commands.orders_shown import start_models

_LARGEST = 1 << 26
"""Bytes of a file of rows; a row takes some 2 kB."""


def blunt_measure(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="OUT.json", help="File of rows; rows that it already has are not measured again."
        ),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAME", help="sums, programs, strings, calls; may be repeated."),
    ] = None,
    queries: Annotated[int, typer.Option("--queries", min=4, metavar="N", help="Questions a thief may ask.")] = 800,
    data: Annotated[
        int, typer.Option("--data", min=4, metavar="N", help="A thief's own questions with results and no steps.")
    ] = 200,
    leak: Annotated[
        float,
        typer.Option("--leak", min=0, max=1, metavar="SHARE", help="Share of questions from accounts not flagged."),
    ] = 0.1,
    keep_samples: Annotated[
        int | None, typer.Option("--keep-samples", min=0, metavar="N", help="Limit of cap; 100.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds, from 0 on.")] = 3,
    steps: Annotated[int | None, typer.Option("--steps", min=1, metavar="N", help="Updates of each student.")] = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Measure what passive and adaptive students gain under each measure, on tiny models trained here.

    No log and no network is needed. A task and seed take five to ten minutes on one core.
    """
    start_models(settings_file)
    from stillhunt_model.blunt.adaptive import Budgets  # torch, which takes seconds
    from stillhunt_model.blunt.experiment import (  # torch, which takes seconds
        INTERFACE,
        BluntPlan,
        plan_of,
        student_size,
    )

    budgets = replace(Budgets(), queries=queries, own=data, leak=leak)
    keep = KEEP_SAMPLES if keep_samples is None else keep_samples
    plans = [
        BluntPlan(name, seed, budgets, keep, student_size(name, steps))
        for seed in range(seeds)
        for name in task or ("sums", "programs")
    ]
    rows = _rows_before(out)
    _refuse_other_budgets(out, rows, plans)
    _fill_measured_rows(out, plans, rows, quiet=quiet)
    of_plans = {(plan.task, plan.seed) for plan in plans}
    results = blunt_results([row for row in rows if plan_of(row)[:2] in of_plans])
    if as_json:
        print_json({"rows": rows, "results": [one.as_dict() for one in results]})
        return
    output_console().print(
        f"Thief: {queries:,} queries, {data:,} questions of its own, {formatting.percent(leak)} "
        f"of its queries from accounts that are not flagged; interface: {INTERFACE}; cap: {plans[0].keep:,} samples. "
        "Gain: right answers to held-out questions, beyond a student without the harvest. Cut: of the adaptive gain."
    )
    print_columns(output_console(), blunt_cells(results))
    missed = [name for name in MEASURES if not any(one.condition == name and one.reaches_aim for one in results)]
    if missed:
        message_console().print(f"Not reached on any task: {', '.join(missed)}. Read the adaptive gain there.")


def _fill_measured_rows(out: Path, plans: list[Any], rows: list[dict[str, Any]], *, quiet: bool) -> None:
    """Fill the rows, and write the file after each one."""
    from stillhunt_model.blunt.experiment import checked_plan, plan_of, run_blunt_cells  # torch, which takes seconds
    from stillhunt_model.blunt.students import copying_base  # torch, which takes seconds

    for plan in plans:
        checked_plan(plan)
    done = {plan_of(row) for row in rows}
    left = [plan for plan in plans if any((plan.task, plan.seed, one.name) not in done for one in plan.conditions())]
    if not left:
        return
    with open_progress(quiet=quiet) as progress:
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
                    write_whole(out, [json_text({"rows": rows}).encode()])


def _rows_before(path: Path) -> list[dict[str, Any]]:
    """Rows that the file has already."""
    if not path.exists():
        return []
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST))
        rows = content["rows"]
        kinds = {"task": str, "seed": int, "condition": str}
        sound = isinstance(rows, list) and all(isinstance(row[name], of) for row in rows for name, of in kinds.items())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(
            "the file is there and holds no rows of this command", where=str(path), next_step="name another file"
        )
    return list(rows)


def _refuse_other_budgets(out: Path, rows: list[dict[str, Any]], plans: list[Any]) -> None:
    """Rows of other budgets or sizes do not belong into one table."""
    from stillhunt_model.blunt.experiment import budgets_of  # torch, which takes seconds

    expected = {plan.task: json.loads(json.dumps(budgets_of(plan))) for plan in plans}
    for row in rows:
        budgets = expected.get(row["task"], {})
        if any(row.get(name) != value for name, value in budgets.items()):
            raise InputError(
                "the file has rows of other budgets or other students",
                where=str(out),
                next_step="name another file, or give the same budgets again",
            )
