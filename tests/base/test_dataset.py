"""Partitions on this machine: their tables come in order, and few wait for a reader who is slower."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from stillhunt.base.dataset import LocalDataset, Source

NUMBER = pa.schema([("number", pa.int64())])
MANY = 200


def partitions(count: int, read: list[int], threads: int) -> LocalDataset:
    """Partitions of one row each, which note that they were read."""

    def source(number: int, _columns: Sequence[str] | None) -> pa.Table:
        read.append(number)
        return pa.table({"number": [number]}, NUMBER)

    sources: list[Source] = [partial(source, number) for number in range(count)]
    return LocalDataset(sources, ["number"], threads)


def same(table: pa.Table, _: Any) -> pa.Table:
    return table


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, MANY])
def test_parts_come_in_order_and_few_are_read_ahead(count: int, threads: int) -> None:
    read: list[int] = []
    for number, part in enumerate(partitions(count, read, threads).gather_parts(same, NUMBER)):
        assert part["number"].to_pylist() == [number]
        assert max(read) <= number + 2 * threads
    assert sorted(read) == list(range(count))


@pytest.mark.parametrize("threads", [1, 2])
def test_one_table_of_all_parts(threads: int) -> None:
    assert partitions(MANY, [], threads).gather(same, NUMBER)["number"].to_pylist() == list(range(MANY))
