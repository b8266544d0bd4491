"""Cloudflare AI Gateway: logs from the list API, one a line or as the API returns them, and decrypted Logpush records.

Source: developers.cloudflare.com/api/resources/ai_gateway/subresources/logs, .../ai-gateway/observability (2026).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stillhunt.collect.formats.shared.bodies import ASKED, add_answer, answer_of_body, call_of_body
from stillhunt.collect.formats.shared.plain_bodies import answer_of_text, body_of_text
from stillhunt.collect.formats.shared.traced import account_in, asked_in, session_in, user_in
from stillhunt.collect.formats.source import PassedOverError, Row, Sample, load_source
from stillhunt.collect.values.json_values import at, decoded, first_of, is_list, items, mapping, number, text

NO_LOGS = "an answer of the list API without logs"
_ENCRYPTED = frozenset(("type", "iv", "data", "key"))


def _list_gateway_logs(record: Any) -> list[Mapping[str, Any]]:
    if not isinstance(record, dict):
        return []
    return items(record["result"]) if is_list(record.get("result")) else [record]


def _convert_cloudflare_record(record: Mapping[str, Any]) -> Iterable[Row]:
    logs = _list_gateway_logs(record)
    if not logs:
        raise PassedOverError(NO_LOGS)
    return map(_convert_gateway_log, logs)


def _convert_gateway_log(log: Mapping[str, Any]) -> Row:
    get = log.get
    asked = first_of(get, "request", "request_body", "request_head", "RequestBody")
    answer = first_of(get, "response", "response_body", "response_head", "ResponseBody")
    body = body_of_text(asked) if isinstance(asked, str) else None
    row = _convert_gateway_request(_decode_plain_value(asked)) if body is None else call_of_body(body)
    answer = (answer_of_text(answer) if isinstance(answer, str) else None) or _decode_plain_value(answer)
    answered = answer_of_body(answer)
    tags = mapping(_decode_plain_value(first_of(get, "metadata", "Metadata")))
    account, user = account_in(tags), user_in(tags)
    read, written = number(first_of(get, "tokens_in", "TokensIn")), number(first_of(get, "tokens_out", "TokensOut"))
    row["request_id"] = text(first_of(get, "id", "ID"))
    row["timestamp"] = first_of(get, "created_at", "started_at", "Timestamp", "CreatedAt")
    row["account_id"] = account or user
    row["account_fallback"] = text(first_of(get, "gateway_id", "gateway", "Gateway", "account_id"))
    row["model"] = row.get("model") or text(first_of(get, "model", "Model"))
    row["conversation_id"] = session_in(tags) or row.get("conversation_id")
    row["end_user_id"] = row.get("end_user_id") or (user if account else None)
    row["status"] = number(first_of(get, "status_code", "StatusCode"))
    return add_answer(row, answered, read, written)


def _convert_gateway_request(value: Any) -> Row:
    value = decoded(value)
    if not isinstance(value, dict):
        return {}
    inner = at(value, "query")  # body of the universal endpoint
    return asked_in(inner if isinstance(inner, dict) and ASKED.isdisjoint(value) else value)


def _decode_plain_value(value: Any) -> Any:
    """A value; None if it is encrypted, which Logpush writes as {type, iv, data, key}."""
    value = decoded(value)
    if isinstance(value, dict) and {"data", "iv"} <= value.keys() <= _ENCRYPTED:
        return None
    return value


def _is_cloudflare(sample: Sample) -> bool:
    rows = [log for record in sample.records for log in _list_gateway_logs(record)]
    return sample.mostly(
        {"created_at", "provider", "status_code", "cached"} <= log.keys()
        or {"Gateway", "Provider", "StatusCode", "Model"} <= log.keys()
        for log in rows
    )


SOURCES = (load_source("cloudflare", _is_cloudflare, rows=_convert_cloudflare_record),)
