"""Harvested answers and control answers as they are compared: whole, or cut so that lengths say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs stillhunt[model]")

from model.prove_scene import prove_scene
from stillhunt_model.nets.net import plain_ids
from stillhunt_model.proof.control_answers import (
    AnswerMark,
    DrawnAnswers,
    comparable,
    cut_as_logged,
    describe_left_out,
    draw_controls,
    drawn_again,
    ended_alike,
    separate_draws,
)
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer

LIMIT = 24
WORDS = ["the", "of", "and", "is", "a"]


def text(words: int) -> str:
    """So many words, others than of another length."""
    return " ".join(WORDS[(place + words) % len(WORDS)] for place in range(words))


def block(first: int, *others: int, limit: int | None = LIMIT) -> tuple[HarvestedAnswer, list[str]]:
    """A harvested answer and controls of so many words."""
    answer = HarvestedAnswer("r", "p", text(first), temperature=1.0, max_tokens=limit)
    return answer, [text(one) for one in others]


def drawn(*blocks: tuple[HarvestedAnswer, list[str]]) -> DrawnAnswers:
    """All blocks."""
    return DrawnAnswers(*map(list, zip(*blocks, strict=True)))


def compared(*blocks: tuple[HarvestedAnswer, list[str]], whole: bool) -> list[list[str]]:
    """The texts that are left of blocks."""
    left = comparable(prove_scene().teacher, drawn(*blocks), whole=whole)
    assert left.sizes == [1 + len(others) for others in left.controls]
    return [[answer.answer, *others] for answer, others in zip(left.answers, left.controls, strict=True)]


def tokens(texts: list[str]) -> set[int]:
    """How many tokens texts have."""
    return set(map(len, plain_ids(prove_scene().teacher, texts)))


def test_whole_texts_are_compared_where_they_ended_alike() -> None:
    assert compared(block(7, 3, 9), block(4, 5, 4), whole=True) == [
        [text(7), text(3), text(9)],
        [text(4), text(5), text(4)],
    ]


def test_white_space_that_many_logs_do_not_keep_says_nothing() -> None:
    """The trap: the teacher ends with a line feed, the log strips it, and whoever never saw one is accused."""
    plain = drawn(block(7, 3, 9), block(4, 5, 4))
    spaced = DrawnAnswers(
        plain.answers, [[f"\n{one.replace(' ', '  ')} \n" for one in some] for some in plain.controls]
    )
    assert cut_as_logged(spaced) == plain
    logged = [replace(one, answer=one.answer.replace(" ", "\u00a0\r\n")) for one in plain.answers]
    assert cut_as_logged(DrawnAnswers(logged, plain.controls)) == plain


def test_control_answers_are_cut_where_the_log_cuts_by_signs() -> None:
    cut = [replace(block(0)[0], answer=text(9)[:20]), replace(block(0)[0], answer=text(12)[:20])]
    short = block(2)[0]
    left = cut_as_logged(DrawnAnswers([*cut, short], [[text(9), text(3)]] * 3))
    assert left.controls == [[text(9)[:20].strip(), text(3)]] * 3
    # One longest answer alone is no cut.
    assert cut_as_logged(DrawnAnswers([cut[0], short], [[text(9)]] * 2)).controls == [[text(9)]] * 2


def test_an_answer_that_stands_in_two_blocks_counts_once() -> None:
    """The trap: a cache of like prompts gives one draw to two prompts, which then counts as two."""
    blocks = drawn(block(7, 3, 9), block(7, 4, 5), block(2, 7, 5), block(6, 4, 5))
    assert separate_draws(blocks) == drawn(block(7, 3, 9), block(6, 4, 5))


def test_prompts_that_a_cache_takes_for_one_count_once() -> None:
    spellings = ["What is a kiln?", " what is  a kiln?", "WHAT IS A KILN?", "What\nis a kiln?", "Ｗhat is a kiln?"]
    asked = [replace(block(3)[0], prompt=one, request_id=str(place)) for place, one in enumerate(spellings)]
    assert drawn_again(asked) == asked[:1]
    assert describe_left_out(asked) == "prompt of another answer in 4"


def test_texts_end_at_the_limit_also_where_the_log_has_more() -> None:
    first, second = compared(block(30, 31, 3, limit=6), block(5, 3, 3), whole=True)
    assert tokens(first[:2]) == {6}
    assert first[2] == text(3)
    assert second == [text(5), text(3), text(3)]


def test_texts_ended_alike_where_both_parts_have_limits_and_lengths_show_nothing() -> None:
    teacher, same = prove_scene().teacher, [block(6 + place % 3, 7, 6, 8) for place in range(12)]
    assert ended_alike(teacher, [drawn(*same), drawn(*same)])
    unlogged = [*same, block(7, 3, 9, limit=None)]
    assert not ended_alike(teacher, [drawn(*same), drawn(*unlogged)])
    assert not ended_alike(teacher, [drawn(*unlogged), drawn(*same)])
    shorter = [block(11, *[12 + place % 2] * 5) for place in range(12)]
    assert not ended_alike(teacher, [drawn(*same), drawn(*shorter)])
    assert not ended_alike(teacher, [drawn(*shorter), drawn(*same)])


def test_honest_answers_that_all_stop_at_their_limit_show_no_ends() -> None:
    teacher, ended = prove_scene().teacher, [block(6 + place % 3, 7, 6, 8) for place in range(12)]
    stopped = [block(20, 20, 21, limit=4) for _ in range(12)]
    assert not ended_alike(teacher, [drawn(*ended), drawn(*stopped)])
    assert ended_alike(teacher, [drawn(*stopped), drawn(*ended)])


def test_texts_that_did_not_end_alike_get_one_length() -> None:
    """The trap: the log keeps the first signs of an answer alone, and every model prefers the shorter text."""
    left = compared(*[block(11, *[12 + place % 2] * 5) for place in range(12)], whole=False)
    assert len(left) == 12
    assert {len(tokens(texts)) for texts in left} == {1}


def test_one_short_control_does_not_make_all_texts_short() -> None:
    (texts,) = compared(block(20, 19, 2, 21, 22), whole=False)
    assert len(texts) == 4
    assert len(texts[0]) > len(text(15))
    assert len(tokens(texts)) == 1


def test_a_harvested_answer_that_is_shorter_than_most_is_left_out_and_so_is_nothing() -> None:
    assert compared(block(2, 20, 21, 20, 19), whole=False) == []
    for whole in (True, False):
        assert compared(block(0, 3, 3), block(3, 0, 0), whole=whole) == []
    assert compared(block(0, 3, 3), block(3, 0, 4), whole=True) == [[text(3), text(4)]]


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=8), st.booleans())
def test_what_is_kept_does_not_depend_on_which_text_was_harvested(sizes: list[int], whole: bool) -> None:
    """Or else the texts could not change places, and the p-value would be none."""
    texts = [f"{text(size)} {place}" if size else "" for place, size in enumerate(sizes)]
    kept = set()
    for place, first in enumerate(texts):
        answer = replace(block(0)[0], answer=first)
        for left in compared((answer, texts[:place] + texts[place + 1 :]), whole=whole):
            kept.add(tuple(sorted(left)))
    assert len(kept) <= 1


def test_a_teacher_that_does_not_end_is_stopped() -> None:
    answers = [HarvestedAnswer("r", "write about the nekiv", text(3), temperature=1.0, max_tokens=10**12)]
    teacher = prove_scene().teacher
    (controls,) = draw_controls(teacher, answers, 3, 0, AnswerMark())
    assert max(tokens(controls)) <= 2 * max(tokens([text(3)])) + 2
    endless = DrawnAnswers(answers, [[text(12)]])
    assert not ended_alike(teacher, [endless, endless])
