"""Prompts that several members send: a queue hands each task out once, a public set or an assignment to all."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import finding_of, group_of, log_of_rows

from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.no_repeats import NO_REPEATS, REPEATS_KIND, _overlap_of_senders, _senders_of_prompts


def with_shared(shared: int, distinct: int = 1000) -> Finding:
    """A group of ten accounts with so many distinct prompts, of which so many come from two accounts."""
    owner = np.r_[np.arange(distinct) % 10, (np.arange(shared) + 1) % 10, np.arange(distinct) % 10]
    prompt = np.r_[np.arange(distinct), np.arange(shared), np.arange(distinct)] + 1
    log = log_of_rows(owner, np.arange(len(owner)), prompt_hash=prompt)
    found = finding_of(REPEATS_KIND, log, group_of(log, 10))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("shared", "bits"),
    [
        (0, NO_REPEATS.none_bits),
        (10, NO_REPEATS.none_bits / 2),
        (20, 0.0),
        (21, -0.02),
        (99, -1.58),
        (200, -3.6),
        (520, -4.8),
        (900, -1.0),
    ],
)
def test_bits_fall_with_the_share_of_prompts_from_several_accounts(shared: int, bits: float) -> None:
    """Prompts that one account sends twice are its own affair; where nearly all come from two, a queue deals them."""
    found = with_shared(shared)
    assert found.bits == pytest.approx(bits, abs=1e-9)
    assert found.count == 2000 + shared
    assert len(found.rows) == 50


@pytest.mark.parametrize(
    ("shared", "statement"),
    [
        (4, "Its accounts send different prompts: 0.4 % of 1,000 distinct prompts came from several accounts"),
        (50, "Its accounts repeat each other's prompts: 5 % of 1,000 distinct prompts came from several accounts"),
        (99, "Its accounts repeat each other's prompts: 9.9 % of 1,000 distinct prompts came from several accounts"),
        (
            100,
            (
                "Its accounts repeat each other's prompts, as if drawn at random from a large pool: 10 % repeat, and "
                "two accounts have 2 % in common"
            ),
        ),
    ],
)
def test_a_tenth_is_told_by_what_two_accounts_have_in_common(shared: int, statement: str) -> None:
    found = with_shared(shared)
    assert found.statement == statement


def drawn(pool: int, accounts: int = 10, each: int = 100) -> Finding:
    """A group whose accounts each send so many prompts, drawn at random from a pool of as many."""
    draw = np.random.default_rng(5)
    prompt = np.concatenate([draw.choice(pool, each, replace=False) for _ in range(accounts)]) + 1
    owner = np.repeat(np.arange(accounts), each)
    log = log_of_rows(owner, np.arange(len(owner)), prompt_hash=prompt)
    found = finding_of(REPEATS_KIND, log, group_of(log, accounts))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pool", "bits", "assigned"),
    [(100, -10.0, True), (300, -10.0, True), (2000, -4.32, False), (200_000, 0.45, False)],
)
def test_one_list_for_all_is_an_assignment_and_a_large_pool_is_not(pool: int, bits: float, assigned: bool) -> None:
    found = drawn(pool)
    assert found.bits == pytest.approx(bits, abs=0.01)
    assert ("assignment" in found.statement) == assigned


def test_the_overlap_is_volume_over_pool() -> None:
    assert "two accounts have 5.2 % in common" in drawn(2000).statement


def test_the_overlap_is_the_mean_over_all_pairs_of_accounts() -> None:
    rng = np.random.default_rng(6)
    account, prompt = np.sort(rng.integers(0, 7, 120)), rng.integers(1, 40, 120)
    sent = [set(prompt[account == one].tolist()) for one in range(7)]
    pairs = sum(len(one & other) for one in sent for other in sent if one is not other)
    found = _overlap_of_senders(_senders_of_prompts(prompt.astype(np.uint64), account), 7)
    assert found == pytest.approx(pairs / (sum(map(len, sent)) * 6))


def test_without_prompts_nothing_can_repeat() -> None:
    """None of no prompts repeats, and a single account has nobody to share with: neither is a sign of a queue."""
    log = log_of_rows(np.arange(30) % 10, np.arange(30), cluster=np.full(30, 3))
    assert finding_of(REPEATS_KIND, log, group_of(log, 10)) is None
    assert finding_of(REPEATS_KIND, log, group_of(log, 1, cluster=3)) is None
    assert finding_of(REPEATS_KIND, log, group_of(log, 2, cluster=3)) is not None
    unread = log_of_rows(np.arange(30) % 10, np.arange(30), prompt_hash=np.zeros(30, np.int64))
    assert finding_of(REPEATS_KIND, unread, group_of(unread, 10)) is None


def with_numbers(texts: int, forms: int, accounts: int = 10) -> Finding:
    """1,000 prompts of so many texts, each with so many forms that differ in their numbers, sent by any account."""
    draw = np.random.default_rng(3)
    text, form = draw.integers(0, texts, 1000), draw.integers(0, forms, 1000)
    owner = np.arange(1000) % accounts
    log = log_of_rows(owner, np.arange(1000), prompt_hash=2 * text + 1, numbers=form)
    found = finding_of(REPEATS_KIND, log, group_of(log, accounts))
    assert found is not None
    return found


def test_texts_with_other_numbers_each_time_are_tasks_of_their_own() -> None:
    found = with_numbers(3, 10**6)
    assert found.bits == pytest.approx(NO_REPEATS.none_bits)
    assert "send 3 different texts with other numbers each time: 0 % of 1,000 distinct prompts" in found.statement


def test_a_few_forms_of_a_public_item_are_still_repeats() -> None:
    assert with_numbers(50, 4).bits == -NO_REPEATS.most_against_bits


def in_copies(copies: int, kept: float = 1.0) -> Finding:
    """20 accounts that are handed each task so many times, less the copies that are lost on the way."""
    draw = np.random.default_rng(4)
    prompt = draw.permutation(np.repeat(np.arange(500), copies))
    prompt = prompt[: round(kept * len(prompt))] + 1
    owner = np.arange(len(prompt)) % 20
    log = log_of_rows(owner, np.arange(len(owner)), prompt_hash=prompt)
    found = finding_of(REPEATS_KIND, log, group_of(log, 20))
    assert found is not None
    return found


@pytest.mark.parametrize(("copies", "kept", "bits"), [(2, 1.0, -0.5), (2, 0.9, -2.0), (2, 0.5, -5.0)])
def test_even_copies_over_accounts_with_little_in_common_are_a_queue(copies: int, kept: float, bits: float) -> None:
    """Half of the copies is as good as drawn at random."""
    found = in_copies(copies, kept)
    assert found.bits == pytest.approx(bits, abs=0.3)
    assert ("wants several answers" in found.statement) == (bits > -NO_REPEATS.most_against_draws)


def test_even_copies_of_what_all_accounts_send_are_an_assignment() -> None:
    owner = np.repeat(np.arange(10), 100)
    log = log_of_rows(owner, np.arange(1000), prompt_hash=np.tile(np.arange(100), 10) + 1)
    found = finding_of(REPEATS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == -NO_REPEATS.most_against_bits
