"""Settings held constant: weak evidence where few others use them, and none without columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import DAY, Array, finding_of, group_of, log_of_rows

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import members_sharing
from stillhunt.score.evidence.kinds.constant_settings import KIND, P
from stillhunt.score.stats.shared_keys import shared_value

MEMBERS, OTHERS, EACH = 12, 120, 20
ACCOUNTS = MEMBERS + OTHERS
OWNER = np.repeat(np.arange(ACCOUNTS), EACH)
GROUPS = np.maximum(OWNER - MEMBERS + 4, 0) // 4
"""The members' content cluster, then one for every four other accounts."""


def log_with(rng: np.random.Generator, **columns: Any) -> ScoredLog:
    return log_of_rows(OWNER, rng.integers(0, 5 * DAY, len(OWNER)), cluster=GROUPS, **columns)


def found_in(log: ScoredLog) -> Finding:
    found = finding_of(KIND, log, group_of(log, MEMBERS))
    assert found is not None
    return found


def settings(rng: np.random.Generator, members: Array) -> dict[str, Any]:
    """Others draw from five temperatures and five lengths, each constant; the members' temperatures are given."""
    warm = rng.choice([0.0, 0.2, 0.5, 0.7, 1.0], ACCOUNTS)[OWNER]
    room = rng.choice([256, 512, 1024, 2048, 4096], ACCOUNTS)[OWNER]
    inside = OWNER < MEMBERS
    return {"temperature": np.where(inside, members, warm), "max_tokens": np.where(inside, 3000, room)}


def test_one_rare_setting_that_all_keep_is_evidence_up_to_the_cap() -> None:
    rng = np.random.default_rng(1)
    found = found_in(log_with(rng, **settings(rng, np.full(len(OWNER), 0.65))))
    assert 1.0 < found.bits <= P.cap_bits
    assert found.statement == (
        "All 12 accounts always use 1 combination of temperature, top_p and max_tokens that is less common among other "
        "accounts; 0 of them use other settings in other traffic"
    )


def test_settings_that_vary_within_accounts_say_nothing() -> None:
    rng = np.random.default_rng(2)
    assert found_in(log_with(rng, **settings(rng, rng.choice([0.1, 0.3, 0.65, 0.9], len(OWNER))))).bits == 0.0


def test_the_commonest_setting_says_nothing() -> None:
    """Everybody sends what a popular client sends."""
    log = log_with(np.random.default_rng(3), temperature=np.full(len(OWNER), 0.7), max_tokens=[1024] * len(OWNER))
    assert found_in(log).bits == 0.0


def test_the_same_number_in_single_precision_is_the_same_setting() -> None:
    warm = np.where(OWNER % 2 == 0, 0.7, float(np.float32(0.7)))
    log = log_with(np.random.default_rng(4), temperature=warm)
    assert len(np.unique(log.requests.settings)) == 1


def test_without_settings_nothing_is_said() -> None:
    log = log_with(np.random.default_rng(5))
    assert finding_of(KIND, log, group_of(log, MEMBERS)) is None


@pytest.mark.parametrize(("odd", "sharing"), [(2, 12), (3, 11)])
def test_an_account_keeps_a_setting_in_nine_requests_of_ten(odd: int, sharing: int) -> None:
    """Of 20 requests of the first member so many have another temperature."""
    rng = np.random.default_rng(6)
    members = np.where((OWNER == 0) & (np.arange(len(OWNER)) < odd), 0.1, 0.65)
    log = log_with(rng, **settings(rng, members))
    found = found_in(log)
    assert found.statement.startswith(f"{members_sharing(sharing, MEMBERS)} always use 1 combination")
    own = np.where(np.arange(MEMBERS) < 12 - sharing, -1, log.requests.settings[EACH])
    weighed = shared_value(own, np.arange(MEMBERS), log.keys.settings)
    assert found.bits == pytest.approx(min(weighed.bits, P.cap_bits))
    assert found.count == MEMBERS * EACH


def test_other_settings_in_the_rest_of_the_traffic_are_counted() -> None:
    """Three members send another temperature outside the group's content cluster, one of them twice; one the same."""
    rng = np.random.default_rng(7)
    columns = settings(rng, np.full(len(OWNER), 0.65))
    extra = np.array([0, 1, 2, 2, 3])
    log = log_of_rows(
        np.r_[OWNER, extra],
        np.r_[rng.integers(0, 5 * DAY, len(OWNER)), np.arange(5)],
        cluster=np.r_[GROUPS, np.full(5, -1)],
        temperature=np.r_[columns["temperature"], [0.2, 0.3, 0.4, 0.5, 0.65]],
        max_tokens=np.r_[columns["max_tokens"], np.full(5, 3000)],
    )
    assert "3 of them use other settings in other traffic" in found_in(log).statement


def test_groups_like_the_others_earn_nothing_on_average() -> None:
    rng = np.random.default_rng(8)
    worth = []
    for _ in range(40):
        kept = settings(rng, rng.choice([0.0, 0.2, 0.5, 0.7, 1.0], ACCOUNTS)[OWNER])
        kept["max_tokens"] = rng.choice([256, 512, 1024, 2048, 4096], ACCOUNTS)[OWNER]
        worth.append(2.0 ** found_in(log_with(rng, **kept)).bits)
    assert np.mean(worth) < 1.1
