"""The drawings of a dossier as numbers that its template places: timeline, certainty, and how explanations fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stillhunt.case import log2_odds_of, sparkline
from stillhunt.tools import formatting
from stillhunt_evidence.pages.alternatives import Alternative

PLOT_WIDTH, PLOT_HEIGHT = 720.0, 92.0
"""Size of the timeline's plot, in its own units."""
FIT_WIDE = 200.0
_MOST_DAYS = 35
_LOW_ODDS, _HIGH_ODDS = -7.5, 13.5
_MARKS = (0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True)
class TimelineDrawing:
    """Requests over time: bars as x, y, width and height; labels; and the table behind them by day or week."""

    bars: tuple[tuple[float, float, float, float], ...]
    highest: str
    label: str
    first: str
    middle: str
    last: str
    step: str
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class CertaintyDrawing:
    """The probability on a scale of odds: positions from 0 to 1 of the marks, thresholds and the campaign."""

    marks: tuple[tuple[float, str], ...]
    review: float
    act: float
    here: float
    label: str


@dataclass(frozen=True)
class FitBar:
    """The odds against an explanation as a bar: x and width; `worse` where the claim is likelier."""

    x: float
    width: float
    worse: bool


def timeline_drawing(buckets: Sequence[Mapping[str, Any]], first: datetime, last: datetime) -> TimelineDrawing:
    """Requests over time.

    `buckets`: rows of TIMELINE of one campaign, in time order.
    """
    spark = sparkline(buckets, first, last)
    bars = tuple(
        (
            round(x * PLOT_WIDTH, 1),
            round((1 - height) * PLOT_HEIGHT, 1),
            round(spark.bar_width * PLOT_WIDTH, 1),
            round(height * PLOT_HEIGHT, 1),
        )
        for x, height in spark.bars
    )
    weekly = (last - first).days > _MOST_DAYS
    counted: dict[str, list[int]] = {}
    for bucket in buckets:
        moment = bucket["bucket"].astimezone(UTC)
        year, week, _ = moment.isocalendar()
        name = f"{year}, week {week}" if weekly else formatting.day(moment)
        row = counted.setdefault(name, [0, 0])
        row[0] += bucket["requests"]
        row[1] = max(row[1], bucket["accounts"])
    return TimelineDrawing(
        bars=bars,
        highest=spark.label.removeprefix("requests over time, "),
        label=formatting.sentence_case(spark.label),
        first=formatting.day(first),
        middle=formatting.day(first + (last - first) / 2),
        last=formatting.day(last),
        step="Week" if weekly else "Day (UTC)",
        rows=tuple((name, formatting.count(n), formatting.count(most)) for name, (n, most) in counted.items()),
    )


def certainty_drawing(probability: float, review: float, act: float, words: str) -> CertaintyDrawing:
    """The probability on a scale of odds, with the thresholds of the verdicts."""
    return CertaintyDrawing(
        marks=tuple((_on_scale(mark), formatting.exact_percent(mark)) for mark in _MARKS),
        review=_on_scale(review),
        act=_on_scale(act),
        here=_on_scale(probability),
        label=(
            f"Probability {words}, on a scale of odds; thresholds: review at {formatting.exact_percent(review)}, "
            f"act at {formatting.exact_percent(act)}"
        ),
    )


def _on_scale(probability: float) -> float:
    if probability <= 0:
        return 0.0
    odds = log2_odds_of(probability) if probability < 1 else _HIGH_ODDS
    return round(min(max((odds - _LOW_ODDS) / (_HIGH_ODDS - _LOW_ODDS), 0.0), 1.0), 4)


def fit_bars(alternatives: Sequence[Alternative]) -> tuple[tuple[FitBar, ...], float]:
    """The odds against each explanation as bars on one scale, and the position of zero."""
    odds = [one.odds_bits for one in alternatives]
    low, high = min([0.0, *odds]), max([1.0, *odds])
    scale = FIT_WIDE / (high - low)
    zero = round(-low * scale, 1)
    bars = [
        FitBar(
            x=round(zero + min(bits, 0.0) * scale, 1),
            width=round(max(math.fabs(bits) * scale, 1.0), 1),
            worse=bits > 0,
        )
        for bits in odds
    ]
    return tuple(bars), zero
