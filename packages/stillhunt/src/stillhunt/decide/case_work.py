"""The work of analysts on campaigns as it stands."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, Select, select

from stillhunt.decide.names import storable
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import CASE_EVENTS, CASES

CaseStatus = Literal["new", "open", "watched", "acted", "dismissed"]
"""Nobody works on it; somebody does; nothing is done but looking; accounts were acted on; it is nothing to act on."""


@dataclass(frozen=True)
class CaseWork:
    """The work on one campaign."""

    campaign_id: str
    version: int = 0  # how many changes there were; 0 where nobody worked on it
    status: CaseStatus = "new"
    assignee: str = ""  # name of the user whose case it is; "" for nobody
    labels: tuple[str, ...] = ()
    narrative: str = ""
    reason: str = ""  # why it is dismissed, of DISMISSAL_REASONS; "" where it is not
    # opened_at, changed_at: of the first and the latest change, microseconds since 1970; 0 where there is none
    opened_at: int = 0
    changed_at: int = 0
    changed_by: str = ""
    # look_at, due_at: when it is looked at again, and by when it is to be decided; 0 where nobody said so
    look_at: int = 0
    due_at: int = 0


def read_work(database: WatchDatabase, campaign_id: str) -> CaseWork:
    """The work on a campaign; version 0 and status new where nobody has worked on it."""
    rows = database.read(select_work(campaign_id))
    return work_of_row(rows[0]) if rows else CaseWork(campaign_id)


def read_all_work(database: WatchDatabase) -> dict[str, CaseWork]:
    """The work on all campaigns that somebody has worked on, by campaign."""
    return {row["campaign_id"]: work_of_row(row) for row in database.read(select(CASES))}


def work_of_row(row: Mapping[Any, Any]) -> CaseWork:
    """A row of CASES as work."""
    values = {one.name: row[one.name] for one in fields(CaseWork)}
    return CaseWork(**{**values, "labels": tuple(json.loads(row["labels"]))})


def select_work(campaign_id: str) -> Select[Any]:
    """The row of CASES of a campaign."""
    return select(CASES).where(CASES.c.campaign_id == storable(campaign_id))


def dismissed_campaigns(database: WatchDatabase) -> frozenset[str]:
    """Campaigns on which rules do not act, since an analyst dismissed them."""
    return frozenset(row["campaign_id"] for row in database.read(_select_dismissed_cases()))


def dismissed_within(connection: Connection) -> frozenset[str]:
    """The same in a transaction of `log_locked`, in which nobody dismisses one or reopens it."""
    return frozenset(connection.execute(_select_dismissed_cases()).scalars())


def dismissed_until(database: WatchDatabase, at: int) -> frozenset[str]:
    """Campaigns that were dismissed at a time, microseconds since 1970."""
    event, status = CASE_EVENTS.c, dict[str, str]()
    statement = select(event.campaign_id, event.after).where(event.at <= at)
    for row in database.read(statement.order_by(event.campaign_id, event.version)):
        known = status.get(row["campaign_id"], "new")
        status[row["campaign_id"]] = json.loads(row["after"]).get("status", known)
    return frozenset(name for name, became in status.items() if became == "dismissed")


def _select_dismissed_cases() -> Select[Any]:
    return select(CASES.c.campaign_id).where(CASES.c.status == "dismissed")
