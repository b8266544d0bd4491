"""Which requests of a campaign are one sample."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.triage import alike_prompts
from stillhunt.triage.alike_prompts import P, evenly, sample_keys
from thoroughness import examples

from .harvested_traffic import traffic_of

TEMPLATE = [1, 2, 3]


def item(number: int, **changes: Any) -> dict[str, Any]:
    """A request on an item of its own, in the template of all."""
    words = sorted([*TEMPLATE, *range(100 + 8 * number, 108 + 8 * number)])
    return {"prompt_hash": 1000 + number, "topic_words": words, **changes}


def keys_of(rows: list[dict[str, Any]]) -> list[int]:
    return [int(key) for key in sample_keys(traffic_of(rows), np.arange(len(rows)))]


def test_different_items_in_one_template_are_different() -> None:
    assert len(set(keys_of([item(number) for number in range(60)]))) == 60


def test_the_same_item_in_other_words_is_alike() -> None:
    """Another wrapper gives another prompt; its words are those of many requests, or lie above the item's."""
    rows = [item(number) for number in range(60)]
    rows.append({"prompt_hash": 5, "topic_words": sorted([*TEMPLATE, *range(108, 114), 9000])})
    keys = keys_of(rows)
    assert keys[60] == keys[1]
    assert len(set(keys)) == 60


def test_one_word_of_the_item_less_is_another_item() -> None:
    rows = [item(number) for number in range(60)]
    rows.append({"prompt_hash": 5, "topic_words": sorted([*TEMPLATE, *range(109, 116)])})
    assert len(set(keys_of(rows))) == 61


def test_short_prompts_are_alike_only_where_they_are_the_same() -> None:
    rows = [item(number) for number in range(60)]
    short = [500, 501, 502, 503]
    assert len(short) < P.item_words
    rows += [{"prompt_hash": 7, "topic_words": short}, {"prompt_hash": 7, "topic_words": short}]
    rows += [{"prompt_hash": 8, "topic_words": short}]
    keys = keys_of(rows)
    assert keys[60] == keys[61] != keys[62]


def test_later_turns_are_alike_within_their_conversation_only() -> None:
    check = {"prompt_hash": 9, "topic_words": [], "turn": 1}
    rows = [{**check, "conversation": 1}, {**check, "conversation": 1}, {**check, "conversation": 2}]
    one, again, other = keys_of(rows)
    assert one == again != other


def test_a_later_turn_is_told_by_its_conversation_where_the_log_has_no_turns() -> None:
    ask, check = {"prompt_hash": 8}, {"prompt_hash": 9}
    rows = [
        {**ask, "conversation": 1},
        {**check, "conversation": 1},
        {**ask, "conversation": 2},
        {**check, "conversation": 2},
        {**ask, "conversation": 3},
        {**ask, "conversation": 3},
    ]
    keys = keys_of(rows)
    assert keys[0] == keys[2] == keys[4] == keys[5], "the same first prompt, and its repeat"
    assert keys[1] != keys[3]


def test_requests_without_a_prompt_have_no_key() -> None:
    assert keys_of([{"prompt_hash": 0}, {"prompt_hash": 0, "turn": 1}, {"prompt_hash": 3}])[:2] == [0, 0]


@settings(derandomize=True, deadline=None, max_examples=examples(25, 250))
@given(st.randoms(use_true_random=False), st.integers(1, 7))
def test_blocks_and_the_order_of_rows_change_nothing(random: Any, block: int) -> None:
    rows = [item(random.randrange(12)) for _ in range(40)]
    order = list(range(40))
    random.shuffle(order)
    whole = keys_of(rows)
    with patch.object(alike_prompts, "BLOCK_ROWS", block):
        assert keys_of([rows[at] for at in order]) == [whole[at] for at in order]


def test_rows_are_chosen_evenly() -> None:
    rows = np.arange(10)
    assert evenly(rows, 20).tolist() == rows.tolist()
    assert evenly(rows, 3).tolist() == [0, 4, 9]
