"""`stillhunt export`: the member accounts of campaigns, with what is known of them, as CSV, JSON or Parquet."""

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer

import stillhunt
from stillhunt.base import formatting
from stillhunt.base.case_folder import case_folder_around
from stillhunt.base.errors import OutputError
from stillhunt.base.table_files import csv_bytes, parquet_bytes, write_whole
from stillhunt.cli.options import ForceFlag, QuietFlag
from stillhunt.cli.terminal import json_text, message_console, print_bytes
from stillhunt.triage import personal_ids_sentence


class ExportFormat(StrEnum):
    """The form of an exported file."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


PARQUET = "parquet"
STDOUT = Path("-")


def export(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder written by 'hunt --out'.")],
    campaign: Annotated[
        str | None, typer.Argument(metavar="ID", help="A campaign id or its beginning; without it, all campaigns.")
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
    force: ForceFlag = False,
    quiet: QuietFlag = False,
) -> None:
    r"""Export the accounts of campaigns, for a ticket, a spreadsheet or another program.

    Writes one row for each member account whose own verdict is act (it is flagged) or review: its role, its traffic,
    where that came from, and what the accounts table says about it. Without an ID, the campaigns are those with the
    verdict act or review, and an account of several campaigns has a row in each. The columns are those of account_facts
    in docs/tables.md; addresses, cards and e-mail addresses are not among them, unless an account id is one. Nothing is
    written into a case folder.

    In CSV, control characters are written as escapes such as \x1b. If a text, or its part after a semicolon, begins
    with = + - @ or an apostrophe, an apostrophe is put before it, so that no spreadsheet reads a formula. The values of
    a list are joined with semicolons. JSON and Parquet hold all values as the case has them.
    """
    del accounts  # there is nothing else to export so far
    endings = {f".{name}": name for name in WRITERS}
    out = None if out == STDOUT else out
    kind = file_format or endings.get(out.suffix.lower() if out else "", "csv")
    if out is None and kind == PARQUET:
        raise OutputError("Parquet is not text, so it is not printed", where="--format", next_step="add --out FILE")
    if out is not None:
        refuse_existing(out, force=force)
    everybody = stillhunt.Case.read(case).account_facts(campaign)
    facts = everybody if every_member else everybody.filter(pc.not_equal(everybody["verdict"], "none"))
    content = WRITERS[kind](facts)
    if out is None:
        print_bytes(content)
    else:
        write_whole(out, [content])
    if not quiet:
        message_console().print(_summarise_export(facts, everybody.num_rows - facts.num_rows, out))
        if personal := personal_ids_sentence(pc.unique(facts["account_id"])):
            message_console().print(personal)


def _summarise_export(facts: pa.Table, left_out: int, out: Path | None) -> str:
    accounts, flagged = (
        int(pc.count_distinct(table["account_id"]).as_py()) for table in (facts, facts.filter(facts["flagged"]))
    )
    place = "" if out is None else f" in {formatting.escape_controls(str(out))}"
    rest = (
        f"; {formatting.plural(left_out, 'member')} with the verdict none left out (--all-members adds them)"
        if left_out
        else ""
    )
    if not accounts:
        return f"no account to act on or to review{place and f', so there is no row{place}'}{rest}"
    return f"{formatting.plural(accounts, 'account')}, {formatting.count(flagged)} of them flagged{place}{rest}"


def json_bytes(table: pa.Table) -> bytes:
    """A table as a JSON array of objects, in ASCII."""
    return json_text(table.to_pylist()).encode()


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {"csv": csv_bytes, "json": json_bytes, PARQUET: parquet_bytes}
"""Format -> what makes a file of a table."""


def refuse_existing(out: Path, *, force: bool) -> None:
    """Refuse, with an OutputError, a file that must not be written, or replaced without force, before any work."""
    case = case_folder_around(out.parent) or case_folder_around(out)  # a link may lead into one
    if case is not None:
        raise OutputError(
            "an export is not written into a case folder, which holds what a hunt wrote and nothing else",
            where=str(case),
            next_step="name another --out",
        )
    if not os.path.lexists(out):
        return
    if not out.is_file():
        what = "this is not a file" if out.exists() else "this is a link to nothing"
        raise OutputError(what, where=str(out), next_step="name another --out")
    if not force:
        raise OutputError("the file exists already", where=str(out), next_step="name another --out, or add --force")
