"""Comparison accounts that are alike among themselves: any group of them is as alike, without one work queue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stories import Story, score_story

from stillhunt.score.stats import homogeneity as background_correlation
from stillhunt.score.stats.homogeneity import CORRELATION, Mixtures, mixtures

CATEGORIES = 12
Array = np.ndarray[Any, np.dtype[Any]]


def sent(rng: np.random.Generator, accounts: int, correlation: float) -> tuple[Array, Array]:
    """(account, category) of requests; own mixtures are Dirichlet around a common one, 0 = all have the same."""
    usual = rng.dirichlet(np.full(CATEGORIES, 3.0))
    volumes = 2 + rng.geometric(0.05, accounts)
    strength = 1.0 / correlation - 1.0 if correlation else 0.0
    rows = [rng.choice(CATEGORIES, n, p=rng.dirichlet(usual * strength) if correlation else usual) for n in volumes]
    return np.repeat(np.arange(accounts), volumes), np.concatenate(rows)


def plain_correlation(account: Array, category: Array) -> float:
    """The bound by its definition: pair by pair."""
    names = [name for name in np.unique(account).tolist() if (account == name).sum() >= 2]
    own, weight, shares = [], [], []
    for name in names:
        asked = category[account == name]
        same = asked[:, None] == asked[None, :]
        own.append((same.sum() - len(asked)) / (len(asked) * (len(asked) - 1)))
        weight.append((len(asked) - 1) / (1 + (len(asked) - 1) * CORRELATION.weighting))
        shares.append(np.bincount(asked, minlength=CATEGORIES) / len(asked))
    w, c = np.array(weight), np.array(own)
    both = np.outer(w, w) * (1 - np.eye(len(w)))
    between = float((both * (np.array(shares) @ np.array(shares).T)).sum() / both.sum())
    within = float((w * c).sum() / w.sum())
    error = float(np.sqrt((w**2 * (c - within) ** 2).sum()) / w.sum())
    return min(max((within - between + CORRELATION.standard_errors * error) / (1 - between), 0.0), 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_correlation_is_that_of_pairs_of_requests(seed: int) -> None:
    account, category = sent(np.random.default_rng(seed), 30, 0.05)
    found = mixtures(account, category, CATEGORIES).correlation
    assert found == pytest.approx(plain_correlation(account, category), rel=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.003, 0.03, 0.3])
def test_the_bound_lies_near_above_the_truth(correlation: float) -> None:
    found = [mixtures(*sent(np.random.default_rng(s), 400, correlation), CATEGORIES).correlation for s in range(20)]
    assert sum(one >= correlation for one in found) >= 17
    assert float(np.mean(found)) <= 1.3 * correlation + 0.004


def test_members_are_taken_off() -> None:
    account, category = sent(np.random.default_rng(5), 60, 0.1)
    inside = account % 3 == 0
    everybody = mixtures(account, category, CATEGORIES)
    left = everybody.without(mixtures(account[inside], category[inside], CATEGORIES))
    assert left.correlation == pytest.approx(plain_correlation(account[~inside], category[~inside]), rel=1e-9)


def test_counting_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    account, category = sent(np.random.default_rng(6), 50, 0.1)
    at_once = mixtures(account, category, CATEGORIES).correlation
    monkeypatch.setattr(background_correlation, "_CELLS", 7 * CATEGORIES)
    assert mixtures(account, category, CATEGORIES).correlation == pytest.approx(at_once, rel=1e-12)


@pytest.mark.parametrize("accounts", [0, 1])
def test_too_few_accounts_give_no_estimate(accounts: int) -> None:
    account = np.zeros(9 * accounts, np.int64)
    found: Mixtures = mixtures(account, np.arange(len(account)) % CATEGORIES, CATEGORIES)
    assert found.correlation == 1.0


def test_a_group_as_alike_as_everybody_draws_from_no_queue_of_its_own() -> None:
    """The same members among others who differ, and among others who all ask as the members do."""
    bits = {alike: topic_bits(score_story(Story(others_alike=alike))["evidence"]) for alike in (False, True)}
    assert bits[False] > 3.0
    assert abs(bits[True]) < 1.5


def topic_bits(evidence: Any) -> float:
    return sum(
        row["raw_bits"] for row in evidence.to_pylist() if row["kind"] == "topic_mixture" and row["account_id"] is None
    )
