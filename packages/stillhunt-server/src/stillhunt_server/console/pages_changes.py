"""What people changed, over all campaigns and accounts: for whoever takes over, and for the audit."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.decide.names import RULE_PREFIX
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import APPEALS, DECISIONS
from stillhunt.watch.database.tables_console import CASE_EVENTS
from stillhunt_server.casework.event_words import describe_work_event
from stillhunt_server.casework.history import event_of_row
from stillhunt_server.casework.in_force import say_action
from stillhunt_server.console.answers import answer_list
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import campaign_link
from stillhunt_server.console.rendering import account_url, moment
from stillhunt_server.console.table_query import TableColumn
from stillhunt_server.console.tables import TableSpec

CHANGES_SHOWN = 5_000
"""Newest changes of each kind that the page filters and exports. Judgement: weeks of a team."""
CHANGE_LIST = TableSpec(
    "changes",
    (
        TableColumn("at", "When", "time"),
        TableColumn("who", "Who", "choice"),
        TableColumn("words", "What", "text"),
        TableColumn("campaign_id", "Campaign", "choice", link=campaign_link),
        TableColumn(
            "account_id", "Account", "id", link=lambda row: account_url(row["account_id"]) if row["account_id"] else ""
        ),
        TableColumn("note", "Note", "text"),
    ),
    empty="Nobody has changed anything yet.",
)
_SCHEMA = pa.schema(
    [
        ("at", pa.timestamp("us", tz="UTC")),
        *((name, pa.string()) for name in ("who", "words", "campaign_id", "account_id", "note")),
    ]
)


def changes(request: PageRequest) -> Response:
    """What people changed, the latest first."""
    request.look("changes", "all")
    data = pa.Table.from_pylist(list_changes(request.database), _SCHEMA)
    headline = f"{formatting.plural(data.num_rows, 'change')} by people"
    meaning = "All that people did about campaigns, accounts and appeals, the latest first. What rules did:"
    return answer_list(
        request, CHANGE_LIST, data, "Changes", headline, meaning=meaning, other=("/decisions", "Decisions")
    )


def list_changes(database: WatchDatabase) -> list[dict[str, Any]]:
    """What people did about cases, about accounts by themselves, and about appeals; the latest first."""
    event, decision, appeal = CASE_EVENTS.c, DECISIONS.c, APPEALS.c
    latest = select(CASE_EVENTS).order_by(event.event_id.desc()).limit(CHANGES_SHOWN)
    rows = [
        _change_row(one.at, one.by, describe_work_event(one), one.note, campaign_id=one.campaign_id)
        for one in map(event_of_row, database.read(latest))
    ]
    alone = select(DECISIONS).where(decision.campaign_id == "", ~decision.author.startswith(RULE_PREFIX))
    for row in database.read(alone.order_by(decision.seq.desc()).limit(CHANGES_SHOWN)):
        words = (
            "ended a decision" if row["kind"] == "undo" else f"decided “{say_action(row['action'])}” ({row['kind']})"
        )
        rows.append(_change_row(row["made_at"], row["author"], words, row["note"], account_id=row["account_id"]))
    ended = select(APPEALS).where(appeal.decided_at.is_not(None)).order_by(appeal.decided_at.desc())
    for row in database.read(ended.limit(CHANGES_SHOWN)):
        words = f"decided appeal {row['appeal_id']}: {row['status']}"
        rows.append(_change_row(row["decided_at"], row["decided_by"], words, row["note"], account_id=row["account_id"]))
    return sorted(rows, key=lambda row: row["at"], reverse=True)


def _change_row(at: int, who: str | None, words: str, note: str | None, **about: str) -> dict[str, Any]:
    return {"at": moment(at), "who": who or "", "words": words, "note": note or "", **about}
