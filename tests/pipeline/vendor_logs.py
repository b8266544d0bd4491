"""A seeded world as the logs of real gateways would hold it: what each of them does not carry is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
ANSWER = "Here is what you asked for."


def messages_of(row: Row) -> list[Row]:
    """Chat messages of a call, with the history that a client sends again."""
    told = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
    for turn in range(row["turn"] or 0):
        told += [{"role": "user", "content": f"Question {turn}"}, {"role": "assistant", "content": ANSWER}]
    return [*told, {"role": "user", "content": row["prompt"]}]


def options_of(row: Row) -> Row:
    """Parameters of a call that are not left to their defaults."""
    return {name: row[name] for name in ("temperature", "top_p", "max_tokens") if row[name] is not None}


def litellm(row: Row) -> Row:
    """A payload of LiteLLM's callback; the edge in front of it hides the client's address."""
    failed = row["status"] not in (None, 200)
    key = hashlib.sha256(row["account_id"].encode()).hexdigest()
    return {
        "id": f"chatcmpl-{row['request_id']}",
        "litellm_call_id": f"call-{row['request_id']}",
        "call_type": "acompletion",
        "status": "failure" if failed else "success",
        "startTime": row["timestamp"].timestamp(),
        "model": f"openai/{row['model']}",
        "model_group": row["model"],
        "custom_llm_provider": "openai",
        "metadata": {
            "user_api_key_hash": key,
            "user_api_key_user_id": row["account_id"],
            "user_api_key_org_id": row["organization_id"],
            "requester_metadata": {
                "session_id": row["conversation_id"],
                "headers": {"x-request-id": f"edge-{row['request_id']}"},
            },
        },
        "requester_ip_address": "",
        "model_parameters": options_of(row),
        "messages": messages_of(row),
        "prompt_tokens": 0 if failed else row["input_tokens"],
        "completion_tokens": 0 if failed else row["output_tokens"],
        "response": None if failed else {"choices": [{"message": {"role": "assistant", "content": ANSWER}}]},
        "error_information": {"error_code": str(row["status"])} if failed else None,
    }


def nginx(row: Row) -> Row:
    """A line of the edge's access log, which knows addresses and clients, and no account."""
    return {
        "time": row["timestamp"].astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "request_id": f"edge-{row['request_id']}",
        "remote_addr": row["client_ip"],
        "request": "POST /v1/chat/completions HTTP/1.1",
        "status": str(row["status"] or 200),
        "http_user_agent": row["user_agent"],
        "ssl_ja4": row["tls_fingerprint"],
    }


def otlp(row: Row) -> Row:
    """An export of one span, in the current conventions for generative models."""
    told: Row = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": row["model"],
        "gen_ai.conversation.id": row["conversation_id"],
        "user.id": row["account_id"],
        "client.address": row["client_ip"],
        "user_agent.original": row["user_agent"],
        "gen_ai.input.messages": json.dumps(
            [{"role": m["role"], "parts": [{"type": "text", "content": m["content"]}]} for m in messages_of(row)]
        ),
    }
    told |= {f"gen_ai.request.{name}": value for name, value in options_of(row).items()}
    told |= {"gen_ai.usage.input_tokens": row["input_tokens"], "gen_ai.usage.output_tokens": row["output_tokens"]}
    told["http.response.status_code"] = row["status"]
    name = hashlib.sha256(row["request_id"].encode()).hexdigest()
    start = int((row["timestamp"] - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000) * 1_000
    span = {
        "traceId": name[:32],
        "spanId": name[32:48],
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 10**9),
        "attributes": [{"key": key, "value": _value(value)} for key, value in told.items() if value is not None],
    }
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}


def _value(value: Any) -> Row:
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def write_log(requests: pa.Table, shape: Callable[[Row], Row], path: Path) -> Path:
    """The world's requests as such a log, one record a line.

    Args:
        requests: REQUESTS as a world has them, addresses in plain text.
        shape: one request -> one record.
        path: the file.
    """
    with path.open("w", encoding="utf-8") as file:
        for row in _rows(requests):
            file.write(json.dumps(shape(row)) + "\n")
    return path


def _rows(requests: pa.Table) -> Iterable[Row]:
    for batch in requests.to_batches(max_chunksize=4_096):
        yield from batch.to_pylist()
