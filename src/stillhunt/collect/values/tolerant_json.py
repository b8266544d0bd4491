"""JSON that our decoder refuses and servers take: what a client adds to a call must not hide what it asks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

DEEPEST_JSON = 64
"""Levels of a JSON value that are read where it has more than a decoder can; real ones have ten."""
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]]', re.DOTALL)
_NGINX_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})|\\.")
r"""What nginx writes for a byte where its log_format has no `escape=json`, and what JSON allows behind a backslash."""


def decode_json(text: str | bytes) -> Any:
    """A JSON value, or None where the text is none; never raises, however deep or long."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return lenient_json(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def lenient_json(text: str) -> Any:
    """A JSON value as servers take it that are less strict than our decoder; None where it is none.

    Bare control characters, NaN and half surrogates are read, and what lies deeper than `DEEPEST_JSON` is null: whoever
    adds such things to a call must not hide by them what it asks.

    Args:
        text: of any length and depth.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        pass
    except ValueError:
        return None
    try:
        return json.loads(_shallow(text), strict=False)
    except (ValueError, RecursionError):
        return None


def _shallow(text: str) -> str:
    """The same with null for everything deeper than `DEEPEST_JSON` brackets."""
    parts, depth, start = [], 0, 0
    for token in _BRACKETS.finditer(text):
        bracket = token[0]
        if bracket in ("{", "["):
            depth += 1
            if depth == DEEPEST_JSON + 1:
                parts.append(text[start : token.start()])
        elif bracket in ("}", "]"):
            if depth == DEEPEST_JSON + 1:
                parts.append("null")
                start = token.end()
            depth -= 1
    parts.append(text[start:] if depth <= DEEPEST_JSON else "null")
    return "".join(parts)


def objects_in(text: str) -> Iterator[str]:
    """The texts of objects that stand one after the other, and of what stands between them but commas and blanks.

    Args:
        text: of any length and depth; what is not closed at its end is the last.
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


def lenient_object(data: bytes) -> dict[str, Any] | None:
    r"""A JSON object as `lenient_json` reads it, even with broken UTF-8 or nginx's \xHH; else None."""
    value = lenient_json(data.decode("utf-8", "replace").lstrip("\ufeff"))
    if value is None and b"\\x" in data:
        value = lenient_json(_NGINX_ESCAPE.sub(_json_escape, data).decode("utf-8", "replace"))
    return value if isinstance(value, dict) else None


def _json_escape(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[0]
    byte = bytes((int(found[1], 16),))
    return b"\\" + byte if byte in (b'"', b"\\") else b"\\u00" + found[1] if byte < b" " else byte


def strict_json(value: Any) -> str:
    """JSON text that any decoder takes: null for numbers that JSON has none for, U+FFFD for lone surrogates.

    Args:
        value: as Python's own decoder gave it, which takes more than others.

    Raises:
        RecursionError: it is nested too deeply.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value), parse_constant=lambda _name: None)
        text = json.dumps(finite, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
