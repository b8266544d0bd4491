"""Progress: rates and amounts, lines in a pipe, bars on a terminal, and any thread may advance it."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console
from rich.progress import Progress as RichProgress

from stillhunt.cli.progress import BarProgress, LineProgress, amount, bar_columns, open_progress


@pytest.mark.parametrize(
    ("done", "total", "rate", "unit", "words"),
    [
        (12_000, 50_000, 48_211.4, "rows", "12,000/50,000 rows, 48,211/s"),
        (12e6, None, 85.1e6, "bytes", "12.0 MB, 85.1 MB/s"),
        (0, None, None, "accounts", "0 accounts"),
    ],
)
def test_amount(done: float, total: float | None, rate: float | None, unit: str, words: str) -> None:
    assert amount(done, total, rate, unit) == words


def test_lines_elsewhere() -> None:
    file = io.StringIO()
    progress = LineProgress(Console(file=file))
    with progress.stage("reading", 100, "rows") as advance:
        advance(60)
        advance(40)
    with progress.stage("writing", None, "files"):
        pass
    progress.note("no column \x1b[31mresponse")
    first, second, third = file.getvalue().splitlines()
    assert re.fullmatch(r"reading: 100 rows, [\d,]+/s, \d+\.\d s", first)
    assert re.fullmatch(r"writing: \d+\.\d s", second)
    assert third == "no column \\x1b[31mresponse"


def test_no_advance_is_lost_between_threads() -> None:
    file = io.StringIO()
    with (
        LineProgress(Console(file=file)).stage("reading", None, "rows") as advance,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(advance, [1] * 5_000))
    assert file.getvalue().startswith("reading: 5,000 rows")


@pytest.mark.parametrize("total", [None, 3])
def test_bars_end_with_what_was_done(total: int | None) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    with RichProgress(*bar_columns(), console=console) as bars:
        progress = BarProgress(bars)
        with progress.stage("reading", total, "rows") as advance:
            advance(3)
        progress.note("one line")
    *_, last, _cursor_back = file.getvalue().splitlines()
    assert "3 rows" in last
    assert "one line" in file.getvalue()


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with open_progress(quiet=True) as progress, progress.stage("reading", None, "rows") as advance:
        advance(1)
        progress.note("hidden")
    assert capsys.readouterr() == ("", "")
