"""Texts that recur over accounts are a reason to hunt; what everybody says, or one account alone, is none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.watch import recurring_texts
from stillhunt.watch.recurring_texts import RecurringTexts, count_keys


def sketches(rows: list[tuple[int, int, list[int]]]) -> pa.Table:
    """Rows of account, hash of the prompt and phrases."""
    accounts, prompts, phrases = zip(*rows, strict=True)
    return pa.table(
        {
            "account_key": pa.array(accounts, pa.uint64()),
            "prompt_hash": pa.array(prompts, pa.uint64()),
            "phrases": pa.array(phrases, pa.list_(pa.uint32())),
        }
    )


def noise(rows: int, seed: int, accounts: int = 500, said: tuple[int, ...] = ()) -> list[tuple[int, int, list[int]]]:
    """Prompts of their own; one in ten has a phrase that everybody uses."""
    draw = np.random.default_rng(seed)
    made = []
    for row in range(rows):
        own = draw.integers(1 << 20, 1 << 32, 9).tolist() + ([] if row % 10 else list(said))
        made.append((int(draw.integers(accounts)), int(draw.integers(1, 1 << 62)), own))
    return made


def templated(rows: int, accounts: int, seed: int = 1) -> list[tuple[int, int, list[int]]]:
    """Prompts of one template from some accounts in turn."""
    draw = np.random.default_rng(seed)
    return [
        (10_000 + row % accounts, row + 1, [7, 8, 9, *draw.integers(1 << 20, 1 << 32, 6).tolist()])
        for row in range(rows)
    ]


def counted(texts: RecurringTexts, rows: list[tuple[int, int, list[int]]]) -> int:
    return sum(texts.add_requests(sketches(rows[place : place + 100])) for place in range(0, len(rows), 100))


def test_a_template_of_many_accounts_is_a_sign_before_its_300th_request_and_again_when_it_grows() -> None:
    texts = RecurringTexts()
    assert counted(texts, noise(2000, 1, said=(3,))) == 0
    assert counted(texts, templated(300, 40)) >= 1
    assert counted(texts, templated(20, 40, seed=3)) == 0
    assert counted(texts, templated(200, 40, seed=4)) >= 1


def test_one_account_with_a_template_and_a_phrase_of_everybody_are_no_signs() -> None:
    texts = RecurringTexts()
    assert counted(texts, templated(1000, 1)) == 0
    assert counted(texts, templated(1000, 4)) == 0
    assert counted(texts, noise(20_000, 2, accounts=50, said=(3,))) == 0


def test_the_same_prompts_from_several_accounts_are_a_sign_without_a_template() -> None:
    texts, draw = RecurringTexts(), np.random.default_rng(5)
    items = [(account, item + 1, draw.integers(1 << 20, 1 << 32, 6).tolist())
             for item in range(4) for account in range(10) for _ in range(4)]  # fmt: skip
    assert counted(texts, items) >= 1


def test_memory_is_bounded_and_the_largest_families_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurring_texts, "_MOST_FAMILIES", 50)
    texts = RecurringTexts()
    counted(texts, templated(300, 40))
    for seed in range(20):
        pairs = [(account, 0, [1000 + 10 * seed + key for key in range(4)]) for account in range(8)]
        counted(texts, pairs)
    assert len(texts._families) <= 50
    assert {7, 8, 9} <= texts._families.keys()


def test_keys_are_counted_by_account_without_prompts_that_are_missing() -> None:
    keys, accounts, requests = count_keys(sketches([(1, 0, [5, 4, 3, 2, 1]), (1, 0, [4]), (2, 6, [4]), (3, 0, [])]))
    prompt = 6 | 1 << 63
    assert list(zip(keys.tolist(), accounts.tolist(), requests.tolist(), strict=True)) == [
        (1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 2), (4, 2, 1), (prompt, 2, 1),
    ]  # fmt: skip
