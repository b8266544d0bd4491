"""Rows of a file of answers: where their values stand, so that all other bytes stay as they are."""

import json
import re

from stillhunt.tools import visible_id

LONGEST_ROW = 1 << 24
"""Bytes of a line that is looked into; a longer one is passed on."""
_LONGEST_ID = 10_000
_SURROGATE = re.compile("[\ud800-\udfff]")
"""One of a pair can be escaped in JSON, and is nothing in UTF-8."""
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


def account_of(value: object) -> str:
    """The id of an account as the tables of a case have it.

    Raises TypeError: it is neither a text nor an integer.
    """
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise TypeError("not an id")
    return visible_id(str(value)[:_LONGEST_ID])


def has_surrogate(text: str) -> bool:
    """Whether a text has one surrogate of a pair, which UTF-8 cannot hold."""
    return _SURROGATE.search(text) is not None


def value_places(text: str) -> dict[str, tuple[int, int]]:
    """Where the values of a JSON object stand.

    Returns:
        Name -> first character of its value, and the one after its last; of equal names the last.

    Raises:
        ValueError: it is no object.
        IndexError: it ends too early.
        RecursionError: it is nested too deeply.
    """
    places: dict[str, tuple[int, int]] = {}
    at = _expect_json_sign(text, _skip_json_space(text, 0), "{")
    if text[at] == "}":
        return places
    while True:
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str):
            raise ValueError("a name is a text")
        start = _expect_json_sign(text, _skip_json_space(text, at), ":")
        _, at = _DECODER.raw_decode(text, start)
        places[name] = (start, at)
        at = _skip_json_space(text, at)
        if text[at] == "}":
            if text[at + 1 :].strip(_SPACE):
                raise ValueError("more than one object")
            return places
        at = _expect_json_sign(text, at, ",")


def _expect_json_sign(text: str, at: int, sign: str) -> int:
    if text[at] != sign:
        raise ValueError(f"{sign} expected")
    return _skip_json_space(text, at + 1)


def _skip_json_space(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
