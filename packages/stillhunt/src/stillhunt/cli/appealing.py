"""What `stillhunt appeals` does: list, show, file and decide appeals, and say how often rules were wrong."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.databases import opened_database
from stillhunt.cli.deciding import DecisionsOrder
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt.decide.appeals import Appeal, decide_appeal, file_appeal, find_appeal, list_appeals
from stillhunt.decide.entries import LogEntry, standing
from stillhunt.decide.log import about_account, read_log
from stillhunt.decide.policy import AppealTerms
from stillhunt.decide.running import policy_of
from stillhunt.watch.folder import DataFolder

if TYPE_CHECKING:
    from stillhunt.decide.field_rates import ExactShare

_HEADINGS = ("appeal", "status", "due (UTC)", "account", "decision", "filed by", "text")
_ACCOUNT_CHARS, _NAME_CHARS, _TEXT_CHARS = 32, 24, 60
_MOMENTS = ("filed_at", "due_at", "decided_at", "made_at", "starts_at", "expires_at")


def run_appeals_list(order: DecisionsOrder, *, every: bool) -> None:
    """Print appeals, the most urgent first.

    Args:
        every: those that were decided or lapsed, too.

    Raises:
        CaseError: the folder has no database.
    """
    with opened_database(order.data, order.settings_file) as database:
        appeals = list_appeals(database, open_only=not every)
    now = _now()
    if order.as_json:
        print_json([_fields_of(one, now) for one in appeals])
    elif appeals:
        print_columns(output_console(), [_HEADINGS, *(_cells(one, now) for one in appeals)])
    else:
        output_console().print("No appeals." if every else "No open appeals.")


def run_appeals_show(order: DecisionsOrder, appeal_id: int) -> None:
    """Print one appeal with the decision that it is about and what else stands about the account.

    Raises:
        AppealError: there is no such appeal.
    """
    now = _now()
    with opened_database(order.data, order.settings_file) as database:
        appeal = find_appeal(database, appeal_id)
        log = read_log(database, about_account(appeal.account_id))
    about = [entry for entry in log if entry.seq == appeal.decision]
    others = [entry for entry in standing(log, now) if entry.seq != appeal.decision]
    if order.as_json:
        shown = {"against": [_readable(one) for one in about], "others": [_readable(one) for one in others]}
        print_json({**_fields_of(appeal, now), **shown})
        return
    rows = [
        ("appeal", str(appeal.appeal_id)),
        ("status", _status(appeal, now)),
        ("filed", f"{_minute(appeal.filed_at)} by {appeal.by}"),
        ("due", _minute(appeal.due_at)),
        ("account", appeal.account_id),
        *(("against", _words(entry)) for entry in about),
        *(("stands", _words(entry)) for entry in others),
    ]
    if appeal.decided_at is not None:
        rows += [("decided", f"{_minute(appeal.decided_at)} by {appeal.decided_by}"), ("note", appeal.note or "-")]
    console = output_console()
    print_columns(console, rows)
    console.print("\nWhat the customer says:")
    print_columns(console, [("  |", line) for line in appeal.text.split("\n")])  # the mark: no line looks like ours


def run_appeals_add(order: DecisionsOrder, decision: int, account: str, text: str, by: str) -> None:
    """File an appeal and print its number.

    Raises:
        AppealError: this account has no such decision, or appealed too often.
        ConfigError: the text is too long, or nobody files it.
    """
    with opened_database(order.data, order.settings_file) as database:
        filed = file_appeal(database, decision, account, text, by, _terms(order), _now())
    account_id = formatting.shorten(filed.account_id, _ACCOUNT_CHARS)
    output_console().print(safe_lines(f"Appeal {filed.appeal_id} filed: {account_id} against decision {decision}."))


def run_appeals_decide(order: DecisionsOrder, appeal_id: int, by: tuple[str, str], *, overturn: bool) -> None:
    """Decide an appeal and print what became of it.

    Raises:
        AppealError: there is no such appeal, somebody decided it, or this person may not.
        ConfigError: nobody decides it.
    """
    (person, note), terms = by, _terms(order)
    with opened_database(order.data, order.settings_file) as database:
        decided = decide_appeal(database, appeal_id, overturn=overturn, by=person, note=note, terms=terms, now=_now())
    days = f"; the account is let through for {terms.let_through_days:g} days" if overturn else ""
    output_console().print(f"Appeal {appeal_id} {decided.status}{days}.")


def run_appeals_rate(order: DecisionsOrder) -> None:
    """Print on how many accounts rules acted, and for how many a person found that this was wrong.

    Raises:
        CaseError: the folder has no database.
    """
    from stillhunt.decide.field_rates import FIELD_RATES_MISLEAD, field_rates  # start-up time: scipy

    with opened_database(order.data, order.settings_file) as database:
        appeals, log = list_appeals(database, open_only=False), read_log(database)
    now = _now()
    rates = field_rates(log, appeals, now)
    if order.as_json:
        print_json({"at": _time(now), **asdict(rates), "misleads": FIELD_RATES_MISLEAD})
        return
    console = output_console()
    accounts = formatting.plural(rates.acted_on, "account")
    console.print(f"A decision of a rule stronger than tag was in force on {accounts}.")
    console.print(
        f"{formatting.count(rates.appealed)} appealed. Persons decided about {formatting.count(rates.decided)} and "
        f"overturned {formatting.count(rates.overturned)}; {formatting.count(rates.lapsed)} lapsed."
    )
    console.print(f"Overturned of all that rules acted on: {_interval(rates.of_acted_on)}")
    console.print(f"Overturned of those with a decided appeal: {_interval(rates.of_decided)}")
    console.print(FIELD_RATES_MISLEAD)


def _terms(order: DecisionsOrder) -> AppealTerms:
    """What the policy says about appeals, or else the defaults; decisions of persons need no policy."""
    config = Config.load(file=order.settings_file)
    found = policy_of(DataFolder(order.data), config) if order.data.is_dir() else None
    return found.appeals if found is not None else AppealTerms()


def _cells(appeal: Appeal, now: int) -> tuple[str, ...]:
    return (
        str(appeal.appeal_id),
        _status(appeal, now),
        _minute(appeal.due_at).removesuffix(" UTC"),
        formatting.shorten(appeal.account_id, _ACCOUNT_CHARS),
        str(appeal.decision),
        formatting.shorten(appeal.by, _NAME_CHARS),
        formatting.shorten(appeal.text, _TEXT_CHARS),
    )


def _status(appeal: Appeal, now: int) -> str:
    return "open, OVERDUE" if appeal.is_overdue(now) else appeal.status


def _words(entry: LogEntry) -> str:
    """A decision in one line."""
    when = f"{_minute(entry.starts_at).removesuffix(' UTC')} to {_minute(entry.expires_at)}"
    dry_run = ", dry run" if entry.dry_run else ""
    campaign = f", campaign {entry.campaign_id}" if entry.campaign_id else ""
    note = f": {entry.note}" if entry.note else ""
    return f"{entry.seq} {entry.action} ({entry.kind}{dry_run}) by {entry.author}, {when}{campaign}{note}"


def _interval(share: ExactShare | None) -> str:
    if share is None:
        return "unknown, there are none."
    bounds = f"{formatting.percent(share.low)} to {formatting.percent(share.high)}"
    return f"{formatting.percent(share.share)} (95 % interval {bounds})."


def _fields_of(appeal: Appeal, now: int) -> dict[str, Any]:
    return {**_readable(appeal), "overdue": appeal.is_overdue(now)}


def _readable(record: Appeal | LogEntry) -> dict[str, Any]:
    """Fields with moments as JSON shows them."""
    values = asdict(record)
    return {name: _time(value) if name in _MOMENTS and value is not None else value for name, value in values.items()}


def _time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1e6, UTC)


def _minute(moment: int) -> str:
    return formatting.minute(_time(moment))


def _now() -> int:
    return time.time_ns() // 1000
