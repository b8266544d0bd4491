"""What is quick for common logs gives what reading with care gives: protobuf by kernel, and texts that Python wrote."""

from __future__ import annotations

import ast
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collect.sources.otlp_dialect_records import AS_KVLIST, CURRENT, LITELLM
from tests.collect.sources.otlp_fixtures import block, event, export, pairs, span, varint, write_protobuf

from stillhunt.collect.decode.protobuf_framing import messages
from stillhunt.collect.formats.otlp.attribute_values import python_value
from stillhunt.collect.formats.otlp.entry import Entry
from stillhunt.collect.formats.otlp.messages import wire_entries
from stillhunt.collect.formats.otlp.wire import entries_by_hand
from stillhunt.collect.formats.source import BrokenRecordError

NESTED: Any = {"deep": 1}
for _ in range(20):
    NESTED = {"list": [NESTED, "x", -1, 2.5, True], "more": NESTED if _ < 3 else 0}


def message(folder: Path) -> bytes:
    """One ResourceSpans message of all shapes, with log records after them."""
    told = span(3, CURRENT, parent=2)
    told["events"] = [{"name": "gen_ai.content.prompt", "attributes": pairs({"gen_ai.prompt": "x"})}]
    path = write_protobuf(
        folder / "a.pb",
        [
            export(
                [span(1, LITELLM | {"nested": NESTED, "none": [], "unsure": {}}), span(2, AS_KVLIST), told], {"a": 1}
            ),
            export([event(4, "gen_ai.user.message", {"content": ["a", {"b": NESTED}], "role": "user"})]),
        ],
    )
    found = [value for value, _reason in messages(iter([path.read_bytes()]), 1 << 20)]
    traces, logs = (value or b"" for value in found)
    return traces + logs.removeprefix(block(1, b""))


def outcome(found: Any) -> tuple[list[str], str]:
    made: list[Entry] = []
    try:
        made.extend(found)
    except BrokenRecordError as error:
        return [repr(entry) for entry in made], str(error)
    return [repr(entry) for entry in made], ""


def test_a_whole_message_is_read_alike(tmp_path: Path) -> None:
    whole = message(tmp_path)
    entries, reason = outcome(wire_entries(whole))
    assert (entries, reason) == outcome(entries_by_hand(whole))
    assert len(entries) == 4
    assert "gen_ai.content.prompt" in entries[2]


@pytest.mark.parametrize(
    "odd",
    [
        block(9, block(1, "twice") + block(1, "key") + block(2, block(1, "x"))),
        block(9, block(1, "two") + block(2, block(1, "x") + varint(3 << 3) + varint(7))),
        block(9, block(1, "far") + block(2, varint(3 << 3) + b"\xff" * 9 + b"\x7f")),
        block(9, block(1, "\ud800".encode("utf-8", "surrogatepass")) + block(2, block(1, b"\xff"))),
        block(9, b"") + block(9, block(2, block(1, "no key"))) + block(9, block(1, "no value") + block(2, b"")),
        block(1, b"\0" * 16) + block(2, b"short"),
        varint(7 << 3) + b"\xff" * 9 + b"\x01",
        varint(1 << 40) + b"\x01",
        b"\x0b",
    ],
)
def test_odd_fields_are_read_alike(odd: bytes) -> None:
    one = block(1, b"\1" * 16) + block(2, b"\2" * 8) + odd
    whole = block(1, block(1, block(1, "a") + block(2, block(1, "b")))) + block(2, block(2, one))
    assert outcome(wire_entries(whole)) == outcome(entries_by_hand(whole))


@settings(derandomize=True, max_examples=90, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1))
def test_damage_is_read_alike(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    data = bytearray(message(tmp_path))
    for _ in range(draw.randrange(1, 5)):
        place = draw.randrange(len(data))
        data[place : place + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
    assert outcome(wire_entries(bytes(data))) == outcome(entries_by_hand(bytes(data)))


@pytest.mark.parametrize(
    "text",
    [
        "{'a': \"it's\", 'b': [None, True, 1.5, -2, 'x\"y', 'tab\\t', 'back\\\\slash', 'quote\\'s']}",
        "['\\x41', '\\u0041', \"\\'\"]",
        "[1, 'a' 'b', \"c\"]",
        "{1: 'a', (2, 3): \"b\"}",
        "[b'x', \"y\"]",
        '[123456789012345678901234567890, -0, 1_000, 0x10, 1e400, "y"]',
        "['a\tb', \"c\"]",
        "['\ud83d\ude00', \"\\ud83d\\ude00\"]",
        "[\"NaN\", {'a': {}, 'b': []}]",
    ],
)
def test_what_python_wrote_is_what_python_reads(text: str) -> None:
    try:
        expected = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        expected = text
    assert repr(python_value(text)) == repr(expected)


NOT_PYTHON = ["['a', true, \"b\"]", "['a\n', \"b\"]", "{'a': NaN, \"b\": 1}", "['a\0', \"b\"]", "['a"]


@pytest.mark.parametrize("text", NOT_PYTHON)
def test_what_python_does_not_read_stays_text(text: str) -> None:
    assert python_value(text) == text
