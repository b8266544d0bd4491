"""What gateways ask in JSON: about one request, in our form or in that of LiteLLM's Generic Guardrail API."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any

import msgspec

from stillhunt.collect.formats.litellm.calls import customer_of

MOST_READ_BYTES = 256 << 10
"""JSON of messages and texts that is read while the gateway waits: 25 milliseconds of the worst that can be sent. What
is longer is matched with signatures when its record arrives."""
MOST_UNANSWERED = 1 << 40
"""Bound of such counts."""
_MOST_NAME_BYTES = 8 << 10
_NOTHING = msgspec.Raw(b"null")


class Unanswered(msgspec.Struct):
    """Questions whose answers a process of a gateway did not wait for; its requests passed, or were refused."""

    asker: Annotated[str, msgspec.Meta(max_length=32)]  # name that the process chose at its start
    total: Annotated[int, msgspec.Meta(ge=0, le=MOST_UNANSWERED)]
    # of them, those that an answered question has named already
    known: Annotated[int, msgspec.Meta(ge=0, le=MOST_UNANSWERED)] = 0


class GatewayQuestion(msgspec.Struct):
    """The body of `POST /v1/decide`; texts stay as they came until somebody wants them."""

    account_id: str
    model: str | None = ""  # that the request asks for
    messages: msgspec.Raw = _NOTHING  # of the request, in OpenAI's form; signatures are matched with them
    texts: msgspec.Raw = _NOTHING  # its texts, where there are no messages
    user_agent: str | None = None
    conversation_id: str | None = None
    # what the gateway tells of questions before this one; null where it tells nothing
    unanswered: Unanswered | None = None
    by_litellm: bool = False  # whether messages and texts are what LiteLLM sends

    def read(self) -> tuple[list[Any], list[str]]:
        """Messages and texts; none where they are too long to be read now."""
        if len(self.messages) + len(self.texts) > MOST_READ_BYTES:
            return [], []
        messages, texts = (msgspec.json.decode(raw) for raw in (self.messages, self.texts))
        said = [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
        shown = messages if isinstance(messages, list) else []
        return (_with_lost_texts(shown, said) if self.by_litellm else shown), said


class _Customer(msgspec.Struct):
    user_api_key_user_id: msgspec.Raw = _NOTHING
    user_api_key_hash: msgspec.Raw = _NOTHING


class _Headers(msgspec.Struct, rename={"user_agent": "user-agent"}):
    user_agent: msgspec.Raw = _NOTHING


class Guarded(msgspec.Struct):
    """What LiteLLM sends, as far as it is read; anything may be null."""

    request_data: _Customer | None = None
    request_headers: _Headers | None = None
    input_type: str | None = None
    model: str | None = None
    texts: msgspec.Raw = _NOTHING
    structured_messages: msgspec.Raw = _NOTHING
    litellm_trace_id: str | None = None


QUESTION_MEMBERS: dict[str, list[str]] = {name: [] for name in GatewayQuestion.__struct_encode_fields__}
"""What is read of a question; see `decoding.shrunk`."""
GUARDED_MEMBERS: dict[str, list[str]] = {
    **{name: [] for name in Guarded.__struct_encode_fields__},
    "request_data": list(_Customer.__struct_encode_fields__),
    "request_headers": list(_Headers.__struct_encode_fields__),
}
"""The same of what LiteLLM sends."""


def is_list_or_null(raw: msgspec.Raw) -> bool:
    """Whether a JSON value is a list or null."""
    return bytes(memoryview(raw)[:1]) in (b"[", b"n")


def asked_by_litellm(guarded: Guarded) -> GatewayQuestion | None:
    """The question in what LiteLLM sends; None for answers of models, and where it names no account."""
    if guarded.input_type == "response":
        return None
    data, headers = guarded.request_data or _Customer(), guarded.request_headers or _Headers()
    account, _key = customer_of(_decode_name(data.user_api_key_user_id), _decode_name(data.user_api_key_hash))
    if not isinstance(account, str):
        return None
    agent = _decode_name(headers.user_agent)
    return GatewayQuestion(
        account_id=account,
        model=guarded.model or "",
        messages=guarded.structured_messages,
        texts=guarded.texts,
        user_agent=agent if isinstance(agent, str) else None,
        conversation_id=guarded.litellm_trace_id,
        by_litellm=True,
    )


def _decode_name(raw: msgspec.Raw) -> Any:
    """A text of any length, or another short JSON value; None for one that is no name."""
    return msgspec.json.decode(raw) if len(raw) <= _MOST_NAME_BYTES or bytes(memoryview(raw)[:1]) == b'"' else None


def _with_lost_texts(messages: list[Any], texts: list[str]) -> list[Any]:
    """Messages with the texts that LiteLLM took out of them.

    If one part of a message is of a type, or has a value, that LiteLLM's own types do not know, such as a document or
    an image with an odd detail, the message loses that part and all parts before it. Their texts are sent beside the
    messages only. Without them, any client could hide what it asks.

    Args:
        messages: LiteLLM's `structured_messages`.
        texts: those of the whole messages, in their order.
    """
    kept = [(at, text) for at, message in enumerate(messages) for text in _texts_in(message)]
    if not messages or len(kept) >= len(texts):
        return messages
    lost: defaultdict[int, list[Any]] = defaultdict(list)
    found = begin = 0
    for text in texts:
        end, expected = kept[found] if found < len(kept) else (len(messages) - 1, None)
        if text == expected:
            found, begin = found + 1, end + 1
            continue
        places = (at for at in range(min(begin, end), end + 1) if isinstance(_content_of(messages[at]), list))
        if (place := next(places, None)) is not None:
            lost[place].append({"type": "text", "text": text})
    return [{**one, "content": lost[at] + one["content"]} if at in lost else one for at, one in enumerate(messages)]


def _texts_in(message: Any) -> list[str]:
    content = _content_of(message)
    parts = content if isinstance(content, list) else [{"text": content}]
    found = (part.get("text") for part in parts if isinstance(part, dict))
    return [text for text in found if isinstance(text, str)]


def _content_of(message: Any) -> Any:
    return message.get("content") if isinstance(message, dict) else None
