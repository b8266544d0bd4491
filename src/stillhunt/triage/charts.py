"""Geometry of the drawings: the evidence waterfall and the small timelines, as numbers that a template places."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from stillhunt.base import formatting as plain
from stillhunt.base.families import family_label
from stillhunt.triage.score_breakdown import PRIOR, Sum, Term

WATERFALL_WIDTH = 240.0
_ROWS_SHOWN = 24
_STATEMENT_CHARS = 400
_SPARK_BINS = 72
_LONE_BUCKET_SECONDS = 3600.0


@dataclass(frozen=True)
class WaterfallRow:
    """One bar; positions in units of the waterfall's width."""

    family: str
    statement: str
    bits: str
    requests: str
    kind: str
    x: float
    width: float
    joint: float


@dataclass(frozen=True)
class Waterfall:
    """Prior, each piece of evidence, total; `zero` and `act` are where even odds and the line for act lie."""

    rows: tuple[WaterfallRow, ...]
    zero: float
    act: float


def waterfall(total: Sum, act_bits: float) -> Waterfall:
    """The bars of a score, from the prior through the evidence to the total.

    Args:
        total: evidence of one campaign.
        act_bits: log2 odds of the line for verdict act.
    """
    prior = Term(PRIOR, PRIOR, _prior_statement(total), total.prior_bits, 0, ())
    pieces = [prior, *_bounded([*total.supporting, *total.opposing])]
    edges = [0.0]
    for term in pieces:
        edges.append(edges[-1] + term.bits)
    low, high = min(*edges, total.log2_odds, 0.0), max(*edges, total.log2_odds, act_bits)
    scale = WATERFALL_WIDTH / max(high - low, 1e-9)

    def at(value: float) -> float:
        return round((value - low) * scale, 2)

    rows = []
    for index, term in enumerate(pieces):
        begin, end = edges[index], edges[index + 1]
        side = "prior" if index == 0 else "for" if term.bits > 0 else "against"
        rows.append(_row(term, side, at(min(begin, end)), at(max(begin, end)), at(end)))
    sum_term = Term("total", "total", "Log-odds after all evidence", total.log2_odds, 0, ())
    left, right = sorted((at(0.0), at(total.log2_odds)))
    rows.append(_row(sum_term, "total", left, right, at(total.log2_odds)))
    return Waterfall(tuple(rows), at(0.0), at(act_bits))


def _row(term: Term, side: str, left: float, right: float, joint: float) -> WaterfallRow:
    return WaterfallRow(
        family=plain.shorten(family_label(term.family), 24),
        statement=plain.sentence_case(plain.shorten(term.statement, _STATEMENT_CHARS)),
        bits=plain.bits(term.bits),
        requests=plain.count(term.request_count) if term.request_count else "",
        kind=side,
        x=left,
        width=round(max(right - left, 0.8), 2),
        joint=joint,
    )


def _prior_statement(total: Sum) -> str:
    stated = [term.statement for term in total.terms if term.family == PRIOR and term.statement]
    return stated[0] if stated else "Before any evidence"


def _bounded(terms: list[Term]) -> list[Term]:
    """The terms, the weakest ones folded into one so that hostile or odd cases stay readable."""
    if len(terms) <= _ROWS_SHOWN:
        return terms
    weakest_last = sorted(terms, key=lambda term: -abs(term.bits))
    kept, folded = weakest_last[: _ROWS_SHOWN - 1], weakest_last[_ROWS_SHOWN - 1 :]
    statement = f"{plain.plural(len(folded), 'weaker piece')} of evidence, in evidence.parquet"
    rest = Term("other", "other", statement, math.fsum(term.bits for term in folded), 0, ())
    return sorted([*kept, rest], key=lambda term: -term.bits)


@dataclass(frozen=True)
class Sparkline:
    """Bars of a small timeline: x and height, both from 0 to 1; `label` says it in words."""

    bars: tuple[tuple[float, float], ...]
    bar_width: float
    label: str


def sparkline(buckets: Sequence[Mapping[str, Any]], first: datetime, last: datetime) -> Sparkline:
    """Requests over the whole period of the case, in few bars.

    Args:
        buckets: rows of the TIMELINE table of one campaign, in time order.
        first: begin of the common axis.
        last: end of the common axis.
    """
    starts = [(bucket["bucket"] - first).total_seconds() for bucket in buckets]
    bucket_width = min((later - earlier for earlier, later in pairwise(starts)), default=_LONE_BUCKET_SECONDS)
    bin_width = max((last - first).total_seconds(), bucket_width) / _SPARK_BINS
    bins = [0.0] * _SPARK_BINS
    for start, bucket in zip(starts, buckets, strict=True):
        # a bucket gives to each bin as much as it overlaps it, or a bar would hold now one bucket, now two
        for place in range(int(start / bin_width), min(_SPARK_BINS, int((start + bucket_width) / bin_width) + 1)):
            overlap = min(start + bucket_width, (place + 1) * bin_width) - max(start, place * bin_width)
            if place >= 0 and overlap > 0:
                bins[place] += bucket["requests"] * overlap / bucket_width
    highest = max(bins) or 1.0
    bars = tuple((round(i / _SPARK_BINS, 4), round(value / highest, 3)) for i, value in enumerate(bins) if value)
    label = f"requests over time, about {plain.count(round(max(bins)))} in the tallest bar"
    return Sparkline(bars, round(0.82 / _SPARK_BINS, 4), label)
