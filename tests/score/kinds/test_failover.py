"""What other members do when one is refused: seen where it happens, worth nothing where chance does it."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import DAY, HOUR, MINUTE, Array, finding_of, group_of, log_of_rows

from stillhunt.base.formatting import percent
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.failover import (
    _RESENT_STRENGTH,
    _USUAL_FLOOR,
    _USUAL_STRENGTH,
    KIND,
    P,
    _count_started,
    _refusals_apart,
)
from stillhunt.score.stats.beta_binomial import BetaPrior, lean_ratio, share_ratio

MEMBERS, EACH, DAYS = 20, 80, 10
ROWS = MEMBERS * EACH


def working_hours(rng: np.random.Generator, rows: int, days: int = DAYS) -> Array:
    """Times by day with one strong rhythm for all, so that everybody is busy at once."""
    return rng.integers(0, days, rows) * DAY + ((8 + 8 * rng.beta(2, 2, rows)) * HOUR).astype(np.int64)


def refusing(rng: np.random.Generator, *, copied: float = 0.0, jumped: float = 0.0, office: bool = True) -> ScoredLog:
    """Members with refusals at random; another member sends some of the refused prompts, or starts work."""
    owner = np.repeat(np.arange(MEMBERS), EACH)
    time = working_hours(rng, ROWS) if office else rng.integers(0, DAYS * DAY, ROWS)
    status = np.where(rng.random(ROWS) < 0.05, 429, 200)
    prompt = np.arange(ROWS) + 1
    refused = np.flatnonzero(status == 429)
    copies = refused[rng.random(len(refused)) < copied]
    jumps = refused[rng.random(len(refused)) < jumped]
    extra = np.r_[copies, jumps]
    other = (owner[extra] + rng.integers(1, MEMBERS, len(extra))) % MEMBERS
    return log_of_rows(
        np.r_[owner, other],
        np.r_[time, time[extra] + rng.integers(5_000_000, 3 * MINUTE, len(extra))],
        status=np.r_[status, np.full(len(extra), 200)],
        prompt_hash=np.r_[prompt, prompt[copies], np.arange(len(jumps)) + 10_000],
    )


def found_in(log: ScoredLog) -> Finding:
    found = finding_of(KIND, log, group_of(log, MEMBERS))
    assert found is not None
    return found


def test_refused_prompts_sent_by_others_are_evidence() -> None:
    found = found_in(refusing(np.random.default_rng(1), copied=0.8))
    assert found.bits > 3.0
    assert "Within an hour, another member sent" in found.statement
    assert found.count > 20


def test_others_that_start_after_a_refusal_are_evidence() -> None:
    found = found_in(refusing(np.random.default_rng(2), jumped=0.9, office=False))
    assert found.bits > 2.0
    assert "another member started within five minutes" in found.statement


def test_a_shared_rhythm_is_no_failover() -> None:
    """Everybody works the same hours and is refused at random: on average not above even odds."""
    rng = np.random.default_rng(3)
    worth = [2.0 ** found_in(refusing(rng)).bits for _ in range(60)]
    assert np.mean(worth) < 1.1
    assert max(worth) < 4.0


def test_a_public_set_is_no_failover() -> None:
    """Each prompt is sent by many accounts, refused or not."""
    rng = np.random.default_rng(4)
    worth = []
    for _ in range(40):
        status = np.where(rng.random(ROWS) < 0.05, 429, 200)
        log = log_of_rows(
            np.repeat(np.arange(MEMBERS), EACH),
            working_hours(rng, ROWS, 2),
            status=status,
            prompt_hash=rng.integers(1, 60, ROWS),
        )
        worth.append(2.0 ** found_in(log).bits)
    assert np.mean(worth) < 1.1


def test_own_retries_are_no_failover() -> None:
    """The same account sends the refused prompt again a minute later."""
    rng = np.random.default_rng(5)
    owner, time = np.repeat(np.arange(MEMBERS), EACH), rng.integers(0, DAYS * DAY, ROWS)
    status = np.where(rng.random(ROWS) < 0.1, 429, 200)
    again = np.flatnonzero(status == 429)
    log = log_of_rows(
        np.r_[owner, owner[again]],
        np.r_[time, time[again] + MINUTE],
        status=np.r_[status, np.full(len(again), 200)],
        prompt_hash=np.r_[np.arange(ROWS), again] + 1,
    )
    assert found_in(log).bits <= 0.0


@pytest.mark.parametrize(("refusals", "judged"), [(4, False), (5, True)])
@pytest.mark.parametrize("status", [403, 429])
def test_a_few_refusals_are_not_judged(refusals: int, judged: bool, status: int) -> None:
    owner = np.repeat(np.arange(MEMBERS), 4)
    log = log_of_rows(
        owner, np.arange(len(owner)) * HOUR, status=np.where(np.arange(len(owner)) < refusals, status, 200)
    )
    assert (finding_of(KIND, log, group_of(log, MEMBERS)) is not None) == judged


Row = tuple[int, int, int, int]
"""Time, account, prompt and status."""


def plain_ratios(rows: list[Row]) -> tuple[float, float, list[int]]:
    """Both likelihood ratios by their definition, and (hits, trials, others, answered, refusals, after, before)."""
    hits = trials = others = answered = 0
    for time, account, prompt, status in rows:
        later = [row for row in rows if row[2] == prompt and (row[0], row[1]) > (time, account) and row[1] != account]
        by_other = bool(later) and min(later)[0] - time <= 60 * MINUTE
        if prompt and status in (403, 429):
            hits, trials = hits + by_other, trials + 1
        elif prompt:
            others, answered = others + by_other, answered + 1
    usual = (others + _USUAL_FLOOR * _USUAL_STRENGTH) / (answered + _USUAL_STRENGTH)
    resent = BetaPrior(P.resent_mean, _RESENT_STRENGTH)
    kept: list[tuple[int, int]] = []
    for account, time in sorted((row[1], row[0]) for row in rows if row[3] in (403, 429)):
        if not [1 for other, when in kept if other == account and time - when <= 10 * MINUTE]:
            kept.append((account, time))
    after = before = 0
    for account, time in kept:
        earlier = {row[1] for row in rows if time - 5 * MINUTE <= row[0] < time} - {account}
        later_on = {row[1] for row in rows if time < row[0] <= time + 5 * MINUTE} - {account}
        after, before = after + len(later_on - earlier), before + len(earlier - later_on)
    return (
        share_ratio(hits, trials, BetaPrior(usual, _USUAL_STRENGTH), resent),
        lean_ratio(after, after + before, P.start_strength),
        [hits, trials, others, answered, len(kept), after, before],
    )


@pytest.mark.parametrize("seed", range(12))
def test_bits_are_those_of_the_definition(seed: int) -> None:
    """Times at whole minutes, so that the ends of all windows are met; unknown prompts and repeated ones."""
    rng = np.random.default_rng(seed)
    count = 90
    time = rng.choice(np.arange(0, 200), count, replace=False) * MINUTE
    account, status = rng.integers(0, 5, count), rng.choice([200, 403, 429], count, p=[0.8, 0.1, 0.1])
    prompt = rng.integers(0, 25, count)
    log = log_of_rows(account, time, status=status, prompt_hash=prompt)
    rows = list(zip(time.tolist(), account.tolist(), prompt.tolist(), status.tolist(), strict=True))
    resent, started, figures = plain_ratios(rows)
    found = finding_of(KIND, log, group_of(log, 5))
    assert found is not None
    expected = np.log2(1.0 - P.part + P.part * (resent + started) / 2.0)
    assert found.bits == pytest.approx(min(expected, P.cap_bits))
    hits, trials, others, answered, refusals, after, before = figures
    shown = log.requests.table["request_id"].take(found.rows).to_pylist()
    if resent >= started:
        assert found.statement.startswith(f"Within an hour, another member sent {hits} of {trials} refused prompts,")
        assert found.statement.endswith(f", and {percent(others / answered)} of the answered prompts")
        assert found.count == len(shown) == hits
    else:
        assert found.statement.startswith(f"After {refusals} refusals (403, 429), another member started")
        assert f"{after} time" in found.statement
        assert f"{before} time" in found.statement
        assert found.count == len(shown) == sum(row[3] != 200 for row in rows)


@pytest.mark.parametrize(("wait", "another"), [(60 * MINUTE, True), (60 * MINUTE + 1, False)])
def test_a_prompt_counts_as_sent_again_within_the_hour(wait: int, another: bool) -> None:
    """Six members are refused one after another, and a seventh sends each prompt that much later."""
    refused = np.arange(6) * 3 * HOUR
    log = log_of_rows(
        np.r_[np.arange(6), np.full(6, 6)],
        np.r_[refused, refused + wait],
        status=np.r_[np.full(6, 429), np.full(6, 200)],
        prompt_hash=np.r_[np.arange(6), np.arange(6)] + 1,
    )
    found = finding_of(KIND, log, group_of(log, 7))
    assert found is not None
    assert (found.bits > 2.0) == another


@pytest.mark.parametrize(("apart", "kept"), [(10 * MINUTE, 1), (10 * MINUTE + 1, 2)])
def test_retries_are_one_refusal(apart: int, kept: int) -> None:
    assert len(_refusals_apart(np.array([0, apart]), np.array([3, 3]))) == kept
    assert len(_refusals_apart(np.array([0, apart]), np.array([3, 4]))) == 2


@pytest.mark.parametrize(("refusals", "kept"), [(4_000, 4_000), (4_001, 2_001), (8_001, 2_667)])
def test_very_many_refusals_are_thinned_evenly(refusals: int, kept: int) -> None:
    times = np.arange(refusals) * HOUR
    found = _refusals_apart(times, np.zeros(refusals, np.int64))
    assert len(found) == kept
    assert set(np.diff([when for when, _ in found]).tolist()) == {-(-refusals // 4_000) * HOUR}
    assert _refusals_apart(times[:0], times[:0]) == []


@pytest.mark.parametrize(
    ("wait", "started"), [(-1, (0, 6)), (0, (0, 0)), (1, (6, 0)), (5 * MINUTE, (6, 0)), (5 * MINUTE + 1, (0, 0))]
)
def test_a_start_is_within_five_minutes_and_not_at_the_moment_of_the_refusal(
    wait: int, started: tuple[int, int]
) -> None:
    """Six refusals, and another member that sends one request so many microseconds after each, or before."""
    refused = (np.arange(6) + 1) * HOUR
    log = log_of_rows(
        np.r_[np.zeros(6, np.int64), np.ones(6, np.int64)],
        np.r_[refused, refused + wait],
        status=np.r_[np.full(6, 429), np.full(6, 200)],
    )
    found = _count_started(log, group_of(log, 2), log.requests.numbers("status") == 429)
    assert (found.figures["after"], found.figures["before"]) == started
