"""`stillhunt data subject`: what is held on one account, as a table or JSON, and its erasure."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.ids import kept_id
from stillhunt.cli.database import opened_database
from stillhunt.cli.findings import EXIT_PARTIAL
from stillhunt.cli.moments import known_minute, read_clock
from stillhunt.cli.options import DEFAULT_DATA, DataOption, JsonFlag, SettingsOption, refuse_unused
from stillhunt.cli.terminal import login_name, message_console, output_console, print_columns, print_json
from stillhunt.watch.database.audit import record_look
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.subject.copying import LEFT_OUT, copy_holdings
from stillhunt.watch.subject.holdings import Erased, Holding, Search, account_holdings, erase_account
from stillhunt.watch.subject.packs import names_in_packs

ERASING, EXPORTING = "subject_erased", "subject_exported"  # what the audit calls an erasure, and a copy


def subject(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ID", help="Id of the account, as the case and the logs have it.")],
    data: DataOption = DEFAULT_DATA,
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase what may be erased, after a confirmation; what stays is listed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FOLDER", help="Write a copy for the account's owner, as JSON.")
    ] = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a data folder holds on one account: what, where, how much, until when, and which hold keeps it.

    Without --erase nothing is changed. Never erased are what a legal hold covers, the decision log, the audit, signed
    evidence packs, and backups. Every erasure is entered in the audit, without the id.
    """
    if not erase:
        refuse_unused(context, ("yes",), "nothing is erased without --erase")
    folder, config = existing_folder(data), Config.load(file=settings_file)
    name = kept_id(account)
    with opened_database(data, settings_file) as database:
        names = names_in_packs(config, name)
        search = Search(folder, database, config, name, names, read_clock())
        if export is not None:
            refuse_unused(context, ("erase", "yes"), "a copy and an erasure are two commands")
            record_look(database, login_name(), EXPORTING, "one account")
            _print_copied(copy_holdings(search, export), as_json=as_json)
            return
        found = account_holdings(search)
        if not (erase and as_json):
            _print_found(found, as_json=as_json)
        if not erase:
            return
        if not yes:
            _confirm_erasure(name)
        _record_erasure_start(database, found)
        erased = erase_account(search)
    _print_erased(erased, as_json=as_json)
    if held := [one for one in erased.left if one.hold is not None and not one.stays]:
        what = formatting.join_words([f"{one.amount} ({one.store})" for one in held])
        message_console().print(f"not everything was erased: a legal hold keeps {what}")
        raise typer.Exit(EXIT_PARTIAL)


def _confirm_erasure(account: str) -> None:
    typed = ""
    if sys.stdin.isatty():
        message_console().print("Type the id again to erase what may be erased:", markup=False, highlight=False)
        typed = sys.stdin.readline().rstrip("\r\n")
    if kept_id(typed) != account:
        raise ConfigError(
            "nothing was erased: it was not confirmed",
            where="subject",
            next_step="look at the list, and confirm the erasure with the id",
            command_step="type the id when it is asked for, or add --yes",
        )


def _record_erasure_start(database: WatchDatabase, found: Sequence[Holding]) -> None:
    """Enter an erasure in the audit before it begins: whoever may not say so may not erase."""
    what = [f"{one.amount} ({one.store})" for one in found if one.erasable and one.count]
    record_look(database, login_name(), ERASING, f"one account: {', '.join(what) if what else 'nothing is held'}")


def _print_found(found: Sequence[Holding], *, as_json: bool) -> None:
    if as_json:
        print_json([_encode_holding_fields(one) for one in found])
        return
    if not any(one.searched for one in found):
        output_console().print("Nothing is held on this id. What cannot be searched:")
    names = ("what", "where", "how much", "kept until", "hold", "if erased")
    print_columns(output_console(), [list(names), *(_format_holding_cells(one) for one in found)])


def _print_copied(counts: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(counts))
        return
    print_columns(output_console(), [[name, formatting.count(number)] for name, number in counts.items()])
    output_console().print(LEFT_OUT, markup=False, highlight=False)


def _print_erased(erased: Erased, *, as_json: bool) -> None:
    if as_json:
        counts = {name: getattr(erased, name) for name in ("records", "states", "snapshots", "rows", "beside")}
        print_json({"erased": counts, "left": [_encode_holding_fields(one) for one in erased.left]})
        return
    counted = [
        formatting.plural(erased.records, "record"),
        formatting.plural(erased.states, "folder of kept state", "folders of kept state"),
        formatting.plural(erased.snapshots, "snapshot"),
        f"{formatting.plural(erased.rows, 'row')} of the database",
        f"{formatting.plural(erased.beside, 'row')} of other files",
    ]
    output_console().print(f"Erased: {formatting.join_words(counted)}. Left:", markup=False, highlight=False)
    _print_found(erased.left, as_json=False)


def _format_holding_cells(holding: Holding) -> list[str]:
    hold = f"{holding.hold.hold_id}: {formatting.shorten(holding.hold.reason, 60)}" if holding.hold else "-"
    outcome = f"stays: {holding.stays}" if holding.stays else "stays: a hold covers it" if holding.hold else "erased"
    return [holding.store, holding.where, holding.amount or "-", known_minute(holding.kept_until) or "-", hold, outcome]


def _encode_holding_fields(holding: Holding) -> dict[str, Any]:
    return {
        "store": holding.store,
        "where": formatting.escape_controls(holding.where),
        "count": holding.count,
        "unit": holding.unit,
        "from": known_minute(holding.first),
        "to": known_minute(holding.last),
        "kept_until": known_minute(holding.kept_until),
        "hold": holding.hold.hold_id if holding.hold else None,
        "erasable": holding.erasable,
        "stays": holding.stays or ("a hold covers it" if holding.hold else ""),
    }
