"""Exports of hosted routers: Portkey's logs (JSON lines), and OpenRouter's activity (CSV, one row a call, no texts).

Source: portkey.ai/docs/product/observability/logs-export (2025 and 2026), with the times that code which reads such
exports meets; openrouter.ai/docs/guides/guides/activity-export, and the header of an export of 2026.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from stillhunt.collect.formats.shared.bodies import add_answer, answer_of_body, call_of_body
from stillhunt.collect.formats.shared.traced import account_in, session_in, user_in
from stillhunt.collect.formats.source import Row, call_links, load_source
from stillhunt.collect.values.json_values import decoded, first_of, mapping, number, text


def _convert_portkey_record(record: Mapping[str, Any]) -> list[Row]:
    get = record.get
    row = call_of_body(_body_of(first_of(get, "request", "request.body")))
    answered = answer_of_body(_body_of(first_of(get, "response", "response.body")))
    tags = mapping(get("metadata"))
    account, user = account_in(tags), user_in(tags)
    row["request_id"] = text(first_of(get, "id", "trace_id"))
    row["timestamp"] = _read_export_time(get("created_at"))
    row["account_id"] = account or user
    row["account_fallback"] = text(get("virtual_key"))
    row["model"] = row.get("model") or text(get("ai_model"))
    row["conversation_id"] = session_in(tags) or row.get("conversation_id")
    row["end_user_id"] = row.get("end_user_id") or (user if account else None)
    row["status"] = number(get("response_status_code"))
    return [add_answer(row, answered, number(get("req_units")), number(get("res_units")))]


def _body_of(value: Any) -> Any:
    """The body of a request or an answer, which may stand in an object with its headers."""
    inner = decoded(value)
    return inner["body"] if isinstance(inner, dict) and "body" in inner else value


def _read_export_time(value: Any) -> Any:
    """A time; those that JavaScript printed ("Sat Jan 17 2026 09:22:04 GMT+0000 (...)") as ISO 8601."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.strptime(value.partition(" (")[0], "%a %b %d %Y %H:%M:%S GMT%z").isoformat()
    return value


def _convert_generation(record: Mapping[str, Any]) -> list[Row]:
    get = record.get
    name, key = text(get("generation_id")), text(get("api_key_name"))
    who = {"account_id": text(get("user")) or key, "account_fallback": text(get("app_name")), "api_key_id": key}
    row = Row(request_id=name, timestamp=get("created_at"), model=text(get("model_permaslug")), **who)
    answered = {"links": call_links(response=name)}
    return [add_answer(row, answered, number(get("tokens_prompt")), number(get("tokens_completion")))]


SOURCES = (load_source("portkey", rows=_convert_portkey_record), load_source("openrouter", rows=_convert_generation))
