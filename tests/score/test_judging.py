"""Candidates are judged from both ends, each once, and come back in their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from stillhunt.score.verdict.judging import judge_all

SIZES = [3, 900, 1, 2, 800, 4]
WAITS = 30.0  # seconds; only a failure waits so long


def candidates() -> list[Any]:
    return [SimpleNamespace(number=number, rows=range(size)) for number, size in enumerate(SIZES)]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_are_judged_once_and_in_order(threads: int) -> None:
    told: list[int] = []
    found = candidates()
    with ThreadPoolExecutor(threads) as pool:
        judged: list[Any] = judge_all(found, lambda one: one.number, pool, told.append)  # type: ignore[arg-type, return-value]  # a stand-in
    assert (judged, sum(told), found) == ([*range(len(SIZES))], len(SIZES), [])


def test_nothing_is_judged_where_there_is_nothing() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert judge_all([], pytest.fail, pool, pytest.fail) == []


def test_small_ones_are_judged_beside_the_largest() -> None:
    done: list[int] = []
    small = [1, 2, 3, 4]
    all_small = Event()

    def judge(one: Any) -> Any:
        if len(one.rows) == max(SIZES):
            assert all_small.wait(WAITS), "the small ones waited for the largest"
        done.append(len(one.rows))
        if done == small:
            all_small.set()
        return one.number

    with ThreadPoolExecutor(2) as pool:
        judge_all(candidates(), judge, pool, lambda _: None)
    assert done[: len(small)] == small


def test_what_fails_is_raised() -> None:
    def judge(one: Any) -> Any:
        if one.number == 4:
            raise ValueError(one.number)

    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="4"):
        judge_all(candidates(), judge, pool, lambda _: None)
