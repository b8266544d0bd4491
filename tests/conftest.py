"""What holds for all tests: one thread of linear algebra, and the slowest files first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slow_files import SLOWEST_FIRST

HERE = Path(__file__).parent

# As the command line sets it, and before numpy is imported, which reads it then. With more threads, products of small
# matrices wait for each other in loops: tests of the group search took five times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the slowest files to the front; the order within files and of all others stays."""
    places = {HERE / name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
