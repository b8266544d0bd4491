"""The short cuts by which the budget is measured: looks without reading the text again, months without hunting."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import stillhunt
from stillhunt.score.verdict.budget import SearchNull, expected_false, required_bits
from stillhunt_lab.worlds.build import WorldSpec, build_world

QUALITY = __file__.rsplit("/tests/", 1)[0] + "/benchmarks/quality"
sys.path.insert(0, QUALITY)

import budget  # noqa: E402 - its folder is no package
import looks  # noqa: E402 - its folder is no package
import tails  # noqa: E402 - its folder is no package
from watched import WINDOW_DAYS, Watched  # noqa: E402 - its folder is no package


def test_a_look_is_what_a_whole_hunt_finds() -> None:
    """The text is read once for all looks; candidates, members and bits are those of a hunt in the window's rows."""
    world = build_world(WorldSpec(accounts=100, days=16, seed=9))
    watched = Watched(world, threads=1)
    end = watched.begin + (WINDOW_DAYS * 24 + 30) * looks.HOUR
    times = world.requests["timestamp"].cast(pa.int64())
    begin = end - WINDOW_DAYS * 24 * looks.HOUR
    inside = pc.and_(pc.greater_equal(times, begin), pc.less(times, end))
    assert 0 < pc.sum(inside).as_py() < world.requests.num_rows
    looked = looks.groups_of(watched.tables(end))
    case = stillhunt.hunt(world.requests.filter(inside), world.accounts, watched.config)
    assert len(looked) >= 1
    assert sorted((sorted(m), b) for m, b in looked) == sorted((sorted(m), b) for m, b in looks.groups_of(case.tables))
    recorded = case.run["budget"]
    assert recorded["accounts"] == case.tables["accounts"].num_rows
    assert recorded["days"] == pytest.approx(WINDOW_DAYS, abs=0.2)
    assert recorded["false_campaigns_per_month"] == 1.0
    asked = required_bits(recorded["accounts"], recorded["days"], 1.0)
    assert recorded["required_bits"] == pytest.approx(asked, abs=1e-3)


def test_groups_are_followed_by_their_members() -> None:
    tracks: list[frozenset[str]] = []
    first = [frozenset("abcdef"), frozenset("uvwxyz")]
    assert looks.follow(tracks, first) == [0, 1]
    # The larger overlap goes first; a group of strangers opens a track of its own.
    assert looks.follow(tracks, [frozenset("uvw"), frozenset("mnop"), frozenset("abcdxy")]) == [1, 2, 0]
    assert tracks == [frozenset("abcdxy"), frozenset("uvw"), frozenset("mnop")]
    # No track is continued twice.
    assert looks.follow(tracks, [frozenset("mno"), frozenset("nop")]) == [2, 3]


def test_the_fitted_tail_is_the_drawn_one() -> None:
    """Exponential excesses of a known scale and rate are found again, within their bounds."""
    rng = np.random.default_rng(5)
    worlds, accounts = 200, 2_000
    counts = rng.poisson(4.0, worlds)
    world = np.repeat(np.arange(worlds), counts)
    bits = 5.0 + rng.exponential(1.4, len(world))
    tail = tails.fit_tail(bits, world, worlds, accounts, 5.0)
    assert tail.per_thousand == pytest.approx(2.0, rel=0.1)
    assert tail.scale == pytest.approx(1.4, rel=0.1)
    assert tail.per_thousand < tail.per_thousand_upper < 1.25 * tail.per_thousand
    assert tail.scale < tail.scale_upper < 1.25 * tail.scale
    shape, error = tails.tail_shape(bits, 5.0)
    assert abs(shape) < 3 * error


def honest_candidates(bits: np.ndarray, *opened: float) -> pa.Table:
    """Candidates of ten worlds, and some more that openly are one customer."""
    every = np.r_[bits, opened]
    world = [f"w{number % 10}" for number in range(len(every))]
    return pa.table(
        {"world": world, "bits": every, "open": np.arange(len(every)) >= len(bits), "accounts": [2_000] * len(every)}
    )


@pytest.mark.parametrize(("above_seven", "level"), [(0, 5.0), (budget.ENOUGH - 1, 5.0), (budget.ENOUGH, 7.0)])
def test_the_tail_is_fitted_at_the_highest_level_with_enough_candidates(above_seven: int, level: float) -> None:
    """Groups that openly are one customer are never flagged, and count at no level."""
    bits = np.r_[np.full(30, 1.0), np.full(budget.ENOUGH, 5.5), np.full(above_seven, 7.5)]
    tail = budget.honest_tail(honest_candidates(bits, *[9.0] * budget.ENOUGH))
    assert tail.level == level
    assert tail.count == (bits > level).sum()
    assert budget.honest_tail(honest_candidates(bits), 6.0).level == 6.0
    assert budget.honest_tail(honest_candidates(np.full(30, 1.0))).level == min(budget.LEVELS)


def test_the_fitted_line_is_carried_to_the_level_of_the_constants() -> None:
    rng = np.random.default_rng(12)
    world = np.repeat(np.arange(50), 4)
    excess = rng.exponential(1.4, len(world))
    at, above = (tails.fit_tail(level + excess, world, 50, 2_000, level) for level in (budget.LEVEL, 7.0))
    assert budget.at_level(at) == at.per_thousand_upper
    steps = (7.0 - budget.LEVEL) / above.scale_upper
    assert budget.at_level(above) == pytest.approx(at.per_thousand_upper * np.exp(steps))
    null = budget.fitted_null(at, above, 3.14159)
    assert (null.per_thousand, null.scale, null.month) == (
        round(at.per_thousand_upper, 2),
        round(at.scale_upper, 2),
        3.1,
    )
    assert null.rate_growth == pytest.approx(steps / np.log(2.0), abs=0.005)
    assert null.scale_growth == 0.0
    assert budget.fitted_null(above, at, 1.0).rate_growth == 0.0, "longer logs never promise less"


def test_upper_bounds_hold_nineteen_times_in_twenty() -> None:
    """Each bound by itself; 200 fits leave room for 6 % more misses than stated."""
    rng = np.random.default_rng(6)
    rate = scale = 0
    for _ in range(200):
        world = np.repeat(np.arange(24), rng.poisson(3.0, 24))
        tail = tails.fit_tail(5.0 + rng.exponential(1.4, len(world)), world, 24, 2_000, 5.0)
        rate += tail.per_thousand_upper >= 1.5
        scale += tail.scale_upper >= 1.4
    assert min(rate, scale) >= 178


def wandering(rng: np.random.Generator, groups: int, hours: int = 720) -> tails.Restlessness:
    """Groups that stray by a slow part and a flicker, and are found at nine looks of ten."""
    slow = rng.normal(0.0, 0.8, groups)
    path = np.empty((hours, groups))
    for look in range(hours):
        path[look] = slow + rng.normal(0.0, 1.0, groups)
        slow = 0.99 * slow + rng.normal(0.0, 0.8 * np.sqrt(1.0 - 0.99**2), groups)
    path[rng.random(path.shape) < 0.1] = -np.inf
    return tails.restlessness([path], least=-100.0)


def test_groups_that_never_stray_are_counted_once() -> None:
    still = tails.Restlessness(np.zeros((5, 720)))
    assert still.month_factor(1.4) == pytest.approx(1.0)
    search = tails.Search(above=30.0, level=5.0, scale=1.4)
    counts, once = tails.months(100, search, [5.0, 6.4], still, np.random.default_rng(7))
    assert counts.mean(axis=0) == pytest.approx([30.0, 30.0 / np.e], rel=0.08)
    assert once.mean(axis=0) == pytest.approx([30.0, 30.0 / np.e], rel=0.08)


def test_groups_that_live_for_one_look_are_all_counted() -> None:
    """Another stranger at each look: a month finds 720 times as many as one look, the union bound."""
    strays = np.full((720, 720), -np.inf)
    np.fill_diagonal(strays, 0.0)
    assert tails.Restlessness(strays).month_factor(1.4) == pytest.approx(720.0)


def test_groups_too_low_to_matter_are_left_out_and_the_rest_stand_around_their_mean() -> None:
    path = np.array([[1.0, 4.0, -np.inf], [3.0, 4.0, 7.0]])
    assert tails.restlessness([path], least=3.0).strays.tolist() == [[0.0, 0.0], [-np.inf, 0.0]]


def test_simulated_looks_have_the_tail_they_are_given() -> None:
    """Whatever the groups' straying, one look has the stated number above each bar, and a month the factor's."""
    rng = np.random.default_rng(8)
    restless = wandering(rng, 60)
    search = tails.Search(above=20.0, level=5.0, scale=1.4)
    bars = [5.0, 6.5, 8.0]
    counts, once = tails.months(60, search, bars, restless, rng)
    expected = 20.0 * np.exp(-(np.array(bars) - 5.0) / 1.4)
    assert once.mean(axis=0) == pytest.approx(expected, rel=0.1)
    assert counts.mean(axis=0) == pytest.approx(expected * restless.month_factor(1.4), rel=0.1)


def test_a_hundred_honest_months_keep_the_budget() -> None:
    """100 runs of 30 honest days with hourly looks, at the level of the search statistic.

    The constants are measured as `benchmarks/quality/budget.py` measures them, with their upper bounds, on looks and
    groups other than those that are judged. What is promised is the mean over months.
    """
    rng = np.random.default_rng(9)
    counts = rng.poisson(2.0 * 1.4, 24)
    world = np.repeat(np.arange(24), counts)
    tail = tails.fit_tail(5.0 + rng.exponential(1.3, len(world)), world, 24, 2_000, 5.0)
    factor = wandering(rng, 50).month_factor_upper(tail.scale)
    null = SearchNull(5.0, tail.per_thousand_upper, tail.scale_upper, 14.0, 0.0, 0.0, factor)
    truth = tails.Search(above=1.4 * 50, level=5.0, scale=1.3)
    budgets = [20.0, 5.0, 1.0]
    bars = [required_bits(50_000, 14.0, allowed, null) for allowed in budgets]
    found, _ = tails.months(100, truth, bars, wandering(rng, 300), rng)
    for place, allowed in enumerate(budgets):
        assert found[:, place].mean() <= allowed
        assert found[:, place].mean() >= 0.01 * allowed, "and the bar is not out of all reach"
        assert expected_false(bars[place], 50_000, 14.0, null) == pytest.approx(allowed)


def test_without_the_months_factor_the_budget_would_break() -> None:
    """The same months against a bar that is set for one look: the test above can fail."""
    rng = np.random.default_rng(10)
    truth = tails.Search(above=70.0, level=5.0, scale=1.3)
    bar = required_bits(50_000, 14.0, 1.0, SearchNull(5.0, 1.4, 1.3, 14.0, 0.0, 0.0, 1.0))
    found, _ = tails.months(100, truth, [bar], wandering(rng, 300), rng)
    assert found.mean() > 5.0
