"""Helicone: rows of its table `request_response_rmt`, and of its export, which prefixes some names with `request_`.

Source: Helicone/helicone clickhouse/migrations (2025) and docs.helicone.ai/rest/request (2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stillhunt.collect.sources.bodies import answer_of_body, call_of_body, first, number
from stillhunt.collect.sources.nested import account_in, mapping, session_in, text
from stillhunt.collect.sources.source import Row, Sample, Source

_KEYS = ("proxy_key_id", "helicone_proxy_key_id", "auth_hash")


def _rows(record: Mapping[str, Any]) -> Iterator[Row]:
    told = call_of_body(record.get("request_body"))
    answered = answer_of_body(record.get("response_body")) if record.get("response_body") is not None else {}
    properties = mapping(first(record, "properties", "request_properties"))
    user, key = text(first(record, "user_id", "request_user_id")), text(first(record, *_KEYS))
    account = account_in(properties) or user or key
    country = text(record.get("country_code"))
    yield told | {
        "request_id": text(first(record, "request_id", "id")),
        "timestamp": first(record, "request_created_at"),
        "account_id": account,
        "account_fallback": text(record.get("organization_id")),
        "api_key_id": key,
        "model": told.get("model") or text(first(record, "request_model", "model", "response_model")),
        "conversation_id": text(properties.get("Helicone-Session-Id"))
        or session_in(properties)
        or told.get("conversation_id"),
        "end_user_id": told.get("end_user_id") or (user if user != account else None),
        "country": country,
        "status": _status(first(record, "status", "response_status")),
        "response": answered.get("response"),
        "input_tokens": _known(record, answered, "prompt_tokens", "input_tokens"),
        "output_tokens": _known(record, answered, "completion_tokens", "output_tokens"),
        "links": answered.get("links", []),
    }


def _status(value: Any) -> Any:
    """HTTP status; Helicone writes negative numbers for calls that were cancelled or never answered."""
    found = number(value)
    return found if found is not None and found > 0 else None


def _known(record: Mapping[str, Any], answered: Row, theirs: str, ours: str) -> Any:
    value = number(record.get(theirs))
    return answered.get(ours) if value is None else value


def _is_helicone(sample: Sample) -> bool:
    return sample.holds("request_created_at") and not sample.names.isdisjoint(
        ("request_body", "response_id", "proxy_key_id", "request_user_id", "target_url")
    )


_BODY = dict.fromkeys(("prompt", "system_prompt", "tools", "temperature", "top_p", "max_tokens"), "request_body")
SOURCES = (
    Source(
        "helicone",
        "Helicone requests",
        _is_helicone,
        {
            "request_id": "request_id",
            "timestamp": "request_created_at",
            "account_id": "account or the like in properties; else user_id, proxy_key_id, organization_id",
            "api_key_id": "proxy_key_id",
            "model": "request_body.model; else request_model, model",
            "conversation_id": "properties.Helicone-Session-Id; else request_body",
            "end_user_id": "request_body.user",
            "country": "country_code",
            **_BODY,
            "response": "response_body",
            "input_tokens": "prompt_tokens",
            "output_tokens": "completion_tokens",
            "status": "status",
        },
        rows=_rows,
        links=("response",),
        notes=("It knows the client's country, not its address.", "Bodies are deleted after three months."),
        switch_on="SELECT * FROM request_response_rmt FORMAT JSONEachRow or Parquet; or its export",
        versions="records after the schema of 2025",
        framings=frozenset({"json", "parquet", "csv"}),
    ),
)
