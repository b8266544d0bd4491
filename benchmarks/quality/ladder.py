"""The ladder on README and docs/figures.md: both generators, every rung, two worlds each, hunted now.

python benchmarks/quality/ladder.py --rows FOLDER            hunts what FOLDER lacks, and prints the figures
python benchmarks/quality/ladder.py --rows FOLDER --write    and writes docs/figures/ladder.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from stillhunt_lab.bench import BenchSpec, run_bench
from stillhunt_lab.bench.rows import read_rows

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, HUNT, write_figures

COMMAND = "benchmarks/quality/ladder.py --rows FOLDER --write"
SPEC = BenchSpec(("first", "second"), tuple(range(1, 16)), seeds=2, baselines=False)
GROUPS = {
    "1-6": (1, 2, 3, 4, 5, 6),
    "7": (7,),
    "8": (8,),
    "9": (9,),
    "10": (10,),
    "11": (11,),
    "12": (12,),
    "13-15": (13, 15),
}
"""Rows of the pages; rung 14 leaves no rows in a log, and the second generator ends with rung 12."""


class Printed:
    """Progress as a line for each world."""

    def stage(self, *_words: object) -> AbstractContextManager[Any]:
        """Nothing to count."""
        return nullcontext(lambda _count: None)

    def note(self, text: str) -> None:
        """Print it."""
        print(f"  {text}", flush=True)


def ladder_figures(rows: Iterable[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Name of each figure -> its value and what it counts.

    Args:
        rows: of a bench, one for each world; only those of this ladder count.
    """
    found: dict[str, dict[int, list[tuple[float, int]]]] = {name: {} for name in SPEC.generators}
    for row in rows:
        quality = row["quality"]
        told = quality["recall"], sum(quality["false_by_persona"].values())
        found[row["generator"]].setdefault(row["rung"], []).append(told)
    figures: dict[str, tuple[str, str]] = {}
    for generator, ladder in found.items():
        for group, rungs in GROUPS.items():
            own = {rung: ladder[rung] for rung in rungs if rung in ladder}
            if not own:
                continue
            shares = sorted(round(100 * sum(share for share, _ in worlds) / len(worlds)) for worlds in own.values())
            value = f"{shares[0]} %" if shares[0] == shares[-1] else f"{shares[0]}-{shares[-1]} %"
            of = f"{generator} generator, rungs {', '.join(map(str, own))}, {SPEC.seeds} worlds each"
            figures[f"{generator}-{group}"] = value, f"harvesting accounts that are flagged, {of}"
        false = sum(count for worlds in ladder.values() for _, count in worlds)
        figures[f"{generator}-false"] = (
            str(false),
            f"honest accounts that are flagged, {generator} generator, all rungs",
        )
    return figures


def main() -> int:
    """Hunt, print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder where rows are kept")
    parser.add_argument("--write", action="store_true", help="write docs/figures/ladder.json")
    options = parser.parse_args()
    run_bench(SPEC, options.rows, Printed())
    figures = ladder_figures(read_rows(options.rows))
    for name, (value, unit) in figures.items():
        print(f"{name:16} {value:12} {unit}")
    if options.write:
        write_figures(FOLDER / "ladder.json", COMMAND, HUNT, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
