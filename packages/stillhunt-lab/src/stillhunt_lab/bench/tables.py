"""The tables of the benchmark's page, made from the rows that are there."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median_high
from typing import Any

from stillhunt_lab.baselines import BASELINES
from stillhunt_lab.bench.measures import Quality, average_precision, false_at_recall, upper_bound
from stillhunt_lab.bench.methods import GROUPING, OURS, VARIANTS

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


def recall_before_false(found: Sequence[Quality]) -> str:
    """Share of harvesting accounts that score above every honest account."""
    return share_cell(
        quality.false_at_hits.count(0) / quality.harvesting_accounts if quality.harvesting_accounts else None
        for quality in found
    )


def first_call_cell(rows: Sequence[Row], *, groups: bool) -> str:
    """Harvested requests before the first correct call, median and worst, and how often false groups were named.

    `groups`: whether the method names groups at all.
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
    middle, worst = _format_first_call(median_high(places)), _format_first_call(places[-1])
    wrong, looks = (sum(call[name] for call in calls) for name in ("wrong_looks", "looks"))
    false = f"; false groups at {wrong} of {looks} looks" if wrong else ""
    return (middle if middle == worst else f"{middle}; worst {worst}") + false


def _format_first_call(place: tuple[float, float]) -> str:
    requests, share = place
    return "never" if requests == float("inf") else f"{requests:,.0f} ({percent_cell(share, 1)})"


def equal_recall(ours: Mapping[Any, Quality], theirs: Mapping[Any, Quality]) -> tuple[list[int], list[int], int]:
    """False accounts of stillhunt and of a baseline whose threshold is set to stillhunt's recall, world by world.

    Returns false accounts of stillhunt in each world; those of the baseline, at its best recall where its scores reach
    no more; and the number of worlds in which the baseline reaches stillhunt's recall.
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


METHODS = (OURS, *BASELINES)
TIMES_FEWER = 10
"""At equal recall stillhunt is to flag this many times fewer honest accounts than the best baseline."""
TARGET_SHARE = 0.01
TARGET_REQUESTS = 500


def select(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """Rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def by_world(rows: Sequence[Row]) -> dict[Any, Quality]:
    """World -> quality, of rows of one method."""
    return {(row["generator"], row["rung"], row["seed"]): Quality(**row["quality"]) for row in rows}


_SHARES = {
    "recall": "recall",
    "precision": "precision",
    "B-cubed F1": "bcubed_f1",
    "ARI": "request_ari",
    "harvest caught": "request_recall",
    "of the listed, harvested": "request_precision",
}


def _format_share_cells(found: Sequence[Quality], *headings: str) -> dict[str, str]:
    return {heading: share_cell(getattr(one, _SHARES[heading]) for one in found) for heading in headings}


def _false_accounts(found: Sequence[Quality]) -> str:
    return count_cell([one.false_accounts for one in found])


def _table_of(lines: Sequence[dict[str, str]]) -> str:
    return table(list(lines[0]) if lines else [], [list(line.values()) for line in lines])


def summary_table(rows: Sequence[Row], generator: str) -> str:
    """Stillhunt on every rung of one generator; there is at least one."""
    lines = []
    for rung in sorted({row["rung"] for row in select(rows, part="ladder", generator=generator)}):
        own = select(rows, part="ladder", generator=generator, rung=rung, method=OURS)
        replays = select(rows, part="replay", generator=generator, rung=rung, method=OURS)
        found = qualities(own)
        touched = sum(one.false_accounts for one in found) / max(sum(one.honest_accounts for one in found), 1)
        lines.append(
            {"rung": str(rung), "worlds": str(len(own)), **_format_share_cells(found, "recall", "precision")}
            | {"false accounts": _false_accounts(found), "honest touched": percent_cell(touched, 2)}
            | _format_share_cells(found, "B-cubed F1", "ARI", "harvest caught", "of the listed, harvested")
            | {"first correct call": first_call_cell(replays, groups=True)}
        )
    return _table_of(lines)


def rung_table(rows: Sequence[Row], generator: str, rung: int) -> str:
    """Every method on one rung of one generator; there is at least one."""
    ladder = select(rows, part="ladder", generator=generator, rung=rung)
    ours = by_world(select(ladder, method=OURS))
    lines = []
    for method in METHODS:
        own = select(ladder, method=method)
        if not own:
            continue
        found = qualities(own)
        replays = select(rows, part="replay", generator=generator, rung=rung, method=method)
        false_at_recall = equal_recall_cell(ours, by_world(own)) if method != OURS else NONE
        calls = first_call_cell(replays, groups=method == OURS or method in GROUPING)
        lines.append(
            {"method": method.replace("_", " "), **_format_share_cells(found, "recall", "precision")}
            | {"false accounts": _false_accounts(found), "who (all worlds)": persona_cell(found)}
            | {
                "false at stillhunt's recall": false_at_recall,
                **_format_share_cells(found, "B-cubed F1", "harvest caught"),
            }
            | {"first correct call": calls, "CPU s / M rows": cost_cell(own)}
        )
    return _table_of(lines)


def best_baseline_sentence(rows: Sequence[Row], generator: str, rung: int) -> str:
    """Whether stillhunt flags ten times fewer honest accounts than the best baseline that reaches its recall."""
    ladder = select(rows, part="ladder", generator=generator, rung=rung)
    ours = by_world(select(ladder, method=OURS))
    own_false = sum(quality.false_accounts for quality in ours.values())
    if not any(quality.recall for quality in ours.values()):
        return "stillhunt flags no harvesting account here, so there is no recall to compare at.\n"
    best: tuple[int, str] | None = None
    for method in BASELINES:
        own, baseline, reached = equal_recall(ours, by_world(select(ladder, method=method)))
        if own and reached == len(ours) and (best is None or sum(baseline) < best[0]):
            best = (sum(baseline), method)
    if not select(ladder, method=next(iter(BASELINES))):
        return "The baselines have not been run here.\n"
    if best is None:
        return (
            f"No baseline reaches stillhunt's recall in every world; stillhunt flags {own_false:,} honest accounts.\n"
        )
    met = best[0] > 0 and TIMES_FEWER * own_false <= best[0]
    verdict = "ten times fewer: yes" if met else "ten times fewer: **no**"
    return (
        f"At stillhunt's recall, over all worlds: stillhunt flags {own_false:,} honest accounts, the best baseline "
        f"({best[1].replace('_', ' ')}) {best[0]:,}; {verdict}.\n"
    )


def honest_table(rows: Sequence[Row]) -> str:
    """False alarms in worlds without campaigns."""
    lines = []
    for generator in sorted({row["generator"] for row in select(rows, part="honest")}):
        for method in METHODS:
            own = select(rows, part="honest", generator=generator, method=method)
            if not own:
                continue
            found = qualities(own)
            accounts = sum(q.honest_accounts for q in found)
            account_weeks = sum(q.honest_accounts * row["days"] / 7 for q, row in zip(found, own, strict=True))
            false = sum(q.false_accounts for q in found)
            acts, reviews = sum(q.acts for q in found), sum(q.reviews for q in found)
            names = method == OURS or method in GROUPING
            lines.append(
                [
                    generator,
                    method.replace("_", " "),
                    str(len(own)),
                    f"{accounts:,}",
                    f"{false:,} ({percent_cell(false / accounts, 2)})",
                    persona_cell(found),
                    f"{acts:,}" if names else NONE,
                    f"{upper_bound(acts, len(own)):.3f}" if names else NONE,
                    f"{1e6 * reviews / account_weeks:,.1f}" if method == OURS else NONE,
                ]
            )
    head = ["generator", "method", "worlds", "accounts", "flagged", "who", "false campaigns", "95 % bound per world"]
    return table([*head, "review cases per million accounts and week"], lines)


def ablation_table(rows: Sequence[Row], generator: str) -> str:
    """Stillhunt on poorer logs and with fewer families of evidence."""
    own = select(rows, part="ablation", generator=generator)
    rungs = sorted({row["rung"] for row in own})
    lines = []
    for name, variant in VARIANTS.items():
        of_variant = select(own, method=name)
        if not of_variant:
            continue
        found = qualities(of_variant)
        by_rung = [share_cell(q.recall for q in qualities(select(of_variant, rung=rung))) for rung in rungs]
        false = sum(q.false_accounts for q in found)
        above, precision = recall_before_false(found), share_cell(average_precision(quality) for quality in found)
        lines.append([variant.title, *by_rung, f"{false:,}", above, precision])
    head = ["", *(f"recall, rung {rung}" for rung in rungs), "false accounts (all worlds)"]
    return table([*head, "share above every honest account", "average precision"], lines)


def replay_table(rows: Sequence[Row], generator: str) -> str:
    """Stillhunt's first correct calls against the target, rung by rung."""
    lines = []
    for rung in sorted({row["rung"] for row in select(rows, part="replay", generator=generator, method=OURS)}):
        own = select(rows, part="replay", generator=generator, rung=rung, method=OURS)
        calls = [call for row in own for call in row["calls"]]
        held = sum(
            call["requests"] is not None and call["requests"] <= max(TARGET_SHARE * call["harvested"], TARGET_REQUESTS)
            for call in calls
        )
        hours = sorted(float("inf") if call["hours"] is None else call["hours"] for call in calls)
        waits = ["never" if h == float("inf") else f"{h:,.0f} h" for h in (hours[len(hours) // 2], hours[-1])]
        seen = first_call_cell(own, groups=True)
        lines.append([str(rung), str(len(calls)), seen, "; worst ".join(waits), f"{held} of {len(calls)}"])
    head = ["rung", "campaigns", "harvested requests (share of the campaign), median", "after its first request"]
    return table([*head, f"within max({percent_cell(TARGET_SHARE, 0)}, {TARGET_REQUESTS} requests)"], lines)


def ladder_places(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Rungs and generators that there are rows for, in the order of the page."""
    return sorted({(row["rung"], row["generator"]) for row in select(rows, part="ladder")})
