"""Numbers of keys: uniform, independent, and the same for numpy and torch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import torch
from scipy import stats

from stillhunt_model.marks.hashing import candidate_numbers, context_seed, context_seeds, mark_key, token_numbers
from stillhunt_model.marks.standing import mark_bits

SECRET = bytes(range(32))
ROWS = 20_000


def pairs(width: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs of context and token."""
    drawn = np.random.default_rng(seed).integers(0, 500, (ROWS, width + 1))
    distinct = np.unique(drawn, axis=0)
    return distinct[:, :-1], distinct[:, -1]


def shares(numbers: np.ndarray) -> np.ndarray:
    """Numbers as shares of 2^64."""
    return numbers.astype(np.float64) / 2.0**64


def test_numpy_and_torch_give_the_same_numbers() -> None:
    seeds = context_seeds(mark_key(SECRET, "camp", "group"), pairs()[0][:50])
    tensor = candidate_numbers(seeds, torch.arange(70)[None, :].repeat(50, 1)).numpy().view(np.uint64)
    for token in (0, 33, 69):
        assert np.array_equal(tensor[:, token], token_numbers(seeds, np.full(50, token)))


def test_equal_contexts_have_equal_seeds_and_their_order_counts() -> None:
    seeds = context_seeds(SECRET, np.array([[1, 2], [2, 1], [1, 2]]))
    assert seeds[0] == seeds[2] != seeds[1]
    assert context_seed(SECRET, [2, 1]) == seeds[1]


@pytest.mark.parametrize("change", [("other", "group"), ("camp", "public")])
def test_keys_of_two_campaigns_and_of_two_kinds_are_independent(change: tuple[str, str]) -> None:
    contexts, tokens = pairs()
    first, second = (
        shares(token_numbers(context_seeds(mark_key(SECRET, *names), contexts), tokens))
        for names in (("camp", "group"), change)
    )
    table, _, _ = np.histogram2d(first, second, bins=8, range=[[0, 1], [0, 1]])
    assert stats.chisquare(table.ravel()).pvalue > 0.001


def test_under_a_wrong_key_bits_are_coins_and_independent_of_one_another() -> None:
    contexts, tokens = pairs(width=3, seed=1)
    bits = mark_bits(mark_key(SECRET, "nobody knows it", "group"), contexts, tokens, 4)
    counts = np.bincount(bits @ (1 << np.arange(4)), minlength=16)
    assert stats.chisquare(counts).pvalue > 0.001


def test_tokens_of_one_context_are_independent_of_one_another() -> None:
    seeds = context_seeds(mark_key(SECRET, "camp", "group"), pairs()[0][:4000])
    first, second = (shares(token_numbers(seeds, np.full(4000, token))) for token in (0, 1))
    table, _, _ = np.histogram2d(first, second, bins=6, range=[[0, 1], [0, 1]])
    assert stats.chisquare(table.ravel()).pvalue > 0.001
