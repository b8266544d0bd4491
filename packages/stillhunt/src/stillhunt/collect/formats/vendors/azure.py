"""Azure API Management in front of Azure OpenAI: its gateway log and its language model log, in any export.

Log Analytics exports write the columns of a table; storage accounts and event hubs write {"records": [...]}, or lines
with the values under `properties` in camel case.

Source: learn.microsoft.com/azure/azure-monitor/reference/tables/apimanagementgatewayllmlog and .../gatewaylogs,
learn.microsoft.com/azure/api-management/gateway-log-schema-reference (2026).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stillhunt.collect.formats.shared.bodies import answer_of_body, as_messages, call_of_body
from stillhunt.collect.formats.shared.http import header
from stillhunt.collect.formats.source import PassedOverError, Row, Sample, call_links, load_source
from stillhunt.collect.values.json_values import decoded, is_list, number, text

Parts = dict[str, list[tuple[float, Any, Any]]]
"""Correlation id -> (sequence number, part of the request, part of the answer) of every row that has text."""
LATER_PART = "a later part of a call, which is counted with its first part"


def entries(record: Any) -> list[dict[str, Any]]:
    """Rows in a record, with names in lower case; values under `properties` move to the top."""
    if not isinstance(record, dict):
        return []
    found = record["records"] if is_list(record.get("records")) else [record]
    return [_flatten_azure_entry(entry) for entry in found if isinstance(entry, dict)]


def _flatten_azure_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
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


class _Split(NamedTuple):
    """Calls that are split over rows: their parts that have text, and by correlation id the number of the first."""

    texts: Parts
    firsts: dict[str, float]


def _gather_split_bodies(records: Iterator[Any]) -> _Split:
    text_parts: Parts = defaultdict(list)
    first_parts: dict[str, float] = {}
    for record in records:
        for row in entries(record):
            name = text(row.get("correlationid"))
            if name is None:
                continue
            place = number(row.get("sequencenumber")) or 0.0
            first_parts[name] = min(place, first_parts.get(name, place))
            asked, answered = row.get("requestmessages"), row.get("responsemessages")
            if asked is not None or answered is not None:
                text_parts[name].append((place, asked, answered))
    for parts in text_parts.values():
        parts.sort(key=lambda part: (part[0], repr(part[1:])))
    return _Split(dict(text_parts), first_parts)


def _llm_rows(record: Any, split: _Split) -> Iterator[Row]:
    calls = 0
    for row in entries(record):
        name = text(row.get("correlationid"))
        if not _is_llm(row) or (name and (number(row.get("sequencenumber")) or 0.0) > split.firsts.get(name, 0.0)):
            continue
        calls += 1
        own = [(0.0, row.get("requestmessages"), row.get("responsemessages"))]
        parts = split.texts.get(name, []) if name else own
        asked = _convert_azure_request(_join_split_body([part[1] for part in parts]))
        answered = _convert_azure_answer(_join_split_body([part[2] for part in parts]))
        yield asked | {
            "request_id": name or text(row.get("requestid")),
            "timestamp": row.get("timegenerated") or row.get("time"),
            "account_fallback": text(
                row.get("apimsubscriptionid")
                or row.get("_subscriptionid")
                or row.get("tenantid")
                or row.get("_resourceid")
                or row.get("resourceid")
            ),
            "model": text(row.get("deploymentname") or row.get("modelname")) or asked.get("model"),
            "response": answered.get("response"),
            "input_tokens": number(row.get("prompttokens")),
            "output_tokens": number(row.get("completiontokens")),
            "links": call_links(edge=name),
        }
    if not calls:
        raise PassedOverError(LATER_PART)


def _join_split_body(parts: list[Any]) -> Any:
    """Text or messages that were split over rows, put together again."""
    parts = [part for part in parts if part is not None]
    if len(parts) > 1 and all(isinstance(part, str) for part in parts):
        each_decoded = [decoded(part) for part in parts]
        if any(isinstance(part, str) for part in each_decoded):
            return decoded("".join(parts))
        parts = each_decoded
    parts = [decoded(part) for part in parts]
    if parts and all(is_list(part) for part in parts):
        return [message for part in parts for message in part]
    return parts[0] if parts else None


def _convert_azure_request(value: Any) -> Row:
    if is_list(value):
        return {"messages": as_messages(value)}
    return call_of_body(value) if isinstance(value, dict) else {"prompt": value} if isinstance(value, str) else {}


def _convert_azure_answer(value: Any) -> Row:
    if is_list(value) and all(isinstance(part, dict) for part in value):
        return answer_of_body({"choices": [part if "message" in part else {"message": part} for part in value]})
    return answer_of_body(value)


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
            "links": call_links(edge=name),
        }


def _sampled_rows(sample: Sample) -> list[dict[str, Any]]:
    return [row for record in sample.records for row in entries(record)]


def _is_llm_log(sample: Sample) -> bool:
    return sample.mostly("correlationid" in row and _is_llm(row) for row in _sampled_rows(sample))


def _is_gateway_log(sample: Sample) -> bool:
    fields = {"calleripaddress", "apimsubscriptionid", "backendresponsecode", "backendurl", "lasterrorreason"}
    return sample.mostly("correlationid" in row and len(fields & row.keys()) > 1 for row in _sampled_rows(sample))


SOURCES = (
    load_source("azure-llm", _is_llm_log, gather=_gather_split_bodies, rows_within=_llm_rows),
    load_source("azure-gateway", _is_gateway_log, rows=_gateway_rows),
)
