"""Evidence about groups without a template: work alike beyond chance, clients shared beyond chance, follow-ups."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.findings import Finding
from stillhunt.score.evidence.untemplated import (
    COST,
    LEAST_LOAD,
    MOST_WORKERS,
    SHARES,
    WORK_CAP,
    bare_stacks,
    client_rows,
    like_work,
)
from told import DAY, Array, bare_group, group_of, told_log

from stillhunt.score.stats import baseline

CUSTOMERS = 150


def log_of(loads: Array, *, stack: list[str | None] | None = None, manner: Array | None = None) -> Frame:
    """A log of bare slices: so many questions of each account, sent with a temperature unless said otherwise."""
    account = np.repeat(np.arange(len(loads)), loads)
    sets = np.ones(len(loads), bool) if manner is None else manner
    frame = told_log(
        account,
        np.arange(len(account)) % (14 * DAY),
        temperature=[0.7 if sets[number] else None for number in account],
        user_agent=[None if stack is None else stack[number] for number in account],
    )
    return replace(frame, bare=np.ones(len(account), bool))


def customers(rng: np.random.Generator, count: int = CUSTOMERS, *, spread: float = 1.0) -> Array:
    """Loads of customers by a lognormal law, of which only slices that are large enough are seen."""
    loads = np.rint(rng.lognormal(np.log(20.0), spread, 4 * count)).astype(np.int64)
    return loads[loads >= LEAST_LOAD][:count]


MIDDLES, SPREADS = (
    grid.reshape(-1, 1) for grid in np.meshgrid(np.arange(47) / 4.0, baseline.CUSTOMER_SLICE_SPREADS, indexing="ij")
)
"""Every law that customers may follow, one a row."""


def law(loads: Array, middle: Array | float, spread: Array | float) -> Array:
    """Log density of a normal law of log loads, cut off below the least load."""
    floor = math.log(LEAST_LOAD - 0.5)
    density: Array = norm.logpdf(np.log(loads), middle, spread) - norm.logsf(floor, middle, spread)
    return density


def plain_bits(loads: Array, inside: Array) -> float:
    """Bits by the definition, before the cap: each side has the customers' law that fits its customers best."""
    middle = float(np.median(np.log(loads[inside])))
    spread = math.sqrt(math.exp(-middle) + baseline.PLAN_LOAD_SPREAD**2)
    likeliest = int(law(loads[~inside], MIDDLES, SPREADS).sum(axis=1).argmax())
    customer = law(loads, MIDDLES[likeliest], SPREADS[likeliest])
    # Without a plan everybody is a customer, the group too.
    alone = law(loads, MIDDLES, SPREADS).sum(axis=1).max()
    gap = (alone - customer.sum()) / math.log(2.0)
    ratio = np.exp(law(loads, middle, spread) - customer)
    # A plan has hardly more workers than were found of it.
    shares = [share for share in SHARES if share * len(loads) <= MOST_WORKERS * inside.sum()] or [min(SHARES)]
    return max(float(np.log2(1.0 - share + share * ratio).sum()) for share in shares) - COST - gap


@pytest.mark.parametrize("seed", range(3))
def test_like_work_is_the_likelihood_ratio_of_a_mixture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    workers = rng.poisson(50, 12 * seed + 6)
    loads = np.concatenate([workers, customers(rng, 60)])
    frame = log_of(loads)
    found = like_work(frame, bare_group(frame, np.arange(len(workers))))
    expected = plain_bits(loads, np.arange(len(loads)) < len(workers))
    assert found.bits == pytest.approx(min(max(expected, 0.0), WORK_CAP), abs=1e-6)
    assert f"({max(expected, 0.0):.0f} bits)" in found.statement
    assert (found.family, found.kind) == ("queue", "like_work")


def best_group(loads: Array, rng: np.random.Generator, part: float) -> Array:
    """The search at its luckiest: of all groups of like load the one that earns most.

    Args:
        loads: the loads of a log.
        rng: draws who among those of like load is also alike in subjects and clients.
        part: the share of them who are.
    """
    alike = rng.random(len(loads)) < part
    groups = [alike & (np.abs(np.log(loads) - middle) < 0.25) for middle in np.arange(2.2, 5.5, 0.3)]
    return max((group for group in groups if group.sum() >= 5), key=lambda group: plain_bits(loads, group))


def mean_evidence(spread: float, part: float) -> float:
    """Mean of 2^bits over honest logs whose loads have one true spread, the luckiest group judged in each."""
    evidence = []
    for seed in range(12):
        rng = np.random.default_rng(1_000 + seed)
        loads = customers(rng, 400, spread=spread)
        group = best_group(loads, rng, part)
        frame = log_of(loads)
        evidence.append(2.0 ** like_work(frame, bare_group(frame, np.flatnonzero(group))).bits)
    return float(np.mean(evidence))


@pytest.mark.parametrize("spread", [0.7, 0.85, 1.0, 1.3, 1.7])
def test_customers_alone_earn_nothing_by_luck(spread: float) -> None:
    """Whatever the true spread of honest loads, and though each time the most alike group is picked."""
    assert mean_evidence(spread, 0.2) <= 1.1


@pytest.mark.parametrize("spread", [0.7, 1.0, 1.7])
def test_a_group_of_all_who_have_like_loads_earns_nothing_by_luck(spread: float) -> None:
    """The search at its worst, which nobody of like load escapes."""
    assert mean_evidence(spread, 1.0) <= 1.1


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_among_customers_does_more_alike_work_than_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    loads = np.concatenate([rng.poisson(60, 60), customers(rng)])
    found = like_work(log_of(loads), bare_group(log_of(loads), np.arange(60)))
    assert found.bits > 3.0
    assert "60 accounts do alike work, about 6" in found.statement
    assert ": more than" in found.statement


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_of_the_customers_stands_for_all(seed: int) -> None:
    """Each of the third that is looked at counts three times, or the group would seem a larger part of the crowd."""
    rng = np.random.default_rng(seed)
    loads = np.concatenate([rng.poisson(60, 120), customers(rng, 900)])
    frame, group = log_of(loads), np.arange(len(loads)) < 120
    whole = like_work(frame, bare_group(frame, np.flatnonzero(group)))
    kept = group | (np.arange(len(loads)) % 3 == 0)
    part = log_of(loads[kept])
    part = replace(part, account_ids=frame.account_ids, public=np.arange(len(loads)) < int(kept.sum()))
    sampled = like_work(part, bare_group(part, np.arange(120)))
    alone = like_work(log_of(loads[kept]), bare_group(part, np.arange(120)))
    assert abs(stated_bits(sampled) - stated_bits(whole)) < stated_bits(alone) - stated_bits(whole)
    assert stated_bits(alone) > stated_bits(whole) + 15.0


def stated_bits(found: Finding) -> float:
    """Bits before the cap."""
    return float(found.statement.rsplit("(", 1)[1].split()[0])


def test_others_of_like_load_are_no_evidence_for_a_few() -> None:
    """Six accounts picked from a plan's sixty stand for nine workers at most, so they earn less than all would."""
    rng = np.random.default_rng(0)
    frame = log_of(np.concatenate([rng.poisson(60, 60), customers(rng)]))
    few = like_work(frame, bare_group(frame, np.arange(6)))
    assert few.bits < like_work(frame, bare_group(frame, np.arange(60))).bits


def test_members_are_judged_by_their_own_load() -> None:
    rng = np.random.default_rng(2)
    loads = np.concatenate([np.full(18, 60), [60 * 9, 9], customers(rng)])
    frame = log_of(loads)
    found = like_work(frame, bare_group(frame, np.arange(20)))
    assert found.member_bits is not None
    assert (found.member_bits[:18] > 2.0).all()
    assert (found.member_bits[18:] < -2.0).all()


def test_repeats_and_questions_about_nothing_are_no_work() -> None:
    rng = np.random.default_rng(3)
    loads = np.concatenate([rng.poisson(60, 40), customers(rng)])
    frame = log_of(loads)
    expected = like_work(frame, bare_group(frame, np.arange(40)))
    # Every third question comes a second time, and as many are about nothing.
    noisy = log_of(loads + loads // 3 + loads // 2)
    place = np.arange(len(noisy.account)) - np.searchsorted(noisy.account, noisy.account)
    own = loads[noisy.account]
    fresh = (place < own) | (place >= own + own // 3)
    topic = np.where(place < own + own // 3, 1, -1)
    noisy = replace(noisy, fresh=fresh, topic=topic)
    found = like_work(noisy, bare_group(noisy, np.arange(40)))
    assert found.bits == expected.bits
    assert found.statement == expected.statement


def test_who_sends_in_another_manner_is_no_crowd_to_stand_out_from() -> None:
    """Whatever people at keyboards do, programs are compared with programs."""
    rng = np.random.default_rng(4)
    loads = np.concatenate([rng.poisson(60, 30), customers(rng)])
    alone = log_of(loads)
    sets = np.concatenate([np.ones(len(loads), bool), np.zeros(100, bool)])
    beside = log_of(np.concatenate([loads, np.full(100, 60)]), manner=sets)
    group = np.arange(30)
    assert like_work(beside, bare_group(beside, group)).bits == like_work(alone, bare_group(alone, group)).bits


def stacks_of(
    own: list[str | None], others: list[str | None], *, manner: Array | None = None, formed: int | None = None
) -> Finding:
    """The verdict on the clients of a group of equal loads; of its slices the first `formed` formed it."""
    loads = np.full(len(own) + len(others), 10)
    frame = log_of(loads, stack=[*own, *others], manner=manner)
    group = bare_group(frame, np.arange(len(own)))
    if formed is not None:
        group = replace(group, formed=np.where(np.arange(len(own)) < formed, 3, 0), searched=formed)
    (found,) = bare_stacks(frame, group, group)
    return found


POPULAR: list[str | None] = [f"sdk/{n % 3}" for n in range(CUSTOMERS)]


def test_a_client_that_only_the_group_has_speaks_for_it() -> None:
    found = stacks_of(["curl/8"] * 20, POPULAR)
    assert (found.family, found.kind) == ("network", "client_stacks")
    assert found.bits > 5.0
    assert found.member_bits is not None
    assert (found.member_bits > 2.0).all()
    assert found.statement.startswith("20 of 20 accounts")


def test_popular_clients_are_no_evidence() -> None:
    popular = stacks_of(["sdk/0"] * 20, POPULAR)
    assert popular.bits <= 0.0
    mixed = stacks_of(POPULAR[:20], POPULAR)
    assert mixed.bits <= 0.0


def test_clients_are_compared_within_the_manner() -> None:
    """A hundred people at keyboards with the same client do not make it popular among programs."""
    sets = np.concatenate([np.ones(20 + CUSTOMERS, bool), np.zeros(100, bool)])
    rare = stacks_of(["curl/8"] * 20, [*POPULAR, *["curl/8"] * 100], manner=sets)
    public = stacks_of(["curl/8"] * 20, [*POPULAR, *["curl/8"] * 100])
    assert rare.bits > 5.0
    assert public.bits < rare.bits - 5.0


def test_members_that_their_client_helped_to_find_are_no_evidence_for_it() -> None:
    """Three founders and seventeen that joined by their client: what joined by it cannot testify, nor is it public."""
    by_chance: list[str | None] = ["sdk/0", "sdk/1", "sdk/2"]
    found = stacks_of([*by_chance, *["curl/8"] * 17], POPULAR, formed=3)
    assert found.bits <= 0.0
    honest = stacks_of(["curl/8"] * 20, POPULAR, formed=10)
    assert honest.bits > 0.0
    assert honest.member_bits is not None
    assert (honest.member_bits[10:] == honest.member_bits[0]).all(), "who joined counts as much as its fellows"


def test_unknown_clients_say_nothing() -> None:
    frame = log_of(np.full(60, 10))
    group = bare_group(frame, np.arange(20))
    assert bare_stacks(frame, group, group) == []
    found = stacks_of([None] * 20, POPULAR)
    assert found.bits == 0.0
    assert found.member_bits is not None
    assert not found.member_bits.any()


def test_follow_ups_are_looked_for_in_the_same_manner_and_client() -> None:
    """Bare slices leave conversations out; what the same programs of the members sent is looked through for them."""
    kinds = [("curl/8", 0.7, 0), ("curl/8", 0.7, 1), ("curl/8", None, 1), ("browser", 0.7, 1)]
    account = np.repeat(np.arange(30), 4)
    cluster = np.tile([5, -1, -1, -1], 30)
    frame = told_log(
        account,
        np.arange(120),
        cluster=cluster,
        user_agent=[kind[0] for kind in kinds] * 30,
        temperature=[kind[1] for kind in kinds] * 30,
        turn=[kind[2] for kind in kinds] * 30,
    )
    group = replace(group_of(frame, 20, cluster=5), bare=True)
    rows = client_rows(frame, group)
    assert rows.tolist() == [row for row in range(80) if row % 4 < 2]
