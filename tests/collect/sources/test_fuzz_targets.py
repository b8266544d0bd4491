"""Targets of benchmarks/fuzz: what they start from does no harm, nor do its first changes."""

from __future__ import annotations

import random
import sys

import pytest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/benchmarks/fuzz")
import targets

CHANGES = 9


@pytest.mark.parametrize("name", targets.targets())
def test_it_stands_some_damage(name: str) -> None:
    target = targets.targets()[name]
    change = targets.changed(target)
    seeds = [seed for seed in target.seeds if len(seed) < 8000]
    for number in range(CHANGES):
        data = seeds[number % len(seeds)]
        target.check(data)
        draw = random.Random(number)
        for _ in range(1 + number % 3):
            data = change(data, draw)
        target.check(data[: target.longest])
