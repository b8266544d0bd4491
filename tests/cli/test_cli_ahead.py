"""What a hunt will need is said before it begins, and it is refused where the memory will not do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from running import run

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Silent
from stillhunt.cli import hunting
from stillhunt.cli.hunting import duration, tell_forecast
from stillhunt.collect.locate.catalog import find_inputs
from stillhunt.collect.values.rejects import Rejects
from stillhunt.forecast import (
    ForecastConstants,
    HuntForecast,
    LogSize,
    forecast_hunt,
    made_requests,
    measure_log,
    measure_sketch_ms,
    read_constants,
)
from stillhunt.run_record import start_clock


class Notes(Silent):
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def rows(count: int) -> list[dict[str, object]]:
    return [
        {"request_id": f"r{n}", "timestamp": 1_772_000_000_000_000 + n * 10**6, "account_id": f"a{n % 50}",
         "model": "m", "prompt": f"question {n:06d} about the harbour"}
        for n in range(count)
    ]  # fmt: skip


def measured(*paths: Path) -> LogSize:
    with DuckDBEngine(threads=1) as engine:
        found = find_inputs([str(path) for path in paths], engine, Rejects())
        told = measure_log(found, None, Config(), engine)
    assert told is not None
    return told


def test_a_log_is_measured_from_its_metadata_and_samples_whatever_its_form(tmp_path: Path) -> None:
    made = rows(9000)
    table = pa.Table.from_pylist(made)
    table = table.set_column(1, "timestamp", table["timestamp"].cast(pa.timestamp("us", "UTC")))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3000)
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in made)
    (tmp_path / "b.jsonl").write_bytes(lines * 3)
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines * 3))
    text = sum(len(str(row["prompt"])) for row in made)
    parquet = measured(tmp_path / "a.parquet")
    assert (parquet.requests, parquet.file_bytes) == (9000, 0)
    assert parquet.text_bytes == pytest.approx(text)
    for name in ("b.jsonl", "c.jsonl.gz"):
        size = measured(tmp_path / name)
        assert size.requests == pytest.approx(27_000, rel=0.1), name
        assert size.file_bytes == pytest.approx(3 * len(lines), rel=0.1), name
    both = measured(tmp_path / "a.parquet", tmp_path / "b.jsonl")
    assert both.requests == pytest.approx(36_000, rel=0.1)


def test_nothing_is_said_of_a_stream(tmp_path: Path) -> None:
    stream = pa.RecordBatchReader.from_batches(pa.schema([("request_id", pa.string())]), [])
    with DuckDBEngine(threads=1) as engine:
        assert measure_log(find_inputs(stream, engine, Rejects()), None, Config(), engine) is None
        (tmp_path / "x.jsonl").write_text("no log\n")
        found = find_inputs(str(tmp_path / "x.jsonl"), engine, Rejects())
        assert measure_log(found, None, Config(), engine) is None


def test_costs_add_up_and_threads_share_a_part_of_them() -> None:
    constants = ForecastConstants((1.0, 10.0, 100.0, 0.0), (50.0, 100.0, 1000.0, 7.0), 0.5, 10.0)
    told = forecast_hunt(LogSize(4e6, 1e9, 4e9), 2.0, 4, constants)
    assert told.cpu_seconds == 2 * (1 + 40 + 100)
    assert told.seconds == 2 * 1 + 280 * 0.625  # no thread shares what any hunt costs
    assert told.memory_bytes == (50 + 200 + 1000 + 14) * 1e6
    assert read_constants().parallel_share <= 1


def test_the_speed_of_a_machine_is_measured_with_the_same_prompts_everywhere() -> None:
    made = made_requests()
    assert made.equals(made_requests())
    assert made["prompt"][1].as_py().split()[:2] == ["oeefm", "uf0en"]
    assert measure_sketch_ms() > 0


def test_a_hunt_that_the_memory_will_not_do_for_is_refused_unless_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    told = HuntForecast(LogSize(4_012_345, 3e9, 0.0), 300.0, 180.0, 30e9)
    monkeypatch.setattr(hunting, "container_memory", lambda: int(8e9))
    notes = Notes()
    with pytest.raises(
        InputError, match=r"needs about 30.0 GB of memory, and 8.0 GB is all that this container"
    ) as error:
        tell_forecast(notes, told, force=False)
    assert "--force-memory" in error.value.on_command_line()
    tell_forecast(notes, told, force=True)
    monkeypatch.setattr(hunting, "container_memory", lambda: int(40e9))
    monkeypatch.setattr(hunting.psutil.virtual_memory().__class__, "total", int(31e9))
    tell_forecast(notes, told, force=False)
    need = "about 3 minutes (5 minutes of a processor) and 30.0 GB of memory"
    assert notes.told == [f"some 4,000,000 requests with 3.0 GB of text: {need}"] * 3
    assert [duration(seconds) for seconds in (0.2, 99, 101, 7000)] == ["1 s", "99 s", "2 minutes", "1.9 hours"]


def test_hunt_tells_stages_and_what_it_will_need_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(60)))
    told = run("hunt", "log.jsonl", "--stages", "--json", cwd=tmp_path)
    assert json.loads(told.stdout)["exit_code"] == 0
    assert "some 60 requests with 1 MB of text: about" in told.stderr
    table = told.stderr[told.stderr.index("stage ") :]
    for name in ("collect and extract", "  reading requests", "  finding templates", "  tying operators", "all stages"):
        assert name in table, name
    assert "of memory" not in run("hunt", "log.jsonl", "--quiet", cwd=tmp_path).stderr


def test_steps_of_one_name_are_one_entry_of_their_stage() -> None:
    progress, clock = start_clock(Notes())
    with clock.stage("score"):
        for done in (2, 3):
            with progress.stage("weighing", None, "groups") as advance:
                advance(done)
    with clock.stage("phrases"):
        pass
    assert [(stage["stage"], [(step["step"], step["done"]) for step in stage["steps"]]) for stage in clock.timings] == [
        ("score", [("weighing", 5)]),
        ("phrases", []),
    ]
