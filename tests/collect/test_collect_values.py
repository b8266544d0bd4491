"""Single values and whole columns: both ways accept the same and give the same."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.shape import TIMESTAMP
from stillhunt.collect.formats.shared.bodies import call_of_body
from stillhunt.collect.values.chat import Chat, exchanges, read_chat, settle_messages
from stillhunt.collect.values.fields import field_map, from_object, step_down
from stillhunt.collect.values.numbers import floats, integers, one_float, one_integer
from stillhunt.collect.values.rejects import Rejects
from stillhunt.collect.values.strings import bounded_texts, sample_text, short_strings
from stillhunt.collect.values.timestamps import (
    EARLIEST_REQUEST,
    BadValueError,
    TimeRange,
    many_times,
    one_time,
    time_range,
    times,
)
from thoroughness import examples

MOMENT = 1_767_225_600_123_456  # 2026-01-01T00:00:00.123456Z
ALLOWED = TimeRange(EARLIEST_REQUEST, MOMENT + 10**9)


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (1_767_225_600, MOMENT // 10**6 * 10**6),
        (1_767_225_600_123, MOMENT // 10**3 * 10**3),
        (MOMENT, MOMENT),
        (MOMENT * 1000 + 999, MOMENT),
        (1_767_225_600.123456, MOMENT),
        (1_767_225_600_123.456, MOMENT),
        ("1767225600", MOMENT // 10**6 * 10**6),
        ("1767225600.123456", MOMENT),
        ("2026-01-01T00:00:00.123456Z", MOMENT),
        ("2026-01-01 00:00:00.123456", MOMENT),
        ("2026-01-01 00:00:00.123456 UTC", MOMENT),
        ("2026-01-01T02:00:00.123456+02:00", MOMENT),
        ("2025-12-31T19:00:00.123456-0500", MOMENT),
        ("2026-01-01T00:00:00.123456789Z", MOMENT),
        ("20260101T000000.123456Z", MOMENT),
        (datetime(2026, 1, 1, 0, 0, 0, 123456), MOMENT),
        (datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC), MOMENT),
        (date(2026, 1, 1), MOMENT // 10**6 * 10**6),
        (Decimal("1767225600.123456"), MOMENT),
        (None, None),
        ("", None),
        (math.nan, None),
    ],
)
def test_times(value: Any, micros: int | None) -> None:
    assert one_time(value) == micros


@pytest.mark.parametrize("value", ["soon", "2026-13-01", True, [], {}, "1" * 65, math.inf, "2026-01-01T25:00:00"])
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(BadValueError):
        one_time(value)


def test_times_outside_the_range_are_refused_with_the_reason() -> None:
    limits = time_range(EARLIEST_REQUEST, 2.0)
    now = int(datetime.now(UTC).timestamp())
    column = pa.array([now, now + 86_400, now + 4 * 86_400, 1_400_000_000, 10**18 * 9, -5, 32_503_680_000])
    found, faults = times(column, limits)
    assert found.null_count == 5
    assert faults == {
        2: "time lies in the future",
        3: "time lies before 2015",
        4: "time lies in the future",
        5: "time lies before 2015",
        6: "time lies in the future",
    }


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_arrow_timestamps_of_any_unit_and_zone(unit: str, zone: str | None) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    column = pa.array([1_767_225_600 * per_second, None], pa.int64()).cast(pa.timestamp(unit, zone))
    found, faults = times(column, ALLOWED)
    assert found.type == TIMESTAMP
    assert found.cast(pa.int64()).to_pylist() == [1_767_225_600_000_000, None]
    assert not faults


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_arrow_timestamps_out_of_reach_do_not_wrap_into_valid_ones(unit: str) -> None:
    column = pa.array([2**63 - 1, -(2**63), 2**62 + 12345], pa.int64()).cast(pa.timestamp(unit))
    found, faults = times(column, ALLOWED)
    assert found.null_count == 3
    assert len(faults) == 3


TIME_TEXTS = st.one_of(
    st.sampled_from(
        ["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T10", "1767225600", "", "x", "0x10", "2026-01-01T00:00+0130"]
    ),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(str),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat),
)


@settings(derandomize=True, deadline=None, max_examples=examples(50))
@given(
    st.one_of(
        st.lists(TIME_TEXTS, min_size=1, max_size=4).map(lambda v: pa.array(v, pa.string())),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4).map(lambda v: pa.array(v, pa.int64())),
        st.lists(st.floats(-1e18, 1e18), min_size=1, max_size=4).map(lambda v: pa.array(v, pa.float64())),
    )
)
def test_columns_of_times_agree_with_single_values(column: pa.Array) -> None:
    fast = many_times(column)
    if fast is None:
        return
    micros, valid = fast
    for row, value in enumerate(column.to_pylist()):
        assert (int(micros[row]) if valid[row] else None) == one_time(value)


NUMBERS = st.one_of(
    st.none(),
    st.integers(-5, 2**66),
    st.floats(),
    st.booleans(),
    st.sampled_from(
        ["5", " 5 ", "5.0", "+5", "-5", "0x1F", "1_000", "1e3", "nan", "inf", "", "٣", "AS64500", "5.5", "1" * 50]
    ),
)


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_columns_of_numbers_agree_with_single_values(values: list[Any]) -> None:
    for column in columns_of(values):
        found, changes = integers(column, 64)
        assert found.to_pylist() == [singly(one_integer, v, 2**63 - 1) for v in values]
        assert sum(changes.values()) == sum(refused(one_integer, v, 2**63 - 1) for v in values)
        found, changes = floats(column)
        assert found.to_pylist() == [singly(one_float, v) for v in values]
        assert sum(changes.values()) == sum(refused(one_float, v) for v in values)


def columns_of(values: list[Any]) -> list[Any]:
    """The values as objects and, where they have one type, as Arrow."""
    kinds = {type(v) for v in values} - {type(None)}
    if len(kinds) != 1:
        return [values]
    try:
        return [values, pa.array(values)]
    except (pa.ArrowInvalid, OverflowError):
        return [values]


def singly(read: Any, value: Any, *more: Any) -> Any:
    return None if refused(read, value, *more) else read(value, *more)


def refused(read: Any, value: Any, *more: Any) -> bool:
    try:
        read(value, *more)
    except BadValueError:
        return True
    return False


def test_autonomous_systems_with_letters() -> None:
    assert integers(pa.array(["AS64500", "64501", "as7", None]), 64, prefix="AS")[0].to_pylist() == [
        64500,
        64501,
        7,
        None,
    ]


def test_ids_with_control_characters_stay_apart() -> None:
    values = ["a\x00b", "a\nb", "a\x00\ufffdb", "a\ufffd0;\x00b", "a\x00\x00b", "ab", "a\ufffdb", "aéb", "a\\x00b"]
    found = short_strings(pa.array(values), 64)[0].to_pylist()
    assert len(set(found)) == len(values)
    assert found[5:] == values[5:]


def test_short_strings_are_bounded_in_bytes_not_characters() -> None:
    found, changes, _broken = short_strings(pa.array(["é" * 32, "é" * 33, "ok"]), 64)
    assert changes == {"longer than 64 bytes, so cut, with a hash of all of it": 1}
    assert found.to_pylist() == [
        "é" * 32,
        f"{'é' * 15}~{blake2b(('é' * 33).encode(), digest_size=16).hexdigest()}",
        "ok",
    ]


LONG = st.builds(lambda head, middle, tail: head + middle + tail, *[st.text(max_size=80)] * 3)


@settings(derandomize=True, deadline=None, max_examples=examples(40))
@given(st.lists(LONG, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_short_strings_stay_apart_and_in_their_bound(values: list[str], draw: Random) -> None:
    """Equal ones stay equal, different ones different, whatever lies beside them."""
    values = [value for value in values if value]
    found = short_strings(pa.array(values, pa.string()), 64)[0].to_pylist()
    assert all(len(text.encode()) <= 64 for text in found)
    assert len(set(found)) == len(set(values))
    assert found == [short_strings(pa.array([value]), 64)[0][0].as_py() for value in values]
    mixed = draw.sample(values, len(values))
    assert short_strings(mixed, 64)[0].to_pylist() == [found[values.index(value)] for value in mixed]


@pytest.mark.parametrize("values", [["a", "\x00b", None, "é\u202e"], ["same", "same", "x\x7f", ""]])
def test_slices_and_dictionaries_read_as_plain_columns(values: list[str | None]) -> None:
    plain = short_strings(pa.array(values), 99)[0]
    padded = pa.array(["zz", "\x1b", *values, "\x1b"])
    assert short_strings(padded.slice(2, len(values)), 99)[0].equals(plain)
    assert short_strings(pa.array(values).dictionary_encode(), 99)[0].equals(plain)
    assert short_strings(pa.array(values, pa.string_view()), 99)[0].equals(plain)
    assert short_strings(pa.array(values, pa.large_string()), 99)[0].equals(plain)


def test_long_texts_are_sampled_at_head_middle_and_tail() -> None:
    body = "".join(f"<{n:06}>" for n in range(10_000))
    kept = sample_text(body.encode(), 3002, seed=1)
    head, middle, tail = kept.split("\n")
    assert body.startswith(head)
    assert body.endswith(tail)
    assert 1000 < body.index(middle) < len(body) - 2000
    assert sample_text(body.encode(), 3002, seed=1) == kept
    assert sample_text(body.encode(), 3002, seed=2) != kept


@settings(derandomize=True, deadline=None, max_examples=examples(40))
@given(st.lists(st.one_of(st.none(), st.text(max_size=400)), min_size=1, max_size=4), st.integers(40, 200))
def test_sampled_texts_stay_valid_and_bounded(texts: list[str | None], limit: int) -> None:
    found = bounded_texts(pa.array(texts, pa.large_string()), limit, 0).to_pylist()
    for text, kept in zip(texts, found, strict=True):
        if text is None or len(text.encode()) <= limit:
            assert kept == text
        else:
            assert len(kept.encode()) <= limit
            assert kept.count("\ufffd") <= text.count("\ufffd")


@pytest.mark.parametrize(
    ("messages", "chat"),
    [
        ([{"role": "user", "content": "one"}], Chat("one", None)),
        (
            [
                {"role": "user", "content": "1"},
                {"role": "assistant", "content": "2"},
                {"role": "tool", "content": "3"},
                {"role": "user", "content": "4"},
            ],
            Chat("3\n4", None),
        ),
        (
            [
                {"role": "developer", "content": "s"},
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "begin with"},
            ],
            Chat("u", "s"),
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image_url", "image_url": {}},
                        {"type": "input_text", "text": "b"},
                    ],
                }
            ],
            Chat("a\nb\n[images: 1]", None),
        ),
        (
            [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "r"}]}]}],
            Chat("r", None),
        ),
        ([{"role": "user", "parts": [{"type": "text", "content": "otel"}]}], Chat("otel", None)),
        ('[{"role": "user", "content": "as text"}]', Chat("as text", None)),
        ({"messages": [{"role": "user", "content": "in a body"}]}, Chat("in a body", None)),
        ([{"role": "assistant", "content": "only an answer"}], Chat("only an answer", None)),
        ([1, 2], None),
        ("[not json", None),
        ([{"name": "x"}], None),
        ([], None),
        ("plain", None),
        (None, None),
    ],
)
def test_chats(messages: Any, chat: Chat | None) -> None:
    assert read_chat(messages) == chat


def test_paths_into_nested_values() -> None:
    record = {"a": {"b": [{"c": 1}, {"c": 2}]}, "x.y": 3, "t": '{"u": {"v.w": 4}}', "m": None}
    found = {
        path: from_object(record, path)
        for path in ("a.b.1.c", "a.b.-1.c", "x.y", "t.u.v.w", "a.b.7", "a.q", "m.n", "a.b.c")
    }
    assert found == {
        "a.b.1.c": 2,
        "a.b.-1.c": 2,
        "x.y": 3,
        "t.u.v.w": 4,
        "a.b.7": None,
        "a.q": None,
        "m.n": None,
        "a.b.c": None,
    }
    assert step_down([("k", "v")], ["k"]) == "v"
    assert field_map(("model",), {"model": "a.b"}).candidates() == ("a", "a.b", "model")


def test_rejects_show_nothing_that_moves_a_cursor() -> None:
    rejects = Rejects()
    rejects.add("s\x1b", "p\r\n", "r\x00", "\x1b[2J" * 1000, rows=3)
    found = rejects.table().to_pylist()[0]
    assert (found["source"], found["place"], found["reason"]) == (r"s\x1b", r"p\x0d\x0a", r"r\x00")
    assert len(found["raw"]) == 200
    assert found["raw"].startswith(r"\x1b[2J")
    assert found["raw"].isprintable()
    assert rejects.rows == 3


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ('{"user": "jo@mail.example", "ip": "203.0.113.7"}', '{"user": "[e-mail]", "ip": "[address]"}'),
        ("2001:db8::1 - - [12/Mar/2026:10:11:12 +0000]", "[address] - - [12/Mar/2026:10:11:12 +0000]"),
        ("at 2026-03-12 10:11:12.123456 of 1.2.3 std::vector", "at 2026-03-12 10:11:12.123456 of 1.2.3 std::vector"),
        ("x" * 500 + " jo@mail.example", "x" * 149 + "…" + "x" * 41 + " [e-mail]"),
    ],
)
def test_rejects_hold_no_address(raw: str, kept: str) -> None:
    rejects = Rejects()
    rejects.add("s", "p", "r", raw)
    assert rejects.table()["raw"].to_pylist() == [kept]


def test_arrays_are_only_read() -> None:
    column = pa.array(["a\x00", "b"])
    before = column.to_pylist()
    short_strings(column, 64)
    assert column.to_pylist() == before
    assert np.array_equal(many_times(pa.array([1, 2]))[0], [10**6, 2 * 10**6])


@pytest.mark.parametrize(
    ("roles", "turn"),
    [
        ("system user", 0),
        ("user assistant user", 1),
        ("user assistant assistant tool assistant tool user", 2),
        ("user assistant", 0),  # the answer is to be continued
        ("user model user model user", 2),
        ("developer", 0),
    ],
)
def test_turn_is_how_often_an_answer_was_replied_to(roles: str, turn: int) -> None:
    messages = [{"role": role, "content": "words"} for role in roles.split()]
    assert exchanges(messages) == turn
    row = {"messages": messages}
    settle_messages(row)
    assert row["turn"] == turn


@pytest.mark.parametrize("messages", [None, "user", [{"content": "no role"}], [3], {"role": "user"}])
def test_what_is_no_conversation_has_no_turn(messages: object) -> None:
    assert exchanges(messages) is None


def test_the_logs_own_turn_is_kept() -> None:
    row = {"messages": [{"role": "user", "content": "words"}], "turn": 7}
    settle_messages(row)
    assert row["turn"] == 7


@pytest.mark.parametrize("link", [{"previous_response_id": "resp-1"}, {"conversation": {"id": "conv-1"}}])
def test_a_history_that_the_provider_keeps_has_no_known_turn(link: dict[str, object]) -> None:
    row = call_of_body({"input": [{"role": "user", "content": "and then?"}], **link})
    settle_messages(row)
    assert row["prompt"] == "and then?"
    assert row["turn"] is None
