"""Captures of real software against what its clients did."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.collect.sources.reading import CAPTURES, captured, hashed_address, read_logs

_SECOND = 1.0


def truth() -> list[dict[str, Any]]:
    table = pq.read_table(CAPTURES / "truth.parquet")
    return table.set_column(
        table.schema.get_field_index("ts_start"),
        "ts_start",
        table["ts_start"].cast(pa.timestamp("us", "UTC"), safe=False),
    ).to_pylist()


@captured
def test_ingestion_of_langfuse_is_what_the_clients_asked() -> None:
    read = read_logs(CAPTURES / "langfuse_ingestion")
    calls = {
        row["response_id"]: row for row in truth() if row["client"] == "litellm-sdk+langfuse2" and row["response_id"]
    }
    assert not read.rejects
    assert len(read.rows) == len(calls) == 73
    for row in read.rows:
        call = calls.pop(row["request_id"].split("_", 1)[1])
        for ours, theirs in (
            ("account_id", "account"),
            ("model", "model"),
            ("prompt", "prompt"),
            ("system_prompt", "system"),
            ("end_user_id", "end_user"),
            ("input_tokens", "input_tokens"),
            ("output_tokens", "output_tokens"),
        ):
            assert row[ours] == call[theirs] or not (row[ours] or call[theirs]), ours
        assert abs((row["timestamp"] - call["ts_start"]).total_seconds()) < _SECOND  # retries begin earlier


@captured
def test_envoy_sees_every_attempt() -> None:
    read = read_logs(CAPTURES / "envoy")
    calls = {row["edge_request_id"]: row for row in truth()}
    assert not read.rejects
    assert {row["request_id"] for row in read.rows} == set(calls)
    for row in read.rows:
        call = calls[row["request_id"]]
        assert (row["model"], row["status"], row["user_agent"]) == (call["model"], call["status"], call["user_agent"])
        assert row["client_ip"] == hashed_address(call["client_ip"])
        assert row["account_id"] in (call["account"], call["client_ip"])
        assert abs((row["timestamp"] - call["ts_start"]).total_seconds()) < _SECOND / 10


@captured
def test_batch_requests_are_what_the_clients_asked() -> None:
    read = read_logs(CAPTURES / "openai_batch")
    asked = defaultdict(set)
    for row in truth():
        asked[row["account"]].add((row["model"], row["prompt"], row["system"] or None, row["end_user"] or None))
    assert not read.rejects
    assert len({row["request_id"] for row in read.rows}) == len(read.rows) == 116
    for row in read.rows:
        account = row["request_id"].rsplit("-", 1)[0]  # only this capture does so
        assert (row["model"], row["prompt"], row["system_prompt"], row["end_user_id"]) in asked[account]
