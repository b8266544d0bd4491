"""What was done to the work on a campaign: its changes, what was known when it was decided, and why it comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.decide.case_work import CaseWork, select_work, work_of_row
from stillhunt.decide.names import storable
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import CASE_EVENTS

EventKind = Literal[
    "open", "assign", "comment", "label", "unlabel", "narrative", "act", "watch", "dismiss", "reopen", "undo", "due",
    "propose", "decline", "second_look", "checklist",
]  # fmt: skip
REMARKS = ("comment", "second_look", "checklist")
"""What is said beside the work and changes nothing of it."""
STATE_FIELDS = ("status", "assignee", "labels", "narrative", "reason", "look_at", "due_at")
"""What changes change, and what undo puts back."""
GROWN = 2
"""Times the accounts at its dismissal from which a campaign is looked at again. Judgement: by then it is another."""
_STATUS_OF = {"act": "acted", "watch": "watched", "dismiss": "dismissed"}


@dataclass(frozen=True)
class CampaignFacts:
    """What a hunt said of a campaign when it was decided."""

    accounts: int
    verdict: str
    score: float


@dataclass(frozen=True)
class WorkEvent:
    """One change of the work on a campaign."""

    campaign_id: str
    version: int  # of the case after the change, from 1
    at: int
    by: str
    kind: EventKind
    note: str
    # before, after: the fields of STATE_FIELDS that changed. `after` also has, of a decision, `facts` (of
    # CampaignFacts); of an action `act` (action, days, reason, accounts, left_out, and who decided
    # it where a second person approved it: decided_by); of what is written to the decision
    # log `log` (its first and last place there); of an undo `undoes` (the version that it undoes).
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


class WorkConflict(CaseError):  # noqa: N818 - it is no fault: the reader sees both versions and goes on
    """Somebody else changed the case since it was read; nothing was written."""

    def __init__(self, current: CaseWork, seen_version: int) -> None:
        self.current, self.seen_version = current, seen_version
        when = formatting.minute(datetime.fromtimestamp(current.changed_at / 1e6, UTC))
        who = f"{current.changed_by} changed this case on {when}, after you read it" if current.version else ""
        super().__init__(
            who or "nobody has worked on this campaign yet",
            where=f"campaign {formatting.shorten(current.campaign_id, 64)}, version {current.version}",
            next_step="look at what it is now, and make your change again if it is still right; nothing was written",
        )


def work_events(database: WatchDatabase, campaign_id: str) -> list[WorkEvent]:
    """What was done to a case, the oldest first."""
    of_case = select(CASE_EVENTS).where(CASE_EVENTS.c.campaign_id == storable(campaign_id))
    return [event_of_row(row) for row in database.read(of_case.order_by(CASE_EVENTS.c.version))]


def event_of_row(row: Mapping[Any, Any]) -> WorkEvent:
    """A row of CASE_EVENTS as an event."""
    values = {one.name: row[one.name] for one in fields(WorkEvent)}
    return WorkEvent(**{**values, "before": json.loads(row["before"]), "after": json.loads(row["after"])})


def seen_work(connection: Connection, campaign_id: str, seen_version: int) -> CaseWork:
    """The work on a campaign, where it is still the one that somebody read; remarks since then change nothing.

    `connection`: of a transaction in which nobody else changes it. Raises WorkConflict: it is not.
    """
    row = connection.execute(select_work(campaign_id)).mappings().first()
    work = work_of_row(row) if row is not None else CaseWork(campaign_id)
    event = CASE_EVENTS.c
    later = select(event.kind).where(event.campaign_id == storable(campaign_id), event.version > seen_version)
    kinds = set(connection.execute(later).scalars())
    passed_over = 0 <= seen_version < work.version and bool(kinds) and kinds <= {*REMARKS}
    if work.version != seen_version and not passed_over:
        raise WorkConflict(work, seen_version)
    return work


def facts_when_decided(database: WatchDatabase, work: Mapping[str, CaseWork]) -> dict[str, CampaignFacts]:
    """What the snapshot said of each decided campaign when the decision that stands was made.

    Where a decision was made several times and then undone, it is what was said at the latest of these.

    Args:
        work: as `read_all_work` gives it; campaigns that are not decided are left out.
    """
    event = CASE_EVENTS.c
    statement = select(event.campaign_id, event.kind, event.after).where(event.kind.in_(_STATUS_OF))
    found: dict[str, CampaignFacts] = {}
    for row in database.read(statement.order_by(event.campaign_id, event.version)):
        case = work.get(row["campaign_id"])
        if case is not None and case.status == _STATUS_OF[row["kind"]]:
            found[case.campaign_id] = CampaignFacts(**json.loads(row["after"])["facts"])
    return found


def returned_for_another_look(work: CaseWork, then: CampaignFacts, now: CampaignFacts, at: int = 0) -> str:
    """Why a dismissed or watched campaign comes back to the analyst; "" where it does not, or is neither.

    It does where its verdict rose to act, where it has GROWN times the accounts, or where its day has come. It stays
    dismissed until somebody reopens it, so that rules leave it alone; a campaign that grows slowly counts from its
    dismissal, too.

    Args:
        at: the time now, microseconds since 1970.
    """
    if work.status not in ("dismissed", "watched"):
        return ""
    if 0 < work.look_at <= at:
        return "The day has come on which it was to be looked at again."
    if now.verdict == "act" and then.verdict != "act":
        return f"Its verdict was {then.verdict} when it was {work.status}, and is act now."
    if now.accounts >= GROWN * then.accounts:
        before, after = (formatting.plural(one.accounts, "account") for one in (then, now))
        return f"It had {before} when it was {work.status}, and has {after} now."
    return ""
