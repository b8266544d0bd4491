"""An investigation of a campaign: one selection of its members, as a matrix, a graph, in time, by country, as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from starlette.responses import JSONResponse, Response

from stillhunt.base import formatting
from stillhunt.decide.case_work import read_work
from stillhunt.triage.kinds import role_label
from stillhunt.triage.model import CampaignModel
from stillhunt_server.case_views.case_timeline import case_timeline
from stillhunt_server.case_views.member_selection import (
    Flags,
    MemberSelection,
    describe_selection,
    read_selection,
    select_members,
    split_values,
)
from stillhunt_server.case_views.member_traits import (
    COMMONNESS_SENTENCE,
    OTHER_CAMPAIGN_KIND,
    MemberTraits,
    describe_traits,
)
from stillhunt_server.case_views.trait_graph import GraphNode, first_graph, graph_step
from stillhunt_server.case_views.trait_matrix import TraitMatrix, trait_matrix
from stillhunt_server.casework.campaign_events import campaign_events
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.rendering import account_url, campaign_url
from stillhunt_server.console.table_query import TableQuery

_PLACES = (
    ("matrix", "Matrix", ()),
    ("graph", "Graph", (("view", "graph"),)),
    ("timeline", "Timeline", (("view", "timeline"),)),
    ("countries", "Countries", (("view", "countries"),)),
)
_PAGES = (("members", "Members", ()), ("requests", "Requests", (("rows", "cited"),)))
"""Views of the page itself, and pages that show the same selection: name, title and parameters."""
_COUNTRY_KINDS = {
    "country": "Requests",
    "signup_country": "Sign-up",
    "payment_country": "Payment",
    "phone_country": "Phone",
}
"""Kinds of traits that are countries -> what of a member is there."""
COUNTRIES_SHOWN = 60
"""Judgement: what can be read; a campaign in more countries is everywhere."""
TRAITS_NAMED = 12
"""Traits that a sentence names. Judgement: a sentence that can be read."""


@dataclass(frozen=True)
class Investigated:
    """The selected members of a campaign."""

    model: CampaignModel
    name: str
    traits: MemberTraits
    selection: MemberSelection
    chosen: Flags  # which members, shape (members,)
    missing: int  # traits of the address that this case does not have

    @property
    def number(self) -> int:
        """How many members are selected."""
        return int(self.chosen.sum())

    def rows_of(self, table: pa.Table) -> pa.Table:
        """The rows of a table of all members, in the order of `traits.facts`, that are selected."""
        return table.take(pa.array(np.flatnonzero(self.chosen))) if self.selection.narrows else table


def read_investigated(request: PageRequest) -> Investigated:
    """The members that an address selects."""
    name = request.route["campaign"]
    model, traits = request.case.campaign(name), request.derived.traits_of(name)
    selection = read_selection(lambda one: request.query.choices.get(one, ()))
    chosen, missing = select_members(traits, selection)
    return Investigated(model, name, traits, selection, chosen, missing)


def selection_values(request: PageRequest, one: Investigated, view: str) -> dict[str, Any]:
    """What the head of each of these pages shows: who is selected, by what, and where the same is seen otherwise."""
    facts, database = one.traits.facts, request.console.database
    may = request.viewer is not None and request.viewer.may("analyst")
    count = formatting.part_of(one.number, facts.num_rows, "member")
    return {
        "name": one.name,
        "may_keep": database is not None and may and one.model.verdict != "none",
        "version_seen": read_work(database, one.name).version if database is not None else 0,
        "cites": view == "requests",
        "model": one.model,
        "seen_as": view,
        "selected": formatting.sentence_case(count),
        "selection": one.selection,
        "parts": describe_selection(one.traits, one.selection),
        "missing": one.missing,
        "places": [
            *(
                (key, label, campaign_url(one.name, "ties") + one.selection.url(*query))
                for key, label, query in _PLACES
            ),
            *((key, label, campaign_url(one.name, key) + one.selection.url(*query)) for key, label, query in _PAGES),
        ],
        "roles": [(role, role_label(role)) for role in sorted(set(facts["role"].to_pylist()))],
        "keeps": {key: query for key, _, query in (*_PLACES, *_PAGES)},
        "verdicts": sorted(set(facts["verdict"].to_pylist())),
    }


def investigation(request: PageRequest) -> Response:
    """What members share, and when it happened."""
    one = read_investigated(request)
    request.look("members", one.name)
    view = request.given["view"] if request.given["view"] in _VIEWS else "matrix"
    return render(request, "investigation.html", {**selection_values(request, one, view), **_VIEWS[view](request, one)})


def query_of_table(request: PageRequest, one: Investigated) -> TableQuery:
    """What is asked of a table on a page of the selection: its links keep what the table itself does not read."""
    kept = [pair for pair in one.selection.pairs() if pair[0] not in ("role", "verdict")]
    others = [(name, request.given[name]) for name in ("rows", "finding") if request.given[name]]
    return replace(request.query, others=(*others, *kept))


def _matrix_values(request: PageRequest, one: Investigated) -> dict[str, Any]:
    matrix = trait_matrix(one.traits, one.chosen, one.selection, request.query.page)
    page = min(request.query.page, matrix.pages)
    facts, turn = one.traits.facts, [("page", str(page + step)) for step in (-1, 1)]
    rows = []
    for group in matrix.rows:
        single = facts["account_id"][int(group.rows[0])].as_py() if group.members == 1 else ""
        rows.append((group, single, account_url(single) if single else group.selection.url(), group.selection.url()))
    return {
        "title": "What ties its members",
        "matrix": matrix,
        "rows": rows,
        "columns": [_column_values(one, trait, number) for trait, number in matrix.columns],
        "before": one.selection.url(turn[0]) if page > 1 else "",
        "after": one.selection.url(turn[1]) if page < matrix.pages else "",
        "said": _describe_matrix(matrix, one.number),
        "commonness": COMMONNESS_SENTENCE,
    }


def _column_values(one: Investigated, trait: Any, number: int) -> dict[str, Any]:
    selection = one.selection
    return {
        "trait": trait,
        "number": number,
        "having": selection.also(having=(trait.ref,)).url(),
        "lacking": selection.also(lacking=(trait.ref,)).url(),
        "hide": replace(selection, hidden=(*selection.hidden, trait.ref)).url(),
        "pivot": campaign_url(trait.value, "ties") if trait.kind == OTHER_CAMPAIGN_KIND else "",
    }


def _describe_matrix(matrix: TraitMatrix, members: int) -> list[str]:
    """What a reader must know of the matrix, in sentences."""
    said = []
    if matrix.common:
        said.append(f"All of them have: {describe_traits(matrix.common, TRAITS_NAMED)}.")
    if matrix.pages > 1:
        said.append(
            f"The rows of this page are {formatting.part_of(len(matrix.rows), matrix.groups, 'group')}, the largest "
            f"first, with {formatting.part_of(matrix.covered, members, 'member')}."
        )
    if matrix.further:
        number = formatting.plural(len(matrix.further), "further trait")
        said.append(f"Not shown: {number} that tell fewer members apart: {describe_traits(matrix.further, 4)}.")
    return said


def _timeline_values(request: PageRequest, one: Investigated) -> dict[str, Any]:
    members, database = one.rows_of(one.traits.facts), request.console.database
    events = campaign_events(database, one.name, members) if database is not None else []
    requests = request.case.of_campaign("timeline", one.name)
    timeline = case_timeline(requests, members, events, (one.selection.since, one.selection.until))
    bars, bucket = [], ""
    if timeline is not None:
        starts = timeline.starts
        spans = [replace(one.selection, since=a, until=b) for a, b in pairwise(starts)]
        bars = [(at, span.url(("view", "timeline"))) for at, span in zip(starts[:-1], spans, strict=True)]
        bucket = _describe_length(timeline.length)
    return {
        "title": "What happened, and when",
        "timeline": timeline,
        "bars": bars,
        "bucket": bucket,
        "kinds": {
            "hunt": "Hunts",
            "found": "Members found",
            "decision": "Decisions",
            "replacement": "Replacements",
            "work": "Work on the case",
        },
        "later": lambda event: _describe_length(event.known_at - event.at),
    }


def _describe_length(length: timedelta) -> str:
    hours = round(length.total_seconds() / 3600)
    return formatting.plural(hours, "hour") if hours < 48 else formatting.plural(round(hours / 24), "day")


def _count_countries(_request: PageRequest, one: Investigated) -> dict[str, Any]:
    """Members by country, the one with most of their requests first: a table, since a map shows large countries."""
    counts = one.traits.count_in(one.chosen).tolist()
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for trait, number in zip(one.traits.traits, counts, strict=True):
        if trait.kind in _COUNTRY_KINDS and number:
            href = one.selection.also(having=(trait.ref,)).url(("view", "countries"))
            found.setdefault(trait.value, {})[trait.kind] = number, href

    def cell(number: int, href: str) -> dict[str, Any]:
        return {"members": number, "href": href, "width": round(100 * number / one.number, 1)}

    def rank(value: str) -> tuple[list[int], str]:
        return [-found[value].get(kind, (0, ""))[0] for kind in _COUNTRY_KINDS], value

    rows = [
        (value, [cell(*found[value][kind]) if kind in found[value] else None for kind in _COUNTRY_KINDS])
        for value in sorted(found, key=rank)
    ]
    return {
        "title": "Where its members are",
        "countries": rows[:COUNTRIES_SHOWN],
        "further": max(0, len(rows) - COUNTRIES_SHOWN),
        "kinds": list(_COUNTRY_KINDS.values()),
    }


def _graph_values(_request: PageRequest, _one: Investigated) -> dict[str, Any]:
    return {"title": "Members and traits"}


def graph_data(request: PageRequest) -> Response:
    """The first nodes of the graph of some members, or those that a step adds to one of them."""
    one = read_investigated(request)
    request.look("members", one.name)
    if request.given["part"]:
        shown = frozenset(split_values(request.query.choices.get("shown", ())))
        step = graph_step(one.traits, one.selection, request.given["part"], request.given["node"], shown)
    else:
        step = first_graph(one.traits, one.chosen, one.selection)
    nodes = [
        {
            "id": node.node_id,
            **{name: getattr(node, name) for name in ("kind", "label", "members", "verdict", "more")},
            "select": campaign_url(one.name, "ties") + node.select if node.select else "",
            "href": _page_of_node(node),
        }
        for node in step.nodes
    ]
    return JSONResponse({"nodes": nodes, "ties": step.ties})


def _page_of_node(node: GraphNode) -> str:
    if not node.about:
        return ""
    return account_url(node.about) if node.kind == "account" else campaign_url(node.about, "ties")


_VIEWS: dict[str, Callable[[PageRequest, Investigated], dict[str, Any]]] = {
    "matrix": _matrix_values,
    "graph": _graph_values,
    "timeline": _timeline_values,
    "countries": _count_countries,
}
"""What an investigation can be seen as -> what the template `investigation_NAME.html` needs."""
