"""Tables of `text_only.py` and of `innocents.py`."""

from __future__ import annotations

from statistics import median
from typing import Any

from prove_tables import BARS, corrected

Rows = list[dict[str, Any]]


def text_only_cells(rows: Rows) -> list[tuple[Any, ...]]:
    """Titles, and cells of suspects that give text alone: how many `prove` names, and the median and least p-value.

    Args:
        rows: of `text_only.py`.
    """
    columns = list(rows[0]["p"])
    cells: list[tuple[Any, ...]] = [("suspect", "replies to each", "number", *columns)]
    for kind, replies in sorted({(row["kind"], row["replies"]) for row in rows}, reverse=True):
        own = [row["p"] for row in rows if (row["kind"], row["replies"]) == (kind, replies)]
        cells.append((kind, replies, len(own), *(text_only_cell([one[name] for one in own]) for name in columns)))
    return cells


def pretrained_text_cells(rows: Rows) -> list[tuple[Any, ...]]:
    """As `text_only_cells`, and the p-values of controls in place of the logged answers, of which no suspect has any.

    Args:
        rows: of `text_only_pretrained.py`.
    """
    columns, sizes = list(rows[0]["p"]), ("answers", "replies")
    titles = [title for name in columns for title in (name, f"{name}: controls")]
    cells: list[tuple[Any, ...]] = [("suspect", "answers", "replies to each", "number", *titles)]
    for key in dict.fromkeys((row["cell"]["kind"], *(row["cell"][one] for one in sizes)) for row in rows):
        own = [row for row in rows if (row["cell"]["kind"], *(row["cell"][one] for one in sizes)) == key]
        found = [
            text_only_cell(values)
            for name in columns
            for values in ([row["p"][name] for row in own], [p for row in own for p in row["others"][name]])
        ]
        cells.append((*key, len(own), *found))
    return cells


def text_only_cell(values: list[float]) -> str:
    """How many of the p-values `prove` would name, with the median and the least.

    Args:
        values: of one column.
    """
    named = sum(corrected({"test": "control answers", "p": one}) <= BARS[0] for one in values)
    return f"{named} of {len(values)}, {median(values):.0e} ({min(values):.0e})"


def changed_log_cells(rows: Rows) -> list[tuple[Any, ...]]:
    """Titles, and cells of innocents for each way in which logs change answers.

    Args:
        rows: of `innocents.py`.
    """
    titles = ("change", "tries", "p ≤ 0.05", "p ≤ 0.01", "at the bar", "accused", "passes", "smallest p left")
    cells: list[tuple[Any, ...]] = [titles]
    for way in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == way]
        below = [sum(row["below"][place] for row in own) for place in range(3)]
        passed = f"{sum(row['passed'] for row in own)} of {sum(row['looked'] for row in own)}"
        accused, least = sum(row["accused"][-1] for row in own), min(row["least_p"] for row in own)
        cells.append((way, sum(row["tries"] for row in own), *below, accused, passed, f"{least:.0e}"))
    return cells
