"""Days on which a group changes as one: seen where one queue drives all, worth nothing where chance does it."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import DAY, Array, finding_of, group_of, log_of_rows, with_accounts

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds import common_days
from stillhunt.score.evidence.kinds.common_days import DAYS_KIND, P

MEMBERS, EACH = 20, 80


def working(rng: np.random.Generator, days: Array, *, others: Array | None = None) -> Finding:
    """Members with requests on days drawn from their row of weights; others from the given weights, or evenly."""
    count, length = MEMBERS + 100, days.shape[1]
    weights = np.tile(np.ones(length) if others is None else others, (count, 1))
    weights[:MEMBERS] = days
    shares = weights / weights.sum(axis=1, keepdims=True)
    drawn = np.concatenate([rng.choice(length, EACH, p=share) for share in shares])
    owner = np.repeat(np.arange(count), EACH)
    log = log_of_rows(owner, drawn * DAY + rng.integers(0, DAY, len(owner)), cluster=np.where(owner < MEMBERS, 0, -1))
    found = finding_of(DAYS_KIND, log, group_of(log, MEMBERS))
    assert found is not None
    return found


def test_one_queue_moves_all_days() -> None:
    rng = np.random.default_rng(14)
    together = np.tile(rng.lognormal(0.0, 0.6, 14), (MEMBERS, 1))
    found = working(rng, together)
    assert 1.0 < found.bits <= 4.0
    assert found.statement.startswith(
        "Its accounts are busy on the same days more than chance has it: mean correlation 0."
    )


def test_a_pause_of_two_days_is_seen() -> None:
    paused = np.ones((MEMBERS, 14))
    paused[:, 6:8] = 0.0
    assert working(np.random.default_rng(15), paused).bits > 1.0


def test_what_everybody_does_is_no_common_queue() -> None:
    """Weekends and an outage: the members do as the others do."""
    week = np.tile([1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2], 2)
    week[3] = 0.1
    found = working(np.random.default_rng(16), np.tile(week, (MEMBERS, 1)), others=week)
    assert found.bits < 0.0
    assert found.statement.startswith("Its accounts are busy on different days")


def test_bursts_of_their_own_are_no_common_queue() -> None:
    """Every account has its own uneven days: on average not above even odds."""
    rng = np.random.default_rng(17)
    worth = [2.0 ** working(rng, rng.lognormal(0.0, 1.5, (MEMBERS, 14))).bits for _ in range(25)]
    assert np.mean(worth) < 1.0


def counted_log(counts: Array) -> ScoredLog:
    """A log with so many requests of each account (row) on each day (column), noon apart by account."""
    account, day = (index.ravel() for index in np.indices(counts.shape))
    owner, when = np.repeat(account, counts.ravel()), np.repeat(day, counts.ravel())
    # The first request of all is at the beginning of day 0, so that days are counted from there.
    return log_of_rows(owner, when * DAY + np.arange(len(owner)) % 1000)


def plain_correlation(counts: Array, members: int, usual: Array) -> float:
    """Mean correlation over pairs of members' daily counts, less what is usual on a day, in units of their noise."""
    own = counts[:members].astype(float)
    expected = own.sum(axis=1, keepdims=True) * usual / usual.sum()
    level = (own - expected) / np.sqrt(expected)
    level = level[level.std(axis=1) > 0]
    matrix = np.corrcoef(level)
    return float((matrix.sum() - len(level)) / (len(level) * (len(level) - 1)))


def usual_days(counts: Array, members: int) -> Array:
    """Sum of the others' shares of their own requests on each day, each account weighing the same."""
    others = counts[members:]
    weight = 1_000_000 // np.maximum(others.sum(axis=1, keepdims=True), 1)
    return (others * weight).sum(axis=0) + 10_000


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_correlation_is_that_of_the_definition(seed: int, sampled: bool) -> None:
    """Whether or not the members are in the background sample, they are no part of what is usual."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.lognormal(1.0, 0.5, 9), (30, 9))
    counts[:, 0] += 1
    log = counted_log(counts)
    if sampled:
        log = with_accounts(log, background=np.arange(30) >= 7)
    found = common_days._correlate_days(log, group_of(log, 7))
    assert found is not None
    expected = plain_correlation(counts, 7, usual_days(counts, 7))
    assert found[0] == pytest.approx(expected, abs=1e-5)
    assert found[1:] == (7, 9)


@pytest.mark.parametrize(("days", "judged"), [(5, False), (6, True)])
def test_a_few_days_are_not_compared(days: int, judged: bool) -> None:
    log = counted_log(np.random.default_rng(1).integers(1, 5, (12, days)))
    assert (finding_of(DAYS_KIND, log, group_of(log, 6)) is not None) == judged


@pytest.mark.parametrize(("members", "judged"), [(3, False), (4, True)])
def test_a_few_members_are_not_compared(members: int, judged: bool) -> None:
    log = counted_log(np.random.default_rng(2).integers(1, 5, (12, 8)))
    assert (finding_of(DAYS_KIND, log, group_of(log, members)) is not None) == judged


@pytest.mark.parametrize(("days", "bins"), [(120, 120), (121, 61), (250, 84)])
def test_long_logs_are_cut_into_bins_of_several_days(days: int, bins: int) -> None:
    counts = np.random.default_rng(3).integers(1, 3, (8, days))
    log = counted_log(counts)
    found = common_days._correlate_days(log, group_of(log, 4))
    assert found is not None
    assert found[2] == bins
    width = -(-days // bins)
    binned = np.add.reduceat(counts, np.arange(0, days, width), axis=1)
    usual = np.add.reduceat(usual_days(counts, 4) - 10_000, np.arange(0, days, width)) + 10_000
    assert found[0] == pytest.approx(plain_correlation(binned, 4, usual), abs=1e-4)


@pytest.mark.parametrize(("correlation", "noise"), [(0.3, 0.02), (0.0, 0.02), (0.06, 0.01), (-0.05, 0.03), (0.9, 0.1)])
def test_bits_are_the_ratio_of_two_mixtures(correlation: float, noise: float) -> None:
    """By summing over all correlations as the tables of parameters state them."""
    honest = operation = honest_total = operation_total = 0.0
    for true in np.linspace(0.0, 0.999, 1000).tolist():
        part, scale = P.calm
        density = part * np.exp(-0.5 * (true / scale) ** 2) / (scale * np.sqrt(np.pi / 2))
        for part, scale in (P.calendar, P.term):
            density += part * np.exp(-true / scale) / scale
        harvest = 1.0 / true if P.operations[0] <= true <= P.operations[1] else 0.0
        seen = np.exp(-0.5 * ((correlation - true) / noise) ** 2) + 1e-12
        honest, honest_total = honest + density * seen, honest_total + density
        operation, operation_total = operation + harvest * seen, operation_total + harvest
    expected = (operation / operation_total) / (honest / honest_total)
    assert common_days._likelihood_ratio(correlation, noise) == pytest.approx(expected)


def test_noise_and_bits_follow_from_the_correlation() -> None:
    counts = np.random.default_rng(4).poisson(4, (20, 9)) + 1
    log = counted_log(counts)
    found = finding_of(DAYS_KIND, log, group_of(log, 7))
    assert found is not None
    correlation = plain_correlation(counts, 7, usual_days(counts, 7))
    noise = float(np.sqrt(2.0 / (7 * 6 * 8)))
    assert f"(chance: 0 ± {noise:.3f})" in found.statement
    expected = np.log2(1 - P.part + P.part * common_days._likelihood_ratio(correlation, noise))
    assert found.bits == pytest.approx(expected, abs=1e-3)
    assert found.count == counts[:7].sum()
