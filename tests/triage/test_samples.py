"""Excerpts mark what accounts share; the timeline loses no request."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.schema_case import SAMPLES, TIMELINE
from stillhunt.triage import sample_table, timeline_table
from thoroughness import examples

START = datetime(2026, 3, 2, tzinfo=UTC)
COLUMNS = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("account_id", pa.string()),
        ("request_id", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("prompt", pa.large_string()),
    ]
)


def prompts(*rows: tuple[str, str, str | None]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"campaign_id": c, "account_id": a, "request_id": f"r{n}", "timestamp": START, "prompt": text}
            for n, (c, a, text) in enumerate(rows)
        ],
        schema=COLUMNS,
    )


def marked(table: pa.Table) -> list[list[str]]:
    return [[row["text"][m["start"] : m["end"]] for m in row["marks"]] for row in table.to_pylist()]


def test_runs_that_two_accounts_share_are_marked() -> None:
    table = sample_table(
        prompts(
            ("c", "a1", "Alpha one: think step by step and answer in JSON. Zebra."),
            ("c", "a2", "Beta two; Think step by step and answer in JSON. Quokka."),
        ),
        chars=200,
    )
    assert SAMPLES.check(table).num_rows == 2
    assert marked(table) == [["think step by step and answer in JSON"], ["Think step by step and answer in JSON"]]


def test_what_one_account_repeats_is_not_shared() -> None:
    same = "think step by step and answer in JSON"
    assert marked(sample_table(prompts(("c", "a1", same), ("c", "a1", same)), chars=200)) == [[], []]


def test_campaigns_do_not_share_with_each_other() -> None:
    same = "think step by step and answer in JSON"
    assert marked(sample_table(prompts(("c", "a1", same), ("d", "a2", same)), chars=200)) == [[], []]


def test_scripts_without_spaces_are_marked() -> None:
    table = sample_table(
        prompts(("c", "a1", "甲:请逐步推理并给出答案。"), ("c", "a2", "乙:请逐步推理并给出答案!")), chars=200
    )
    assert marked(table) == [["请逐步推理并给出答案"], ["请逐步推理并给出答案"]]


def test_different_accounts_come_first_and_null_prompts_are_skipped() -> None:
    text = "one two three four five six"
    rows = [("c", "a1", text)] * 5 + [("c", "a2", text), ("c", "a3", None), ("c", "a4", text)]
    table = sample_table(prompts(*rows), chars=100, per_campaign=3)
    assert sorted(table["account_id"].to_pylist()) == ["a1", "a2", "a4"]


def test_order_of_prompts_changes_nothing() -> None:
    rows = prompts(
        *[("c", f"a{n % 4}", f"please solve task number {n} with all of the steps shown") for n in range(30)]
    )
    order = list(range(30))
    random.Random(2).shuffle(order)
    assert sample_table(rows, chars=80).equals(sample_table(rows.take(pa.array(order)), chars=80))


def test_a_long_template_leaves_room_for_what_is_asked() -> None:
    template = " ".join(f"rule{n} of the template holds" for n in range(60))
    rows = [("c", f"a{n}", f"{template} Task: name the capital of country number{n}") for n in range(3)]
    for row in sample_table(prompts(*rows), chars=200).to_pylist():
        assert len(row["text"]) <= 200
        assert row["text"].startswith("rule0 of the template holds rule1")
        assert re.search(r"Task: name the capital of country number\d$", row["text"])
        ((start, end),) = [(mark["start"], mark["end"]) for mark in row["marks"]]
        assert row["text"][start:end].endswith("Task: name the capital of country")


_TEXTS = st.lists(st.integers(0, 40), max_size=200).map(lambda words: " ".join(f"w{word}" for word in words))


@settings(derandomize=True, max_examples=examples(50, 1000), deadline=None)
@given(texts=st.lists(_TEXTS, min_size=2, max_size=4), shared=_TEXTS, chars=st.integers(40, 400))
def test_excerpts_are_bounded_and_their_marks_lie_on_shared_words(texts: list[str], shared: str, chars: int) -> None:
    rows = [("c", f"a{n}", f"{text} {shared} {text[::-1]}") for n, text in enumerate(texts)]
    for row in sample_table(prompts(*rows), chars=chars).to_pylist():
        spans = [place for mark in row["marks"] for place in (mark["start"], mark["end"])]
        assert len(row["text"]) <= chars
        assert spans == sorted(spans)
        assert not spans or spans[-1] <= len(row["text"])


def test_a_mark_far_into_the_prompt_is_shown() -> None:
    shared = "write down each of your steps"
    rows = [("c", f"a{n}", f"{f'own{n} ' * 200}{shared} and stop") for n in range(2)]
    assert marked(sample_table(prompts(*rows), chars=200)) == [[f"{shared} and stop"]] * 2


def timeline(rows: list[tuple[str, str, datetime]]) -> pa.Table:
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[], [], []]
    return timeline_table(
        pa.chunked_array([pa.array(columns[0], pa.string())]),
        pa.chunked_array([pa.array(columns[1], pa.string())]),
        pa.chunked_array([pa.array(columns[2], pa.timestamp("us", tz="UTC"))]),
    )


_ROW = st.tuples(
    st.sampled_from("cd"),
    st.sampled_from("xyz"),
    st.integers(-(10**9), 10**9).map(lambda s: START + timedelta(seconds=s)),
)


@settings(derandomize=True, max_examples=examples(40, 750), deadline=None)
@given(rows=st.lists(_ROW, max_size=60))
def test_timeline_agrees_with_counting_by_hand(rows: list[tuple[str, str, datetime]]) -> None:
    table = TIMELINE.check(timeline(rows))
    for campaign in {row[0] for row in rows}:
        own = [row for row in table.to_pylist() if row["campaign_id"] == campaign]
        starts = [row["bucket"] for row in own]
        assert len(own) <= 240
        assert starts == sorted(set(starts))
        for place, bucket in enumerate(own):
            until = starts[place + 1] if place + 1 < len(starts) else datetime.max.replace(tzinfo=UTC)
            inside = [row for row in rows if row[0] == campaign and bucket["bucket"] <= row[2] < until]
            assert bucket["requests"] == len(inside)
            assert bucket["accounts"] == len({row[1] for row in inside})
    assert table.num_rows == 0 or sum(table["requests"].to_pylist()) == len(rows)


@pytest.mark.parametrize(("days", "width"), [(0.1, 60), (1, 600), (9, 3600), (14, 10_800), (45, 21_600), (200, 86_400)])
def test_buckets_are_as_fine_as_fits(days: float, width: int) -> None:
    rows = [
        ("c", "x", START + timedelta(seconds=second)) for second in range(0, int(days * 86_400), max(60, width // 20))
    ]
    starts = timeline(rows)["bucket"].to_pylist()
    assert {(b - a).total_seconds() for a, b in pairwise(starts)} == {width}
