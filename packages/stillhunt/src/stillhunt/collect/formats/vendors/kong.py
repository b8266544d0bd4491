"""Kong's log of proxied requests with the fields of its AI plugins, as written before and since AI Gateway 2.0.

Source: developer.konghq.com/ai-gateway/ai-audit-log-reference and .../policies/http-log (2026).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stillhunt.collect.formats.shared.bodies import add_answer, answer_of_body, call_of_body
from stillhunt.collect.formats.shared.http import client_address, header
from stillhunt.collect.formats.source import PassedOverError, Row, call_links, load_source
from stillhunt.collect.values.json_values import at, first, number, text

NO_AI_CALL = "a proxied request that is not a model call"


def _iterate_kong_rows(record: Mapping[str, Any]) -> Iterator[Row]:
    ai = record.get("ai")
    if not isinstance(ai, dict) or not ai:
        raise PassedOverError(NO_AI_CALL)
    plugins = [inner for name, inner in sorted(ai.items()) if name != "payload" and isinstance(inner, dict)]
    asked = call_of_body(_first_at([ai, *plugins], "payload.request"))
    answered = answer_of_body(_first_at([*plugins, ai], "payload.response"))
    used = [part.get("usage") for part in plugins]
    read, written = (
        next((found for one in used if (found := number(first(one, *names))) is not None), None)
        for names in (("prompt_tokens", "prompt_token"), ("completion_tokens", "completion_token"))
    )
    consumer = record.get("consumer")
    headers = at(record, "request.headers")
    address = client_address(header(headers, "x-forwarded-for"), text(first(record, "client_ip")))
    address = address or header(headers, "x-real-ip")
    name = text(at(record, "request.id")) or header(headers, "x-request-id", "x-kong-request-id")
    row = asked | {
        "request_id": name,
        "timestamp": first(record, "started_at"),
        "account_id": text(first(consumer, "custom_id", "username", "id"))
        or text(at(record, "authenticated_entity.consumer_id")),
        "account_fallback": address,
        "api_key_id": text(at(record, "authenticated_entity.id")),
        "model": asked.get("model") or text(_first_at(plugins, "meta.request_model")),
        "conversation_id": asked.get("conversation_id") or header(headers, "x-session-id"),
        "client_ip": address,
        "user_agent": header(headers, "user-agent"),
        "status": number(at(record, "response.status")),
        "links": call_links(edge=name),
    }
    yield add_answer(row, answered, read, written)


def _first_at(parts: Sequence[Mapping[str, Any]], path: str) -> Any:
    """Value at a path in the first part that has one."""
    return next((found for part in parts if (found := at(part, path)) not in (None, "")), None)


SOURCES = (load_source("kong", rows=_iterate_kong_rows),)
