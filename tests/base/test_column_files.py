"""Columns in files: what comes back is what was kept, without its memory, and a full disk is said or done without."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.base import column_files
from stillhunt.base.column_files import ColumnFile, kept_in_file, release_mapped
from stillhunt.base.errors import OutputError

ROWS = 200_000


@pytest.fixture(params=[1, column_files.HELD_BYTES], ids=["on disk", "in memory"])
def _held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_files, "HELD_BYTES", request.param)


@pytest.fixture
def _small_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file may have more than 64 kB, as if the disk were full."""
    monkeypatch.setattr(column_files, "HELD_BYTES", 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def part(number: int, rows: int) -> pa.Table:
    """Rows with columns of all forms, whose codes differ from part to part."""
    names = pa.array([f"name-{number}", None, f"name-{number + 1}"]).dictionary_encode()
    return pa.table(
        {
            "text": pa.array([f"{number}-{row}" if row % 3 else None for row in range(rows)], pa.string()),
            "coded": names.take(pa.array(np.arange(rows) % 3)),
            "words": pa.array([[row, number][: row % 3] for row in range(rows)], pa.list_(pa.uint16())),
            "sometimes": pa.array([number if number % 2 else None] * rows, pa.int64()),
            "never": pa.nulls(rows, pa.float64()),
        }
    )


@pytest.mark.usefixtures("_held")
def test_columns_of_parts_come_back_in_their_order() -> None:
    parts = [part(number, rows) for number, rows in enumerate((5, 0, 1, 7))]
    with ColumnFile(parts[0].schema) as kept:
        for one in parts:
            kept.add(one)
        for name in reversed(parts[0].column_names):
            assert kept.take(name).to_pylist() == pa.concat_tables(parts).column(name).to_pylist()


def test_no_part_at_all_is_an_empty_column() -> None:
    with ColumnFile(part(0, 1).schema) as kept:
        assert kept.take("words") == pa.chunked_array([], pa.list_(pa.uint16()))


@pytest.mark.usefixtures("_held")
@pytest.mark.parametrize("name", part(0, 1).column_names)
def test_a_column_in_a_file_is_the_same_however_often_it_is_read(name: str) -> None:
    column = part(1, 100).column(name)
    kept = kept_in_file(column)
    for _ in range(2):
        assert kept.to_pylist() == column.to_pylist()
        release_mapped()


def test_a_long_column_in_a_file_takes_no_memory_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_files, "HELD_BYTES", 1)
    before = pa.total_allocated_bytes()
    kept = kept_in_file(pa.array(np.arange(ROWS)).filter(pa.array(np.ones(ROWS, bool))))
    assert len(kept) == ROWS
    assert pa.total_allocated_bytes() - before < ROWS


@pytest.mark.usefixtures("_small_files")
def test_a_full_disk_is_an_error_that_says_where_to_make_room() -> None:
    one = part(0, ROWS // 10)
    with ColumnFile(one.schema) as kept, pytest.raises(OutputError, match="no room for the requests") as found:
        kept.add(one)
    assert "TMPDIR" in str(found.value.next_step)


@pytest.mark.usefixtures("_small_files")
def test_a_column_stays_in_memory_on_a_full_disk() -> None:
    column = pa.array(np.arange(ROWS))
    assert kept_in_file(column) is column
