"""What gateways ask in JSON: about one request, in our form or in that of LiteLLM's Generic Guardrail API."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from stillhunt.collect.formats.litellm.calls import customer_of


class Asked(msgspec.Struct):
    """The body of `POST /v1/decide`.

    Attributes:
        account_id: the account, as in the logs.
        model: that the request asks for.
        messages: of the request, in OpenAI's form; signatures are matched with them.
        texts: its texts, where there are no messages.
        user_agent: of the client.
        conversation_id: as in the logs.
    """

    account_id: str
    model: str = ""
    messages: list[Any] = []
    texts: list[str] = []
    user_agent: str | None = None
    conversation_id: str | None = None


class Guarded(msgspec.Struct):
    """What LiteLLM sends, as far as it is read; anything may be null."""

    request_data: dict[str, Any] | None = None
    request_headers: dict[str, Any] | None = None
    input_type: str | None = None
    model: str | None = None
    texts: list[Any] | None = None
    structured_messages: list[Any] | None = None
    litellm_trace_id: str | None = None


def asked_by_litellm(guarded: Guarded) -> Asked | None:
    """The question in what LiteLLM sends; None for answers of models, and where it names no account.

    Args:
        guarded: the body of its Generic Guardrail API.
    """
    if guarded.input_type == "response":
        return None
    data, headers = guarded.request_data or {}, guarded.request_headers or {}
    account, _key = customer_of(data.get("user_api_key_user_id"), data.get("user_api_key_hash"))
    if not isinstance(account, str):
        return None
    agent = headers.get("user-agent")
    texts = [text for text in guarded.texts or [] if isinstance(text, str)]
    return Asked(
        account_id=account,
        model=guarded.model or "",
        messages=_with_lost_texts(guarded.structured_messages or [], texts),
        texts=texts,
        user_agent=agent if isinstance(agent, str) else None,
        conversation_id=guarded.litellm_trace_id,
    )


def _with_lost_texts(messages: list[Any], texts: list[str]) -> list[Any]:
    """Messages with the texts that LiteLLM took out of them.

    It empties the content of a message if one of its parts is of a type, or has a value, that LiteLLM's own types do
    not know, such as a document, or an image with an odd detail. The texts of such a message are sent beside the
    messages only. They become the content of the last message that was emptied, so that a client cannot hide them.
    """
    emptied = [at for at, message in enumerate(messages) if _was_emptied(message)]
    if not emptied:
        return messages
    known = Counter(text for message in messages if isinstance(message, dict) for text in _texts_in(message))
    lost = []
    for text in texts:
        if known[text]:
            known[text] -= 1
        else:
            lost.append({"type": "text", "text": text})
    last = emptied[-1]
    return [*messages[:last], {**messages[last], "content": lost}, *messages[last + 1 :]]


def _was_emptied(message: Any) -> bool:
    return isinstance(message, dict) and message.get("content") == [] and message.get("role") != "assistant"


def _texts_in(message: dict[str, Any]) -> list[str]:
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    found = (part.get("text") for part in parts if isinstance(part, dict))
    return [text for text in found if isinstance(text, str)]
