"""Accounts that are active in the same 12-hour windows, judged on the fold that did not form the group."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import HOUR, Array, finding_of, group_of, log_of_rows, with_requests

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.held_out import held_out_homogeneity, usual_here
from stillhunt.score.evidence.kinds.common_days import TIMES_KIND
from stillhunt.score.stats.homogeneity import index_bits
from stillhunt.score.stats.honest_reference import TIME_REFERENCE

MEMBERS, OTHERS, EACH, WINDOWS = 15, 80, 60, 20


def log_with(rng: np.random.Generator, members: Array) -> ScoredLog:
    """Members with requests in windows drawn from their rows of weights; others each with windows of their own."""
    weights = np.concatenate([members, rng.dirichlet(np.full(WINDOWS, 0.3), OTHERS)])
    window = np.concatenate([rng.choice(WINDOWS, EACH, p=own / own.sum()) for own in weights])
    account = np.repeat(np.arange(MEMBERS + OTHERS), EACH)
    log = log_of_rows(account, window * 12 * HOUR + rng.integers(0, 12 * HOUR, len(account)))
    return with_requests(log, fold=rng.integers(0, 2, len(account)))


def test_the_same_windows_are_evidence_and_windows_of_their_own_are_evidence_against() -> None:
    rng = np.random.default_rng(1)
    together = np.tile(rng.dirichlet(np.full(WINDOWS, 0.5)), (MEMBERS, 1))
    common, own = (log_with(rng, members) for members in (together, rng.dirichlet(np.full(WINDOWS, 0.3), MEMBERS)))
    found = finding_of(TIMES_KIND, common, group_of(common, MEMBERS))
    assert found is not None
    assert found.bits > 2.0
    assert found.statement.startswith("Its accounts are active in the same 12-hour windows: dispersion index ")
    assert found.count == MEMBERS * EACH
    group = group_of(common, MEMBERS)
    held_out = held_out_homogeneity(common, group, common.requests.time[group.rows] // (12 * HOUR))
    usual = usual_here(common, group, held_out, "time", TIME_REFERENCE)
    assert found.bits == pytest.approx(index_bits(held_out, usual))
    assert f"index {held_out.index:.2f} on" in found.statement
    against = finding_of(TIMES_KIND, own, group_of(own, MEMBERS))
    assert against is not None
    assert against.bits < -0.5
    assert against.statement.startswith("Its accounts are active in different 12-hour windows")


def test_comparison_accounts_with_the_same_windows_make_it_usual() -> None:
    rng = np.random.default_rng(2)
    office = np.tile(rng.dirichlet(np.full(WINDOWS, 0.5)), (MEMBERS + OTHERS, 1))
    window = np.concatenate([rng.choice(WINDOWS, EACH, p=own) for own in office])
    account = np.repeat(np.arange(MEMBERS + OTHERS), EACH)
    log = with_requests(
        log_of_rows(account, window * 12 * HOUR + rng.integers(0, 12 * HOUR, len(account))),
        fold=rng.integers(0, 2, len(account)),
    )
    found = finding_of(TIMES_KIND, log, group_of(log, MEMBERS))
    assert found is not None
    assert found.bits < 1.0


@pytest.mark.parametrize(("members", "hours", "insufficient"), [(2, 240, True), (3, 240, False), (15, 11, True)])
def test_too_few_accounts_or_too_short_a_time_is_insufficient_data(
    members: int, hours: int, insufficient: bool
) -> None:
    rng = np.random.default_rng(3)
    account = np.repeat(np.arange(40), EACH)
    log = log_of_rows(account, rng.integers(0, hours * HOUR, len(account)))
    found = finding_of(TIMES_KIND, log, group_of(log, members))
    assert found is not None
    assert found.insufficient == insufficient
    if insufficient:
        assert found.bits == 0.0
        assert found.statement.startswith("Too few of its requests, or too short a period")
