"""Calls as the LiteLLM proxy logs them: payloads of its callbacks, and its table LiteLLM_SpendLogs.

Source: BerriAI/litellm, `litellm/types/utils.py` (StandardLoggingPayload), `schema.prisma`,
`proxy/spend_tracking/spend_tracking_utils.py`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import to_builtins

from stillhunt.collect.formats.shared.bodies import (
    answer_of_body,
    answer_text,
    as_messages,
    call_of_body,
    options_of_body,
)
from stillhunt.collect.formats.shared.http import client_address
from stillhunt.collect.formats.shared.plain_bodies import Answer, Message, Options, add_chat
from stillhunt.collect.formats.shared.plain_bodies import answer_text as plain_text
from stillhunt.collect.formats.source import (
    OtherJson,
    PassedOverError,
    Record,
    Row,
    call_links,
    load_source,
    record_type,
)
from stillhunt.collect.values.chat import content_text
from stillhunt.collect.values.json_values import as_json, decoded, first, first_of, is_list, number

NOBODY = frozenset(("default_user_id", "default_user", "None"))
"""Users that LiteLLM writes for a key without a user, such as the master key."""
_ONE_VALUE = (
    *("id", "litellm_call_id", "trace_id", "session_id", "call_type", "status", "custom_llm_provider", "startTime"),
    *("model", "model_group", "prompt_tokens", "completion_tokens", "request_tags", "end_user"),
    *("requester_ip_address", "user_agent", "error_information"),
)
_CLIENT = record_type("_CLIENT", ("session_id", "trace_id", "headers"))
_METADATA = record_type(
    "_METADATA",
    (
        *("user_api_key_hash", "user_api_key_user_id", "user_api_key_org_id", "user_api_key_end_user_id"),
        *("requester_ip_address", "user_agent", "requester_custom_headers"),
    ),
    requester_metadata=_CLIENT | OtherJson,
)
_PAYLOAD = record_type(
    "_PAYLOAD", (*_ONE_VALUE, "messages", "response", "model_parameters"), metadata=_METADATA | OtherJson
)
"""Fields of StandardLoggingPayload that are read; the decoder skips all others, which are most of a payload."""
_PLAIN_PAYLOAD = record_type(
    "_PLAIN_PAYLOAD",
    _ONE_VALUE,
    metadata=_METADATA | OtherJson,
    messages=list[Message],
    response=Answer | None,
    model_parameters=Options | None,
)
"""The usual payload of a chat, whose bodies fit the types of `plain_bodies`."""
REDACTED = "redacted-by-litellm"
HEALTH_CHECK = "litellm-internal-health-check"
"""Takes the place of a key's hash. Tags mark health checks too, but a client could set them to hide."""
NOT_A_MODEL_CALL = "not a model call"
OWN_CHECK = "LiteLLM's own health check"
_NO_CALLS = re.compile("mcp_tool|_file|file_|_batch|batches|vector_store|container|fine_tuning|get_responses|list_")
_OTEL_TRACE = re.compile(r"[0-9a-f]{32}")
"""Trace id that LiteLLM draws at random, with its OpenTelemetry callback, if the client names no session."""
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""The same without that callback; unlike the other, LiteLLM does not also write it where the client's own stands."""
_CUT_MARK = re.compile(
    r"\.\.\. \(litellm_truncated skipped \d+ chars(?:\. Truncation is a DB storage safeguard\. Full, untruncated data "
    r"is logged to logging callbacks \(OTEL, Datadog, etc\.\)\. To increase the truncation limit, set "
    r"`MAX_STRING_LENGTH_PROMPT_IN_DB` in your env\.)?\) \.\.\."
)
"""What LiteLLM writes into long texts; it would make one template of the long prompts of all customers."""
_SESSION_HEADERS = ("x-litellm-session-id", "x-session-id", "session_id", "session-id")
_CALLS = frozenset(("acompletion", "completion", "aembedding", "embedding", "atext_completion", "aresponses"))
"""The usual types of calls, for which the pattern above is not tried."""
_CHATS = frozenset(("acompletion", "completion", "aresponses"))
_EMPTY_TEXTS = frozenset(("", REDACTED, "{}"))
_OPTIONS = ("temperature", "top_p", "max_tokens", "tools", "system_prompt", "turn", "other_settings")
_AGENT_TAG = "User-Agent: "


def _payload_rows(record: Record) -> list[Row]:
    """One StandardLoggingPayload."""
    get, metadata = record.get, _decode_mapping(record.get("metadata"))
    key = metadata.get("user_api_key_hash")
    _pass_over(record, key)
    client = _decode_mapping(metadata.get("requester_metadata"))
    headers = _merge_request_headers(client.get("headers"), metadata.get("requester_custom_headers"))
    own = get("id")
    call = get("litellm_call_id") or first(record, "litellm_call_id", "id")
    row: Row = {
        "request_id": call,
        "timestamp": get("startTime"),
        "organization_id": metadata.get("user_api_key_org_id"),
        "model": _choose_litellm_model(record),
        "conversation_id": _find_client_session(record, client, headers),
        "end_user_id": get("end_user") or metadata.get("user_api_key_end_user_id"),
        "client_ip": _resolve_requester_address(get("requester_ip_address") or metadata.get("requester_ip_address")),
        "user_agent": _find_user_agent(record, metadata, headers),
        "links": call_links(call=call, edge=headers.get("x-request-id"), response=None if own == call else own),
    }
    row["account_id"], row["api_key_id"] = customer_of(metadata.get("user_api_key_user_id"), key)
    _add_outcome(row, record, get("error_information"))
    options = get("model_parameters")
    row.update(options_of_body(options if isinstance(options, Options) else _decode_mapping(options)))
    if not _add_plain_question(row, record):
        row.update(_extract_question(record))
    _add_answer(row, decoded(get("response")))
    return [row]


def _spend_rows(record: Record) -> list[Row]:
    """One row of LiteLLM_SpendLogs, whose JSON columns may be text or objects."""
    get, metadata = record.get, _decode_mapping(record.get("metadata"))
    body = _decode_mapping(_without_cut_marks(get("proxy_server_request")))
    key = get("api_key") or metadata.get("user_api_key")
    _pass_over(record, key)
    within = [_decode_mapping(body.get(name)) for name in ("metadata", "litellm_metadata")] if body else []
    headers = _merge_request_headers(*(part.get("headers") for part in within), metadata.get("headers"))
    call, own = first(record, "litellm_call_id") or first(metadata, "litellm_call_id"), first(record, "request_id")
    asked = call_of_body(body) if body else {}
    row: Row = {
        "request_id": call or own,
        "timestamp": get("startTime"),
        "organization_id": get("organization_id") or metadata.get("user_api_key_org_id"),
        "model": body.get("model")
        or first(body, "model")
        or first(metadata, "original_model_group")
        or _choose_litellm_model(record),
        "conversation_id": _spend_session(record, body, within, headers),
        "end_user_id": get("end_user") or asked.get("end_user_id"),
        "client_ip": _spend_address(record, metadata, within, headers),
        "user_agent": _find_user_agent(record, metadata, headers),
        "links": call_links(call=call or own, edge=headers.get("x-request-id"), response=None if own == call else own),
    }
    row["account_id"], row["api_key_id"] = customer_of(get("user") or metadata.get("user_api_key_user_id"), key)
    _add_outcome(row, record, metadata.get("error_information"))
    row.update({name: asked[name] for name in _OPTIONS if name in asked})
    if asked.get("prompt") or asked.get("messages"):
        row.update(_drop_redacted_question(asked))
    else:
        messages = decoded(get("messages"))
        if messages and is_list(messages):  # only calls of type _arealtime have them
            row.update(_drop_redacted_question({"messages": as_messages(messages)}))
    _add_answer(row, decoded(get("response")))
    return [row]


def _pass_over(record: Mapping[str, Any], key: Any) -> None:
    if key == HEALTH_CHECK:
        raise PassedOverError(OWN_CHECK)
    kind = record.get("call_type")
    if isinstance(kind, str) and kind not in _CALLS and _NO_CALLS.search(kind):
        raise PassedOverError(NOT_A_MODEL_CALL)


def _choose_litellm_model(record: Mapping[str, Any]) -> Any:
    """The client's name for the model; if it is missing, LiteLLM's own name without the provider."""
    group = record.get("model_group")
    if group is not None and group != "":
        return group
    model, provider = first(record, "model"), first(record, "custom_llm_provider")
    if isinstance(model, str) and isinstance(provider, str):
        return model.removeprefix(provider + "/") or None
    return model


def _find_client_session(record: Mapping[str, Any], client: Mapping[str, Any], headers: Mapping[str, Any]) -> Any:
    """The session that the client named; a trace id that LiteLLM drew at random does not count."""
    named_by_client = client.get("session_id") or first_of(headers.get, *_SESSION_HEADERS)
    if named_by_client or (named_by_client := first(record, "session_id")) is not None:
        return named_by_client
    trace, drawn = first(record, "trace_id"), first(client, "trace_id")
    if drawn is not None and drawn != trace:
        return trace  # the client's own trace id took the place of LiteLLM's
    return None if _is_random(trace, (client,)) else trace


def _spend_session(
    record: Mapping[str, Any], body: Mapping[str, Any], within: list[Mapping[str, Any]], headers: Mapping[str, Any]
) -> Any:
    named_by_client = first(body, "litellm_session_id") or first(headers, *_SESSION_HEADERS)
    for part in within:
        named_by_client = named_by_client or first(part, "session_id")
    found = first(record, "session_id")
    return named_by_client or (None if _is_random(found, within) else found)


def _is_random(trace: Any, sent: Iterable[Mapping[str, Any]]) -> bool:
    """Whether LiteLLM drew a trace id, given the metadata that the client sent."""
    if not isinstance(trace, str):
        return False
    if _UUID4.fullmatch(trace):
        return all(first(part, "trace_id") != trace for part in sent)
    return _OTEL_TRACE.fullmatch(trace) is not None


def _spend_address(
    record: Mapping[str, Any], metadata: Mapping[str, Any], within: list[Mapping[str, Any]], headers: Mapping[str, Any]
) -> Any:
    """The client's address; failed calls of some routes have it only in the request."""
    for part in (record, metadata, *within):
        found = first(part, "requester_ip_address")
        if found is not None:
            return _resolve_requester_address(found)
    return client_address(first(headers, "x-forwarded-for"))


def _resolve_requester_address(stated: Any) -> Any:
    """The client's address; LiteLLM writes X-Forwarded-For as it came if it is set up to trust it."""
    return client_address(stated) if isinstance(stated, str) and "," in stated else stated


def _merge_request_headers(*found: Any) -> dict[str, Any]:
    """Headers of the request by lower-case name; of several values the first counts."""
    headers: dict[str, Any] = {}
    for part in found:
        if part:
            for name, value in _decode_mapping(part).items():
                if value is not None and value != "":
                    headers.setdefault(name.lower(), value)
    return headers


def _find_user_agent(record: Mapping[str, Any], metadata: Mapping[str, Any], headers: Mapping[str, Any]) -> Any:
    """The User-Agent header; older rows have it only as two tags, with and without its version."""
    found = record.get("user_agent") or metadata.get("user_agent") or headers.get("user-agent")
    if found:
        return found
    tags = decoded(record.get("request_tags"))
    texts = [tag for tag in tags if isinstance(tag, str)] if is_list(tags) else []
    return max((tag.removeprefix(_AGENT_TAG) for tag in texts if tag.startswith(_AGENT_TAG)), key=len, default=None)


def _add_outcome(row: Row, record: Mapping[str, Any], error: Any) -> None:
    """Set tokens and HTTP status. A failed call has zero tokens, which mean nothing, and often a word as its code."""
    sent, answered = number(record.get("prompt_tokens")), number(record.get("completion_tokens"))
    failed = record.get("status") == "failure"
    if failed and not sent and not answered:
        sent = answered = None
    row["input_tokens"], row["output_tokens"] = sent, answered
    row["status"] = _parse_error_status(error) if failed else 200


def _parse_error_status(error: Any) -> int | None:
    """Status of an error: its code, else the number with which LiteLLM's own class of errors begins."""
    error = _decode_mapping(error)
    for code in (first(error, "error_code"), first(error, "normalized_error")):
        word = str(code).split("_", 1)[0]
        if word.isascii() and word.isdecimal() and 100 <= int(word[:9]) < 600:
            return int(word)
    return None


def _add_plain_question(row: Row, record: Mapping[str, Any]) -> bool:
    """Put in what was asked where it is a chat as most are; False, and nothing done, where it is not."""
    messages, kind = record.get("messages"), record.get("call_type")
    if type(messages) is not list or not messages or type(messages[0]) is not Message:
        return False
    if not isinstance(kind, str) or kind not in _CHATS:
        return False
    return messages[0].content != REDACTED and add_chat(row, messages)


def _extract_question(record: Mapping[str, Any]) -> Row:
    """What was asked: chat messages, a text, or the inputs of an embedding, which LiteLLM makes user messages."""
    messages = decoded(record.get("messages"))
    if isinstance(messages, list) and messages and type(messages[0]) is Message:
        messages = to_builtins(messages)
    if isinstance(messages, dict):
        messages = messages.get("messages")
    if isinstance(messages, str):
        return _drop_redacted_question({"prompt": messages})
    if not is_list(messages):
        return {}
    kind = record.get("call_type")
    if isinstance(kind, str) and "embedding" in kind:
        inputs = [m if isinstance(m, str) else content_text(first(m, "content")) for m in messages]
        return _drop_redacted_question({"prompt": as_json(inputs) if len(inputs) != 1 else inputs[0]})
    return _drop_redacted_question({"messages": as_messages(messages)})


def _drop_redacted_question(row: Row) -> Row:
    """The question without what LiteLLM wrote in its place; empty if logging of messages is off."""
    prompt, messages = row.get("prompt"), row.get("messages")
    if isinstance(prompt, str) and prompt.strip('[]" ') not in ("", REDACTED):
        return {"prompt": prompt}
    if messages and (
        messages[0].get("content") != REDACTED or any(message.get("content") != REDACTED for message in messages)
    ):
        return {"messages": messages}
    return {}


def _add_answer(row: Row, answer: Any) -> None:
    if not answer:
        return
    if isinstance(answer, Answer):
        if (text := plain_text(answer)) not in _EMPTY_TEXTS:
            row["response"] = text
        return
    if isinstance(answer, dict):
        response: Any = answer_text(answer)
        instructions = answer.get("instructions")
        if isinstance(instructions, str) and instructions not in _EMPTY_TEXTS:
            row["system_prompt"] = instructions
    else:
        response = answer_of_body(answer).get("response") if isinstance(answer, str) or is_list(answer) else None
    if response and response not in _EMPTY_TEXTS:
        row["response"] = response


def _without_cut_marks(body: Any) -> Any:
    """A body as it is or as JSON text, with an ellipsis for each mark of a cut."""
    text = as_json(body)
    return _CUT_MARK.sub(" ... ", text) if text and "(litellm_truncated " in text else body


def _decode_mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = decoded(value)
    return value if isinstance(value, dict) else {}


SOURCES = (
    load_source("litellm-callback", rows=_payload_rows, fields_read=_PAYLOAD, plain_record=_PLAIN_PAYLOAD),
    load_source("litellm-spendlogs", rows=_spend_rows),
)


def customer_of(user: Any, key: Any) -> tuple[Any, Any]:
    """Account and key of a call: the user of the key, else the key's hash; never the team, which may be many customers.

    `user`: `user_api_key_user_id` as LiteLLM gives it. `key`: `user_api_key_hash`, or the key itself where it was not
    hashed.
    """
    if isinstance(key, str) and key.startswith("sk-"):  # LiteLLM hashes keys; one that it did not hash is hashed here
        key = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    nobody = user is None or (isinstance(user, str) and (not user or user in NOBODY))
    return key if nobody else user, key
