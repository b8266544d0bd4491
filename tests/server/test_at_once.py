"""Which bodies are decoded while other clients wait: usual ones, and none that would keep them waiting."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stillhunt_server.receiving import at_once
from stillhunt_server.receiving.at_once import AT_ONCE_LIMITS, small_records
from stillhunt_server.receiving.decoding import BodyForm, records_of

PLAIN = BodyForm()
SPANS = BodyForm("traces", protobuf=True)
GZIP, DEFLATE = BodyForm(encoding="gzip"), BodyForm(encoding="deflate")
CALL = json.dumps({"request_id": "1", "prompt": "word " * 3000}).encode()


def _batch(spans: int, resources: int = 1, scopes: int = 1) -> bytes:
    request = ExportTraceServiceRequest()
    for _ in range(resources):
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = "gateway"
        for _ in range(scopes):
            scope = resource.scope_spans.add()
            for number in range(spans):
                span = scope.spans.add(name=f"chat {number}", span_id=b"%08d" % number, trace_id=b"T" * 16)
                span.attributes.add(key="gen_ai.input.messages").value.string_value = "word " * 100
                span.attributes.add(key="gen_ai.usage.output_tokens").value.int_value = 300
    return request.SerializeToString()


def _logs(count: int) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for _ in range(count):
        scope.log_records.add(time_unix_nano=1).body.string_value = "word " * 100
    return request.SerializeToString()


USUAL = {
    "call": (CALL, PLAIN),
    "packed call": (gzip.compress(CALL), GZIP),
    "two lines": (CALL[:3000] + b'"}\r\n' + CALL, PLAIN),
    "batch of spans": (_batch(100), SPANS),
    "packed batch of spans": (gzip.compress(_batch(100)), replace(SPANS, encoding="gzip")),
    "several resources": (_batch(5, resources=8), SPANS),
    "batch of logs": (_logs(100), BodyForm("logs", protobuf=True)),
}


@pytest.mark.parametrize("kind", USUAL)
def test_a_usual_body_is_decoded_at_once(kind: str) -> None:
    body, form = USUAL[kind]
    found = small_records(body, form)
    assert found is not None
    assert found == records_of(body, form, 1 << 20)


def _scope(fields: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().MergeFromString(fields)
    return request.SerializeToString()


COSTLY = {
    "lines": (b"{}\n" * 500, PLAIN),
    "lines that end in carriage returns": (b"{}\r" * 20_000, PLAIN),
    "lines that are no JSON": (b"x\n" * 1000, PLAIN),
    "array": (b"[" + b"{}," * 500 + b"{}]", PLAIN),
    "what only a tolerant reader reads": (b'{"a":\n[NaN' + b",0" * 1000 + b"]}", PLAIN),
    "packed lines": (gzip.compress(b"{}\n" * 1_000_000), GZIP),
    "many packed members": (gzip.compress(b"{}") * 2, GZIP),
    "many packed parts": (zlib.compress(b"{}") * 2, DEFLATE),
    "resources": (_batch(0, resources=100), SPANS),
    "scopes": (_batch(0, scopes=600), SPANS),
    "empty resources": (b"\x0a\x00" * 1000, SPANS),
    "unknown fields beside resources": (_batch(1) + b"\x98\x06\x01" * 1000, SPANS),
    "empty spans": (_scope(b"\x12\x00" * (AT_ONCE_LIMITS.short_bytes + 1)), SPANS),
    "empty spans, with lengths of two bytes": (_scope(b"\x12\x80\x00" * (AT_ONCE_LIMITS.short_bytes + 1)), SPANS),
    "groups": (_batch(1) + b"\x0b\x0c" * 1000, SPANS),
    "length": (_batch(200), SPANS),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_body_is_never_decoded_where_others_wait(name: str) -> None:
    body, form = COSTLY[name]
    assert small_records(body, form) is None


def test_a_short_body_is_decoded_at_once_whatever_it_holds() -> None:
    found = small_records(b"[" + b"{}," * 100 + b"{}]", PLAIN)
    assert found is not None
    assert found.accepted == 101


def test_limits_are_looked_up_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_once, "AT_ONCE_LIMITS", AT_ONCE_LIMITS._replace(any_bytes=1))
    assert small_records(b"[{}]", PLAIN) is None
