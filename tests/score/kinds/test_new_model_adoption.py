"""Members that all ask for a new model at once, against comparison accounts that are as busy."""

from __future__ import annotations

import re

import numpy as np
import pytest
from row_logs import DAY, HOUR, finding_of, group_of, log_of_rows, with_accounts

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.new_model_adoption import _MOVED_STRENGTH, _SMOOTHING, KIND, P
from stillhunt.score.stats.beta_binomial import BetaPrior, part_bits, share_ratio

MEMBERS, EACH, DAYS = 20, 80, 10
MOVING = BetaPrior(P.moved_mean, _MOVED_STRENGTH)


def launching(rng: np.random.Generator, members_move: float, others_move: float, *, others: int = 200) -> ScoredLog:
    """A model appears on day five; some of the members and of the others at work ask for it within hours."""
    count = MEMBERS + others
    owner = np.repeat(np.arange(count), EACH)
    time = rng.integers(0, DAYS * DAY, len(owner))
    moves = rng.random(count) < np.where(np.arange(count) < MEMBERS, members_move, others_move)
    new = (time > 5 * DAY) & moves[owner]
    return log_of_rows(
        owner, time, model=np.where(new, "next", "large").tolist(), cluster=np.where(owner < MEMBERS, 0, -1)
    )


def found_in(log: ScoredLog, members: int = MEMBERS) -> Finding | None:
    return finding_of(KIND, log, group_of(log, members))


def bits_in(log: ScoredLog) -> float:
    found = found_in(log)
    return found.bits if found else 0.0


def test_members_that_move_at_once_are_evidence() -> None:
    found = found_in(launching(np.random.default_rng(9), 0.95, 0.1))
    assert found is not None
    assert 2.0 < found.bits <= 5.0
    assert usual_in(found) == pytest.approx(0.1, abs=0.05)
    assert found.count > 0


def usual_in(found: Finding) -> float:
    """The comparison accounts' share in the statement."""
    match = re.search(r"; ([\d.]+) % of equally active", found.statement)
    assert match is not None, found.statement
    return float(match.group(1)) / 100


@pytest.mark.parametrize("everybody", [0.2, 0.7])
def test_members_that_move_as_all_do_earn_nothing(everybody: float) -> None:
    rng = np.random.default_rng(10)
    worth = [2.0 ** bits_in(launching(rng, everybody, everybody, others=100)) for _ in range(12)]
    assert np.mean(worth) < 1.1


def test_users_of_one_framework_move_together_now_and_then() -> None:
    """Groups that lean as the null says: on average not above even odds."""
    rng = np.random.default_rng(11)
    usual = 0.3
    worth = [
        2.0 ** bits_in(launching(rng, float(rng.beta(usual * 2.5, (1 - usual) * 2.5)), usual, others=60))
        for _ in range(40)
    ]
    assert np.mean(worth) < 1.25


def test_a_model_of_the_first_days_is_not_new() -> None:
    rng = np.random.default_rng(12)
    owner = np.repeat(np.arange(40), EACH)
    time = rng.integers(0, DAYS * DAY, len(owner))
    model = np.where((time > DAY) & (owner < MEMBERS), "next", "large").tolist()
    assert found_in(log_of_rows(owner, time, model=model)) is None


def small_log(moved: list[int], volumes: list[int], launches: int = 1) -> ScoredLog:
    """Accounts that send so many requests on each day of a launch, the first of the numbered ones with the new model.

    Args:
        moved: accounts that ask for the new model.
        volumes: requests of each account in the day after a launch; each also sends one on the first day, and one last.
        launches: models that appear, two days apart, taken up by the same accounts; the last account sends first.
    """
    rows: list[tuple[int, int, str]] = []
    for account, volume in enumerate(volumes):
        rows += [(account, account, "large"), (account, 12 * DAY + account, "large")]
        for launch in range(launches):
            start = (4 + 2 * launch) * DAY
            models = ["large"] * volume
            if account in moved and volume:
                models[0] = f"next{launch}"
            first = start + len(volumes) - account
            rows += [(account, first + 60 * place, model) for place, model in enumerate(models)]
    owner, time, model = (list(column) for column in zip(*rows, strict=True))
    return log_of_rows(np.array(owner), np.array(time), model=model)


def test_the_null_is_comparison_accounts_of_the_same_volume() -> None:
    """Volumes of 1, 2-3 and 4-7 are three levels; each level's share is smoothed by that of all."""
    volumes = [1, 2, 3, 4, 5, 0] + [1] * 10 + [2] * 6 + [4] * 8
    moved = [0, 1, 2, 4, *range(6, 9), 16, *range(24, 30)]
    log = small_log(moved, volumes)
    found = found_in(log, 6)
    assert found is not None
    took, active = {0: 3, 1: 1, 2: 6}, {0: 10, 1: 6, 2: 8}
    overall = (10 + 1.0) / (24 + 2.0)
    rate = {level: (took[level] + _SMOOTHING * overall) / (active[level] + _SMOOTHING) for level in took}
    usual = np.mean([rate[0], rate[1], rate[1], rate[2], rate[2]])
    ratio = share_ratio(4, 5, BetaPrior(float(usual), P.usual_strength), MOVING)
    assert found.bits == pytest.approx(part_bits(ratio, P.part))
    assert found.statement.startswith("When a new model appeared, 4 of 5 active members asked for it within a day")
    assert usual_in(found) == pytest.approx(usual, abs=0.005)
    assert found.count == 4
    assert set(log.requests.account[found.rows].tolist()) == {0, 1, 2, 4}


def test_members_outside_the_sample_are_not_taken_off_it() -> None:
    """Whether members are among the comparison accounts or not, these are the same accounts in the end."""
    log = small_log([0, 1, 2, 3, *range(24, 30)], [2] * 30)
    outside = with_accounts(log, background=np.arange(30) >= 6)
    one, other = found_in(log, 6), found_in(outside, 6)
    assert one is not None
    assert other is not None
    assert one.bits == other.bits


def test_the_mean_over_launches_is_weighed_and_the_clearest_is_shown() -> None:
    """Two launches of which the members follow the second only."""
    log = small_log([0, 1, 2, 3, 4, 25, 26, 27, 28, 29], [2] * 30, launches=2)
    models = log.requests.table["model"].to_pylist()
    first = [place for place, name in enumerate(models) if name == "next0" and log.requests.account[place] < 5]
    model = ["large" if place in first else name for place, name in enumerate(models)]
    log = log_of_rows(log.requests.account, log.requests.time, model=model)
    found = found_in(log, 5)
    assert found is not None
    ratios = []
    for took in (0, 5):
        overall = (5 + 1.0) / (25 + 2.0)
        usual = (5 + _SMOOTHING * overall) / (25 + _SMOOTHING)
        ratios.append(share_ratio(took, 5, BetaPrior(usual, P.usual_strength), MOVING))
    assert found.bits == pytest.approx(part_bits(float(np.mean(ratios)), P.part))
    assert found.statement.startswith("When a new model appeared, 5 of 5 active members")
    assert found.count == 5
    assert (log.requests.time[found.rows] >= 6 * DAY).all()


@pytest.mark.parametrize(("active", "judged"), [(3, False), (4, True)])
def test_a_few_members_at_work_are_not_judged(active: int, judged: bool) -> None:
    log = small_log([0, *range(24, 30)], [2] * active + [0] * (10 - active) + [2] * 20)
    assert (found_in(log, 10) is not None) == judged


def test_requests_after_the_first_day_are_not_shown() -> None:
    log = small_log([0, 1, 2, 3, *range(24, 30)], [2] * 30)
    later = np.r_[log.requests.time, 7 * DAY + HOUR]
    log = log_of_rows(np.r_[log.requests.account, 0], later, model=[*log.requests.table["model"].to_pylist(), "next0"])
    found = found_in(log, 6)
    assert found is not None
    assert found.count == 4
