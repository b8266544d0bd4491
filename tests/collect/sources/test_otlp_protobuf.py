"""OTLP protobuf gives the entries that OTLP JSON gives, and damage costs little; texts that Python wrote are read."""

from __future__ import annotations

import ast
import random
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collect.sources.otlp_dialect_records import AS_KVLIST, CURRENT, LITELLM
from tests.collect.sources.otlp_fixtures import (
    block,
    event,
    export,
    fixed,
    pairs,
    span,
    varint,
    write_json,
    write_protobuf,
)
from tests.collect.sources.reading import read_logs

from stillhunt.collect.decode.record_readers import Framed, messages
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.formats.otlp.attributes import Entry, python_value
from stillhunt.collect.formats.otlp.entries import Export, entries
from stillhunt.collect.formats.otlp.protobuf import protobuf_entries
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError
from stillhunt.collect.values.rejects import Rejects
from thoroughness import examples


def nested(levels: int) -> Any:
    value: Any = {"deep": 1}
    for level in range(levels):
        value = {"list": [value, "x", -1, 2.5, True, False, ""], "more": value if level < 3 else 0}
    return value


def exports() -> list[dict[str, Any]]:
    """Spans of several shapes, and a log record."""
    told = span(3, CURRENT, parent=2)
    told["events"] = [{"name": "gen_ai.content.prompt", "attributes": pairs({"gen_ai.prompt": "x"})}]
    odd = LITELLM | {"nested": nested(5), "none": [], "empty": {}, "no text": "", "small": -(2**63)}
    return [
        export([span(1, odd), span(2, AS_KVLIST), told], {"a": 1}),
        export([event(4, "gen_ai.user.message", {"content": ["a", {"b": nested(5)}], "role": "user"})]),
    ]


def framed(path: Path) -> list[bytes]:
    return [value or b"" for value, _reason, _copies in messages(iter([path.read_bytes()]), 1 << 20)]


def test_protobuf_gives_what_json_gives(tmp_path: Path) -> None:
    lines = write_json(tmp_path / "a.jsonl", exports()).read_bytes().splitlines()
    from_json = [entry for line in lines for entry in entries(msgspec.json.decode(line, type=Export))]
    found = [entry for message in framed(write_protobuf(tmp_path / "a.pb", exports())) for entry in entries(message)]
    assert found == from_json
    assert [entry.log for entry in found] == [False, False, False, True]
    assert found[2].events == (("gen_ai.content.prompt", {"gen_ai.prompt": "x"}),)


ONE_SPAN = block(1, b"\1" * 16) + block(2, b"\2" * 8)


def resource_spans(*spans: bytes) -> bytes:
    return block(1, block(1, block(1, "a") + block(2, block(1, "b")))) + block(2, b"".join(block(2, s) for s in spans))


MANY = 200_000
CALL = resource_spans(
    ONE_SPAN
    + fixed(7, 1_790_000_000_000_000_000)
    + b"".join(block(9, block(1, k) + block(2, block(1, v))) for k, v in CURRENT.items() if isinstance(v, str))
)


def test_empty_entries_of_one_message_are_one_object() -> None:
    message = block(2, block(2, b"") * MANY + block(2, ONE_SPAN) + block(2, block(1, b"")) * MANY)
    kept, empty = entries(message)
    assert (kept.trace, empty.empty) == (b"\1" * 16, 2 * MANY)


@pytest.mark.parametrize("short", [b"", block(2, b""), block(2, block(2, b"")), b"x" * 19])
@pytest.mark.parametrize("piece", [7, 1 << 16])
def test_messages_without_room_for_an_entry_are_counted_and_not_made(short: bytes, piece: int) -> None:
    many = MANY if piece > 100 else 50
    content = block(1, short) * many + block(1, CALL) + block(1, short) * many
    pieces = [content[at : at + piece] for at in range(0, len(content), piece)]
    made = list(messages(iter(pieces), 1 << 20))
    assert sum(copies for _value, _reason, copies in made) == 2 * many + 1
    assert [value for value, _reason, _copies in made if value] == [CALL]
    assert {reason for _value, reason, _copies in made} == {""}
    if piece > 100:
        assert len(made) < 3 * len(pieces) + 1


def test_a_log_full_of_nothing_counts_it(tmp_path: Path) -> None:
    nothing = block(1, block(2, block(2, b"") * MANY + block(2, ONE_SPAN)))
    (tmp_path / "a.pb").write_bytes(block(1, CALL) + nothing + block(1, b"") * MANY)
    read = read_logs(tmp_path / "a.pb")
    assert read.inputs[0].passed_over == {
        "a record without a call": MANY,
        "an entry without content": MANY,
        "a span that was read already": 1,
    }
    assert (len(read.rows), read.rejects) == (1, [])


def test_of_parts_that_are_no_call_none_is_kept() -> None:
    alive: weakref.WeakSet[PassedOverError] = weakref.WeakSet()
    most = 0

    def parts() -> Iterator[PassedOverError]:
        nonlocal most
        for _ in range(1000):
            part = PassedOverError("nothing", 3)
            alive.add(part)
            most = max(most, len(alive))
            yield part

    reader = RecordReader.__new__(RecordReader)
    reader.passed_over = Counter()
    assert reader._select_usable_calls(parts(), Framed("message 1", b"", b""), Rejects()) == []
    assert reader.passed_over == {"nothing": 3000}
    assert most <= 2


def attribute(key: bytes | str, value: bytes) -> bytes:
    return block(9, block(1, key) + block(2, value))


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (attribute("two", block(1, "x") + varint(3 << 3) + varint(7)), {"two": 7}),
        (attribute("bad", block(1, b"a\xffb")), {"bad": "a\ufffdb"}),
        (attribute(b"\xff", block(1, "x")), {"\ufffd": "x"}),
        (block(9, b"") + block(9, block(1, "no value")), {}),
        (attribute("far", varint(3 << 3) + b"\xff" * 9 + b"\x01"), {"far": -1}),
        (attribute("bytes", block(7, b"x")), {}),
        (varint(1000 << 3) + b"\x01", {}),
    ],
)
def test_odd_attributes_cost_nothing_else(odd: bytes, expected: dict[str, Any]) -> None:
    (entry,) = protobuf_entries(resource_spans(ONE_SPAN + attribute("kept", block(1, "y")) + odd))
    assert entry.attributes == {"kept": "y"} | expected
    assert (entry.log, entry.trace, entry.resource) == (False, b"\1" * 16, {"a": "b"})


def test_deep_values_are_cut_and_cost_nothing_else() -> None:
    value = block(1, "x")
    for _ in range(300):
        value = block(5, block(1, value))
    (entry,) = protobuf_entries(resource_spans(ONE_SPAN + attribute("deep", value) + attribute("kept", block(1, "y"))))
    assert entry.attributes["kept"] == "y"
    assert repr(entry.attributes["deep"]) == "[" * 16 + "None" + "]" * 16


def test_ids_of_another_length_or_of_zeros_are_none() -> None:
    (entry,) = protobuf_entries(resource_spans(block(1, b"\0" * 16) + block(2, b"short")))
    assert (entry.log, entry.trace, entry.span) == (False, b"", b"")


def test_entries_before_a_damaged_one_are_read() -> None:
    found = protobuf_entries(resource_spans(ONE_SPAN, ONE_SPAN + b"\x0a\x7f", ONE_SPAN))
    assert next(found).trace == b"\1" * 16
    with pytest.raises(BrokenRecordError, match="damaged protobuf"):
        next(found)


def test_attributes_that_are_not_needed_are_left_out() -> None:
    message = resource_spans(ONE_SPAN + attribute("a", block(1, "x")) + attribute("b", block(1, "y")))
    assert next(protobuf_entries(message, names=frozenset({"b"}))).attributes == {"b": "y"}
    assert next(protobuf_entries(message, skip=lambda *ids: ids == (b"\1" * 16, b"\2" * 8))).attributes == {}
    assert next(protobuf_entries(message, skip=lambda *_ids: False)).attributes == {"a": "x", "b": "y"}


@settings(
    derandomize=True,
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 2**32 - 1))
def test_damage_is_a_reject(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    data = bytearray(b"".join(framed(write_protobuf(tmp_path / "a.pb", exports()))))
    for _ in range(draw.randrange(1, 5)):
        place = draw.randrange(len(data))
        data[place : place + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
    try:
        found = list(protobuf_entries(bytes(data)))
    except BrokenRecordError:
        return
    assert all(isinstance(entry, Entry) for entry in found)


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
