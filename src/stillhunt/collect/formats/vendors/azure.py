"""Azure API Management before Azure OpenAI: logs of the gateway and of language models, in any export.

Log Analytics exports write the columns of a table; storage accounts and event hubs write {"records": [...]} or lines
with the values under `properties`, in camel case.

Source: learn.microsoft.com/azure/azure-monitor/reference/tables/apimanagementgatewayllmlog and .../gatewaylogs,
learn.microsoft.com/azure/api-management/gateway-log-schema-reference (2026).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from stillhunt.collect.formats.bodies.answers import answer_of_body
from stillhunt.collect.formats.bodies.bodies import as_messages, call_of_body, decoded, is_list, number
from stillhunt.collect.formats.edge.nginx import named
from stillhunt.collect.formats.shared.nested import header, text
from stillhunt.collect.formats.source import PassedOverError, Row, Sample, Source

Pieces = dict[str, list[tuple[float, Any, Any]]]
"""Correlation id -> (sequence number, part of the request, part of the answer) of every row that has text."""
ANOTHER_PART = "another part of a call that is counted with its first"


def entries(record: Any) -> list[dict[str, Any]]:
    """Rows in a record, names in lower case, with what stands under `properties`."""
    if not isinstance(record, dict):
        return []
    found = record["records"] if is_list(record.get("records")) else [record]
    return [_flat(entry) for entry in found if isinstance(entry, dict)]


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    inner = decoded(entry.get("properties"))
    both = [entry, inner] if isinstance(inner, dict) else [entry]
    return {
        name.lower(): value
        for part in both
        for name, value in part.items()
        if isinstance(name, str) and value not in (None, "")
    }


def _is_llm(row: Mapping[str, Any]) -> bool:
    return "sequencenumber" in row or "deploymentname" in row or row.get("category") == "GatewayLlmLogs"


def _gather(records: Iterator[Any]) -> tuple[Pieces, dict[str, float]]:
    pieces: Pieces = defaultdict(list)
    begins: dict[str, float] = {}
    for record in records:
        for row in entries(record):
            name = text(row.get("correlationid"))
            if name is None:
                continue
            place = number(row.get("sequencenumber")) or 0.0
            begins[name] = min(place, begins.get(name, place))
            asked, answered = row.get("requestmessages"), row.get("responsemessages")
            if asked is not None or answered is not None:
                pieces[name].append((place, asked, answered))
    for parts in pieces.values():
        parts.sort(key=lambda part: (part[0], repr(part[1:])))
    return dict(pieces), begins


def _llm_rows(record: Any, known: tuple[Pieces, dict[str, float]]) -> Iterator[Row]:
    pieces, begins = known
    calls = 0
    for row in entries(record):
        name = text(row.get("correlationid"))
        if not _is_llm(row) or (name and (number(row.get("sequencenumber")) or 0.0) > begins.get(name, 0.0)):
            continue
        calls += 1
        own = [(0.0, row.get("requestmessages"), row.get("responsemessages"))]
        parts = pieces.get(name, []) if name else own
        told = _asked(_whole([part[1] for part in parts]))
        answered = _answered(_whole([part[2] for part in parts]))
        yield told | {
            "request_id": name or text(row.get("requestid")),
            "timestamp": row.get("timegenerated") or row.get("time"),
            "account_fallback": text(
                row.get("apimsubscriptionid")
                or row.get("_subscriptionid")
                or row.get("tenantid")
                or row.get("_resourceid")
                or row.get("resourceid")
            ),
            "model": text(row.get("deploymentname") or row.get("modelname")) or told.get("model"),
            "response": answered.get("response"),
            "input_tokens": number(row.get("prompttokens")),
            "output_tokens": number(row.get("completiontokens")),
            "links": named(edge=name),
        }
    if not calls:
        raise PassedOverError(ANOTHER_PART)


def _whole(parts: list[Any]) -> Any:
    """Text or messages that were split over rows, put together."""
    parts = [part for part in parts if part is not None]
    if len(parts) > 1 and all(isinstance(part, str) for part in parts):
        alone = [decoded(part) for part in parts]
        if any(isinstance(part, str) for part in alone):
            return decoded("".join(parts))
        parts = alone
    parts = [decoded(part) for part in parts]
    if parts and all(is_list(part) for part in parts):
        return [message for part in parts for message in part]
    return parts[0] if parts else None


def _asked(value: Any) -> Row:
    if is_list(value):
        return {"messages": as_messages(value)}
    return call_of_body(value) if isinstance(value, dict) else {"prompt": value} if isinstance(value, str) else {}


def _answered(value: Any) -> Row:
    if is_list(value) and all(isinstance(part, dict) for part in value):
        return answer_of_body({"choices": [part if "message" in part else {"message": part} for part in value]})
    return {} if value is None else answer_of_body(value)


def _gateway_rows(record: Any) -> Iterator[Row]:
    for row in entries(record):
        name = text(row.get("correlationid"))
        headers = row.get("requestheaders") or row.get("backendrequestheaders")
        address = text(row.get("calleripaddress"))
        yield {
            "request_id": name,
            "timestamp": row.get("timegenerated") or row.get("time"),
            "account_id": text(row.get("apimsubscriptionid") or row.get("userid")),
            "account_fallback": address,
            "end_user_id": text(row.get("userid")) if row.get("apimsubscriptionid") else None,
            "client_ip": address,
            "user_agent": header(headers, "user-agent"),
            "status": number(row.get("responsecode") or row.get("backendresponsecode")) or None,
            "links": named(edge=name),
        }


def _lowered(sample: Sample) -> list[dict[str, Any]]:
    return [row for record in sample.records for row in entries(record)]


def _is_llm_log(sample: Sample) -> bool:
    rows = _lowered(sample)
    return sample.mostly("correlationid" in row and _is_llm(row) for row in rows)


def _is_gateway_log(sample: Sample) -> bool:
    fields = {"calleripaddress", "apimsubscriptionid", "backendresponsecode", "backendurl", "lasterrorreason"}
    return sample.mostly("correlationid" in row and len(fields & row.keys()) > 1 for row in _lowered(sample))


SOURCES = (
    Source(
        "azure-llm",
        "Azure API Management, log of language models",
        _is_llm_log,
        {
            "request_id": "CorrelationId",
            "timestamp": "TimeGenerated, time",
            "account_id": "ApimSubscriptionId of the gateway log beside it; else _SubscriptionId, TenantId",
            "model": "DeploymentName, ModelName",
            "prompt": "RequestMessages, of all rows of a CorrelationId by SequenceNumber",
            "turn": "the answers among RequestMessages",
            "system_prompt": "RequestMessages",
            "response": "ResponseMessages",
            "input_tokens": "PromptTokens",
            "output_tokens": "CompletionTokens",
        },
        links=("edge",),
        gather=_gather,
        rows_within=_llm_rows,
        notes=(
            "It names no customer: give ApiManagementGatewayLogs beside it.",
            "Texts of calls are held in memory until all files are read once, since parts of one may lie apart.",
        ),
        switch_on="diagnostic setting GatewayLlmLogs, with prompts and completions logged for the API",
        versions="records after the table reference of 2026",
        framings=frozenset({"json", "csv", "parquet"}),
    ),
    Source(
        "azure-gateway",
        "Azure API Management, gateway log",
        _is_gateway_log,
        {
            "request_id": "CorrelationId",
            "timestamp": "TimeGenerated, time",
            "account_id": "ApimSubscriptionId; else UserId, CallerIpAddress",
            "end_user_id": "UserId",
            "client_ip": "CallerIpAddress",
            "user_agent": "RequestHeaders, BackendRequestHeaders",
            "status": "ResponseCode, BackendResponseCode",
        },
        rows=_gateway_rows,
        links=("edge",),
        role="edge",
        notes=("It carries no text; give ApiManagementGatewayLlmLog beside it.",),
        switch_on="diagnostic setting GatewayLogs; add User-Agent to the headers to log",
        versions="records after the table reference of 2026",
        framings=frozenset({"json", "csv", "parquet"}),
    ),
)
