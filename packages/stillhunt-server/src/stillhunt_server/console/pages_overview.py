"""The first page: what is new, what to read first, whether traffic is seen, and the false-alarm budget."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.decide.case_work import CaseWork, read_all_work
from stillhunt.triage.model import NAME_CHARS
from stillhunt.triage.report import case_figures
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS
from stillhunt_server.case_views.harm import HARM_MEANING, queue_order
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import Console, PageRequest
from stillhunt_server.console.decision_table import probability_of, verdict_mark
from stillhunt_server.console.rendering import campaign_url, moment
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.console.table_query import Row, TableColumn
from stillhunt_server.console.tables import TableSpec
from stillhunt_server.receiving.traffic import Traffic

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


def queue_spec(currency: str, *, live: bool) -> TableSpec:
    """The table of campaigns.

    Args:
        live: whether there is work on campaigns: a case folder has none.
    """

    def money(name: str) -> Callable[[Row], str]:
        return lambda row: formatting.money(row[name], currency)

    columns = [
        TableColumn("campaign_id", "Campaign", "id"),
        TableColumn("verdict", "Verdict", "choice", mark=verdict_mark),
        *([TableColumn("status", "Case", "choice", mark=lambda row: f"status {row['status']}")] if live else []),
        *([TableColumn("assignee", "Assigned to", "choice")] if live else []),
        TableColumn("harm", "Expected harm a day", "figure", shown=money("harm")),
        TableColumn("probability", "Probability", "figure", shown=probability_of("probability")),
        TableColumn("accounts", "Accounts", "figure", link=lambda row: campaign_url(row["campaign_id"], "members")),
        TableColumn("requests", "Requests", "figure", link=lambda row: campaign_url(row["campaign_id"], "requests")),
        TableColumn("value", "List price", "figure", shown=money("value"), aside=True),
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
        empty="No group got the verdict act or review. Look at the sources: what logs do not record cannot be found.",
    )


def queue_rows(database: WatchDatabase | None, shown: ShownCase) -> list[dict[str, Any]]:
    """Campaigns in the order of the queue, as rows of its table."""
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
    """The table of groups that were looked at and have no verdict: nobody in them is accused."""
    columns = (
        TableColumn("campaign_id", "Group", "id"),
        TableColumn("probability", "Probability", "figure", shown=probability_of("probability")),
        TableColumn("margin", "What it lacks", "text"),
        TableColumn("strongest_for", "Strongest evidence for", "text"),
        TableColumn("strongest_against", "Strongest evidence against", "text"),
        TableColumn("accounts", "Accounts", "figure", link=lambda row: campaign_url(row["campaign_id"], "members")),
        TableColumn("requests", "Requests", "figure"),
    )
    return TableSpec(
        "groups",
        columns,
        lambda row: campaign_url(row["campaign_id"]),
        "Every group that was looked at has a verdict.",
    )


def groups_table(shown: ShownCase) -> pa.Table:
    """Groups that have no verdict, the most probable first."""
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


NEWS_SHOWN = 8
FIRST_SHOWN = 5
"""Campaigns of the queue on the first page."""
_ACT = "/campaigns?verdict=act"
_BEHIND = (
    _ACT,
    "/campaigns?verdict=review",
    "/accounts?verdict=act",
    _ACT,
    f"{_ACT}&columns=all",
    f"{_ACT}&columns=all",
)
"""Rows behind each figure of `case_figures`, in its order; the last figure is there only where somebody set a price."""
_TITLE_CHARS = 160
_FAILURE_CHARS = 400
_RECENT_MINUTES = 120
_LATE_HUNTS = 4
"""Intervals between hunts after which the latest one is old. Judgement: one that failed is tried again before."""
_LATE = "Hunts should come more often: check whether the process that hunts is still running."
_SILENT_MINUTES = 15
"""Minutes without a record after which the page says that traffic has stopped. Judgement: one scheduled hunt."""


@dataclass(frozen=True)
class Health:
    """One line about what the findings rest on.

    Attributes:
        note: what it means; "" for nothing.
    """

    state: str
    words: str
    note: str = ""
    link: str = ""


def overview(request: PageRequest) -> Response:
    """The first page."""
    console, shown = request.console, request.latest
    values: dict[str, Any] = {
        "shown": shown,
        "hunt": hunt_state(console),
        "news": _news(console.database) if console.database is not None else [],
        "health": list(_health(console, shown)),
    }
    if shown is not None:
        values |= {
            "figures": list(zip(case_figures(shown.model), _BEHIND, strict=False)),
            "first": queue_rows(console.database, shown)[:FIRST_SHOWN],
            "campaigns": len(shown.model.of_verdict("act", "review")),
            "budget": _budget(shown),
            "trend": (trend := _trend(shown)),
            "trend_review": any(day["review"] for day in trend),
            "harm_meaning": HARM_MEANING,
        }
    return render(request, "overview.html", values)


def hunt_part(request: PageRequest) -> Response:
    """The line about the running hunt, which asks for itself again while the page is open."""
    return render(request, "hunt_state.html", {"hunt": hunt_state(request.console)})


def hunt_state(console: Console) -> dict[str, Any] | None:
    """What the hunts of this process do; None where another process hunts, or none does."""
    if console.schedule is None:
        return None
    progress = console.schedule.progress
    running = progress.running_since
    failure = progress.last.failure if progress.last is not None and progress.failures else ""
    return {
        "running": running is not None,
        "seconds": int(time.time() - running) if running is not None else 0,
        "next_at": moment(int(progress.next_at * 1e6)) if progress.next_at else None,
        "failures": progress.failures,
        "failure": formatting.shorten(failure, _FAILURE_CHARS),
    }


def _news(database: WatchDatabase) -> list[dict[str, Any]]:
    """The latest alerts: each is a change that matters."""
    statement = select(ALERTS).order_by(ALERTS.c.at.desc(), ALERTS.c.alert_id).limit(NEWS_SHOWN)
    found = []
    for row in database.read(statement):
        try:
            body = json.loads(row["body"])
        except ValueError:
            body = {}
        changes = [formatting.shorten(str(one), 2 * _TITLE_CHARS) for one in body.get("changes", [])[:2]]
        title = formatting.shorten(str(body.get("title", row["kind"])), _TITLE_CHARS)
        about = {"campaign": row["campaign_id"] or "", "kind": row["kind"]}
        found.append({"at": moment(row["at"]), "title": title, "changes": changes, **about})
    return found


def _health(console: Console, shown: ShownCase | None) -> Iterator[Health]:
    if console.traffic is not None:
        yield from _traffic_health(console, console.traffic)
    hunt = hunt_state(console)
    if hunt is not None and hunt["failures"]:
        failed = formatting.plural(hunt["failures"], "hunt")
        yield Health("bad", f"The latest {failed} failed.", formatting.sentence(hunt["failure"]), "/sources")
    if shown is None:
        yield Health("partial", "No hunt has ended yet.", "The first one starts when traffic has arrived.")
        return
    if (made := shown.facts.get("made_at")) is not None:
        age = (time.time() * 1e6 - made) / 60e6
        when = f"{formatting.plural(int(age), 'minute')} ago"
        if age > _RECENT_MINUTES:
            when = f"on {formatting.minute(datetime.fromtimestamp(made / 1e6, UTC))}"
        late = age > _LATE_HUNTS * console.config.watch.every_minutes
        yield Health("bad" if late else "good", f"The latest hunt was made {when}.", _LATE if late else "")
    missing = [part["family"] for part in shown.model.run.get("coverage", []) if not part.get("available")]
    if missing:
        words = formatting.join_words([formatting.shorten(str(name), 24) for name in missing])
        yield Health("partial", f"These logs allow no evidence of the families {words}.", "", "/sources")
    else:
        yield Health("good", "These logs allow evidence of every family.", "", "/sources")
    rejected = shown.model.rejected_share
    if rejected:
        yield Health("partial", f"{formatting.percent(rejected)} of the rows could not be used.", "", "/sources")


def _traffic_health(console: Console, traffic: Traffic) -> Iterator[Health]:
    if not traffic.last_at:
        yield Health("partial", "Nothing has been received since the start.", "", "/sources")
    else:
        minutes = (time.time() - traffic.last_at) / 60
        state = "good" if minutes < _SILENT_MINUTES else "bad"
        when = "less than a minute" if minutes < 1 else formatting.plural(int(minutes), "minute")
        received = formatting.plural(traffic.total(), "record")
        yield Health(state, f"{received} received since the start, the last one {when} ago.", "", "/sources")
    refused = sum(traffic.refused.values())
    if refused:
        yield Health("partial", f"{formatting.plural(refused, 'record')} refused since the start.", "", "/sources")
    if console.limits is not None and (full := console.limits.full()):
        yield Health("bad", formatting.sentence(full))


def _budget(shown: ShownCase) -> dict[str, Any] | None:
    """What the false-alarm budget of the last 30 days has left."""
    budget = shown.facts.get("budget") or {}
    try:
        allowed, spent, looks = float(budget["allowed"]), float(budget["spent"]), int(budget["looks"])
    except (KeyError, TypeError, ValueError):
        return None
    share = min(1.0, spent / allowed) if allowed else 1.0
    return {
        "words": f"{formatting.number(spent, 2)} of {formatting.number(allowed, 2)} false campaigns",
        "width": round(2 + 296 * share, 1),
        "looks": formatting.plural(looks, "hunt"),
        "required": formatting.bits(float(shown.facts.get("required_bits") or 0)),
    }


def _trend(shown: ShownCase) -> list[dict[str, Any]]:
    """Harvested requests by day, of campaigns to act on and of those to review."""
    verdicts = {name: one.verdict for name, one in shown.by_id.items()}
    days: dict[str, dict[str, int]] = defaultdict(lambda: {"act": 0, "review": 0})
    timeline = shown.case.timeline
    for campaign, bucket, requests in zip(
        timeline["campaign_id"].to_pylist(), timeline["bucket"].to_pylist(), timeline["requests"].to_pylist(),
        strict=True,
    ):  # fmt: skip
        verdict = verdicts.get(campaign, "none")
        if verdict != "none":
            days[f"{bucket:%Y-%m-%d}"][verdict] += requests
    return [{"day": day, **counts} for day, counts in sorted(days.items())][-120:]
