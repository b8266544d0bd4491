"""`stillhunt terms`: what the terms forbid, checked, tried and held against a case."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import typer

from stillhunt import InputError
from stillhunt.case import read_case
from stillhunt.commands import JsonFlag, output_console, print_columns, print_json
from stillhunt.tools import formatting, shorten
from stillhunt_signals.terms.beside import breach_words
from stillhunt_signals.terms.breaches import TermsChecker
from stillhunt_signals.terms.declared import read_terms

terms_commands = typer.Typer(
    no_args_is_help=True, help="Breaches of your terms, beside a harvest and never as evidence of one."
)
_IDS = {"account_id": pa.string(), "organization_id": pa.string()}
"""Columns that are compared with texts, also where they look like numbers."""
TermsFile = Annotated[Path, typer.Argument(metavar="FILE", help="Terms (TOML).")]


@terms_commands.command("check")
def check_terms(file: TermsFile) -> None:
    """Check a file of terms, and the lists that it names."""
    checker = _opened(file)
    today = datetime.now(UTC).date()
    over = [one for one in checker.terms.exception if one.until < today]
    console = output_console()
    clauses = formatting.plural(len(checker.terms.clause), "clause")
    console.print(f"Terms of {shorten(checker.terms.version, 60)}: {clauses}; the file can be used.")
    for one in over:
        console.print(f"over: the exception of {shorten(one.owner, 60)} for {one.clause} ended on {one.until}")


@terms_commands.command("show")
def show_breaches(
    file: TermsFile,
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Case folder.")],
    as_json: JsonFlag = False,
) -> None:
    """Hold the terms against the members of each campaign and group of a case."""
    found = breach_words(read_case(case), _opened(file))
    if as_json:
        print_json(found)
        return
    console = output_console()
    for campaign, words in found.items():
        console.print(campaign)
        for clause, told in words.items():
            console.print(f"  {clause}: {told}")
    if not found:
        console.print("Nobody in the case breaks the terms, as far as it knows.")


@terms_commands.command("simulate")
def simulate_terms(
    file: TermsFile,
    accounts: Annotated[Path, typer.Argument(metavar="ACCOUNTS", help="Table of all accounts (CSV, Parquet).")],
    as_json: JsonFlag = False,
) -> None:
    """Count whom each clause touches among all accounts, before anybody is told of it.

    The table says nothing of requests, so that their countries, and models, are not counted.
    """
    checker = _opened(file)
    rows = _read_accounts(accounts)
    breaches = checker.breaches(rows, (), datetime.now(UTC).date())
    told: list[dict[str, Any]] = [
        {
            "clause": one.clause.name,
            "accounts": len(one.accounts),
            "of": len(rows),
            "excepted": len(one.excepted),
            "most": Counter({fact: len(names) for fact, names in one.facts.items()}).most_common(3),
        }
        for one in breaches
    ]
    if as_json:
        print_json(told)
        return
    shown = [
        (
            str(one["clause"]),
            formatting.part_of(one["accounts"], one["of"], "account"),
            formatting.count(one["excepted"]),
            "; ".join(f"{fact} ({number})" for fact, number in one["most"]),
        )
        for one in told
    ]
    print_columns(output_console(), [("clause", "touches", "excepted", "most"), *shown])


def _opened(file: Path) -> TermsChecker:
    return TermsChecker(read_terms(file), file.parent)


def _read_accounts(path: Path) -> list[dict[str, Any]]:
    try:
        table = (
            pa.parquet.read_table(path)
            if path.suffix == ".parquet"
            else pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(column_types=_IDS))
        )
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"it cannot be read: {error!s:.200}", where=str(path), next_step="name a CSV or Parquet file"
        ) from error
    if "account_id" not in table.column_names:
        raise InputError("there is no column account_id", where=str(path), next_step="rename the column")
    rows: list[dict[str, Any]] = table.to_pylist()
    return [{**row, **{name: str(row[name]) for name in _IDS if row.get(name) is not None}} for row in rows]
