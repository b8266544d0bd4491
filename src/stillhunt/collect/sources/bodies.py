"""Request and answer bodies of model APIs, wherever a log keeps them, -> our columns.

Read by shape and not by path, since gateways rewrite paths: OpenAI chat, completions, responses and embeddings;
Anthropic messages; Gemini generateContent; Bedrock Converse and InvokeModel (whose body is that of the model's maker).
Field names are those of the vendors' API references.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhunt.collect.chat import content_text
from stillhunt.collect.fields import decode_json
from stillhunt.collect.sources.source import Row

_LIMITS = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens_to_sample",
    "maxOutputTokens",
    "maxTokens",
)
_CONFIGS = ("generationConfig", "generation_config", "inferenceConfig", "config")
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_SESSIONS = ("session_id", "sessionId", "conversation_id", "litellm_session_id", "thread_id")


def call_of_body(body: Any) -> Row:
    """What a request body tells of a call; columns that it does not hold are absent.

    Args:
        body: the decoded body, or its JSON text.
    """
    body = decoded(body)
    if not isinstance(body, dict):
        return {}
    nested = _nested(body, _CONFIGS)
    settings: Mapping[str, Any] = {**nested, **body} if nested else body
    row: Row = {
        "model": first(body, "model", "modelId"),
        "temperature": number(settings.get("temperature")),
        "top_p": number(first(settings, "top_p", "topP")),
        "max_tokens": number(first(settings, *_LIMITS)),
        "tools": as_json(first(body, "tools", "toolConfig", "functions")),
        "conversation_id": _conversation(body),
        "end_user_id": _end_user(body),
        "system_prompt": system_text(first(body, "system", "instructions", "systemInstruction", "system_instruction")),
    }
    messages = first(body, "messages", "contents")
    given: Any = body.get("input", body.get("prompt"))
    if is_list(messages):
        row["messages"] = as_messages(messages)
    elif is_list(given) and any(isinstance(part, dict) for part in given):
        row["messages"] = as_messages(given)
    elif is_list(given):
        row["prompt"] = as_json(given) if all(isinstance(part, str) for part in given) else None
    elif isinstance(given, str):
        row["prompt"] = given
    return {name: value for name, value in row.items() if value is not None}


def answer_of_body(body: Any) -> Row:
    """What an answer tells of a call: its text, tokens and id; absent where it does not.

    Args:
        body: the decoded answer or its JSON text; of a stream the list of its events, or its text as it was sent.
    """
    body = decoded(body)
    if isinstance(body, str) and body.lstrip().startswith(("data:", "event:")):
        body = [decoded(line[5:].strip()) for line in body.splitlines() if line.startswith("data:")]
    if isinstance(body, str):
        return {"response": body} if body else {}
    events = [event for event in body if isinstance(event, dict)] if is_list(body) else [body]
    texts, row = [], Row()
    for event in events:
        if not isinstance(event, dict):
            continue
        text = answer_text(event)
        if text:
            texts.append(text)
        row |= {name: value for name, value in tokens_of(event).items() if value is not None}
        if isinstance(event.get("id"), str) and event["id"]:
            row.setdefault("links", [f"response:{event['id']}"])
    if texts:
        row["response"] = ("" if len(events) > 1 else "\n").join(texts)
    return row


def answer_text(body: Mapping[str, Any]) -> str:
    """Text of one answer or of one event of a stream; several choices line by line."""
    texts: list[str] = []
    for choice in (*items(body.get("choices")), *items(body.get("candidates"))):
        inner = first(choice, "message", "delta", "content")
        texts.append(content_text(first(inner, "content", "parts")) if isinstance(inner, dict) else "")
        if isinstance(choice.get("text"), str):
            texts.append(choice["text"])
    output = body.get("output")
    if isinstance(output, dict):  # Bedrock Converse
        message = output.get("message")
        texts.append(content_text(message.get("content")) if isinstance(message, dict) else "")
    texts += [content_text(part.get("content")) for part in items(output) if part.get("type") == "message"]
    if is_list(body.get("content")) or isinstance(body.get("content"), str):
        texts.append(content_text(body["content"]))
    delta = body.get("delta")
    if isinstance(delta, dict) and isinstance(delta.get("text"), str):
        texts.append(delta["text"])
    return "\n".join(text for text in texts if text)


def tokens_of(body: Mapping[str, Any]) -> Row:
    """Tokens in and out that an answer, or a usage object of its own, states."""
    usage = first(body, "usage", "usageMetadata", "usage_metadata")
    if not isinstance(usage, dict):
        usage = body
    return {
        "input_tokens": number(first(usage, "prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount")),
        "output_tokens": number(
            first(usage, "completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount")
        ),
    }


def as_messages(messages: Sequence[Any]) -> list[dict[str, Any]]:
    """Messages of any maker as {role, content}, those of the responses API that have no role among them.

    Args:
        messages: as found; what is no message is left out.
    """
    made: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, str):
            made.append({"role": "user", "content": message})
        if not isinstance(message, dict):
            continue
        kind = message.get("type")
        role = message.get("role")
        content = message["content"] if message.get("content") is not None else message.get("parts")
        if not isinstance(role, str):
            if kind in ("function_call", "reasoning", "computer_call", "custom_tool_call"):
                role, content = "assistant", content or ""
            elif isinstance(kind, str) and kind.endswith("_output"):
                role, content = "tool", message.get("output")
            elif content is not None:
                role = "user"  # Gemini leaves it out in calls of one turn
            else:
                continue
        made.append({"role": role, "content": content})
    return made


def system_text(value: Any) -> str | None:
    """System instructions: text, content parts, or an object with parts."""
    if isinstance(value, dict):
        value = first(value, "parts", "content", "text")
    return content_text(value) or None


def _conversation(body: Mapping[str, Any]) -> Any:
    found = first(body, *_SESSIONS)
    if isinstance(found, str | int):
        return found
    conversation = body.get("conversation")
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    metadata = body.get("metadata")
    inner = first(metadata, *_SESSIONS) if isinstance(metadata, dict) else None
    return next((value for value in (conversation, inner) if isinstance(value, str | int)), None)


def _end_user(body: Mapping[str, Any]) -> Any:
    metadata = body.get("metadata")
    inner = first(metadata, "user_id", "end_user_id") if isinstance(metadata, dict) else None
    return next((v for v in (first(body, "user", "safety_identifier"), inner) if isinstance(v, str) and v), None)


def _nested(body: Mapping[str, Any], names: Iterable[str]) -> Mapping[str, Any]:
    for name in names:
        found = body.get(name)
        if isinstance(found, dict):
            return found
    return {}


def first(record: Any, *names: str) -> Any:
    """Value of the first of these fields that is there and is neither null nor empty text; None where none is."""
    if isinstance(record, dict):
        get = record.get
        for name in names:
            value = get(name)
            if value is not None and value != "":
                return value
    return None


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none where the value is no list."""
    return [part for part in value if isinstance(part, dict)] if is_list(value) else []


def is_list(value: Any) -> bool:
    """Whether this is a list as JSON and Parquet give it."""
    return isinstance(value, list | tuple)


def number(value: Any) -> Any:
    """A number as it is; None for what is none, which an odd client may well send where a number is due."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and value == value and abs(value) < 2**53 else None


def decoded(value: Any) -> Any:
    """A value whose JSON text is decoded; text that is no JSON as it is."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        found = decode_json(value)
        return value if found is None else found
    return value


def as_json(value: Any) -> str | None:
    """JSON text of a value; text as it is, None for null and empty lists."""
    if value is None or value == [] or value == {}:
        return None
    if isinstance(value, str):
        return value
    try:
        return _ENCODER.encode(value)
    except (ValueError, RecursionError):
        return None
