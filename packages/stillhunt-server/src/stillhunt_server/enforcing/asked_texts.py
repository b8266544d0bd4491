"""Texts of a request that waits at a gateway, as the readers of logs would make them of the same call.

Whatever a client may send is read: any JSON values, nested or long without end. Reading is bounded, and what is over a
bound is left to the hunt, which reads the log.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stillhunt.collect.formats.shared.bodies import as_messages
from stillhunt.collect.values.chat import read_chat
from stillhunt.collect.values.strings import sample_text

# Values in the messages of one request, nested ones too; messages with more are not read (a conversation of 2,000
# messages; an agent's have about 10 values each)
_MOST_PARTS = 20_000
# Characters in the messages, or in a plain text, of one request; longer ones are not read (two million tokens: hardly
# any model takes as many)
_MOST_CHARACTERS = 8 << 20


_NOTHING: list[Any] = []


class AskedTexts(NamedTuple):
    """System instructions and new content of a request; empty where there are none."""

    system_prompt: str
    prompt: str


def texts_of_messages(messages: Any, texts: Any = None) -> AskedTexts:
    """System prompt and prompt of chat messages, as the reader of LiteLLM's log makes them.

    Args:
        messages: LiteLLM's `structured_messages`, a list of {role, content: text or a list of parts}; any JSON value.
        texts: LiteLLM's `texts`, a list of strings without roles, which counts where the messages cannot be read: the
            last is taken for the prompt, and the first of several for the system prompt. It misleads where a
            conversation has no system prompt: its first turn is read again then, or an earlier text of its last one.
    """
    if isinstance(messages, list) and _is_bounded(messages):
        chat = read_chat(as_messages(messages))
        if chat is not None and (chat.prompt or chat.system_prompt):
            return AskedTexts(chat.system_prompt or "", chat.prompt or "")
    plain = texts if isinstance(texts, list) else _NOTHING
    first, last = (_plain_text(part) for part in (plain[:1], plain[-1:]))
    return AskedTexts(first if len(plain) > 1 else "", last)


def as_read(text: str, most_bytes: int, seed: int) -> bytes:
    """UTF-8 of a text as the readers of logs keep it: valid, and sampled where it is long.

    Args:
        text: lone surrogates become U+FFFD, one for each byte.
        seed: `Config.seed`, for the place of the middle sample.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = valid(text).encode()
    return data if len(data) <= most_bytes else sample_text(data, most_bytes, seed).encode()


def valid(text: str) -> str:
    """A text in which U+FFFD stands for lone surrogates, which JSON may hold and UTF-8 may not."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _plain_text(part: list[Any]) -> str:
    return part[0] if part and isinstance(part[0], str) and len(part[0]) <= _MOST_CHARACTERS else ""


def _is_bounded(messages: list[Any]) -> bool:
    """Whether messages have no more values and characters than are read; looks at no more than so many."""
    parts, characters = _MOST_PARTS, _MOST_CHARACTERS
    waiting: list[Any] = [messages]
    while waiting:
        value = waiting.pop()
        parts -= len(value)
        if parts < 0:
            return False
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, str):
                characters -= len(inner)
            elif isinstance(inner, dict | list):
                waiting.append(inner)
    return characters >= 0
