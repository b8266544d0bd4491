"""Volumes that are cut off at the smallest slice: the law, against a plain twin, and what it makes of groups."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stillhunt.score.stats.cut_volumes import _MEANS, _VARIATIONS, cut_volume_bits
from stillhunt.score.stats.honest_reference import VOLUME_REFERENCE

LEAST = 4


def mass(value: int, mean: float, correlation: float) -> float:
    """Negative binomial of variance mean + correlation mean^2, factor by factor."""
    size = 1.0 / correlation
    chance = (size / (size + mean)) ** size
    for drawn in range(value):
        chance *= (size + drawn) / (drawn + 1.0) * mean / (size + mean)
    return chance


def plain_bits(volumes: list[int], least: int) -> float:
    """The bits by their definition, one volume and one law at a time."""
    seen = [volume for volume in volumes if volume >= least]
    best = []
    for correlation in _VARIATIONS.tolist():
        tried = []
        for times in _MEANS.tolist():
            mean = times * sum(seen) / len(seen)
            above = 1.0 - sum(mass(value, mean, correlation) for value in range(least))
            tried.append(sum(math.log(mass(value, mean, correlation) / above) for value in seen))
        best.append(max(tried))
    worth = [math.exp(one - max(best)) for one in best]

    def average(median: float, spread: float) -> float:
        weights = [math.exp(-0.5 * ((math.log(r) - math.log(median)) / spread) ** 2) for r in _VARIATIONS.tolist()]
        return sum(w * x for w, x in zip(weights, worth, strict=True)) / sum(weights)

    honest = average(VOLUME_REFERENCE.honest_median, VOLUME_REFERENCE.honest_spread)
    queue = average(VOLUME_REFERENCE.queue_median, VOLUME_REFERENCE.queue_spread)
    return math.log2(VOLUME_REFERENCE.queue_share * queue / honest + 1.0 - VOLUME_REFERENCE.queue_share)


def bits(volumes: list[int], least: int = LEAST) -> float:
    return cut_volume_bits(np.array(volumes, np.int64), least, VOLUME_REFERENCE)


EVEN = [8, 6, 9, 10, 7, 5, 8, 9, 6, 11, 8, 7, 10, 8, 7]
UNEVEN = [4, 4, 31, 5, 12, 4, 7, 52, 4, 6, 22, 4, 5, 9, 4]


@pytest.mark.parametrize("volumes", [EVEN, UNEVEN, [5, 5, 5, 5, 5], [4, 9, 17], [3, 2, 6, 8, 7]])
@pytest.mark.parametrize("least", [3, 5])
def test_bits_are_those_of_the_plain_twin(volumes: list[int], least: int) -> None:
    assert bits(volumes, least) == pytest.approx(plain_bits(volumes, least), abs=1e-6)


def test_even_volumes_are_evidence_and_uneven_ones_evidence_against() -> None:
    assert bits(EVEN) > 1.0
    assert -2.0 <= bits(UNEVEN) < -1.0, "some operations spread their volume unevenly: bounded below"


def test_what_the_cut_hides_is_no_evenness() -> None:
    """Of uneven volumes those just above the cut look alike: the more of them it hides, the less is claimed."""
    just_above = [4, 5, 4, 6, 5, 4, 7, 4, 5, 6, 4, 4, 5, 8, 4]
    assert bits(just_above, 1) > bits(just_above, 4) + 1.0


@pytest.mark.parametrize("seed", range(3))
def test_volumes_of_customers_above_a_cut_are_seldom_taken_for_one_queue(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(40):
        drawn = rng.poisson(rng.gamma(1.0 / 0.7, 0.7 * 6.0, 60))
        found.append(bits(drawn[drawn >= LEAST].tolist()))
    assert np.mean(np.array(found) > 0.0) < 0.15


def test_volumes_below_the_cut_and_their_order_say_nothing() -> None:
    assert bits([*EVEN, 1, 2, 3]) == bits(EVEN) == bits(EVEN[::-1])
    assert bits([1, 2, 3]) == 0.0
    assert bits([]) == 0.0
