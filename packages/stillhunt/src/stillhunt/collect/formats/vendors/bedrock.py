"""Amazon Bedrock model invocation logs, from S3 or CloudWatch.

Source: docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html, and the request and answer bodies of
the inference parameters pages (2026).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stillhunt.collect.formats.shared.bodies import add_answer, answer_of_body, call_of_body
from stillhunt.collect.formats.shared.traced import account_in, session_in, user_in
from stillhunt.collect.formats.source import PassedOverError, Row, Sample, load_source
from stillhunt.collect.values.json_values import as_json, at, decoded, first, is_list, items, number, text

_TYPE = "ModelInvocationLog"
NO_INVOCATION = "not a model invocation"
_MADE_UP_SESSION = re.compile(r"/(botocore-session-\d+|aws-sdk-[a-z]+-(session-)?\d+|\d+)$")
"""Session names that AWS SDKs make up for an assumed role, another one for each session."""
_STATUS = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
}
"""HTTP status of each error, from the API reference of InvokeModel."""


def logged(record: Any) -> list[Mapping[str, Any]]:
    """Log entries in a record: the record itself, or entries that CloudWatch wrapped as text."""
    if not isinstance(record, dict):
        return []
    if "schemaType" in record or "modelId" in record:
        return [record]
    wrapped = items(first(record, "logEvents", "events")) or [record]
    texts = [decoded(first(event, "message", "@message", "Message")) for event in wrapped]
    return [entry for entry in texts if isinstance(entry, dict)]


def _iterate_invocation_rows(record: Mapping[str, Any]) -> Iterator[Row]:
    entries = [entry for entry in logged(record) if entry.get("schemaType") in (None, _TYPE)]
    if not entries:
        raise PassedOverError(NO_INVOCATION)
    for entry in entries:
        yield _convert_invocation(entry)


def _convert_invocation(entry: Mapping[str, Any]) -> Row:
    body = decoded(at(entry, "input.inputBodyJson"))
    asked = call_of_vendor_body(body)
    answered = answer_of_vendor_body(at(entry, "output.outputBodyJson"))
    tags = entry.get("requestMetadata")
    arn, owner = text(at(entry, "identity.arn")), text(entry.get("accountId"))
    caller = _MADE_UP_SESSION.sub("", arn) if arn else None
    tagged = account_in(tags)
    user = user_in(tags)
    read, written = number(at(entry, "input.inputTokenCount")), number(at(entry, "output.outputTokenCount"))
    row = asked | {
        "request_id": text(entry.get("requestId")),
        "timestamp": entry.get("timestamp"),
        "account_id": tagged or user or caller or owner,
        "organization_id": owner,
        "model": text(entry.get("modelId")) or asked.get("model"),
        "conversation_id": session_in(tags) or asked.get("conversation_id"),
        "end_user_id": asked.get("end_user_id") or (user if tagged else None),
        "status": _STATUS.get(str(entry.get("errorCode")), number(first(entry, "errorCode", "status"))),
    }
    return add_answer(row, answered, read, written)


def call_of_vendor_body(body: Any) -> Row:
    """Columns from a request body, decoded or JSON text, in the API of any vendor whose models Bedrock serves."""
    body = decoded(body)
    if not isinstance(body, dict):
        return {}
    row = call_of_body({**_get_mapping_or_empty(body.get("textGenerationConfig")), **body})
    if row.get("messages") is None and row.get("prompt") is None:
        given = first(body, "inputText", "message", "texts", "inputs")
        row["prompt"] = given if isinstance(given, str) else as_json(given)
    settings = _get_mapping_or_empty(body.get("textGenerationConfig"))
    for ours, theirs in (("max_tokens", "maxTokenCount"), ("max_tokens", "max_gen_len")):
        if row.get(ours) is None:
            row[ours] = number(first(settings, theirs)) or number(body.get(theirs))
    return row


def answer_of_vendor_body(body: Any) -> Row:
    """Columns from an answer of any vendor: decoded, JSON text, None, or the list of a stream's events."""
    body = decoded(body)
    if body is None:
        return {}
    if is_list(body):
        body = [_unwrap_converse_event(event) for event in body]
    row = answer_of_body(body)
    if row.get("response") is None:
        events = items(body) if is_list(body) else [body]
        texts = [part for event in events if isinstance(event, dict) for part in _iterate_answer_texts(event)]
        row["response"] = "".join(texts) or None
    return row


def _unwrap_converse_event(event: Any) -> Any:
    """One event of a Converse stream, with its parts at the top level."""
    if not isinstance(event, dict):
        return event
    inner = next((v for k, v in event.items() if k in ("contentBlockDelta", "metadata", "message") and v), None)
    return inner if isinstance(inner, dict) else event


def _iterate_answer_texts(event: Mapping[str, Any]) -> Iterator[str]:
    """Text of an answer of Titan, Llama, Cohere or Mistral."""
    for part in (event, *items(event.get("results")), *items(event.get("generations")), *items(event.get("outputs"))):
        found = first(part, "outputText", "generation", "text", "completion")
        if isinstance(found, str):
            yield found


def _get_mapping_or_empty(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_bedrock(sample: Sample) -> bool:
    entries = [entry for record in sample.records for entry in logged(record)]
    return sample.mostly(entry.get("schemaType") == _TYPE for entry in entries)


SOURCES = (load_source("bedrock", _is_bedrock, rows=_iterate_invocation_rows),)
