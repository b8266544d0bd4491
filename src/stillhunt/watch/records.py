"""What the database records of a hunt, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from stillhunt.watch.database.store import Database
from stillhunt.watch.database.tables import CAMPAIGN_EVENTS, CAMPAIGN_MEMBERS, CAMPAIGNS, SNAPSHOTS
from stillhunt.watch.lineage.campaigns import ACTIVE, FoundCampaign, KnownCampaign, Settled


def newest_sequence(database: Database) -> int | None:
    """Number of the newest snapshot; None before the first."""
    (row,) = database.read(select(func.max(SNAPSHOTS.c.sequence).label("newest")))
    newest: int | None = row["newest"]
    return newest


def known_campaigns(database: Database) -> list[KnownCampaign]:
    """Campaigns with lasting ids, ascending by id."""
    members: dict[str, dict[str, int]] = {}
    for row in database.read(select(CAMPAIGN_MEMBERS)):
        members.setdefault(row["campaign_id"], {})[row["account_id"]] = row["requests"]
    return [
        KnownCampaign(
            campaign_id=row["campaign_id"],
            status=row["status"],
            verdict=row["verdict"],
            members=members.get(row["campaign_id"], {}),
            last_snapshot=row["last_snapshot"],
            last_seen=row["last_seen"],
        )
        for row in database.read(select(CAMPAIGNS).order_by(CAMPAIGNS.c.campaign_id))
    ]


def record_hunt(
    connection: Connection, snapshot: dict[str, Any], found: Sequence[FoundCampaign], settled: Settled
) -> None:
    """Enter a snapshot, its campaigns and what happened to them.

    Args:
        connection: within a transaction.
        snapshot: a row of SNAPSHOTS.
        found: what the hunt found, under the ids that it gave.
        settled: their lasting ids, and the events.
    """
    sequence, at = snapshot["sequence"], snapshot["made_at"]
    connection.execute(insert(SNAPSHOTS).values(**snapshot))
    tracked = set(connection.execute(select(CAMPAIGNS.c.campaign_id)).scalars())
    for name, status in settled.statuses.items():
        connection.execute(update(CAMPAIGNS).where(CAMPAIGNS.c.campaign_id == name).values(status=status))
    for campaign in found:
        name = settled.lasting[campaign.campaign_id]
        if campaign.verdict == "none" and name not in tracked:
            continue
        _enter_campaign(connection, name, campaign, sequence, known=name in tracked)
    if settled.events:
        rows = [
            {
                "sequence": sequence,
                "at": at,
                "campaign_id": event.campaign_id,
                "event": event.event,
                "others": json.dumps(event.others),
                "reason": event.reason,
            }
            for event in settled.events
        ]
        connection.execute(insert(CAMPAIGN_EVENTS), rows)


def _enter_campaign(connection: Connection, name: str, campaign: FoundCampaign, sequence: int, *, known: bool) -> None:
    values = {
        "status": ACTIVE,
        "verdict": campaign.verdict,
        "kind": campaign.kind,
        "score": campaign.score,
        "last_snapshot": sequence,
        "last_seen": campaign.last_seen,
    }
    if known:
        connection.execute(update(CAMPAIGNS).where(CAMPAIGNS.c.campaign_id == name).values(**values))
    else:
        first = {"first_snapshot": sequence, "first_seen": campaign.first_seen}
        connection.execute(insert(CAMPAIGNS).values(campaign_id=name, **values, **first))
    accounts = sorted(campaign.members)
    here = CAMPAIGN_MEMBERS.c.campaign_id == name
    connection.execute(delete(CAMPAIGN_MEMBERS).where(here, CAMPAIGN_MEMBERS.c.account_id.in_(accounts)))
    if accounts:
        rows = [
            {
                "campaign_id": name,
                "account_id": account,
                "requests": campaign.members[account],
                "flagged": int(account in campaign.flagged),
                "last_snapshot": sequence,
            }
            for account in accounts
        ]
        connection.execute(insert(CAMPAIGN_MEMBERS), rows)
