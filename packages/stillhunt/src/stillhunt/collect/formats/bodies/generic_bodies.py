"""Home-made logs of model API bodies: {request, response, ...}, or a request body with id and time among its fields.

This source is tried last: it knows the shape of the bodies, and guesses the other fields by common names.
"""

from collections.abc import Mapping
from typing import Any, Literal

from stillhunt.collect.formats.shared.bodies import ASKED, add_answer, answer_of_body, call_of_body
from stillhunt.collect.formats.shared.http import client_address, header_in, lower_case, user_agent
from stillhunt.collect.formats.shared.plain_bodies import Answer, Body, answer_of_text, body_of_text
from stillhunt.collect.formats.shared.traced import account_in, session_in, user_in
from stillhunt.collect.formats.source import BrokenRecordError, Row, Sample, call_links, load_source, record_type
from stillhunt.collect.values.fields import REQUIRED_REQUEST_FIELDS
from stillhunt.collect.values.json_values import at, decoded, first, first_of, number, text
from stillhunt.collect.values.other_settings import setting_columns

_REQUESTS = ("request_body", "requestBody", "request", "body", "payload", "req")
_ANSWERS = ("response_body", "responseBody", "response", "answer", "res")
_TIMES = ("timestamp", "time", "@timestamp", "ts", "created_at", "createdAt", "start_time", "startTime", "started_at")
_IDS = ("request_id", "requestId", "id", "call_id", "event_id", "x-request-id")
_ACCOUNTS = ("account_id", "account", "customer_id", "tenant_id", "user_id", "userId", "api_key_id", "key_id")
_ADDRESSES = ("client_ip", "clientIp", "ip", "remote_addr", "ip_address", "remote_ip", "client_address")
_AGENTS = ("user_agent", "userAgent", "user-agent", "http_user_agent")
_Nothing = Literal["\0"]
"""Type of a field that must be absent: null does not fit either."""
_OTHER_FIELDS = (
    *_TIMES,
    *_IDS,
    *_ACCOUNTS,
    *_ADDRESSES,
    *_AGENTS,
    *("headers", "request_headers", "session_id", "conversation_id", "thread_id", "model", "model_name"),
    *("status_code", "status", "statusCode", "metadata"),
)
_PLAIN_RECORD = record_type(
    "_PLAIN_RECORD",
    _OTHER_FIELDS,
    **dict.fromkeys(_REQUESTS, Body | str | None),
    **dict.fromkeys(_ANSWERS, Answer | str | None),
    **dict.fromkeys(ASKED, _Nothing),
)


def _find_request_body(record: Mapping[str, Any]) -> Mapping[str, Any] | Body | None:
    """The request body: a field of the record, `body` (or the like) within that field, or the record itself."""
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


def _convert_body_record(record: Mapping[str, Any]) -> list[Row]:
    body = _find_request_body(record)
    if body is None:
        raise BrokenRecordError("it has no request body of a model API")
    get, row = record.get, call_of_body(body)
    if body is record:
        row["other_settings"] = setting_columns(record)  # its other fields are of any kind
    answer = first_of(get, *_ANSWERS)
    if isinstance(answer, str):
        answer = answer_of_text(answer) or decoded(answer)
    inner = first(answer, "body", "json", "data")
    answer = inner if inner is not None else answer
    answered = answer_of_body(answer)
    tags = (get("metadata"), body.metadata if isinstance(body, Body) else body.get("metadata"))
    headers = lower_case(get("headers") or get("request_headers") or at(record, "request.headers"))
    stated, forwarded = text(first_of(get, *_ADDRESSES)), header_in(headers, "x-forwarded-for")
    # Any client may send X-Real-IP, so it counts only if there is no other address.
    listed = stated if stated and "," in stated else forwarded
    address = client_address(listed, stated) or header_in(headers, "x-real-ip")
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
    row["user_agent"] = user_agent(text(first_of(get, *_AGENTS)) or header_in(headers, "user-agent"))
    row["status"] = number(first_of(get, "status_code", "status", "statusCode")) or number(
        at(record, "response.status_code")
    )
    row["links"] = call_links(edge=name)
    return [add_answer(row, answered)]


_OURS = frozenset(REQUIRED_REQUEST_FIELDS)


def _is_bodies(sample: Sample) -> bool:
    ours = len(sample.names & _OURS) >= len(_OURS) - 1
    records = [record for record in sample.records if isinstance(record, dict)]
    bodies = [(_find_request_body(record), record) for record in records if first(record, *_TIMES) is not None]
    # A flat table of ours that lacks one column: advice on --map helps more than a guess.
    fit = sum(body is not None and not (ours and body is record) for body, record in bodies)
    return fit * 2 > len(records) > 0


SOURCES = (load_source("bodies", _is_bodies, rows=_convert_body_record, plain_record=_PLAIN_RECORD),)
