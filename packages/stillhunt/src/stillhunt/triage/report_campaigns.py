"""What the report shows of each campaign beside the model: evidence, members, excerpts and drawings, bounded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.triage import charts
from stillhunt.triage.account_facts import account_facts
from stillhunt.triage.kinds import role_label
from stillhunt.triage.model import FULL_ID_CHARS, CampaignModel, CaseModel
from stillhunt.triage.report_excerpts import CampaignExcerpts, campaign_excerpts
from stillhunt.triage.score_breakdown import log2_odds_of

_ALLOWED = "allowed"  # shown instead of a verdict for accounts whose programme the settings declare

_TEXT, _CHOICE, _FIGURE = "text", "choice", "figure"
"""Kinds of columns: free text; few values, offered as a filter; numbers, ordered by value and set right."""

_BETWEEN_VALUES = "; "  # stands between the values of one cell; the page's script cuts there

_VALUES_SHOWN = 3
_VALUE_CHARS = 40
_POINTS_DRAWN = 1500


@dataclass(frozen=True)
class MemberColumn:
    """One column: its heading, its kind, and what it shows of a row of ACCOUNT_FACTS."""

    title: str
    kind: str
    shown: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class MemberTable:
    """The members of one campaign as the report shows them."""

    columns: tuple[MemberColumn, ...]
    unknown: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    full_ids: tuple[str, ...]  # for each row the whole account id where the row has it cut, else ""
    total: int
    # account, role, verdict, requests, share and probability of at most 1,500 of them, for the chart
    points: tuple[tuple[Any, ...], ...]


def member_table(facts: pa.Table, limit: int) -> MemberTable:
    """The members of one campaign, ready to show."""
    records = facts.select(_FACTS).slice(0, limit).to_pylist()
    cells = [[column.shown(record) for record in records] for column in _COLUMNS]
    filled = [place for place, texts in enumerate(cells) if any(texts) or _COLUMNS[place].kind == _FIGURE]
    step = -(-len(records) // _POINTS_DRAWN) or 1
    return MemberTable(
        columns=tuple(_COLUMNS[place] for place in filled),
        unknown=tuple(column.title for place, column in enumerate(_COLUMNS) if place not in filled),
        rows=tuple(zip(*(cells[place] for place in filled), strict=True)),
        full_ids=tuple(map(_full_id, records)),
        total=facts.num_rows,
        points=tuple(_chart_point(record) for record in records[::step]),
    )


def _chart_point(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        _shown_account(record),
        _shown_role(record),
        _shown_verdict(record),
        record["requests"],
        round(record["share"], 6),
        round(record["score"], 6),
    )


def _shown_account(record: Mapping[str, Any]) -> str:
    return formatting.shorten(record["account_id"], FULL_ID_CHARS)


def _full_id(record: Mapping[str, Any]) -> str:
    """What is copied and downloaded, where it is not what is shown."""
    full = formatting.escape_controls(record["account_id"])
    return "" if full == _shown_account(record) else full


def _shown_verdict(record: Mapping[str, Any]) -> str:
    return _ALLOWED if record["sanctioned"] else formatting.shorten(record["verdict"], 12)


def _shown_role(record: Mapping[str, Any]) -> str:
    return role_label(record["role"])


def _shows_moment(name: str) -> Callable[[Mapping[str, Any]], str]:
    def shown(record: Mapping[str, Any]) -> str:
        moment: datetime | None = record[name]
        return "" if moment is None else formatting.minute(moment).removesuffix(" UTC")

    return shown


def _shows_values(name: str) -> Callable[[Mapping[str, Any]], str]:
    def shown(record: Mapping[str, Any]) -> str:
        values = [formatting.shorten(value, _VALUE_CHARS) for value in record[name][:_VALUES_SHOWN]]
        rest = len(record[name]) - len(values)
        return _BETWEEN_VALUES.join([*values, *([f"{rest} more"] if rest else [])])

    return shown


_COLUMNS = (
    MemberColumn("Account", _TEXT, _shown_account),
    MemberColumn("Verdict", _CHOICE, _shown_verdict),
    MemberColumn("Probability", _FIGURE, lambda record: formatting.probability(record["score"])),
    MemberColumn("Role", _CHOICE, _shown_role),
    MemberColumn("Requests", _FIGURE, lambda record: formatting.count(record["requests"])),
    MemberColumn("Other requests", _FIGURE, lambda record: formatting.count(record["other_requests"])),
    MemberColumn("Share", _FIGURE, lambda record: formatting.percent(record["share"])),
    MemberColumn("First seen (UTC)", _TEXT, _shows_moment("first_seen")),
    MemberColumn("Last seen (UTC)", _TEXT, _shows_moment("last_seen")),
    MemberColumn("Signed up (UTC)", _TEXT, _shows_moment("created_at")),
    MemberColumn("Plan", _CHOICE, lambda record: formatting.shorten(record["plan"] or "", _VALUE_CHARS)),
    MemberColumn("Client", _CHOICE, _shows_values("clients")),
    MemberColumn("Country", _CHOICE, _shows_values("countries")),
)
_FACTS = [
    *("account_id", "verdict", "sanctioned", "score", "role", "requests", "other_requests", "share"),
    *("first_seen", "last_seen", "created_at", "plan", "clients", "countries"),
]


CAMPAIGNS_IN_DETAIL = 200
MEMBERS_AT_FIRST = 50
MEMBERS_IN_ALL = 60_000
_OPPOSING_SHOWN = 12
_BUCKETS_SHOWN = 300


@dataclass(frozen=True)
class CampaignView:
    """One campaign as the report shows it."""

    number: int
    model: CampaignModel
    score: float
    waterfall: charts.Waterfall
    opposing: tuple[tuple[str, str], ...]
    spark: charts.Sparkline
    buckets: tuple[dict[str, Any], ...]
    members: MemberTable
    excerpts: CampaignExcerpts


def campaign_views(
    case: CaseModel,
    campaigns: Sequence[CampaignModel],
    samples: pa.Table,
    timeline: pa.Table,
    period: tuple[datetime, datetime],
) -> list[CampaignView]:
    """The campaigns as the report shows them."""
    names = [campaign.row["campaign_id"] for campaign in campaigns]
    facts = account_facts(case, campaigns)
    parts = zip(*(_split_by_campaign(table, names) for table in (facts, samples, timeline)), strict=True)
    views: list[CampaignView] = []
    budget = MEMBERS_IN_ALL
    for number, (model, (own_facts, own_samples, own_timeline)) in enumerate(zip(campaigns, parts, strict=True), 1):
        members = member_table(own_facts, max(budget, MEMBERS_AT_FIRST))
        budget -= len(members.rows)
        buckets = own_timeline.sort_by("bucket").slice(0, _BUCKETS_SHOWN).to_pylist()
        against = model.total.opposing[:_OPPOSING_SHOWN]
        views.append(
            CampaignView(
                number=number,
                model=model,
                score=min(max(model.row["score"], 0.0), 1.0),
                waterfall=charts.waterfall(model.total, log2_odds_of(model.run.settings.act_probability)),
                opposing=tuple((formatting.sentence(t.shown), formatting.bits(t.bits)) for t in against),
                spark=charts.sparkline(buckets, *period),
                buckets=tuple(buckets),
                members=members,
                excerpts=campaign_excerpts(own_samples),
            )
        )
    return views


def _split_by_campaign(table: pa.Table, names: list[str]) -> list[pa.Table]:
    """The rows of each of some campaigns, found in one look at the table."""
    number = pc.fill_null(pc.index_in(table["campaign_id"], value_set=pa.array(names, pa.string())), -1).to_numpy()
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(names) + 1))
    parts = []
    for begin, end in pairwise(bounds.tolist()):
        rows = order[begin:end]
        side_by_side = end > begin and int(rows[-1] - rows[0]) == end - begin - 1
        parts.append(table.slice(int(rows[0]), end - begin) if side_by_side else table.take(pa.array(rows)))
    return parts
