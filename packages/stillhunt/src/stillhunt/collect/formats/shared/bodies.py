"""Request and answer bodies of model APIs -> columns of REQUESTS.

Bodies are recognised by their shape and not by the request path, because gateways rewrite paths: OpenAI chat,
completions, responses and embeddings; Anthropic messages; Gemini generateContent; Bedrock Converse and InvokeModel
(whose body is that of the model's vendor). Field names are those of the vendors' API references.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from stillhunt.collect.formats.shared import plain_bodies as plain
from stillhunt.collect.formats.source import Row
from stillhunt.collect.values.chat import content_text
from stillhunt.collect.values.json_values import as_json, decode_json, decoded, first, first_of, is_list, items, number
from stillhunt.collect.values.other_settings import other_settings

_OTHER_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens_to_sample", "maxOutputTokens", "maxTokens")
"""Other names of max_tokens."""
_CONFIGS = ("generationConfig", "generation_config", "inferenceConfig", "config")
_RARE_OPTIONS = frozenset(
    (
        *_CONFIGS,
        *_OTHER_LIMITS,
        *("topP", "toolConfig", "functions", "instructions", "systemInstruction", "system_instruction"),
        *("previous_response_id", "conversation"),
    )
)
"""Options under names that few bodies use. Without any of them, four look-ups find all options of a body."""
_MAX_CACHED_TEXTS, _MAX_CACHED_BYTES = 512, 1 << 15
"""Tools of request bodies whose JSON text is kept, and the length of the longest: 16 MB at most, and its texts."""
_LISTS, _NUMBERS, _NAMES = (list, tuple), (int, float), (str, int)
_SESSIONS = ("session_id", "sessionId", "conversation_id", "litellm_session_id", "thread_id")
_NAMING = frozenset((*_SESSIONS, "conversation", "metadata", "safety_identifier"))
"""Fields in which a body names its session, or its user other than in `user`."""
ASKED = frozenset(("messages", "contents", "prompt", "input"))
"""Fields that hold the question; an object with one of them is taken for a request body."""


def call_of_body(body: Any) -> Row:
    """Columns of a call from its request body, decoded or as JSON text; columns that it does not have are absent."""
    if not isinstance(body, dict):
        found = plain.body_of_text(body) if isinstance(body, str) else body
        if isinstance(found, plain.Body):
            return _call_of_plain(found)
        body = decoded(body)
        if not isinstance(body, dict):
            return {}
    row, get = options_of_body(body), body.get
    if (model := get("model") or first(body, "model", "modelId")) is not None:
        row["model"] = model
    if not _NAMING.isdisjoint(body) and (session := _find_conversation_name(body)) is not None:
        row["conversation_id"] = session
    if (user := _end_user(body)) is not None:
        row["end_user_id"] = user
    messages = get("messages") or first(body, "messages", "contents")
    if isinstance(messages, _LISTS):
        row["messages"] = as_messages(messages)
        return row
    given: Any = body.get("input", body.get("prompt"))
    if isinstance(given, str):
        row["prompt"] = given
    elif is_list(given) and any(isinstance(part, dict) for part in given):
        row["messages"] = as_messages(given)
    elif is_list(given) and all(isinstance(part, str) for part in given) and (text := as_json(given)) is not None:
        row["prompt"] = text
    return row


def _call_of_plain(body: plain.Body) -> Row:
    row = options_of_body(body)
    if body.model:
        row["model"] = body.model
    user = body.user or body.safety_identifier
    if body.metadata:
        names = {"user": user, "metadata": body.metadata}
        if (session := _find_conversation_name(names)) is not None:
            row["conversation_id"] = session
        user = _end_user(names)
    if user:
        row["end_user_id"] = user
    if not body.messages or not plain.add_chat(row, body.messages):
        row["messages"] = as_messages(msgspec.to_builtins(body.messages))
    return row


def _options_of_plain(body: plain.Options) -> Row:
    row = Row()
    if body.temperature is not None:
        row["temperature"] = body.temperature
    if body.top_p is not None:
        row["top_p"] = body.top_p
    if (most := body.max_completion_tokens if body.max_tokens is None else body.max_tokens) is not None:
        row["max_tokens"] = most
    if (raw := bytes(body.tools)) and (
        tools := (_cached_tools_text if len(raw) <= _MAX_CACHED_BYTES else _tools_text)(raw)
    ) is not None:
        row["tools"] = tools
    if body.system:
        row["system_prompt"] = body.system
    if plain.has_other_settings(body):
        given = {name: getattr(body, name) for name in plain.OTHER_SETTINGS}
        if (settings := other_settings(given)) is not None:
            row["other_settings"] = settings
    return row


def _tools_text(raw: bytes) -> str | None:
    return as_json(decode_json(raw) or None)


_cached_tools_text = lru_cache(_MAX_CACHED_TEXTS)(_tools_text)


def options_of_body(body: Mapping[str, Any] | plain.Options) -> Row:
    """Only the options of a request body: sampling, tools and system instructions; see `call_of_body`."""
    if isinstance(body, plain.Options):
        return _options_of_plain(body)
    get, row = body.get, Row()
    if _RARE_OPTIONS.isdisjoint(body):
        for name in ("temperature", "top_p", "max_tokens"):
            if (value := get(name)) is not None and (value := number(value)) is not None:
                row[name] = value
    else:
        _add_rare_options(row, body)
    if (value := as_json(get("tools") or get("toolConfig") or get("functions"))) is not None:
        row["tools"] = value
    value = get("system") or get("instructions") or get("systemInstruction") or get("system_instruction")
    if value and (value := system_text(value)) is not None:
        row["system_prompt"] = value
    if (settings := other_settings(body)) is not None:
        row["other_settings"] = settings
    return row


def _add_rare_options(row: Row, body: Mapping[str, Any]) -> None:
    get = body.get
    nested = next((found for name in _CONFIGS if isinstance(found := get(name), dict)), None)
    setting = {**nested, **body}.get if nested else get
    if (value := number(setting("temperature"))) is not None:
        row["temperature"] = value
    if (value := number(setting("top_p") or first_of(setting, "top_p", "topP"))) is not None:
        row["top_p"] = value
    if (value := number(setting("max_tokens") or first_of(setting, "max_tokens", *_OTHER_LIMITS))) is not None:
        row["max_tokens"] = value
    if get("previous_response_id") or get("conversation"):
        row["turn"] = None  # the provider keeps the history, whose length the log does not show


def as_messages(messages: Sequence[Any]) -> list[Any]:
    """Messages of any vendor's API as objects with role and content; others go, and a missing role is inferred."""
    made: list[Any] = []
    for message in messages:
        if isinstance(message, dict):
            if isinstance(message.get("role"), str) and message.get("content") is not None:
                made.append(message)  # the usual case
            elif (other := _as_message(message)) is not None:
                made.append(other)
        elif isinstance(message, str):
            made.append({"role": "user", "content": message})
    return made


def _as_message(message: Mapping[str, Any]) -> dict[str, Any] | None:
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
            return None
    return {"role": role, "content": content}


def system_text(value: Any) -> str | None:
    """System instructions: text, content parts, or an object with parts."""
    if isinstance(value, dict):
        value = first(value, "parts", "content", "text")
    return content_text(value) or None


def _find_conversation_name(body: Mapping[str, Any]) -> Any:
    found = first_of(body.get, *_SESSIONS)
    if isinstance(found, _NAMES):
        return found
    conversation = body.get("conversation")
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    if isinstance(conversation, _NAMES):
        return conversation
    metadata = body.get("metadata")
    inner = first(metadata, *_SESSIONS) if metadata else None
    return inner if isinstance(inner, _NAMES) else None


def _end_user(body: Mapping[str, Any]) -> str | None:
    found = body.get("user") or first(body, "user", "safety_identifier")
    if not found or not isinstance(found, str):
        metadata = body.get("metadata")
        found = first(metadata, "user_id", "end_user_id") if metadata else None
    return found if found and isinstance(found, str) else None


_TOKENS_IN = ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount")
_TOKENS_OUT = ("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount")
_OTHER_ANSWERS = frozenset(("candidates", "output", "content", "delta"))
"""Fields that hold the text of an answer if `choices` does not."""


def answer_of_body(body: Any) -> Row:
    """Text, tokens and id from an answer, its JSON text, or a stream's text or events; absent if it has none."""
    if not isinstance(body, dict):
        found = plain.answer_of_text(body) if isinstance(body, str) else body
        if isinstance(found, plain.Answer):
            return plain.columns_of(found)
        body = decoded(body)
    if isinstance(body, dict):
        row = _tokens_and_id(body)
        if text := answer_text(body):
            row["response"] = text
        return row
    if isinstance(body, str) and body.lstrip().startswith(("data:", "event:")):
        body = [decoded(line[5:].strip()) for line in body.splitlines() if line.startswith("data:")]
    if isinstance(body, str):
        return {"response": body} if body else {}
    return _assemble_streamed_answer(items(body))


def add_answer(row: Row, answered: Row, read: Any = None, written: Any = None) -> Row:
    """The row with the text, the links and, where the log itself does not state them, the tokens of its answer."""
    row["response"] = answered.get("response")
    row["input_tokens"] = answered.get("input_tokens") if read is None else read
    row["output_tokens"] = answered.get("output_tokens") if written is None else written
    row["links"] = row.get("links", []) + answered.get("links", [])
    return row


def _assemble_streamed_answer(events: list[Mapping[str, Any]]) -> Row:
    """Columns from the events of a stream: text comes in parts; OpenAI's responses API repeats all of it at the end."""
    texts, row = list[str](), Row()
    for event in events:
        kind, complete, delta = event.get("type"), event.get("response"), event.get("delta")
        if isinstance(complete, dict) and kind in ("response.completed", "response.incomplete"):
            return answer_of_body(complete)
        if isinstance(delta, str) and kind == "response.output_text.delta":
            texts.append(delta)
        elif text := answer_text(event):
            texts.append(text)
        begun = event.get("message")
        if kind == "message_start" and isinstance(begun, dict):
            row = _tokens_and_id(begun)  # Anthropic sends the id and the input tokens at the beginning
        row = row | _tokens_and_id(event) | ({"links": row["links"]} if "links" in row else {})
    if texts:
        row["response"] = "".join(texts)
    return row


def _tokens_and_id(body: Mapping[str, Any]) -> Row:
    """Tokens and id of an answer, or of one event of a stream, as far as it has them."""
    row = {name: value for name, value in tokens_of(body).items() if value is not None}
    identity = body.get("id")
    if isinstance(identity, str) and identity:
        row["links"] = [f"response:{identity}"]
    return row


def answer_text(body: Mapping[str, Any]) -> str:
    """Text of one answer, or of one event of a stream; several choices are joined by line breaks."""
    get = body.get
    texts: list[str] = []
    if choices := get("choices"):
        _choice_texts(choices, texts)
    if _OTHER_ANSWERS.isdisjoint(body):
        return texts[0] if len(texts) == 1 else "\n".join([text for text in texts if text])
    if choices := get("candidates"):
        _choice_texts(choices, texts)
    if output := get("output"):
        if isinstance(output, dict):  # Bedrock Converse
            message = output.get("message")
            texts.append(content_text(message.get("content")) if isinstance(message, dict) else "")
        texts += [content_text(part.get("content")) for part in items(output) if part.get("type") == "message"]
    if isinstance(content := get("content"), str) or is_list(content):
        texts.append(content_text(content))
    delta = get("delta")
    if isinstance(delta, dict) and isinstance(delta.get("text"), str):
        texts.append(delta["text"])
    return texts[0] if len(texts) == 1 else "\n".join([text for text in texts if text])


def _choice_texts(choices: Any, texts: list[str]) -> None:
    for choice in items(choices):
        inner = choice.get("message") or first(choice, "message", "delta", "content")
        if isinstance(inner, dict):
            content = inner.get("content") or first(inner, "content", "parts")
            texts.append(content if isinstance(content, str) else content_text(content))
        if isinstance(text := choice.get("text"), str):
            texts.append(text)


def tokens_of(body: Mapping[str, Any]) -> Row:
    """Input and output tokens of an answer, or of a usage object by itself."""
    usage = body.get("usage") or first(body, "usage", "usageMetadata", "usage_metadata")
    get = usage.get if isinstance(usage, dict) else body.get
    return {
        "input_tokens": number(get("prompt_tokens") or first_of(get, *_TOKENS_IN)),
        "output_tokens": number(get("completion_tokens") or first_of(get, *_TOKENS_OUT)),
    }
