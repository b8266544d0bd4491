"""The first page: what is new, what to read first, whether traffic is seen, and the false-alarm budget."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.base.families import family_label
from stillhunt.triage.report import case_figures
from stillhunt.triage.score_breakdown import log2_odds_of
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS
from stillhunt_server.case_views.harm import HARM_MEANING
from stillhunt_server.casework.mentions import waiting_mentions
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import Console, PageRequest
from stillhunt_server.console.pages_queue import queue_rows
from stillhunt_server.console.rendering import moment
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.server_news import TrafficNews

NEWS_SHOWN = 8
FIRST_SHOWN = 5
"""Campaigns of the queue on the first page."""
_ACT = "/campaigns?view=all&verdict=act"
_BEHIND = (
    _ACT,
    "/campaigns?view=all&verdict=review",
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
    """One line about what the findings rest on."""

    state: str
    words: str
    note: str = ""  # what it means; "" for nothing
    link: str = ""


def overview(request: PageRequest) -> Response:
    """The first page."""
    console, shown = request.console, request.latest
    values: dict[str, Any] = {
        "shown": shown,
        "hunt": hunt_state(console),
        "news": _list_latest_alerts(console.database) if console.database is not None else [],
        "health": list(_iterate_health_signs(console, shown)),
        "mentions": waiting_mentions(console.database, request.by, request.now) if console.database is not None else [],
    }
    if shown is not None:
        all_rows = queue_rows(console.database, shown, request.now)
        rows = [row for row in all_rows if row["state"] == "waiting"]
        values |= {
            "acted": [row for row in all_rows if row["stands"]][:FIRST_SHOWN],
            "figures": list(zip(case_figures(shown.model), _BEHIND, strict=False)),
            "first": rows[:FIRST_SHOWN],
            "waiting": len(rows),
            "campaigns": len(shown.model.of_verdict("act", "review")),
            "budget": _describe_alarm_budget(shown),
            "trend": (trend := _count_harvest_by_day(shown)),
            "trend_review": any(day["review"] for day in trend),
            "harm_meaning": HARM_MEANING,
        }
    return render(request, "overview.html", values)


def hunt_part(request: PageRequest) -> Response:
    """The line about the running hunt, which asks for itself again while the page is open."""
    return render(request, "hunt_state.html", {"hunt": hunt_state(request.console)})


def hunt_state(console: Console) -> dict[str, Any] | None:
    """What the hunts of this server do; None where another one hunts, or none does."""
    hunts = console.news.hunts
    if hunts is None:
        return None
    running = hunts.running_since
    return {
        "running": running is not None,
        "seconds": int(time.time() - running) if running is not None else 0,
        "next_at": moment(int(hunts.next_at * 1e6)) if hunts.next_at else None,
        "failures": hunts.failures,
        "failure": formatting.shorten(hunts.failure, _FAILURE_CHARS),
    }


def _list_latest_alerts(database: WatchDatabase) -> list[dict[str, Any]]:
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


def _iterate_health_signs(console: Console, shown: ShownCase | None) -> Iterator[Health]:
    if console.news.traffic is not None:
        yield from _traffic_health(console.news.traffic)
    hunt = hunt_state(console)
    if hunt is not None and hunt["failures"]:
        failed = formatting.plural(hunt["failures"], "hunt")
        yield Health("bad", f"The latest {failed} failed.", formatting.sentence(hunt["failure"]), "/sources")
    if shown is None:
        yield Health("partial", "No hunt has ended yet.", "The first one starts when traffic has arrived.")
        return
    if (made := shown.facts.get("made_at")) is not None:
        age = (time.time() * 1e6 - made) / 60e6
        when = f"{formatting.plural(int(age), 'minute')} ago" if age >= 1 else "just now"
        if age > _RECENT_MINUTES:
            when = f"on {formatting.minute(datetime.fromtimestamp(made / 1e6, UTC))}"
        late = age > _LATE_HUNTS * console.config.watch.every_minutes
        search = ""
        if warm := shown.facts.get("warm"):
            at = formatting.minute(datetime.fromtimestamp(warm["base_at"] / 1e6, UTC))
            search = f"It judged known campaigns by what is new. New ones were last searched for on {at}."
        yield Health("bad" if late else "good", f"The latest hunt was made {when}.", _LATE if late else search)
    missing = [part["family"] for part in shown.model.run.get("coverage", []) if not part.get("available")]
    if missing:
        words = formatting.join_words([f"“{formatting.shorten(family_label(str(name)), 24)}”" for name in missing])
        families = formatting.verb(len(missing), "family", "families")
        yield Health("partial", f"These logs allow no evidence of the {families} {words}.", "", "/sources")
    else:
        yield Health("good", "These logs allow evidence of every family.", "", "/sources")
    rejected = shown.model.rejected_share
    if rejected:
        yield Health("partial", f"{formatting.percent(rejected)} of the rows could not be used.", "", "/sources")


def _traffic_health(traffic: TrafficNews) -> Iterator[Health]:
    if not traffic.last_at:
        yield Health("partial", "Nothing has been received since the start.", "", "/sources")
    else:
        minutes = (time.time() - traffic.last_at) / 60
        state = "good" if minutes < _SILENT_MINUTES else "bad"
        when = "less than a minute" if minutes < 1 else formatting.plural(int(minutes), "minute")
        received = formatting.plural(sum(traffic.records.values()), "record")
        yield Health(state, f"{received} received since the start, the last one {when} ago.", "", "/sources")
    refused = sum(traffic.refused.values())
    if refused:
        yield Health("partial", f"{formatting.plural(refused, 'record')} refused since the start.", "", "/sources")
    if traffic.full:
        yield Health("bad", formatting.sentence(traffic.full))


def _describe_alarm_budget(shown: ShownCase) -> dict[str, Any] | None:
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
        "required": formatting.bits(_bits_to_act(shown)),
    }


def _bits_to_act(shown: ShownCase) -> float:
    """Bits of evidence that the verdict act takes: what the budget asks, or its threshold where that is more."""
    asked = float(shown.facts.get("required_bits") or 0)
    if not shown.model.campaigns:
        return asked
    settings = shown.model.campaigns[0].run.settings
    return max(asked, log2_odds_of(settings.act_probability) - settings.prior_bits)


def _count_harvest_by_day(shown: ShownCase) -> list[dict[str, Any]]:
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
