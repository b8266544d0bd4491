"""What became of a campaign over the hunts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stillhunt.base import formatting
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.history import history, linked_accounts, members_over_time
from stillhunt.web.console.rendering import moment

EVENTS_SHOWN = 40
LINKED_SHOWN = 20


@dataclass(frozen=True)
class Lineage:
    """The history of a campaign.

    Attributes:
        events: what happened to it, the latest first: time, event, reason, other campaigns.
        more_events: how many older ones there are.
        linked: accounts that match its signature; a match is no verdict.
        left: members of earlier snapshots that are none now.
    """

    events: tuple[tuple[datetime | None, str, str, tuple[str, ...]], ...]
    more_events: int
    linked: tuple[dict[str, Any], ...]
    linked_total: int
    left: int


def lineage_of(database: WatchDatabase, campaign: str) -> Lineage:
    """What became of a campaign over the hunts."""
    events = history(database, campaign)[::-1]
    members = members_over_time(database, campaign)
    newest = max((row["last_snapshot"] for row in members), default=0)
    linked = linked_accounts(database, campaign)
    return Lineage(
        tuple(
            (moment(row["at"]), row["event"], formatting.sentence(row["reason"]), tuple(row["others"]))
            for row in events[:EVENTS_SHOWN]
        ),
        max(0, len(events) - EVENTS_SHOWN),
        tuple({**row, "at": moment(row["at"])} for row in linked[:LINKED_SHOWN]),
        len(linked),
        sum(row["last_snapshot"] < newest for row in members),
    )
