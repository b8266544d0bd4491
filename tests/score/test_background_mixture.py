"""How far a group's topics are from those of all customers, and what that leaves of being alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.score.evidence.held_out import _MIN_REQUESTS, BACKGROUND_MIXTURE, distance_from_background, part_earned
from thoroughness import examples

TOPICS = 12
Array = np.ndarray[Any, np.dtype[Any]]
steady = settings(derandomize=True, deadline=None, max_examples=examples(60))


def distance(counts: Array, customers: Array) -> float:
    found = distance_from_background(counts, customers)
    assert found is not None
    return found


def customers_of(seed: int, weight: float = 2_000.0) -> Array:
    share: Array = np.random.default_rng(seed).dirichlet(np.full(TOPICS, 3.0))
    return share * weight


@pytest.mark.parametrize("requests", [60, 300, 3_000])
@pytest.mark.parametrize("seed", range(3))
def test_samples_of_all_customers_are_at_no_distance(seed: int, requests: int) -> None:
    """Their mean is 0: the excess that any sample of that size has is taken off. Each by itself earns nothing."""
    customers = customers_of(seed)
    rng = np.random.default_rng(100 + seed)
    share = customers / customers.sum()
    found = np.array([distance(rng.multinomial(requests, share), customers) for _ in range(400)])
    bias = (TOPICS - 1) / (2.0 * requests * np.log(2.0))
    assert abs(found.mean()) < 0.12 * bias + 4.0 * found.std() / 20.0
    assert (found > BACKGROUND_MIXTURE.same).mean() <= 0.03
    assert part_earned(float(found.mean())) == 0.0


def test_a_mixture_of_its_own_is_as_far_as_the_divergence_says() -> None:
    customers = customers_of(4)
    own = np.random.default_rng(5).dirichlet(np.full(TOPICS, 0.5))
    counts = np.rint(own * 100_000).astype(np.int64)
    share, seen = counts / counts.sum(), counts > 0
    truth = float((share[seen] * np.log2(share[seen] / (customers / customers.sum())[seen])).sum())
    assert distance(counts, customers) == pytest.approx(truth, abs=0.002)
    assert part_earned(truth) == 1.0


def test_the_distance_by_hand() -> None:
    """One account without preferences is added; half a degree of freedom a topic seen is taken off."""
    expected = 0.5 * np.log2(0.5 / 0.7) + 0.5 * np.log2(0.5 / 0.3) - 1.0 / (2.0 * 40.0 * np.log(2.0))
    assert distance(np.array([20, 20]), np.array([3.0, 1.0])) == pytest.approx(expected)


def test_a_topic_that_nobody_else_asks_about_is_far_but_not_beyond_measure() -> None:
    assert distance(np.array([0, 20]), np.array([10.0, 0.0])) == pytest.approx(np.log2(22.0))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_topics_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, customers, order = rng.integers(0, 9, TOPICS) + 2, customers_of(seed), rng.permutation(TOPICS)
    assert distance(counts[order], customers[order]) == pytest.approx(distance(counts, customers), abs=1e-12)


@pytest.mark.parametrize(("requests", "known"), [(0, False), (_MIN_REQUESTS - 1, False), (_MIN_REQUESTS, True)])
def test_a_few_requests_have_no_distance(requests: int, known: bool) -> None:
    counts = np.array([requests // 2, requests - requests // 2])
    assert (distance_from_background(counts, np.array([5.0, 5.0])) is not None) == known


def test_without_comparison_accounts_there_is_no_distance() -> None:
    assert distance_from_background(np.array([50, 50]), np.zeros(2)) is None
    assert distance_from_background(np.zeros(0, np.int64), np.zeros(0)) is None, "nor in a log without topics"


@pytest.mark.parametrize(
    ("found", "part"),
    [
        (None, 1.0),
        (-0.3, 0.0),
        (BACKGROUND_MIXTURE.same, 0.0),
        ((BACKGROUND_MIXTURE.same + BACKGROUND_MIXTURE.different) / 2, 0.5),
        (BACKGROUND_MIXTURE.different, 1.0),
        (9.0, 1.0),
    ],
)
def test_the_part_earned_rises_between_two_bounds(found: float | None, part: float) -> None:
    """Where no distance is known, nothing is taken away."""
    assert part_earned(found) == pytest.approx(part)


@steady
@given(st.floats(-1.0, 50.0), st.floats(0.0, 5.0))
def test_the_part_earned_is_a_share_that_never_falls(found: float, more: float) -> None:
    assert 0.0 <= part_earned(found) <= part_earned(found + more) <= 1.0
