"""The queue: campaigns by expected harm, with the work on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from starlette.requests import Request

from stillhunt.base import formatting
from stillhunt.decide.cases.work import CaseWork, read_all_work
from stillhunt.triage.harm import queue_order
from stillhunt.triage.model import NAME_CHARS
from stillhunt.web.console.context import console_of
from stillhunt.web.console.member_table import probability_of
from stillhunt.web.console.rendering import campaign_url
from stillhunt.web.console.snapshot import ShownCase
from stillhunt.web.console.table_columns import Row, TableColumn
from stillhunt.web.console.tables import TableSpec

_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("verdict", pa.string()),
        ("status", pa.string()),
        ("assignee", pa.string()),
        ("probability", pa.float64()),
        ("harm", pa.float64()),
        ("accounts", pa.int64()),
        ("requests", pa.int64()),
        ("value", pa.float64()),
        ("kind", pa.string()),
        ("skills", pa.list_(pa.string())),
        ("labels", pa.list_(pa.string())),
        ("first_seen", _TIME),
        ("last_seen", _TIME),
        ("words", pa.string()),
    ]
)


def _verdict(row: Row) -> str:
    return f"verdict {row['verdict'] if row['verdict'] in ('act', 'review') else 'none'}"


def queue_spec(currency: str, *, live: bool) -> TableSpec:
    """The table of campaigns.

    Args:
        live: whether there is work on campaigns: a case folder has none.
    """

    def money(name: str) -> Callable[[Row], str]:
        return lambda row: formatting.money(row[name], currency)

    columns = [
        TableColumn("campaign_id", "Campaign", "id"),
        TableColumn("verdict", "Verdict", "choice", mark=_verdict),
        *([TableColumn("status", "Case", "choice", mark=lambda row: f"status {row['status']}")] if live else []),
        *([TableColumn("assignee", "Assigned to", "choice")] if live else []),
        TableColumn("harm", "Expected harm a day", "figure", shown=money("harm")),
        TableColumn("probability", "Probability", "figure", shown=probability_of("probability")),
        TableColumn("accounts", "Accounts", "figure", link=lambda row: campaign_url(row["campaign_id"], "members")),
        TableColumn("requests", "Requests", "figure", link=lambda row: campaign_url(row["campaign_id"], "requests")),
        TableColumn(
            "value", "List price", "figure", shown=lambda row: formatting.money(row["value"], currency), aside=True
        ),
        TableColumn("kind", "Kind", "choice", aside=True),
        TableColumn("skills", "What is taken", "values"),
        *([TableColumn("labels", "Labels", "values")] if live else []),
        TableColumn("first_seen", "First seen", "time", aside=True),
        TableColumn("last_seen", "Last seen", "time"),
    ]
    return TableSpec(
        "campaigns",
        tuple(columns),
        row_link=lambda row: campaign_url(row["campaign_id"]),
        empty="No campaign reached the review threshold. Look at the sources: what logs do not record is not found.",
    )


def queue_rows(request: Request, shown: ShownCase) -> list[dict[str, Any]]:
    """Campaigns in the order of the queue, as rows of its table."""
    database = console_of(request).database
    work = read_all_work(database) if database is not None else {}
    rows = []
    for one, harm in queue_order(shown.model, shown.case.timeline):
        row = one.row
        own = work.get(row["campaign_id"], CaseWork(row["campaign_id"]))
        rows.append(
            {
                "campaign_id": row["campaign_id"],
                "verdict": one.verdict,
                "status": own.status,
                "assignee": own.assignee,
                "probability": row["score"],
                "harm": harm.per_day,
                "accounts": row["accounts"],
                "requests": row["requests"],
                "value": row["list_value"],
                "kind": one.kind,
                "skills": [formatting.shorten(name, NAME_CHARS) for name in row["skills"]],
                "labels": list(own.labels),
                "first_seen": row["first_seen"],
                "last_seen": row["last_seen"],
                "words": harm.words,
            }
        )
    return rows


def queue_table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows of the queue as a table."""
    return pa.Table.from_pylist(rows, _SCHEMA)


def groups_spec() -> TableSpec:
    """The table of groups that were looked at and left alone: nobody in them is accused."""
    columns = (
        TableColumn("campaign_id", "Group", "id"),
        TableColumn("probability", "Probability", "figure", shown=probability_of("probability")),
        TableColumn("margin", "How far from review", "text"),
        TableColumn("strongest_for", "Strongest evidence for", "text"),
        TableColumn("strongest_against", "Strongest evidence against", "text"),
        TableColumn("accounts", "Accounts", "figure", link=lambda row: campaign_url(row["campaign_id"], "members")),
        TableColumn("requests", "Requests", "figure"),
    )
    return TableSpec(
        "groups", columns, lambda row: campaign_url(row["campaign_id"]), "No group was looked at and left alone."
    )


def groups_table(shown: ShownCase) -> pa.Table:
    """Groups that were left alone, the most probable first."""
    rows = [
        {
            "campaign_id": one.row["campaign_id"],
            "probability": one.row["score"],
            "margin": one.margin,
            "strongest_for": one.total.supporting[0].shown if one.total.supporting else "",
            "strongest_against": one.total.opposing[0].shown if one.total.opposing else "",
            "accounts": one.row["accounts"],
            "requests": one.row["requests"],
        }
        for one in shown.model.of_verdict("none")
    ]
    texts = ("campaign_id", "margin", "strongest_for", "strongest_against")
    fields = [(name, pa.string()) for name in texts]
    fields += [("probability", pa.float64()), ("accounts", pa.int64()), ("requests", pa.int64())]
    return pa.Table.from_pylist(rows, pa.schema(fields))
