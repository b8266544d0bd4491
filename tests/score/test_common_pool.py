"""Whether two groups draw their values from one pool: values are coincidences, accounts are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.score.stats.common_pool import Draws, common_pool_bits
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(60))


def draws(counts: dict[int, int], chance: float) -> Draws:
    values = np.array(sorted(counts), np.int64)
    return Draws(values, np.array([counts[v] for v in values.tolist()]), np.full(len(values), chance))


def test_one_popular_value_is_one_weak_coincidence_however_many_accounts_have_it() -> None:
    few, many = draws({1: 10}, 0.15), draws({1: 1000}, 0.15)
    assert common_pool_bits(few, few, cap=8.0) == pytest.approx(common_pool_bits(many, many, cap=8.0))
    assert 0.0 < common_pool_bits(many, many, cap=8.0) < 3.0


def test_several_rare_values_together_are_strong() -> None:
    one = draws({1: 20, 2: 20, 3: 20}, 0.01)
    assert common_pool_bits(one, one, cap=8.0) == 8.0


def test_one_of_three_values_in_common_is_weak() -> None:
    first, second = draws({1: 20, 2: 20, 3: 20}, 0.05), draws({3: 20, 4: 20, 5: 20}, 0.05)
    assert common_pool_bits(first, second, cap=8.0) == 0.0


def test_the_direction_that_says_less_counts() -> None:
    small, large = draws({1: 10}, 0.001), draws({1: 10} | dict.fromkeys(range(2, 200), 1), 0.001)
    bits = common_pool_bits(small, large, cap=8.0)
    assert 0.0 < bits == common_pool_bits(large, small, cap=8.0) < common_pool_bits(small, small, cap=8.0)


def test_values_as_common_as_elsewhere_say_nothing() -> None:
    assert common_pool_bits(draws({1: 10, 2: 10}, 0.5), draws({1: 10, 2: 10}, 0.5), cap=8.0) == 0.0


def test_nothing_known_says_nothing() -> None:
    nothing = draws({}, 0.1)
    assert common_pool_bits(nothing, draws({1: 5}, 0.1), cap=8.0) == 0.0


def test_dates_are_one_coincidence() -> None:
    spread = draws(dict.fromkeys(range(10), 5), 0.01)
    assert common_pool_bits(spread, spread, cap=8.0) == 8.0
    assert common_pool_bits(spread, spread, cap=8.0, one_coincidence=True) < 3.0


pools = st.dictionaries(st.integers(0, 12), st.integers(1, 40), max_size=8)


@steady
@given(pools, pools, st.floats(1e-6, 1.0))
def test_bits_are_within_bounds_and_the_same_both_ways(first: dict[int, int], second: dict[int, int], p: float) -> None:
    one, other = draws(first, p), draws(second, p)
    bits = common_pool_bits(one, other, cap=8.0)
    assert 0.0 <= bits <= 8.0
    assert bits == common_pool_bits(other, one, cap=8.0)
