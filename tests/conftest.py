"""What holds for all tests: one thread of linear algebra, and the slowest files first."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from forked_workers import name_of, pytest_addoption, pytest_runtestloop, worker_count  # noqa: F401 - pytest finds them here
from slow_files import SLOWEST_FIRST, find_unit

# As the command line sets it, and before numpy is imported, which reads it then. With more threads, products of small
# matrices wait for each other in loops: tests of the group search took five times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

read_entry_points = importlib.metadata.entry_points
found_entry_points: dict[tuple[object, ...], Any] = {}


def entry_points(**wanted: str) -> Any:
    """What packages offer, read again where a folder of `sys.path` has changed.

    Each hunt, command and server asks what packages there are beside its own: 20 ms where 220 are installed.
    """
    key = (*map(state_of, sys.path), *sorted(wanted.items()))
    if key not in found_entry_points:
        found_entry_points[key] = read_entry_points(**wanted)
    return found_entry_points[key]


def state_of(place: str) -> tuple[object, ...]:
    """A folder of `sys.path`, and when something came or went there; importlib finds packages anew after that, too."""
    try:
        found = Path(place).stat()
    except OSError:
        return (place,)
    return place, found.st_ino, found.st_mtime_ns


# Before anything of stillhunt is imported, which takes the function by its name.
importlib.metadata.entry_points = entry_points


# On a machine that does other things as well, whatever draws or runs is slow at times, and nothing is wrong with it.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


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
    """Move the slowest files to the front, and files that stay together next to each other; all else stays in order."""
    places = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: places.get(find_unit(name_of(item.path)), len(places)))


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
