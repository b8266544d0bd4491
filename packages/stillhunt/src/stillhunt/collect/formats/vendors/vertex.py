"""Vertex AI request-response logs, exported from BigQuery.

Source: cloud.google.com/vertex-ai/generative-ai/docs/multimodal/request-response-logging (2026), and the columns as
elastic/beats lists them (x-pack/metricbeat/module/gcp/vertexai_logs).
"""

import re
from collections.abc import Mapping
from typing import Any

from stillhunt.collect.formats.shared.bodies import add_answer, answer_of_body
from stillhunt.collect.formats.shared.traced import account_in, asked_in, session_in, user_in
from stillhunt.collect.formats.source import Row, load_source
from stillhunt.collect.values.json_values import as_json, decoded, first, first_of, is_list, items, text

_PROJECT = re.compile(r"projects/([^/]+)")


def _convert_vertex_record(record: Mapping[str, Any]) -> list[Row]:
    get = record.get
    asked = decoded(_join_payload_pieces(first_of(get, "full_request", "request_payload")))
    answered = decoded(_join_payload_pieces(first_of(get, "full_response", "response_payload")))
    body = asked if isinstance(asked, dict) else {}
    row = _convert_vertex_body(body)
    tags = (body.get("labels"), get("metadata"))
    account, user = account_in(*tags), user_in(*tags)
    project = _PROJECT.search(str(get("endpoint") or get("model") or ""))
    name = text(first_of(get, "model", "deployed_model_id")) or row.get("model")
    row["request_id"] = _format_numeric_id(get("request_id"))
    row["timestamp"] = get("logging_time")
    row["account_id"] = account or user
    row["account_fallback"] = project[1] if project else None
    row["model"] = name.rsplit("/", 1)[-1] if name else None
    row["conversation_id"] = session_in(*tags) or row.get("conversation_id")
    row["end_user_id"] = row.get("end_user_id") or (user if account else None)
    return [add_answer(row, answer_of_body(answered))]


def _convert_vertex_body(body: Mapping[str, Any]) -> Row:
    """Columns from a body of generateContent, of rawPredict (Anthropic's API), or of predict with its instances."""
    instances = items(body.get("instances"))
    if instances and not is_list(body.get("contents")):
        texts = [text(first(part, "content", "prompt", "text")) for part in instances]
        given = [part for part in texts if part]
        return {"prompt": given[0] if len(given) == 1 else as_json(given)}
    return asked_in(body) if body else {}


def _join_payload_pieces(value: Any) -> Any:
    """A payload: older columns hold a list of pieces of JSON text, which are joined; newer ones an object or text."""
    if is_list(value) and value and all(isinstance(part, str) for part in value):
        pieces = [decoded(piece) for piece in value]
        if len(pieces) == 1:
            return pieces[0]
        return "".join(value) if any(isinstance(piece, str) for piece in pieces) else pieces
    return value


def _format_numeric_id(value: Any) -> str | None:
    """A NUMERIC of up to 38 digits, which exporters write as text, as an integer or as a decimal."""
    if value is None or isinstance(value, bool):
        return None
    found = str(value)
    return found.removesuffix(".0") or None


SOURCES = (load_source("vertex", rows=_convert_vertex_record),)
