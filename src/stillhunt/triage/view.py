"""What the report shows, prepared from the case tables: bounded, in reading order, numbers in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting as plain
from stillhunt.base.config import ScoreSettings
from stillhunt.base.schema import VERDICTS
from stillhunt.triage import change, charts, sentences
from stillhunt.triage.lookup import score_settings
from stillhunt.triage.origins import WORDS, origin_words
from stillhunt.triage.score_breakdown import Sum, campaign_sum, in_words

CAMPAIGNS_IN_DETAIL = 200
ALLOWED = "allowed"
"""Shown instead of a verdict for accounts whose programme the settings declare."""

MEMBERS_AT_FIRST = 50
MEMBERS_PER_CAMPAIGN = 5000
MEMBERS_IN_ALL = 30_000
_SAMPLES_SHOWN = 6
_BUCKETS_SHOWN = 300
_SAMPLE_CHARS = 2000
_ID_CHARS = 64
_NAME_CHARS = 80


@dataclass(frozen=True)
class MemberRow:
    """One line of a members table; the raw numbers are there to sort by."""

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
    request: str
    when: str
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class CampaignView:
    """One campaign as the report tells it."""

    number: int
    name: str
    verdict: str
    claim: str
    words: str
    probability: str
    score: float
    accounts: int
    requests: int
    facts: tuple[tuple[str, str], ...]
    skills: tuple[str, ...]
    models: tuple[str, ...]
    waterfall: charts.Waterfall
    opposing: tuple[tuple[str, str], ...]
    change: tuple[str, ...]
    limits: tuple[str, ...]
    steps: tuple[str, ...]
    spark: charts.Sparkline
    buckets: tuple[dict[str, Any], ...]
    members: tuple[MemberRow, ...]
    members_total: int
    samples: tuple[SampleCard, ...]


@dataclass(frozen=True)
class Tables:
    """The tables a report needs, of all campaigns or cut to one."""

    members: pa.Table
    evidence: pa.Table
    samples: pa.Table
    timeline: pa.Table
    origins: pa.Table


def campaign_views(
    campaigns: list[dict[str, Any]],
    tables: Tables,
    accounts: pa.Table,
    run: Mapping[str, Any],
    period: tuple[datetime, datetime],
) -> list[CampaignView]:
    """The campaigns as the report tells them.

    Args:
        campaigns: rows of the CAMPAIGNS table, in reading order.
        tables: where their members, evidence, samples, timelines and origins are.
        accounts: the accounts table; members are shown with their account's verdict.
        run: content of run.json; settings are read from it.
        period: begin and end of the common time axis.
    """
    names = [row["campaign_id"] for row in campaigns]
    tables = replace(tables, members=_with_verdicts(tables.members, accounts))
    parts = zip(*(_split(getattr(tables, one.name), names) for one in fields(Tables)), strict=True)
    views: list[CampaignView] = []
    budget = MEMBERS_IN_ALL
    for number, (row, part) in enumerate(zip(campaigns, parts, strict=True), start=1):
        own = Tables(*part)
        members = _member_rows(own, min(MEMBERS_PER_CAMPAIGN, max(budget, MEMBERS_AT_FIRST)))
        budget -= len(members)
        views.append(_campaign_view(number, row, own, members, run, period))
    return views


def reading_order(campaigns: pa.Table) -> list[dict[str, Any]]:
    """Campaign rows: to act on, to review, others; within each the most probable and the largest first."""
    rank = {verdict: place for place, verdict in enumerate(VERDICTS)}
    rows: list[dict[str, Any]] = campaigns.to_pylist()
    rows.sort(
        key=lambda row: (rank.get(row["verdict"], len(rank)), -row["score"], -row["requests"], row["campaign_id"])
    )
    return rows


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


def _campaign_view(
    number: int,
    row: dict[str, Any],
    own: Tables,
    members: tuple[MemberRow, ...],
    run: Mapping[str, Any],
    period: tuple[datetime, datetime],
) -> CampaignView:
    settings: ScoreSettings = score_settings(run)
    total: Sum = campaign_sum(own.evidence, row["campaign_id"])
    roles = Counter(own.members["role"].to_pylist())
    allowed = own.members["verdict"].to_pylist().count(ALLOWED)
    buckets = own.timeline.sort_by("bucket").slice(0, _BUCKETS_SHOWN).to_pylist()
    act_bits = math.log2(settings.act_probability / (1 - settings.act_probability))
    opposing = tuple(
        (plain.sentence_case(plain.shorten(term.statement, 400)), plain.bits(term.bits)) for term in total.opposing[:12]
    )
    return CampaignView(
        number=number,
        name=plain.shorten(row["campaign_id"], _ID_CHARS),
        verdict=row["verdict"] if row["verdict"] in VERDICTS else "none",
        claim=sentences.campaign_claim(row, total.family_bits, settings.family_floor_bits),
        words=in_words(row["score"]),
        probability=plain.probability(row["score"]),
        score=min(max(row["score"], 0.0), 1.0),
        accounts=row["accounts"],
        requests=row["requests"],
        facts=(*_facts(row, roles, allowed, run), *_origins(own.origins)),
        skills=tuple(plain.shorten(skill, _NAME_CHARS) for skill in row["skills"][:12]),
        models=tuple(plain.shorten(model, _NAME_CHARS) for model in row["models"][:12]),
        waterfall=charts.waterfall(total, act_bits),
        opposing=opposing,
        change=change.of_campaign(total, row["verdict"], settings),
        limits=sentences.limits_of(row, roles),
        steps=sentences.before_acting(row, roles),
        spark=charts.sparkline(buckets, *period),
        buckets=tuple(buckets),
        members=members,
        members_total=own.members.num_rows,
        samples=_sample_cards(own.samples),
    )


def currency_of(run: Mapping[str, Any]) -> str:
    """Currency of the price table that the run used."""
    return plain.shorten(str(run.get("settings", {}).get("report", {}).get("currency", "USD")), 8)


def _facts(
    row: dict[str, Any], roles: Mapping[str, int], allowed: int, run: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    all_requests = run.get("counts", {}).get("requests", 0)
    role_words = plain.join_words(
        [f"{plain.count(roles[role])} {plain.shorten(role, 12)}" for role in sorted(roles)][:5]
    )
    per_account = row["requests"] / row["accounts"] if row["accounts"] else 0.0
    return (
        ("Accounts", plain.count(row["accounts"]) + (f" ({role_words})" if len(roles) > 1 else "")),
        ("Requests", f"{plain.count(row['requests'])}, {per_account:,.0f} per account{_of_all(row)}"),
        ("Share of all traffic", plain.percent(row["requests"] / all_requests) if all_requests else "unknown"),
        ("Output tokens", plain.amount(row["output_tokens"])),
        ("At list price", plain.money(row["list_value"], currency_of(run))),
        ("Seen", plain.period(row["first_seen"], row["last_seen"])),
        *([("In declared programmes", plain.plural(allowed, "account"))] if allowed else []),
    )


def _origins(origins: pa.Table) -> tuple[tuple[str, str], ...]:
    """With which clients and from where, as facts."""
    return tuple((WORDS[aspect], words) for aspect, words in origin_words(origins.to_pylist()))


def _of_all(row: Mapping[str, Any]) -> str:
    """What there would be without sampling, where the log is a sample."""
    whole = row["estimated_requests"]
    return "" if whole == row["requests"] else f"; about {plain.count(whole)} with those that the log leaves out"


def _member_rows(own: Tables, limit: int) -> tuple[MemberRow, ...]:
    keys = [("score", "descending"), ("requests", "descending"), ("account_id", "ascending")]
    top = own.members.take(pc.sort_indices(own.members, sort_keys=keys).slice(0, limit))
    return tuple(
        MemberRow(
            account=plain.shorten(row["account_id"], _ID_CHARS),
            role=plain.shorten(row["role"], 12),
            verdict=plain.shorten(row["verdict"] or "unknown", 12),
            requests=row["requests"],
            share=row["share"],
            score=row["score"],
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
                account=plain.shorten(row["account_id"], 40),
                request=plain.shorten(row["request_id"], 40),
                when=f"{row['timestamp']:%Y-%m-%d %H:%M} UTC",
                pieces=tuple((plain.escape_controls(piece), marked) for piece, marked in pieces if piece),
            )
        )
    return tuple(cards)
