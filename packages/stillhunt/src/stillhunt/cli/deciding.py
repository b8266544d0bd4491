"""What `stillhunt decisions` does: show the log and what was in force, check it, add and end decisions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.ledger.chain import LEDGER_START
from stillhunt.base.visible_ids import visible_id
from stillhunt.cli.databases import opened_database
from stillhunt.cli.terminal import message_console, output_console, print_columns, print_json, safe_lines
from stillhunt.decide.actions import ACTIONS, REASON_TEXTS, Action, ReasonCode
from stillhunt.decide.entries import Kind, LogEntry, in_force, standing
from stillhunt.decide.log import (
    about_account,
    count_entries,
    lost_since,
    note_changed,
    read_log,
    read_newest,
    read_state,
    verified_log,
)
from stillhunt.decide.names import storable
from stillhunt.decide.persons import decide_as_person, undo
from stillhunt.decide.verified import VERIFIED_FILE, read_verified
from stillhunt.watch.database.tables import DECISIONS

_MOMENTS = ("made_at", "starts_at", "expires_at")
_HEADINGS = ("entry", "action", "account", "by", "from (UTC)", "until (UTC)", "campaign", "reason")
_LOG_HEADINGS = (
    "entry",
    "made (UTC)",
    "kind",
    "action",
    "account",
    "by",
    "from (UTC)",
    "until (UTC)",
    "campaign",
    "note",
)
_ACCOUNT_CHARS, _NAME_CHARS, _NOTE_CHARS = 32, 24, 60
EXIT_BROKEN = 1


@dataclass(frozen=True)
class DecisionsOrder:
    """Which log is meant, as given on the command line."""

    data: Path
    settings_file: Path | None = None
    as_json: bool = False


def run_decisions_replay(order: DecisionsOrder, at: str | None) -> None:
    """Print what was in force at a time.

    Args:
        at: the time, ISO 8601; now where it is None.

    Raises:
        CaseError: the folder has no database.
        ConfigError: the time cannot be read.
    """
    moment = _now() if at is None else _moment(at)
    config = Config.load(file=order.settings_file)
    with opened_database(order.data, order.settings_file) as database:
        log = read_state(database, moment)
    counting = in_force(log, moment, frozenset(config.sanctioned.accounts))
    trying = [entry for entry in standing(log, moment) if entry.dry_run]
    if order.as_json:
        print_json(
            {
                "at": datetime.fromtimestamp(moment / 1e6, UTC),
                "in_force": _fields_of(counting.values()),
                "dry_run": _fields_of(trying),
            }
        )
        return
    console = output_console()
    counts = Counter(entry.action for entry in counting.values())
    parts = [f"{formatting.count(counts[action])} {action}" for action in ACTIONS if counts[action]]
    total = formatting.plural(len(counting), "account") if counting else "No account"
    console.print(f"{total} under a decision{': ' if parts else ''}{formatting.join_words(parts)}.")
    if counting:
        print_columns(console, [_HEADINGS, *map(_cells, counting.values())])
    if trying:
        console.print(f"\nRecorded only (dry run): {formatting.plural(len(trying), 'decision')}")
        print_columns(console, [_HEADINGS, *map(_cells, trying)])


def run_decisions_log(order: DecisionsOrder, account: str | None, last: int) -> None:
    """Print entries of the log, the newest last.

    Args:
        account: leave out those about others.
        last: how many, from the end.

    Raises:
        CaseError: the folder has no database.
    """
    with opened_database(order.data, order.settings_file) as database:
        of_account = (
            [DECISIONS.c.account_id.in_({storable(account), visible_id(account)})] if account is not None else []
        )
        found = count_entries(database, *of_account)
        shown = read_newest(database, last, *of_account)[::-1]
    if order.as_json:
        print_json({"entries": found, "shown": _fields_of(shown)})
        return
    console = output_console()
    if not found:
        console.print("No entries.")
        return
    if len(shown) < found:
        console.print(f"The last {formatting.count(len(shown))} of {formatting.plural(found, 'entry', 'entries')}:")
    print_columns(console, [_LOG_HEADINGS, *map(_log_cells, shown)])


def run_decisions_verify(order: DecisionsOrder, *, accept: bool = False) -> int:
    """Check the chain of hashes, and that the log goes on from where a server last verified it.

    Args:
        accept: take the log for the right one, though it does not go on from there.

    Returns:
        The exit code: 1 where the log was changed.

    Raises:
        CaseError: the folder has no database, or the file of what was verified is damaged.
    """
    kept = order.data / VERIFIED_FILE
    verified = None if accept else read_verified(kept)
    place = LEDGER_START if verified is None else verified.last
    with opened_database(order.data, order.settings_file) as database:
        end, broken = verified_log(database)
        number = count_entries(database)
        there = read_newest(database, 1, DECISIONS.c.seq == place.seq)
        lost = lost_since(place, number, there[0].digest if there else "")
        note_changed(database, broken)
    last = end.digest if end.seq else ""
    if accept and broken is None:
        kept.unlink(missing_ok=True)
    if order.as_json:
        shown = None if broken is None else asdict(broken)
        print_json({"entries": number, "broken": shown, "lost": lost or None, "last": last})
    elif broken is not None:
        output_console().print(f"The log was changed: entry {broken.seq}: {broken.what}.")
    elif lost:
        output_console().print(
            f"This is not the log that a server verified before: {lost}. Restore it from a backup; or, if it is right "
            "as it is, run this again with --accept."
        )
    else:
        output_console().print(
            f"{formatting.plural(number, 'entry', 'entries')}, all as they were written. Last hash: {last or 'none'}"
        )
    return EXIT_BROKEN if broken is not None or lost else 0


def run_decisions_add(
    order: DecisionsOrder, account: str, action: str, by: tuple[str, str], days: float, reason: str, *, override: bool
) -> None:
    """Append a person's decision and say what it is; say on stderr where another decision counts instead.

    Raises:
        ConfigError: no such action or reason, no author, or no end.
    """
    known: Action = _one_of(action, get_args(Action), "action")
    code: ReasonCode = _one_of(reason, tuple(REASON_TEXTS), "reason")
    with opened_database(order.data, order.settings_file) as database:
        kind: Kind = "override" if override else "case"
        made = decide_as_person(database, account, known, by, (_now(), days), kind, code)
        about = read_log(database, about_account(made.account_id))
    counting = in_force(about, _now()).get(made.account_id)
    account_id, why = formatting.shorten(made.account_id, _ACCOUNT_CHARS), REASON_TEXTS[code].rstrip(".")
    until, kind_said = _minute(made.expires_at), ", as an override" if override else ""
    output_console().print(
        safe_lines(f"Decision {made.seq}: {made.action} for {account_id} until {until} UTC{kind_said}. Reason: {why}.")
    )
    if counting is not None and counting.seq != made.seq:
        author = formatting.shorten(counting.author, _NAME_CHARS)
        message_console().print(
            f"Until {_minute(counting.expires_at)} UTC another decision counts instead: {counting.seq}, "
            f"{counting.action} by {author} ({counting.kind}). To count before it, decide with --override; to end it, "
            f"run 'stillhunt decisions undo {counting.seq}'."
        )


def run_decisions_undo(order: DecisionsOrder, seq: int, by: tuple[str, str]) -> None:
    """End a decision and say which.

    Args:
        by: who ends it, and why.

    Raises:
        CaseError: no such decision stands.
    """
    with opened_database(order.data, order.settings_file) as database:
        ended = undo(database, seq, *by, _now())
    account_id = formatting.shorten(ended.account_id, _ACCOUNT_CHARS)
    output_console().print(safe_lines(f"Entry {ended.seq} ends decision {seq}: {ended.action} for {account_id}."))


def _one_of(given: str, known: Sequence[str], name: str) -> Any:
    if given not in known:
        raise ConfigError(
            f"no such {name}: {formatting.shorten(given, _ACCOUNT_CHARS)}",
            where=name,
            next_step=f"choose of {', '.join(known)}",
        )
    return given


def _fields_of(entries: Any) -> list[dict[str, Any]]:
    return [
        {
            name: datetime.fromtimestamp(value / 1e6, UTC) if name in _MOMENTS else value
            for name, value in asdict(entry).items()
        }
        for entry in entries
    ]


def _cells(entry: LogEntry) -> tuple[str, ...]:
    account = formatting.shorten(formatting.escape_controls(entry.account_id), _ACCOUNT_CHARS)
    times = (_minute(entry.starts_at), _minute(entry.expires_at))
    return (
        str(entry.seq),
        entry.action,
        account,
        formatting.escape_controls(entry.author),
        *times,
        entry.campaign_id,
        entry.reason,
    )


def _log_cells(entry: LogEntry) -> tuple[str, ...]:
    """An entry with what became of it said in its kind: which one it ends or renews, and whether it counts at all."""
    ends = entry.kind == "undo"
    about = f" of {entry.undoes}" if ends else f", renews {entry.undoes}" if entry.undoes else ""
    times = ("-", "-") if ends else (_minute(entry.starts_at), _minute(entry.expires_at))
    return (
        str(entry.seq),
        _minute(entry.made_at),
        f"{entry.kind}{about}{', dry run' if entry.dry_run else ''}",
        entry.action,
        formatting.shorten(entry.account_id, _ACCOUNT_CHARS),
        formatting.shorten(entry.author, _NAME_CHARS),
        *times,
        formatting.shorten(entry.campaign_id, _NAME_CHARS) or "-",
        formatting.shorten(entry.note, _NOTE_CHARS) or "-",
    )


def _minute(moment: int) -> str:
    return formatting.minute(datetime.fromtimestamp(moment / 1e6, UTC)).removesuffix(" UTC")


def _now() -> int:
    return time.time_ns() // 1000


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("this is no time", where="at", next_step="write it as 2026-11-26T10:00:00Z") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6)
