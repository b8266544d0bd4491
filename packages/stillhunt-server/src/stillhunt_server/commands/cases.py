"""`stillhunt case`: list, show and change the work on campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.commands import (
    DEFAULT_DATA,
    DataOption,
    JsonFlag,
    NoteOption,
    SettingsOption,
    minute_of,
    opened_database,
    output_console,
    print_columns,
    print_json,
    read_clock,
    refuse_unused,
    time_of,
)
from stillhunt.decide.actions import Action, ReasonCode
from stillhunt.decide.case_work import CaseWork, read_all_work, read_work
from stillhunt.decide.running import findings_of, read_second_person
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import SNAPSHOTS, DataFolder
from stillhunt.watch.records import all_campaigns, resolve_campaign
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_server.casework.changes import (
    ActOnCampaign,
    AddComment,
    ApproveAction,
    AssignCase,
    CampaignMember,
    Change,
    DeclineAction,
    DismissalReason,
    DismissCampaign,
    ReopenCase,
    WatchCampaign,
)
from stillhunt_server.casework.changing import LEFT_OUT_MEANINGS, campaign_members, change_work
from stillhunt_server.casework.history import (
    CampaignFacts,
    WorkEvent,
    facts_when_decided,
    returned_for_another_look,
    work_events,
)

case_commands = typer.Typer(no_args_is_help=True, help="Work on campaigns: assign, comment, decide, reopen.")

CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign id or its beginning.")]

AnalystOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it.")]

SeenOption = Annotated[
    int | None,
    typer.Option(
        "--seen", metavar="VERSION", help="Version of the case that you read; refuses if somebody has changed it since."
    ),
]

_HEADINGS = ("status", "verdict", "campaign", "accounts", "assigned to", "version", "labels")

_EVENT_HEADINGS = ("version", "when (UTC)", "by", "what", "note")

_NAME_CHARS, _NOTE_CHARS = 24, 100

_WAITING = ("new", "open", "watched")

_KNOWN_DECISIONS = "act, watch, dismiss, approve or decline"


@case_commands.command("list")
def list_cases(
    every: Annotated[bool, typer.Option("--all", help="Also list those that were decided or left alone.")] = False,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the campaigns that wait for an analyst: undecided, watched, or returned."""
    with opened_database(data, settings_file) as database:
        campaigns, work = all_campaigns(database), read_all_work(database)
        facts = facts_when_decided(database, work)
    rows = []
    for row in campaigns:
        case = work.get(row["campaign_id"], CaseWork(row["campaign_id"]))
        then = facts.get(case.campaign_id)
        found = _build_campaign_facts(row)
        again = returned_for_another_look(case, then, found, read_clock()) if then is not None else ""
        waits = case.status in _WAITING and row["verdict"] != "none"
        if every or waits or again:
            rows.append((row, case, again))
    if as_json:
        print_json(
            [
                {**_describe_case_work(case), **asdict(_build_campaign_facts(row)), "look_again": again}
                for row, case, again in rows
            ]
        )
    elif rows:
        print_columns(output_console(), [_HEADINGS, *(_format_case_cells(*one) for one in rows)])
    else:
        output_console().print("No campaigns." if every else "No campaign waits for an analyst.")


@case_commands.command("show")
def show_case(
    campaign: CampaignArgument,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the work on a campaign: its status, labels and narrative, and what was done to it."""
    with opened_database(data, settings_file) as database:
        name = resolve_campaign(database, campaign)
        work, events = read_work(database, name), work_events(database, name)
    if as_json:
        print_json({**_describe_case_work(work), "events": [{**asdict(one), "at": time_of(one.at)} for one in events]})
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


@case_commands.command("assign")
def assign_case(
    campaign: CampaignArgument,
    by: AnalystOption,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="New owner of the case; without it, nobody.")] = "",
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Give the case to somebody."""
    with opened_database(data, settings_file) as database:
        _apply_case_change(database, campaign, AssignCase(to), by, seen)


@case_commands.command("comment")
def comment_case(
    campaign: CampaignArgument,
    by: AnalystOption,
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What colleagues should know.")],
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Add a comment to a campaign."""
    with opened_database(data, settings_file) as database:
        _apply_case_change(database, campaign, AddComment(text), by, seen)


@case_commands.command("decide")
def decide_case(
    context: typer.Context,
    campaign: CampaignArgument,
    decision: Annotated[str, typer.Argument(metavar="DECISION", help=f"{_KNOWN_DECISIONS}.")],
    by: AnalystOption,
    action: Annotated[
        str,
        typer.Option("--action", metavar="ACTION", help="With act: observe, tag, step_up, throttle, limit or block."),
    ] = "step_up",
    days: Annotated[float, typer.Option("--days", metavar="DAYS", help="With act: for how long.")] = 14.0,
    code: Annotated[
        str, typer.Option("--code", metavar="CODE", help="With act: what customers may be told.")
    ] = "automated_collection",
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="REASON",
            help="With dismiss: unrelated_customers, shared_framework, benchmark_run, class_or_workshop, reseller, "
            "sanctioned_programme, own_evaluation, data_error or other.",
        ),
    ] = "",
    note: NoteOption = "",
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Decide about a campaign.

    'act' decides about the members whose own verdict is act, but about no account of a declared programme, and it only
    tags an account that customers or victims use. 'dismiss' ends what rules and cases decided for the campaign, keeps
    rules from acting on it until it is reopened, and needs a reason and a note. 'watch' ends what cases decided for it.
    'approve' puts in force what somebody else decided and the policy has wait for a second person; 'decline' ends it.
    """
    if decision != "act":
        refuse_unused(context, ("action", "days", "code"), "only to act takes one")
    if decision != "dismiss":
        refuse_unused(context, ("reason",), "only to dismiss takes one; say it in --note")
    with opened_database(data, settings_file) as database:
        name = resolve_campaign(database, campaign)
        (row,) = (one for one in all_campaigns(database) if one["campaign_id"] == name)
        facts = _build_campaign_facts(row)
        change: Change
        if decision == "act":
            members, sequence = _read_latest_members(data, settings_file, name)
            chosen, told = cast("Action", action), cast("ReasonCode", code)
            second_person = read_second_person(DataFolder(data), Config.load(file=settings_file))
            change = ActOnCampaign(members, chosen, days, told, note, facts, sequence, second_person=second_person)
        elif decision == "approve":
            members, _sequence = _read_latest_members(data, settings_file, name)
            change = ApproveAction(note, facts, frozenset(one.account_id for one in members if one.sanctioned))
        elif decision == "decline":
            change = DeclineAction(note)
        elif decision == "watch":
            change = WatchCampaign(note, facts)
        elif decision == "dismiss":
            change = DismissCampaign(cast("DismissalReason", reason), note, facts)
        else:
            raise ConfigError("there is no such decision", where="decision", next_step=f"choose {_KNOWN_DECISIONS}")
        _apply_case_change(database, name, change, by, seen)
        latest = work_events(database, name)[-1]
    if "act" in latest.after:
        _print_act(latest.after["act"], waits=latest.kind == "propose")


@case_commands.command("reopen")
def reopen_case(
    campaign: CampaignArgument,
    by: AnalystOption,
    note: NoteOption = "",
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Work on a decided campaign again; rules may act on it from the next hunt on."""
    with opened_database(data, settings_file) as database:
        _apply_case_change(database, campaign, ReopenCase(note), by, seen)


def _apply_case_change(database: WatchDatabase, campaign: str, change: Change, by: str, seen: int | None) -> None:
    name = resolve_campaign(database, campaign)
    version = read_work(database, name).version if seen is None else seen
    work = change_work(database, name, version, change, by, read_clock())
    output_console().print(f"Case {work.campaign_id} is {work.status}, version {work.version}.")


def _read_latest_members(
    data: Path, settings_file: Path | None, campaign: str
) -> tuple[tuple[CampaignMember, ...], int]:
    """The members of a campaign in the latest snapshot, and its number."""
    snapshot = latest_snapshot(DataFolder(data)) if (data / SNAPSHOTS).is_dir() else None
    if snapshot is None:
        return (), 0
    sanctioned = Config.load(file=settings_file).sanctioned
    return campaign_members(findings_of(snapshot).facts, campaign, sanctioned), snapshot.sequence


def _print_act(act: Mapping[str, Any], *, waits: bool) -> None:
    console = output_console()
    console.print(f"{formatting.plural(act['accounts'], 'account')}: {act['action']} for {act['days']:g} days.")
    if waits:
        console.print("It waits for a second person, and is not in force: 'stillhunt case decide CAMPAIGN approve'.")
    for reason, number in act.get("left_out", {}).items():
        console.print(f"Left out: {formatting.plural(number, 'account')}, each {LEFT_OUT_MEANINGS[reason]}.")


def _build_campaign_facts(row: Mapping[str, Any]) -> CampaignFacts:
    return CampaignFacts(row["accounts"], row["verdict"], row["score"])


def _format_case_cells(row: Mapping[str, Any], case: CaseWork, again: str) -> tuple[str, ...]:
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
    when, by = minute_of(event.at).removesuffix(" UTC"), formatting.shorten(event.by, _NAME_CHARS)
    return str(event.version), when, by, event.kind, formatting.shorten(event.note, _NOTE_CHARS)


def _describe_case_work(work: CaseWork) -> dict[str, Any]:
    times = ("opened_at", "changed_at", "look_at", "due_at")
    moments = {name: time_of(at) if (at := getattr(work, name)) else None for name in times}
    return {**asdict(work), **moments}
