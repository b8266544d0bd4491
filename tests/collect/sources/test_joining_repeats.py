"""Repeats of one call within joined logs, and edge logs without a gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reading import hashed_address, read_logs

from stillhunt.base.errors import InputError


def nginx(call: int, address: str) -> str:
    record = {"request_id": f"edge-{call}", "msec": 1_795_000_000 + call, "request_time": 0.5, "remote_addr": address}
    return json.dumps({**record, "request_method": "POST", "status": 200, "http_user_agent": "curl/8"})


def envoy(call: int, account: str | None) -> str:
    record = {"x-request-id": f"edge-{call}", "start_time": "2026-11-18T20:00:00Z", "method": "POST"}
    more = {"response_code": 200, "x-account": account, "gen_ai.request.model": "m-1", "x-forwarded-for": "10.0.0.9"}
    return json.dumps(
        {
            **record,
            **more,
            "duration": 3,
            "user-agent": "curl/8",
            "response_flags": "-",
            "downstream_remote_address": "127.0.0.1:1",
            "route_name": "llm",
            "protocol": "HTTP/1.1",
        }
    )


def test_edge_logs_without_a_gateway_fall_back_to_the_address(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join([nginx(1, "203.0.113.1"), nginx(2, "203.0.113.2")]))
    (tmp_path / "b.jsonl").write_text("\n".join([envoy(1, "acct-1"), envoy(2, None)]))
    found = read_logs(tmp_path)
    assert sorted((row["account_id"], row["model"]) for row in found.rows) == [("10.0.0.9", "m-1"), ("acct-1", "m-1")]
    assert {row["client_ip"] for row in found.rows} & {hashed_address("203.0.113.1"), hashed_address("10.0.0.9")}


def test_the_same_file_twice_is_one_log(tmp_path: Path) -> None:
    lines = "\n".join(nginx(n, f"203.0.113.{n}") for n in range(3))
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "again.jsonl").write_text(lines)
    (tmp_path / "b.jsonl").write_text("\n".join(envoy(n, f"acct-{n}") for n in range(3)))
    found = read_logs(tmp_path)
    assert [row["account_id"] for row in found.rows] == ["acct-0", "acct-1", "acct-2"]


def test_logs_without_any_call_are_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(nginx(1, "203.0.113.1").replace("POST", "GET"))
    with pytest.raises(InputError, match="not a POST, so no model call"):
        read_logs(tmp_path)


def test_one_id_for_all_calls_makes_neither_one_call_of_them_nor_one_account(tmp_path: Path) -> None:
    """Clients can choose x-request-id: what an attacker forges must move nothing from one call to another."""
    (tmp_path / "a.jsonl").write_text("\n".join(nginx(n, f"203.0.113.{n}").replace(f"edge-{n}", "x") for n in range(3)))
    forged = [envoy(n, f"acct-{n}").replace(f"edge-{n}", "x").replace("20:00:00Z", f"20:00:0{n}Z") for n in range(3)]
    (tmp_path / "b.jsonl").write_text("\n".join(forged))
    found = read_logs(tmp_path)
    assert [row["account_id"] for row in found.rows if row["account_id"].startswith("acct-")] == [
        "acct-0",
        "acct-1",
        "acct-2",
    ]
    assert {row["client_ip"] for row in found.rows if row["account_id"].startswith("acct-")} == {
        hashed_address("10.0.0.9")
    }


def test_one_id_for_all_calls_of_a_log_hides_none_of_them(tmp_path: Path) -> None:
    """LiteLLM and Envoy take such ids from the client."""
    lines = [envoy(n, f"acct-{n % 2}").replace(f"edge-{n}", "x").replace("20:00:00Z", f"20:0{n}:00Z") for n in range(4)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = read_logs(tmp_path)
    assert [row["account_id"] for row in sorted(found.rows, key=lambda row: row["timestamp"])] == [
        *("acct-0", "acct-1") * 2
    ]
    assert len({row["request_id"] for row in found.rows}) == 4
    assert all(row["request_id"].startswith("x@") for row in found.rows)


def test_a_log_written_twice_in_a_file_keeps_its_ids(tmp_path: Path) -> None:
    """Whether such rows are repeats is settled later, by their content."""
    lines = [envoy(n, "acct-1") for n in (1, 2)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines * 2))
    assert [row["request_id"] for row in read_logs(tmp_path).rows] == ["edge-1", "edge-1", "edge-2", "edge-2"]


def test_two_logs_of_one_source_complete_each_other(tmp_path: Path) -> None:
    body = json.dumps({"model": "m-1", "messages": [{"role": "user", "content": "how do I whistle"}]})
    (tmp_path / "a.jsonl").write_text(nginx(1, "203.0.113.1"))
    whole_seconds = json.loads(nginx(1, "203.0.113.1")) | {
        "request_body": body,
        "msec": 1_795_000_001,
        "request_time": 0,
    }
    (tmp_path / "b.jsonl").write_text(json.dumps(whole_seconds))
    (row,) = read_logs(tmp_path).rows
    assert (row["prompt"], row["model"], row["request_id"]) == ("how do I whistle", "m-1", "edge-1")
