"""Logs as they lie about: foreign records, rotated files, names that tell nothing."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from otlp_dialect_records import CURRENT
from otlp_fixtures import export, span
from reading import KEY, read_logs

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Advance, Silent
from stillhunt.collect import open_requests
from stillhunt.collect.formats.otlp.entries import FOREIGN, METRICS

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
    assert note.startswith("3 files (notes.txt, part-0001, v1.2) not read")


def test_a_folder_without_logs_names_its_files(tmp_path: Path) -> None:
    (tmp_path / "part-0001").write_text("x")
    with pytest.raises(InputError, match="part-0001"):
        read_logs(tmp_path)


NESTED = {
    "meta": {"request": {"id": "q1"}, "at": "2026-01-01T00:00:00Z"},
    "user": {"id": "heron", "mail": "x@birds.example"},
    "call": {"model": "m-birds", "input": {"messages": [{"role": "user", "content": "Where do herons nest?"}]}},
    "net": '{"remote_addr": "192.0.2.7"}',
    "cost": {"prompt_tokens": 3},
}


def test_the_line_proposed_for_nested_logs_reads_them(tmp_path: Path) -> None:
    path = written(
        tmp_path / "n.jsonl", *({**NESTED, "meta": {**NESTED["meta"], "request": {"id": f"q{n}"}}} for n in range(3))
    )
    with pytest.raises(InputError) as told:
        read_logs(path)
    proposed = dict(re.findall(r"--map (\w+)=(\S+?)(?=[\s;)]|$)", told.value.on_command_line()))
    assert "fields found: meta.request.id, meta.at, user.id" in told.value.on_command_line()
    assert proposed.pop("timestamp") == "THEIR_COLUMN"
    rows = read_logs(path, mapping={**proposed, "timestamp": "meta.at"}).rows
    assert [row["request_id"] for row in rows] == ["q0", "q1", "q2"]
    first = rows[0]
    assert (first["account_id"], first["model"], first["prompt"]) == ("heron", "m-birds", "Where do herons nest?")
    assert first["client_ip"] is not None


def test_bodies_beside_ids_and_times_named_as_ours_are_recognised(tmp_path: Path) -> None:
    body = {"model": "m-birds", "messages": [{"role": "user", "content": "Where do herons nest?"}]}
    record = {name: value for name, value in plain(1).items() if name != "model"}
    (row,) = read_logs(written(tmp_path / "b.jsonl", {**record, "request_body": body})).rows
    assert (row["model"], row["prompt"], row["account_id"]) == ("m-birds", "Where do herons nest?", "a1")


@pytest.mark.parametrize("value", [{"id": "heron"}, ["heron"], {"a": {"b": "sk-1"}}])
def test_an_object_as_id_is_kept_as_json(value: Any, tmp_path: Path) -> None:
    text = json.dumps(value, separators=(",", ":"))
    path = written(tmp_path / "a.jsonl", plain(1, account_id=value), plain(2), plain(3, end_user_id=value))
    read = read_logs(path)
    assert read.rows[0]["account_id"] == text
    assert [row["end_user_id"] for row in read.rows] == [None, None, text]
    pq.write_table(
        pa.Table.from_pylist([plain(1, account_id=value), plain(2, account_id=value)]), tmp_path / "a.parquet"
    )
    assert [row["account_id"] for row in read_logs(tmp_path / "a.parquet").rows] == [text] * 2


@pytest.mark.parametrize(
    "text",
    [
        "r1,2026-01-01T00:00:00Z,jo@birds.example,m,192.0.2.7\n",
        "2026-01-01T00:00:00Z stdout F jo@birds.example, sk-abcdef0123456789, 192.0.2.7\n",
        "wader;2001:db8::1;m\n",
        "sk-abcdef0123456789abcdef|tell me where the herons of the lake nest|x\n",
    ],
)
def test_content_is_not_shown_as_names(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text * 3)
    with pytest.raises(InputError, match="the first line does not name columns") as told:
        read_logs(tmp_path / "a.csv")
    shown = str(told.value)
    assert not any(secret in shown for secret in ("@", "sk-", "192.0", "db8", "herons"))


def test_odd_names_are_not_shown(tmp_path: Path) -> None:
    odd = {
        "jo@birds.example": 1,
        "sk-abcdef0123456789": 2,
        "192.0.2.7": 3,
        "id": "q",
        "tell me all that you know now": 4,
    }
    with pytest.raises(InputError) as told:
        read_logs(written(tmp_path / "a.jsonl", odd))
    assert "found: (not a name), id" in told.value.on_command_line()
    assert not any(secret in told.value.on_command_line() for secret in ("jo@", "sk-", "192.0", "tell"))


def test_a_mapping_that_names_nothing_is_told(tmp_path: Path) -> None:
    edge = written(tmp_path / "a.jsonl", {**EDGE, "http_x_tenant": "heron"}, {**EDGE, "request_id": "e2"})
    assert {row["account_id"] for row in read_logs(edge, mapping={"account_id": "http_x_tenant"}).rows} >= {"heron"}
    for settings in ({}, {"format": "nginx"}):
        with pytest.raises(InputError, match="no record at the beginning of the logs has this field") as told:
            read_logs(edge, mapping={"account_id": "http_x_tennant"}, **settings)
        assert "mapping account_id=http_x_tennant" in str(told.value)
        assert "did you mean http_x_tenant" in str(told.value)
        assert "--map account_id=http_x_tenant" in told.value.on_command_line()
    traces = written(tmp_path / "t.jsonl", export([span(1, {**CURRENT, "tenant.id": "heron"})]))
    assert read_logs(traces, mapping={"account_id": "tenant.id"}).rows[0]["account_id"] == "heron"
    with pytest.raises(InputError, match="no record at the beginning of the logs has this field"):
        read_logs(traces, mapping={"account_id": "tenant.name"})
    # One of several logs is enough.
    assert "e1" in read_logs(edge, traces, mapping={"account_id": "http_x_tenant"}).by("request_id")


def _wrap_docker(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps({"log": json.dumps(row) + "\n", "stream": "stdout"}) + "\n" for row in rows)


def _wrap_payload(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps({"insertId": "x", "jsonPayload": row}) + "\n" for row in rows)


def _wrap_list(rows: list[dict[str, Any]]) -> str:
    return json.dumps({"records": rows})


def _wrap_prefix(rows: list[dict[str, Any]]) -> str:
    return "".join(f"2026-01-01T00:00:00.5Z stdout F {json.dumps(row)}\n" for row in rows)


def _wrap_after_start(rows: list[dict[str, Any]]) -> str:
    return json.dumps({"log": "starting, please wait\n", "stream": "stdout"}) + "\n" + _wrap_docker(rows)


def _wrap_search(rows: list[dict[str, Any]]) -> str:
    return json.dumps({"took": 3, "hits": {"total": 4, "hits": [{"_index": "i", "_source": row} for row in rows]}})


def _wrap_parts(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in map(json.dumps, rows):
        parts = [row[at : at + 40] for at in range(0, len(row), 40)]
        lines += [f"2026-01-01T00:00:00.5Z stdout {'F' if part is parts[-1] else 'P'} {part}\n" for part in parts]
    return "".join(lines)


def _wrap_docker_parts(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        text = json.dumps({**row, "junk": "x" * 40_000}) + "\n"
        parts = [text[at : at + 16_384] for at in range(0, len(text), 16_384)]
        lines += [json.dumps({"log": part, "stream": "stdout"}) for part in parts]
    return "\n".join(lines)


def _wrap_twice(rows: list[dict[str, Any]]) -> str:
    return _wrap_prefix([{"level": "info", "message": json.dumps(row)} for row in rows])


def _wrap_side_by_side(rows: list[dict[str, Any]]) -> str:
    return "".join(map(json.dumps, rows))


@pytest.mark.parametrize(
    "wrap",
    [
        *(_wrap_docker, _wrap_payload, _wrap_list, _wrap_prefix, _wrap_search, _wrap_parts, _wrap_twice),
        *(_wrap_side_by_side, _wrap_docker_parts),
    ],
)
@pytest.mark.parametrize("kind", ["canonical", "nginx"])
def test_envelopes_are_taken_off(wrap: Callable[[list[dict[str, Any]]], str], kind: str, tmp_path: Path) -> None:
    rows = [plain(n) if kind == "canonical" else {**EDGE, "request_id": f"r{n}"} for n in range(4)]
    path = tmp_path / "app.log"
    path.write_text(wrap(rows))
    read = read_logs(path)
    assert [row["request_id"] for row in read.rows] == ["r0", "r1", "r2", "r3"]
    assert (read.inputs[0].format, read.rejects) == (kind, [])


def test_text_among_records_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("starting, please wait\n" + "".join(json.dumps(plain(n)) + "\ntick\n" for n in range(3)))
    read = read_logs(path)
    assert [row["request_id"] for row in read.rows] == ["r0", "r1", "r2"]
    assert len(read.rejects) == 4
    path.write_text(_wrap_after_start([plain(n) for n in range(3)]))
    read = read_logs(path)
    assert ([row["request_id"] for row in read.rows], len(read.rejects)) == (["r0", "r1", "r2"], 1)


def test_what_no_envelope_holds_is_a_reject(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(_wrap_prefix([plain(0)]) + "2026-01-01T00:00:01Z stdout F started {1}\n" + _wrap_prefix([plain(1)]))
    read = read_logs(path)
    assert [row["request_id"] for row in read.rows] == ["r0", "r1"]
    assert [reject["place"] for reject in read.rejects] == ["line 2"]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf16_is_read(order: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "\ufeff" + "".join(json.dumps(plain(n, prompt="Löffler 🐦"), ensure_ascii=False) + "\n" for n in range(3))
    path.write_bytes(text.encode(order))
    read = read_logs(path)
    assert ([row["prompt"] for row in read.rows], read.rejects) == (["Löffler 🐦"] * 3, [])


def test_few_wrapped_records_among_much_text_are_read(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("".join(_wrap_docker([plain(n)]) + "tick {\n" * 6 for n in range(3)))
    read = read_logs(path)
    assert ([row["request_id"] for row in read.rows], len(read.rejects)) == (["r0", "r1", "r2"], 18)
