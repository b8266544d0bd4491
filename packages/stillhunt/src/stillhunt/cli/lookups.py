"""The commands that only look something up: explain, schema, config show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import stillhunt
from stillhunt.base.config import SECRET_SETTINGS, setting_origins
from stillhunt.base.errors import InputError
from stillhunt.base.schema import INPUT_TABLES, ROOM_TABLES
from stillhunt.base.schema_case import ACCOUNT_FACTS, CASE_TABLES, CASE_VIEWS
from stillhunt.base.shape import Table
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt.triage.explain import TEXT_WIDTH

HIDDEN = "(set, not shown)"


def run_explain(folder: Path, identifier: str, *, account: bool, as_json: bool) -> None:
    """Print why a campaign or an account has its verdict.

    Args:
        account: only an account is meant.

    Raises:
        CaseError: no case there, or no such id in it.
    """
    case = stillhunt.Case.read(folder)
    explanation = case.explain(identifier, account=account)
    if as_json:
        print_json(explanation.as_dict())
    else:
        console = output_console()
        width = min(console.width, TEXT_WIDTH) if console.is_terminal else TEXT_WIDTH
        console.print(safe_lines(explanation.text(width)), markup=False)


def named_tables() -> dict[str, Table]:
    """Every table that a user meets, by its name in `stillhunt schema`."""
    inputs = {table.name: table for table in INPUT_TABLES}
    case = {f"{stem}.parquet": table for stem, table in {**CASE_TABLES, **CASE_VIEWS}.items()}
    return {**inputs, **case, ACCOUNT_FACTS.name: ACCOUNT_FACTS, **{table.name: table for table in ROOM_TABLES}}


def run_schema(name: str | None, *, as_json: bool) -> None:
    """Print tables and the meaning of their columns.

    Args:
        name: one table; all when None.

    Raises:
        InputError: no table of that name.
    """
    tables = named_tables()
    if name is not None:
        if name not in tables:
            raise InputError("no such table", where=name, next_step=f"the tables are {', '.join(tables)}")
        tables = {name: tables[name]}
    if as_json:
        print_json({key: _table_document(table) for key, table in tables.items()})
        return
    console = output_console()
    for key, table in tables.items():
        print_columns(console, [(key, table.meaning.removeprefix(f"{key}: "))], ("bold",))
        rows = [
            (f"  {c.name}", str(c.type), "optional" if c.nullable else "required", c.meaning) for c in table.columns
        ]
        print_columns(console, rows, ("", "dim", "dim"))
        console.print()


def _table_document(table: Table) -> dict[str, Any]:
    columns = [
        {"name": c.name, "type": str(c.type), "nullable": c.nullable, "meaning": c.meaning} for c in table.columns
    ]
    return {"meaning": table.meaning, "columns": columns}


def run_config_show(settings: Mapping[str, str], file: Path | None, *, origin: bool, as_json: bool) -> None:
    """Print every setting.

    Args:
        settings: `--set` pairs, dotted name -> text.
        file: settings file; None = ./stillhunt.toml if there is one.
        origin: say where each value comes from.
        as_json: print JSON, always with the origin.

    Raises:
        ConfigError: a setting is unknown or malformed.
    """
    from stillhunt.cli.hunting import nested_settings  # it imports the kernels, which the other commands do without

    rows = [
        (name, HIDDEN if name in SECRET_SETTINGS and value else value, source, reason)
        for name, value, source, reason in setting_origins(nested_settings(settings), file=file)
    ]
    if as_json:
        print_json({n: {"value": v, "origin": source, "reason": reason} for n, v, source, reason in rows})
        return
    lines = [(n, setting_text(v), *((source,) if origin else ()), reason) for n, v, source, reason in rows]
    print_columns(output_console(), lines, ("", "bold"))


def setting_text(value: object) -> str:
    """A setting's value on one line, as it could stand after `--set name=`."""
    if hasattr(value, "model_dump"):
        return ", ".join(f"{name} {part}" for name, part in value.model_dump().items())
    if isinstance(value, tuple | dict):
        return ", ".join(str(part) for part in value) or "(none)"
    return str(value).lower() if isinstance(value, bool) else str(value) or "(none)"
