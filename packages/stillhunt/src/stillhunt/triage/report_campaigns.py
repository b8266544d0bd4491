"""What the report shows of each campaign beside the model: evidence, members, excerpts and drawings, bounded."""

from __future__ import annotations

from collections.abc import Sequence
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
from stillhunt.triage.margins import log2_odds_of
from stillhunt.triage.model import CampaignModel, CaseModel
from stillhunt.triage.report_excerpts import CampaignExcerpts, campaign_excerpts
from stillhunt.triage.report_members import MemberTable, member_table

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
    """The campaigns as the report shows them.

    Args:
        campaigns: those shown, in reading order.
        period: begin and end of the common time axis.
    """
    names = [campaign.row["campaign_id"] for campaign in campaigns]
    facts = account_facts(case, campaigns)
    parts = zip(*(_split(table, names) for table in (facts, samples, timeline)), strict=True)
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


def _split(table: pa.Table, names: list[str]) -> list[pa.Table]:
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
