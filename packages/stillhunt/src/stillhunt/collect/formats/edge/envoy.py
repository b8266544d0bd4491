"""Envoy access logs in JSON, with the field names of the Envoy AI Gateway's documentation.

Source: aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs (2026), envoyproxy.io access log operators.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stillhunt.collect.formats.shared.http import NOT_A_POST, client_address, user_agent
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Row, Sample, call_links, load_source
from stillhunt.collect.values.json_values import first, first_of, number, text

_FIELDS = frozenset(
    (
        *("response_flags", "response_code_details", "upstream_host", "upstream_cluster", "downstream_remote_address"),
        *("x-envoy-origin-path", "x-envoy-upstream-service-time", "connection_termination_details"),
        *("route_name", "gen_ai.request.model"),
    )
)


def _convert_envoy_record(record: Mapping[str, Any]) -> list[Row]:
    get = record.get
    method = get("method") or first(record, "method", ":method")
    if method != "POST" and isinstance(method, str) and method.upper() not in ("POST", "-"):
        raise PassedOverError(NOT_A_POST)
    began = user_agent(first_of(get, "start_time", "timestamp"))
    if began is None:
        raise BrokenRecordError("it has no time (start_time)")
    connection = first_of(get, "downstream_remote_address", "downstream_direct_remote_address")
    address = client_address(get("x-forwarded-for"), connection)
    status = number(first_of(get, "response_code", "status"))
    request = _text_of(get, "x-request-id", "request_id")
    return [
        {
            "request_id": request,
            "timestamp": began,
            "account_id": _text_of(get, "x-account", "x-account-id", "x-user-id", "x-tenant-id"),
            "account_fallback": address,
            "model": _text_of(get, "gen_ai.request.model", "gen_ai.response.model", "x-ai-eg-model"),
            "client_ip": address,
            "user_agent": _text_of(get, "user-agent", "user_agent"),
            "conversation_id": _text_of(get, "session.id", "x-session-id", "gen_ai.conversation.id"),
            "tls_fingerprint": _text_of(get, "tls_ja4", "ja4", "tls_ja3", "ja3"),
            "input_tokens": number(get("gen_ai.usage.input_tokens")),
            "output_tokens": number(get("gen_ai.usage.output_tokens")),
            "status": status or None,  # 0: the client left before any answer
            "links": call_links(edge=request),
        }
    ]


def _text_of(get: Callable[[str], Any], *names: str) -> str | None:
    """The first of these fields that is present, as text; Envoy writes a dash when a value is missing."""
    for name in names:
        value = get(name)
        if value is not None and value != "":
            found = value if isinstance(value, str) else text(value)
            return None if found == "-" else found
    return None


def _is_envoy(sample: Sample) -> bool:
    return len(sample.names & _FIELDS) > 1 and not sample.names.isdisjoint(("start_time", "timestamp"))


SOURCES = (load_source("envoy", _is_envoy, rows=_convert_envoy_record),)
