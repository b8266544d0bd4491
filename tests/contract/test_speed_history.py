"""A hunt that became slower or larger by more than 15 % is told, compared with the best row of the same log alone."""

from __future__ import annotations

import sys
from pathlib import Path

from source_tree import ROOT

sys.path.insert(0, str(ROOT / "benchmarks" / "speed"))
import quick


def row(cpu: float, peak: int, rows: int = 2_000_000, generator: str = "g", commit: str = "aaaa1111") -> dict[str, str]:
    told = {"date": "2026-11-30", "commit": commit, "rows": str(rows), "generator": generator, "stages": "link=1.0"}
    return {**told, "cpu_ratio": f"{cpu:.2f}", "wall_ratio": "9", "peak_mb": str(peak)}


def test_only_what_is_more_than_15_percent_above_the_best_row_is_told() -> None:
    history = [
        row(12, 900, commit="old"),
        row(10, 1000, commit="best"),
        row(1, 1, rows=9),
        row(1, 1, generator="other"),
    ]
    assert quick.regressions(row(11.5, 1035), history) == []
    (told,) = quick.regressions(row(11.51, 900), history)
    assert told == "processor seconds over the floor: 11.51, 15% above 10.00 at best (2026-11-30)"
    (told,) = quick.regressions(row(9, 1036), history)
    assert told.startswith("peak memory in MB: 1036, 15% above 900 at old")
    assert quick.regressions(row(99, 9999), history[2:]) == []


def test_rows_are_kept_in_order(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    assert quick.read_history(path) == []
    for one in (row(3, 4), row(5, 6)):
        quick.write_row(one, path)
    assert quick.read_history(path) == [row(3, 4), row(5, 6)]


def test_the_history_of_the_project_can_be_read() -> None:
    for one in quick.read_history():
        assert tuple(one) == quick.COLUMNS
        assert float(one["cpu_ratio"]) > 1
        assert float(one["peak_mb"]) > 100
