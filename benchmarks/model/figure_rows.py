"""Rows of measurements as the tables of `docs/figures/models`, from which `page.py` writes the page.

    python benchmarks/model/figure_rows.py FOLDER

FOLDER has the files that the other scripts here wrote, each with the name of its script, such as prove.jsonl. Tables of
a script whose file is missing stay as they are: those of an older measurement.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from damage_tables import point_cells, world_cells
from innocents_tables import changed_log_cells, pretrained_text_cells, text_only_cells
from page import TABLES, is_measured, read_counts, read_table, write_page, write_table
from prove_tables import BARS, corrected, innocent_cells, power_cells, stopped_by_honest
from scipy.stats import t as student

from stillhunt_model.blunt.blunt_table import blunt_cells, blunt_results
from stillhunt_model.proof.parameters import P

Rows = list[dict[str, Any]]
Cells = list[tuple[Any, ...]]
Made = tuple[dict[str, Cells], dict[str, Any]]
"""Table -> its cells, titles first; and single numbers by name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    counts = read_counts() if (TABLES / "counts.csv").exists() else {}
    for name, make in MAKERS.items():
        file = folder / f"{name}.jsonl"
        if file.exists():
            tables, numbers = make([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()])
            counts |= {key: str(value) for key, value in numbers.items()}
            for table, cells in tables.items():
                write_table(table, cells)
    write_table("counts", [("name", "value"), *counts.items()])
    write_page()


def prove_made(rows: Rows) -> Made:
    """Proofs of thieves and of innocents; kinds of innocents that were not tried again stay as the table has them.

    Args:
        rows: of `prove.py`.
    """
    thieves = [row for row in rows if row["kind"] == "thief"]
    sets = {(one["campaign"], one["scheme"]) for row in thieves for one in row["tests"]}
    stopped, concluded = stopped_by_honest(thieves)
    counts = {
        "prove sets of draws": len(sets),
        "prove stopped by honest answers": stopped,
        "prove concluded": concluded,
    }
    innocents = innocent_cells(rows)
    tried = {line[0] for line in innocents}
    innocents += [tuple(line.values()) for line in read_table("prove_innocents") if line["model"] not in tried]
    unmarked = [row for row in thieves if row["scheme"] == "none"]  # marks have tables of their own
    return {"prove_power": power_cells(unmarked), "prove_innocents": [innocents[0], *sorted(innocents[1:])]}, counts


def versions_made(rows: Rows) -> Made:
    """Versions of the teacher.

    Args:
        rows: of `versions.py`.
    """
    cells: Cells = [
        ("steps later", "suspect", "guard of likelihoods", "p", "honest", "accused before", "accused after")
    ]
    for steps, suspect, guilty in sorted({(row["steps"], row["suspect"], row["guilty"]) for row in rows}):
        own = [row for row in rows if (row["steps"], row["suspect"], row["guilty"]) == (steps, suspect, guilty)]
        accused = [row for row in own if corrected({"test": "control answers", "p": row["p"]}) <= BARS[0]]
        after = [row for row in accused if row["alike"] and row["honest_p"] >= P.honest]
        name = suspect if guilty or suspect != "thief" else "thief of another campaign"
        cells.append(
            (
                steps,
                name,
                f"passed in {sum(row['alike'] for row in own)} of {len(own)}",
                ", ".join(f"{row['p']:.0e}" for row in own),
                ", ".join(f"{row['honest_p']:.0e}" for row in own),
                f"{len(accused)} of {len(own)}",
                f"{len(after)} of {len(own)}",
            )
        )
    return {"prove_versions": cells}, {}


def pretrained_made(rows: Rows) -> Made:
    """Proofs with a pretrained model.

    Args:
        rows: of `real_family.py`.
    """
    tests = ("teacher known", "base known", "marks")
    cells: Cells = [("suspect", "mark", "answers", "seeds", *tests)]
    for kind, mark, answers in in_order(tuple(row["cell"].values())[:3] for row in rows):
        own = [row["tests"] for row in rows if tuple(row["cell"].values())[:3] == (kind, mark, answers)]
        for about in ("", ", another campaign"):
            found = [[one[test + about]["p"] for one in own if test + about in one] for test in tests]
            if any(found):
                values = (", ".join(f"{p:.0e}" for p in of_test) for of_test in found)
                cells.append((f"{kind}{about.replace(',', ', asked about')}", mark, answers, len(own), *values))
    return {"prove_pretrained": cells}, {}


def distil_made(rows: Rows) -> Made:
    """Distillation.

    Args:
        rows: of `distil.py`.
    """
    names = ("teacher", "student", "student without the teacher", "untrained student")
    cells: Cells = [("task", "method", "seeds", *names, "points of the teacher", "recovered")]
    alone: dict[tuple[str, int], float] = {}
    for task, method in in_order((row["task"], row["method"]) for row in rows):
        own = [row for row in rows if (row["task"], row["method"]) == (task, method)]
        models = [{one["model"]: one for one in row["models"]} for row in own]
        for row, found in zip(own, models, strict=True):
            if names[2] in found:  # it is the same for all methods of a seed
                alone[task, row["seed"]] = found[names[2]]["right"][0]
        without = [alone[task, row["seed"]] for row in own]
        rights = [[one[name]["right"][0] for one in models] if name != names[2] else without for name in names]
        gains = [100 * (one["student"]["right"][0] - other) for one, other in zip(models, without, strict=True)]
        recovered = mean(one["student"]["recovered"][0] for one in models)
        shown = (spread(one, "{:.1%}") for one in rights)
        cells.append((task, method, len(own), *shown, mean_with_interval(gains), f"{recovered:.1%}"))
    return {"distil": cells}, {}


def blunt_made(rows: Rows) -> Made:
    """Countermeasures.

    Args:
        rows: of `blunt.py`.
    """
    seeds, first = sorted({row["seed"] for row in rows}), rows[0]
    budgets = (
        f"{first['queries']} queries, {first['data']} questions of its own, {first['leak']:.0%} of the questions from "
        f"accounts that are not flagged, interface: {first['interface']}, seeds {seeds[0]} to {seeds[-1]}"
    )
    return {"blunt": list(blunt_cells(blunt_results(rows)))}, {"blunt budgets": budgets}


def marks_made(rows: Rows) -> Made:
    """Standing marks.

    Args:
        rows: of `standing_marks.py`.
    """
    strength: Cells = [
        ("mark", "strength", "width of the group", "perplexity", "different words", "public", "group", "ms")
    ]
    people: Cells = [("width", "texts", *(f"p ≤ {bar:g}" for bar in (0.05, 0.01, 1e-3, 1e-4, 1e-5)))]
    curve: Cells = [("width", "answers", "what is looked at", "first group", "second group", "a third one", "public")]
    for row in rows:
        if row["what"] == "strength":
            z = (
                [f"{one:.1f} ({more:.1f})" for one, more in zip(row["z"], row["z_entropy"], strict=True)]
                if "z" in row
                else ["", ""]
            )
            cells = (row["scheme"], row["strength"], row["width"], f"{row['perplexity']:.1f}", row["words"], *z)
            strength.append((*cells, f"{row['cpu_ms_per_token']:.2f}"))
        elif row["what"] == "people":
            people.append((row["width"], f"{row['texts']:,}", *row["below"].values()))
        else:
            for looked, found in row["found"].items():
                ps = (f"{found[one]:.0e}" if one in found else "" for one in ("a", "b", "stranger", "public"))
                curve.append((row["width"], f"{row['answers']:,}", looked, *ps))
    keys = max((row["keys"] for row in rows if row["what"] == "people"), default=0)
    return {"mark_strength": strength, "mark_people": people, "mark_students": curve}, {"mark keys": keys}


def mean_with_interval(values: list[float]) -> str:
    """Mean, with the interval of 95 % of Student's distribution where there are several.

    Args:
        values: one a seed.
    """
    if len(values) < 2:
        return f"{mean(values):.1f}"
    reach = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return f"{mean(values):.1f} ({mean(values) - reach:.1f} to {mean(values) + reach:.1f})"


def damage_made(rows: Rows) -> Made:
    """What harvests are worth.

    Args:
        rows: of `damage.py`.
    """
    settings = rows[0]["settings"]
    parameters = " to ".join(f"{one:,}" for one in sorted({row["parameters"] for row in rows}))
    counts = {"damage parameters": parameters, **{f"damage {one}": settings[one] for one in ("batch", "seeds")}}
    tasks = {row["task"] for row in rows}
    tables = {"damage_worlds": world_cells(rows), "damage_curves": point_cells(rows)}
    return {name: [cells[0], *rows_of_other_tasks(name, tasks), *cells[1:]] for name, cells in tables.items()}, counts


def rows_of_other_tasks(table: str, tasks: set[str]) -> Cells:
    """Rows of an earlier measurement of tasks that were not measured now.

    Args:
        table: its name.
        tasks: that were.
    """
    if not is_measured(table):
        return []
    return [tuple(row.values()) for row in read_table(table) if row["task"] not in tasks]


MAKERS: dict[str, Callable[[Rows], Made]] = {
    "prove": prove_made,
    "versions": versions_made,
    "real_family": pretrained_made,
    "text_only": lambda rows: ({"text_only": text_only_cells(rows)}, {}),
    "text_only_pretrained": lambda rows: ({"text_only_pretrained": pretrained_text_cells(rows)}, {}),
    "text_only_rivals": lambda rows: ({"text_only_rivals": text_only_cells(rows)}, {}),
    "innocents": lambda rows: ({"changed_logs": changed_log_cells(rows)}, {}),
    "distil": distil_made,
    "blunt": blunt_made,
    "standing_marks": marks_made,
    "damage": damage_made,
}
"""Script -> what makes tables of its rows."""


def in_order(keys: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Distinct keys as they first appear.

    Args:
        keys: of rows.
    """
    return list(dict.fromkeys(keys))


def spread(values: list[float], form: str) -> str:
    """Mean of several seeds, with the lowest and the highest.

    Args:
        values: one a seed.
        form: of a value.
    """
    low, middle, high = (form.format(one) for one in (min(values), mean(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
