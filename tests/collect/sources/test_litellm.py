"""Calls from LiteLLM's callback payloads and from LiteLLM_SpendLogs."""

from __future__ import annotations

import contextlib
import copy
import csv
import json
import random
import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litellm_records import DRAWN, DRAWN_UUID, KEY_HASH, payload, spend_row
from reading import CAPTURES, Read, captured, hashed_address, read_logs

import stillhunt
from stillhunt.base.errors import InputError
from stillhunt.collect.formats.litellm import calls as litellm
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError
from thoroughness import examples

CALLBACK, SPEND = litellm.SOURCES


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def one(record: dict[str, Any], source: Any = CALLBACK) -> dict[str, Any]:
    (row,) = source.rows(record)
    return dict(row)


def changed(record: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**record, "metadata": {**record["metadata"], **metadata}}


@pytest.mark.parametrize(("source", "record"), [(CALLBACK, payload), (SPEND, spend_row)])
def test_a_record_carries_what_its_source_says(tmp_path: Path, source: Any, record: Any) -> None:
    found = read_logs(lines(tmp_path / "log.jsonl", record(1), record(2)))
    assert found.inputs[0].format == source.name
    assert not found.rejects
    row = found.rows[0]
    own = {"source", "client_prefix", "origin_file", "origin_row"}
    assert {name for name, value in row.items() if value is not None} - own == set(source.carries)
    assert row["request_id"] == "call-1"
    assert row["account_id"] == "customer-1"
    assert row["model"] == "small"
    assert row["prompt"] == "Question 1"
    assert row["system_prompt"] == "Be brief."
    assert row["response"] == "An answer"
    assert row["conversation_id"] == "chat-7"
    assert row["client_ip"] == hashed_address("203.0.113.7")
    assert row["user_agent"] == "acme/1.2"
    assert (row["temperature"], row["top_p"], row["max_tokens"]) == (0.5, 0.9, 64)
    assert (row["input_tokens"], row["output_tokens"], row["status"]) == (12, 5, 200)
    assert row["api_key_id"] == KEY_HASH
    assert row["timestamp"].microsecond == 250_000


def test_generic_api_posts_are_arrays_line_by_line(tmp_path: Path) -> None:
    found = read_logs(lines(tmp_path / "posts.jsonl", [payload(1), payload(2)], [payload(3)]))
    assert [row["request_id"] for row in found.rows] == ["call-1", "call-2", "call-3"]


def test_spend_logs_read_the_same_from_every_file(tmp_path: Path) -> None:
    rows = [spend_row(n) for n in (1, 2, 3)]
    with (tmp_path / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    lines(tmp_path / "log.jsonl", *rows)
    seen = [read_logs(tmp_path / name).rows for name in ("log.csv", "log.parquet", "log.jsonl")]
    assert len(seen[0]) == 3
    assert seen[0] == seen[1] == seen[2]


def test_split_and_order_do_not_matter(tmp_path: Path) -> None:
    records = [payload(n, id=f"x-{n}") for n in range(40)]
    whole = read_logs(lines(tmp_path / "whole.jsonl", *records)).rows
    random.Random(3).shuffle(records)
    (tmp_path / "parts").mkdir()
    for part in range(3):
        lines(tmp_path / "parts" / f"{part}.jsonl", *records[part::3])
    parts = read_logs(tmp_path / "parts").rows
    origin = {"origin_file", "origin_row"}
    assert [{k: v for k, v in r.items() if k not in origin} for r in whole] == [
        {k: v for k, v in r.items() if k not in origin} for r in parts
    ]


@pytest.mark.parametrize(
    ("trace", "told", "session"),
    [
        (DRAWN, {"trace_id": DRAWN}, None),
        (DRAWN, {}, None),
        (DRAWN, {"user_id": "reader-1"}, None),
        ("chat-7", {}, "chat-7"),
        ("chat-7", {"trace_id": DRAWN}, "chat-7"),
        (DRAWN, {"trace_id": "fedcba9876543210fedcba9876543210"}, DRAWN),
        ("chat-7", {"trace_id": "chat-7", "session_id": "chat-7"}, "chat-7"),
        (DRAWN, {"trace_id": DRAWN, "headers": {"x-litellm-session-id": "chat-8"}}, "chat-8"),
        (DRAWN_UUID, {"user_id": "reader-1"}, None),
        (DRAWN_UUID, None, None),
        (DRAWN_UUID, {"trace_id": DRAWN_UUID}, DRAWN_UUID),
        (DRAWN_UUID, {"headers": {"x-litellm-session-id": DRAWN_UUID}}, DRAWN_UUID),
        (None, None, None),
    ],
)
def test_a_trace_is_a_session_only_where_the_client_named_it(trace: Any, told: Any, session: Any) -> None:
    assert one(changed(payload(trace_id=trace), requester_metadata=told))["conversation_id"] == session


def test_a_session_of_spend_logs_is_the_clients_own() -> None:
    plain = spend_row(proxy_server_request="{}", session_id=DRAWN)
    assert one(plain, SPEND)["conversation_id"] is None
    assert one({**plain, "session_id": DRAWN_UUID}, SPEND)["conversation_id"] is None
    assert one({**plain, "session_id": "chat-9"}, SPEND)["conversation_id"] == "chat-9"
    body = {"model": "small", "metadata": {"session_id": DRAWN, "trace_id": DRAWN}}
    assert one({**plain, "proxy_server_request": body}, SPEND)["conversation_id"] == DRAWN
    body = {"model": "small", "metadata": {"trace_id": DRAWN_UUID}}
    told = {**plain, "session_id": DRAWN_UUID, "proxy_server_request": body}
    assert one(told, SPEND)["conversation_id"] == DRAWN_UUID


@pytest.mark.parametrize("user", [None, "", "default_user_id"])
def test_a_key_without_a_user_is_its_own_account(user: Any) -> None:
    assert one(changed(payload(), user_api_key_user_id=user))["account_id"] == KEY_HASH
    assert one(spend_row(user=user), SPEND)["account_id"] == KEY_HASH


def test_a_key_in_plain_text_is_never_handed_on() -> None:
    row = one(spend_row(api_key="sk-not-a-key", user=""), SPEND)
    assert "sk-" not in row["api_key_id"]
    assert row["account_id"] == row["api_key_id"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"error_code": "429"}, 429),
        ({"error_code": 500}, 500),
        ({"error_code": "content_filter", "normalized_error": "400_INVALID_REQUEST"}, 400),
        ({"error_code": "content_filter"}, None),
        ({"error_code": "99999999999999999999"}, None),
        ({}, None),
        (None, None),
        ("broken", None),
    ],
)
def test_failures(error: Any, status: int | None) -> None:
    failed = {"status": "failure", "prompt_tokens": 0, "completion_tokens": 0, "response": None}
    row = one(payload(**failed, error_information=error))
    assert row["status"] == status
    assert row["input_tokens"] is None
    assert one(spend_row(**failed, metadata={"error_information": error}), SPEND)["status"] == status


def test_a_refused_key_is_a_call_of_that_key(tmp_path: Path) -> None:
    refused = payload(
        id="call-1",
        status="failure",
        trace_id=DRAWN,
        model_group="",
        model="",
        **dict.fromkeys(("user_agent", "messages", "requester_ip_address", "response", "request_tags", "end_user")),
        metadata={"user_api_key_hash": KEY_HASH, "requester_metadata": None},
        error_information={"error_code": "401"},
    )
    (row,) = read_logs(lines(tmp_path / "log.jsonl", refused)).rows
    assert (row["account_id"], row["status"], row["model"]) == (KEY_HASH, 401, "unknown")
    assert row["prompt"] is None


def test_the_model_is_the_clients_word() -> None:
    assert one(payload(model_group="", model="openai/odd-9"))["model"] == "odd-9"
    assert one(payload(model_group=None, model="odd-9", custom_llm_provider=None))["model"] == "odd-9"
    other = spend_row(proxy_server_request="{}", metadata={"original_model_group": "asked"}, model_group="fallback")
    assert one(other, SPEND)["model"] == "asked"


def test_embeddings_are_lists_of_inputs() -> None:
    messages = [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]
    assert one(payload(call_type="aembedding", messages=messages))["prompt"] == '["one", "two"]'
    assert one(payload(call_type="aembedding", messages=messages[:1]))["prompt"] == "one"
    body = {"model": "e", "input": ["one", "two"]}
    assert one(spend_row(call_type="aembedding", proxy_server_request=body), SPEND)["prompt"] == '["one", "two"]'


def test_text_that_litellm_took_out_is_no_text() -> None:
    hidden = [{"role": "user", "content": "redacted-by-litellm"}]
    answer = {"choices": [{"message": {"content": "redacted-by-litellm"}}]}
    row = one(payload(messages=hidden, response=answer))
    assert not {"messages", "prompt", "response"} & set(row)
    body = {"model": "small", "messages": hidden, "prompt": "", "input": ""}
    assert not {"messages", "prompt"} & set(one(spend_row(proxy_server_request=body), SPEND))


NOTE = (
    ". Truncation is a DB storage safeguard. "
    "Full, untruncated data is logged to logging callbacks (OTEL, Datadog, etc.). "
    "To increase the truncation limit, set `MAX_STRING_LENGTH_PROMPT_IN_DB` in your env."
)
"""What LiteLLM 1.108.7 explains in the middle of each long prompt."""


@pytest.mark.parametrize("note", ["", NOTE])
@pytest.mark.parametrize("written", [json.dumps, dict])
def test_a_cut_prompt_keeps_its_text_but_not_the_mark(note: str, written: Any) -> None:
    text = f"A long question... (litellm_truncated skipped 3000 chars{note}) ...and its end"
    body = written({"model": "small", "messages": [{"role": "user", "content": text}]})
    (message,) = one(spend_row(proxy_server_request=body), SPEND)["messages"]
    assert message["content"] == "A long question ... and its end"


def test_a_client_hides_no_text_between_marks() -> None:
    text = "... (litellm_truncated skipped 1 chars. Write down every step) ..."
    body = {"model": "small", "messages": [{"role": "user", "content": text}]}
    assert one(spend_row(proxy_server_request=body), SPEND)["messages"][0]["content"] == text


def test_what_is_no_call_is_passed_over(tmp_path: Path) -> None:
    health = changed(payload(2), user_api_key_hash="litellm-internal-health-check")
    found = read_logs(lines(tmp_path / "log.jsonl", payload(1), health, payload(3, call_type="call_mcp_tool")))
    assert len(found.rows) == 1
    assert found.inputs[0].passed_over == {litellm.NOT_A_MODEL_CALL: 1, litellm.OWN_CHECK: 1}


def test_no_client_hides_behind_a_tag_of_health_checks() -> None:
    assert one(payload(request_tags=["litellm-internal-health-check"]))["request_id"] == "call-1"


def test_the_agent_stands_in_tags_alone() -> None:
    plain = spend_row(metadata="{}", proxy_server_request="{}")
    assert one(plain, SPEND)["user_agent"] == "acme/1.2"
    assert one({**plain, "request_tags": ["blue"]}, SPEND)["user_agent"] is None


def test_an_address_that_only_the_request_has() -> None:
    assert one(spend_row(requester_ip_address=""), SPEND)["client_ip"] == "203.0.113.7"


def test_callback_and_spend_logs_of_one_call_are_one(tmp_path: Path) -> None:
    plain = {"proxy_server_request": "{}", "response": "{}"}
    logs = lines(tmp_path / "a.jsonl", payload(1)), lines(tmp_path / "b.jsonl", spend_row(1, **plain))
    found = read_logs(*logs)
    assert len(found.rows) == 1
    assert found.rows[0]["prompt"] == "Question 1"


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.floats(),
    st.text(max_size=8),
    st.just("[{"),
    st.just("{}"),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3), st.just({})), max_size=3),
    st.dictionaries(st.sampled_from(["role", "content", "headers", "messages", "id"]), st.integers(), max_size=3),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps: list[Any] = []
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = list(range(len(value)))
    return [place for step in steps for place in ((*at, step), *places(value[step], (*at, step)))]


@pytest.mark.parametrize(("source", "record"), [(CALLBACK, payload()), (SPEND, spend_row())])
@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(data=st.data())
def test_no_odd_field_raises_anything_else(source: Any, record: dict[str, Any], data: Any) -> None:
    record = {k: json.loads(v) if isinstance(v, str) and v[:1] in "{[" and v else v for k, v in record.items()}
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(record)))
        record, inner = copy.deepcopy(record), None
        inner = record
        for step in place[:-1]:
            inner = inner[step]
        if data.draw(st.booleans()):
            inner[place[-1]] = data.draw(ODD)
        else:
            del inner[place[-1]]
    with contextlib.suppress(BrokenRecordError, PassedOverError):
        list(source.rows(record))


@pytest.mark.parametrize(("source", "record"), [(CALLBACK, payload()), (SPEND, spend_row())])
@pytest.mark.parametrize("odd", [None, [], {}, "odd", 7, True])
def test_one_odd_optional_field_loses_no_record(tmp_path: Path, source: Any, record: dict[str, Any], odd: Any) -> None:
    needed = {"startTime", "metadata", "user", "api_key", "call_type", "litellm_call_id", "model_group"}
    needed |= {"proxy_server_request", "model"} if source is SPEND else set()
    rows = [{**record, "litellm_call_id": f"c{n}", n: odd} for n in record if n not in needed]
    found = read_logs(lines(tmp_path / "log.jsonl", record, *rows))
    lost = [r for r in found.rejects if "client_ip" not in r["place"]]
    assert not lost
    assert len(found.rows) == len(rows) + 1 - len(found.rejects)


def truth() -> dict[str, dict[str, Any]]:
    rows = pq.read_table(CAPTURES / "truth.parquet").to_pylist()
    return {row["litellm_call_id"]: row for row in rows if row["litellm_call_id"]}


def agrees(row: dict[str, Any], told: dict[str, Any], *, text: bool) -> None:
    """A row against what the client did."""
    assert row["account_id"] == told["account"]
    assert row["api_key_id"] == told["api_key_sha256"]
    assert row["organization_id"] == told["org"]
    assert row["model"] == told["model"]
    assert row["user_agent"] == told["user_agent"]
    assert abs((row["timestamp"] - told["ts_start"]).total_seconds()) < 0.3
    assert row["status"] == told["status"]
    if told["client"] != "litellm-sdk+langfuse2":  # that SDK did not send what it was given
        assert row["conversation_id"] == told["session_id"]
        assert row["end_user_id"] == told["end_user"]
    if row["status"] == 200 and told["input_tokens"] == told["input_tokens"] and told["input_tokens"] is not None:
        assert row["input_tokens"] == told["input_tokens"]
    if text:
        prompt = row["prompt"]
        if told["api"] == "embeddings" and prompt.startswith("["):
            prompt = json.loads(prompt)[-1]
        assert prompt.endswith(told["prompt"])
        assert row["tools"] is not None or not told["tools"]


def capture(name: str, rows: int, *, text: bool, address_lost: int = 0) -> Read:
    found = read_logs(CAPTURES / name)
    told = truth()
    assert not found.rejects
    assert len(found.rows) == rows
    lost = 0
    for row in found.rows:
        agrees(row, told[row["request_id"]], text=text)
        lost += row["client_ip"] is None
        assert row["client_ip"] in (None, hashed_address(told[row["request_id"]]["client_ip"]))
    assert lost == address_lost
    return found


@captured
@pytest.mark.parametrize(
    ("name", "rows", "text", "address_lost"),
    [
        ("litellm_callback/success.jsonl.gz", 518, True, 0),
        ("litellm_callback/failure.jsonl.gz", 57, True, 0),
        ("litellm_generic_api/posts.jsonl.gz", 36, True, 0),
        ("litellm_spendlogs/prompts_on.csv.gz", 345, True, 0),
        ("litellm_spendlogs/prompts_on.parquet", 173, True, 0),
        ("litellm_spendlogs/prompts_off.csv.gz", 562, False, 8),  # failures of /v1/messages hold no address
    ],
)
def test_captures_agree_with_truth(name: str, rows: int, text: bool, address_lost: int) -> None:
    capture(name, rows, text=text, address_lost=address_lost)


@captured
def test_system_prompts_of_captures_agree_with_truth() -> None:
    told = truth()
    for name in ("litellm_callback/success.jsonl.gz", "litellm_spendlogs/prompts_on.csv.gz"):
        for row in read_logs(CAPTURES / name).rows:
            call = told[row["request_id"]]
            # Of some calls of /v1/messages LiteLLM logs no system text at all.
            unlogged = call["api"] == "messages" and row["system_prompt"] is None
            assert unlogged or row["system_prompt"] == call["system"]


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("make", [payload, spend_row])
def test_a_frame_of_records_is_refused_with_advice_that_works(tmp_path: Path, kind: str, make: Any) -> None:
    records = [make(call, messages=[{"role": "user", "content": f"Question {call}"}]) for call in range(5)]
    frame = pd.DataFrame(records) if kind == "pandas" else pl.from_dicts(records)
    with pytest.raises(InputError, match=r"the table holds records of LiteLLM.*from files only") as told:
        stillhunt.hunt(frame)
    wanted = re.search(rf"in {kind} frame(\.[^\n]*?\))", str(told.value), re.IGNORECASE)
    assert wanted is not None
    with contextlib.chdir(tmp_path):
        eval(f"frame{wanted[1]}", {"frame": frame})  # noqa: S307 - the advice itself is under test
    read = read_logs(tmp_path / "log.jsonl")
    assert (len(read.rows), read.rejects) == (5, [])
    assert read.inputs[0].format.startswith("litellm")


@pytest.mark.parametrize("start", [0, 1])
def test_objects_and_arrays_of_records_may_take_turns(tmp_path: Path, start: int) -> None:
    """LiteLLM's `log_format` may change within a day, and a batch of one call may be an object."""
    records = [payload(call) for call in range(6)]
    written = [json.dumps(records[0]), json.dumps(records[1:3]), json.dumps(records[3]), json.dumps(records[4:])]
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join(written[start:] + written[:start]) + "\nno record\n", encoding="utf-8")
    log = read_logs(path)
    assert len(log.rows) == 6
    assert len(log.rejects) == 1
