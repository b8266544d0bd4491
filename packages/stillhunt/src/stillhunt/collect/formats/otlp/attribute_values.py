"""Attribute values that are written as text: JSON, and the `repr` of Python lists and dictionaries."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

import msgspec

_MAX_REPR_CHARACTERS = 1 << 18
_MAX_REPR_DEPTH = 24
_BRACKETS = re.compile(r"[\[{(\]})]")
_TOKEN = re.compile(
    r"""
      '(?P<single> [^'\\\x00-\x1f]* (?: \\[\\'"nrt] [^'\\\x00-\x1f]* )* )'
    | "(?P<double> [^"\\\x00-\x1f]* (?: \\[\\'"nrt] [^"\\\x00-\x1f]* )* )"
    | (?P<word> None | True | False )
    | (?P<other> \d{16,} | -0(?![.\d]) | [^\[\]{}:,\x200-9.eE+-] )
    """,
    re.VERBOSE,
)
r"""Tokens that Python writes otherwise than JSON; `other` would have another meaning in JSON, or none."""
_ESCAPED = re.compile(r'\\(.)|"')
_WORDS = {"None": "null", "True": "true", "False": "false"}
_NO_JSON = (msgspec.DecodeError, ValueError, RecursionError)


def value_of(value: Any) -> Any:
    """The list or object that a text holds as JSON or as Python's `repr`; any other value as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    if value[1:2] == "'":  # JSON cannot continue so
        return python_value(value)
    try:
        return msgspec.json.decode(value)
    except _NO_JSON:
        return python_value(value)


def python_value(text: str) -> Any:
    """The list or dictionary whose `repr` a text is; the text itself if it is not one, or is too long or too deep."""
    if len(text) > _MAX_REPR_CHARACTERS:
        return text
    if '"' not in text and "\\" not in text:
        plain = text.replace("'", '"')
        try:
            return msgspec.json.decode(plain)  # far faster than ast.literal_eval, with the same result
        except _NO_JSON:
            pass
        try:
            return json.loads(plain)
        except (ValueError, RecursionError):
            pass
    if _depth(text) > _MAX_REPR_DEPTH:
        return text
    try:
        return msgspec.json.decode(_TOKEN.sub(_as_json, text))
    except _NO_JSON:
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a log may contain invalid escapes
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _depth(text: str) -> int:
    """Upper bound of the nesting depth: brackets open at once, or all opening brackets if they are few."""
    opening = text.count("[") + text.count("{") + text.count("(")
    if opening <= _MAX_REPR_DEPTH:
        return opening
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{(" else -1
        deepest = max(deepest, depth)
    return deepest


def _as_json(token: re.Match[str]) -> str:
    """A token as JSON writes it.

    Raises:
        ValueError: JSON has no such token.
    """
    kind = token.lastgroup
    if kind == "single" or kind == "double":
        text = token[kind]
        return f'"{_ESCAPED.sub(_escape, text)}"' if "\\" in text or '"' in text else f'"{text}"'
    if kind == "word":
        return _WORDS[token[0]]
    raise ValueError("not in JSON")


def _escape(found: re.Match[str]) -> str:
    return "'" if found[1] == "'" else '\\"' if found[1] is None else found[0]
