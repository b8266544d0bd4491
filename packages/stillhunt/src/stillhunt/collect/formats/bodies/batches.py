"""Request and answer files of the batch APIs of OpenAI, Azure, Anthropic and Bedrock.

Sources: platform.openai.com/docs/api-reference/batch, docs.anthropic.com/en/api/creating-message-batches,
docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html (November 2026).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stillhunt.collect.formats.shared.bodies import answer_of_body, call_of_body
from stillhunt.collect.formats.shared.plain_bodies import Body
from stillhunt.collect.formats.shared.traced import account_in, session_in
from stillhunt.collect.formats.source import (
    BrokenRecordError,
    PassedOverError,
    Row,
    Sample,
    call_links,
    load_source,
    record_type,
)
from stillhunt.collect.values.json_values import at, decoded, first, is_list, number, text

BATCH = "batch"  # value of the column `channel`
_PLAIN_REQUEST = record_type(
    "_PLAIN_REQUEST",
    ("custom_id",),
    body=Body,
    params=Body,
    **dict.fromkeys(("requests", "recordId", "modelInput", "modelOutput"), None),
)


def _extract_request_body(record: Any) -> Any:
    return decoded(first(record, "body", "params", "modelInput"))


def _collect_repeated_names(records: Iterator[Any]) -> frozenset[str]:
    """Request names that occur several times, as in different batches; such a name does not identify a call."""
    seen: set[str] = set()
    repeated: set[str] = set()
    for record in (one for found in records for one in _list_batch_requests(found)):
        name = text(first(record, "custom_id", "recordId"))
        if name is not None:
            (repeated if name in seen else seen).add(name)
    return frozenset(repeated)


def _list_batch_requests(record: Any) -> list[Any]:
    """The requests in a record: the record itself, or those in one body that creates an Anthropic batch."""
    found: Any = record.get("requests") if isinstance(record, dict) else None
    return list(found) if is_list(found) else [record]


def _request_rows(record: Any, shared: frozenset[str]) -> Iterator[Row]:
    for one in _list_batch_requests(record):
        yield _request_row(one, shared)


def _request_row(record: Any, shared: frozenset[str]) -> Row:
    body = _extract_request_body(record)
    if not isinstance(body, dict | Body):
        raise BrokenRecordError("it has no request (body, params or modelInput)")
    row = call_of_body(body) | answer_of_body(record.get("modelOutput"))
    name = text(first(record, "custom_id", "recordId"))
    metadata = body.metadata if isinstance(body, Body) else body.get("metadata")
    own = {
        "request_id": None if name in shared else name,
        "account_id": account_in(metadata),
        "conversation_id": row.get("conversation_id") or session_in(metadata),
        "channel": BATCH,
        "links": call_links(batch=name),
    }
    return row | own


def _answer_rows(record: Mapping[str, Any]) -> Iterator[Row]:
    name = text(record.get("custom_id"))
    if name is None:
        raise BrokenRecordError("it has no custom_id")
    body = first(record, "response", "result")
    answer = first(body, "body", "message") if isinstance(body, dict) else None
    status = number(at(record, "response.status_code"))
    if answer is None and status is None and record.get("error") is None and at(record, "result.type") is None:
        raise PassedOverError("an empty answer")
    answer = decoded(answer)
    row = answer_of_body(answer)
    yield row | {
        "request_id": name,
        "timestamp": number(first(answer, "created", "created_at")),
        "status": status,
        "links": [*call_links(batch=name), *row.get("links", [])],
    }


def _is_requests(sample: Sample) -> bool:
    found = [one for record in sample.records for one in _list_batch_requests(record)]
    fit = [isinstance(_extract_request_body(one), dict) and bool(first(one, "custom_id", "recordId")) for one in found]
    return sum(fit) * 2 > len(fit)


SOURCES = (
    load_source(
        "batch", _is_requests, gather=_collect_repeated_names, rows_within=_request_rows, plain_record=_PLAIN_REQUEST
    ),
    load_source("batch-output", rows=_answer_rows),
)
