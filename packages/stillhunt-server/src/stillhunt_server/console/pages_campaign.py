"""A campaign: what is claimed, for and against, whom it touches, what is taken, and the work on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.base.errors import StillhuntError
from stillhunt.base.families import family_label
from stillhunt.decide.names import storable
from stillhunt.triage import charts
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.report_excerpts import CampaignExcerpts, campaign_excerpts, phrase_use
from stillhunt.triage.score_breakdown import log2_odds_of
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt.watch.records import history, linked_accounts, members_over_time
from stillhunt_server.case_views.harm import expected_harm
from stillhunt_server.case_views.narrative_draft import draft_narrative
from stillhunt_server.case_views.similar import similar_campaigns
from stillhunt_server.casework.event_words import describe_hunt_event
from stillhunt_server.casework.history import WorkConflict
from stillhunt_server.console.answers import answer_table, render
from stillhunt_server.console.case_panel import PlanChanged, case_panel, choosing_values, work_panel
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import FIRST_MEMBER_LIST, MEMBER_LIST
from stillhunt_server.console.pages_investigation import query_of_table, read_investigated, selection_values
from stillhunt_server.console.rendering import account_url, campaign_url, code_words, moment
from stillhunt_server.console.request_rows import answer_requests, cited_spec
from stillhunt_server.console.table_query import TableColumn, TableQuery
from stillhunt_server.console.tables import TableSpec, table_page

EVENTS_SHOWN = 40
LINKED_SHOWN = 20


def lineage_of(database: WatchDatabase, campaign: str) -> dict[str, Any]:
    """What became of a campaign over the hunts.

    Returns:
        The latest events (time, event, reason, other campaigns) with how many older ones there are; the accounts that
        match its signature, which is no verdict; and how many members of earlier snapshots are none now.
    """
    events = history(database, campaign)[::-1]
    members = members_over_time(database, campaign)
    newest = max((row["last_snapshot"] for row in members), default=0)
    linked = linked_accounts(database, campaign)
    return {
        "events": [
            (moment(row["at"]), describe_hunt_event(row["event"]), formatting.sentence(row["reason"]), row["others"])
            for row in events[:EVENTS_SHOWN]
        ],
        "more_events": max(0, len(events) - EVENTS_SHOWN),
        "linked": [{**row, "at": moment(row["at"])} for row in linked[:LINKED_SHOWN]],
        "linked_total": len(linked),
        "left": sum(row["last_snapshot"] < newest for row in members),
    }


OPPOSING_SHOWN = 12
STRONGEST_SHOWN = 10
"""Members on the campaign's own page; the others are one click away."""
SIMILAR_SHOWN = 6
_PARTS_OF_FACTS = {
    "accounts": "members",
    "roles": "members",
    "in declared programmes": "members?sanctioned=yes",
    **dict.fromkeys(("requests", "share of all traffic", "output tokens", "at list price"), "requests"),
}
"""Which facts have rows behind them, and where these are."""

_STATEMENT_CHARS = 600


EVIDENCE_LIST = TableSpec(
    "evidence",
    (
        TableColumn(
            "statement", "Finding", "text",
            shown=lambda row: formatting.sentence(formatting.shorten(row["statement"], _STATEMENT_CHARS)),
        ),
        TableColumn("family", "Family", "choice", shown=lambda row: family_label(row["family"])),
        TableColumn("kind", "Test", "choice", shown=lambda row: code_words(row["kind"])),
        TableColumn(
            "bits", "Bits", "figure", shown=lambda row: formatting.bits(row["bits"]),
            mark=lambda row: "bits for" if row["bits"] > 0 else "bits against",
        ),
        TableColumn(
            "request_count", "Requests", "figure",
            shown=lambda row: formatting.count(row["request_count"]) if row["request_count"] else "",
            link=lambda row: _build_cited_url(row) if row["request_ids"] else "",
        ),
        TableColumn(
            "account_id", "Account", "id",
            link=lambda row: account_url(row["account_id"]) if row["account_id"] else "",
        ),
        TableColumn("request_ids", "Some of them", "id", aside=True),
    ),
    empty="The case holds no evidence of it.",
    sort="-bits",
)  # fmt: skip


@dataclass(frozen=True)
class CampaignPage:
    """What the parts that the page has in common with the report look at."""

    number: int
    model: CampaignModel
    waterfall: charts.Waterfall
    opposing: tuple[tuple[str, str], ...]
    buckets: tuple[dict[str, Any], ...]
    excerpts: CampaignExcerpts


def campaign(request: PageRequest, conflict: StillhuntError | None = None, text: str = "") -> Response:
    """The page of a campaign with the work on it; of one that left the snapshot, what is kept of it.

    Args:
        conflict: why a change was not made.
        text: what the reader wrote then, which is not lost.
    """
    name = request.route["campaign"]
    rows, database = _left_rows(request, name), request.console.database
    values = _left_campaign(request, rows[0]) if rows else _present_campaign(request)
    name = rows[0]["campaign_id"] if rows else name
    values |= {
        "name": name,
        "lineage": lineage_of(database, name) if database is not None else None,
        "conflict": conflict,
        "conflict_text": text,
    }
    template = "campaign_left.html" if rows else "campaign.html"
    refused = 409 if isinstance(conflict, WorkConflict | PlanChanged) else 400
    return render(request, template, values, 200 if conflict is None else refused)


def shows_campaign(request: PageRequest, name: str) -> bool:
    """Whether there is a page of a campaign: it is in the snapshot, or was in an earlier one."""
    return (request.latest is not None and name in request.latest.by_id) or bool(_left_rows(request, name))


def _left_rows(request: PageRequest, name: str) -> list[dict[str, Any]]:
    """What the database has of a campaign that the snapshot has not."""
    database = request.console.database
    if database is None or (request.latest is not None and name in request.latest.by_id):
        return []
    return database.read(select(CAMPAIGN_ROWS).where(CAMPAIGN_ROWS.c.campaign_id == storable(name)))


def _present_campaign(request: PageRequest) -> dict[str, Any]:
    shown, name = request.case, request.route["campaign"]
    model = shown.campaign(name)
    request.look("campaign", name)
    members = shown.members_of(name)
    against = model.total.opposing[:OPPOSING_SHOWN]
    page = CampaignPage(
        1,
        model,
        charts.waterfall(model.total, log2_odds_of(model.run.settings.act_probability)),
        tuple((formatting.sentence(term.shown), formatting.bits(term.bits)) for term in against),
        tuple(shown.of_campaign("timeline", name).sort_by("bucket").to_pylist()),
        campaign_excerpts(shown.of_campaign("samples", name)),
    )
    return {
        "c": page,
        "score": min(max(model.row["score"], 0.0), 1.0),
        "harm": expected_harm(model, shown.case.timeline),
        "facts": [(label, value, _build_fact_url(name, label)) for label, value in model.facts],
        "members": table_page(FIRST_MEMBER_LIST, members.slice(0, STRONGEST_SHOWN), TableQuery()),
        "all_members": members.num_rows,
        "draft": _draft_from_facts(request, model) if request.given["draft"] else "",
        "similar": similar_campaigns(request.derived.profiles, name, SIMILAR_SHOWN),
        **case_panel(request, name),
    }


def _draft_from_facts(request: PageRequest, model: CampaignModel) -> str:
    traits = request.derived.traits_of(model.row["campaign_id"])
    return draft_narrative(model, [one for one in traits.traits if one.members == traits.facts.num_rows])


def _left_campaign(request: PageRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a campaign that the snapshot does not have any more: its history, and the work on it."""
    request.look("campaign", row["campaign_id"])
    shown = {**row, "first_seen": moment(row["first_seen"]), "last_seen": moment(row["last_seen"])}
    return {"row": shown, **work_panel(request, row["campaign_id"])}


def members(request: PageRequest) -> Response:
    """All members of a campaign."""
    one = read_investigated(request)
    request.look("members", one.name)
    head = {**selection_values(request, one, "members"), "title": "Members", "meaning": MEMBERS_MEANING}
    head |= choosing_values(request, one.name)
    shown = replace(request, query=query_of_table(request, one))
    return answer_table(shown, "campaign_members.html", MEMBER_LIST, one.rows_of(one.traits.facts), head)


def evidence(request: PageRequest) -> Response:
    """Every finding about a campaign and its members."""
    head = _open_campaign_part(request, "evidence", "Evidence", EVIDENCE_MEANING)
    found = request.case.of_campaign("evidence", head["name"])
    return answer_table(request, "campaign_table.html", EVIDENCE_LIST, found, head)


def requests_of(request: PageRequest) -> Response:
    """The harvested requests of a campaign."""
    if request.given["rows"] == "cited":
        return _answer_cited(request)
    head = _open_campaign_part(request, "requests", "Harvested requests", REQUESTS_MEANING)
    head["cited"] = request.case.count_cited(head["name"])
    return answer_requests(request, head["name"], head)


def _answer_cited(request: PageRequest) -> Response:
    """The requests that findings name, in the order in which they came: of the selected members, or of one finding."""
    one = read_investigated(request)
    request.look("requests", one.name)
    spec = cited_spec(request.console.config.console.log_link)
    if request.query.export:
        rows = request.case.of_campaign("cited", one.name)
    else:
        rows = request.case.cited_of(one.name, tuple(column.name for column in spec.columns))
    if one.selection.narrows:
        chosen = one.rows_of(one.traits.facts)["account_id"].combine_chunks()
        rows = rows.filter(pc.is_in(rows["account_id"], value_set=chosen))
    if finding := request.given["finding"]:
        named = request.case.of_campaign("evidence", one.name)
        named = named.filter(pc.equal(named["kind"], finding))["request_ids"].combine_chunks().flatten()
        rows = rows.filter(pc.is_in(rows["request_id"], value_set=named))
    for bound, compare in ((one.selection.since, pc.greater_equal), (one.selection.until, pc.less)):
        if bound is not None:
            rows = rows.filter(compare(rows["timestamp"], pa.scalar(bound, rows["timestamp"].type)))
    head = {
        **selection_values(request, one, "requests"),
        "title": "Requests that findings name",
        "meaning": CITED_MEANING,
    }
    shown = replace(request, query=query_of_table(request, one))
    return answer_table(shown, "campaign_cited.html", spec, rows, head)


def phrase(request: PageRequest) -> Response:
    """Where a phrase of the template is seen."""
    head = _open_campaign_part(request, "excerpts", "A phrase of the template")
    use = phrase_use(request.case.of_campaign("samples", head["name"]), request.given["phrase"][:2000])
    return render(request, "campaign_phrase.html", {**head, "use": use})


MEMBERS_MEANING = (
    "The verdict and the probability are the account's own; accounts with the verdict act are flagged. Requests are "
    "those in this campaign, other requests all others of the account, and the share is the first as a part of both."
)
EVIDENCE_MEANING = (
    "One bit doubles the odds. Findings about the whole campaign have no account; those about an account say how much "
    "it is a member. Negative bits are evidence against. Bits about the whole campaign count against the explanation "
    "beside a harvest that fits best; rows of the family “Explanations” say how each of them stands."
)
REQUESTS_MEANING = "The requests that are counted as harvested. Their texts stay in your logs: open an id there."


CITED_MEANING = (
    "In the order in which they came. The case keeps time, model, status and tokens of the requests that findings "
    "name, and of no others; texts stay in your logs."
)


def _open_campaign_part(request: PageRequest, what: str, title: str = "", meaning: str = "") -> dict[str, Any]:
    """The head of a part of a campaign; that somebody looks at it is written down."""
    name = request.route["campaign"]
    model = request.case.campaign(name)
    request.look(what, name)
    return {"model": model, "name": name, "title": title, "meaning": meaning}


def _build_cited_url(row: Mapping[str, Any]) -> str:
    """Where the requests are that a finding names."""
    query = urlencode(
        {"rows": "cited", "finding": row["kind"], **({"find": row["account_id"]} if row["account_id"] else {})}
    )
    return f"{campaign_url(row['campaign_id'], 'requests')}?{query}"


def _build_fact_url(name: str, label: str) -> str:
    part = _PARTS_OF_FACTS.get(label, "")
    path, _, query = part.partition("?")
    return campaign_url(name, path) + (f"?{query}" if query else "") if part else ""
