"""What the database records of a hunt, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from stillhunt.base.units import DAY
from stillhunt.score import expected_false
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import (
    CAMPAIGN_EVENTS,
    CAMPAIGN_MEMBERS,
    CAMPAIGN_ROWS,
    LINKED_SENDERS,
    SNAPSHOT_ROWS,
)
from stillhunt.watch.lineage.campaigns import ACTIVE, FoundCampaign, KnownCampaign, Settled

PERIOD_DAYS = 30.0


@dataclass(frozen=True)
class Look:
    """One hunt, as far as the budget goes.

    Attributes:
        required_bits: bits, prior excluded, that it asked of the verdict act.
    """

    at: int
    accounts: int
    days: float
    required_bits: float


@dataclass(frozen=True)
class Ledger:
    """What the looks of the last 30 days cost.

    Attributes:
        allowed: false campaigns allowed in 30 days.
        spent: expected number of false campaigns in them so far, at most.
        left: what is allowed, less what is spent.
    """

    allowed: float
    spent: float
    left: float
    looks: int


def ledger(looks: Sequence[Look], now: int, allowed: float) -> Ledger:
    """What the looks of the last 30 days cost.

    Args:
        now: the end of the 30 days, microseconds since 1970.
        allowed: false campaigns allowed in 30 days (score.false_campaigns_per_month).

    Returns:
        The ledger. The stretch after the latest hunt counts up to `now`, since its campaigns still stand.
    """
    start = now - int(PERIOD_DAYS * DAY)
    past = sorted((look for look in looks if look.at <= now), key=lambda look: look.at)
    ends = [*(look.at for look in past[1:]), now][: len(past)]
    spent = sum(
        max(0, end - max(look.at, start))
        / (PERIOD_DAYS * DAY)
        * expected_false(look.required_bits, look.accounts, look.days)
        for look, end in zip(past, ends, strict=True)
    )
    inside = sum(look.at >= start for look in past)
    return Ledger(allowed, round(spent, 6), round(allowed - spent, 6), inside)


def newest_sequence(database: WatchDatabase) -> int | None:
    """Number of the newest snapshot; None before the first."""
    (row,) = database.read(select(func.max(SNAPSHOT_ROWS.c.sequence).label("newest")))
    newest: int | None = row["newest"]
    return newest


def recorded_looks(database: WatchDatabase) -> list[Look]:
    """Hunts that were completed, as far as the budget of false alarms goes."""
    columns = ("made_at", "accounts", "days", "required_bits")
    rows = database.read(select(*(SNAPSHOT_ROWS.c[name] for name in columns)))
    return [Look(*(row[name] for name in columns)) for row in rows]


def known_campaigns(database: WatchDatabase) -> list[KnownCampaign]:
    """Campaigns with lasting ids, ascending by id."""
    campaigns = database.read(select(CAMPAIGN_ROWS).order_by(CAMPAIGN_ROWS.c.campaign_id))
    latest = {row["campaign_id"]: row["last_snapshot"] for row in campaigns}
    members: dict[str, dict[str, int]] = {}
    former: dict[str, set[str]] = {}
    for row in database.read(select(CAMPAIGN_MEMBERS)):
        name, account = row["campaign_id"], row["account_id"]
        members.setdefault(name, {})[account] = row["requests"]
        if row["last_snapshot"] < latest.get(name, 0):
            former.setdefault(name, set()).add(account)
    return [
        KnownCampaign(
            campaign_id=row["campaign_id"],
            status=row["status"],
            verdict=row["verdict"],
            members=members.get(row["campaign_id"], {}),
            last_snapshot=row["last_snapshot"],
            last_seen=row["last_seen"],
            former=frozenset(former.get(row["campaign_id"], ())),
        )
        for row in campaigns
    ]


def record_hunt(
    connection: Connection, snapshot: dict[str, Any], found: Sequence[FoundCampaign], settled: Settled
) -> None:
    """Enter a snapshot, its campaigns and what happened to them; a snapshot that is recorded already stays as it is.

    Args:
        snapshot: a row of SNAPSHOT_ROWS.
        found: what the hunt found, under the ids that it gave.
        settled: their lasting ids, and the events.
    """
    sequence, at = snapshot["sequence"], snapshot["made_at"]
    if connection.execute(select(SNAPSHOT_ROWS.c.sequence).where(SNAPSHOT_ROWS.c.sequence == sequence)).first():
        return
    connection.execute(insert(SNAPSHOT_ROWS).values(**snapshot))
    tracked = set(connection.execute(select(CAMPAIGN_ROWS.c.campaign_id)).scalars())
    for campaign in found:
        name = settled.lasting[campaign.campaign_id]
        if campaign.verdict != "none" or name in tracked:
            _enter_campaign(connection, name, campaign, sequence, known=name in tracked)
    for name, status in settled.statuses.items():
        connection.execute(update(CAMPAIGN_ROWS).where(CAMPAIGN_ROWS.c.campaign_id == name).values(status=status))
    rows = [
        {**asdict(event), "sequence": sequence, "at": at, "others": json.dumps(event.others)}
        for event in settled.events
    ]
    if rows:
        connection.execute(insert(CAMPAIGN_EVENTS), rows)


def _enter_campaign(connection: Connection, name: str, campaign: FoundCampaign, sequence: int, *, known: bool) -> None:
    values: dict[str, Any] = {
        "verdict": campaign.verdict,
        "kind": campaign.kind,
        "score": campaign.score,
        "last_snapshot": sequence,
        "last_seen": campaign.last_seen,
    }
    if known:
        connection.execute(update(CAMPAIGN_ROWS).where(CAMPAIGN_ROWS.c.campaign_id == name).values(**values))
    else:
        first = {"status": ACTIVE, "first_snapshot": sequence, "first_seen": campaign.first_seen}
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id=name, **values, **first))
    _enter_members(connection, name, campaign, sequence)


def _enter_members(connection: Connection, name: str, campaign: FoundCampaign, sequence: int) -> None:
    here = CAMPAIGN_MEMBERS.c.campaign_id == name
    entered = set(connection.execute(select(CAMPAIGN_MEMBERS.c.account_id).where(here)).scalars())
    rows = [
        {"account": account, "requests": requests, "flagged": int(account in campaign.flagged), "last": sequence}
        for account, requests in sorted(campaign.members.items())
    ]
    values: dict[str, Any] = {
        "requests": bindparam("requests"),
        "flagged": bindparam("flagged"),
        "last_snapshot": bindparam("last"),
    }
    again = [row for row in rows if row["account"] in entered]
    if again:
        of_account = CAMPAIGN_MEMBERS.c.account_id == bindparam("account")
        connection.execute(update(CAMPAIGN_MEMBERS).where(here, of_account).values(**values), again)
    new = [row for row in rows if row["account"] not in entered]
    if new:
        first = {"campaign_id": name, "account_id": bindparam("account"), "first_snapshot": bindparam("last")}
        connection.execute(insert(CAMPAIGN_MEMBERS).values(**values, **first), new)


def raise_sender_bits(connection: Connection, bits: Mapping[tuple[str, str], float], at: int) -> list[tuple[str, str]]:
    """Enter who sends the requests of linked accounts and members, where it is more than is known.

    Args:
        bits: lasting id of the campaign and account -> bits of the sender.

    Returns:
        Those that were entered, in order.
    """
    sender = LINKED_SENDERS.c
    here = sender.campaign_id.in_({campaign for campaign, _ in bits})
    known = {
        (row.campaign_id, row.account_id): row.bits for row in connection.execute(select(LINKED_SENDERS).where(here))
    }
    more = sorted(pair for pair, own in bits.items() if own > known.get(pair, 0.0))
    if more:
        same = and_(sender.campaign_id == bindparam("campaign"), sender.account_id == bindparam("account"))
        named = [{"campaign": campaign, "account": account} for campaign, account in more]
        connection.execute(delete(LINKED_SENDERS).where(same), named)
        rows = [{"campaign_id": pair[0], "account_id": pair[1], "at": at, "bits": bits[pair]} for pair in more]
        connection.execute(insert(LINKED_SENDERS), rows)
    return more
