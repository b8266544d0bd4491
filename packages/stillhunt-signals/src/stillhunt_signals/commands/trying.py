"""`stillhunt signals try`: what signals would have changed in a case."""

from pathlib import Path
from typing import Annotated

import typer

from stillhunt import Config
from stillhunt.case import read_case
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
from stillhunt_signals.signals.known_accounts import known_accounts
from stillhunt_signals.signals.trial import TriedGroup, try_used_signals
from stillhunt_signals.signals.using import read_signals

_MOST_SHOWN = 30


def try_signals(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Case folder.")],
    logs: Annotated[
        list[str] | None, typer.Argument(metavar="[LOGS]...", help="Its logs, for signals that are columns of the log.")
    ] = None,
    accounts: AccountsOption = None,
    mapping: MapOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what the signals would have changed in a case; the case itself is not changed.

    Each campaign and each group left alone is judged again by the rules of this version, without and with what the
    signals say of its members. Who the members are is not judged anew, as a hunt would.
    """
    config = Config.load(file=settings_file)
    found = read_case(case)
    used = read_signals(config, known_accounts(config, logs, accounts, pairs(mapping, "--map") or None))
    tried = try_used_signals(found, config, used)
    if as_json:
        print_json([one._asdict() for one in tried])
        return
    _show_tried(tried, found.tables["campaigns"].num_rows)


def _show_tried(tried: list[TriedGroup], groups: int) -> None:
    changed = [one for one in tried if one.verdict != one.verdict_with]
    console = output_console()
    console.print(
        f"The signals say something of {len(tried)} of {formatting.plural(groups, 'group')}; "
        f"{formatting.plural(len(changed), 'verdict')} would have been another."
    )
    ordered = sorted(tried, key=lambda one: (one.verdict == one.verdict_with, -abs(one.score_with - one.score)))
    rows = [("group", "accounts", "without", "with", "what they say")]
    for one in ordered[:_MOST_SHOWN]:
        before, after = (
            f"{formatting.probability(score)} {verdict}"
            for score, verdict in ((one.score, one.verdict), (one.score_with, one.verdict_with))
        )
        for place, (sentence, bits) in enumerate(one.said):
            head = (one.campaign_id[:13], formatting.count(one.accounts), before, after) if not place else ("",) * 4
            rows.append((*head, f"{formatting.bits(bits)}: {sentence}"))
    if tried:
        print_columns(console, rows)
    if len(ordered) > _MOST_SHOWN:
        console.print(f"and {formatting.count(len(ordered) - _MOST_SHOWN)} more; --json has all")
