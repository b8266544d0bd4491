"""What single sources of hosted gateways do with the odd corners of their logs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.collect.sources.cloud_records import (
    AZURE_GATEWAY,
    AZURE_LLM,
    BATCH,
    BATCH_OUTPUT,
    BEDROCK,
    BODIES,
    CHAT,
    CLOUDFLARE,
    ENVOY,
    HELICONE,
    KONG,
    LANGFUSE_INGESTION,
    OBSERVATION,
    OPENROUTER,
    PORTKEY,
    VERTEX,
)
from tests.collect.sources.reading import read_logs
from tests.collect.sources.test_cloud import written

from stillhunt.collect.formats.shared.http import header
from stillhunt.collect.formats.shared.traced import answered_in, asked_in
from stillhunt.collect.formats.vendors.bedrock import answer_of_vendor_body, call_of_vendor_body
from stillhunt.collect.values.json_values import mapping

MOMENT = 1_793_613_600
"""2 November 2026, 10:00 UTC."""


def only(records: list[Any], folder: Path, **collect: Any) -> dict[str, Any]:
    read = read_logs(written(folder, records), **collect)
    assert not read.rejects
    (row,) = read.rows
    return row


def test_batch_calls_have_time_and_account_of_their_file(tmp_path: Path) -> None:
    path = written(tmp_path, BATCH[:1], "customer-9.jsonl")
    os.utime(path, (MOMENT, MOMENT))
    (row,) = read_logs(path).rows
    assert (row["account_id"], row["timestamp"].timestamp(), row["channel"]) == ("customer-9.jsonl", MOMENT, "batch")
    assert read_logs(path, default_account="acct-9").rows[0]["account_id"] == "acct-9"
    (mapped,) = read_logs(path, mapping={"account_id": "body.user"}).rows
    assert mapped["account_id"] == "reader-7"


def test_batch_files_in_a_store_have_its_time(tmp_path: Path) -> None:
    path = written(tmp_path, BATCH[:1])
    os.utime(path, (MOMENT, MOMENT))
    (row,) = read_logs(path.as_uri()).rows
    assert row["timestamp"].timestamp() == MOMENT


def test_batch_answers_complete_their_requests(tmp_path: Path) -> None:
    asked = written(tmp_path, BATCH[:2], "input.jsonl")
    answered = written(tmp_path, BATCH_OUTPUT, "output.jsonl")
    os.utime(asked, (MOMENT, MOMENT))
    read = read_logs(asked, answered)
    assert not read.rejects
    one, two = read.rows
    assert (one["response"], one["input_tokens"], one["status"]) == ("Often some thirty metres.", 21, 200)
    assert one["timestamp"].timestamp() == BATCH_OUTPUT[0]["response"]["body"]["created"]
    assert (two["response"], two["timestamp"].timestamp()) == ("Because.", MOMENT)
    assert {row["account_id"] for row in read.rows} == {"input.jsonl"}


def test_a_body_that_creates_a_batch_holds_many(tmp_path: Path) -> None:
    requests = [{"custom_id": name, "params": CHAT} for name in "ab"]
    read = read_logs(written(tmp_path, [{"requests": requests}]))
    assert [row["request_id"] for row in read.rows] == ["a", "b"]


def test_answers_that_were_kept_as_they_were_streamed(tmp_path: Path) -> None:
    events = [{"choices": [{"delta": {"content": part}}]} for part in ("So ", "it is.")]
    sent = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    assert only([{**BODIES, "response": sent}], tmp_path)["response"] == "So it is."


def test_requests_of_two_batches_with_one_name_stay_two(tmp_path: Path) -> None:
    written(tmp_path, BATCH[:1], "a.jsonl")
    written(tmp_path, [{**BATCH[0], "body": {**CHAT, "messages": [{"role": "user", "content": "Other"}]}}], "b.jsonl")
    read = read_logs(tmp_path)
    assert len({row["request_id"] for row in read.rows}) == 2


def test_azure_customer_and_address_come_from_the_gateway_log(tmp_path: Path) -> None:
    written(tmp_path, AZURE_LLM, "llm.jsonl")
    written(tmp_path, [AZURE_GATEWAY], "gateway.jsonl")
    read = read_logs(tmp_path)
    (row,) = read.rows
    assert (row["account_id"], row["prompt"], row["status"]) == ("acct-1", "How tall is a lighthouse?", 200)
    assert row["user_agent"] == "OpenAI/Python 1.109.1"
    assert row["client_ip"] is not None


def test_langfuse_updates_come_before_or_without_what_they_update(tmp_path: Path) -> None:
    update = LANGFUSE_INGESTION[1]
    more = {"startTime": "2026-11-02T10:00:00Z", "model": "m", "input": "Why?", "userId": "u"}
    full = {**update["batch"][0]["body"], **more}
    row = only([{"batch": [{**update["batch"][0], "body": full}]}], tmp_path)
    assert (row["prompt"], row["account_id"], row["output_tokens"]) == ("Why?", "u", 6)


def test_langfuse_parquet_has_maps(tmp_path: Path) -> None:
    text = pa.map_(pa.string(), pa.string())
    record = {**OBSERVATION, "user_id": "reader-7", "session_id": "s-1"}
    columns = {name: pa.array([value]) for name, value in record.items() if not isinstance(value, dict)}
    columns["metadata"] = pa.array([list(record["metadata"].items())], text)
    columns["usage_details"] = pa.array([list(record["usage_details"].items())], pa.map_(pa.string(), pa.int64()))
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table(columns), path)
    (row,) = read_logs(path).rows
    assert (row["account_id"], row["input_tokens"], row["end_user_id"]) == ("acct-1", 21, "reader-7")


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ("Why?", {"prompt": "Why?"}),
        ('{"messages": ["a", "b"]}', {"prompt": '["a", "b"]'}),
        ({"messages": "a"}, {"prompt": "a"}),
        ({"question": "Why?"}, {"prompt": '{"question": "Why?"}'}),
        ({"role": "user", "content": "Why?"}, {"messages": [{"role": "user", "content": "Why?"}]}),
        ([[{"role": "user", "content": "Why?"}]], {"messages": [{"role": "user", "content": "Why?"}]}),
        (["a", "b"], {"prompt": '["a", "b"]'}),
        (None, {}),
        ("", {}),
    ],
)
def test_inputs_of_tracers(value: Any, row: dict[str, Any]) -> None:
    assert asked_in(value) == row


def test_outputs_of_tracers() -> None:
    assert answered_in([{"role": "assistant", "content": "So."}]) == {"response": "So."}
    assert answered_in({"content": None, "tool_calls": []}) == {}
    assert answered_in("So.") == {"response": "So."}


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ({"inputText": "Why?", "textGenerationConfig": {"maxTokenCount": 9, "temperature": 0.5}}, "Why?"),
        ({"prompt": "Why?", "max_gen_len": 9, "temperature": 0.5}, "Why?"),
        ({"message": "Why?", "max_tokens": 9, "temperature": 0.5}, "Why?"),
    ],
)
def test_bodies_of_the_makers_on_bedrock(body: dict[str, Any], prompt: str) -> None:
    row = call_of_vendor_body(body)
    assert (row["prompt"], row["max_tokens"], row["temperature"]) == (prompt, 9, 0.5)


@pytest.mark.parametrize(
    "body",
    [
        {"results": [{"outputText": "So it is."}]},
        {"generation": "So it is."},
        {"text": "So it is."},
        {"outputs": [{"text": "So it is."}]},
        [{"delta": {"type": "text_delta", "text": "So "}}, {"delta": {"type": "text_delta", "text": "it is."}}],
        [{"contentBlockDelta": {"delta": {"text": "So "}}}, {"contentBlockDelta": {"delta": {"text": "it is."}}}],
        json.dumps({"content": [{"type": "text", "text": "So it is."}]}),
    ],
)
def test_answers_of_the_makers_on_bedrock(body: Any) -> None:
    assert answer_of_vendor_body(body)["response"] == "So it is."


def test_bedrock_callers_whose_session_an_sdk_made_up_are_one(tmp_path: Path) -> None:
    row = only([{**BEDROCK, "requestMetadata": None}], tmp_path)
    assert row["account_id"] == "arn:aws:sts::123456789012:assumed-role/app"


def test_vertex_numbers_of_38_digits_keep_them(tmp_path: Path) -> None:
    row = only([{**VERTEX, "request_id": int("1" * 19)}], tmp_path)
    assert row["request_id"] == "1" * 19
    older = {**VERTEX, "full_request": None, "request_payload": [VERTEX["full_request"]]}
    assert only([older], tmp_path)["prompt"] == "How tall is a lighthouse?"


def test_cloudflare_pages_and_encrypted_records(tmp_path: Path) -> None:
    assert only([{"result": [CLOUDFLARE], "success": True}], tmp_path)["account_id"] == "acct-1"
    sealed = {"type": "encrypted", "key": "k", "iv": "i", "data": "d"}
    pushed = {
        "ID": "1",
        "Timestamp": "2026-11-02T10:00:00Z",
        "Gateway": "g",
        "Provider": "openai",
        "Model": "m",
        "StatusCode": 200,
        "RequestBody": sealed,
        "Metadata": sealed,
    }
    row = only([pushed], tmp_path)
    assert (row["account_id"], row["prompt"], row["model"]) == ("g", None, "m")


def test_portkey_in_its_older_form_and_with_the_times_of_a_browser(tmp_path: Path) -> None:
    older = {name: value for name, value in PORTKEY.items() if name not in ("id", "request", "response", "metadata")}
    older |= {"request.body": json.dumps(PORTKEY["request"]), "response": {"body": PORTKEY["response"], "status": 200}}
    older["created_at"] = "Mon Nov 02 2026 11:00:00 GMT+0100 (Central European Standard Time)"
    row = only([older], tmp_path)
    assert (row["request_id"], row["account_id"]) == ("trace-1", "openai-1")
    assert (row["prompt"], row["response"]) == ("How tall is a lighthouse?", "Often some thirty metres.")
    assert row["timestamp"] == only([PORTKEY], tmp_path)["timestamp"]


def test_openrouter_as_it_is_exported(tmp_path: Path) -> None:
    path = tmp_path / "openrouter_activity_2026-11-02.csv"
    unnamed = {**OPENROUTER, "user": ""}
    path.write_text("\n".join(",".join(line) for line in (OPENROUTER, OPENROUTER.values(), unnamed.values())) + "\n")
    first, second = read_logs(path).rows
    assert (first["account_id"], second["account_id"]) == ("acct-1", "key-1")
    assert (first["input_tokens"], first["output_tokens"], first["prompt"]) == (21, 6, None)


def test_kong_without_ai_is_no_call(tmp_path: Path) -> None:
    read = read_logs(written(tmp_path, [KONG, {**KONG, "ai": None}]))
    assert len(read.rows) == 1
    assert sum(read.inputs[0].passed_over.values()) == 1


def test_envoy_addresses(tmp_path: Path) -> None:
    plain = {**ENVOY, "x-forwarded-for": None, "x-account": None}
    one = only([{**plain, "downstream_remote_address": "192.0.2.7:443"}], tmp_path)
    assert one["account_id"] == "192.0.2.7"
    assert only([{**plain, "downstream_remote_address": "[2001:db8::1]:443"}], tmp_path)["account_id"] == "2001:db8::1"
    assert only([{**ENVOY, "response_code": 0}], tmp_path)["status"] is None


def test_helicone_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    record = {**HELICONE, "properties": json.dumps(HELICONE["properties"])}
    cells = ['"' + str(value).replace('"', '""') + '"' for value in record.values()]
    path.write_text(",".join(record) + "\n" + ",".join(cells) + "\n")
    (row,) = read_logs(path).rows
    assert (row["account_id"], row["prompt"], row["country"]) == ("acct-1", "How tall is a lighthouse?", "NO")


def test_bodies_alone_with_id_and_time(tmp_path: Path) -> None:
    row = only([{**CHAT, "id": "r-9", "created_at": MOMENT}], tmp_path)
    assert (row["request_id"], row["account_id"], row["prompt"]) == ("r-9", "reader-7", "How tall is a lighthouse?")
    assert only([{**BODIES, "request": json.dumps(CHAT)}], tmp_path)["account_id"] == "acct-1"


def test_headers_and_maps_in_every_notation() -> None:
    assert header([{"name": "User-Agent", "value": "x"}], "user-agent") == "x"
    assert header({"User-Agent": ["x", "y"]}, "user-agent") == "x"
    assert header("nothing", "user-agent") is None
    assert mapping([("a", 1)]) == mapping('{"a": 1}') == {"a": 1}
    assert mapping([1, 2]) == {}


def test_langfuse_errors_are_no_answers(tmp_path: Path) -> None:
    failed = {**OBSERVATION, "user_id": "reader-7", "level": "ERROR", "output": "RateLimitError: too many"}
    assert only([failed], tmp_path)["response"] is None
