"""Tables of the measurement of `prove`: power by share and scheme, who was named, innocents."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from prove_world import CAMPAIGNS
from scipy.stats import beta

from stillhunt_evidence.packs.proof_file import TEST_WEIGHTS
from stillhunt_model.proof.parameters import P

PAIRS = 1000
"""Pairs of suspect and campaign that a register allows by default (`model.pairs`): p-values are multiplied by it."""
BARS = (1e-5, 1e-3)
TESTS = {"marks": "inherited marks", "control answers": "control answers"}
"""Name in the tables -> name of the test."""


def corrected(test: dict[str, Any]) -> float:
    """The p-value of one test as `prove` states it: divided by the test's weight, times the pairs of the register.

    Args:
        test: row of one test.
    """
    return min(1.0, test["p"] / TEST_WEIGHTS[TESTS[test["test"].split(",")[0]]] * PAIRS)


def bounds(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Clopper and Pearson 1934).

    Args:
        hits: successes.
        of: trials.
    """
    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return low, high


def power_cells(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Titles, and cells of the table of power.

    Args:
        rows: of thieves.
    """
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for name in sorted({one["test"] for one in row["tests"]}):
            cells[name, row["scheme"], row["paraphrase"], row["share"]].append(row)
    titles = (
        "test",
        "mark",
        "words exchanged",
        "harvested part",
        "students",
        "corrected p ≤ 1e-5",
        "corrected p ≤ 0.001",
        "median p before correction",
        "right campaign has the smallest p",
    )
    lines: list[tuple[Any, ...]] = [titles]
    for (name, scheme, paraphrase, share), members in sorted(cells.items(), key=lambda one: (*one[0][:3], -one[0][3])):
        own, named = [], 0
        for row in members:
            tests = [one for one in row["tests"] if one["test"] == name]
            own += [one for one in tests if one["campaign"] == row["seed"] % CAMPAIGNS]
            named += min(tests, key=lambda one: one["p"])["campaign"] == row["seed"] % CAMPAIGNS
        shares = [_share(sum(corrected(one) <= bar for one in own), len(own)) for bar in BARS]
        median = sorted(one["p"] for one in own)[len(own) // 2]
        cell = (name, scheme, f"{paraphrase:.0%}", f"{share:.1%}", len(own))
        lines.append((*cell, *shares, f"{median:.1e}", f"{named} of {len(own)}"))
    return lines


def stopped_by_honest(rows: list[dict[str, Any]]) -> tuple[int, int]:
    """Conclusions that answers to honest accounts stop, and all; those to the next campaign stand for them.

    Args:
        rows: of thieves.
    """
    stopped = concluded = 0
    for row in rows:
        own = row["seed"] % CAMPAIGNS
        found = {(one["test"], one["campaign"]): one for one in row["tests"]}
        for test in {name for name, _ in found if name.startswith("control answers")}:
            if corrected(found[test, own]) <= BARS[0]:
                concluded += 1
                stopped += found[test, (own + 1) % CAMPAIGNS]["p"] < P.honest
    return stopped, concluded


def innocent_cells(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Titles, and cells of the table of innocents, other campaigns of thieves among them.

    Args:
        rows: all.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for one in row["tests"]:
            if row["kind"] != "thief":
                found[row["kind"], one["test"]].append(one)
            elif one["campaign"] != row["seed"] % CAMPAIGNS:
                found["thief of another campaign", one["test"]].append(one)
    titles = ("model", "test", "tests", "p ≤ 0.05", "p ≤ 0.01", "p ≤ 0.001", "smallest p", "corrected p ≤ 0.001")
    lines: list[tuple[Any, ...]] = [titles]
    for (kind, name), tests in sorted(found.items()):
        below = [sum(one["p"] <= bar for one in tests) for bar in (0.05, 0.01, 0.001)]
        accused = sum(corrected(one) <= 1e-3 for one in tests)
        least = f"{min(one['p'] for one in tests):.1e}"
        first = f"{below[0]} ({below[0] / len(tests):.1%})"
        lines.append((kind, name, f"{len(tests):,}", first, *below[1:], least, accused))
    return lines


def _share(hits: int, of: int) -> str:
    low, high = bounds(hits, of)
    return f"{hits} of {of} ({low:.2f}-{high:.2f})"
