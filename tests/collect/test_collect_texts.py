"""Texts of a few rows read again: from any row group, in any order, and the rest of the file left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.collect import open_requests
from stillhunt.collect.decode import columnar as files
from stillhunt.collect.values.fields import RawBatch

ROWS = 100


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    table = pa.table(
        {
            "request_id": [f"r{row}" for row in range(ROWS)],
            "timestamp": pa.array([1_700_000_000_000_000 + row for row in range(ROWS)], pa.timestamp("us", "UTC")),
            "account_id": ["a"] * ROWS,
            "model": ["m"] * ROWS,
            "prompt": [f"prompt {row}" if row % 7 else None for row in range(ROWS)],
            "system_prompt": [f"system {row}" if row % 2 else None for row in range(ROWS)],
        }
    )
    path = tmp_path / "log.parquet"
    pq.write_table(table, path, row_group_size=30)
    return path


@pytest.mark.parametrize("most", [4, 8_192])
def test_prompts_of_rows_of_several_row_groups(log_file: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(files, "LOOKUP_ROWS", most)
    rows = [99, 0, 29, 30, 31, 30, 14, 90, 1000]
    with DuckDBEngine(threads=2, memory_gb=1) as engine:
        log = open_requests([str(log_file)], mapping=None, config=Config(threads=2), engine=engine, progress=Silent())
        found = log.prompts([(0, row) for row in rows])
    assert found == [f"prompt {row}" if row % 7 and row < ROWS else None for row in rows]


def test_reading_stops_after_the_last_wanted_row(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOOKUP_ROWS", 5)
    read: list[int] = []
    wrap = files.ColumnarRows.wrap

    def counted(rows: files.ColumnarRows, batch: pa.RecordBatch, wanted: tuple[str, ...], first: int) -> RawBatch:
        read.append(first)
        return wrap(rows, batch, wanted, first)

    monkeypatch.setattr(files.ColumnarRows, "wrap", counted)
    with DuckDBEngine(threads=1, memory_gb=1) as engine:
        log = open_requests([str(log_file)], mapping=None, config=Config(threads=1), engine=engine, progress=Silent())
        log.prompts([(0, 37), (0, 93)])
    assert sorted(read) == [30, 35, 90]


def test_some_rows_of_a_batch_keep_their_places() -> None:
    batch = RawBatch(
        columns={"prompt": pa.array(["a", "b", "c"]), "messages": [1, [2], None]},
        rows=3,
        source="log",
        origin_file=0,
        origin_rows=np.array([7, 8, 9]),
        place=lambda row: f"row {row + 7}",
        raw=str,
    )
    few = batch.take(np.array([2, 1]))
    assert (few.rows, few.origin_rows.tolist(), few.place(0), few.raw(1)) == (2, [9, 8], "row 9", "1")
    assert few.columns["prompt"].to_pylist() == ["c", "b"]
    assert few.columns["messages"] == [None, [2]]
