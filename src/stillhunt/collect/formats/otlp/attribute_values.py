"""Values of attributes that are written as text: JSON, and what Python writes for its own lists and objects."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

import msgspec

_LONGEST_REPR = 1 << 18
_DEEPEST_REPR = 24
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
r"""What differs between Python's text and JSON's; `other` is what could mean something else in JSON, or nothing."""
_ESCAPED = re.compile(r'\\(.)|"')
_WORDS = {"None": "null", "True": "true", "False": "false"}
_NO_JSON = (msgspec.DecodeError, ValueError, RecursionError)


def value_of(value: Any) -> Any:
    """An attribute whose value is written as JSON, or as Python writes it, decoded; any other as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    if value[1:2] == "'":  # no JSON goes on like this
        return python_value(value)
    try:
        return msgspec.json.decode(value)
    except _NO_JSON:
        return python_value(value)


def python_value(text: str) -> Any:
    """What Python wrote with single quotes; the text where it is none, or longer or deeper than is read.

    Args:
        text: begins with a bracket.
    """
    if len(text) > _LONGEST_REPR:
        return text
    if '"' not in text and "\\" not in text:
        plain = text.replace("'", '"')
        try:
            return msgspec.json.decode(plain)  # the same in a small part of the time
        except _NO_JSON:
            pass
        try:
            return json.loads(plain)
        except (ValueError, RecursionError):
            pass
    if _depth(text) > _DEEPEST_REPR:
        return text
    try:
        return msgspec.json.decode(_TOKEN.sub(_as_json, text))
    except _NO_JSON:
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes, in a log's text
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _depth(text: str) -> int:
    """Brackets that are open at once, those in texts among them; or, where they are few, all that open."""
    opening = text.count("[") + text.count("{") + text.count("(")
    if opening <= _DEEPEST_REPR:
        return opening
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{(" else -1
        deepest = max(deepest, depth)
    return deepest


def _as_json(token: re.Match[str]) -> str:
    """One token in JSON.

    Raises:
        ValueError: it is none that both languages have.
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
