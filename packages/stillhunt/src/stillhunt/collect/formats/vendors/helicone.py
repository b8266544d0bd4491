"""Helicone: rows of its table `request_response_rmt`, and its export, which prefixes some names with `request_`.

Source: Helicone/helicone clickhouse/migrations (2025) and docs.helicone.ai/rest/request (2026).
"""

from collections.abc import Mapping
from typing import Any

from stillhunt.collect.formats.shared.bodies import add_answer, answer_of_body, call_of_body
from stillhunt.collect.formats.shared.traced import account_in, session_in
from stillhunt.collect.formats.source import Row, load_source
from stillhunt.collect.values.json_values import first_of, mapping, number, text

_KEYS = ("proxy_key_id", "helicone_proxy_key_id", "auth_hash")


def _convert_helicone_record(record: Mapping[str, Any]) -> list[Row]:
    get, row = record.get, call_of_body(record.get("request_body"))
    properties = mapping(first_of(get, "properties", "request_properties"))
    user, key = text(first_of(get, "user_id", "request_user_id")), text(first_of(get, *_KEYS))
    account = account_in(properties) or user or key
    row["request_id"] = text(first_of(get, "request_id", "id"))
    row["timestamp"] = get("request_created_at")
    row["account_id"] = account
    row["account_fallback"] = text(get("organization_id"))
    row["api_key_id"] = key
    row["model"] = row.get("model") or text(first_of(get, "request_model", "model", "response_model"))
    row["conversation_id"] = (
        text(properties.get("Helicone-Session-Id")) or session_in(properties) or row.get("conversation_id")
    )
    row["end_user_id"] = row.get("end_user_id") or (user if user != account else None)
    row["country"] = text(get("country_code"))
    row["status"] = _read_http_status(first_of(get, "status", "response_status"))
    answered = answer_of_body(get("response_body"))
    return [add_answer(row, answered, number(get("prompt_tokens")), number(get("completion_tokens")))]


def _read_http_status(value: Any) -> Any:
    """HTTP status; None for Helicone's negative numbers, which mean that a call was cancelled or never answered."""
    found = number(value)
    return found if found is not None and found > 0 else None


SOURCES = (load_source("helicone", rows=_convert_helicone_record),)
