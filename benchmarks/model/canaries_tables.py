"""Tables of the measurement of canaries: power by harvested answers and references, and innocents."""

from __future__ import annotations

from statistics import median
from typing import Any

from prove_tables import BARS, corrected

BARS_OF_INNOCENTS = (0.05, 0.01, 0.001)


def canary_power(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of the table of power.

    Args:
        rows: of models and campaigns.
    """
    titles = (
        "asked",
        "references",
        "harvested answers",
        "words exchanged",
        "choices",
        "thieves",
        "corrected p ≤ 1e-5",
        "corrected p ≤ 0.001",
        "p ≤ 0.05 before correction",
        "median p before correction",
        "choices of the key",
        "named",
    )
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    innocent: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        if row["kind"] != "thief":
            for one in row["tests"]:
                innocent.setdefault((row["seed"], one["asked"], one["references"]), []).append(one["p"])
    found: dict[tuple[Any, ...], list[tuple[int, dict[str, Any]]]] = {}
    for row in rows:
        for one in row["tests"]:
            if row["kind"] == "thief":
                cell = (one["asked"], one["references"], row["paraphrase"], row["answers"])
                found.setdefault(cell, []).append((row["seed"], one))
    for (asked, references, paraphrase, answers), tests in sorted(
        found.items(), key=lambda one: (one[0][0] != "likelihoods", one[0][1], one[0][2], -one[0][3])
    ):
        own = [one for _, one in tests]
        below = [sum(corrected({"test": "canaries", "p": one["p"]}) <= bar for one in own) for bar in BARS]
        named = sum(one["p"] < min(innocent.get((seed, asked, references), [0.0])) for seed, one in tests)
        lines.append(
            f"| {asked} | {references} | {answers} | {paraphrase:.0%} | {median(one['scored'] for one in own):.0f} | "
            f"{len(own)} | {below[0]} | {below[1]} | {sum(one['p'] <= 0.05 for one in own)} | "
            f"{median(one['p'] for one in own):.1e} | {median(one['kept'] for one in own):.0%} | {named} |"
        )
    return lines


def canary_innocents(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of the table of innocents, with the teacher as reference.

    Args:
        rows: of models and campaigns.
    """
    lines = [
        "| learned of the campaign | asked | key | tests | p ≤ 0.05 | p ≤ 0.01 | p ≤ 0.001 | smallest p |",
        "|---" * 8 + "|",
    ]
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if row["kind"] == "thief":
            continue
        for one in row["tests"]:
            if one["references"] == "teacher":
                found.setdefault((row["kind"], one["asked"], "of the campaign"), []).append(one["p"])
                other = row[f"p with other keys, {one['asked']}"]
                found.setdefault((row["kind"], one["asked"], "of nobody"), []).extend(other)
    for (kind, asked, key), values in sorted(found.items()):
        below = [sum(p <= bar for p in values) for bar in BARS_OF_INNOCENTS]
        shares = " | ".join(f"{count} ({count / len(values):.1%})" for count in below)
        lines.append(f"| {kind} | {asked} | {key} | {len(values):,} | {shares} | {min(values):.1e} |")
    return lines
