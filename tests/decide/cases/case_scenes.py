"""Campaigns and changes as the tests of case work need them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from decide.scenes import NOW
from stillhunt.decide.case_work import CaseWork, read_work
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt_server.casework.changes import ActOnCampaign, CampaignMember, Change, DismissCampaign
from stillhunt_server.casework.changing import change_work
from stillhunt_server.casework.history import CampaignFacts
from watch.databases import Opening

FACTS = CampaignFacts(3, "act", 0.995)
DISMISSAL = DismissCampaign("reseller", "sells on", FACTS)


def prepared(opening: Opening, *campaigns: str) -> WatchDatabase:
    """A database that knows these campaigns."""
    database = opening()
    row = {"status": "active", "verdict": "act", "kind": "harvest", "score": 1.0, "first_snapshot": 1}
    with database.write() as connection:
        for name in campaigns or ("c-1", "c-2"):
            connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id=name, last_snapshot=1, **row))
    return database


def acting(*accounts: str, **changes: Any) -> ActOnCampaign:
    """To act on flagged, dedicated members for ten days."""
    members = tuple(CampaignMember(name, True, False, "dedicated") for name in accounts)
    plain = {"members": members, "action": "throttle", "days": 10.0, "reason": "linked_accounts", "note": "clear"}
    return ActOnCampaign(**{**plain, "facts": FACTS, "snapshot": 7, **changes})


def change(database: WatchDatabase, what: Change, by: str = "Ada", now: int = NOW, campaign: str = "c-1") -> CaseWork:
    """A change by somebody who has just read the case."""
    return change_work(database, campaign, read_work(database, campaign).version, what, by, now)
