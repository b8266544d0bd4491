"""The commands with their options, and the one place where errors become messages and exit codes.

Command bodies live in the sibling modules and are imported inside the commands: importing pyarrow, numba and
pydantic takes most of a second, and `--help` must answer at once.
"""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stillhunt._version import __version__
from stillhunt.base.errors import StillhuntError
from stillhunt.cli.appeals import decision_commands
from stillhunt.cli.attribution import commands as attribution_commands
from stillhunt.cli.benching import commands as bench_commands
from stillhunt.cli.cases import case_app
from stillhunt.cli.database_commands import commands as database_commands
from stillhunt.cli.history import commands as history_commands
from stillhunt.cli.interrupts import end_now, watch_signals
from stillhunt.cli.keep import commands as keep_commands
from stillhunt.cli.keys import keys_app
from stillhunt.cli.labs import lab_app
from stillhunt.cli.live import commands as live_commands
from stillhunt.cli.looking import commands as looking_commands
from stillhunt.cli.match_commands import commands as match_commands
from stillhunt.cli.model.app import model_app
from stillhunt.cli.options import (
    FormatOption,
    JsonFlag,
    MapAccountsOption,
    MapOption,
    QuietFlag,
    SetOption,
    SettingsOption,
    given,
    pairs,
)
from stillhunt.cli.packs import commands as pack_commands
from stillhunt.cli.share_commands import commands as share_commands
from stillhunt.cli.subject import commands as subject_commands
from stillhunt.cli.users import commands as user_commands
from stillhunt.plugins.commands import plugin_commands

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
EPILOG = "Exit codes: 0 nothing found, 1 error, 2 usage, 3 findings, 4 partial, 5 configuration, 130 interrupted."

app = typer.Typer(
    name="stillhunt",
    help="Find who is distilling your model: harvesting campaigns in LLM API request logs.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(no_args_is_help=True, help="Settings and where they come from.")
app.add_typer(looking_commands)
app.add_typer(live_commands)
app.add_typer(history_commands)
app.add_typer(keep_commands)
app.add_typer(decision_commands)
app.add_typer(pack_commands)
app.add_typer(attribution_commands)
app.add_typer(share_commands)
app.add_typer(subject_commands)
app.add_typer(keys_app, name="keys")
app.add_typer(match_commands, name="match")
app.add_typer(database_commands, name="database")
app.add_typer(user_commands, name="user")
app.add_typer(case_app, name="case")
app.add_typer(lab_app, name="lab")
app.add_typer(model_app, name="model")
lab_app.add_typer(bench_commands)
app.add_typer(config_app, name="config")
app.add_typer(plugin_commands, name="plugin")


class EngineName(StrEnum):
    """The engine that reads the requests."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stillhunt {__version__}")
        raise typer.Exit


class ExportFormat(StrEnum):
    """The form of an exported file."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version  # its callback has done the work


@app.command()
def hunt(
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOGS", help="Request logs: files, folders, globs, postgresql://; Parquet, JSONL, CSV; .gz, .zst."
        ),
    ],
    accounts: Annotated[
        str | None, typer.Option("--accounts", metavar="FILE", help="Table of accounts, one row per account; optional.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="CASE", help="Case folder to write; without it, findings are only printed."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing case folder that holds nothing else.")
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
) -> None:
    """Find campaigns in request logs.

    Prints the findings and, with --out, writes a case folder: the report, the tables and a record of the run. Case
    folders among the logs are passed over.
    """
    from stillhunt.cli.hunting import HuntOrder, run_hunt  # start-up time

    order = HuntOrder(
        logs=tuple(logs),
        accounts=accounts,
        out=out,
        force=force,
        mapping=pairs(mapping, "--map"),
        accounts_mapping=pairs(accounts_mapping, "--map-accounts"),
        settings={
            **pairs(settings, "--set"),
            **given(engine=engine, spark_master=master, **{"collect.format": log_format}),
        },
        state=state,
        settings_file=settings_file,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(run_hunt(order))


@app.command()
def inspect(
    logs: Annotated[
        list[str], typer.Argument(metavar="LOGS", help="Request logs, in any form that 'hunt' reads; never changed.")
    ],
    accounts: Annotated[
        str | None, typer.Option("--accounts", metavar="FILE", help="Table of accounts, one row per account; optional.")
    ] = None,
    mapping: MapOption = None,
    accounts_mapping: MapAccountsOption = None,
    log_format: FormatOption = None,
    every_file: Annotated[
        bool, typer.Option("--files", help="Show each file by itself, not the files of a kind together.")
    ] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Show which logs these are and what evidence they allow, without a hunt.

    Shows, for the files of each kind, the recognised format, which field fills which column and how often it has a
    value, what was passed over or rejected and why, and what each family of evidence lacks.
    """
    from stillhunt.cli.inspecting import InspectOrder, run_inspect  # start-up time

    order = InspectOrder(
        logs=tuple(logs),
        accounts=accounts,
        mapping=pairs(mapping, "--map"),
        accounts_mapping=pairs(accounts_mapping, "--map-accounts"),
        every_file=every_file,
        settings={**pairs(settings, "--set"), **given(**{"collect.format": log_format})},
        settings_file=settings_file,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(run_inspect(order))


@app.command(context_settings={"ignore_unknown_options": True})  # an account id may begin with a dash
def explain(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder written by 'hunt --out'.")],
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or an account id.")],
    account: Annotated[
        bool, typer.Option("--account", help="ID is an account, also where a campaign has the same id.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Explain why a campaign or an account has its verdict.

    Shows all evidence for and against, in bits; also for accounts that were left alone.
    """
    from stillhunt.cli.lookups import run_explain  # start-up time

    run_explain(case, identifier, account=account, as_json=as_json)


@app.command()
def export(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder written by 'hunt --out'.")],
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A campaign id or its beginning; without it, all campaigns."),
    ] = None,
    accounts: Annotated[
        bool,
        typer.Option(
            "--accounts", show_default=False, help="Export the member accounts; nothing else is exported so far."
        ),
    ] = True,
    file_format: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format", metavar="FORMAT", help="csv, json or parquet; without it, by the ending of --out, or csv."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File to write; without it, or for -, stdout.")
    ] = None,
    every_member: Annotated[
        bool, typer.Option("--all-members", help="Add the members whose own verdict is none.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    quiet: QuietFlag = False,
) -> None:
    r"""Export the accounts of campaigns, for a ticket, a spreadsheet or another program.

    Writes one row for each member account whose own verdict is act (it is flagged) or review: its role, its traffic,
    where that came from, and what the accounts table says of it. Without an ID, the campaigns are those with the
    verdict act or review, and an account of several campaigns has a row in each. The columns are those of account_facts
    in docs/tables.md; addresses, cards and e-mail addresses are not among them, unless an account id is one. Nothing is
    written into a case folder.

    In CSV, control characters are written as escapes such as \x1b. Where a text, or its part after a semicolon,
    begins with = + - @ or an apostrophe, an apostrophe is put before it, so that no spreadsheet reads a formula. The
    values of a list are joined with semicolons. JSON and Parquet hold all values as the case has them.
    """
    from stillhunt.cli.exporting import ExportOrder, run_export  # start-up time

    del accounts  # there is nothing else to export so far
    run_export(ExportOrder(case, campaign, file_format, out, every_member, force, quiet))


@app.command()
def schema(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="One table; without it, all.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the tables and what their columns mean.

    Shows the input tables (requests, accounts) and those of a case folder.
    """
    from stillhunt.cli.lookups import run_schema  # start-up time

    run_schema(table, as_json=as_json)


@app.command()
def doctor(
    warm: Annotated[
        bool, typer.Option("--warm", help="Compile the kernels now, so that the first hunt is fast.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check whether this machine is fit for a hunt.

    Checks Python, dependencies, cores, memory, disk, permissions, settings and caches, and says what to fix.
    """
    from stillhunt.cli.doctor import run_doctor  # start-up time

    raise typer.Exit(run_doctor(warm=warm, as_json=as_json))


@config_app.command("show")
def config_show(
    origin: Annotated[bool, typer.Option("--origin", help="Show where each value comes from.")] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print every setting with its value and reason."""
    from stillhunt.cli.lookups import run_config_show  # start-up time

    run_config_show(pairs(settings, "--set"), settings_file, origin=origin, as_json=as_json)


def main() -> NoReturn:
    """Run the command line and exit with its code.

    Raises:
        SystemExit: always; the codes are listed in `stillhunt.cli.findings.EXIT_MEANINGS`.
    """
    signals = watch_signals()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end the hunt.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (SystemExit, KeyboardInterrupt, Exception) as leaving:
        # Libraries turn an interrupt into errors of their own (the SQL engine does), so the signal decides.
        if signals or isinstance(leaving, KeyboardInterrupt):
            end_now((signals or [signal.SIGINT])[0])
        sys.exit(_exit_code_of(leaving))
    sys.exit(0)


def _exit_code_of(leaving: BaseException) -> int | str | None:
    """The exit code for what ended a command, after printing what the user must know."""
    from stillhunt.cli.terminal import lost_output  # start-up time

    lost = lost_output()
    if lost is None and isinstance(leaving, OSError) and leaving.errno in DISK_ERRORS:
        lost = leaving  # an unbuffered stdout says so only once
    if lost is not None:
        _say(f"error: the output cannot be written: {lost.strerror or lost}")
        if isinstance(leaving, SystemExit | OSError):
            return 1
    if isinstance(leaving, SystemExit):
        return leaving.code
    if isinstance(leaving, StillhuntError):
        _say(f"error: {leaving.on_command_line()}")
        return leaving.exit_code
    _say("".join(traceback.format_exception(leaving)))
    _say("error: this is a bug in stillhunt; please report it with the lines above")
    return 1


def _say(text: str) -> None:
    """Write one message to stderr; error texts quote file names and log content, so their controls are escaped."""
    from stillhunt.cli.terminal import safe_lines  # start-up time

    sys.stderr.write(safe_lines(text.rstrip("\n")) + "\n")
