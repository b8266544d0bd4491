"""Envoy access logs in JSON, with the field names that the Envoy AI Gateway's documentation uses.

Source: aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs (2026), envoyproxy.io access log operators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stillhunt.collect.sources.addresses import CLIENT_ADDRESS, client_address
from stillhunt.collect.sources.bodies import first, number
from stillhunt.collect.sources.nested import text
from stillhunt.collect.sources.nginx import NO_CALL, agent, named
from stillhunt.collect.sources.source import BrokenRecordError, PassedOverError, Row, Sample, Source

_FIELDS = frozenset(
    (
        "response_flags",
        "response_code_details",
        "upstream_host",
        "upstream_cluster",
        "downstream_remote_address",
        "x-envoy-origin-path",
        "x-envoy-upstream-service-time",
        "connection_termination_details",
        "route_name",
        "gen_ai.request.model",
    )
)


def _rows(record: Mapping[str, Any]) -> Iterator[Row]:
    method = first(record, "method", ":method")
    if isinstance(method, str) and method.upper() not in ("POST", "-"):
        raise PassedOverError(NO_CALL)
    began = agent(first(record, "start_time", "timestamp"))
    if began is None:
        raise BrokenRecordError("no time in it (start_time)")
    address = _address(record)
    status = number(first(record, "response_code", "status"))
    request = agent(text(first(record, "x-request-id", "request_id")))
    yield {
        "request_id": request,
        "timestamp": began,
        "account_id": agent(text(first(record, "x-account", "x-account-id", "x-user-id", "x-tenant-id"))),
        "account_fallback": address,
        "model": agent(text(first(record, "gen_ai.request.model", "gen_ai.response.model", "x-ai-eg-model"))),
        "client_ip": address,
        "user_agent": agent(text(first(record, "user-agent", "user_agent"))),
        "conversation_id": agent(text(first(record, "session.id", "x-session-id", "gen_ai.conversation.id"))),
        "tls_fingerprint": agent(text(first(record, "tls_ja4", "ja4", "tls_ja3", "ja3"))),
        "input_tokens": number(first(record, "gen_ai.usage.input_tokens")),
        "output_tokens": number(first(record, "gen_ai.usage.output_tokens")),
        "status": status or None,  # 0: the client left before any answer
        "links": named(edge=request),
    }


def _address(record: Mapping[str, Any]) -> str | None:
    """The client, by what proxies before this one told and by the connection's other end."""
    peer = first(record, "downstream_remote_address", "downstream_direct_remote_address")
    return client_address(record.get("x-forwarded-for"), peer)


def _is_envoy(sample: Sample) -> bool:
    return len(sample.names & _FIELDS) > 1 and not sample.names.isdisjoint(("start_time", "timestamp"))


SOURCES = (
    Source(
        "envoy",
        "Envoy access log, JSON",
        _is_envoy,
        {
            "request_id": "x-request-id",
            "timestamp": "start_time",
            "account_id": "x-account or another header that names it; the client's address where none does",
            "model": "gen_ai.request.model",
            "client_ip": f"x-forwarded-for, downstream_remote_address: {CLIENT_ADDRESS}",
            "user_agent": "user-agent",
            "conversation_id": "session.id",
            "tls_fingerprint": "tls_ja4, tls_ja3 (%TLS_JA4_FINGERPRINT%)",
            "input_tokens": "gen_ai.usage.input_tokens",
            "output_tokens": "gen_ai.usage.output_tokens",
            "status": "response_code",
        },
        rows=_rows,
        links=("edge",),
        role="edge",
        notes=(
            "It carries no text; give it beside the gateway's own log or its traces, which it completes.",
            "Token fields are null for streams.",
        ),
        switch_on="accessLog with a JSON format; keys named as in the AI Gateway's documentation",
        versions="Envoy 1.40.0",
    ),
)
