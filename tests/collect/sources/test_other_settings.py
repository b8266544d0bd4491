"""Fields of a call that may change its answer and have no column are named, in whatever log they stand."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from tests.collect.sources.fixtures import FIXTURES

from stillhunt.base.config import Config
from stillhunt.collect.formats.shared.bodies import call_of_body
from stillhunt.collect.formats.shared.plain_bodies import Body, body_of_text
from stillhunt.collect.formats.vendors.bedrock import call_of_vendor_body
from stillhunt.collect.values.other_settings import MOST_NAMES, SETTING_NAME_CHARACTERS, other_settings
from stillhunt.pipeline import reading

CHAT = {"model": "m", "messages": [{"role": "user", "content": "why"}], "temperature": 1.0, "max_tokens": 9}
CHANGING: list[tuple[str, Any]] = [
    ("seed", 31),
    ("seed", 0),
    ("stop", ["\n"]),
    ("stop", "END"),
    ("frequency_penalty", 0.5),
    ("presence_penalty", -1),
    ("repetition_penalty", 1.1),
    ("top_k", 40),
    ("min_p", 0.1),
    ("logit_bias", {"50256": -100}),
    ("response_format", {"type": "json_object"}),
    ("n", 2),
    ("reasoning_effort", "low"),
    ("a_field_of_tomorrow", 1),
]
NEUTRAL: list[tuple[str, Any]] = [
    ("seed", None),
    ("stop", []),
    ("stop", ""),
    ("frequency_penalty", 0),
    ("presence_penalty", 0.0),
    ("repetition_penalty", 1.0),
    ("top_k", None),
    ("top_k", -1),
    ("logit_bias", {}),
    ("response_format", {"type": "text"}),
    ("n", 1),
    ("stream", True),
    ("stream_options", {"include_usage": True}),
    ("user", "u"),
    ("metadata", {"seed": 4}),
    ("extra_body", {}),
]


@pytest.mark.parametrize(("name", "value"), CHANGING)
def test_what_may_change_an_answer_is_named(name: str, value: Any) -> None:
    body = {**CHAT, name: value}
    assert call_of_body(body)["other_settings"] == name
    assert call_of_body(json.dumps(body))["other_settings"] == name
    for within in ("extra_body", "optional_params", "generationConfig", "inferenceConfig"):
        assert call_of_body({**CHAT, within: {name: value}})["other_settings"] == name
    assert (
        call_of_body({**CHAT, "optional_params": {"extra_body": json.dumps({name: value})}})["other_settings"] == name
    )


@pytest.mark.parametrize(("name", "value"), NEUTRAL)
def test_what_changes_nothing_is_not_named(name: str, value: Any) -> None:
    assert call_of_body({**CHAT, name: value}).get("other_settings") is None
    assert call_of_body({**CHAT, "extra_body": {name: value}}).get("other_settings") is None


def test_other_vendors_names_are_known() -> None:
    google = {"contents": [{"parts": [{"text": "why"}]}], "generationConfig": {"topK": 3, "stopSequences": ["x"]}}
    assert call_of_body(google)["other_settings"] == "stopSequences, topK"
    converse = {"messages": CHAT["messages"], "inferenceConfig": {"maxTokens": 5, "stopSequences": ["x"]}}
    assert call_of_vendor_body(converse)["other_settings"] == "stopSequences"
    more = {"messages": CHAT["messages"], "additionalModelRequestFields": {"top_k": 9}}
    assert call_of_vendor_body(more)["other_settings"] == "top_k"
    titan = {"inputText": "why", "textGenerationConfig": {"maxTokenCount": 5, "stopSequences": ["x"]}}
    assert call_of_vendor_body(titan)["other_settings"] == "stopSequences"
    tgi = {"inputs": "why", "parameters": {"seed": 1, "temperature": 0.5}}
    assert call_of_vendor_body(tgi)["other_settings"] == "seed"


def test_usual_bodies_are_still_read_quickly() -> None:
    assert isinstance(body_of_text(json.dumps({**CHAT, "stream": True, "stream_options": {}, "store": False})), Body)


def test_names_of_a_hostile_client_are_bounded() -> None:
    found = other_settings({f"x{place}" + "y" * 10_000: 1 for place in range(100)}) or ""
    assert len(found) <= MOST_NAMES * (SETTING_NAME_CHARACTERS + 2)
    assert "\x1b" not in (other_settings({"\x1b[2J": 1}) or "")
    nested: dict[str, Any] = {"seed": 1}
    for _ in range(50):
        nested = {"extra_body": nested}
    assert other_settings(nested) == "extra_body"  # too deep to be read is unknown, and not harmless


def _put(record: Any, name: str, values: dict[str, Any]) -> bool:
    """Add values to the first object under a name, at any depth, also in JSON text; whether there was one."""
    for key, value in record.items() if isinstance(record, dict) else enumerate(record):
        inner = value
        if isinstance(value, str) and value[:1] in ("{", "["):
            inner = json.loads(value)
        if key == name and isinstance(inner, dict) and "headers" not in inner:
            inner.update(values)
        elif not isinstance(inner, dict | list) or not _put(inner, name, values):
            continue
        record[key] = json.dumps(inner) if isinstance(value, str) else inner
        return True
    return False


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("litellm-callback", "model_parameters"),
        ("litellm-spendlogs", "proxy_server_request"),
        ("langfuse-ingestion", "modelParameters"),
        ("langfuse", "model_parameters"),
        ("helicone", "request_body"),
        ("bedrock", "inputBodyJson"),
        ("vertex", "full_request"),
        ("kong", "request"),
        ("cloudflare", "request"),
        ("portkey", "request"),
        ("batch", "body"),
        ("nginx", "request_body"),
        ("bodies", "request"),
    ],
)
def test_a_seed_is_seen_in_each_kind_of_log(tmp_path: Path, source: str, name: str) -> None:
    records = copy.deepcopy(list(FIXTURES[source].records))
    assert [_put(one, name, {"seed": 31}) for one in records].count(True) >= 1, records
    assert "seed" in _settings_of(tmp_path / "log.jsonl", "".join(json.dumps(one) + "\n" for one in records))


def _settings_of(path: Path, text: str, **mapping: str) -> set[str]:
    path.write_text(text, encoding="utf-8")
    return _names_of(path, mapping)


def _names_of(logs: Any, mapping: dict[str, str]) -> set[str]:
    with reading(logs, None, Config(threads=1), mapping=mapping or None) as (batches, _):
        rows = [one for table in batches for one in table["other_settings"].to_pylist()]
    assert rows
    return {name for one in rows if one for name in one.split(", ")}


def _otlp(*attributes: tuple[str, dict[str, Any]]) -> str:
    given = [("gen_ai.operation.name", {"stringValue": "chat"}), ("gen_ai.request.model", {"stringValue": "m"})]
    span = {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "name": "chat m",
        "startTimeUnixNano": "1772323200000000000",
        "endTimeUnixNano": "1772323201000000000",
        "attributes": [{"key": key, "value": value} for key, value in (*given, *attributes)],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}) + "\n"


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("gen_ai.request.seed", {"intValue": "31"}, "seed"),
        ("gen_ai.request.stop_sequences", {"arrayValue": {"values": [{"stringValue": "x"}]}}, "stop_sequences"),
        ("gen_ai.request.frequency_penalty", {"doubleValue": 0.1}, "frequency_penalty"),
        ("gen_ai.request.choice.count", {"intValue": "2"}, "n"),
        ("llm.invocation_parameters", {"stringValue": '{"seed": 31, "temperature": 1}'}, "seed"),
        ("llm.top_k", {"intValue": "4"}, "top_k"),
        ("input.value", {"stringValue": json.dumps({**CHAT, "seed": 31})}, "seed"),
        ("gen_ai.request.choice.count", {"intValue": "1"}, None),
        ("gen_ai.request.temperature", {"doubleValue": 0.1}, None),
        ("gen_ai.request.presence_penalty", {"doubleValue": 0.0}, None),
    ],
)
def test_attributes_of_spans_are_looked_at(tmp_path: Path, key: str, value: dict[str, Any], name: str | None) -> None:
    found = _settings_of(tmp_path / "t.jsonl", _otlp((key, value)))
    assert found == ({name} if name else set())


def _row(**more: Any) -> dict[str, Any]:
    who = {"request_id": "r", "timestamp": "2026-03-01T12:00:00Z", "account_id": "a", "model": "m"}
    return {**who, "prompt": "why", "temperature": 1.0, **more}


def test_tables_with_our_columns_may_have_columns_of_settings(tmp_path: Path) -> None:
    line = json.dumps(_row(seed=31, n=1, stop=[], region="eu")) + "\n"
    assert _settings_of(tmp_path / "a.jsonl", line) == {"seed"}
    line = json.dumps(_row(temperature=None, params={"temperature": 1.0, "seed": 31, "top_k": None})) + "\n"
    assert _settings_of(tmp_path / "b.jsonl", line, temperature="params.temperature") == {"seed"}
    table = pa.Table.from_pylist([_row(seed=31, frequency_penalty=0.0, top_k=None, stop=["x"])])
    pq.write_table(table, tmp_path / "c.parquet")
    assert _names_of(tmp_path / "c.parquet", {}) == {"seed", "stop"}
    assert _names_of(table, {}) == {"seed", "stop"}
    pa_csv.write_csv(pa.Table.from_pylist([_row(seed=31, n=1, presence_penalty=0.0)]), tmp_path / "d.csv")
    assert _names_of(tmp_path / "d.csv", {}) == {"seed"}
