"""What holds for all tests: one thread of linear algebra, and the slowest files first."""

from __future__ import annotations

import gc
import os
from collections import Counter
from pathlib import Path

import pytest

from forked_workers import pytest_addoption, pytest_runtestloop, worker_count  # noqa: F401 - pytest finds them here
from slow_files import SLOWEST_FIRST

HERE = Path(__file__).parent

# As the command line sets it, and before numpy is imported, which reads it then. With more threads, products of small
# matrices wait for each other in loops: tests of the group search took five times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers() -> int:
    return worker_count("auto")


# What is imported and collected stays until the end; looked through for garbage again and again while it grew, it cost
# a quarter of the time of collecting. Syntax trees, which some tests make, cost twice their time at Python's own rate.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the slowest files to the front; the order within files and of all others stays."""
    places = {HERE / name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the time went: the folders and the files of tests that took longest."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                file = report.nodeid.split("::")[0].removeprefix("tests/")
                seconds[file] += report.duration
                seconds[f"{file.split('/')[0]}/"] += report.duration
    if not seconds:
        return
    folders = [(name, spent) for name, spent in seconds.most_common() if name.endswith("/")]
    files = [(name, spent) for name, spent in seconds.most_common() if not name.endswith("/")][:15]
    terminalreporter.section("where the time went (seconds of one worker)")
    terminalreporter.write_line(", ".join(f"{name} {spent:.0f}" for name, spent in folders))
    terminalreporter.write_line(", ".join(f"{name} {spent:.0f}" for name, spent in files))
