"""What `stillhunt case` does: list, show and change the work on campaigns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.databases import opened_database
from stillhunt.cli.deciding import DecisionsOrder
from stillhunt.cli.terminal import output_console, print_columns, print_json
from stillhunt.decide.actions import Action, ReasonCode
from stillhunt.decide.cases.acting import LEFT_OUT_MEANINGS, campaign_members
from stillhunt.decide.cases.changes import (
    ActOnCampaign,
    AddComment,
    AssignCase,
    CampaignFacts,
    CampaignMember,
    Change,
    DismissalReason,
    DismissCampaign,
    ReopenCase,
    WatchCampaign,
)
from stillhunt.decide.cases.changing import change_work
from stillhunt.decide.cases.dismissals import facts_when_decided, returned_for_another_look
from stillhunt.decide.cases.work import CaseWork, WorkEvent, read_all_work, read_work, work_events
from stillhunt.decide.running import findings_of
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import SNAPSHOTS, DataFolder
from stillhunt.watch.records import all_campaigns, resolve_campaign
from stillhunt.watch.snapshots import latest_snapshot

_HEADINGS = ("status", "verdict", "campaign", "accounts", "assigned to", "version", "labels")
_EVENT_HEADINGS = ("version", "when (UTC)", "by", "what", "note")
_NAME_CHARS, _NOTE_CHARS = 24, 100
_WAITING = ("new", "open", "watched")


@dataclass(frozen=True)
class CaseOrder:
    """Which case is meant and who changes it, as given on the command line."""

    data: Path
    campaign: str
    by: str
    seen: int | None = None
    settings_file: Path | None = None


@dataclass(frozen=True)
class ActTerms:
    """What happens to the accounts of a campaign, as given on the command line."""

    action: str
    days: float
    code: str


def run_case_list(order: DecisionsOrder, *, every: bool) -> None:
    """Print campaigns with the work on them.

    Args:
        every: those that were decided or left alone, too.

    Raises:
        CaseError: the folder has no database.
    """
    with opened_database(order.data, order.settings_file) as database:
        campaigns, work = all_campaigns(database), read_all_work(database)
        facts = facts_when_decided(database, work)
    rows = []
    for row in campaigns:
        case = work.get(row["campaign_id"], CaseWork(row["campaign_id"]))
        then = facts.get(case.campaign_id)
        again = returned_for_another_look(case, then, _facts(row)) if then is not None else ""
        waits = case.status in _WAITING and row["verdict"] != "none"
        if every or waits or again:
            rows.append((row, case, again))
    if order.as_json:
        print_json([{**_readable(case), **asdict(_facts(row)), "look_again": again} for row, case, again in rows])
    elif rows:
        print_columns(output_console(), [_HEADINGS, *(_cells(*one) for one in rows)])
    else:
        output_console().print("No campaigns." if every else "No campaign waits for an analyst.")


def run_case_show(order: DecisionsOrder, campaign: str) -> None:
    """Print the work on a campaign.

    Args:
        campaign: a lasting id or its beginning.

    Raises:
        CaseError: the folder has no database, or no such campaign.
    """
    with opened_database(order.data, order.settings_file) as database:
        name = resolve_campaign(database, campaign)
        work, events = read_work(database, name), work_events(database, name)
    if order.as_json:
        print_json({**_readable(work), "events": [{**asdict(one), "at": _time(one.at)} for one in events]})
        return
    console = output_console()
    rows = [
        ("campaign", work.campaign_id),
        ("status", f"{work.status}{f', {work.reason}' if work.reason else ''}"),
        ("version", str(work.version)),
        ("assigned to", work.assignee or "nobody"),
        ("labels", formatting.join_words(work.labels) if work.labels else "none"),
    ]
    print_columns(console, rows)
    if work.narrative:
        console.print("\nNarrative:")
        print_columns(console, [("  |", line) for line in work.narrative.split("\n")])
    if events:
        console.print()
        print_columns(console, [_EVENT_HEADINGS, *map(_event_cells, events)])


def run_case_assign(order: CaseOrder, to: str) -> None:
    """Give a case to somebody, or to nobody.

    Args:
        to: name of the user; "" for nobody.

    Raises:
        CaseError: there is no such campaign, or somebody changed the case since.
        ConfigError: a name can be none.
    """
    with opened_database(order.data, order.settings_file) as database:
        _change(database, order, AssignCase(to))


def run_case_comment(order: CaseOrder, text: str) -> None:
    """Say something about a campaign.

    Raises:
        CaseError: there is no such campaign, or somebody changed the case since.
        ConfigError: the text is empty or too long.
    """
    with opened_database(order.data, order.settings_file) as database:
        _change(database, order, AddComment(text))


def run_case_decide(order: CaseOrder, decision: str, terms: ActTerms, reason: str, note: str) -> None:
    """Decide about a campaign and print what that did.

    Raises:
        CaseError: there is no such campaign, it acts on nobody, or somebody changed the case since.
        ConfigError: a choice is none, or a note is missing.
    """
    with opened_database(order.data, order.settings_file) as database:
        name = resolve_campaign(database, order.campaign)
        (row,) = (one for one in all_campaigns(database) if one["campaign_id"] == name)
        facts = _facts(row)
        change: Change
        if decision == "act":
            members, sequence = _members(order, name)
            action, code = cast("Action", terms.action), cast("ReasonCode", terms.code)
            change = ActOnCampaign(members, action, terms.days, code, note, facts, sequence)
        elif decision == "watch":
            change = WatchCampaign(note, facts)
        elif decision == "dismiss":
            change = DismissCampaign(cast("DismissalReason", reason), note, facts)
        else:
            raise ConfigError(
                "there is no such decision", where="decision", next_step="choose of act, watch and dismiss"
            )
        _change(database, order, change)
        latest = work_events(database, name)[-1]
    if "act" in latest.after:
        _print_act(latest.after["act"])


def run_case_reopen(order: CaseOrder, note: str) -> None:
    """Work on a decided campaign again.

    Raises:
        CaseError: there is no such campaign, it is not decided, or somebody changed the case since.
    """
    with opened_database(order.data, order.settings_file) as database:
        _change(database, order, ReopenCase(note))


def _change(database: WatchDatabase, order: CaseOrder, change: Change) -> None:
    name = resolve_campaign(database, order.campaign)
    seen = read_work(database, name).version if order.seen is None else order.seen
    work = change_work(database, name, seen, change, order.by, time.time_ns() // 1000)
    output_console().print(f"Case {work.campaign_id} is {work.status}, version {work.version}.")


def _members(order: CaseOrder, campaign: str) -> tuple[tuple[CampaignMember, ...], int]:
    """The members of a campaign in the latest snapshot, and its number."""
    snapshot = latest_snapshot(DataFolder(order.data)) if (order.data / SNAPSHOTS).is_dir() else None
    if snapshot is None:
        return (), 0
    sanctioned = Config.load(file=order.settings_file).sanctioned
    return campaign_members(findings_of(snapshot).facts, campaign, sanctioned), snapshot.sequence


def _print_act(act: Mapping[str, Any]) -> None:
    console = output_console()
    console.print(f"{formatting.plural(act['accounts'], 'account')}: {act['action']} for {act['days']:g} days.")
    for reason, number in act["left_out"].items():
        console.print(f"Left out: {formatting.plural(number, 'account')}, each {LEFT_OUT_MEANINGS[reason]}.")


def _facts(row: Mapping[str, Any]) -> CampaignFacts:
    return CampaignFacts(row["accounts"], row["verdict"], row["score"])


def _cells(row: Mapping[str, Any], case: CaseWork, again: str) -> tuple[str, ...]:
    return (
        f"{case.status}, LOOK AGAIN" if again else case.status,
        row["verdict"],
        case.campaign_id,
        formatting.count(row["accounts"]),
        formatting.shorten(case.assignee, _NAME_CHARS) or "nobody",
        str(case.version),
        formatting.join_words(case.labels) if case.labels else "",
    )


def _event_cells(event: WorkEvent) -> tuple[str, ...]:
    when, by = formatting.minute(_time(event.at)).removesuffix(" UTC"), formatting.shorten(event.by, _NAME_CHARS)
    return str(event.version), when, by, event.kind, formatting.shorten(event.note, _NOTE_CHARS)


def _readable(work: CaseWork) -> dict[str, Any]:
    moments = {name: _time(getattr(work, name)) if work.version else None for name in ("opened_at", "changed_at")}
    return {**asdict(work), **moments}


def _time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1e6, UTC)
