"""Tables of `text_only.py` and of `innocents.py`."""

from __future__ import annotations

from statistics import median
from typing import Any

Rows = list[dict[str, Any]]
TEXT_ONLY = """### Text alone

A suspect gives text and nothing else. Teacher and suspects have a third of a million parameters; a suspect learns 2,000
real texts over two epochs, of which a thief has 100 harvested answers, and an innocent student as many other answers
of the teacher to the same prompts. It gives ten replies to each of the 100 prompts; a surrogate learns these, beginning
as the model that the column names. p-values are those of single tests, not corrected; the last column is what the
suspect's own likelihoods would have shown.

{table}
"""
INNOCENTS = """### Innocents, and logs that changed the answers

A tiny teacher answers; the log has its answers changed in one way that it does not show, of 40 prompts in each try.
Suspects are students of other answers of the teacher, half of them of answers that were changed in the same way.
Answers to honest accounts protect nobody here. Tries are counted at three bars before the teacher judges; *accused* are
left at the bar of `prove` (corrected 1e-5, 1,000 pairs); *passes* is how often the teacher takes what was logged for
draws of its own.

{table}
"""


def text_only_part(rows: Rows) -> str:
    """The part about suspects that give text alone.

    Args:
        rows: of `text_only.py`.
    """
    columns = list(rows[0]["p"])
    lines = [_line("suspect", "replies to each", "number", *columns), "|---" * (3 + len(columns)) + "|"]
    for kind, replies in sorted({(row["kind"], row["replies"]) for row in rows}, reverse=True):
        own = [row["p"] for row in rows if (row["kind"], row["replies"]) == (kind, replies)]
        values = [f"{median(one[name] for one in own):.1e} ({min(one[name] for one in own):.0e})" for name in columns]
        lines.append(_line(kind, replies, len(own), *values))
    return TEXT_ONLY.format(table="\n".join([*lines, "", "Cells are medians, with the smallest in brackets."]))


def innocents_part(rows: Rows) -> str:
    """The part about innocents.

    Args:
        rows: of `innocents.py`.
    """
    lines = [_line("change", "tries", "p ≤ 0.05", "p ≤ 0.01", "at the bar", "accused", "passes", "smallest p left")]
    lines.append("|---" * 8 + "|")
    for way in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == way]
        below = [sum(row["below"][place] for row in own) for place in range(3)]
        passed = f"{sum(row['passed'] for row in own)} of {sum(row['looked'] for row in own)}"
        accused, least = sum(row["accused"][-1] for row in own), min(row["least_p"] for row in own)
        lines.append(_line(way, sum(row["tries"] for row in own), *below, accused, passed, f"{least:.0e}"))
    return INNOCENTS.format(table="\n".join(lines))


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
