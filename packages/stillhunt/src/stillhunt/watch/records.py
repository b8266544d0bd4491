"""What the database records of hunts, and what it tells of campaigns over time."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.base.units import DAY
from stillhunt.triage.model import NAME_CHARS
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import (
    CAMPAIGN_EVENTS,
    CAMPAIGN_MEMBERS,
    CAMPAIGN_ROWS,
    LINKED_ACCOUNTS,
    LINKED_SENDERS,
    SNAPSHOT_ROWS,
)
from stillhunt.watch.lineage.campaigns import ACTIVE, FoundCampaign, KnownCampaign, Settled

PERIOD_DAYS = 30.0


@dataclass(frozen=True)
class Look:
    """One hunt, as far as the budget goes."""

    at: int
    accounts: int
    days: float
    required_bits: float  # bits, prior excluded, that it asked of the verdict act


@dataclass(frozen=True)
class Ledger:
    """What the looks of the last 30 days cost."""

    allowed: float  # false campaigns allowed in 30 days
    spent: float  # expected number of false campaigns in them so far, at most
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
    from stillhunt.score import expected_false  # its kernels take 100 MB, which a console does without

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


def recorded_looks(database: WatchDatabase, now: int) -> list[Look]:
    """Hunts that the budget of false alarms counts at a time: those of its period, and the one that stood before."""
    columns = ("made_at", "accounts", "days", "required_bits")
    made, start = SNAPSHOT_ROWS.c.made_at, now - int(PERIOD_DAYS * DAY)
    before = select(func.coalesce(func.max(made), 0)).where(made < start).scalar_subquery()
    rows = database.read(select(*(SNAPSHOT_ROWS.c[name] for name in columns)).where(made >= before))
    return [Look(*(row[name] for name in columns)) for row in rows]


def known_campaigns(database: WatchDatabase) -> list[KnownCampaign]:
    """Campaigns with lasting ids, ascending by id."""
    campaigns = database.read(select(CAMPAIGN_ROWS).order_by(CAMPAIGN_ROWS.c.campaign_id))
    latest = {row["campaign_id"]: row["last_snapshot"] for row in campaigns}
    members: dict[str, dict[str, int]] = {}
    former: dict[str, set[str]] = {}
    flagged: dict[str, set[str]] = {}
    for row in database.read(select(CAMPAIGN_MEMBERS)):
        name, account = row["campaign_id"], row["account_id"]
        members.setdefault(name, {})[account] = row["requests"]
        if row["last_snapshot"] < latest.get(name, 0):
            former.setdefault(name, set()).add(account)
        elif row["flagged"]:
            flagged.setdefault(name, set()).add(account)
    return [
        KnownCampaign(
            campaign_id=row["campaign_id"],
            status=row["status"],
            verdict=row["verdict"],
            members=members.get(row["campaign_id"], {}),
            last_snapshot=row["last_snapshot"],
            last_seen=row["last_seen"],
            former=frozenset(former.get(row["campaign_id"], ())),
            # A campaign that the latest hunt did not find, or not to act on, has to reach its verdict anew.
            flagged=frozenset(
                flagged.get(row["campaign_id"], ()) if (row["status"], row["verdict"]) == (ACTIVE, "act") else ()
            ),
        )
        for row in campaigns
    ]


def record_hunt(
    connection: Connection, snapshot: dict[str, Any], found: Sequence[FoundCampaign], settled: Settled
) -> None:
    """Enter a snapshot, its campaigns and what happened to them; a snapshot that is recorded already stays as it is.

    `found`: what the hunt found, under the ids that it gave.
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

    `bits`: lasting id of the campaign and account -> bits of the sender. Returns those that were entered, in order.
    """
    sender = LINKED_SENDERS.c
    here = select(LINKED_SENDERS).where(sender.campaign_id.in_({campaign for campaign, _ in bits}))
    known = {(row.campaign_id, row.account_id): row.bits for row in connection.execute(here)}
    more = sorted(pair for pair, own in bits.items() if own > known.get(pair, 0.0))
    if more:
        same = and_(sender.campaign_id == bindparam("campaign"), sender.account_id == bindparam("account"))
        named = [{"campaign": campaign, "account": account} for campaign, account in more]
        connection.execute(delete(LINKED_SENDERS).where(same), named)
        rows = [{"campaign_id": pair[0], "account_id": pair[1], "at": at, "bits": bits[pair]} for pair in more]
        connection.execute(insert(LINKED_SENDERS), rows)
    return more


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

    Raises CaseError: no campaign has this id or begins with it, or several do.
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
    """Rows of CAMPAIGN_EVENTS of a campaign and of others that it has part in (`others`, a list), the oldest first."""
    event = CAMPAIGN_EVENTS.c
    named = event.others.contains(json.dumps(campaign), autoescape=True)
    statement = select(CAMPAIGN_EVENTS).where(or_(event.campaign_id == campaign, named)).order_by(event.event_id)
    return [{**row, "others": json.loads(row["others"])} for row in database.read(statement)]


def members_over_time(database: WatchDatabase, campaign: str) -> list[dict[str, Any]]:
    """Every account that ever was a member: requests, flagged, the first and the last snapshot that has it as one.

    Returns rows of CAMPAIGN_MEMBERS, those that came first before the others.
    """
    member = CAMPAIGN_MEMBERS.c
    statement = select(CAMPAIGN_MEMBERS).where(member.campaign_id == campaign)
    return database.read(statement.order_by(member.first_snapshot, member.account_id))


def linked_accounts(database: WatchDatabase, campaign: str) -> list[dict[str, Any]]:
    """Accounts that match the signature of a campaign and were no members of it then, the latest first.

    Returns rows of LINKED_ACCOUNTS without the campaign; `reasons` is a list. A match is no verdict.
    """
    linked = LINKED_ACCOUNTS.c
    columns = linked.account_id, linked.at, linked.bits, linked.requests, linked.reasons
    statement = select(*columns).where(linked.campaign_id == campaign).order_by(linked.at.desc(), linked.account_id)
    return [{**row, "reasons": json.loads(row["reasons"])} for row in database.read(statement)]


def linked_counts(database: WatchDatabase) -> dict[str, int]:
    """Number of accounts that match the signature of each campaign and that no hunt has made members of it since."""
    linked, member = LINKED_ACCOUNTS.c, CAMPAIGN_MEMBERS.c
    same = and_(member.campaign_id == linked.campaign_id, member.account_id == linked.account_id)
    still = ~select(member.account_id).where(same).exists()
    statement = select(linked.campaign_id, func.count().label("accounts")).where(still).group_by(linked.campaign_id)
    return {row["campaign_id"]: row["accounts"] for row in database.read(statement.order_by(linked.campaign_id))}


def snapshot_times(database: WatchDatabase) -> dict[int, int]:
    """When each hunt was: number of its snapshot -> microseconds since 1970."""
    rows = database.read(select(SNAPSHOT_ROWS.c.sequence, SNAPSHOT_ROWS.c.made_at))
    return {row["sequence"]: row["made_at"] for row in rows}
