"""Damage that fuzzing found to do harm; see benchmarks/fuzz."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cloud_records import RECORDS
from otlp_dialect_records import CURRENT
from otlp_fixtures import event, export, span
from reading import read_logs

from stillhunt.base.errors import ConfigError, InputError
from stillhunt.collect.decode.records import HOLDS_NONE


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_json_has_none_for_cost_no_more_than_themselves(value: str, tmp_path: Path) -> None:
    text = json.dumps(export([span(1, CURRENT | {"gen_ai.request.top_p": 0.75})]))
    path = tmp_path / "t.jsonl"
    path.write_text(text.replace('{"doubleValue": 0.75}', f'{{"doubleValue": {value}}}') + "\n")
    read = read_logs(path)
    assert not read.rejects
    assert [(row["model"], row["temperature"], row["top_p"]) for row in read.rows] == [("gpt-birds", 0.5, None)]


@pytest.mark.parametrize("records", [{"resourceSpans": [{}]}, {"resourceSpans": []}, export([])])
def test_exports_without_entries_are_counted(records: object, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(export([span(1, CURRENT)])) + "\n" + json.dumps(records) + "\n")
    assert read_logs(path).inputs[0].passed_over == {HOLDS_NONE: 1}


def test_log_records_without_entries_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    details = event(1, "gen_ai.client.inference.operation.details", None, attributes=CURRENT)
    path.write_text(json.dumps(export([details])) + "\n" + '{"resourceLogs": [{"scopeLogs": []}]}\n')
    assert read_logs(path).inputs[0].passed_over == {HOLDS_NONE: 1}


def test_a_list_without_records_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = [{"records": RECORDS["azure-gateway"]}, {"records": []}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_logs(path).inputs[0].passed_over == {HOLDS_NONE: 1}


def test_a_mapping_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_logs(path, mapping={"prompt": "body.te\udcffxt"})


def test_what_only_looks_like_a_table_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    path.write_bytes(b"\r\x83\x8d,\xec")
    with pytest.raises(InputError, match="does not name columns"):
        read_logs(path, format="otlp-logs")
