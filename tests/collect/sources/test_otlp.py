"""OpenTelemetry traces and log records: every instrumentation's words, trees of spans, and hostile records."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_dialect_records import (
    ANSWER,
    AS_KVLIST,
    ASK,
    BODY,
    CURRENT,
    INFERENCE,
    LANGFUSE,
    LEGACY,
    LITELLM,
    SYSTEM,
)
from otlp_fixtures import START, event, export, pairs, span, write_json, write_protobuf
from reading import CAPTURES, captured, hashed_address, read_logs

from stillhunt.collect.formats import source_named
from stillhunt.collect.formats.otlp import traces as otlp_traces
from stillhunt.collect.formats.otlp.attributes import python_value
from stillhunt.collect.formats.otlp.sources import (
    BEYOND,
    DUPLICATE,
    LITELLM_EMPTY,
    NO_MODEL_CALL,
    REPEATED_SPAN,
    WRAPPER,
)
from thoroughness import examples

DIALECTS = {
    "current": CURRENT,
    "kvlist": AS_KVLIST,
    "legacy": LEGACY,
    "openinference": INFERENCE,
    "body": BODY,
    "langfuse": LANGFUSE,
    "litellm": LITELLM,
}


def rows_of(folder: Path, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    return read_logs(write_json(folder / "traces.jsonl", list(requests))).rows


def without_origin(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not name.startswith("origin")} for row in rows]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_instrumentation_tells_the_same_call(dialect: str, tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, export([span(1, DIALECTS[dialect])]))
    assert (row["account_id"], row["model"], row["prompt"], row["response"]) == ("wader", "gpt-birds", ASK, ANSWER)
    assert row["timestamp"].timestamp() == START // 10**9 + 1
    if dialect != "litellm":
        assert row["system_prompt"] == SYSTEM
        assert row["request_id"] == f"{0xAB01:032x}/{0xCD01:016x}"
    else:
        assert (row["request_id"], row["api_key_id"], row["organization_id"]) == ("call-1", "c0ffee", "marsh")
    if dialect in ("current", "kvlist", "litellm"):
        assert (row["conversation_id"], row["end_user_id"], row["user_agent"]) == ("talk-1", "guest", "birds/1.0")
        assert row["client_ip"] == hashed_address("192.0.2.7")
    if dialect not in ("body", "litellm"):
        assert (row["input_tokens"], row["output_tokens"]) == (12, 7)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_protobuf_and_json_are_the_same_rows(dialect: str, tmp_path: Path) -> None:
    requests = [export([span(n, DIALECTS[dialect] | {"litellm.call_id": f"call-{n}"})]) for n in range(1, 4)]
    one = read_logs(write_json(tmp_path / "a.jsonl", requests))
    other = read_logs(write_protobuf(tmp_path / "a.pb", requests))
    assert without_origin(one.rows) == without_origin(other.rows)
    assert len(one.rows) == 3
    both = read_logs(tmp_path / "a.jsonl", tmp_path / "a.pb")
    assert without_origin(both.rows) == without_origin(one.rows)
    assert [dict(i.passed_over) for i in both.inputs] == [{}, {REPEATED_SPAN: 3}]


def test_what_it_carries_is_what_it_fills(tmp_path: Path) -> None:
    litellm = {name: value for name, value in LITELLM.items() if name.startswith(("metadata.", "litellm."))}
    (row,) = rows_of(tmp_path, export([span(1, CURRENT | litellm)]))
    derived = {"source", "origin_file", "origin_row", "client_prefix"}
    assert {name for name, value in row.items() if value is not None} - derived == set(source_named("otlp").carries)


def test_what_log_records_carry_is_what_they_fill(tmp_path: Path) -> None:
    request = export([event(1, "gen_ai.client.inference.operation.details", None, attributes=CURRENT)])
    (row,) = read_logs(write_json(tmp_path / "logs.jsonl", [request])).rows
    told = set(source_named("otlp-logs").carries)
    assert told <= {name for name, value in row.items() if value is not None}


def test_a_document_over_several_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "traces.json"
    path.write_text(json.dumps(export([span(1, CURRENT), span(2, LEGACY)]), indent=1), encoding="utf-8")
    assert [row["prompt"] for row in read_logs(path).rows] == [ASK, ASK]


def test_a_span_around_a_call_lends_user_session_and_client(tmp_path: Path) -> None:
    server = {"user.id": "wader", "session.id": "talk-2", "client.address": "192.0.2.9", "http.request.method": "POST"}
    plain = {name: value for name, value in LEGACY.items() if name != "user.id"}
    # The server's span ends last, and so comes in a later request of the log.
    requests = [export([span(2, plain, parent=3, trace=1), span(3, {}, parent=1, trace=1)]), export([span(1, server)])]
    read = read_logs(write_json(tmp_path / "traces.jsonl", requests))
    (row,) = read.rows
    assert (row["account_id"], row["conversation_id"]) == ("wader", "talk-2")
    assert row["client_ip"] == hashed_address("192.0.2.9")
    assert read.inputs[0].passed_over == {NO_MODEL_CALL: 2}


def test_of_calls_within_calls_the_innermost_counts(tmp_path: Path) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-birds"}
    chain = {"openinference.span.kind": "CHAIN", "input.value": "x"}
    spans = [
        span(1, agent, trace=1, lasts=9 * 10**9),
        span(2, CURRENT, parent=1, trace=1, lasts=5 * 10**9),
        span(3, chain, parent=2, trace=1),
        span(4, LEGACY, parent=3, trace=1),
        span(5, LEGACY, parent=3, trace=1),
    ]
    read = read_logs(write_json(tmp_path / "traces.jsonl", [export([one]) for one in reversed(spans)]))
    assert [row["request_id"][-4:] for row in read.rows] == ["cd04", "cd05"]
    assert read.inputs[0].passed_over == {NO_MODEL_CALL: 2, WRAPPER: 1}
    assert {row["conversation_id"] for row in read.rows} == {"talk-1"}


def test_calls_chained_by_their_caller_stay_calls(tmp_path: Path) -> None:
    requests = []
    for account in range(3):
        numbers = range(10 * account + 1, 10 * account + 8)
        status = {"http.response.header.x-request-id": f"edge-{account}", "http.response.status_code": 429}
        spans = [
            span(n, CURRENT | {"user.id": f"wader-{account}"}, parent=n - 1 if n > numbers[0] else 0, trace=account + 1)
            for n in numbers
        ]
        spans[0] = span(numbers[0], CURRENT | status | {"user.id": f"wader-{account}"}, trace=account + 1)
        requests += [export([one]) for one in spans]
    for write, name in ((write_json, "a.jsonl"), (write_protobuf, "a.pb")):
        read = read_logs(write(tmp_path / name, requests))
        assert Counter(row["account_id"] for row in read.rows) == {f"wader-{n}": 7 for n in range(3)}
        assert not read.inputs[0].passed_over
        assert sum(row["status"] == 429 for row in read.rows) == 3


def test_a_clock_that_is_a_little_off_does_not_make_two_calls_of_one(tmp_path: Path) -> None:
    inner = span(2, LEGACY, parent=1, trace=1, lasts=10**9 + 3_000_000)
    assert len(rows_of(tmp_path, export([span(1, CURRENT, trace=1, lasts=2 * 10**9), inner]))) == 1


def test_spans_that_stand_around_each_other_are_calls(tmp_path: Path) -> None:
    spans = [span(1, LEGACY, parent=2, trace=1), span(2, LEGACY, parent=1, trace=1), span(3, LEGACY, parent=3, trace=1)]
    assert len(rows_of(tmp_path, export(spans))) == 3


def test_namespaces_with_few_users_are_accounts(tmp_path: Path) -> None:
    one = export([span(1, CURRENT | {"user.id": "ann"})], {"service.namespace": "marsh"})
    other = export([span(2, CURRENT | {"user.id": "bob"}), span(3, LEGACY)], {"service.namespace": "wood"})
    rows = rows_of(tmp_path, one, other)
    assert [row["account_id"] for row in rows] == ["marsh", "wood", "wood"]
    assert [row["end_user_id"] for row in rows] == ["guest", "guest", "wader"]


def test_namespaces_of_one_services_many_users_are_not(tmp_path: Path) -> None:
    requests = [
        export([span(n, LEGACY | {"user.id": f"user-{n}"})], {"service.namespace": f"region-{n % 2}"})
        for n in range(1, 120)
    ]
    assert {row["account_id"] for row in rows_of(tmp_path, *requests)} == {f"user-{n}" for n in range(1, 120)}


def test_attributes_can_be_mapped_by_hand(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.jsonl", [export([span(1, CURRENT | {"tenant.id": "marsh"})], {"cloud.zone": "z1"})])
    (row,) = read_logs(path, mapping={"account_id": "tenant.id", "organization_id": "cloud.zone"}).rows
    assert (row["account_id"], row["organization_id"]) == ("marsh", "z1")


def test_a_call_without_a_user_goes_to_what_is_known_of_it(tmp_path: Path) -> None:
    plain = {"gen_ai.request.model": "m", "gen_ai.operation.name": "chat"}
    (row,) = rows_of(tmp_path, export([span(1, plain)], {"service.name": "bird-app"}))
    assert row["account_id"] == "bird-app"


def test_embeddings_ask_with_all_their_texts(tmp_path: Path) -> None:
    texts = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in ("heron", "crane")]
    several = LITELLM | {"gen_ai.operation.name": "aembedding", "gen_ai.input.messages": json.dumps(texts)}
    one = {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": "e",
        "embedding.embeddings.0.embedding.text": "ibis",
    }
    rows = rows_of(tmp_path, export([span(1, several), span(2, one | {"user.id": "wader"})]))
    assert sorted(row["prompt"] for row in rows) == ['["heron", "crane"]', "ibis"]


def test_a_call_that_langfuse_tells_twice_is_one(tmp_path: Path) -> None:
    meta = "langfuse.observation.metadata."
    told = LANGFUSE | {f"{meta}litellm_call_id": "c1", f"{meta}user_api_key_hash": "k"}
    hidden = {"additional_headers": {"x-litellm-model-group": "gpt-birds"}}
    known = LANGFUSE | {
        f"{meta}litellm_call_id": "c2",
        f"{meta}hidden_params": json.dumps(hidden),
        "langfuse.observation.model.name": "openai/gpt-birds-8b",
    }
    failed = told | {f"{meta}litellm_call_id": "c3", "langfuse.observation.model.name": "openai/gpt-birds-8b"}
    spans = [span(1, told), span(2, told, trace=1), span(3, known), span(4, failed)]
    read = read_logs(write_json(tmp_path / "a.jsonl", [export(spans)]))
    assert [(row["request_id"], row["model"]) for row in read.rows] == [(f"c{n}", "gpt-birds") for n in (1, 2, 3)]
    assert read.inputs[0].passed_over == {DUPLICATE: 1}


def test_litellms_empty_traces_say_what_to_switch_on(tmp_path: Path) -> None:
    raw = {"llm.openai.messages": "[{'role': 'user', 'content': 'x'}]"}
    spans = [
        span(1, {"http.route": "/v1/chat/completions"}, name="POST /v1/chat/completions"),
        span(2, raw, parent=1, trace=1, name="raw_gen_ai_request"),
        span(3, LITELLM, name="litellm_request"),
        span(4, raw, parent=3, trace=3, name="raw_gen_ai_request"),
    ]
    read = read_logs(write_json(tmp_path / "a.jsonl", [export(spans)]))
    assert len(read.rows) == 1
    assert read.inputs[0].passed_over == {NO_MODEL_CALL: 2, LITELLM_EMPTY: 1}


def conversation(number: int) -> list[dict[str, Any]]:
    return [
        event(number, "gen_ai.system.message", {"content": SYSTEM}, 1),
        event(number, "gen_ai.user.message", {"content": "Good morning."}, 2),
        event(number, "gen_ai.assistant.message", {"content": "And to you."}, 3),
        event(number, "gen_ai.user.message", {"content": f"{ASK} {number}"}, 4),
        event(number, "gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": ANSWER}}, 5),
    ]


PLAIN = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-birds", "user.id": "wader"}


@pytest.mark.parametrize("write", [write_json, write_protobuf])
def test_messages_in_log_records_complete_their_spans(write: Any, tmp_path: Path) -> None:
    write(tmp_path / "traces.otlp", [export([span(1, PLAIN), span(2, PLAIN)])])
    write(tmp_path / "logs.otlp", [export([*conversation(1)[:2], *conversation(2)]), export(conversation(1)[2:])])
    rows = read_logs(tmp_path / "traces.otlp", tmp_path / "logs.otlp").rows
    assert [(row["prompt"], row["system_prompt"], row["response"]) for row in rows] == [
        (f"{ASK} 1", SYSTEM, ANSWER),
        (f"{ASK} 2", SYSTEM, ANSWER),
    ]
    assert {(row["account_id"], row["model"]) for row in rows} == {("wader", "gpt-birds")}


def test_log_records_alone_are_calls_and_given_twice_count_once(tmp_path: Path) -> None:
    requests = [export(conversation(1), {"service.name": "bird-app"})]
    one = read_logs(write_json(tmp_path / "a.jsonl", requests)).rows
    both = read_logs(tmp_path / "a.jsonl", write_protobuf(tmp_path / "b.pb", requests)).rows
    assert without_origin(one) == without_origin(both)
    assert [(row["prompt"], row["account_id"], row["model"]) for row in one] == [(f"{ASK} 1", "bird-app", "unknown")]


def test_rows_depend_neither_on_order_nor_on_files(tmp_path: Path) -> None:
    spans = [span(1, CURRENT, lasts=5 * 10**9), span(2, LEGACY, parent=1, trace=1), span(3, LITELLM), span(4, PLAIN)]
    logs = [*conversation(4), *conversation(5)]
    whole = tmp_path / "whole"
    whole.mkdir()
    write_json(whole / "a.jsonl", [export(spans)])
    write_json(whole / "b.jsonl", [export(logs)])
    split = tmp_path / "split"
    split.mkdir()
    for n, one in enumerate(reversed(spans)):
        write_protobuf(split / f"s{n}.pb", [export([one])])
    for n, one in enumerate(reversed(logs)):
        write_json(split / f"l{n}.jsonl", [export([one])])
    assert without_origin(read_logs(whole).rows) == without_origin(read_logs(split).rows)
    assert len(read_logs(whole).rows) == 3


def test_one_odd_attribute_costs_neither_its_span_nor_the_others(tmp_path: Path) -> None:
    odd = span(1, CURRENT)
    odd["attributes"] += [
        {"key": 5},
        "text",
        None,
        {"key": "a", "value": "text"},
        {"key": "b", "value": {"intValue": {}}},
    ]
    broken = (
        b'{"resourceSpans": [{"scopeSpans": [{"spans": ['
        + json.dumps(span(3, LEGACY)).encode().replace(b"Which heron", b"Which \xff heron \\ud83d")
        + b"]}]}]}\n"
    )
    path = write_json(tmp_path / "a.jsonl", [export([odd, span(2, LEGACY)])])
    path.write_bytes(path.read_bytes() + broken)
    read = read_logs(path)
    assert [row["prompt"].replace("\ufffd", "?") for row in read.rows][:2] == [ASK, ASK]
    assert len(read.rows) == 3
    assert not read.rejects


def test_ids_of_another_length_make_no_name(tmp_path: Path) -> None:
    odd = span(1, LEGACY) | {"traceId": "zz", "spanId": "12"}
    none = span(2, LEGACY) | {"traceId": "0" * 32}
    spaced = span(3, LEGACY) | {"spanId": "ab cd ef 01 23 4"}
    rows = rows_of(tmp_path, export([odd, none, spaced]))
    assert {row["request_id"].split("#")[0] for row in rows} == {"traces.jsonl"}
    assert len({row["request_id"] for row in rows}) == 3


def test_a_call_without_a_time_is_set_aside_alone(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.jsonl", [export([span(1, LEGACY) | {"startTimeUnixNano": "x"}, span(2, LEGACY)])])
    read = read_logs(path)
    assert len(read.rows) == 1
    assert "start time" in read.rejects[0]["reason"]


def test_deep_and_long_values_are_bounded(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = {"a": [deep]}
    many = {f"gen_ai.prompt.{n}.content": "x" for n in range(12_000)}
    spans = [span(1, CURRENT | {"deep": deep}), span(2, LEGACY | many)]
    for rows in (rows_of(tmp_path, export(spans)), read_logs(write_protobuf(tmp_path / "a.pb", [export(spans)])).rows):
        assert len(rows) == 2


@pytest.mark.parametrize(
    "text",
    ["{'a': 'b'}", "{'a': \"it's\", 'n': None}", "[1, (2, 3)]", "{'a': __import__('os')}", "[" * 60, "{'a'", "['\\d']"],
)
def test_what_python_wrote_is_read_and_nothing_else(text: str) -> None:
    expected = {
        "{'a': 'b'}": {"a": "b"},
        "{'a': \"it's\", 'n': None}": {"a": "it's", "n": None},
        "[1, (2, 3)]": [1, (2, 3)],
        "['\\d']": ["\\d"],
    }
    assert python_value(text) == expected.get(text, text)


def mutated(value: Any, draw: Any) -> Any:
    """A copy of a JSON value in which something is another."""
    value = copy.deepcopy(value)
    at, step = value, 0
    while step < 12 and isinstance(at, dict | list) and at:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inner = at[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 5)) == 0:
            if isinstance(at, dict) and draw(st.booleans()):
                del at[key]
            else:
                odd = (None, 3, -1.5, "", "[{", "{'a': [", [], {}, [None], {"values": 1}, True, "\u2028", "0" * 32)
                at[key] = draw(st.sampled_from(odd))
            break
        at, step = inner, step + 1
    return value


@settings(
    derandomize=True,
    deadline=None,
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_mutated_records_never_raise(data: Any, tmp_path: Path) -> None:
    requests = [
        export([span(1, CURRENT), span(2, LITELLM, parent=1, trace=1)], {"service.namespace": "marsh"}),
        export([span(3, INFERENCE), span(4, LANGFUSE), span(5, LEGACY)], {"service.namespace": "wood"}),
    ]
    logs = [export(conversation(1))]
    whole = export([span(9, AS_KVLIST)])
    for _ in range(data.draw(st.integers(1, 3))):
        requests, logs = mutated(requests, data.draw), mutated(logs, data.draw)
    write_json(tmp_path / "a.jsonl", [whole, *requests])
    write_json(tmp_path / "b.jsonl", [export(conversation(9)), *logs])
    assert f"{0xAB09:032x}/{0xCD09:016x}" in read_logs(tmp_path / "a.jsonl", tmp_path / "b.jsonl").by("request_id")


@settings(
    derandomize=True,
    deadline=None,
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_damaged_protobuf_never_raises(data: Any, tmp_path: Path) -> None:
    content = bytearray(write_protobuf(tmp_path / "a.pb", [export([span(1, CURRENT), span(2, LITELLM)])]).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    whole = write_protobuf(tmp_path / "b.pb", [export([span(9, AS_KVLIST)])]).read_bytes()
    (tmp_path / "a.pb").write_bytes(whole + bytes(content[: data.draw(st.integers(8, len(content)))]))
    assert f"{0xAB09:032x}/{0xCD09:016x}" in read_logs(tmp_path / "a.pb").by("request_id")


TRACED = (
    "openai_v2_2.4b0_content",
    "openai_v2_2.4b0_nocontent",
    "openai_v2_2.3b0_content_events",
    "openai_v2_2.3b0_nocontent",
    "openai_v2_2.3b0_optin_ignored",
    "openllmetry_0.62.4",
    "openllmetry_0.40.14_legacy",
    "litellm_1.108.7",
    "litellm_1.108.7_reqspan",
    "langfuse_sdk_4_via_litellm",
)
ROWS = dict(zip(TRACED, (73, 40, 35, 40, 73, 73, 40, 50, 139, 345), strict=True))


def truth_of(dataset: str) -> dict[str, dict[str, Any]]:
    """Rows of the truth by the id that the spans of a dataset name: LiteLLM's, or the trace."""
    own = CAPTURES / "otlp" / dataset / "truth.parquet"
    rows = pq.read_table(own if own.is_file() else CAPTURES / "truth.parquet").to_pylist()
    return {row[key]: row for key in ("trace_id", "litellm_call_id") for row in reversed(rows) if row[key]}


@captured
@pytest.mark.parametrize("dataset", TRACED)
def test_captures_are_equal_to_their_truth(dataset: str) -> None:
    read = read_logs(*sorted((CAPTURES / "otlp" / dataset).glob("*.pb*")))
    truth = truth_of(dataset)
    assert not read.rejects
    assert len(read.rows) == ROWS[dataset]
    for row in read.rows:
        told = truth[row["request_id"].split("/")[0]]
        assert (row["account_id"], row["model"]) == (told["account"], told["model"])
        assert row["client_ip"] == hashed_address(told["client_ip"])
        began = told["ts_start"] if isinstance(told["ts_start"], float) else told["ts_start"].timestamp()
        assert abs(row["timestamp"].timestamp() - began) < 0.5
        if told["api"] == "embeddings":
            assert told["prompt"] in (
                row["prompt"],
                json.loads(row["prompt"] if row["prompt"][0] == "[" else "[0]")[-1],
            )
        elif row["prompt"] is not None:
            assert row["prompt"] == told["prompt"]
        else:
            assert dataset.endswith(("nocontent", "optin_ignored"))
    json_files = sorted((CAPTURES / "otlp" / dataset).glob("*.jsonl*"))
    if json_files:
        assert without_origin(read_logs(*json_files).rows) == without_origin(read.rows)


@captured
def test_openinference_is_equal_to_its_truth() -> None:
    rows = read_logs(CAPTURES / "otlp" / "openinference_0.1.66" / "traces.jsonl.gz").rows
    truth = [
        row for row in pq.read_table(CAPTURES / "truth.parquet").to_pylist() if row["client"] == "openai+openinference"
    ]
    assert len(rows) == 73
    for row in rows:
        near = [told for told in truth if abs((told["ts_start"] - row["timestamp"]).total_seconds()) < 0.1]
        told = min(near, key=lambda one: abs((one["ts_start"] - row["timestamp"]).total_seconds()))
        for ours, theirs in (("account_id", "account"), ("end_user_id", "end_user"), ("model", "model")):
            assert row[ours] == told[theirs]
        assert (row["prompt"], row["system_prompt"]) == (told["prompt"], told["system"])


def test_span_events_hold_messages_of_older_conventions(tmp_path: Path) -> None:
    told = json.dumps([{"role": "user", "content": ASK}])
    old = span(1, PLAIN) | {"events": [{"name": "gen_ai.content.prompt", "attributes": pairs({"gen_ai.prompt": told})}]}
    (row,) = rows_of(tmp_path, export([old]))
    (same,) = read_logs(write_protobuf(tmp_path / "a.pb", [export([old])])).rows
    assert row["prompt"] == same["prompt"] == ASK


def test_calls_beyond_the_spans_that_are_remembered_stay_calls_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = {"user.id": "teal"}
    plain = {name: value for name, value in CURRENT.items() if name != "user.id"}
    spans = [span(1, outer, lasts=50), span(2, plain, parent=1, trace=1), span(3, outer, lasts=50, trace=3)]
    spans.append(span(4, plain, parent=3, trace=3))
    path = write_json(tmp_path / "a.jsonl", [export(spans)])
    whole = read_logs(path)
    assert [row["account_id"] for row in whole.rows] == ["teal", "teal"]
    assert BEYOND not in whole.inputs[0].passed_over
    monkeypatch.setattr(otlp_traces, "MAX_SPANS", 3)
    read = read_logs(path)
    assert [row["account_id"] for row in read.rows] == ["teal", "guest"]
    assert read.inputs[0].passed_over == {NO_MODEL_CALL: 2, BEYOND: 1}
