"""Calls that pass without a question are seen, and nothing is said where no gateway asks."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.serving import Running, serving
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.fault_looks import report
from stillhunt_server.receiving.traffic import UNASKED_FAULT, UNASKED_LIMITS, CallCounts


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def counted(clock: Clock, logged: int, asked: int) -> CallCounts:
    counts = CallCounts(clock)
    counts.logged("proxy", logged)
    for _ in range(asked):
        counts.asked("proxy")
    return counts


@pytest.mark.parametrize(
    ("logged", "asked", "said"),
    [
        (1000, 270, True),
        (1000, 1000, False),
        (1000, 1300, False),  # refused calls are asked about and may not be logged
        (1000, 850, False),
        (1000, 0, False),  # no gateway asks here
        (1000, UNASKED_LIMITS.least_calls - 1, False),  # somebody tried it
        (0, 500, False),
        (50, 200, False),
    ],
)
def test_a_share_that_is_too_large_is_said(clock: Clock, logged: int, asked: int, said: bool) -> None:
    counts, faults = counted(clock, logged, asked), ServiceFaults()
    counts.logged("another", 5000)  # whose gateway asks nothing
    known = report(faults, counts.faults, set())
    assert [fault.name for fault in faults.current()] == ([UNASKED_FAULT] if said else [])
    if said:
        assert "73" in faults.current()[0].statement
        clock.now += 60 * (UNASKED_LIMITS.minutes + 1)
        report(faults, counts.faults, known)
        assert faults.current() == ()


def test_a_gateway_that_stops_to_ask_is_seen(clock: Clock) -> None:
    counts = counted(clock, 1000, 1000)
    clock.now += 60 * (UNASKED_LIMITS.minutes + 1)
    counts.logged("proxy", 300)
    assert counts.unasked()["proxy"].share == 1.0
    assert "passed without" in counts.too_many()


def test_questions_that_a_gateway_gave_up_are_counted_once(clock: Clock) -> None:
    counts = counted(clock, 0, 300)
    for total, known in ((100, 0), (100, 0), (150, 0), (150, 150), (160, 150), (160, 150)):
        counts.late("proxy", "worker-1", total, known)
    counts.late("proxy", "worker-2", 7, 0)
    assert counts.unanswered["proxy"] == 167
    assert counts.unasked()["proxy"] == type(counts.unasked()["proxy"])(467, 167)
    after_restart = CallCounts(clock)
    after_restart.late("proxy", "worker-1", 165, 160)
    assert after_restart.unanswered["proxy"] == 5


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path) as made:
        yield made


def post(running: Running, path: str, body: Any, token: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_questions_and_calls_are_counted_by_their_sources(running: Running) -> None:
    question = {"account_id": "a", "unanswered": {"asker": "w", "total": 3, "known": 1}}
    assert post(running, "/v1/decide", question, running.admin) == 200
    assert post(running, "/v1/decide", {"account_id": "a"}, running.admin) == 200
    for wrong in ({"asker": "w" * 33, "total": 1}, {"asker": "w", "total": -1}, 5):
        assert post(running, "/v1/decide", {"account_id": "a", "unanswered": wrong}, running.admin) == 400
    assert post(running, "/v1/ingest/jsonl", {"account_id": "a"}, running.token) == 200
    calls = running.traffic.calls
    assert (dict(calls.questions), dict(calls.unanswered)) == ({"default": 2}, {"default": 2})
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.request("GET", "/metrics")
    figures = connection.getresponse().read().decode()
    connection.close()
    assert 'stillhunt_gateway_questions_total{source="default"} 2.0' in figures
