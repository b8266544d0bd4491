"""`stillhunt signals list` and `ready`: what is declared, and what could be."""

from typing import Annotated

import typer

from stillhunt import Config, StillhuntError
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
from stillhunt.tools import formatting
from stillhunt_signals.signals.declared import declared_signals, learned_file, ready_signals, signal_of
from stillhunt_signals.signals.known_accounts import known_accounts
from stillhunt_signals.signals.learned_file import read_learned
from stillhunt_signals.signals.values import read_values


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
    learned = read_learned(file if (file := learned_file(config)) is not None and file.exists() else None)
    rows = []
    for one in declared_signals(config):
        try:
            read = f"{formatting.plural(len(read_values(one, table)), 'account')}"
        except StillhuntError as error:
            read = f"refused: {error.what}; next: {error.next_step}"
        known = learned.get(one.name)
        weight = "not learned yet" if known is None or known.digest != one.digest else formatting.percent(known.trust)
        rows.append({"signal": one.name, "kind": one.kind, "about": one.about, "read": read, "weight": weight})
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
