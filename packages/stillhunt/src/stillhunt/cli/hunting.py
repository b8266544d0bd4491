"""`stillhunt hunt`: checks that cost nothing first, then the hunt, the case folder, the findings."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.ahead import tell_forecast
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
from stillhunt.cli.stage_table import print_stages
from stillhunt.cli.terminal import message_console, output_console, print_json
from stillhunt.forecast import forecast_logs
from stillhunt.triage.folder import check_target


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
