"""The figures of the ladder on README and docs/figures.md, from the rows of docs/benchmark.md.

Examples, from the repository's root:

    stillhunt lab bench --out FOLDER ... --report docs/benchmark.md     measures, and writes the page
    python benchmarks/quality/ladder.py                                 prints the figures that the page gives
    python benchmarks/quality/ladder.py --write                         and writes docs/figures/ladder.json

A test compares the two, so that no page shows another ladder than the benchmark.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, HUNT, ROOT, write_figures

PAGE, FIGURES = ROOT / "docs" / "benchmark.md", FOLDER / "ladder.json"
COMMAND = "stillhunt lab bench"
NAMES = {
    "first": "first generator",
    "second": "second generator",
    "texts": "second generator with real texts",
}
RANGES = {"first-rungs-1-6": range(1, 7), "second-rungs-1-5": range(1, 6), "texts-rungs-1-5": range(1, 6)}
HIDDEN = (6, 7, 10, 11)
ALONE = {
    7: "oblique wording",
    8: "three operations on the accounts of one reseller",
    9: "relayed sessions of real users",
    10: "several channels",
    11: "bans and standby accounts",
}
_ROW = re.compile(r"^\| (\d+) \| (\d+) \| ([\d.]+)[^|]*\|[^|]*\| ([\d.]+)")


def read_ladder(page: str) -> dict[str, dict[int, tuple[int, float, int]]]:
    """Generator -> rung -> worlds, mean share of the harvesting accounts that are flagged, honest accounts flagged.

    Args:
        page: text of docs/benchmark.md.
    """
    found: dict[str, dict[int, tuple[int, float, int]]] = {}
    for part in page.split("\n## stillhunt on the ladder, generator ")[1:]:
        name, _, rest = part.partition("\n")
        rows = [row for line in rest.split("\n## ")[0].splitlines() if (row := _ROW.match(line))]
        found[name.strip()] = {
            int(row[1]): (int(row[2]), float(row[3]), round(float(row[4]) * int(row[2]))) for row in rows
        }
    return found


def ladder_figures(page: str) -> dict[str, tuple[str, str]]:
    """Name of each figure -> its value and what it counts, as the pages state them."""
    ladder = read_ladder(page)
    figures: dict[str, tuple[str, str]] = {}
    flagged = "harvesting accounts that are flagged, {}, {}"
    for name, rungs in RANGES.items():
        generator = name.partition("-")[0]
        worlds = ladder[generator][1][0]
        shares = sorted(ladder[generator][rung][1] for rung in rungs)
        span = f"rungs {rungs[0]}-{rungs[-1]}, {worlds} worlds each of 2,000 honest and 60 harvesting accounts"
        figures[name] = (
            f"{shares[0]:.0%}-{shares[-1]:.0%}".replace("%-", "-").replace("%", " %"),
            flagged.format(NAMES[generator], span),
        )
    false = "honest accounts that are flagged, {}, {}"
    early = sum(ladder["first"][rung][2] for rung in RANGES["first-rungs-1-6"])
    figures["first-rungs-1-6-false"] = str(early), false.format(NAMES["first"], "rungs 1-6")
    figures["first-rung-7-false"] = str(ladder["first"][7][2]), false.format(NAMES["first"], "rung 7")
    for rung, what in ALONE.items():
        share = f"{ladder['first'][rung][1]:.0%}".replace("%", " %")
        figures[f"first-rung-{rung}"] = share, flagged.format(NAMES["first"], f"rung {rung} ({what})")
    for generator in ("second", "texts"):
        shares = [f"{ladder[generator][rung][1]:.0%}".replace("%", " %") for rung in HIDDEN]
        figures[f"{generator}-hidden"] = ", ".join(shares), flagged.format(NAMES[generator], "rungs 6, 7, 10, 11")
        all_false = sum(row[2] for row in ladder[generator].values())
        figures[f"{generator}-false"] = str(all_false), false.format(NAMES[generator], "all rungs")
    return figures


def main() -> int:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/figures/ladder.json")
    options = parser.parse_args()
    figures = ladder_figures(PAGE.read_text(encoding="utf-8"))
    for name, (value, unit) in figures.items():
        print(f"{name:24} {value:26} {unit}")
    if options.write:
        write_figures(FIGURES, COMMAND, HUNT, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
