"""`stillhunt export`: the member accounts of campaigns, with what is known of them, as CSV, JSON or Parquet."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import stillhunt
from stillhunt.base import formatting
from stillhunt.base.case_folder import case_folder_around
from stillhunt.base.errors import OutputError
from stillhunt.base.table_files import csv_bytes, parquet_bytes
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.terminal import json_text, message_console, print_bytes
from stillhunt.triage import personal_ids_sentence

PARQUET = "parquet"
STDOUT = Path("-")


@dataclass(frozen=True)
class ExportOrder:
    """What the user asked for, as given on the command line."""

    case: Path
    campaign: str | None = None
    format: str | None = None
    out: Path | None = None
    every_member: bool = False
    force: bool = False
    quiet: bool = False


def run_export(order: ExportOrder) -> None:
    """Write the accounts of one campaign, or of all campaigns with the verdict act or review.

    Raises:
        CaseError: no case there, no such campaign in it, or several whose id begins so.
        OutputError: the file exists or cannot be written, or Parquet has no file to go to.
    """
    endings = {f".{name}": name for name in WRITERS}
    out = None if order.out == STDOUT else order.out
    kind = order.format or endings.get(out.suffix.lower() if out else "", "csv")
    if out is None and kind == PARQUET:
        raise OutputError("Parquet is not text, so it is not printed", where="--format", next_step="add --out FILE")
    if out is not None:
        refuse_existing(out, force=order.force)
    everybody = stillhunt.Case.read(order.case).account_facts(order.campaign)
    facts = everybody if order.every_member else everybody.filter(pc.not_equal(everybody["verdict"], "none"))
    content = WRITERS[kind](facts)
    if out is None:
        print_bytes(content)
    else:
        write_whole(out, [content])
    if not order.quiet:
        message_console().print(_note(facts, everybody.num_rows - facts.num_rows, out))
        if personal := personal_ids_sentence(pc.unique(facts["account_id"])):
            message_console().print(personal)


def _note(facts: pa.Table, left_out: int, out: Path | None) -> str:
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
    """Refuse a file that must not be written or replaced, before any work is done.

    Args:
        force: whether one that is there may be replaced.

    Raises:
        OutputError: it may not be written.
    """
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
