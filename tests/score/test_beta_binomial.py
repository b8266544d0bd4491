"""Ratios of shares: mean 1 over honest groups, nothing from nothing, and no bit beyond what a part allows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln

from stillhunt.score.stats.beta_binomial import (
    BetaPrior,
    lean_ratio,
    least_bits,
    part_bits,
    rank_ratio,
    share_ratio,
)

HARVEST = BetaPrior(0.75, 4.0)


def chances(prior: BetaPrior, trials: int) -> list[float]:
    """Chance of 0, 1, ... trials hits in a group drawn from the prior."""
    hits = np.arange(trials + 1)
    ways = gammaln(trials + 1) - gammaln(hits + 1) - gammaln(trials - hits + 1)
    return [
        float(np.exp(way + prior.log_likelihood(hit, trials))) for way, hit in zip(ways, hits.tolist(), strict=True)
    ]


@pytest.mark.parametrize("honest", [BetaPrior(0.05, 1.0), BetaPrior(0.3, 2.5), BetaPrior(0.02, 20.0)])
@pytest.mark.parametrize("trials", [1, 6, 400])
def test_share_ratio_has_mean_one_over_honest_groups(honest: BetaPrior, trials: int) -> None:
    """The definition of an e-value, by summing over all outcomes; nothing is left to chance."""
    chance = chances(honest, trials)
    assert sum(chance) == pytest.approx(1.0, abs=1e-6)
    mean = sum(p * share_ratio(hits, trials, honest, HARVEST) for hits, p in enumerate(chance))
    assert mean == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("strength", [10.0, 40.0])
@pytest.mark.parametrize("trials", [3, 200])
def test_lean_ratio_has_mean_one_over_honest_groups(strength: float, trials: int) -> None:
    chance = chances(BetaPrior(0.5, strength), trials)
    mean = sum(p * lean_ratio(hits, trials, strength) for hits, p in enumerate(chance))
    assert mean == pytest.approx(1.0, abs=1e-6)


def test_rank_ratio_has_mean_one_over_even_ranks() -> None:
    ranks = (np.arange(20_000) + 0.5) / 20_000
    assert np.mean([rank_ratio(float(rank), 3.0) for rank in ranks]) == pytest.approx(1.0, abs=1e-3)


def test_no_trials_no_bits() -> None:
    assert part_bits(share_ratio(0, 0, BetaPrior(0.1, 1.0), HARVEST), 0.5) == 0.0
    assert part_bits(lean_ratio(0, 0, 10.0), 0.5) == 0.0


def test_thousands_of_requests_are_one_group() -> None:
    """A hundredfold of requests with the same share must not multiply the bits."""
    few, many = (share_ratio(0.8 * n, n, BetaPrior(0.06, 1.0), HARVEST) for n in (50, 5_000))
    assert many < 2.0 * few


def test_absence_costs_no_more_than_the_part() -> None:
    assert part_bits(share_ratio(0, 100_000, BetaPrior(0.06, 1.0), HARVEST), 0.4) >= np.log2(0.6)
    assert least_bits(0.4) == pytest.approx(np.log2(0.6))
