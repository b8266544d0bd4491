"""Numbers of keys: uniform, independent, and the same for numpy and torch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from scipy import stats

from stillhunt_model.marks.green_list import GreenListMark, is_green
from stillhunt_model.marks.gumbel import gumbel_scores
from stillhunt_model.marks.hashing import (
    context_seeds,
    mark_key,
    numbers_below,
    token_numbers,
    unit_numbers,
    vocabulary_numbers,
)

SECRET = bytes(range(32))
ROWS = 20_000


def pairs(width: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs of context and token."""
    drawn = np.random.default_rng(seed).integers(0, 500, (ROWS, width + 1))
    distinct = np.unique(drawn, axis=0)
    return distinct[:, :-1], distinct[:, -1]


def test_numpy_and_torch_give_the_same_numbers() -> None:
    seeds = context_seeds(mark_key(SECRET, "camp", "green"), pairs()[0][:50])
    whole = token_numbers(seeds, vocabulary=70)
    tensor = vocabulary_numbers(seeds, 70)
    assert np.array_equal(whole, tensor.numpy().view(np.uint64))
    assert np.array_equal(whole[:, 33], token_numbers(seeds, np.full(50, 33)))
    assert np.array_equal(unit_numbers(whole), unit_numbers(tensor).numpy())
    for share in (0.1, 0.25, 0.5, 0.9):
        assert np.array_equal(numbers_below(whole, share), numbers_below(tensor, share).numpy())


def test_the_ends_of_the_range_stay_inside() -> None:
    ends = unit_numbers(np.array([0, 2**64 - 1], np.uint64))
    assert 0 < ends[0] < ends[1] < 1


def test_equal_contexts_have_equal_seeds_and_their_order_counts() -> None:
    seeds = context_seeds(SECRET, np.array([[1, 2], [2, 1], [1, 2]]))
    assert seeds[0] == seeds[2] != seeds[1]


@pytest.mark.parametrize("change", [("other", "green"), ("camp", "gumbel")])
def test_keys_of_two_campaigns_and_of_two_schemes_are_independent(change: tuple[str, str]) -> None:
    contexts, tokens = pairs()
    first, second = (
        unit_numbers(token_numbers(context_seeds(mark_key(SECRET, *names), contexts), tokens))
        for names in (("camp", "green"), change)
    )
    table, _, _ = np.histogram2d(first, second, bins=8, range=[[0, 1], [0, 1]])
    assert stats.chisquare(table.ravel()).pvalue > 0.001


def test_under_a_wrong_key_numbers_are_uniform() -> None:
    contexts, tokens = pairs(width=3, seed=1)
    key = mark_key(SECRET, "nobody knows it", "green")
    assert stats.kstest(unit_numbers(token_numbers(context_seeds(key, contexts), tokens)), "uniform").pvalue > 0.001
    assert stats.kstest(gumbel_scores(key, contexts, tokens), "expon").pvalue > 0.001
    settings = GreenListMark(gamma=0.3, width=3)
    green = int(is_green(key, contexts, tokens, settings).sum())
    assert stats.binomtest(green, len(tokens), settings.gamma).pvalue > 0.001


def test_p_values_of_many_wrong_keys_are_uniform() -> None:
    contexts, tokens = (part[:200] for part in pairs(seed=2))
    keys = [mark_key(SECRET, f"campaign {number}", "gumbel") for number in range(400)]
    p_values = [stats.gamma.sf(gumbel_scores(key, contexts, tokens).sum(), len(tokens)) for key in keys]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_tokens_of_one_context_are_independent_of_one_another() -> None:
    seeds = context_seeds(mark_key(SECRET, "camp", "green"), pairs()[0][:4000])
    first, second = unit_numbers(token_numbers(seeds, vocabulary=2)).T
    table, _, _ = np.histogram2d(first, second, bins=6, range=[[0, 1], [0, 1]])
    assert stats.chisquare(table.ravel()).pvalue > 0.001
