"""Values inside a decoded record, as JSON, Parquet and CSV give them: finding them, reading them as text or number."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from stillhunt.collect.values.tolerant_json import decode_json

_LISTS, _NUMBERS = (list, tuple), (int, float)
_PAIR_LENGTH = 2
_MAX_EXACT_INTEGER = 2**53
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_PACK = msgspec.msgpack.Encoder().encode
_MAX_CACHED_TEXTS, _MAX_CACHED_BYTES = 512, 1 << 15
_json_texts: dict[bytes, str] = {}
"""MessagePack of a value -> its JSON text; at most 32 MB, since it is emptied when it is full."""


def first(record: Any, *names: str) -> Any:
    """Value of the first of these fields that is present and is neither null nor empty text.

    Args:
        record: an object; anything else has no fields.
        names: fields in the order in which they are tried.

    Returns:
        The value; None if no field has one.
    """
    if isinstance(record, dict):
        get = record.get
        for name in names:
            value = get(name)
            if value is not None and value != "":
                return value
    return None


def first_of(get: Callable[[str], Any], *names: str) -> Any:
    """As `first`, for a record that is known to be an object; faster.

    Args:
        get: the record's `get`.
        names: fields in the order in which they are tried.
    """
    for name in names:
        value = get(name)
        if value is not None and value != "":
            return value
    return None


def at(record: Any, path: str) -> Any:
    """Value at a dotted path; None if the path leads nowhere.

    Args:
        path: field names joined by dots.
    """
    for name in path.split("."):
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; empty if the value is not a list."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, _LISTS) else []


def is_list(value: Any) -> bool:
    """Whether a value is a list, as JSON and Parquet give it."""
    return isinstance(value, _LISTS)


def mapping(value: Any) -> Mapping[str, Any]:
    """An object, from an object, its JSON text or the list of pairs that a Parquet map becomes; else an empty one."""
    if not isinstance(value, dict):
        value = decoded(value)
    if isinstance(value, dict):
        return value
    if is_list(value) and all(
        is_list(pair) and len(pair) == _PAIR_LENGTH and isinstance(pair[0], str) for pair in value
    ):
        return dict(value)
    return {}


def text(value: Any) -> str | None:
    """A name or an id as text; None for empty text, and for truth values, lists and objects, which name nothing."""
    if value is None or isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else None


def number(value: Any) -> Any:
    """A number, also from its text; None for anything else, since a client may send what it likes."""
    if value is None or value is True or value is False:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, _NUMBERS) and -_MAX_EXACT_INTEGER < value < _MAX_EXACT_INTEGER else None


def decoded(value: Any) -> Any:
    """The value of a JSON text; any other value, and text that is not JSON, as it is."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        found = decode_json(value)
        return value if found is None else found
    return value


def as_json(value: Any) -> str | None:
    """JSON text of a value: text as it is, None for null and for empty lists and objects."""
    if not value and (value is None or value == [] or value == {}):
        return None
    if isinstance(value, str):
        return value
    try:
        # An application sends the same tools with every call, and packing them is faster than writing JSON.
        packed = _PACK(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _json_text(value)
    if len(packed) > _MAX_CACHED_BYTES:
        return _json_text(value)
    return _json_texts.get(packed) or _add_json_text(packed, value)


def _add_json_text(packed: bytes, value: Any) -> str | None:
    text = _json_text(value)
    if text is not None:
        if len(_json_texts) >= _MAX_CACHED_TEXTS:
            _json_texts.clear()
        _json_texts[packed] = text
    return text


def _json_text(value: Any) -> str | None:
    try:
        return _ENCODER.encode(value)
    except (ValueError, RecursionError):
        return None
