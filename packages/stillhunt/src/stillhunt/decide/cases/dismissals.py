"""Dismissed campaigns: rules leave them alone, and some come back to the analyst."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, select

from stillhunt.base import formatting
from stillhunt.decide.cases.changes import CampaignFacts
from stillhunt.decide.cases.work import CaseWork
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import CASE_EVENTS, CASES

GROWN = 2
"""Times the accounts at its dismissal from which a campaign is looked at again. Judgement: by then it is another."""
_STATUS_OF = {"act": "acted", "watch": "watched", "dismiss": "dismissed"}


def dismissed_campaigns(database: WatchDatabase) -> frozenset[str]:
    """Campaigns on which rules do not act, since an analyst dismissed them."""
    return frozenset(row["campaign_id"] for row in database.read(_dismissed()))


def dismissed_within(connection: Connection) -> frozenset[str]:
    """The same in a transaction of `log_locked`, in which nobody dismisses one or reopens it."""
    return frozenset(connection.execute(_dismissed()).scalars())


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


def returned_for_another_look(work: CaseWork, then: CampaignFacts, now: CampaignFacts) -> str:
    """Why a dismissed campaign comes back to the analyst; "" where it does not, or is not dismissed.

    It does where its verdict rose to act, or where it has GROWN times the accounts. It stays dismissed until somebody
    reopens it, so that rules leave it alone; a campaign that grows slowly counts from its dismissal, too.
    """
    if work.status != "dismissed":
        return ""
    if now.verdict == "act" and then.verdict != "act":
        return f"Its verdict was {then.verdict} when it was dismissed, and is act now."
    if now.accounts >= GROWN * then.accounts:
        return f"It had {_accounts(then.accounts)} when it was dismissed, and has {_accounts(now.accounts)} now."
    return ""


def _accounts(number: int) -> str:
    return formatting.plural(number, "account")


def _dismissed() -> Select[Any]:
    return select(CASES.c.campaign_id).where(CASES.c.status == "dismissed")
