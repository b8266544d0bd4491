"""`stillhunt hunt`: checks that cost nothing and a forecast, then the hunt, the case folder, the findings and costs."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console

import stillhunt
from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.container_memory import container_memory
from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.no_pandas import refuse_pandas
from stillhunt.base.plugin_groups import are_plugins_installed
from stillhunt.base.progress import Progress
from stillhunt.cli import start
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.findings import EXIT_ERROR, as_document, code_fields, exit_code
from stillhunt.cli.options import (
    AccountsOption,
    FormatOption,
    JsonFlag,
    MapAccountsOption,
    MapOption,
    QuietFlag,
    SetOption,
    SettingsOption,
    given_settings,
    nested_settings,
    pairs,
)
from stillhunt.cli.progress import open_progress
from stillhunt.cli.screen import print_findings
from stillhunt.cli.terminal import message_console, output_console, print_json
from stillhunt.forecast import HuntForecast, forecast_logs
from stillhunt.triage.folder import check_target

_GB = 1e9
_HEADS = ("stage", "wall s", "CPU s", "rows", "peak MB")
_INDENT = "  "


class EngineName(StrEnum):
    """The engine that reads the requests."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def hunt(
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOGS", help="Request logs: files, folders, globs, postgresql://; Parquet, JSONL, CSV; .gz, .zst."
        ),
    ],
    accounts: AccountsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="CASE", help="Case folder to write; without it, findings are only printed."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing case folder that holds nothing else.")
    ] = False,
    force_memory: Annotated[
        bool, typer.Option("--force-memory", help="Hunt even if this machine probably has too little memory.")
    ] = False,
    mapping: MapOption = None,
    accounts_mapping: MapAccountsOption = None,
    log_format: FormatOption = None,
    engine: Annotated[
        EngineName | None, typer.Option("--engine", help="duckdb (this machine, the default) or spark (a cluster).")
    ] = None,
    master: Annotated[
        str | None, typer.Option("--master", metavar="URL", help="Spark: master URL or Connect URL, such as sc://host.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="DIR", help="Keep the results for each file, so that the next hunt reads only new files."
        ),
    ] = None,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    stages: Annotated[
        bool, typer.Option("--stages", help="Print on stderr what each stage cost; run.json always has it.")
    ] = False,
) -> None:
    """Find campaigns in request logs.

    Prints the findings and, with --out, writes a case folder: the report, the tables and a record of the run. Case
    folders among the logs are passed over.
    """
    texts = {
        **pairs(settings, "--set"),
        **given_settings(engine=engine, spark_master=master, collect__format=log_format),
    }
    overrides = nested_settings(texts)
    if state is not None:  # not parsed: a folder may be called 2026, which TOML reads as a number
        overrides["state"] = state
    config = Config.load(overrides, file=settings_file)
    if texts.get("spark_master") and config.engine != "spark":
        raise ConfigError(
            "a Spark master is named, but the engine is not Spark",
            where="--master",
            next_step="add --engine spark, or leave out --master",
        )
    if out is not None:
        check_target(out, force=force)
    if start.own_process and config.engine != "spark" and not are_plugins_installed():
        refuse_pandas()
    columns, account_columns = pairs(mapping, "--map") or None, pairs(accounts_mapping, "--map-accounts") or None
    with open_progress(quiet=quiet) as progress:
        compile_once(progress)
        told = forecast_logs(logs, columns, config)
        if told is not None:
            tell_forecast(progress, told, force=force_memory)
        found = stillhunt.hunt(
            logs, accounts, config, mapping=columns, accounts_mapping=account_columns, progress=progress
        )
    write_and_show(found, config, out, force=force, as_json=as_json, quiet=quiet)
    if stages:
        print_stages(message_console(), found.run["timings"])
    raise typer.Exit(exit_code(found.model, config.collect.rejects_limit))


def write_and_show(
    case: stillhunt.Case, config: Config, out: Path | None, *, force: bool = False, as_json: bool = False, quiet: bool
) -> None:
    """Write the case folder if one was asked for, and print the findings; also where it cannot be written."""
    limit = config.collect.rejects_limit
    try:
        if out is not None:
            with open_progress(quiet=quiet) as progress, progress.stage("writing the case", None, "files"):
                case.write(out, force=force)
    except Exception:  # the hunt may have taken hours
        if as_json:
            print_json({**as_document(case.model, None, limit), **code_fields(EXIT_ERROR)})
        else:
            print_findings(output_console(), case.model, None, limit)
        raise
    case_folder = None if out is None else str(out)
    if as_json:
        print_json(as_document(case.model, case_folder, limit))
    else:
        print_findings(output_console(), case.model, case_folder, limit)


def tell_forecast(progress: Progress, told: HuntForecast, *, force: bool) -> None:
    """Say what a hunt will need; an InputError if this machine's or container's memory will not do, unless forced."""
    size = told.size
    progress.note(
        f"some {_rounded(round(size.requests))} requests with {_gigabytes(size.text_bytes)} of text: "
        f"about {duration(told.seconds)} ({duration(told.cpu_seconds)} of a processor) "
        f"and {_gigabytes(told.memory_bytes)} of memory"
    )
    machine = psutil.virtual_memory().total
    most = min(machine, container_memory())
    if told.memory_bytes > most and not force:
        whose = "this container may take" if most < machine else "this machine has"
        need, limit = _gigabytes(told.memory_bytes), _gigabytes(most)
        raise InputError(
            f"the hunt needs about {need} of memory, and {limit} is all that {whose}",
            next_step="hunt in fewer files at a time, give it more memory, or hunt on Spark",
            command_step="hunt in fewer files at a time, give it more memory, or use --engine spark; "
            "--force-memory hunts all the same",
        )


def duration(seconds: float) -> str:
    """A time as people say it, with about two digits."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.1f} hours"


def _gigabytes(size: float) -> str:
    return f"{size / _GB:.1f} GB" if size >= 0.1 * _GB else f"{max(size / 1e6, 1):.0f} MB"


def _rounded(number: int) -> str:
    """A number with two digits that say something."""
    digits = max(len(str(number)) - 2, 0)
    return formatting.number(round(number, -digits), 0)


def print_stages(console: Console, timings: Sequence[Mapping[str, Any]]) -> None:
    """Print the stages in run.json with their steps, and all of them together."""
    rows = [_HEADS, *_stage_rows(timings)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADS))]
    for name, *figures in rows:
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True))]
        console.print("  ".join(cells).rstrip(), soft_wrap=True)


def _stage_rows(timings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for stage in timings:
        yield _stage_cells(stage["stage"], stage, formatting.number(stage["rows"], 0) if stage["rows"] else "")
        for step in stage["steps"]:
            done = f"{formatting.number(step['done'], 0)} {step['unit']}" if step["done"] else ""
            yield _stage_cells(_INDENT + step["step"], step, done)
    whole = {key: sum(stage[key] for stage in timings) for key in ("seconds", "cpu_seconds")}
    yield _stage_cells("all stages", {**whole, "peak_mb": max(stage["peak_mb"] for stage in timings)}, "")


def _stage_cells(name: str, cost: Mapping[str, Any], rows: str) -> tuple[str, ...]:
    wall, cpu = (f"{cost[key]:.2f}" for key in ("seconds", "cpu_seconds"))
    return formatting.escape_controls(name), wall, cpu, rows, formatting.number(cost["peak_mb"], 0)
