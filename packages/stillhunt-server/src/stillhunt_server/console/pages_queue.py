"""The queue: what waits for a person first; what is watched, decided or ended is one click away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
from sqlalchemy import select
from starlette.responses import JSONResponse, Response

from stillhunt.base import formatting
from stillhunt.base.units import DAY
from stillhunt.decide.case_work import CaseWork, read_all_work
from stillhunt.triage.model import NAME_CHARS
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS, SNAPSHOT_ROWS
from stillhunt_server.case_views.harm import HARM_MEANING, queue_order
from stillhunt_server.casework.changes import DISMISSAL_REASONS
from stillhunt_server.casework.history import CampaignFacts, facts_when_decided, returned_for_another_look
from stillhunt_server.casework.in_force import StandingPart, standing_parts
from stillhunt_server.casework.mentions import waiting_mentions
from stillhunt_server.casework.second_looks import waiting_looks
from stillhunt_server.console.answers import answer_table
from stillhunt_server.console.case_panel import workers
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import probability_of, verdict_mark
from stillhunt_server.console.rendering import campaign_url, moment
from stillhunt_server.console.saved_filters import filters_of
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.console.table_query import Row, TableColumn
from stillhunt_server.console.tables import TableSpec

_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("campaign_id", "verdict", "status", "assignee", "state", "stands")),
        ("version", pa.int64()),
        *((name, pa.float64()) for name in ("probability", "harm", "list_value", "age")),
        *((name, pa.int64()) for name in ("accounts", "requests")),
        ("kind", pa.string()),
        *((name, pa.list_(pa.string())) for name in ("skills", "labels")),
        *((name, _TIME) for name in ("first_seen", "last_seen", "changed_at", "due_at", "look_at")),
        ("words", pa.string()),
    ]
)
VIEWS = {
    "waiting": "Waiting",
    "mine": "Mine",
    "second": "Waits for a second person",
    "watched": "Watched",
    "decided": "Decided",
    "ended": "Ended",
    "all": "All",
}
"""What the queue can show, and what that is called; "all" is all of the latest hunt."""
_ACCOUNTS_THAT_WAIT = ("/decisions?state=waits+for+a+second+person", "All decisions that wait, also about one account")
_STATE_OF = {"new": "waiting", "open": "waiting", "watched": "watched", "acted": "decided", "dismissed": "decided"}


def queue_spec(currency: str, *, live: bool) -> TableSpec:
    """The table of campaigns.

    Args:
        live: whether there is work on campaigns: a case folder has none.
    """

    def money(name: str) -> Callable[[Row], str]:
        return lambda row: formatting.money(row[name], currency) if row[name] is not None else ""

    case = [
        TableColumn("status", "Case", "choice", mark=lambda row: f"status {row['status']}"),
        TableColumn("assignee", "Assigned to", "choice"),
    ]
    work = [
        TableColumn("stands", "What stands", "text"),
        TableColumn("age", "Days known", "figure", shown=lambda row: _format_days(row["age"])),
        TableColumn("due_at", "To be decided by", "time"),
        TableColumn("changed_at", "Last change", "time"),
        TableColumn("look_at", "Look again", "time", aside=True),
        TableColumn("labels", "Labels", "values"),
    ]
    columns = [
        TableColumn("campaign_id", "Campaign", "id"),
        TableColumn("verdict", "Verdict", "choice", mark=verdict_mark),
        *(case if live else []),
        TableColumn("harm", "Expected harm a day", "figure", shown=money("harm")),
        TableColumn("probability", "Probability", "figure", shown=probability_of("probability")),
        TableColumn("accounts", "Accounts", "figure", link=lambda row: campaign_url(row["campaign_id"], "members")),
        TableColumn("requests", "Requests", "figure", link=lambda row: campaign_url(row["campaign_id"], "requests")),
        *(work if live else []),
        TableColumn("list_value", "List price", "figure", shown=money("list_value"), aside=True),
        TableColumn("kind", "Kind", "choice", aside=True),
        TableColumn("skills", "What is taken", "values"),
        TableColumn("first_seen", "First seen", "time", aside=True),
        TableColumn("last_seen", "Last seen", "time", aside=live),
    ]
    return TableSpec(
        "campaigns",
        tuple(columns),
        row_link=lambda row: campaign_url(row["campaign_id"]),
        row_value=lambda row: f"{row['campaign_id']}@{row['version']}",
        empty="No group got the verdict act or review. Look at the sources: what logs do not record cannot be found.",
    )


def queue_rows(database: WatchDatabase | None, shown: ShownCase, now: int) -> list[dict[str, Any]]:
    """Campaigns in the order of the queue, as rows of its table; those that have ended come last.

    Args:
        now: microseconds since 1970.
    """
    work = read_all_work(database) if database is not None else {}
    then = facts_when_decided(database, work) if database is not None else {}
    stands = standing_parts(database, now) if database is not None else {}
    found = _found_at(database) if database is not None else {}
    rows = []
    for one, harm in queue_order(shown.model, shown.case.timeline):
        row = one.row
        own = work.get(name := row["campaign_id"], CaseWork(row["campaign_id"]))
        facts = CampaignFacts(row["accounts"], row["verdict"], row["score"])
        returned = name in then and returned_for_another_look(own, then[name], facts, now)
        rows.append(
            {
                **_work_columns(own, stands.get(name, []), row["accounts"], found.get(name), now),
                "state": "waiting" if returned else _STATE_OF[own.status],
                "verdict": one.verdict,
                "probability": row["score"],
                "harm": harm.per_day,
                "accounts": row["accounts"],
                "requests": row["requests"],
                "list_value": row["list_value"],
                "kind": one.kind,
                "skills": [formatting.shorten(name, NAME_CHARS) for name in row["skills"]],
                "first_seen": row["first_seen"],
                "last_seen": row["last_seen"],
                "words": harm.words,
            }
        )
    return rows


def ended_rows(database: WatchDatabase, shown: ShownCase, now: int) -> list[dict[str, Any]]:
    """Campaigns of earlier hunts that the latest one does not have, as rows of the queue, the last seen first."""
    work, stands, found = read_all_work(database), standing_parts(database, now), _found_at(database)
    rows = []
    for row in database.read(select(CAMPAIGN_ROWS).order_by(CAMPAIGN_ROWS.c.last_snapshot.desc())):
        if (name := row["campaign_id"]) in shown.by_id:
            continue
        columns = _work_columns(work.get(name, CaseWork(name)), stands.get(name, []), 0, found.get(name), now)
        seen = {key: moment(row[key]) for key in ("first_seen", "last_seen")}
        told = {"verdict": row["verdict"], "probability": row["score"], "kind": row["kind"], "skills": []}
        rows.append({**columns, **told, **seen, "state": "ended"})
    return rows


def _work_columns(
    own: CaseWork, parts: list[StandingPart], members: int, found: int | None, now: int
) -> dict[str, Any]:
    times = {name: moment(getattr(own, name) or None) for name in ("changed_at", "due_at", "look_at")}
    return {
        "campaign_id": own.campaign_id,
        "version": own.version,
        "status": own.status,
        "assignee": own.assignee,
        "labels": list(own.labels),
        "stands": "; ".join(one.words(members) for one in parts),
        "waits": any(one.waits for one in parts),
        "age": (now - found) / DAY if found is not None else None,
        **times,
    }


def _found_at(database: WatchDatabase) -> dict[str, int]:
    """Campaign -> when the hunt was made that found it first, microseconds since 1970."""
    joined = CAMPAIGN_ROWS.join(SNAPSHOT_ROWS, SNAPSHOT_ROWS.c.sequence == CAMPAIGN_ROWS.c.first_snapshot)
    wanted = select(CAMPAIGN_ROWS.c.campaign_id, SNAPSHOT_ROWS.c.made_at).select_from(joined)
    return {row["campaign_id"]: row["made_at"] for row in database.read(wanted)}


def _format_days(age: float | None) -> str:
    return "" if age is None else "less than 1" if age < 1 else formatting.count(int(age))


def in_view(row: Mapping[str, Any], view: str, who: str) -> bool:
    """Whether a row of the queue belongs to a view of it, for somebody."""
    if view == "mine":
        return bool(row["state"] == "waiting" and row["assignee"] == who)
    if view == "second":
        return bool(row["waits"])
    return bool(row["state"] == view or (view == "all" and row["state"] != "ended"))


def queue(request: PageRequest) -> Response:
    """Campaigns, the one with the most expected harm first: those that wait, unless other ones are asked for."""
    shown, database = request.case, request.console.database
    rows = queue_rows(database, shown, request.now)
    spec = queue_spec(
        shown.model.campaigns[0].run.currency if shown.model.campaigns else "USD", live=database is not None
    )
    view = request.given["view"] if request.given["view"] in VIEWS else ""
    # who follows a number or filters is shown all that it counts
    view = view or ("all" if database is None or request.query.of_columns(spec.columns).narrows else "waiting")
    counts = {}
    if database is not None:
        rows += ended_rows(database, shown, request.now)
        counts = {name: sum(in_view(row, name, request.by) for row in rows) for name in VIEWS}
    golden = request.console.config.console.golden_cases
    looks = waiting_looks(database, request.by, golden) if database is not None else []
    rows = [row for row in rows if in_view(row, view, request.by)]
    alone, number = len(shown.model.of_verdict("none")), formatting.plural(len(rows), "campaign")
    verb = formatting.verb(len(rows), "waits", "wait")
    whom = {"waiting": "a person", "second": "a second person"}.get(view)
    headline = f"{number} {verb} for {whom}" if whom else f"{number} in the queue"
    spec = replace(spec, columns=tuple(_put_aside(column, rows) for column in spec.columns))
    kept = (("view", view),) if request.given["view"] in VIEWS else ()
    request = replace(request, query=replace(request.query, others=kept))
    values = {
        "title": "Queue",
        "headline": headline,
        "meaning": HARM_MEANING,
        "other": _ACCOUNTS_THAT_WAIT
        if view == "second"
        else ("/groups", f"{formatting.plural(alone, 'group')} without a verdict")
        if alone
        else None,
        "filters": filters_of(database, "campaigns", request.by) if database is not None else None,
        "views": [(name, title, counts[name]) for name, title in VIEWS.items()] if counts else [],
        "view_name": view,
        "people": workers(database) if database is not None else [],
        "looks": [one for one in looks if one in shown.by_id],
        "mentions": waiting_mentions(database, request.by, request.now) if database is not None else [],
        "dismissals": DISMISSAL_REASONS,
        "may_work": request.viewer is not None and request.viewer.may("analyst") and database is not None,
    }
    return answer_table(request, "queue.html", spec, queue_table(rows), values)


def _put_aside(column: TableColumn, rows: list[dict[str, Any]]) -> TableColumn:
    """A column as it is, but not in sight where no row has anything in it."""
    return column if not rows or any(row.get(column.name) for row in rows) else replace(column, aside=True)


def queue_table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows of the queue as a table."""
    return pa.Table.from_pylist(rows, _SCHEMA)


def palette(request: PageRequest) -> Response:
    """Campaigns for the palette of keys: id, verdict and status; no account is named."""
    rows = queue_rows(request.console.database, request.case, request.now)
    return JSONResponse(
        [[row["campaign_id"], row["verdict"], row["status"], row["state"]] for row in rows[:PALETTE_ROWS]]
    )


PALETTE_ROWS = 500
"""Campaigns that the palette offers. Judgement: more than a team works on; search finds all."""
