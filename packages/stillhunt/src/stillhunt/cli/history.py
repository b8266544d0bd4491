"""`stillhunt history`: which campaigns a data folder knows, and what became of them from hunt to hunt."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.database import opened_database
from stillhunt.cli.moments import known_minute, with_moments
from stillhunt.cli.options import DEFAULT_DATA, DataOption, JsonFlag, SettingsOption
from stillhunt.cli.terminal import output_console, print_columns, print_json
from stillhunt.watch.early_signs.signs import EarlySign, read_signs, sign_fields
from stillhunt.watch.folder import SNAPSHOTS, DataFolder
from stillhunt.watch.hunting import signatures_at
from stillhunt.watch.records import (
    all_campaigns,
    history,
    linked_accounts,
    members_over_time,
    resolve_campaign,
    snapshot_times,
)
from stillhunt.watch.signatures.signature import SignatureSet, no_signatures
from stillhunt.watch.snapshots import latest_snapshot

_MOMENTS = ("first_seen", "last_seen", "at", "first_at", "found_at")
_ACCOUNT_CHARS, _LINKED_SHOWN = 24, 10
_HEADINGS = ("status", "verdict", "campaign", "accounts", "requests", "first seen", "last seen (UTC)")
_STATUSES = ("active", "dormant", "merged", "ended")


def show_history(
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="CAMPAIGN", help="A campaign id or its beginning; without it, all campaigns."),
    ] = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what became of campaigns from hunt to hunt.

    Without an id, all campaigns that the watch of a data folder knows: status (active, dormant, merged or ended),
    verdict, accounts, first and last harvested request. With an id, what happened to that campaign, with reasons, and
    at which hunts its accounts joined or were last found.
    """
    with opened_database(data, settings_file) as database:
        campaigns = all_campaigns(database)
        snapshot = latest_snapshot(DataFolder(data)) if (data / SNAPSHOTS).is_dir() else None
        signs = [] if snapshot is None else read_signs(snapshot.path)
        if campaign is None:
            _print_all(campaigns, signs, as_json=as_json)
            return
        name = resolve_campaign(database, campaign)
        (found,) = (row for row in campaigns if row["campaign_id"] == name)
        events, members = history(database, name), members_over_time(database, name)
        linked = linked_accounts(database, name)
        if as_json:
            dated = {
                "events": [with_moments(row, _MOMENTS) for row in events],
                "linked_accounts": [with_moments(row, _MOMENTS) for row in linked],
            }
            print_json({"campaign": with_moments(found, _MOMENTS), **dated, "members": members})
            return
        console = output_console()
        _print_one(console, found, events, members, snapshot_times(database))
        seed = Config.load(file=settings_file).seed
        console.print(_signature_of(name, no_signatures(seed) if snapshot is None else signatures_at(snapshot, seed)))
        _print_linked(console, linked)


def _print_all(campaigns: Sequence[Mapping[str, Any]], signs: Sequence[EarlySign], *, as_json: bool) -> None:
    if as_json:
        early = [with_moments({**sign_fields(sign), "accounts": sign.accounts}, _MOMENTS) for sign in signs]
        print_json({"campaigns": [with_moments(row, _MOMENTS) for row in campaigns], "early_signs": early})
        return
    console = output_console()
    statuses = Counter(row["status"] for row in campaigns)
    parts = [f"{formatting.count(statuses[status])} {status}" for status in _STATUSES if statuses[status]]
    total = formatting.plural(len(campaigns), "campaign") if campaigns else "No campaign"
    console.print(Text(f"{total} so far{': ' if parts else ''}{formatting.join_words(parts)}.", "bold"))
    if campaigns:
        console.print()
        ranked = sorted(campaigns, key=lambda row: _STATUSES.index(row["status"]))
        print_columns(console, [_HEADINGS, *map(_format_history_cells, ranked)])
    if signs:
        console.print("\nEarly signs, which are no verdict; --json lists their accounts", style="bold")
        rows = []
        for sign in signs:
            who = sign.campaign_id or formatting.shorten(formatting.escape_controls(sign.accounts[0]), _ACCOUNT_CHARS)
            said = formatting.sentence(formatting.escape_controls(sign.statement))
            rows.append((_format_known_minute(sign.first_at), who, said))
        print_columns(console, rows, ("dim", "dim"))


def _format_history_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = formatting.count(row["accounts"]), formatting.count(row["requests"])
    seen = (_format_known_minute(row[name]).removesuffix(" UTC") for name in ("first_seen", "last_seen"))
    return row["status"], row["verdict"], row["campaign_id"], *figures, *seen


def _print_one(
    console: Console,
    campaign: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    members: Sequence[Mapping[str, Any]],
    times: Mapping[int, int],
) -> None:
    name = formatting.escape_controls(campaign["campaign_id"])
    volume = formatting.volume(campaign["requests"], campaign["accounts"])
    console.print(Text(f"Campaign {name} is {campaign['status']}, with the verdict {campaign['verdict']}.", "bold"))
    first, last = (_format_known_minute(campaign[name]) for name in ("first_seen", "last_seen"))
    seen = f"{first.removesuffix(' UTC')} to {last}"
    console.print(f"{volume} when it was last found; harvested from {seen}.\n")
    rows = [
        (
            _format_known_minute(event["at"]),
            f"hunt {event['sequence']}",
            event["event"],
            _explain_campaign_event(campaign, event),
        )
        for event in events
    ]
    print_columns(console, rows or [("", "", "", "no event is recorded")], ("dim", "dim", "bold"))
    changes = _member_changes(campaign, members)
    if changes:
        console.print("\nMembers", style="bold")
        lines = [(_format_known_minute(times.get(hunt)), f"hunt {hunt}", words) for hunt, words in changes]
        print_columns(console, lines, ("dim", "dim"))


def _signature_of(campaign: str, signatures: SignatureSet) -> str:
    """Whether new accounts of a campaign can be linked, and why not."""
    for signature in signatures.signatures:
        if signature.campaign_id == campaign:
            rate = formatting.number(signature.false_matches.at_most_per_million, 0)
            until = _format_known_minute(signature.expires_at)
            return (
                f"\nIts signature links new accounts until {until}; false links: at most {rate} per million requests."
            )
    for one in signatures.without:
        if one.campaign_id == campaign:
            return f"\nIt has no signature, so new accounts are not linked as they arrive: {one.reason}."
    return "\nIt has no signature: only campaigns to act on get one."


def _print_linked(console: Console, linked: Sequence[Mapping[str, Any]]) -> None:
    """Accounts that match the signature, with the first reason of each."""
    if not linked:
        return
    console.print("\nNew accounts that match its signature, which is no verdict on them", style="bold")
    rows = [
        (
            _format_known_minute(row["at"]),
            formatting.shorten(formatting.escape_controls(row["account_id"]), _ACCOUNT_CHARS),
            f"{formatting.bits(row['bits'])} bits",
            formatting.plural(row["requests"], "request"),
            formatting.escape_controls(row["reasons"][0]) if row["reasons"] else "",
        )
        for row in linked[:_LINKED_SHOWN]
    ]
    print_columns(console, rows, ("dim",))
    more = len(linked) - _LINKED_SHOWN
    if more > 0:
        console.print(f"and {formatting.count(more)} more; --json lists all")


def _explain_campaign_event(campaign: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """The reason; with the name of the campaign where the event is another one's."""
    reason = formatting.sentence(event["reason"])
    return reason if event["campaign_id"] == campaign["campaign_id"] else f"{event['campaign_id']}: {reason}"


def _member_changes(campaign: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """For each hunt at which members came, or which was the last that found some of them: how many."""
    came = Counter(row["first_snapshot"] for row in members)
    gone = Counter(row["last_snapshot"] for row in members if row["last_snapshot"] < campaign["last_snapshot"])
    changes = []
    for hunt in sorted(came.keys() | gone.keys()):
        parts = [f"{formatting.plural(came[hunt], 'account')} came"] if came[hunt] else []
        last = formatting.verb(gone[hunt], "was", "were")
        parts += [f"{formatting.plural(gone[hunt], 'account')} {last} found for the last time"] if gone[hunt] else []
        changes.append((hunt, "; ".join(parts)))
    return changes


def _format_known_minute(moment: int | None) -> str:
    return known_minute(moment) or "unknown"
