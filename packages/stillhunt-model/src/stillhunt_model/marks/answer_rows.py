"""Canaries in a file of answers: only those to the accounts of an order, all other bytes as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import BinaryIO

from stillhunt.tools import visible_id
from stillhunt_model.marks.canaries import canary_choices, canary_text
from stillhunt_model.marks.requests import mentions_safety, why_unmarked

LONGEST_ROW = 1 << 24
"""Bytes of a line that is looked into; a longer one is passed on."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some editors write it at the start of a file."""
_LONGEST_ID = 10_000
_SURROGATE = re.compile("[\ud800-\udfff]")
"""One of a pair can be escaped in JSON, and is nothing in UTF-8."""
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


@dataclass
class RowCounts:
    """What was done with a file, in numbers.

    Attributes:
        left_alone: those of these that get no mark: their prompt is refused, they mention safety, or UTF-8 cannot
            hold them.
        marked: those of these that hold at least one choice of wordings, as the key chooses it.
        unread: lines that are no JSON object with account_id, prompt and response; passed on as they are.
    """

    rows: int = 0
    of_campaign: int = 0
    left_alone: int = 0
    marked: int = 0
    choices: int = 0
    exchanged: int = 0
    unread: int = 0

    def as_dict(self) -> dict[str, int]:
        """The numbers by name."""
        return asdict(self)


def marked_rows(file: BinaryIO, key: bytes, is_meant: Callable[[str], bool], counts: RowCounts) -> Iterator[bytes]:
    """The lines of a file, with canaries in the answers to the accounts of an order.

    Args:
        file: JSON lines, each an object with account_id, prompt and response.

    Yields:
        Each line; all but the answer of a changed one is byte for byte as it was.
    """
    begins = True  # a line that is too long comes in pieces
    while line := file.readline(LONGEST_ROW + 1):
        if not counts.rows and line.startswith(_BYTE_ORDER_MARK):
            yield _BYTE_ORDER_MARK
            line = line.removeprefix(_BYTE_ORDER_MARK)
        counts.rows += begins
        yield _marked_row(line, key, is_meant, counts) if begins else line
        begins = line.endswith(b"\n")


def _marked_row(line: bytes, key: bytes, is_meant: Callable[[str], bool], counts: RowCounts) -> bytes:
    try:
        text = line.decode("utf-8") if len(line) <= LONGEST_ROW else ""
        values = value_places(text)
        prompt, response = (_decode_json_string(text, values[name]) for name in ("prompt", "response"))
        account = account_of(json.loads(text[slice(*values["account_id"])]))
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        counts.unread += bool(line.strip())
        return line
    if not is_meant(account):
        return line
    counts.of_campaign += 1
    if why_unmarked(prompt) is not None or mentions_safety(response) or has_surrogate(response):
        counts.left_alone += 1
        return line
    marked, changes = canary_text(key, response)
    choices = len(canary_choices(marked))
    counts.marked += bool(choices)
    counts.choices += choices
    counts.exchanged += changes
    if not changes:
        return line
    start, end = values["response"]
    written = json.dumps(marked, ensure_ascii=text.isascii())
    return f"{text[:start]}{written}{text[end:]}".encode()


def account_of(value: object) -> str:
    """The id of an account as the tables of a case have it.

    Raises:
        TypeError: it is neither a text nor an integer.
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


def _decode_json_string(text: str, place: tuple[int, int]) -> str:
    value = json.loads(text[place[0] : place[1]])
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _expect_json_sign(text: str, at: int, sign: str) -> int:
    if text[at] != sign:
        raise ValueError(f"{sign} expected")
    return _skip_json_space(text, at + 1)


def _skip_json_space(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
