"""`stillhunt signals list` and `ready`: what is declared, and what could be."""

from typing import Annotated

import typer

from stillhunt import Config
from stillhunt.commands import (
    AccountsOption,
    JsonFlag,
    MapOption,
    SettingsOption,
    output_console,
    pairs,
    print_columns,
    print_json,
)
from stillhunt_signals.signals.declared import ready_signals, signal_of
from stillhunt_signals.signals.described import describe_signals, say_read
from stillhunt_signals.signals.known_accounts import known_accounts


def list_signals(
    logs: Annotated[
        list[str] | None, typer.Argument(metavar="[LOGS]...", help="Logs, for signals that are columns of the log.")
    ] = None,
    accounts: AccountsOption = None,
    mapping: MapOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the declared signals, what was read of each, and what was learned of it."""
    config = Config.load(file=settings_file)
    table = known_accounts(config, logs, accounts, pairs(mapping, "--map") or None)
    rows = [
        {
            "signal": one.signal.name,
            "kind": one.signal.kind,
            "about": one.signal.about,
            "read": say_read(one.signal, table),
            "weight": one.weight,
        }
        for one in describe_signals(config)
    ]
    if as_json:
        print_json(rows)
        return
    header = ("signal", "kind", "about", "read", "weight")
    print_columns(output_console(), [header, *(tuple(row.values()) for row in rows)] if rows else [("no signals",)])


def list_ready(as_json: JsonFlag = False) -> None:
    """List the signals that are ready to use, and where their fields are documented."""
    found = [
        {"name": name, "documented": entries["documented"], **_shown_entries(name, entries)}
        for name, entries in ready_signals().items()
    ]
    if as_json:
        print_json(found)
        return
    rows = [(one["name"], one["kind"], one["about"], one["column"], one["documented"]) for one in found]
    print_columns(output_console(), [("ready", "kind", "about", "column", "documented"), *rows])


def _shown_entries(name: str, entries: dict[str, object]) -> dict[str, str]:
    via = {"via": "FILE"} if "via_key" in entries else {}
    signal = signal_of(name, {"ready": name, "from": "bodies.jsonl", **via})
    return {"kind": signal.kind, "about": signal.about, "column": signal.column}
