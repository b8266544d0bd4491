"""Decoding in processes of their own: what it costs, how it ends, and that faults of ours lose nothing."""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections.abc import Iterator

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stillhunt_server.receiving import bodies
from stillhunt_server.receiving.bodies import BodyError
from stillhunt_server.receiving.decoders import Decoders
from stillhunt_server.receiving.decoding import BodyForm, records_of, shrunk

LONGEST = 4_000_000
PLAIN = BodyForm()


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(LONGEST, processes=1)
    yield made
    made.stop()


def _spans(count: int) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(count):
        spans.add(name=f"chat {number}")
    return request.SerializeToString()


GOOD = (
    (b'{"a": 1}\n' * 3, PLAIN),
    (b'{"a": 1}\n' * 3000, PLAIN),
    (b"[" + b'{"a": 1}, ' * 3000 + b"5]", PLAIN),
    (gzip.compress(b'{"a": 1}\n' * 3000), BodyForm(encoding="gzip")),
    (_spans(2000), BodyForm("traces", protobuf=True)),
    (json.dumps({"resourceSpans": [{"scopeSpans": []}] * 2000}).encode(), BodyForm("traces")),
)


@pytest.mark.parametrize(("body", "form"), GOOD)
def test_a_body_gives_the_same_records_wherever_it_is_decoded(decoders: Decoders, body: bytes, form: BodyForm) -> None:
    assert decoders.records(body, form) == records_of(body, form, LONGEST)
    assert decoders.large_records([body], form) == records_of(body, form, LONGEST)


MANY = bodies._MOST_RECORDS + 1


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"{}\n" * MANY, PLAIN),
        (b"x\r" * MANY, PLAIN),
        (b"[" + b"{}," * MANY + b"{}]", PLAIN),
        (b'{"resourceSpans":[' + b"{}," * MANY + b"{}]}", BodyForm("traces")),
        (_spans(1).join((b"", b"")) * MANY, BodyForm("traces", protobuf=True)),
    ],
)
def test_a_body_of_more_records_than_may_be_is_refused_with_a_sentence(body: bytes, form: BodyForm) -> None:
    with pytest.raises(BodyError, match="200,000 records") as raised:
        records_of(body, form, 1 << 30)
    assert raised.value.status == 413


def test_a_body_that_takes_too_much_memory_is_refused_and_the_next_one_is_decoded() -> None:
    decoders = Decoders(LONGEST, processes=1)
    try:
        with pytest.raises(BodyError) as raised:
            decoders.large_records([b"[" + b"{}," * 1_300_000 + b"{}]"], PLAIN)
        assert raised.value.status == 413
        assert decoders.large_records([b'{"a": 1}'], PLAIN).accepted == 1
    finally:
        decoders.stop()


def test_a_process_that_somebody_ended_costs_no_body() -> None:
    decoders = Decoders(LONGEST, processes=1)
    try:
        assert decoders.large_records([b'{"a": 1}'], PLAIN).accepted == 1
        process = decoders._idle.queue[0]
        assert process is not None
        os.kill(process._process.pid, signal.SIGKILL)
        process._process.wait()
        assert decoders.large_records([b'{"a": 1}'], PLAIN).accepted == 1
    finally:
        decoders.stop()


def test_the_time_of_a_body_is_bounded() -> None:
    decoders = Decoders(LONGEST, processes=1, seconds=0.001)
    try:
        with pytest.raises(BodyError) as raised:
            decoders.large_records([b'{"a": 1}\n' * 100_000], PLAIN)
        assert raised.value.status == 503
    finally:
        decoders.stop()


def test_what_becomes_longer_than_a_body_may_be_is_refused(decoders: Decoders) -> None:
    with pytest.raises(BodyError, match="becomes more than") as raised:
        decoders.large_records([b'{"a": NaN,\n"b": "' + b"\xff" * 700_000 + b'"}'], PLAIN)
    assert raised.value.status == 413


def _refusal(body: bytes, form: BodyForm) -> int:
    """Status with which a body is refused; 0 where it is not."""
    try:
        records_of(body, form, LONGEST)
    except BodyError as error:
        return error.status
    return 0


def test_no_depth_of_nesting_is_a_fault() -> None:
    for levels in range(800, 1000):
        record = b'{"a": NaN,\n "b": ' + b"[" * levels + b"]" * levels + b"}"
        assert _refusal(record, PLAIN) in (0, 400)
        assert _refusal(b"[" + record + b', {"b": 1}]', PLAIN) in (0, 400)
        assert _refusal(b'{"resourceSpans": [{"scopeSpans": []}, ' + record + b"]}", BodyForm("traces")) in (0, 400)


def test_a_question_is_cut_to_what_is_read() -> None:
    long = "x" * 1000
    whole = {"account_id": "a", "texts": [long], "other": 1, "request_data": {"user": "u", "image": long}}
    members = {"account_id": [], "texts": [], "request_data": ["user"]}
    cut = msgspec.json.decode(shrunk(json.dumps(whole).encode(), members, 100))
    assert cut == {"account_id": "a", "request_data": {"user": "u"}}
    for odd in (b"[]", b'{"a"', b"[" * 100_000, b""):
        with pytest.raises(BodyError):
            shrunk(odd, members, 5)
