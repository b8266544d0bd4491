"""`stillhunt signals learn`: what each signal was worth in the provider's own past."""

import time
from pathlib import Path
from typing import Annotated

import typer

from stillhunt import Config, ConfigError, InputError
from stillhunt.commands import (
    AccountsOption,
    ForceFlag,
    JsonFlag,
    MapOption,
    SettingsOption,
    opened_database,
    output_console,
    pairs,
    print_columns,
    print_json,
    refuse_existing,
)
from stillhunt.tools import formatting
from stillhunt_signals.signals.decided import past_decisions
from stillhunt_signals.signals.declared import declared_signals, learned_file
from stillhunt_signals.signals.described import say_step
from stillhunt_signals.signals.known_accounts import known_accounts
from stillhunt_signals.signals.learned_file import write_learned
from stillhunt_signals.signals.learning import LearnedSignal, learn_signal
from stillhunt_signals.signals.past import Past, PastAccount, read_past
from stillhunt_signals.signals.values import read_values


def learn_command(
    logs: Annotated[
        list[str] | None, typer.Argument(metavar="[LOGS]...", help="Logs, for signals that are columns of the log.")
    ] = None,
    accounts: AccountsOption = None,
    past: Annotated[
        Path | None,
        typer.Option("--past", metavar="FILE", help="CSV with account_id, outcome (confirmed, dismissed) and group."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", metavar="FOLDER", help="Data folder whose decisions and appeals are the past."),
    ] = None,
    mapping: MapOption = None,
    settings_file: SettingsOption = None,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Learn from your own past what each signal is worth.

    Writes the file that the setting signals.learned names; hunts read it. A signal that says what chance would say, or
    of which the past knows little, gets no weight. One that was made of your own decisions is refused.
    """
    config = Config.load(file=settings_file)
    out = learned_file(config)
    signals = declared_signals(config)
    if out is None or not signals:
        raise ConfigError(
            "no signal is declared, or no file for what is learned",
            where="settings signals",
            next_step='write [signals] with learned = "signals.json", and a table [signals.NAME] for each',
        )
    refuse_existing(out, force=force)
    known = Past.of(_collect_past(past, data, settings_file))
    table = known_accounts(config, logs, accounts, pairs(mapping, "--map") or None)
    learned = [learn_signal(one, read_values(one, table), known) for one in signals]
    write_learned(out, learned)
    if as_json:
        print_json([{"signal": one.name, "trust": one.trust, "accounts": one.accounts} for one in learned])
        return
    show_learned(learned)


def _collect_past(file: Path | None, data: Path | None, settings_file: Path | None) -> list[PastAccount]:
    found = [] if file is None else read_past(file)
    if data is not None:
        with opened_database(data, settings_file) as database:
            decided = past_decisions(database, int(time.time() * 1e6))
        found += [
            PastAccount(one.account_id, one.group, "confirmed" if one.confirmed else "dismissed", one.decided_at / 1e6)
            for one in decided
        ]
    if not found:
        raise InputError(
            "there is no past to learn from",
            next_step="give --past FILE, or --data with a folder in which people decided",
        )
    return found


def show_learned(learned: list[LearnedSignal]) -> None:
    """Print what was learned, one signal a line."""
    rows = [("signal", "accounts", "confirmed", "dismissed", "weight", "in harvests, others")]
    rows += [
        (
            one.name,
            formatting.count(one.accounts),
            formatting.plural(one.confirmed, "group"),
            formatting.plural(one.dismissed, "group"),
            formatting.percent(one.trust) if one.trust else "none: no more than chance",
            say_step(one),
        )
        for one in learned
    ]
    print_columns(output_console(), rows)
