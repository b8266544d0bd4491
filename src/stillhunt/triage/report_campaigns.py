"""What the report shows of each campaign beside the model: members, excerpts and drawings, bounded."""

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
from stillhunt.triage.margins import log2_odds_of
from stillhunt.triage.model import ID_CHARS, CampaignModel

CAMPAIGNS_IN_DETAIL = 200
ALLOWED = "allowed"
"""Shown instead of a verdict for accounts whose programme the settings declare."""

MEMBERS_AT_FIRST = 50
MEMBERS_PER_CAMPAIGN = 5000
MEMBERS_IN_ALL = 30_000
_OPPOSING_SHOWN = 12
_SAMPLES_SHOWN = 6
_BUCKETS_SHOWN = 300
_SAMPLE_CHARS = 2000
_SAMPLE_ID_CHARS = 40


@dataclass(frozen=True)
class MemberRow:
    """One line of a members table; numbers are rounded here, so that page and script show the same."""

    account: str
    role: str
    verdict: str
    requests: int
    share: float
    score: float


@dataclass(frozen=True)
class SampleCard:
    """One excerpt, cut into pieces that are marked or not."""

    account: str
    when: str
    pieces: tuple[tuple[str, bool], ...]


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
    members: tuple[MemberRow, ...]
    members_total: int
    samples: tuple[SampleCard, ...]


def campaign_views(
    campaigns: Sequence[CampaignModel],
    members: pa.Table,
    accounts: pa.Table,
    samples: pa.Table,
    timeline: pa.Table,
    period: tuple[datetime, datetime],
) -> list[CampaignView]:
    """The campaigns as the report shows them.

    Args:
        campaigns: in reading order.
        members: the MEMBERS table.
        accounts: the accounts table; members are shown with their account's verdict.
        samples: the SAMPLES table.
        timeline: the TIMELINE table.
        period: begin and end of the common time axis.
    """
    names = [campaign.row["campaign_id"] for campaign in campaigns]
    parts = zip(
        *(_split(table, names) for table in (_with_verdicts(members, accounts), samples, timeline)), strict=True
    )
    views: list[CampaignView] = []
    budget = MEMBERS_IN_ALL
    for number, (model, (own_members, own_samples, own_timeline)) in enumerate(zip(campaigns, parts, strict=True), 1):
        shown = _member_rows(own_members, min(MEMBERS_PER_CAMPAIGN, max(budget, MEMBERS_AT_FIRST)))
        budget -= len(shown)
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
                members=shown,
                members_total=own_members.num_rows,
                samples=_sample_cards(own_samples),
            )
        )
    return views


def _with_verdicts(members: pa.Table, accounts: pa.Table) -> pa.Table:
    places = pc.index_in(members["account_id"], value_set=accounts["account_id"])
    sanctioned = pc.fill_null(accounts["sanctioned"].take(places), False)
    shown = pc.if_else(sanctioned, ALLOWED, accounts["verdict"].take(places))
    return members.append_column("verdict", shown)


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


def _member_rows(members: pa.Table, limit: int) -> tuple[MemberRow, ...]:
    keys = [("score", "descending"), ("requests", "descending"), ("account_id", "ascending")]
    top = members.take(pc.sort_indices(members, sort_keys=keys).slice(0, limit))
    return tuple(
        MemberRow(
            account=formatting.shorten(row["account_id"], ID_CHARS),
            role=formatting.shorten(row["role"], 12),
            verdict=formatting.shorten(row["verdict"] or "not known", 12),
            requests=row["requests"],
            share=round(row["share"], 6),
            score=round(row["score"], 6),
        )
        for row in top.to_pylist()
    )


def _sample_cards(samples: pa.Table) -> tuple[SampleCard, ...]:
    cards = []
    for row in samples.sort_by([("timestamp", "ascending"), ("request_id", "ascending")]).to_pylist()[:_SAMPLES_SHOWN]:
        pieces: list[tuple[str, bool]] = []
        position, text = 0, row["text"][:_SAMPLE_CHARS]
        for mark in sorted(row["marks"], key=lambda mark: mark["start"]):
            start, end = max(mark["start"], position), min(mark["end"], len(text))
            if start < end:
                pieces += [(text[position:start], False), (text[start:end], True)]
                position = end
        pieces.append((text[position:], False))
        cards.append(
            SampleCard(
                account=formatting.shorten(row["account_id"], _SAMPLE_ID_CHARS),
                when=formatting.minute(row["timestamp"]),
                pieces=tuple((formatting.escape_controls(piece), marked) for piece, marked in pieces if piece),
            )
        )
    return tuple(cards)
