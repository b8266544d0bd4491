"""OTLP export requests of invented calls, as JSON and as protobuf written by a plain encoder."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

START = 1_790_000_000_000_000_000


def any_value(value: Any) -> dict[str, Any]:
    """A value as OTLP JSON writes it."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(part) for part in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": value}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON writes them."""
    return [{"key": name, "value": any_value(value)} for name, value in attributes.items()]


def span(
    number: int, attributes: dict[str, Any], *, parent: int = 0, name: str = "chat", trace: int = 0, lasts: int = 5
) -> dict[str, Any]:
    """One span; its ids are made of numbers, it begins at that second and lasts some nanoseconds."""
    made = {
        "traceId": f"{0xAB00 + (trace or number):032x}",
        "spanId": f"{0xCD00 + number:016x}",
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(START + number * 10**9),
        "endTimeUnixNano": str(START + number * 10**9 + lasts),
        "attributes": pairs(attributes),
        "status": {},
    }
    if parent:
        made["parentSpanId"] = f"{0xCD00 + parent:016x}"
    return made


def event(
    number: int, name: str, body: Any, at: int = 0, *, attributes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One log record of the span of that number."""
    made: dict[str, Any] = {
        "observedTimeUnixNano": str(START + number * 10**9 + at),
        "eventName": name,
        "attributes": pairs(attributes or {"gen_ai.system": "openai"}),
        "traceId": f"{0xAB00 + number:032x}",
        "spanId": f"{0xCD00 + number:016x}",
    }
    return made if body is None else made | {"body": any_value(body)}


def export(entries: list[dict[str, Any]], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    """An export request that holds these spans, or these log records."""
    logs = bool(entries) and "eventName" in entries[0]
    inner = {"scope": {"name": "tests"}, "logRecords" if logs else "spans": entries}
    outer = {"resource": {"attributes": pairs(resource or {})}, "scopeLogs" if logs else "scopeSpans": [inner]}
    return {"resourceLogs" if logs else "resourceSpans": [outer]}


def write_json(path: Path, requests: list[dict[str, Any]]) -> Path:
    """One export request a line."""
    path.write_text("".join(json.dumps(request) + "\n" for request in requests), encoding="utf-8")
    return path


def write_protobuf(path: Path, requests: list[dict[str, Any]]) -> Path:
    """All export requests, one after the other."""
    path.write_bytes(b"".join(_request(request) for request in requests))
    return path


def varint(value: int) -> bytes:
    made = b""
    value %= 1 << 64
    while value > 127:
        made += bytes([value & 127 | 128])
        value >>= 7
    return made + bytes([value])


def block(number: int, content: bytes | str) -> bytes:
    """A length-delimited field."""
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def fixed(number: int, value: Any) -> bytes:
    """A field of eight bytes."""
    return varint(number << 3 | 1) + struct.pack("<Q", int(value))


def _request(request: dict[str, Any]) -> bytes:
    logs = "resourceLogs" in request
    made = b""
    for group in request["resourceLogs" if logs else "resourceSpans"]:
        content = block(1, _attributes(1, group["resource"]["attributes"]))
        for part in group["scopeLogs" if logs else "scopeSpans"]:
            members = b"".join(
                block(2, _log(one) if logs else _span(one)) for one in part["logRecords" if logs else "spans"]
            )
            content += block(2, block(1, block(1, part["scope"]["name"])) + members)
        made += block(1, content)
    return made


def _span(one: dict[str, Any]) -> bytes:
    made = block(1, bytes.fromhex(one["traceId"])) + block(2, bytes.fromhex(one["spanId"]))
    if "parentSpanId" in one:
        made += block(4, bytes.fromhex(one["parentSpanId"]))
    made += block(5, one["name"]) + varint(6 << 3) + varint(one["kind"])
    made += fixed(7, one["startTimeUnixNano"]) + fixed(8, one["endTimeUnixNano"]) + _attributes(9, one["attributes"])
    for told in one.get("events", ()):
        made += block(11, block(2, told["name"]) + _attributes(3, told["attributes"]))
    return made


def _log(one: dict[str, Any]) -> bytes:
    made = block(5, _value(one["body"])) if "body" in one else b""
    made += _attributes(6, one["attributes"]) + block(9, bytes.fromhex(one["traceId"]))
    made += block(10, bytes.fromhex(one["spanId"])) + fixed(11, one["observedTimeUnixNano"])
    return made + block(12, one["eventName"])


def _attributes(number: int, attributes: list[dict[str, Any]]) -> bytes:
    return b"".join(block(number, block(1, pair["key"]) + block(2, _value(pair["value"]))) for pair in attributes)


def _value(value: dict[str, Any]) -> bytes:
    ((kind, inner),) = value.items()
    if kind == "stringValue":
        return block(1, inner)
    if kind == "boolValue":
        return varint(2 << 3) + varint(int(inner))
    if kind == "intValue":
        return varint(3 << 3) + varint(int(inner))
    if kind == "doubleValue":
        return varint(4 << 3 | 1) + struct.pack("<d", inner)
    if kind == "arrayValue":
        return block(5, b"".join(block(1, _value(part)) for part in inner["values"]))
    return block(6, _attributes(1, inner["values"]))
