"""Failover, take-over and moves to a new model: seen where they happen, worth nothing where chance does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.account_replacement import take_overs
from stillhunt.score.evidence.common_days import common_days
from stillhunt.score.evidence.failover import failovers
from stillhunt.score.evidence.findings import Finding
from stillhunt.score.evidence.model_adoption import new_model
from told import DAY, HOUR, MINUTE, Array, group_of, told_log

MEMBERS, EACH, DAYS = 20, 80, 10
ROWS = MEMBERS * EACH


def working_hours(rng: np.random.Generator, rows: int, days: int = DAYS) -> Array:
    """Times by day with one strong rhythm for all, so that everybody is busy at once."""
    return rng.integers(0, days, rows) * DAY + ((8 + 8 * rng.beta(2, 2, rows)) * HOUR).astype(np.int64)


def refusing(rng: np.random.Generator, *, copied: float = 0.0, jumped: float = 0.0, office: bool = True) -> Frame:
    """Members with refusals at random; some of the refused prompts are sent by another member, or another begins."""
    owner = np.repeat(np.arange(MEMBERS), EACH)
    time = working_hours(rng, ROWS) if office else rng.integers(0, DAYS * DAY, ROWS)
    status = np.where(rng.random(ROWS) < 0.05, 429, 200)
    whole = np.arange(ROWS) + 1
    refused = np.flatnonzero(status == 429)
    copies = refused[rng.random(len(refused)) < copied]
    jumps = refused[rng.random(len(refused)) < jumped]
    extra = np.r_[copies, jumps]
    other = (owner[extra] + rng.integers(1, MEMBERS, len(extra))) % MEMBERS
    return told_log(
        np.r_[owner, other],
        np.r_[time, time[extra] + rng.integers(5_000_000, 3 * MINUTE, len(extra))],
        status=np.r_[status, np.full(len(extra), 200)],
        prompt_hash=np.r_[whole, whole[copies], np.arange(len(jumps)) + 10_000],
    )


def failover_of(frame: Frame) -> Finding:
    return failovers(frame, group_of(frame, MEMBERS))


def test_refused_prompts_sent_by_others_speak_for() -> None:
    found = failover_of(refusing(np.random.default_rng(1), copied=0.8))
    assert found.bits > 3.0
    assert "refused prompts came from another" in found.statement
    assert found.count > 20


def test_others_that_begin_after_a_refusal_speak_for() -> None:
    found = failover_of(refusing(np.random.default_rng(2), jumped=0.9, office=False))
    assert found.bits > 2.0
    assert "another account began" in found.statement


def test_a_shared_rhythm_is_no_failover() -> None:
    """Everybody works the same hours and is refused at random: on average not above even odds."""
    rng = np.random.default_rng(3)
    worth = [2.0 ** failover_of(refusing(rng)).bits for _ in range(60)]
    assert np.mean(worth) < 1.1
    assert max(worth) < 4.0


def test_a_public_set_is_no_failover() -> None:
    """Each prompt is sent by many accounts, refused or not."""
    rng = np.random.default_rng(4)
    worth = []
    for _ in range(40):
        status = np.where(rng.random(ROWS) < 0.05, 429, 200)
        frame = told_log(
            np.repeat(np.arange(MEMBERS), EACH),
            working_hours(rng, ROWS, 2),
            status=status,
            prompt_hash=rng.integers(1, 60, ROWS),
        )
        worth.append(2.0 ** failover_of(frame).bits)
    assert np.mean(worth) < 1.1


def test_own_retries_are_no_failover() -> None:
    """The same account sends the refused prompt again a minute later."""
    rng = np.random.default_rng(5)
    owner, time = np.repeat(np.arange(MEMBERS), EACH), rng.integers(0, DAYS * DAY, ROWS)
    status = np.where(rng.random(ROWS) < 0.1, 429, 200)
    again = np.flatnonzero(status == 429)
    frame = told_log(
        np.r_[owner, owner[again]],
        np.r_[time, time[again] + MINUTE],
        status=np.r_[status, np.full(len(again), 200)],
        prompt_hash=np.r_[np.arange(ROWS), again] + 1,
    )
    assert failover_of(frame).bits <= 0.0


def replacing(rng: np.random.Generator, delay: Array, *, stops: Array) -> Frame:
    """Half of the accounts stop at the given times; the other half begins so much later, each for its own stop."""
    half = len(stops)
    days = 14
    beginnings = np.clip(stops + delay, 0, days * DAY - HOUR)
    first, last = np.r_[np.zeros(half), beginnings], np.r_[stops, np.full(half, days * DAY)]
    owner = np.repeat(np.arange(2 * half), EACH)
    time = first[owner] + rng.random(len(owner)) * (last - first)[owner]
    time[::EACH], time[EACH - 1 :: EACH] = first, last
    return told_log(owner, time.astype(np.int64), status=np.full(len(owner), 200))


def take_over_of(frame: Frame) -> Finding:
    return take_overs(frame, group_of(frame, frame.accounts))


def test_new_accounts_soon_after_stops_speak_for() -> None:
    rng = np.random.default_rng(6)
    stops = (np.arange(9) + 2.4) * DAY
    found = take_over_of(replacing(rng, rng.uniform(1, 8, 9) * HOUR, stops=stops))
    assert found.bits > 2.0
    assert "9 stops" in found.statement


def test_a_wave_of_stops_is_one_coincidence() -> None:
    rng = np.random.default_rng(7)
    wave = np.full(9, 6.0) * DAY + rng.integers(0, HOUR, 9)
    assert take_over_of(replacing(rng, rng.uniform(1, 8, 9) * HOUR, stops=wave)).bits < 1.0


def test_unrelated_starts_are_no_take_over() -> None:
    rng = np.random.default_rng(8)
    worth = []
    for _ in range(80):
        stops = rng.uniform(2, 12, 9) * DAY
        starts = rng.uniform(0, 13, 9) * DAY
        worth.append(2.0 ** take_over_of(replacing(rng, starts - stops, stops=stops)).bits)
    assert np.mean(worth) < 1.1


def launching(rng: np.random.Generator, members_move: float, others_move: float, *, outsiders: int = 200) -> Frame:
    """A model appears on day five; some of the members and of the outsiders at work ask for it within hours."""
    count = MEMBERS + outsiders
    owner = np.repeat(np.arange(count), EACH)
    time = rng.integers(0, DAYS * DAY, len(owner))
    moves = rng.random(count) < np.where(np.arange(count) < MEMBERS, members_move, others_move)
    new = (time > 5 * DAY) & moves[owner]
    return told_log(
        owner, time, model=np.where(new, "next", "large").tolist(), cluster=np.where(owner < MEMBERS, 0, -1)
    )


def pivot_of(frame: Frame) -> Finding:
    return new_model(frame, group_of(frame, MEMBERS))


def test_members_that_move_at_once_speak_for() -> None:
    found = pivot_of(launching(np.random.default_rng(9), 0.95, 0.1))
    assert 2.0 < found.bits <= 5.0
    assert re_share(found.statement) == pytest.approx(0.1, abs=0.05)
    assert found.count > 0


def re_share(statement: str) -> float:
    """The outsiders' share in the statement."""
    return float(statement.rsplit(" ", 2)[-2].rstrip("%")) / 100


@pytest.mark.parametrize("everybody", [0.2, 0.7])
def test_members_that_move_as_all_do_earn_nothing(everybody: float) -> None:
    rng = np.random.default_rng(10)
    worth = [2.0 ** pivot_of(launching(rng, everybody, everybody, outsiders=100)).bits for _ in range(12)]
    assert np.mean(worth) < 1.1


def test_users_of_one_framework_move_together_now_and_then() -> None:
    """Groups that lean as the null says: on average not above even odds."""
    rng = np.random.default_rng(11)
    usual = 0.3
    worth = [
        2.0 ** pivot_of(launching(rng, float(rng.beta(usual * 2.5, (1 - usual) * 2.5)), usual, outsiders=60)).bits
        for _ in range(40)
    ]
    assert np.mean(worth) < 1.25


def test_a_model_of_the_first_days_is_not_new() -> None:
    rng = np.random.default_rng(12)
    owner = np.repeat(np.arange(40), EACH)
    time = rng.integers(0, DAYS * DAY, len(owner))
    model = np.where((time > DAY) & (owner < MEMBERS), "next", "large").tolist()
    assert pivot_of(told_log(owner, time, model=model)).bits == 0.0


@pytest.mark.parametrize("find", [failovers, take_overs, new_model, common_days])
def test_without_status_or_events_there_is_nothing_to_tell(find: Callable[..., Finding]) -> None:
    owner = np.repeat(np.arange(MEMBERS), 4)
    steady = np.tile(np.array([0, 1, 2, 3]) * DAY, MEMBERS) + owner
    frame = told_log(owner, steady)
    assert find(frame, group_of(frame, MEMBERS)).bits == 0.0


@pytest.mark.parametrize("find", [failovers, take_overs, new_model, common_days])
def test_order_of_rows_changes_nothing(find: Callable[..., Finding]) -> None:
    rng = np.random.default_rng(13)
    owner = np.repeat(np.arange(60), 40)
    columns: dict[str, Any] = {
        "status": rng.choice([200, 429], len(owner), p=[0.9, 0.1]),
        "prompt_hash": rng.integers(1, 900, len(owner)),
    }
    starts, length = rng.uniform(0, 6, 60) * DAY, rng.uniform(1, 8, 60) * DAY
    time = (starts[owner] + rng.random(len(owner)) * length[owner]).astype(np.int64)
    columns["model"] = np.where((time > 5 * DAY) & (owner % 3 > 0), "next", "large")
    told = []
    for order in (np.arange(len(owner)), rng.permutation(len(owner))):
        frame = told_log(owner[order], time[order], **{k: v[order].tolist() for k, v in columns.items()})
        told.append(find(frame, group_of(frame, MEMBERS)).bits)
    assert told[0] == told[1] != 0.0


def working(rng: np.random.Generator, days: Array, *, outsiders: Array | None = None) -> Finding:
    """Members with requests on days drawn from their row of weights; outsiders from the given weights, or evenly."""
    count, length = MEMBERS + 100, days.shape[1]
    weights = np.tile(np.ones(length) if outsiders is None else outsiders, (count, 1))
    weights[:MEMBERS] = days
    shares = weights / weights.sum(axis=1, keepdims=True)
    drawn = np.concatenate([rng.choice(length, EACH, p=share) for share in shares])
    owner = np.repeat(np.arange(count), EACH)
    frame = told_log(owner, drawn * DAY + rng.integers(0, DAY, len(owner)), cluster=np.where(owner < MEMBERS, 0, -1))
    return common_days(frame, group_of(frame, MEMBERS))


def test_one_queue_moves_all_days() -> None:
    rng = np.random.default_rng(14)
    together = np.tile(rng.lognormal(0.0, 0.6, 14), (MEMBERS, 1))
    found = working(rng, together)
    assert 1.0 < found.bits <= 4.0
    assert "rise and fall together" in found.statement


def test_a_pause_of_two_days_is_seen() -> None:
    paused = np.ones((MEMBERS, 14))
    paused[:, 6:8] = 0.0
    assert working(np.random.default_rng(15), paused).bits > 1.0


def test_what_everybody_does_is_no_plan() -> None:
    """Weekends and an outage: the members do as the outsiders do."""
    week = np.tile([1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2], 2)
    week[3] = 0.1
    assert working(np.random.default_rng(16), np.tile(week, (MEMBERS, 1)), outsiders=week).bits < 0.0


def test_bursts_of_their_own_are_no_plan() -> None:
    """Every account has its own uneven days: on average not above even odds."""
    rng = np.random.default_rng(17)
    worth = [2.0 ** working(rng, rng.lognormal(0.0, 1.5, (MEMBERS, 14))).bits for _ in range(25)]
    assert np.mean(worth) < 1.0
