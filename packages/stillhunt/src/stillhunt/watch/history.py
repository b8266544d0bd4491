"""What the database tells of campaigns over time; nothing here writes."""

from __future__ import annotations

import difflib
import json
from typing import Any

from sqlalchemy import and_, func, or_, select

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.triage.model import NAME_CHARS
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import (
    CAMPAIGN_EVENTS,
    CAMPAIGN_MEMBERS,
    CAMPAIGN_ROWS,
    LINKED_ACCOUNTS,
    SNAPSHOT_ROWS,
)

_IDS_SHOWN, _WHERE = 3, "database of the data folder"


def all_campaigns(database: WatchDatabase) -> list[dict[str, Any]]:
    """Campaigns with the number of latest members (`accounts`) and their harvest (`requests`), newest first."""
    member, campaign = CAMPAIGN_MEMBERS.c, CAMPAIGN_ROWS.c
    latest = and_(member.campaign_id == campaign.campaign_id, member.last_snapshot == campaign.last_snapshot)
    counts = func.count(member.account_id), func.coalesce(func.sum(member.requests), 0)
    statement = (
        select(CAMPAIGN_ROWS, counts[0].label("accounts"), counts[1].label("requests"))
        .select_from(CAMPAIGN_ROWS.outerjoin(CAMPAIGN_MEMBERS, latest))
        .group_by(*CAMPAIGN_ROWS.c)
        .order_by(campaign.last_seen.desc(), campaign.campaign_id)
    )
    return [{**row, "requests": int(row["requests"])} for row in database.read(statement)]


def resolve_campaign(database: WatchDatabase, wanted: str) -> str:
    """The lasting id that is meant: the full one, or the only one that begins so.

    Args:
        wanted: a lasting id or its beginning.

    Raises:
        CaseError: no campaign has this id or begins with it, or several do.
    """
    names: list[str] = [row["campaign_id"] for row in database.read(select(CAMPAIGN_ROWS.c.campaign_id))]
    found = [name for name in sorted(names) if wanted and name.startswith(wanted)]
    if wanted in names or len(found) == 1:
        return wanted if wanted in names else found[0]
    shown = formatting.shorten(wanted, NAME_CHARS)
    if found:
        raise CaseError(
            f"the ids of {formatting.plural(len(found), 'campaign')} begin with '{shown}'",
            where=_WHERE,
            next_step=f"give more of the id; it may be {formatting.join_some(found, _IDS_SHOWN)}",
        )
    near = difflib.get_close_matches(wanted[:NAME_CHARS], sorted(names), n=_IDS_SHOWN, cutoff=0.5)
    raise CaseError(
        f"no campaign has the id '{shown}'",
        where=_WHERE,
        next_step=f"nearest: {', '.join(near)}" if near else "leave the id out to see all campaigns",
    )


def history(database: WatchDatabase, campaign: str) -> list[dict[str, Any]]:
    """Events of a campaign, and those of others that it has part in, the oldest first.

    Returns:
        Rows of CAMPAIGN_EVENTS; `others` is a list.
    """
    event = CAMPAIGN_EVENTS.c
    named = event.others.contains(json.dumps(campaign), autoescape=True)
    statement = select(CAMPAIGN_EVENTS).where(or_(event.campaign_id == campaign, named)).order_by(event.event_id)
    return [{**row, "others": json.loads(row["others"])} for row in database.read(statement)]


def members_over_time(database: WatchDatabase, campaign: str) -> list[dict[str, Any]]:
    """Every account that ever was a member: requests, flagged, the first and the last snapshot that has it as one.

    Returns:
        Rows of CAMPAIGN_MEMBERS, those that came first before the others.
    """
    member = CAMPAIGN_MEMBERS.c
    statement = select(CAMPAIGN_MEMBERS).where(member.campaign_id == campaign)
    return database.read(statement.order_by(member.first_snapshot, member.account_id))


def linked_accounts(database: WatchDatabase, campaign: str) -> list[dict[str, Any]]:
    """Accounts that match the signature of a campaign and were no members of it then, the latest first.

    Returns:
        Rows of LINKED_ACCOUNTS without the campaign; `reasons` is a list. A match is no verdict.
    """
    linked = LINKED_ACCOUNTS.c
    columns = linked.account_id, linked.at, linked.bits, linked.requests, linked.reasons
    statement = select(*columns).where(linked.campaign_id == campaign).order_by(linked.at.desc(), linked.account_id)
    return [{**row, "reasons": json.loads(row["reasons"])} for row in database.read(statement)]


def linked_counts(database: WatchDatabase) -> dict[str, int]:
    """Number of accounts that match the signature of each campaign and that no hunt has made members of it since."""
    linked = LINKED_ACCOUNTS.c
    member = and_(
        CAMPAIGN_MEMBERS.c.campaign_id == linked.campaign_id, CAMPAIGN_MEMBERS.c.account_id == linked.account_id
    )
    still = ~select(CAMPAIGN_MEMBERS.c.account_id).where(member).exists()
    statement = select(linked.campaign_id, func.count().label("accounts")).where(still).group_by(linked.campaign_id)
    return {row["campaign_id"]: row["accounts"] for row in database.read(statement.order_by(linked.campaign_id))}


def snapshot_times(database: WatchDatabase) -> dict[int, int]:
    """When each hunt was: number of its snapshot -> microseconds since 1970."""
    rows = database.read(select(SNAPSHOT_ROWS.c.sequence, SNAPSHOT_ROWS.c.made_at))
    return {row["sequence"]: row["made_at"] for row in rows}
