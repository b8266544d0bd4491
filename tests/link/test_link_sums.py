"""Keys that come in parts: their sums do not depend on how they are cut, and not all parts are held."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from stillhunt.link.requests import arrays
from stillhunt.link.requests.arrays import Ints, summed


@pytest.mark.parametrize("at_once", [1, 50, 10_000])
def test_sums_are_those_of_all_parts_together(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_SUMMED_AT_ONCE", at_once)
    drawn = np.random.default_rng(3).integers(-40, 40, (30, 20))
    keys, sums = summed((part, part * 0 + number) for number, part in enumerate(drawn))
    expected: dict[int, int] = {}
    for number, part in enumerate(drawn.tolist()):
        for key in part:
            expected[key] = expected.get(key, 0) + number
    assert dict(zip(keys.tolist(), sums.tolist(), strict=True)) == expected
    assert len(keys) == len(expected)


def test_nothing_sums_to_nothing() -> None:
    assert [len(part) for part in summed(())] == [0, 0]


def test_parts_with_the_same_keys_take_the_memory_of_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_SUMMED_AT_ONCE", 1)
    size, count = 10_000, 64

    def parts() -> Iterator[tuple[Ints, Ints]]:
        for _ in range(count):
            yield np.arange(size), np.ones(size, np.int64)

    summed(parts())  # compiles
    tracemalloc.start()
    summed(parts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 16 * size  # bytes; all parts are 64 times 16
