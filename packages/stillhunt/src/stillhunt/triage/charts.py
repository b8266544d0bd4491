"""Geometry of the drawings: the evidence waterfall and the small timelines, as numbers that a template places."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.families import OTHERS, PRIOR, family_label
from stillhunt.triage.model import FULL_ID_CHARS, family_name
from stillhunt.triage.score_breakdown import NEGLIGIBLE, ScoreSum, Term

WATERFALL_WIDTH = 240.0
_EVIDENCE_ROWS = 60
_SPARK_BINS = 72
_SINGLE_BUCKET_SECONDS = 3600.0


@dataclass(frozen=True)
class WaterfallRow:
    """One bar; positions in units of the waterfall's width; `cited` are the ids of some of its requests."""

    family: str
    statement: str
    bits: str
    requests: str
    cited: tuple[str, ...]
    kind: str
    x: float
    width: float
    joint: float


@dataclass(frozen=True)
class Waterfall:
    """Prior, each piece of evidence, total; `zero` and `act` are the positions of even odds and the act threshold."""

    rows: tuple[WaterfallRow, ...]
    zero: float
    act: float


def waterfall(total: ScoreSum, act_bits: float) -> Waterfall:
    """The bars of a score, from the prior through the evidence to the total; `act_bits` are those of act."""
    prior = Term(PRIOR, PRIOR, total.prior_statement, total.prior_bits, 0, ())
    rest = total.negligible_line
    others = Term(f"other {OTHERS}", OTHERS, "what those that fit less well take together", total.others_bits, 0, ())
    pieces = [prior, *_bound_terms([*total.supporting, *total.opposing]), *([rest] if rest else [])]
    pieces += [others] if total.explanations else []
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
        rows.append(_make_row(term, _side_of(term), at(min(begin, end)), at(max(begin, end)), at(end)))
    sum_term = Term("total", "total", "Log2 odds after all evidence", total.log2_odds, 0, ())
    left, right = sorted((at(0.0), at(total.log2_odds)))
    rows.append(_make_row(sum_term, "total", left, right, at(total.log2_odds)))
    return Waterfall(tuple(rows), at(0.0), at(act_bits))


def _side_of(term: Term) -> str:
    if term.family == PRIOR:
        return PRIOR
    if term.kind in (NEGLIGIBLE, OTHERS):
        return term.kind
    return "for" if term.bits > 0 else "against"


def _make_row(term: Term, side: str, left: float, right: float, joint: float) -> WaterfallRow:
    return WaterfallRow(
        family=family_name(family_label(term.family)),
        statement=formatting.sentence_case(term.shown),
        bits=formatting.bits(term.bits),
        requests=formatting.count(term.request_count) if term.request_count else "",
        cited=tuple(formatting.shorten(name, FULL_ID_CHARS) for name in term.request_ids),
        kind=side,
        x=left,
        width=round(max(right - left, 0.8), 2),
        joint=joint,
    )


def _bound_terms(terms: list[Term]) -> list[Term]:
    """The terms, the weakest of too many merged into one, so that hostile or odd cases stay readable."""
    if len(terms) <= _EVIDENCE_ROWS:
        return terms
    weakest_last = sorted(terms, key=lambda term: -abs(term.bits))
    kept, merged = weakest_last[: _EVIDENCE_ROWS - 1], weakest_last[_EVIDENCE_ROWS - 1 :]
    statement = f"{formatting.plural(len(merged), 'weaker finding')}, listed in evidence.parquet"
    rest = Term("other", "other", statement, math.fsum(term.bits for term in merged), 0, ())
    return sorted([*kept, rest], key=lambda term: -term.bits)


@dataclass(frozen=True)
class Sparkline:
    """Bars of a small timeline: x and height, both from 0 to 1; `label` says it in words."""

    bars: tuple[tuple[float, float], ...]
    bar_width: float
    label: str


def sparkline(buckets: Sequence[Mapping[str, Any]], first: datetime, last: datetime) -> Sparkline:
    """Requests over the period of the case, in few bars."""
    starts = [(bucket["bucket"] - first).total_seconds() for bucket in buckets]
    bucket_width = min((later - earlier for earlier, later in pairwise(starts)), default=_SINGLE_BUCKET_SECONDS)
    bin_width = max((last - first).total_seconds(), bucket_width) / _SPARK_BINS
    bins = [0.0] * _SPARK_BINS
    for start, bucket in zip(starts, buckets, strict=True):
        # a bucket is spread over the bins that it overlaps; otherwise some bars would hold two buckets and others one
        for place in range(int(start / bin_width), min(_SPARK_BINS, int((start + bucket_width) / bin_width) + 1)):
            overlap = min(start + bucket_width, (place + 1) * bin_width) - max(start, place * bin_width)
            if place >= 0 and overlap > 0:
                bins[place] += bucket["requests"] * overlap / bucket_width
    highest = max(bins) or 1.0
    bars = tuple((round(i / _SPARK_BINS, 4), round(value / highest, 3)) for i, value in enumerate(bins) if value)
    label = f"requests over time, about {formatting.count(round(max(bins)))} in the tallest bar"
    return Sparkline(bars, round(0.82 / _SPARK_BINS, 4), label)
