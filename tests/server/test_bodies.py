"""Bodies: what is accepted lands in the spool as records that `collect` reads; what cannot be decoded is told apart."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stillhunt.collect.values.json_values import decode_json
from stillhunt_server.receiving.bodies import MOST_MEMBERS, BodyError, json_lines, otlp_json, otlp_protobuf, unpacked

LONGEST = 100_000


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "x-gzip", "deflate", "zstd", " GZIP "])
def test_encodings(encoding: str) -> None:
    body = b'{"a": 1}\n' * 1000
    packed = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}
    made = packed.get(encoding.strip().lower(), bytes)(body)
    assert unpacked(made, encoding, LONGEST) == body


def test_members_and_frames_follow_each_other() -> None:
    assert unpacked(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", LONGEST) == b"ab"
    assert unpacked(zstandard.compress(b"a") + zstandard.compress(b"b"), "zstd", LONGEST) == b"ab"


@pytest.mark.parametrize("name", ["gzip", "zstd", "deflate"])
@pytest.mark.parametrize("members", [1, 50])
def test_a_bomb_is_refused_before_it_is_unpacked(name: str, members: int) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}[name]
    bomb = pack(b"0" * (LONGEST // members + 1)) * members if name != "deflate" else pack(b"0" * (50 * LONGEST))
    with pytest.raises(BodyError) as raised:
        unpacked(bomb, name, LONGEST)
    assert raised.value.status == 413


@pytest.mark.parametrize("name", ["gzip", "zstd", "deflate"])
@pytest.mark.parametrize("damage", ["plain", "cut", "empty-frame-cut"])
def test_a_lying_encoding_is_refused(name: str, damage: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}[name]
    whole = pack(bytes(range(256)) * 40)
    body = {"plain": b'{"a": 1}', "cut": whole[: len(whole) // 2], "empty-frame-cut": whole[:6]}[damage]
    with pytest.raises(BodyError) as raised:
        unpacked(body, name, LONGEST)
    assert raised.value.status == 400


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(BodyError) as raised:
        unpacked(b"x", "br", LONGEST)
    assert (raised.value.status, "'br'" in raised.value.text) == (415, True)


@settings(derandomize=True)
@given(st.binary(max_size=400), st.sampled_from(["gzip", "zstd", "deflate", "x"]))
def test_no_bytes_raise_anything_else(body: bytes, encoding: str) -> None:
    for read in (
        lambda: unpacked(body, encoding, 1000),
        lambda: json_lines(body),
        lambda: otlp_json(body, "traces"),
        lambda: otlp_protobuf(body, "logs"),
    ):
        with suppress(BodyError):
            read()


def test_lines_arrays_and_objects_become_one_line_a_record() -> None:
    one, two = {"request_id": "1", "prompt": "a\nb"}, {"request_id": "2"}
    lines = json.dumps(one) + "\r\n\n" + json.dumps(two)
    for body in (lines, json.dumps([one, two]), json.dumps([one, two], indent=3)):
        found = json_lines(body.encode())
        assert (found.accepted, found.refused) == (2, 0)
        assert [json.loads(line) for line in found.data.splitlines()] == [one, two]
    assert json.loads(json_lines(json.dumps(one, indent=2).encode()).data) == one


def test_records_that_cannot_be_decoded_are_counted_and_named() -> None:
    found = json_lines(b'{"a": 1}\n{"a": \n[1]\n"text"\n{"b": 2}\n')
    assert (found.accepted, found.refused) == (2, 3)
    assert found.data == b'{"a": 1}\n{"b": 2}\n'
    assert found.problems[0].startswith("record 2:")
    with pytest.raises(BodyError):
        json_lines(b"not json\n")
    assert json_lines(b"\n").accepted == 0


@settings(derandomize=True)
@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(-9, 9), lambda x: st.lists(x, max_size=3)))
def test_every_json_object_comes_through_unchanged(value: object) -> None:
    record = {"value": value}
    for indent in (None, 2):
        assert msgspec.json.decode(json_lines(json.dumps(record, indent=indent).encode()).data) == record


def test_deep_nesting_kills_nothing_and_hides_no_call() -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    assert json_lines(deep + b"\n").data == deep + b"\n"
    with pytest.raises(BodyError):
        json_lines(b"[" * 100_000)
    with pytest.raises(BodyError):
        otlp_json(b'{"resourceSpans":' + b"[" * 100_000, "traces")


TOLERATED = (
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": "\\ud800"}',
    b'{"a": "\x01"}',
    b'{"a": 1e999}',
    b'{"a": "\xff"}',
)
"""What JSON forbids and model servers accept."""


@pytest.mark.parametrize("odd", TOLERATED)
def test_no_client_can_hide_a_call_by_odd_json(odd: bytes) -> None:
    good = b'{"b": 2}'
    for body in (odd, odd + b"\n" + good, good + b"\n" + odd):
        found = json_lines(body)
        assert (found.accepted, found.refused) == (body.count(b"{"), 0)
    pretty = json_lines(odd.replace(b"{", b"{\n ").replace(b"}", b"\n}"))
    assert pretty.accepted == 1
    listed = json_lines(b"[" + good + b"," + odd + b"," + good + b"]")
    assert (listed.accepted, listed.refused) == (3, 0)
    for line in (found.data + pretty.data + listed.data).splitlines():
        assert isinstance(decode_json(line), dict), "the hunt reads it"
    spans = otlp_json(b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "x", "v": %s}]}]}]}' % odd, "traces")
    assert (spans.accepted, spans.refused) == (1, 0)
    assert isinstance(decode_json(spans.data), dict)


def test_zero_bytes_are_escaped_before_the_server_has_them() -> None:
    assert json_lines(b'{"a": "\0"}').data == rb'{"a": "\u0000"}' + b"\n"
    assert b"\0" not in otlp_json(b'{"resourceSpans": [{"a": "\0"}]}', "traces").data


def test_many_members_are_unpacked_in_linear_time_up_to_a_bound() -> None:
    one = gzip.compress(b"a" * 10)
    assert unpacked(one * MOST_MEMBERS, "gzip", 1_000_000) == b"a" * 10 * MOST_MEMBERS
    for name, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        with pytest.raises(BodyError, match=f"the body is not {name}"):
            unpacked(pack(b"") * (MOST_MEMBERS + 1), name, 1_000_000)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.sampled_from(["gzip", "zstd", "deflate"]), st.integers(0, 5000), st.integers(1, 400), st.booleans())
def test_a_body_that_is_cut_short_is_never_taken_for_whole(name: str, size: int, cut: int, random: bool) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}[name]
    whole = pack(np.random.default_rng(size).bytes(size) if random else b"abc " * size)
    assert len(unpacked(whole, name, 100_000)) == (size if random else 4 * size)
    with pytest.raises(BodyError):
        unpacked(whole[: max(1, len(whole) - cut)], name, 100_000)


def _request(spans: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(spans):
        scope.spans.add(name=f"chat {number}", span_id=b"12345678")
    return request


def test_protobuf_is_kept_entry_by_entry_without_what_a_sender_put_beside_it() -> None:
    request = _request(3)
    stranger = b"\x9a\x06\x03abc" + b"\x98\x06\x01"  # fields 99, of bytes and of a number
    found = otlp_protobuf(stranger + request.SerializeToString() + stranger, "traces")
    assert found.accepted == 3
    assert ExportTraceServiceRequest.FromString(found.data + found.data).resource_spans[1] == request.resource_spans[0]
    assert stranger[:4] not in found.data
    assert otlp_protobuf(b"", "traces").data == b""
    with pytest.raises(BodyError):
        otlp_protobuf(b"\x0a\xff\xff\xff\xff\x0fx", "traces")
    with pytest.raises(BodyError):
        otlp_protobuf(b'{"resourceSpans": []}', "traces")


def test_otlp_json_refuses_parts_and_keeps_the_rest() -> None:
    good = {"scopeSpans": [{"spans": [{"spanId": "a"}, {"spanId": "b"}]}]}
    found = otlp_json(json.dumps({"resourceSpans": [good, 7, "x"]}, indent=1).encode(), "traces")
    assert (found.accepted, found.refused) == (2, 2)
    assert json.loads(found.data) == {"resourceSpans": [good]}
    assert found.data.count(b"\n") == 1
    for body in (b"[]", b'{"resourceSpans": 3}', b"{"):
        with pytest.raises(BodyError):
            otlp_json(body, "traces")
    assert otlp_json(b"{}", "traces").data == b""
