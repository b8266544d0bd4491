"""Chat messages in a log: the new content of a call, and its system instructions."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from stillhunt.collect.values.fields import Column
from stillhunt.collect.values.json_values import decode_json
from stillhunt.collect.values.strings import text_buffers

SYSTEM_ROLES = frozenset(("system", "developer"))
ANSWER_ROLES = frozenset(("assistant", "model", "ai"))
_ASKING = frozenset(("user", "tool"))
"""The usual roles of messages to the model."""
_TEXT_PARTS = (None, "text", "input_text", "output_text")  # types of content parts that hold a text and nothing else
_IMAGE_FIELDS = (
    *("image_url", "url", "source", "data", "bytes", "image", "inlineData", "inline_data", "fileData", "file_data"),
    *("file_id", "fileUri", "file_uri", "s3Location", "uri"),
)
"""Fields of a part that lead to an image: its data, address or name."""
_ADDRESS_LENGTH = 8192  # Characters from which on a text is the image itself
MAX_PART_DEPTH = 8
"""Levels of nested content parts that are read; real ones have two."""
_OBJECT, _LIST, _TEXT = (dict, Mapping), (list, Sequence), (str, bytes)
"""The types that decoders give come first, since checking an abstract class costs ten times as much."""
_OPENING_BRACKET = 0x5B


class Chat(NamedTuple):
    """Text of one call: the new content, and the system instructions if the messages have any."""

    prompt: str | None
    system_prompt: str | None


def read_chat(value: Any) -> Chat | None:
    """New content and system text of {role, content} or {role, parts} in any form; None if it is no such list.

    New content is the run of user and tool messages after the last answer. If the call ends with an answer, which the
    model is to continue, it is the run before that answer.
    """
    if not isinstance(value, list):
        if isinstance(value, _TEXT):
            value = decode_json(value)
        if isinstance(value, _OBJECT):
            value = value.get("messages")
        if not isinstance(value, _LIST) or isinstance(value, _TEXT):
            return None
    if not value:
        return None
    system, run, before, has_content = [], list[Any](), list[Any](), False
    for message in value:
        if not isinstance(message, _OBJECT) or not isinstance(role := message.get("role"), str):
            return None
        has_content = has_content or "content" in message or "parts" in message
        if role not in _ASKING:
            role = role.lower()
            if role in SYSTEM_ROLES:
                system.append(message)
                continue
            if role in ANSWER_ROLES:
                if run:
                    before, run = run, []
                continue
        run.append(message)
    if not has_content:
        return None
    prompt = _join_message_texts(run or before)
    if prompt is None and (last := value[-1])["role"].lower() not in SYSTEM_ROLES:
        prompt = _text_of(last) or None  # only answers: odd, but a client must not hide text by its role
    return Chat(prompt, _join_message_texts(system) if system else None)


def _join_message_texts(messages: Sequence[Mapping[str, Any]]) -> str | None:
    if len(messages) == 1:
        return _text_of(messages[0]) or None
    return "\n".join([text for message in messages if (text := _text_of(message))]) or None


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if content is None:
        content = message.get("parts")
    return content if isinstance(content, str) else content_text(content)


def content_text(content: Any) -> str:
    """Text of one message: its text parts, one a line, and the number of its images with a name for what they are."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    texts: list[str] = []
    if isinstance(content, list):  # nearly always plain text parts
        for part in content:
            if not isinstance(part, dict) or part.get("type") not in _TEXT_PARTS:
                break
            if (text := part.get("text")) is None:
                text = part.get("content")  # as OpenTelemetry writes it
            if not isinstance(text, str):
                break
            if text:
                texts.append(text)
        else:
            return texts[0] if len(texts) == 1 else "\n".join(texts)
        texts = []
    images = list[Mapping[str, Any]]()
    _gather_content_texts(content, texts, images, MAX_PART_DEPTH)
    if images:
        texts.append(f"[images: {len(images)}{_name_images(images)}]")
    return texts[0] if len(texts) == 1 else "\n".join(texts)


def _gather_content_texts(content: Any, texts: list[str], images: list[Mapping[str, Any]], depth: int) -> None:
    if isinstance(content, str):
        if content:
            texts.append(content)
    elif depth == 0:
        return
    elif isinstance(content, _OBJECT):
        kind = content.get("type")
        if (isinstance(kind, str) and "image" in kind) or _is_image(content):
            images.append(content)
            return
        for key in ("text", "content", "result", "output", "toolResult", "functionResponse", "response"):
            if content.get(key) is not None:
                _gather_content_texts(content[key], texts, images, depth - 1)
                return
    elif isinstance(content, _LIST) and not isinstance(content, bytes):
        for part in content:
            _gather_content_texts(part, texts, images, depth - 1)


def _name_images(images: Sequence[Mapping[str, Any]]) -> str:
    """A short name for the data or addresses of some images, so that other images are another prompt; empty for none.

    Written as one token that is no number and no word, so that it is neither a topic nor lost among numbers.
    """
    held = [text for image in images for text in _image_texts(image, MAX_PART_DEPTH)]
    whole = "\0".join(map(_without_signature, held))
    return f", id_{blake2b(whole.encode('utf-8', 'replace'), digest_size=6).hexdigest()}" if held else ""


def _without_signature(text: str) -> str:
    """An address without its query where that is signed: the signature is new each time."""
    address, _, query = text.partition("?") if len(text) < _ADDRESS_LENGTH else (text, "", "")
    return address if "sig" in query.lower() else text


def _image_texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, _OBJECT) and depth > 0:
        for key in _IMAGE_FIELDS:
            if value.get(key):
                yield from _image_texts(value[key], depth - 1)


def _is_image(part: Mapping[str, Any]) -> bool:
    """Whether a part is an image as Bedrock (`image`) or Gemini (`inlineData`, `fileData`) writes it."""
    if isinstance(part.get("image"), _OBJECT):
        return True
    data = next((part[name] for name in ("inlineData", "inline_data", "fileData", "file_data") if name in part), None)
    kind = data.get("mimeType", data.get("mime_type")) if isinstance(data, _OBJECT) else None
    return isinstance(kind, str) and kind.startswith("image/")


def exchanges(messages: Any) -> int | None:
    """Position of a call in its conversation, from 0: the number of answers that were followed by a message."""
    if not isinstance(messages, _LIST) or isinstance(messages, str | bytes):
        return None
    found, answered = 0, False
    for message in messages:
        role = message.get("role") if isinstance(message, _OBJECT) else None
        if not isinstance(role, str):
            return None
        role = role.lower()
        if role in ANSWER_ROLES:
            answered = True
        elif role not in SYSTEM_ROLES:
            found += answered
            answered = False
    return found


def settle_messages(row: dict[str, Any]) -> None:
    """Replace a row's `messages` by prompt, system prompt and turn, as `fill_from_messages` would later.

    Messages are trees of small objects, which cost more memory and more time in Python's cycle collector than anything
    else in a batch. They stay as they are if the prompt could be mistaken for JSON later.

    Args:
        row: column of REQUESTS -> value; changed in place.
    """
    messages, prompt = row.get("messages"), row.get("prompt")
    if messages is None or (prompt is not None and prompt != ""):
        return
    chat, turn = _plain_chat(messages) or (read_chat(messages), exchanges(messages))
    row.setdefault("turn", turn)
    system = row.get("system_prompt")
    if chat is None or not (system is None or isinstance(system, str)):
        return
    prompt = chat.prompt
    if not prompt or prompt[0] == "[":
        return
    row["messages"], row["prompt"] = None, prompt if prompt.isascii() else _replace_surrogates(prompt)
    if not system:
        row["system_prompt"] = _replace_surrogates(chat.system_prompt)


def _plain_chat(messages: Any) -> tuple[Chat, int] | None:
    """Result of `read_chat` and `exchanges` in one pass, for messages of the usual shape; None for others."""
    if type(messages) is not list:
        return None
    run, before, system, turn = list[str](), list[str](), None, 0
    for message in messages:
        if type(message) is not dict:
            return None
        role = message.get("role")
        if role == "assistant":
            if run:
                before, run = run, []
            elif not before:
                return None
            continue
        content = message.get("content")
        if type(content) is not str:
            if type(content) is not list:
                return None
            content = content_text(content)
        if role == "user" or role == "tool":  # two comparisons are twice as fast as a set of two
            if before and not run:
                turn += 1
            run.append(content)
        elif role == "system" and system is None:
            system = content
        else:
            return None
    new = run or before
    prompt = new[0] if len(new) == 1 else "\n".join([text for text in new if text])
    return (Chat(prompt, system or None), turn) if prompt else None


def unfold_prompts(prompts: pa.Array, systems: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Replace prompts that are JSON chat arrays by their new content; rows with a system prompt keep it."""
    offsets, data = text_buffers(prompts)
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    rows = filled[data[offsets[:-1][filled]] == _OPENING_BRACKET].tolist()
    found = {row: chat for row in rows if (chat := read_chat(prompts[row].as_py()))}
    return _replace_chat_columns(prompts, systems, found)


def fill_from_messages(prompts: pa.Array, systems: pa.Array, messages: Column) -> tuple[pa.Array, pa.Array]:
    """Prompts and system prompts from a `messages` column, for rows without a prompt."""
    if not isinstance(messages, list) and messages.null_count == len(messages):
        return prompts, systems
    found: dict[int, Chat] = {}
    for row in np.flatnonzero(prompts.is_null().to_numpy(zero_copy_only=False)).tolist():
        value = messages[row] if isinstance(messages, list) else messages[row].as_py()
        if (chat := read_chat(value)) is not None:
            found[row] = chat
    return _replace_chat_columns(prompts, systems, found)


def _replace_chat_columns(prompts: pa.Array, systems: pa.Array, found: Mapping[int, Chat]) -> tuple[pa.Array, pa.Array]:
    if not found:
        return prompts, systems
    mask = np.zeros(len(prompts), np.bool_)
    mask[list(found)] = True
    ordered = [found[row] for row in sorted(found)]
    prompts = _overwrite_masked_values(prompts, mask, [_replace_surrogates(chat.prompt) for chat in ordered])
    free = mask & systems.is_null().to_numpy(zero_copy_only=False)
    new_systems = [_replace_surrogates(found[int(row)].system_prompt) for row in np.flatnonzero(free)]
    return prompts, _overwrite_masked_values(systems, free, new_systems)


def _replace_surrogates(text: str | None) -> str | None:
    return text if text is None or text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _overwrite_masked_values(
    values: pa.Array, mask: np.ndarray[tuple[int], np.dtype[np.bool_]], new: list[str | None]
) -> pa.Array:
    if not mask.any():
        return values
    places = np.arange(len(values))
    places[mask] = len(values) + np.arange(len(new))
    return pa.concat_arrays([values, pa.array(new, pa.large_string())]).take(pa.array(places))
