"""Tables of members, decisions, appeals and the audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, false, or_

from stillhunt.base import formatting
from stillhunt.base.families import PRIOR
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import LogCondition, is_standing
from stillhunt.decide.names import storable
from stillhunt.triage.kinds import role_label
from stillhunt.watch.database.tables import DECISIONS
from stillhunt_server.casework.in_force import say_action
from stillhunt_server.console.rendering import account_url, campaign_url, code_words, decision_url, moment
from stillhunt_server.console.table_query import Row, TableColumn, TableQuery
from stillhunt_server.console.tables import TableSpec

WAITS = "waits for a second person"
"""State of a decision of a person that somebody else has to approve."""
TIES_SHOWN = 3
"""Findings about an account that say what ties it. Judgement: one line of a table."""


def verdict_mark(row: Row) -> str:
    """Class of a verdict's cell."""
    return f"verdict {row['verdict'] if row['verdict'] in ('act', 'review') else 'none'}"


def probability_of(name: str) -> Callable[[Row], str]:
    """How a probability is shown."""
    return lambda row: formatting.probability(row[name])


def _requests_of(row: Row) -> str:
    return f"{campaign_url(row['campaign_id'], 'requests')}?{urlencode({'account': row['account_id']})}"


def campaign_link(row: Row) -> str:
    """Where the cell of a campaign leads; nowhere where the row has none."""
    return campaign_url(row["campaign_id"]) if row["campaign_id"] else ""


MEMBER_LIST = TableSpec(
    "members",
    (
        TableColumn("account_id", "Account", "id"),
        TableColumn("verdict", "Verdict", "choice", mark=verdict_mark),
        TableColumn("score", "Probability", "figure", shown=probability_of("score")),
        TableColumn("role", "Role", "choice", shown=lambda row: role_label(row["role"])),
        TableColumn("requests", "Requests", "figure", link=_requests_of),
        TableColumn("other_requests", "Other requests", "figure", aside=True),
        TableColumn("share", "Share", "figure", shown=lambda row: formatting.percent(row["share"])),
        TableColumn("ties", "What ties it most", "text"),
        TableColumn("first_seen", "First seen", "time"),
        TableColumn("last_seen", "Last seen", "time", aside=True),
        TableColumn("created_at", "Signed up", "time", aside=True),
        TableColumn("plan", "Plan", "choice", aside=True),
        TableColumn("clients", "Clients", "values"),
        TableColumn("networks", "Networks", "values", aside=True),
        TableColumn("countries", "Countries", "values", aside=True),
        TableColumn("email_domain", "E-mail domain", "choice", aside=True),
        TableColumn("sanctioned", "Declared programme", "choice", aside=True),
    ),
    row_link=lambda row: account_url(row["account_id"]),
    row_value=lambda row: str(row["account_id"]),
    empty="The case holds no members of this campaign.",
)


_FIRST = ("account_id", "verdict", "score", "role", "requests", "share", "ties", "clients", "first_seen")
FIRST_MEMBER_LIST = replace(
    MEMBER_LIST, columns=tuple(column for column in MEMBER_LIST.columns if column.name in _FIRST)
)
"""The same with few columns, for the campaign's own page."""


def with_ties(facts: pa.Table, evidence: pa.Table) -> pa.Table:
    """Members with what ties each of them most, as text."""
    of_members = pc.and_(pc.is_valid(evidence["account_id"]), pc.not_equal(evidence["family"], PRIOR))
    own = evidence.filter(pc.and_(of_members, pc.greater(evidence["bits"], 0)))
    own = own.sort_by([("account_id", "ascending"), ("bits", "descending"), ("statement", "ascending")])
    place = pc.index_in(own["account_id"], value_set=facts["account_id"]).to_numpy(zero_copy_only=False)
    first = np.flatnonzero(np.r_[True, place[1:] != place[:-1]]) if len(place) else np.zeros(0, np.int64)
    rank = np.arange(len(place)) - np.repeat(first, np.diff(np.r_[first, len(place)]))
    columns = []
    for number in range(TIES_SHOWN):
        rows = np.flatnonzero((rank == number) & (place >= 0))
        indices = np.full(facts.num_rows, -1, np.int64)
        indices[place[rows].astype(np.int64)] = rows
        columns.append(own["statement"].take(pa.array(indices, mask=indices < 0)))
    text = pc.binary_join_element_wise(*columns, ". ", null_handling="skip")
    return facts.append_column("ties", text)


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
        "dry run": and_(is_standing(now), row.dry_run.is_(True), row.kind == "rule"),
        WAITS: and_(is_standing(now), row.dry_run.is_(True), row.kind != "rule"),
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
        TableColumn("kind", "Kind", "choice"),
        TableColumn("action", "Action", "choice", shown=lambda row: say_action(row["action"])),
        TableColumn("state", "State", "choice"),
        TableColumn("author", "Author", "choice"),
        TableColumn(
            "reason", "What the customer may be told", "choice", shown=lambda row: code_words(row["reason"]), aside=True
        ),
        TableColumn("starts_at", "From", "time", aside=True),
        TableColumn("expires_at", "Until", "time"),
        TableColumn("campaign_id", "Campaign", "choice", link=campaign_link),
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
        TableColumn("what", "What", "choice", shown=lambda row: code_words(row["what"])),
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
        TableColumn("campaign_id", "Campaign or group", "choice", link=campaign_link),
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
