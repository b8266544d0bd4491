"""Logs of one's own that keep the bodies of a model API: {request, response, ...}, or the body with id and time beside.

The last source asked: what it knows is the shape of the bodies, and common names for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from stillhunt.collect.formats.bodies.answers import answer_of_body
from stillhunt.collect.formats.bodies.bodies import ASKED, call_of_body, decoded, first, first_of, number
from stillhunt.collect.formats.bodies.plain_bodies import Answer, Body, answer_of_text, body_of_text
from stillhunt.collect.formats.edge.nginx import agent, named
from stillhunt.collect.formats.shared.addresses import CLIENT_ADDRESS, client_address
from stillhunt.collect.formats.shared.nested import account_in, at, header_in, lowered, session_in, text, user_in
from stillhunt.collect.formats.source import BrokenRecordError, Row, Sample, Source
from stillhunt.collect.values.fields import REQUIRED_REQUEST_FIELDS

_REQUESTS = ("request_body", "requestBody", "request", "body", "payload", "req")
_ANSWERS = ("response_body", "responseBody", "response", "answer", "res")
_TIMES = ("timestamp", "time", "@timestamp", "ts", "created_at", "createdAt", "start_time", "startTime", "started_at")
_IDS = ("request_id", "requestId", "id", "call_id", "event_id", "x-request-id")
_ACCOUNTS = ("account_id", "account", "customer_id", "tenant_id", "user_id", "userId", "api_key_id", "key_id")
_ADDRESSES = ("client_ip", "clientIp", "ip", "remote_addr", "ip_address", "remote_ip", "client_address")
_AGENTS = ("user_agent", "userAgent", "user-agent", "http_user_agent")
_Nothing = Literal["\0"]
"""Type of a field that must not be there, null included."""
_BESIDE = (
    *_TIMES,
    *_IDS,
    *_ACCOUNTS,
    *_ADDRESSES,
    *_AGENTS,
    *("headers", "request_headers", "session_id", "conversation_id", "thread_id", "model", "model_name"),
    *("status_code", "status", "statusCode", "metadata"),
)
_PlainRecord = TypedDict(  # type: ignore[misc]  # its names are those above
    "_PlainRecord",
    dict.fromkeys(_BESIDE, Any)
    | dict.fromkeys(_REQUESTS, Body | str | None)
    | dict.fromkeys(_ANSWERS, Answer | str | None)
    | dict.fromkeys(ASKED, _Nothing),
    total=False,
)


def _body(record: Mapping[str, Any]) -> Mapping[str, Any] | Body | None:
    """The request body: in a field of the record, in `body` of that, or the record itself."""
    for name in _REQUESTS:
        found = record.get(name)
        if found is None:
            continue
        if isinstance(found, str):
            found = body_of_text(found) or decoded(found)
        if isinstance(found, Body):
            return found
        if isinstance(found, dict):
            if not ASKED.isdisjoint(found):
                return found
            inner = decoded(first_of(found.get, "body", "json", "data"))
            if isinstance(inner, dict) and not ASKED.isdisjoint(inner):
                return inner
    return record if "model" in record and not ASKED.isdisjoint(record) else None


def _rows(record: Mapping[str, Any]) -> list[Row]:
    body = _body(record)
    if body is None:
        raise BrokenRecordError("no request body of a model API in it")
    get, row = record.get, call_of_body(body)
    answer = first_of(get, *_ANSWERS)
    if isinstance(answer, str):
        answer = answer_of_text(answer) or decoded(answer)
    inner = first(answer, "body", "json", "data")
    answer = inner if inner is not None else answer
    answered = {} if answer is None else answer_of_body(answer)
    tags = (get("metadata"), body.metadata if isinstance(body, Body) else body.get("metadata"))
    headers = lowered(get("headers") or get("request_headers") or at(record, "request.headers"))
    peer, forwarded = text(first_of(get, *_ADDRESSES)), header_in(headers, "x-forwarded-for")
    # X-Real-IP is one word that any client may write: it counts where nothing else tells the address.
    address = client_address(peer if peer and "," in peer else forwarded, peer) or header_in(headers, "x-real-ip")
    name = text(first_of(get, *_IDS)) if body is not record else text(first_of(get, "request_id", "requestId", "id"))
    account = text(first_of(get, *_ACCOUNTS)) or account_in(*tags)
    row["request_id"] = name
    row["timestamp"] = first_of(get, *_TIMES) or (
        answer.created if isinstance(answer, Answer) else first(decoded(answer), "created", "created_at")
    )
    row["account_id"] = account or user_in(*tags) or row.get("end_user_id")
    row["account_fallback"] = address
    row["model"] = row.get("model") or text(first_of(get, "model", "model_name"))
    row["conversation_id"] = (
        text(first_of(get, "session_id", "conversation_id", "thread_id"))
        or row.get("conversation_id")
        or session_in(*tags)
    )
    row["end_user_id"] = row.get("end_user_id") if account else None
    row["client_ip"] = address
    row["user_agent"] = agent(text(first_of(get, *_AGENTS)) or header_in(headers, "user-agent"))
    row["status"] = number(first_of(get, "status_code", "status", "statusCode")) or number(
        at(record, "response.status_code")
    )
    row["response"] = answered.get("response")
    row["input_tokens"] = answered.get("input_tokens")
    row["output_tokens"] = answered.get("output_tokens")
    row["links"] = named(edge=name) + answered.get("links", [])
    return [row]


_OURS = frozenset(REQUIRED_REQUEST_FIELDS)


def _is_bodies(sample: Sample) -> bool:
    if len(sample.names & _OURS) >= len(_OURS) - 1:
        return False  # a table of ours that lacks one column: the advice on mapping it serves better than a guess
    records = [record for record in sample.records if isinstance(record, dict)]
    fit = sum(_body(record) is not None and first(record, *_TIMES) is not None for record in records)
    return fit * 2 > len(records) > 0


_BODY = dict.fromkeys(
    ("prompt", "turn", "system_prompt", "tools", "temperature", "top_p", "max_tokens"),
    "request_body, request, body or payload",
)
SOURCES = (
    Source(
        "bodies",
        "bodies of a model API, one call a record",
        _is_bodies,
        {
            "request_id": "request_id, id",
            "timestamp": "timestamp, time, created_at and the like",
            "account_id": "account_id, account, tenant_id, user_id and the like; else metadata, user, address",
            "model": "model of the body",
            "client_ip": f"x-forwarded-for in headers, client_ip, ip, remote_addr and the like: {CLIENT_ADDRESS}",
            "user_agent": "user_agent; else in headers",
            "conversation_id": "session_id, conversation_id; else the body",
            "end_user_id": "user of the body where the record names the account",
            **_BODY,
            "response": "response_body, response",
            "input_tokens": "usage of the answer",
            "output_tokens": "usage of the answer",
            "status": "status_code, status",
        },
        rows=_rows,
        plain_record=_PlainRecord,
        links=("edge", "response"),
        notes=("Names of fields are guessed; look at `stillhunt inspect` and set what is wrong with --map.",),
        switch_on="log request and response bodies as JSON with id, time, account and address",
        versions="bodies after the API references of November 2026",
        framings=frozenset({"json", "csv", "parquet"}),
    ),
)
