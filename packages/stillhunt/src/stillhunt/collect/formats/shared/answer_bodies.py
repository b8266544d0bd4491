"""Answers of model APIs -> columns of REQUESTS; recognised by their shape, as request bodies are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillhunt.collect.formats.shared import plain_bodies as plain
from stillhunt.collect.formats.source import Row
from stillhunt.collect.values.chat import content_text
from stillhunt.collect.values.json_values import decoded, first, first_of, is_list, items, number

_TOKENS_IN = ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount")
_TOKENS_OUT = ("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount")
_OTHER_ANSWERS = frozenset(("candidates", "output", "content", "delta"))
"""Fields that hold the text of an answer if `choices` does not."""


def answer_of_body(body: Any) -> Row:
    """Columns of a call from its answer: text, tokens and id; columns that the answer does not have are absent.

    Args:
        body: the decoded answer or its JSON text; for a stream the list of its events, or its text as it was sent.
    """
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
    return _streamed(items(body))


def _streamed(events: list[Mapping[str, Any]]) -> Row:
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
