"""A span or a log record with plain attributes, and how instrumentations write values into them.

Values may be text: JSON, or the `repr` of Python lists and dictionaries. Lists may be one attribute for each field of
each item, such as `gen_ai.prompt.0.role`.
"""

import ast
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

Attributes: TypeAlias = dict[str, Any]
SkipAttributes: TypeAlias = Callable[[bytes, bytes], bool]
"""Trace id, span id -> whether the attributes of the span are not needed."""
TRACE_BYTES, SPAN_BYTES = 16, 8
STATUS_ERROR = 2
"""Status code of a span that failed (trace.proto)."""
SHORTEST_ENTRY = 16
"""Bytes below which a span or log record in protobuf has neither a trace id nor an attribute that matters."""
MAX_VALUE_DEPTH = 16
"""Levels of nested attribute values that are read; real logs have at most five."""


@dataclass(slots=True)
class Entry:
    """One span or one log record; fields that only the other kind has are empty."""

    log: bool = False
    trace: bytes = b""  # trace id, 16 bytes; empty if it has none
    span: bytes = b""  # span id, 8 bytes; empty if it has none
    parent: bytes = b""  # id of the span around it; empty if it has none
    name: str = ""  # of the span, or of the event
    # nanoseconds since 1970; 0 if unknown. For a log record when it happened, else when it was collected.
    start: int = 0
    attributes: Attributes = field(default_factory=dict)
    # name and attributes of each event of the span that concerns a model
    events: tuple[tuple[str, Attributes], ...] = ()
    body: Any = None
    scope: str = ""
    resource: Attributes = field(default_factory=dict)
    end: int = 0  # of the span, nanoseconds since 1970; 0 if unknown
    failure: str | None = None  # message in the status of a failed span; None if it did not fail
    empty: int = 0  # so many entries without content it stands for; 0 for one that has some


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
    if _bound_nesting_depth(text) > _MAX_REPR_DEPTH:
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


def _bound_nesting_depth(text: str) -> int:
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
    """A token as JSON writes it; a ValueError if JSON has no such token."""
    kind = token.lastgroup
    if kind == "single" or kind == "double":
        text = token[kind]
        return f'"{_ESCAPED.sub(_escape_quote, text)}"' if "\\" in text or '"' in text else f'"{text}"'
    if kind == "word":
        return _WORDS[token[0]]
    raise ValueError("not in JSON")


def _escape_quote(found: re.Match[str]) -> str:
    return "'" if found[1] == "'" else '\\"' if found[1] is None else found[0]


PROMPTS = "gen_ai.prompt."
COMPLETIONS = "gen_ai.completion."
INPUTS = "llm.input_messages."
OUTPUTS = "llm.output_messages."
EMBEDDED = "embedding.embeddings."
FUNCTIONS = "llm.request.functions."
TOOL_DEFINITIONS = "gen_ai.tool.definitions."
TOOLS = "llm.tools."
_PREFIXES = (PROMPTS, COMPLETIONS, INPUTS, OUTPUTS, EMBEDDED, FUNCTIONS, TOOL_DEFINITIONS, TOOLS)
_MAX_ITEMS = 10_000
_NUMBERED = re.compile(r"(\d{1,6})\.(.+)")
_MAX_CACHED_NAMES, _MAX_CACHED_CHARACTERS = 1 << 14, 128
_UNKNOWN = ("", 0, "")
_places: dict[str, tuple[str, int, str] | None] = {}
"""Name of an attribute -> prefix, number and rest: a log has few different names, and every call repeats them."""


class Numbered:
    """All such lists of one call, put together when the first one is needed."""

    __slots__ = ("_attributes", "_found")

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._attributes = attributes
        self._found: dict[str, dict[int, dict[str, Any]]] | None = None

    def of(self, prefix: str) -> list[dict[str, Any]]:
        """Items of a list in the order of their numbers, as rest of the attribute name -> value."""
        if self._found is None:
            self._found = self._group_numbered_attributes()
        found = self._found.get(prefix)
        return [found[index] for index in sorted(found)] if found else []

    def _group_numbered_attributes(self) -> dict[str, dict[int, dict[str, Any]]]:
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for name, value in self._attributes.items():
            place = _places.get(name, _UNKNOWN)
            if place is _UNKNOWN:
                place = _parse_numbered_name(name)
            if place is not None:
                _put_numbered_value(found.setdefault(place[0], {}), place[1], place[2], value)
        return found


def numbered(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Items of the list under any prefix, in the order of their numbers, as rest of the attribute name -> value."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if name.startswith(prefix):
            match = _NUMBERED.fullmatch(name, len(prefix))
            if match is not None:
                _put_numbered_value(found, int(match[1]), match[2], value)
    return [found[index] for index in sorted(found)]


def _put_numbered_value(found: dict[int, dict[str, Any]], index: int, rest: str, value: Any) -> None:
    one = found.get(index)
    if one is not None:
        one[rest] = value
    elif len(found) < _MAX_ITEMS:
        found[index] = {rest: value}


def _parse_numbered_name(name: str) -> tuple[str, int, str] | None:
    place = None
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            match = _NUMBERED.fullmatch(name, len(prefix))
            place = None if match is None else (prefix, int(match[1]), match[2])
    if len(name) <= _MAX_CACHED_CHARACTERS and len(_places) < _MAX_CACHED_NAMES:
        _places[name] = place
    return place
