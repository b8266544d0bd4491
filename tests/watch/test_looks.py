"""The budget over all looks: its ledger, and that the bars it pays for keep their promise in simulated months."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.units import DAY, HOUR
from stillhunt.score.verdict.budget import HONEST_SEARCH, expected_false, required_bits
from stillhunt.watch.records import PERIOD_DAYS, Ledger, Look, ledger

NOW = 60 * DAY


def looks_every(hours: float, accounts: int = 10_000, allowed: float = 1.0, *, end: int = NOW) -> list[Look]:
    bits = required_bits(accounts, 14.0, allowed)
    return [Look(at, accounts, 14.0, bits) for at in range(0, end + 1, int(hours * HOUR))]


@pytest.mark.parametrize("hours", [0.25, 1.0, 24.0])
def test_a_month_of_looks_at_the_bar_spends_what_is_allowed(hours: float) -> None:
    found = ledger(looks_every(hours), NOW, 1.0)
    assert found.spent == pytest.approx(1.0, rel=1e-4)
    assert found.left == pytest.approx(0.0, abs=1e-4)


def test_half_a_month_spends_half_and_what_is_older_does_not_count() -> None:
    half = [look for look in looks_every(1.0) if look.at >= NOW - 15 * DAY]
    assert ledger(half, NOW, 1.0).spent == pytest.approx(0.5, rel=1e-3)
    old = [look for look in looks_every(1.0) if look.at <= DAY]
    assert ledger([*old, *half[:0]], 2 * DAY, 1.0).spent == pytest.approx(2 / 30, rel=1e-3)
    assert ledger([], NOW, 1.0) == Ledger(1.0, 0.0, 1.0, 0)


@given(st.permutations(range(20)))
@settings(derandomize=True)
def test_the_order_of_looks_does_not_matter(order: list[int]) -> None:
    looks = looks_every(24.0)[:20]
    assert ledger([looks[place] for place in order], NOW, 1.0) == ledger(looks, NOW, 1.0)


def test_a_log_that_grew_is_paid_at_the_bar_of_its_time() -> None:
    """The bar of a small log costs more once the log has grown, until the next hunt sets another."""
    low = required_bits(1_000, 14.0, 1.0)
    grown = [Look(NOW - 30 * DAY, 1_000_000, 14.0, low)]
    assert ledger(grown, NOW, 1.0).spent == pytest.approx(expected_false(low, 1_000_000, 14.0), rel=1e-4)
    assert ledger(grown, NOW, 1.0).left < 0


@pytest.mark.parametrize("looks_a_day", [24, 96])
def test_honest_months_keep_the_budget_at_every_look(looks_a_day: int) -> None:
    """At 10,000 looks and more, honest groups come and go at the rate of the null, and keep their bits while they last.

    The bar is the one that the log's size asks for. The number that is called in 30 days, at whatever look, has at most
    the mean that is allowed.
    """
    draw = np.random.default_rng(11)
    allowed, accounts, months = 2.0, 5_000, 400
    bar = required_bits(accounts, 14.0, allowed)
    rate = expected_false(HONEST_SEARCH.level, accounts, 14.0)
    called = np.zeros(months)
    for month in range(months):
        arrivals = np.sort(draw.uniform(0, PERIOD_DAYS * looks_a_day, draw.poisson(rate)))
        bits = HONEST_SEARCH.level + draw.exponential(HONEST_SEARCH.scale, len(arrivals))
        ends = arrivals + draw.exponential(3.0 * looks_a_day, len(arrivals))
        seen = [np.ceil(start) <= end for start, end in zip(arrivals, ends, strict=True)]
        called[month] = np.sum((bits >= bar) & seen)
    assert months * PERIOD_DAYS * looks_a_day >= 10_000
    assert called.mean() <= allowed + 3 * called.std() / np.sqrt(months)
