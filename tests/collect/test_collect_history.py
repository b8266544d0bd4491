"""Resent history: against a plain search over all pairs, and the cases that must not be taken for it."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from gathering import START, collected, config, content, row, write_parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.collect.history.resent_prefixes import (
    MAX_CONTINUATIONS,
    MIN_BYTES_WITHOUT_CONVERSATION,
    SEEN_BITS,
    row_orders,
)
from thoroughness import examples

LONG = "a complete earlier prompt that is longer than sixty-four bytes, by some margin; "


def expected_rests(rows: list[dict[str, Any]]) -> list[str]:
    """What is new in each prompt, by comparing every pair of rows."""

    def order(r: dict[str, Any]) -> tuple[int, int]:
        return r["timestamp"], -1 if r.get("turn") is None else r["turn"]

    def group(r: dict[str, Any]) -> tuple[Any, Any]:
        return r["account_id"], r.get("conversation_id")

    heads: list[str | None] = []
    for later in rows:
        shortest = MIN_BYTES_WITHOUT_CONVERSATION if later.get("conversation_id") is None else 1
        fitting = [
            e["prompt"]
            for e in rows
            if group(e) == group(later)
            and order(e) < order(later)
            and e["prompt"] != later["prompt"]
            and len(e["prompt"].encode()) >= shortest
            and later["prompt"].startswith(e["prompt"])
        ]
        heads.append(max(fitting, key=len, default=None))
    rests = []
    for later, head in zip(rows, heads, strict=True):
        siblings = {
            order(other)
            for other, its_head in zip(rows, heads, strict=True)
            if its_head == head and group(other) == group(later) and order(other) < order(later)
        }
        cut = head is not None and len(siblings) < MAX_CONTINUATIONS
        rests.append(later["prompt"][len(head) :] if head is not None and cut else later["prompt"])
    return rests


def rests(rows: list[dict[str, Any]], **collect: Any) -> list[str]:
    found, _log = collected(pa.Table.from_pylist(rows), settings=config(**collect))
    by_id = {r["request_id"]: r["prompt"] for r in found}
    return [by_id[r["request_id"]] for r in rows]


def random_rows(seed: int, times: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    texts = [""]
    for _ in range(40):
        texts.append(draw.choice(texts) + draw.choice(["é", "ab", "x" * 63, "y" * 64, "z" * 65, "w" * 130]))
    return [
        row(
            n,
            account_id=draw.choice("ab"),
            conversation_id=draw.choice([None, "c", "d"]),
            prompt=draw.choice(texts[1:]),
            turn=draw.choice([None, 0, 3]),
            timestamp=START + draw.randrange(times),
        )
        for n in range(60)
    ]


@pytest.mark.parametrize("times", [2, 5, 25])  # with few, rows of one time span several batches
@pytest.mark.parametrize("seed", range(examples(6)))
def test_agrees_with_a_search_over_all_pairs(seed: int, times: int) -> None:
    rows = random_rows(seed, times)
    assert rests(rows, batch_rows=7) == expected_rests(rows)
    rows.sort(key=lambda r: (r["timestamp"], -1 if r["turn"] is None else r["turn"]))
    assert rests(rows, batch_rows=7) == expected_rests(rows)


@settings(derandomize=True, deadline=None, max_examples=examples(30))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "ab", "x" * 64, "x" * 65, "x" * 128, "é" * 40]),
            st.text(max_size=70),
            st.integers(0, 9),
        ),
        min_size=2,
        max_size=14,
    )
)
def test_agrees_on_any_text(parts: list[tuple[str, str, int]]) -> None:
    rows = [
        row(n, prompt=head + tail or "p", conversation_id=None if when % 2 else "c", timestamp=START + when)
        for n, (head, tail, when) in enumerate(parts)
    ]
    assert rests(rows) == expected_rests(rows)


def test_a_conversation_keeps_what_each_call_adds() -> None:
    turns = ["hi", " there", "\nassistant: hello\nuser: write SQL", "\nassistant: ok\nuser: thanks"]
    rows = [row(n, conversation_id="c", prompt="".join(turns[: n + 1])) for n in range(4)]
    assert rests(rows) == turns
    assert rests(rows[::-1]) == turns[::-1]
    assert rests([{**r, "account_id": f"a{n}"} for n, r in enumerate(rows)]) == [r["prompt"] for r in rows]


def test_without_a_conversation_only_long_heads_count() -> None:
    rows = [row(0, prompt="short"), row(1, prompt="short and more"), row(2, prompt=LONG), row(3, prompt=LONG + "new")]
    assert rests(rows) == ["short", "short and more", LONG, "new"]


def test_templates_are_not_history() -> None:
    rows = [row(n, prompt=f"{LONG * 3} item {n}: {'x' * n}") for n in range(50)]
    assert rests(rows) == [r["prompt"] for r in rows]


def test_a_template_sent_once_alone_does_not_hide_what_follows() -> None:
    rows = [row(0, prompt=LONG), *(row(n, prompt=f"{LONG} item {n:03}") for n in range(1, 40))]
    kept = rests(rows)
    assert sum(text.startswith(LONG) for text in kept) == 40 - MAX_CONTINUATIONS
    draw = random.Random(4)
    order = list(range(40))
    draw.shuffle(order)
    assert rests([rows[n] for n in order]) == [kept[n] for n in order]


@pytest.mark.parametrize("batch_rows", [3, 1000])
@pytest.mark.parametrize("in_time", [True, False])
def test_a_call_that_was_recorded_several_times_is_one_continuation(batch_rows: int, in_time: bool) -> None:
    rows = [row(0, prompt=LONG), *(row(n, prompt=f"{LONG} item {n:03}") for n in range(1, 20))]
    copied = [one for one in rows for _ in range(4)]
    if not in_time:
        random.Random(5).shuffle(copied)
    kept = dict(zip((one["request_id"] for one in rows), rests(rows), strict=True))
    assert rests(copied, batch_rows=batch_rows) == [kept[one["request_id"]] for one in copied]


def test_repeats_are_not_history() -> None:
    rows = [row(n, conversation_id="c", prompt="continue") for n in range(3)]
    assert rests(rows) == ["continue"] * 3


def test_a_later_prompt_is_no_history_of_an_earlier_one() -> None:
    rows = [row(0, conversation_id="c", prompt="abc"), row(1, conversation_id="c", prompt="ab")]
    assert rests(rows) == ["abc", "ab"]
    same = [row(0, conversation_id="c", prompt="abc"), row(0, request_id="r1", conversation_id="c", prompt="ab")]
    assert rests(same) == ["abc", "ab"]


def test_history_is_found_before_long_texts_are_sampled() -> None:
    first = "".join(f"sentence {n}. " for n in range(400))
    rows = [row(0, conversation_id="c", prompt=first), row(1, conversation_id="c", prompt=first + "what is new")]
    assert rests(rows, max_text_bytes=1024)[1] == "what is new"


def test_chat_arrays_hold_their_own_history() -> None:
    import json

    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "one"}]
    later = [
        *messages,
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": [{"type": "text", "text": "two"}]},
    ]
    rows = [row(0, prompt=json.dumps(messages)), row(1, prompt=json.dumps(later), system_prompt="own")]
    rows = [{"system_prompt": None, **r} for r in rows]
    found, _log = collected(pa.Table.from_pylist(rows))
    assert [(r["prompt"], r["system_prompt"]) for r in found] == [("one", "be kind"), ("two", "own")]


def test_excerpts_are_read_again_as_they_were_handed_on(tmp_path) -> None:
    from gathering import write_lines, write_parquet

    rows = [row(n, conversation_id="c", prompt=LONG * (n + 1), system_prompt="s" * n) for n in range(30)]
    write_parquet(tmp_path / "a.parquet", rows[:10] + rows[20:], row_group_size=4)
    write_lines(tmp_path / "b.jsonl", rows[10:20])
    for source in (tmp_path, pa.Table.from_pylist(rows), pa.Table.from_pylist(rows).to_reader()):
        found, log = collected(source, settings=config(max_text_bytes=1024))
        wanted = [found[n] for n in (25, 3, 14, 3)]
        prompts = log.prompts([(r["origin_file"], r["origin_row"]) for r in wanted])
        assert prompts == [r["prompt"] for r in wanted]
        assert log.prompts([(99, 0), (0, 10**6)]) == [None, None]
        log.close()


def test_orders_compare_by_time_then_turn() -> None:
    times = [1_767_225_600_000_000, 1_767_225_600_000_001]
    pairs = [(t, turn) for t in times for turn in (None, 0, 1, 1021, 5_000)]
    table = pa.table(
        {
            "timestamp": pa.array([t for t, _turn in pairs], pa.timestamp("us", "UTC")),
            "turn": pa.array([turn for _t, turn in pairs], pa.int32()),
        }
    )
    orders = row_orders(table)
    assert np.all(np.diff(orders) > 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_log_without_conversations_is_cut_as_one_whose_conversations_are_all_null(tmp_path: Path, seed: int) -> None:
    """Where no input has the column, groups are not looked at beforehand."""
    draw = random.Random(seed)
    said = {name: "a text that is longer than the shortest head that may be cut: " + name * 9 for name in "abc"}
    rows = []
    for n in range(60):
        owner = draw.choice("abcdefghi")  # some have a single call
        text = said.get(owner, "")
        rows.append(row(n, account_id=owner, prompt=f"{text} and then {draw.randrange(6)}" if n % 3 else text))
        if owner in said and draw.random() < 0.3:
            said[owner] = rows[-1]["prompt"] or text
    rows[draw.randrange(60)]["account_id"] = ""
    if seed % 2:
        draw.shuffle(rows)
    cut = []
    for folder, extra in ((tmp_path / "without", {}), (tmp_path / "null", {"conversation_id": None})):
        folder.mkdir()
        for part in range(2):
            own = [{**one, **extra} for one in rows[30 * part : 30 * part + 30]]
            write_parquet(folder / f"{part}.parquet", own, row_group_size=7)
        cut.append(content(collected(folder)[0]))
    assert cut[0] == cut[1]
    assert any((one["prompt"] or "").startswith(" and then") for one in collected(tmp_path / "without")[0])


def test_what_was_noted_of_prompts_is_freed_with_the_last_row() -> None:
    table = pa.Table.from_pylist([row(0, conversation_id="c"), row(1, conversation_id="c")])
    collected(table)  # loads the kernels
    tracemalloc.start()
    found, log = collected(table)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert (len(found), log.stats.rows) == (2, 2)
    assert held < SEEN_BITS // 8  # bytes; there are two such maps of conversations alone
