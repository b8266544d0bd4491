"""Work ahead of the reader: the same items in the same order, a bounded number at once, whatever the threads do."""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from gathering import collected, config, content, opened, row, write_lines, write_parquet

from stillhunt.base.errors import InputError
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.read.input_stats import InputFacts
from stillhunt.collect.read.rows import in_parallel


def numbers(first: int, count: int, seed: int) -> Iterator[int]:
    draw = random.Random(seed + first)
    for n in range(first, first + count):
        sum(range(draw.randrange(20_000)))  # so that threads end their work in any order
        yield n


def stretches(seed: int) -> tuple[list[Callable[[], Iterator[int]]], int]:
    draw, first, made = random.Random(seed), 0, []
    for _ in range(12):
        count = draw.choice([0, 0, 1, 2, 5])
        made.append(functools.partial(numbers, first, count, seed))
        first += count
    return made, first


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("seed", range(6))
def test_all_items_come_in_order(seed: int, workers: int) -> None:
    made, count = stretches(seed)
    assert list(in_parallel(iter(made), workers)) == list(range(count))
    assert list(in_parallel(iter([]), workers)) == []


def test_no_more_than_one_item_beyond_the_threads_is_made_ahead() -> None:
    made, lock, most, read = [0], threading.Lock(), 0, 0

    def items() -> Iterator[int]:
        for _ in range(10):
            with lock:
                made[0] += 1
            yield 0

    for _item in in_parallel((items for _ in range(5)), 2):
        read += 1
        sum(range(50_000))
        most = max(most, made[0] - read)
    assert read == 50
    assert most <= 3


def test_errors_reach_the_reader_after_what_came_before_them() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    seen = []
    with pytest.raises(KeyError):
        seen.extend(in_parallel(iter([functools.partial(numbers, 0, 1, 0), broken]), 2))

    def none_left() -> Iterator[Callable[[], Iterator[int]]]:
        yield functools.partial(numbers, 0, 2, 0)
        raise OSError("no more files")

    for item in (reading := in_parallel(none_left(), 2)):
        seen.append(item)
        if item:
            break
    with pytest.raises(OSError, match="no more files"):
        next(reading)
    assert seen == [0, 1, 0, 1]


def test_a_reader_that_stops_early_leaves_no_thread_behind() -> None:
    reading = in_parallel((functools.partial(numbers, 0, 50, 0) for _ in range(9)), 3)
    assert next(reading) == 0
    reading.close()  # type: ignore[attr-defined]  # it is a generator
    assert not [t for t in threading.enumerate() if t.name.startswith("stillhunt-ahead")]


def two_files(folder: Path) -> Path:
    rows = [row(n, conversation_id=f"c{n // 8}", prompt=f"{'long text ' * 9}{n}") for n in range(24)]
    rows[3]["account_id"] = rows[15]["model"] = ""
    write_parquet(folder / "a.parquet", rows[:12], row_group_size=5)
    write_parquet(folder / "b.parquet", rows[12:16], row_group_size=3)
    write_lines(folder / "c.jsonl", rows[16:])
    return folder


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_rows_and_rejects_do_not_depend_on_threads(tmp_path: Path, threads: int) -> None:
    settings = config(batch_rows=2).model_copy(update={"threads": threads})
    log = opened(two_files(tmp_path), settings=settings)
    tables = list(log.batches())
    first, first_log = collected(tmp_path)
    assert content(pa.concat_tables(tables).to_pylist()) == content(first)
    assert [t["request_id"][0].as_py() for t in tables[:4]] == ["r0", "r2", "r4", "r5"]
    assert log.rejects().to_pylist() == first_log.rejects().to_pylist()
    assert [r["place"] for r in log.rejects().to_pylist()] == ["row 3, column account_id"]
    assert log.facts.inputs == first_log.facts.inputs


def test_known_inputs_are_not_decoded_again(tmp_path: Path) -> None:
    whole, log = collected(two_files(tmp_path))
    digests = opened(tmp_path).digests()
    assert digests == {n: one.sha256 for n, one in enumerate(log.facts.inputs)}
    assert log.stats.of(0).rows == 11
    assert log.stats.of(0).rejected == 1
    again = opened(tmp_path)
    assert again.digests() == digests
    for index in (0, 2):
        again.remember(index, log.stats.of(index), log.history.cuts(index))
    rows = pa.concat_tables([REQUESTS.empty(), *again.batches(frozenset((0, 2)))]).to_pylist()
    assert {r["origin_file"] for r in rows} == {1}
    assert again.facts.inputs == log.facts.inputs
    assert (again.facts.rows, again.facts.rejected_rows, again.facts.columns.present) == (
        log.facts.rows,
        log.facts.rejected_rows,
        log.facts.columns.present,
    )
    assert len(rows) == sum(r["origin_file"] == 1 for r in whole)


def test_all_inputs_may_be_known(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [row(1)])
    log = opened(tmp_path)
    log.remember(0, InputFacts(1, {"prompt": 1}))
    assert list(log.batches(frozenset((0,)))) == []
    assert (log.facts.rows, log.facts.columns.present, log.facts.inputs[0].rows) == (1, frozenset(("prompt",)), 1)
    with pytest.raises(InputError, match="read before"):
        list(log.batches())
