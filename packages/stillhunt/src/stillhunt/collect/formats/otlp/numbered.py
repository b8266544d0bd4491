"""Lists that are written as one attribute for each field of each item, such as `gen_ai.prompt.0.role`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
            self._found = self._gathered()
        found = self._found.get(prefix)
        return [found[index] for index in sorted(found)] if found else []

    def _gathered(self) -> dict[str, dict[int, dict[str, Any]]]:
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for name, value in self._attributes.items():
            place = _places.get(name, _UNKNOWN)
            if place is _UNKNOWN:
                place = _place(name)
            if place is not None:
                _put(found.setdefault(place[0], {}), place[1], place[2], value)
        return found


def numbered(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Items of the list under any prefix, in the order of their numbers, as rest of the attribute name -> value."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if name.startswith(prefix):
            match = _NUMBERED.fullmatch(name, len(prefix))
            if match is not None:
                _put(found, int(match[1]), match[2], value)
    return [found[index] for index in sorted(found)]


def _put(found: dict[int, dict[str, Any]], index: int, rest: str, value: Any) -> None:
    one = found.get(index)
    if one is not None:
        one[rest] = value
    elif len(found) < _MAX_ITEMS:
        found[index] = {rest: value}


def _place(name: str) -> tuple[str, int, str] | None:
    place = None
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            match = _NUMBERED.fullmatch(name, len(prefix))
            place = None if match is None else (prefix, int(match[1]), match[2])
    if len(name) <= _MAX_CACHED_CHARACTERS and len(_places) < _MAX_CACHED_NAMES:
        _places[name] = place
    return place
