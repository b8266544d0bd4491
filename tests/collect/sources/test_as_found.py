"""Logs as they lie about: foreign records, rotated files, names that tell nothing."""

from __future__ import annotations

import gzip
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from otlp_dialect_records import CURRENT
from otlp_fixtures import export, span
from reading import KEY, read_logs

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Advance, Silent
from stillhunt.collect import open_requests
from stillhunt.collect.sources.otlp_entries import FOREIGN, METRICS

EDGE = {"remote_addr": "192.0.2.7", "request_id": "e1", "msec": 1_767_225_600, "request": "POST /v1/x HTTP/1.1"}


def plain(number: int, **values: Any) -> dict[str, Any]:
    return {"request_id": f"r{number}", "timestamp": 1_767_225_600, "account_id": "a1", "model": "m", **values}


def written(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


class Noted:
    """Progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def stage(self, name: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        return Silent().stage(name, total, unit)

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_foreign_records_among_traces_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", export([span(1, CURRENT)]), EDGE, {"resourceMetrics": [{"a": 1}]}, {})
    read = read_logs(path)
    assert len(read.rows) == 1
    assert [(reject["place"], reject["reason"]) for reject in read.rejects] == [
        ("line 2", FOREIGN),
        ("line 4", FOREIGN),
    ]
    assert read.inputs[0].passed_over == {METRICS: 1}


def test_a_log_told_to_be_what_it_is_not_fails(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        read_logs(written(tmp_path / "a.jsonl", EDGE, EDGE), format="otlp")
    assert "OpenTelemetry" in str(told.value)


def test_canonical_format_asks_no_source(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", export([span(1, CURRENT)]))
    assert read_logs(path).inputs[0].format == "otlp"
    with pytest.raises(InputError) as told:
        read_logs(path, format="canonical")
    assert "required column" in str(told.value)


def test_rotated_logs_are_read_and_other_files_named(tmp_path: Path) -> None:
    names = ("app.log", "app.log.1", "app.jsonl.2026-11-24", "app.jsonl-20261123", "app.json.2026-11-24T05")
    for number, name in enumerate(names):
        written(tmp_path / name, plain(number))
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(json.dumps(plain(9)).encode()))
    for name in ("part-0001", "notes.txt", "v1.2", ".hidden", "_state"):
        (tmp_path / name).write_text("x")
    noted = Noted()
    with DuckDBEngine(threads=1) as engine:
        config = Config.load({"collect": {"identity_key": KEY}})
        log = open_requests(str(tmp_path), mapping=None, config=config, engine=engine, progress=noted)
        assert sum(table.num_rows for table in log.batches()) == len(names) + 1
    (note,) = noted.notes
    assert note.startswith("passed by 3 files whose names are of no log: notes.txt, part-0001, v1.2;")


def test_a_folder_without_logs_names_its_files(tmp_path: Path) -> None:
    (tmp_path / "part-0001").write_text("x")
    with pytest.raises(InputError, match="part-0001"):
        read_logs(tmp_path)
