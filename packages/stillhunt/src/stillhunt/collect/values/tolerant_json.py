"""JSON that the decoder refuses but model servers accept, so that no client can hide a call by sending it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

MAX_JSON_DEPTH = 64
"""Levels that are read of a JSON value with more than a decoder can handle; real ones have ten."""
MAX_INTEGER_DIGITS = 400
"""Digits that are read of an integer. Derived: from 1e309 on a float is infinite, and Python refuses 4,300 digits."""
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]]', re.DOTALL)
_NGINX_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})|\\.")
r"""A byte as nginx writes it if its log_format lacks `escape=json`, or any escape of JSON."""


def decode_json(text: str | bytes) -> Any:
    """A JSON value; None if the text is not JSON. Never raises, however deep or long the text is."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return tolerant_value(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def tolerant_value(text: str) -> Any:
    """A JSON value as tolerant servers accept it; None if the text is not JSON.

    Control characters, NaN and lone surrogates are accepted, and values deeper than `MAX_JSON_DEPTH` become null:
    nobody may hide a question by adding such things to a call.

    Args:
        text: of any length and depth.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text, strict=False, parse_int=bounded_integer)
    except RecursionError:
        pass
    except ValueError:
        return None
    try:
        return json.loads(_shallow(text), strict=False, parse_int=bounded_integer)
    except (ValueError, RecursionError):
        return None


def bounded_integer(digits: str) -> int | float:
    """An integer of JSON; infinity if it has more digits than any column holds, since Python may refuse those."""
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float(digits)


def _shallow(text: str) -> str:
    """A JSON text with null in place of everything deeper than `MAX_JSON_DEPTH` brackets."""
    parts, depth, start = [], 0, 0
    for token in _BRACKETS.finditer(text):
        bracket = token[0]
        if bracket in ("{", "["):
            depth += 1
            if depth == MAX_JSON_DEPTH + 1:
                parts.append(text[start : token.start()])
        elif bracket in ("}", "]"):
            if depth == MAX_JSON_DEPTH + 1:
                parts.append("null")
                start = token.end()
            depth -= 1
    parts.append(text[start:] if depth <= MAX_JSON_DEPTH else "null")
    return "".join(parts)


def objects_in(text: str) -> Iterator[str]:
    """Texts of objects that follow each other, and of what lies between them except commas and blanks.

    Args:
        text: of any length and depth; an object that is not closed at the end is the last one.
    """
    depth = start = 0
    for token in _BRACKETS.finditer(text):
        if token[0] in ("{", "["):
            if depth == 0 and (between := text[start : token.start()].strip(" \t\r\n,\x1e")):
                yield between
            start = token.start() if depth == 0 else start
            depth += 1
        elif token[0] in ("}", "]") and depth > 0:
            depth -= 1
            if depth == 0:
                yield text[start : token.end()]
                start = token.end()
    if rest := text[start:].strip(" \t\r\n,\x1e"):
        yield rest


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def tolerant_object(data: bytes) -> dict[str, Any] | None:
    r"""A JSON object as `tolerant_value` reads it, even with broken UTF-8 or nginx's \xHH; else None."""
    value = tolerant_value(data.decode("utf-8", "replace").lstrip("\ufeff"))
    if value is None and b"\\x" in data:
        value = tolerant_value(_NGINX_ESCAPE.sub(_json_escape, data).decode("utf-8", "replace"))
    return value if isinstance(value, dict) else None


def _json_escape(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[0]
    byte = bytes((int(found[1], 16),))
    return b"\\" + byte if byte in (b'"', b"\\") else b"\\u00" + found[1] if byte < b" " else byte


def strict_json(value: Any) -> str:
    """JSON text that any decoder accepts: null for NaN and infinity, U+FFFD for lone surrogates.

    Args:
        value: from Python's own decoder, which accepts more than others.

    Raises:
        RecursionError: it is nested too deeply.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value), parse_constant=lambda _name: None)
        text = json.dumps(finite, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
