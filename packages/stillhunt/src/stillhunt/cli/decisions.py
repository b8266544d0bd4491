"""`stillhunt decisions`: show the log and what was in force, check it, add and end decisions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.ids import kept_id
from stillhunt.cli.database import opened_database
from stillhunt.cli.moments import headed_minute, read_clock, time_of, with_moments
from stillhunt.cli.options import DEFAULT_DATA, DataOption, JsonFlag, NoteOption, SettingsOption
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
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.running import read_second_person
from stillhunt.decide.second_person import approve_decision, describe_unforced
from stillhunt.decide.verified import VERIFIED_FILE, read_verified
from stillhunt.ledger.chain import LEDGER_START
from stillhunt.watch.database.tables import DECISIONS
from stillhunt.watch.folder import DataFolder

decision_commands = typer.Typer(
    no_args_is_help=True, help="Decisions about accounts: what is done, by whom, why, and until when."
)
AuthorOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")]
_MOMENTS = ("made_at", "starts_at", "expires_at")
_HEADINGS = ("entry", "action", "account", "by", "from (UTC)", "until (UTC)", "campaign", "reason")
_LOG_HEADINGS = ("entry", "made (UTC)", "kind", *_HEADINGS[1:7], "note")
_ACCOUNT_CHARS, _NAME_CHARS, _NOTE_CHARS = 32, 24, 60
EXIT_BROKEN = 1


@decision_commands.command("replay")
def replay_decisions(
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="ISO 8601, such as 2026-11-26T10:00:00Z; now without it.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what was in force at a time, for each account under a decision."""
    moment = read_clock() if at is None else _parse_decision_moment(at)
    config = Config.load(file=settings_file)
    with opened_database(data, settings_file) as database:
        log = read_state(database, moment)
    counting = in_force(log, moment, frozenset(config.sanctioned.accounts))
    trying = [entry for entry in standing(log, moment) if entry.dry_run]
    if as_json:
        print_json({"at": time_of(moment), "in_force": _fields_of(counting.values()), "dry_run": _fields_of(trying)})
        return
    console = output_console()
    counts = Counter(entry.action for entry in counting.values())
    parts = [f"{formatting.count(counts[action])} {action}" for action in ACTIONS if counts[action]]
    total = formatting.plural(len(counting), "account") if counting else "No account"
    console.print(f"{total} under a decision{': ' if parts else ''}{formatting.join_words(parts)}.")
    if counting:
        print_columns(console, [_HEADINGS, *map(_format_decision_cells, counting.values())])
    if trying:
        console.print(
            f"\nRecorded only (dry run, or waiting for a second person): {formatting.plural(len(trying), 'decision')}"
        )
        print_columns(console, [_HEADINGS, *map(_format_decision_cells, trying)])


@decision_commands.command("log")
def show_log(
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="Entries about this account only.")
    ] = None,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, help="How many entries, from the end.")] = 50,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List entries of the decision log, the newest last.

    Also lists decisions that have ended, the ends of decisions, dry runs, and notes.
    """
    with opened_database(data, settings_file) as database:
        wanted = [] if account is None else [DECISIONS.c.account_id.in_({storable(account), kept_id(account)})]
        found = count_entries(database, *wanted)
        shown = read_newest(database, last, *wanted)[::-1]
    if as_json:
        print_json({"entries": found, "shown": _fields_of(shown)})
        return
    console = output_console()
    if not found:
        console.print("No entries.")
        return
    if len(shown) < found:
        console.print(f"The last {formatting.count(len(shown))} of {formatting.plural(found, 'entry', 'entries')}:")
    print_columns(console, [_LOG_HEADINGS, *map(_log_cells, shown)])


@decision_commands.command("verify")
def verify_decisions(
    data: DataOption = DEFAULT_DATA,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept the log as it is: it was replaced or shortened on purpose.")
    ] = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check that nobody changed the decision log.

    Exit code 1 if an entry was changed, moved, added or left out, or if the log is not the one that a server verified
    before, because its end was cut off or it was replaced. Somebody who can write to the whole data folder can hide
    that, so also compare the printed hash with one that you keep elsewhere.
    """
    kept = data / VERIFIED_FILE
    verified = None if accept else read_verified(kept)
    place = LEDGER_START if verified is None else verified.last
    with opened_database(data, settings_file) as database:
        end, broken = verified_log(database)
        number = count_entries(database)
        there = read_newest(database, 1, DECISIONS.c.seq == place.seq)
        lost = lost_since(place, number, there[0].digest if there else "")
        note_changed(database, broken)
    last = end.digest if end.seq else ""
    if accept and broken is None:
        kept.unlink(missing_ok=True)
    if as_json:
        shown = None if broken is None else asdict(broken)
        print_json({"entries": number, "broken": shown, "lost": lost or None, "last": last})
    elif broken is not None:
        output_console().print(f"The log was changed: entry {broken.seq}: {broken.what}.")
    elif lost:
        output_console().print(
            f"This is not the log that a server verified before: {lost}. Restore it from a backup; or, if it is "
            "correct as it is, run this again with --accept."
        )
    else:
        output_console().print(
            f"{formatting.plural(number, 'entry', 'entries')}, all as they were written. Last hash: {last or 'none'}"
        )
    raise typer.Exit(EXIT_BROKEN if broken is not None or lost else 0)


@decision_commands.command("add")
def add_decision(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id, as in the case.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="observe, tag, step_up, throttle, limit or block.")],
    by: AuthorOption,
    days: Annotated[float, typer.Option("--days", metavar="DAYS", help="For how long.")] = 14.0,
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="What the customer may be told.")
    ] = "operator_decision",
    note: NoteOption = "",
    override: Annotated[
        bool,
        typer.Option(
            "--override",
            help="Take precedence over declared programmes, cases and rules, also to let an account through.",
        ),
    ] = False,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Decide about an account; prints the number of the entry, what was decided and until when.

    If the policy asks for a second person, it is not in force until 'stillhunt decisions approve'. If an override takes
    precedence, stderr says which one, and until when.
    """
    known: Action = _one_of(action, get_args(Action), "action")
    code: ReasonCode = _one_of(reason, tuple(REASON_TEXTS), "reason")
    second_person = read_second_person(DataFolder(data), Config.load(file=settings_file))
    decider, span = DecisionAuthor(by, note), DecisionSpan(read_clock(), days)
    with opened_database(data, settings_file) as database:
        kind: Kind = "override" if override else "case"
        made = decide_as_person(database, account, known, decider, span, kind, code, second_person)
        about = read_log(database, about_account(made.account_id))
    counting = in_force(about, read_clock()).get(made.account_id)
    account_id, why = formatting.shorten(made.account_id, _ACCOUNT_CHARS), REASON_TEXTS[code].rstrip(".")
    until, kind_said = headed_minute(made.expires_at), ", as an override" if override else ""
    output_console().print(
        safe_lines(f"Decision {made.seq}: {made.action} for {account_id} until {until} UTC{kind_said}. Reason: {why}.")
    )
    if made.dry_run:
        message_console().print(
            "It waits for a second person, and is not in force. "
            f"Approve it with 'stillhunt decisions approve {made.seq} --by NAME'."
        )
    elif counting is not None and counting.seq != made.seq:
        author = formatting.shorten(counting.author, _NAME_CHARS)
        message_console().print(
            f"Until {headed_minute(counting.expires_at)} UTC another decision takes precedence: {counting.seq}, "
            f"{counting.action} by {author} ({counting.kind}). To take precedence over it, decide with --override; "
            f"to end it, run 'stillhunt decisions undo {counting.seq}'."
        )


@decision_commands.command("approve")
def approve_waiting_decision(
    entry: Annotated[int, typer.Argument(metavar="ENTRY", help="Number of the decision that waits.")],
    by: AuthorOption,
    note: NoteOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Approve a decision about an account as a second person; prints the number of the new entry, which is in force.

    A decision about a campaign is approved with 'stillhunt case decide CAMPAIGN approve'.
    """
    with opened_database(data, settings_file) as database:
        made = approve_decision(database, entry, by, note, read_clock())
    account_id, until = formatting.shorten(made.account_id, _ACCOUNT_CHARS), headed_minute(made.expires_at)
    said = f"Decision {made.seq} approves decision {entry}: {made.action} for {account_id} until {until} UTC."
    output_console().print(safe_lines(said))


@decision_commands.command("undo")
def undo_decision(
    entry: Annotated[int, typer.Argument(metavar="ENTRY", help="Number of the decision.")],
    by: AuthorOption,
    note: NoteOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """End a decision; prints the number of the new entry, and which decision it ends."""
    with opened_database(data, settings_file) as database:
        ended = undo(database, entry, by, note, read_clock())
    account_id = formatting.shorten(ended.account_id, _ACCOUNT_CHARS)
    output_console().print(safe_lines(f"Entry {ended.seq} ends decision {entry}: {ended.action} for {account_id}."))


def _one_of(given: str, known: Sequence[str], name: str) -> Any:
    if given not in known:
        raise ConfigError(
            f"no such {name}: {formatting.shorten(given, _ACCOUNT_CHARS)}",
            where=name,
            next_step=f"choose one of: {', '.join(known)}",
        )
    return given


def _fields_of(entries: Iterable[LogEntry]) -> list[dict[str, Any]]:
    return [with_moments(asdict(entry), _MOMENTS) for entry in entries]


def _format_decision_cells(entry: LogEntry) -> tuple[str, ...]:
    account = formatting.shorten(formatting.escape_controls(entry.account_id), _ACCOUNT_CHARS)
    times = (headed_minute(entry.starts_at), headed_minute(entry.expires_at))
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
    times = ("-", "-") if ends else (headed_minute(entry.starts_at), headed_minute(entry.expires_at))
    return (
        str(entry.seq),
        headed_minute(entry.made_at),
        f"{entry.kind}{about}{describe_unforced(entry)}",
        entry.action,
        formatting.shorten(entry.account_id, _ACCOUNT_CHARS),
        formatting.shorten(entry.author, _NAME_CHARS),
        *times,
        formatting.shorten(entry.campaign_id, _NAME_CHARS) or "-",
        formatting.shorten(entry.note, _NOTE_CHARS) or "-",
    )


def _parse_decision_moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("this is no time", where="at", next_step="write it as 2026-11-26T10:00:00Z") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6)
