"""The commands that only look something up: explain, schema, config show."""

from pathlib import Path
from typing import Annotated, Any

import typer

import stillhunt
from stillhunt.base.config import SECRET_SETTINGS, setting_origins
from stillhunt.base.errors import InputError
from stillhunt.base.schema import INPUT_TABLES, ROOM_TABLES
from stillhunt.base.schema_case import ACCOUNT_FACTS, CASE_TABLES, CASE_VIEWS
from stillhunt.base.shape import Table
from stillhunt.cli.options import JsonFlag, SetOption, SettingsOption, nested_settings, pairs
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt.triage.explain import TEXT_WIDTH

config_commands = typer.Typer(no_args_is_help=True, help="Settings and where they come from.")
explain_command = typer.Typer()
HIDDEN = "(set, not shown)"


@explain_command.command(context_settings={"ignore_unknown_options": True})  # an account id may begin with a dash
def explain(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder written by 'hunt --out'.")],
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or an account id.")],
    account: Annotated[
        bool, typer.Option("--account", help="ID is an account, even if a campaign has the same id.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Explain why a campaign or an account has its verdict.

    Shows all evidence for and against, in bits; also for accounts that were left alone.
    """
    explanation = stillhunt.Case.read(case).explain(identifier, account=account)
    if as_json:
        print_json(explanation.as_dict())
    else:
        console = output_console()
        width = min(console.width, TEXT_WIDTH) if console.is_terminal else TEXT_WIDTH
        console.print(safe_lines(explanation.text(width)), markup=False)


def schema(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="One table; without it, all.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the tables and what their columns mean.

    Shows the input tables (requests, accounts) and those of a case folder.
    """
    tables = named_tables()
    if table is not None:
        if table not in tables:
            raise InputError("no such table", where=table, next_step=f"the tables are {', '.join(tables)}")
        tables = {table: tables[table]}
    if as_json:
        print_json({key: _table_document(one) for key, one in tables.items()})
        return
    console = output_console()
    for key, one in tables.items():
        print_columns(console, [(key, one.meaning.removeprefix(f"{key}: "))], ("bold",))
        rows = [(f"  {c.name}", str(c.type), "optional" if c.nullable else "required", c.meaning) for c in one.columns]
        print_columns(console, rows, ("", "dim", "dim"))
        console.print()


@config_commands.command("show")
def config_show(
    origin: Annotated[bool, typer.Option("--origin", help="Show where each value comes from.")] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print every setting with its value and reason."""
    rows = [
        (name, HIDDEN if name in SECRET_SETTINGS and value else value, source, reason)
        for name, value, source, reason in setting_origins(
            nested_settings(pairs(settings, "--set")), file=settings_file
        )
    ]
    if as_json:
        print_json({n: {"value": v, "origin": source, "reason": reason} for n, v, source, reason in rows})
        return
    lines = [(n, setting_text(v), *((source,) if origin else ()), reason) for n, v, source, reason in rows]
    print_columns(output_console(), lines, ("", "bold"))


def named_tables() -> dict[str, Table]:
    """Every table that a user meets, by its name in `stillhunt schema`."""
    inputs = {table.name: table for table in INPUT_TABLES}
    case = {f"{stem}.parquet": table for stem, table in {**CASE_TABLES, **CASE_VIEWS}.items()}
    return {**inputs, **case, ACCOUNT_FACTS.name: ACCOUNT_FACTS, **{table.name: table for table in ROOM_TABLES}}


def _table_document(table: Table) -> dict[str, Any]:
    columns = [
        {"name": c.name, "type": str(c.type), "nullable": c.nullable, "meaning": c.meaning} for c in table.columns
    ]
    return {"meaning": table.meaning, "columns": columns}


def setting_text(value: object) -> str:
    """A setting's value on one line, as it could stand after `--set name=`."""
    if hasattr(value, "model_dump"):
        return ", ".join(f"{name} {part}" for name, part in value.model_dump().items())
    if isinstance(value, tuple | dict):
        return ", ".join(str(part) for part in value) or "(none)"
    return str(value).lower() if isinstance(value, bool) else str(value) or "(none)"
