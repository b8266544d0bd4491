"""Cells of the benchmark's tables: means with their range, counts, and words where there is no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median_high
from typing import Any

from stillhunt_lab.bench.measures import Quality, average_precision, false_at_recall

Row = Mapping[str, Any]
NONE = "–"
PERSONAS_NAMED = 4


def qualities(rows: Iterable[Row]) -> list[Quality]:
    """The qualities that rows hold."""
    return [Quality(**row["quality"]) for row in rows]


def share_cell(values: Iterable[float | None]) -> str:
    """Mean of shares with their range, without worlds that have no such share."""
    known = [value for value in values if value is not None]
    if not known:
        return NONE
    mean, low, high = sum(known) / len(known), min(known), max(known)
    return f"{mean:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{mean:.3f} ({low:.3f}–{high:.3f})"


def percent_cell(share: float, digits: int) -> str:
    """A share of one in percent with a fixed number of digits, as columns of a table need it."""
    return f"{100 * share:.{digits}f} %"


def count_cell(values: Sequence[float]) -> str:
    """Mean of counts with their range."""
    if not values:
        return NONE
    mean, low, high = sum(values) / len(values), min(values), max(values)
    return f"{mean:,.0f}" if low == high else f"{mean:,.1f} ({low:,.0f}–{high:,.0f})"


def persona_cell(found: Sequence[Quality]) -> str:
    """Which honest accounts were flagged, over all worlds."""
    total: Counter[str] = Counter()
    for quality in found:
        total.update(quality.false_by_persona)
    ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{persona} {count:,}" for persona, count in ranked[:PERSONAS_NAMED]]
    rest = sum(count for _, count in ranked[PERSONAS_NAMED:])
    return ", ".join([*named, *([f"others {rest:,}"] if rest else [])]) or NONE


def cost_cell(rows: Sequence[Row]) -> str:
    """CPU seconds per million requests, all worlds together."""
    requests = sum(row["rows"] for row in rows)
    return f"{1e6 * sum(row['cpu_seconds'] for row in rows) / requests:,.0f}" if requests else NONE


def precision_by_score(found: Sequence[Quality]) -> str:
    """Average precision of the scores."""
    return share_cell(average_precision(quality) for quality in found)


def recall_before_false(found: Sequence[Quality]) -> str:
    """Share of harvesting accounts that score above every honest account."""
    return share_cell(
        quality.false_at_hits.count(0) / quality.harvesting_accounts if quality.harvesting_accounts else None
        for quality in found
    )


def first_call_cell(rows: Sequence[Row], *, groups: bool) -> str:
    """Harvested requests before the first correct call, median and worst, and how often false groups were named.

    Args:
        groups: whether the method names groups at all.
    """
    if not groups:
        return "names no campaign"
    calls = [call for row in rows for call in row["calls"]]
    if not calls:
        return "not replayed"
    never = float("inf")
    seen = [never if call["requests"] is None else float(call["requests"]) for call in calls]
    shares = [n / call["harvested"] if n < never else never for n, call in zip(seen, calls, strict=True)]
    places = sorted(zip(seen, shares, strict=True))
    middle, worst = _call(median_high(places)), _call(places[-1])
    wrong, looks = (sum(call[name] for call in calls) for name in ("wrong_looks", "looks"))
    false = f"; false groups at {wrong} of {looks} looks" if wrong else ""
    return (middle if middle == worst else f"{middle}; worst {worst}") + false


def _call(place: tuple[float, float]) -> str:
    requests, share = place
    return "never" if requests == float("inf") else f"{requests:,.0f} ({percent_cell(share, 1)})"


def equal_recall(ours: Mapping[Any, Quality], theirs: Mapping[Any, Quality]) -> tuple[list[int], list[int], int]:
    """False accounts of stillhunt and of a baseline whose threshold is set to stillhunt's recall, world by world.

    Returns:
        False accounts of stillhunt in each world; those of the baseline, at its best recall where its scores reach no
        more; and the number of worlds in which the baseline reaches stillhunt's recall.
    """
    own, baseline, reached = [], [], 0
    for world in sorted(ours.keys() & theirs.keys()):
        wanted = ours[world].recall or 0.0
        at = false_at_recall(theirs[world], wanted)
        own.append(ours[world].false_accounts)
        baseline.append(at[0] if at else 0)
        reached += at is not None and at[1] >= wanted - 1e-9
    return own, baseline, reached


def equal_recall_cell(ours: Mapping[Any, Quality], theirs: Mapping[Any, Quality]) -> str:
    """False accounts of a baseline at stillhunt's recall, and how often it can reach it."""
    _, baseline, reached = equal_recall(ours, theirs)
    if not baseline:
        return NONE
    note = "" if reached == len(baseline) else f"; reaches that recall in {reached} of {len(baseline)}"
    return count_cell(baseline) + note


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
