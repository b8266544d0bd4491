"""What a client writes into its calls hides neither what it asks, nor whose calls these are, nor which log this is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from reading import hashed_address, read_logs
from tests.collect.sources.cloud_records import RECORDS
from tests.collect.sources.fixtures import NGINX
from tests.collect.sources.otlp_dialect_records import CURRENT
from tests.collect.sources.otlp_fixtures import event, export, span

from stillhunt.collect.formats.shared.bodies import answer_of_body
from stillhunt.collect.values.chat import read_chat
from stillhunt.collect.values.json_values import MAX_JSON_DEPTH, decode_json, tolerant_object

ASKED: dict[str, Any] = {"model": "m-1", "messages": [{"role": "user", "content": "evil"}]}


def call(number: int, **more: Any) -> dict[str, Any]:
    told = {"id": f"r{number}", "ts": 1_793_500_000 + number, "tenant_id": f"t{number}", "model": "m-1"}
    return {**told, "messages": [{"role": "user", "content": f"question {number}"}], **more}


@pytest.mark.parametrize(
    "odd",
    [
        {"request_id": "x", "timestamp": 1_793_500_000, "account_id": "y"},
        {"correlationid": "x", "sequencenumber": 1},
        {"remote_addr": "203.0.113.1", "msec": 1.5, "request_id": "x", "http_user_agent": "curl"},
        {"custom_id": "x", "response": {}},
        {"call_type": "acompletion", "startTime": 1, "metadata": {}, "error_information": {}},
    ],
)
def test_one_odd_call_makes_no_other_log_of_it(odd: dict[str, Any], tmp_path: Path) -> None:
    calls = [call(n) for n in range(5)] + [call(5, **odd)]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in calls))
    read = read_logs(path)
    assert read.inputs[0].format == "bodies"
    assert {f"question {n}" for n in range(5)} <= {row["prompt"] for row in read.rows}


DEEP = "[" * 2000 + "]" * 2000
BODIES = [
    json.dumps(ASKED).replace("evil", "evil \\ud800"),
    json.dumps(ASKED)[:-1] + ', "temperature": NaN}',
    json.dumps(ASKED)[:-1] + f', "metadata": {{"x": {DEEP}}}}}',
    json.dumps(ASKED).replace("evil", "evil\n"),
]


@pytest.mark.parametrize("body", BODIES, ids=["half a surrogate", "NaN", "deep", "a bare newline"])
def test_odd_bodies_keep_what_they_ask(body: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(json.dumps({**NGINX, "request_id": f"q{n}", "request_body": body}) + "\n" for n in range(3))
    )
    read = read_logs(path)
    assert [row["prompt"].strip("\ufffd \n") for row in read.rows] == ["evil"] * 3
    assert {row["model"] for row in read.rows} == {"m-1"}


def test_what_lies_too_deep_is_null() -> None:
    found = decode_json('{"a": "[", "b": ' + "[" * 5000 + "1" + "]" * 5000 + ', "c": "}"}')
    assert (found["a"], found["c"]) == ("[", "}")
    depth, inner = 0, found["b"]
    while inner:
        depth, inner = depth + 1, inner[0]
    assert depth == MAX_JSON_DEPTH - 1
    assert decode_json("[" * 5000) is None
    assert decode_json("no JSON") is None


def test_what_nginx_escapes_is_read() -> None:
    line = b'{"request_id": "r", "request_body": "{\\x22q\\x22: \\x22L\\xC3\\xB6ffel\\x5Cn \\\\\\x09\\x22}"}'
    assert tolerant_object(line) == {"request_id": "r", "request_body": '{"q": "Löffel\\n \\\t"}'}
    assert tolerant_object(b'{"a": "\\\\x22"}') == {"a": "\\x22"}


@pytest.mark.parametrize(
    "odd",
    [{"query": {}}, {"query": {"messages": []}}, {"role": "user", "content": "innocent"}, {"data": "x", "iv": "x"}],
)
@pytest.mark.parametrize("packed", [True, False])
def test_fields_of_other_kinds_hide_no_messages(odd: dict[str, Any], packed: bool, tmp_path: Path) -> None:
    body = {**ASKED, **odd}
    record = {**RECORDS["cloudflare"][0], "request": json.dumps(body) if packed else body}
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(record))
    assert [row["prompt"] for row in read_logs(path, format="cloudflare").rows] == ["evil"]


def test_x_real_ip_counts_only_where_nothing_else_tells_the_address(tmp_path: Path) -> None:
    headers = [{"X-Forwarded-For": "9.9.9.9, 81.2.69.142", "X-Real-IP": "8.8.8.8"}, {"X-Real-IP": "8.8.8.8"}]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(call(n, headers=told)) + "\n" for n, told in enumerate(headers)))
    read = read_logs(path)
    assert [row["client_ip"] for row in read.rows] == [hashed_address("81.2.69.142"), hashed_address("8.8.8.8")]


def test_mapped_messages_win_over_a_body_in_text(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "from chat"}]
    for body in (ASKED, json.dumps(ASKED)):
        path = tmp_path / "log.jsonl"
        path.write_text(json.dumps({"id": "r", "ts": 1_793_500_000, "user_id": "u", "request": body, "chat": chat}))
        read = read_logs(path, format="bodies", mapping={"messages": "chat"})
        assert [row["prompt"] for row in read.rows] == ["from chat"]


def test_a_record_without_texts_is_read_alike_by_both_ways(tmp_path: Path) -> None:
    told = {"timestamp": "2026-11-01T00:00:00Z", "model": "m", "prompt": None, "user": "bob", "temperature": 0.5}
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(json.dumps({"id": f"r{n}", **told, **odd}) + "\n" for n, odd in enumerate(({}, {"request": 5})))
    )
    read = read_logs(path, format="bodies")
    assert [(row["account_id"], row["temperature"]) for row in read.rows] == [("bob", 0.5)] * 2


def test_tool_results_and_images_of_all_makers_are_content() -> None:
    def prompt(content: Any) -> str | None:
        chat = read_chat([{"role": "user", "content": content}])
        return None if chat is None else chat.prompt

    assert prompt([{"toolResult": {"toolUseId": "t", "content": [{"text": "it is 7"}]}}]) == "it is 7"
    assert prompt([{"functionResponse": {"name": "f", "response": {"content": "so"}}}]) == "so"
    image = {"inlineData": {"mimeType": "image/png", "data": "x"}}
    assert prompt([{"text": "look"}, image]) == "look\n[images: 1, id_0a7651f82b16]"
    assert prompt([{"inlineData": {"mimeType": "audio/wav", "data": "x"}}]) is None


def test_another_image_is_another_prompt() -> None:
    def prompt(part: Any) -> Any:
        chat = read_chat([{"role": "user", "content": [part]}])
        return chat and chat.prompt

    def linked(url: str) -> Any:
        return prompt({"type": "image_url", "image_url": {"url": url}})

    shown = {
        *(prompt({"image": {"format": "png", "source": {"bytes": data}}}) for data in "yz"),
        *(prompt({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": d}}) for d in "ab"),
        *(prompt({"fileData": {"mimeType": "image/png", "fileUri": uri}}) for uri in ("gs://a/1", "gs://a/2")),
        *(prompt({"type": "input_image", "file_id": name}) for name in ("file-1", "file-2")),
        *(linked(f"https://x.net/{name}.png") for name in "ab"),
    }
    assert len(shown) == 10
    assert linked("https://x.net/a.png?X-Amz-Signature=1") == linked("https://x.net/a.png?X-Amz-Signature=2")
    assert linked("https://x.net/a?id=1") != linked("https://x.net/a?id=2")
    assert prompt({"type": "image_url", "image_url": {}}) == "[images: 1]"  # taken out of the log


def events(*told: dict[str, Any]) -> str:
    return "".join(f"event: x\ndata: {json.dumps(one)}\n\n" for one in told)


def test_streams_of_all_makers_tell_text_and_tokens() -> None:
    whole = {"id": "resp-1", "output": [{"type": "message", "content": [{"type": "output_text", "text": "so it is"}]}]}
    usage = {"usage": {"input_tokens": 3, "output_tokens": 4}}
    parts = [{"type": "response.output_text.delta", "delta": part} for part in ("so ", "it is")]
    told = {"response": "so it is", "input_tokens": 3, "output_tokens": 4, "links": ["response:resp-1"]}
    assert answer_of_body(events(*parts, {"type": "response.completed", "response": whole | usage})) == told
    assert answer_of_body(events(*parts)) == {"response": "so it is"}
    claude = [
        {"type": "message_start", "message": {"id": "msg-1", "usage": {"input_tokens": 3, "output_tokens": 1}}},
        *({"type": "content_block_delta", "delta": {"type": "text_delta", "text": part}} for part in ("so ", "it is")),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
    ]
    assert answer_of_body(events(*claude)) == told | {"links": ["response:msg-1"]}


def test_logs_of_which_a_few_records_are_calls_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    ours = {"request_id": "r", "timestamp": 1_793_500_000, "account_id": "a", "model": "m", "prompt": "why"}
    checks = {"request_id": "h", "timestamp": 1_793_500_000, "model": "m"}
    path.write_text("".join(json.dumps(checks if n % 5 else {**ours, "request_id": f"r{n}"}) + "\n" for n in range(50)))
    read = read_logs(path)
    assert (len(read.rows), len(read.rejects)) == (10, 40)
    calls = [RECORDS["cloudflare"][0] | {"id": f"c{n}"} if n % 5 == 0 else {"level": "info"} for n in range(50)]
    path.write_text("".join(json.dumps(one) + "\n" for one in calls))
    assert read_logs(path).inputs[0].format == "cloudflare"
    spans, logs = export([span(1, CURRENT)]), export([event(2, "other", {"text": "x"})])
    path.write_text("".join(json.dumps(one) + "\n" for one in [spans, *[logs] * 8, *[{"resourceMetrics": [{}]}] * 8]))
    read = read_logs(path)
    assert (read.inputs[0].format, len(read.rows)) == ("otlp", 1)


@pytest.mark.parametrize("odd", ["9" * 4_999, "1e999", "NaN"])
def test_an_odd_number_in_an_attribute_hides_no_call(odd: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(export([span(1, {**CURRENT, "odd": "@"})])).replace('"@"', odd) + "\n")
    (row,) = read_logs(path, format="otlp").rows
    assert row["model"] == CURRENT["gen_ai.request.model"]
