"""`stillhunt subject`: what is held on one account, as a table or JSON, and its erasure."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.visible_ids import visible_id
from stillhunt.cli.databases import opened_database
from stillhunt.cli.findings import EXIT_PARTIAL
from stillhunt.cli.terminal import login_name, message_console, output_console, print_columns, print_json
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.subject.holdings import Erased, Holding, Search, account_holdings, erase_account
from stillhunt.web.people.audit import record_look
from stillhunt_evidence.keys.folder import PSEUDONYMS_FILE, keys_folder, read_secret
from stillhunt_evidence.packs.pseudonyms import Pseudonyms

ERASING = "subject_erased"
"""What the audit calls an erasure."""


@dataclass(frozen=True)
class SubjectOrder:
    """What is asked, as given on the command line."""

    data: Path
    account: str
    settings_file: Path | None = None
    erase: bool = False
    yes: bool = False
    as_json: bool = False


def run_subject(order: SubjectOrder) -> None:
    """Show what is held on an account, and erase it where that is asked.

    Raises:
        CaseError: there is no data folder.
        ConfigError: the erasure was not confirmed.
        Exit: 4, a hold kept something from being erased.
        OutputError: a hunt is under way, or something cannot be written.
    """
    folder, config = existing_folder(order.data), Config.load(file=order.settings_file)
    account = visible_id(order.account.strip())
    with opened_database(order.data, order.settings_file) as database:
        names = _names_in_packs(config, account)
        search = Search(folder, database, config, account, names, time.time_ns() // 1000)
        found = account_holdings(search)
        if not order.erase:
            _print_found(found, as_json=order.as_json)
            return
        if not order.as_json:
            _print_found(found, as_json=False)
        _confirm(order, account)
        _enter(database, found)
        erased = erase_account(search)
    _print_erased(erased, as_json=order.as_json)
    if held := [one for one in erased.left if one.hold is not None and not one.stays]:
        what = formatting.join_words([f"{one.amount} ({one.store})" for one in held])
        message_console().print(f"not everything was erased: a legal hold keeps {what}")
        raise typer.Exit(EXIT_PARTIAL)


def _names_in_packs(config: Config, account: str) -> tuple[str, ...] | None:
    """What packs call the account: its id in full ones, its pseudonym in others, for which the key must be here."""
    path = keys_folder(config) / PSEUDONYMS_FILE
    return (account, Pseudonyms(read_secret(path)).one("account", account)) if path.is_file() else None


def _confirm(order: SubjectOrder, account: str) -> None:
    if order.yes:
        return
    typed = ""
    if sys.stdin.isatty():
        message_console().print("Type the id again to erase what may be erased:", markup=False, highlight=False)
        typed = sys.stdin.readline().strip()
    if visible_id(typed) != account:
        raise ConfigError(
            "nothing was erased: it was not confirmed",
            where="subject",
            next_step="look at the list, and confirm the erasure by the id",
            command_step="type the id when it is asked for, or add --yes",
        )


def _enter(database: WatchDatabase, found: Sequence[Holding]) -> None:
    """Enter an erasure in the audit before it begins: whoever may not say so may not erase."""
    what = [f"{one.amount} ({one.store})" for one in found if one.erasable and one.count]
    record_look(database, login_name(), ERASING, f"one account: {', '.join(what) if what else 'nothing is held'}")


def _print_found(found: Sequence[Holding], *, as_json: bool) -> None:
    if as_json:
        print_json([_fields(one) for one in found])
        return
    if not any(one.searched for one in found):
        output_console().print("Nothing is held on this id. What cannot be searched:")
    names = ("what", "where", "how much", "kept until", "hold", "if erased")
    print_columns(output_console(), [list(names), *(_cells(one) for one in found)])


def _print_erased(erased: Erased, *, as_json: bool) -> None:
    if as_json:
        counts = {name: getattr(erased, name) for name in ("records", "states", "snapshots", "rows")}
        print_json({"erased": counts, "left": [_fields(one) for one in erased.left]})
        return
    counts_in_words = formatting.join_words(
        [
            formatting.plural(erased.records, "record"),
            formatting.plural(erased.states, "folder of kept state", "folders of kept state"),
            formatting.plural(erased.snapshots, "snapshot"),
            f"{formatting.plural(erased.rows, 'row')} of the database",
        ]
    )
    output_console().print(f"Erased: {counts_in_words}. Left:", markup=False, highlight=False)
    _print_found(erased.left, as_json=False)


def _cells(holding: Holding) -> list[str]:
    hold = f"{holding.hold.hold_id}: {formatting.shorten(holding.hold.reason, 60)}" if holding.hold else "-"
    outcome = f"stays: {holding.stays}" if holding.stays else "stays: a hold covers it" if holding.hold else "erased"
    return [holding.store, holding.where, holding.amount or "-", _time(holding.kept_until) or "-", hold, outcome]


def _fields(holding: Holding) -> dict[str, Any]:
    return {
        "store": holding.store,
        "where": formatting.escape_controls(holding.where),
        "count": holding.count,
        "unit": holding.unit,
        "from": _time(holding.first),
        "to": _time(holding.last),
        "kept_until": _time(holding.kept_until),
        "hold": holding.hold.hold_id if holding.hold else None,
        "erasable": holding.erasable,
        "stays": holding.stays or ("a hold covers it" if holding.hold else ""),
    }


def _time(at: int | None) -> str | None:
    return None if at is None else formatting.minute(datetime.fromtimestamp(at / 1e6, UTC))
