"""The decision log, appeals and the audit as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from sqlalchemy import and_, false, or_

from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import LogCondition, is_standing
from stillhunt.decide.names import storable
from stillhunt.watch.database.tables import DECISIONS
from stillhunt.web.console.member_table import campaign_link
from stillhunt.web.console.rendering import account_url, decision_url, moment
from stillhunt.web.console.table_columns import TableColumn
from stillhunt.web.console.table_query import TableQuery
from stillhunt.web.console.tables import TableSpec

_TIME = pa.timestamp("us", tz="UTC")


def decision_row(entry: LogEntry | Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the log with moments in place of microseconds."""
    row = dict(entry) if isinstance(entry, Mapping) else asdict(entry)
    return {**row, **{name: moment(row[name]) for name in ("made_at", "starts_at", "expires_at")}}


def conditions_of(query: TableQuery, now: int) -> list[LogCondition]:
    """What the database can leave out of the decisions that a reader asks for; the table itself does the rest.

    Args:
        now: microseconds since 1970.
    """
    row = DECISIONS.c
    states = {
        "stands": and_(is_standing(now), row.dry_run.is_(False)),
        "dry run": and_(is_standing(now), row.dry_run.is_(True)),
        "ends another": row.kind == "undo",
        "ended": and_(row.kind != "undo", ~is_standing(now)),
    }
    found: list[LogCondition] = [
        row[name].in_([storable(one) for one in values]) for name, values in query.choices.items() if name in row
    ]
    if "state" in query.choices:
        found.append(or_(false(), *(states[one] for one in query.choices["state"] if one in states)))
    if query.find and not any(query.find.casefold() in state for state in states):
        texts = ("account_id", "kind", "action", "author", "reason", "campaign_id", "note")
        found.append(or_(*(row[name].icontains(storable(query.find), autoescape=True) for name in texts)))
    found += [row.seq >= bound for bound in query.least.values()]
    return found + [row.seq <= bound for bound in query.most.values()]


DECISIONS_TABLE = TableSpec(
    "decisions",
    (
        TableColumn("seq", "Number", "figure"),
        TableColumn("made_at", "Made", "time"),
        TableColumn("account_id", "Account", "id", link=lambda row: account_url(row["account_id"])),
        TableColumn("kind", "Decided by", "choice"),
        TableColumn("action", "Action", "choice"),
        TableColumn("state", "State", "choice"),
        TableColumn("author", "Author", "choice"),
        TableColumn("reason", "What the customer may be told", "choice", aside=True),
        TableColumn("starts_at", "From", "time", aside=True),
        TableColumn("expires_at", "Until", "time"),
        TableColumn(
            "campaign_id",
            "Campaign",
            "choice",
            link=campaign_link,
        ),
        TableColumn("note", "Note", "text"),
    ),
    empty="Nothing was decided yet.",
)
DECISIONS_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        *((name, pa.string()) for name in ("account_id", "kind", "action", "state", "author", "reason")),
        *((name, _TIME) for name in ("made_at", "starts_at", "expires_at")),
        ("campaign_id", pa.string()),
        ("note", pa.string()),
    ]
)
APPEALS_TABLE = TableSpec(
    "appeals",
    (
        TableColumn("appeal_id", "Number", "id"),
        TableColumn("status", "Status", "choice"),
        TableColumn("due_at", "To be decided by", "time"),
        TableColumn("filed_at", "Filed", "time", aside=True),
        TableColumn("account_id", "Account", "id", link=lambda row: account_url(row["account_id"])),
        TableColumn("decision", "Against decision", "id", link=lambda row: decision_url(row["decision"])),
        TableColumn("text", "What the customer says", "text"),
        TableColumn("decided_by", "Decided by", "choice"),
        TableColumn("decided_at", "Decided", "time"),
        TableColumn("note", "Note", "text"),
    ),
    row_link=lambda row: f"/appeals/{row['appeal_id']}",
    empty="Nobody has appealed.",
)
APPEALS_SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("appeal_id", "status", "account_id", "decision", "text", "decided_by", "note")
        ),
        *((name, _TIME) for name in ("due_at", "filed_at", "decided_at")),
    ]
)
AUDIT_TABLE = TableSpec(
    "audit",
    (
        TableColumn("at", "When", "time"),
        TableColumn("who", "Who", "choice"),
        TableColumn("what", "What", "choice"),
        TableColumn("about", "About", "text"),
    ),
    empty="Nothing was looked at yet.",
)
AUDIT_SCHEMA = pa.schema([("at", _TIME), *((name, pa.string()) for name in ("who", "what", "about"))])
SIGNS_TABLE = TableSpec(
    "signs",
    (
        TableColumn("statement", "What was seen", "text"),
        TableColumn("kind", "Kind", "choice"),
        TableColumn("number", "Accounts", "figure"),
        TableColumn("accounts", "Some of them", "values"),
        TableColumn(
            "campaign_id",
            "Campaign or group",
            "choice",
            link=campaign_link,
        ),
        TableColumn("first_at", "Began", "time"),
        TableColumn("found_at", "Found last", "time"),
    ),
    empty="There are none.",
)
SIGNS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("statement", "kind", "campaign_id")),
        ("number", pa.int64()),
        ("accounts", pa.list_(pa.string())),
        *((name, _TIME) for name in ("first_at", "found_at")),
    ]
)
