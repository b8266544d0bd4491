"""Untemplated accounts that do a similar amount of work, beyond what chance makes of customers' volumes."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from row_logs import DAY, Array, finding_of, group_of, log_of_rows, untemplated_group, with_accounts, with_requests
from scipy.stats import norm

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.similar_workload import (
    _MOST_WORKERS,
    _VOLUMES_TRIED,
    KIND,
    MIN_QUESTIONS,
    P,
    workload_finding,
)
from stillhunt.score.stats.honest_reference import SPREADS
from thoroughness import examples

CUSTOMERS = 150
COST_BITS = math.log2(len(P.worker_shares) * _VOLUMES_TRIED)


def log_of_volumes(volumes: Array, *, style: Array | None = None) -> ScoredLog:
    """A log of untemplated slices: so many questions of each account, sent with a temperature unless said otherwise."""
    account = np.repeat(np.arange(len(volumes)), volumes)
    sets = np.ones(len(volumes), bool) if style is None else style
    log = log_of_rows(
        account,
        np.arange(len(account)) % (14 * DAY),
        temperature=[0.7 if sets[number] else None for number in account],
    )
    return with_requests(log, untemplated=np.ones(len(account), bool))


def workload(log: ScoredLog, group: Candidate) -> Finding:
    """The finding where topics leave room for all of it."""
    return workload_finding(KIND, log, group, P.cap_bits)


def of_group(log: ScoredLog, members: int) -> Finding:
    return workload(log, untemplated_group(log, np.arange(members)))


def customers(rng: np.random.Generator, count: int = CUSTOMERS, *, spread: float = 1.0) -> Array:
    """Volumes of customers by a lognormal law, of which only slices that are large enough are seen."""
    volumes = np.rint(rng.lognormal(np.log(20.0), spread, 4 * count)).astype(np.int64)
    return volumes[volumes >= MIN_QUESTIONS][:count]


MIDDLES, LAW_SPREADS = (
    grid.reshape(-1, 1) for grid in np.meshgrid(np.arange(47) / 4.0, P.customer_spreads, indexing="ij")
)
"""Every law that customers may follow, one a row."""


def law(volumes: Array, middle: Array | float, spread: Array | float) -> Array:
    """Log density of a normal law of log volumes, cut off below the smallest volume that is counted."""
    floor = math.log(MIN_QUESTIONS - 0.5)
    density: Array = norm.logpdf(np.log(volumes), middle, spread) - norm.logsf(floor, middle, spread)
    return density


def plain_bits(volumes: Array, inside: Array) -> float:
    """Bits by the definition, before the cap: each side has the customers' law that fits its customers best."""
    middle = float(np.median(np.log(volumes[inside])))
    spread = math.sqrt(math.exp(-middle) + SPREADS.untemplated_workers**2)
    outside = volumes[~inside] if (~inside).any() else volumes
    likeliest = int(law(outside, MIDDLES, LAW_SPREADS).sum(axis=1).argmax())
    customer = law(volumes, MIDDLES[likeliest], LAW_SPREADS[likeliest])
    # Without an operation everybody is a customer, the group too.
    without = law(volumes, MIDDLES, LAW_SPREADS).sum(axis=1).max()
    gap = (without - customer.sum()) / math.log(2.0)
    ratio = np.exp(law(volumes, middle, spread) - customer)
    # An operation has hardly more workers than were found of it.
    shares = [s for s in P.worker_shares if s * len(volumes) <= _MOST_WORKERS * inside.sum()] or [min(P.worker_shares)]
    return max(float(np.log2(1.0 - share + share * ratio).sum()) for share in shares) - COST_BITS - gap


@pytest.mark.parametrize("seed", range(3))
def test_bits_are_the_likelihood_ratio_of_a_mixture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    workers = rng.poisson(50, 12 * seed + 6)
    volumes = np.concatenate([workers, customers(rng, 60)])
    found = of_group(log_of_volumes(volumes), len(workers))
    expected = plain_bits(volumes, np.arange(len(volumes)) < len(workers))
    assert found.bits == pytest.approx(min(max(expected, 0.0), P.cap_bits), abs=1e-6)
    if expected > 0.5:
        assert stated_bits(found) == round(expected)
    assert (found.family, found.kind) == ("queue", "similar_workload")
    assert found.count == workers.sum()
    assert f"about {np.median(workers):.0f} questions each" in found.statement


def test_a_log_of_the_group_alone_has_no_customers_to_differ_from() -> None:
    volumes = np.full(12, 40)
    found = of_group(log_of_volumes(volumes), 12)
    assert found.bits == pytest.approx(min(max(plain_bits(volumes, np.ones(12, bool)), 0.0), P.cap_bits), abs=1e-6)


def best_group(volumes: Array, rng: np.random.Generator, part: float) -> Array:
    """The search at its luckiest: of all groups of similar volume the one that earns most.

    Args:
        volumes: the volumes of a log.
        rng: draws who among those of similar volume is also alike in topics and clients.
        part: the share of them who are.
    """
    alike = rng.random(len(volumes)) < part
    groups = [alike & (np.abs(np.log(volumes) - middle) < 0.25) for middle in np.arange(2.2, 5.5, 0.3)]
    return max((group for group in groups if group.sum() >= 5), key=lambda group: plain_bits(volumes, group))


def mean_evidence(spread: float, part: float) -> float:
    """Mean of 2^bits over honest logs whose volumes have one true spread, the luckiest group judged in each."""
    evidence = []
    for seed in range(12):
        rng = np.random.default_rng(1_000 + seed)
        volumes = customers(rng, 400, spread=spread)
        group = best_group(volumes, rng, part)
        log = log_of_volumes(volumes)
        evidence.append(2.0 ** workload(log, untemplated_group(log, np.flatnonzero(group))).bits)
    return float(np.mean(evidence))


@pytest.mark.parametrize("spread", [0.7, 1.0, 1.7, 0.85, 1.3][: examples(3, 5)])
def test_customers_alone_earn_nothing_by_luck(spread: float) -> None:
    """Whatever the true spread of honest volumes, and though each time the most alike group is picked."""
    assert mean_evidence(spread, 0.2) <= 1.1


@pytest.mark.parametrize("spread", [0.7, 1.7, 1.0][: examples(2, 3)])
def test_a_group_of_all_who_have_similar_volumes_earns_nothing_by_luck(spread: float) -> None:
    """The search at its worst, which nobody of similar volume escapes."""
    assert mean_evidence(spread, 1.0) <= 1.1


@pytest.mark.parametrize("seed", range(3))
def test_workers_among_customers_are_more_alike_than_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = of_group(log_of_volumes(np.concatenate([rng.poisson(60, 60), customers(rng)])), 60)
    assert found.bits > 3.0
    assert found.statement.startswith("60 accounts do a similar amount of work, about 6")
    assert "customers' volumes are rarely this similar by chance" in found.statement


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_of_the_customers_stands_for_all(seed: int) -> None:
    """Each of the third that is looked at counts three times, or the group would seem a larger part of all."""
    rng = np.random.default_rng(seed)
    volumes = np.concatenate([rng.poisson(60, 120), customers(rng, 900)])
    log, group = log_of_volumes(volumes), np.arange(len(volumes)) < 120
    of_all = workload(log, untemplated_group(log, np.flatnonzero(group)))
    kept = group | (np.arange(len(volumes)) % 3 == 0)
    part = log_of_volumes(volumes[kept])
    sampled_log = with_accounts(
        part,
        ids=log.accounts.ids,
        background=np.arange(len(volumes)) < int(kept.sum()),
        requests=np.r_[part.accounts.requests, np.zeros(len(volumes) - int(kept.sum()), np.int64)],
        country=np.full(len(volumes), -1),
    )
    sampled = workload(sampled_log, untemplated_group(sampled_log, np.arange(120)))
    unweighted = workload(part, untemplated_group(part, np.arange(120)))
    assert abs(stated_bits(sampled) - stated_bits(of_all)) < stated_bits(unweighted) - stated_bits(of_all)
    assert stated_bits(unweighted) > stated_bits(of_all) + 15.0


def stated_bits(found: Finding) -> float:
    """Bits before the cap."""
    match = re.search(r"\(([\d,]+) bits? before the cap\)", found.statement)
    assert match is not None, found.statement
    return float(match.group(1).replace(",", ""))


def test_others_of_similar_volume_are_no_evidence_for_a_few() -> None:
    """Six accounts picked from sixty workers stand for nine workers at most, so they earn less than all would."""
    rng = np.random.default_rng(0)
    log = log_of_volumes(np.concatenate([rng.poisson(60, 60), customers(rng)]))
    assert of_group(log, 6).bits < of_group(log, 60).bits


def test_members_are_judged_by_their_own_volume() -> None:
    rng = np.random.default_rng(2)
    volumes = np.concatenate([np.full(18, 60), [60 * 9, 9], customers(rng)])
    found = of_group(log_of_volumes(volumes), 20)
    assert found.member_bits is not None
    assert (found.member_bits[:18] > 2.0).all()
    assert (found.member_bits[18:] < -2.0).all()
    expected = [min(math.log2(1.3 / 0.3) + (0.5 / math.log(2)) * a * a * (1 / 1.69 - 1 / 0.09), 6.0) for a in (0.0,)]
    assert found.member_bits[0] == pytest.approx(expected[0])


def test_repeats_and_questions_about_nothing_are_no_work() -> None:
    rng = np.random.default_rng(3)
    volumes = np.concatenate([rng.poisson(60, 40), customers(rng)])
    expected = of_group(log_of_volumes(volumes), 40)
    # Every third question comes a second time, and as many are about nothing.
    noisy = log_of_volumes(volumes + volumes // 3 + volumes // 2)
    account = noisy.requests.account
    place = np.arange(len(account)) - np.searchsorted(account, account)
    own = volumes[account]
    noisy = with_requests(
        noisy,
        first_occurrence=(place < own) | (place >= own + own // 3),
        topic=np.where(place < own + own // 3, 1, -1),
    )
    found = of_group(noisy, 40)
    assert found.bits == expected.bits
    assert found.statement == expected.statement


def test_who_sends_in_another_request_style_is_no_background_to_stand_out_from() -> None:
    """Whatever people at keyboards do, programs are compared with programs."""
    rng = np.random.default_rng(4)
    volumes = np.concatenate([rng.poisson(60, 30), customers(rng)])
    programs = log_of_volumes(volumes)
    sets = np.concatenate([np.ones(len(volumes), bool), np.zeros(100, bool)])
    beside = log_of_volumes(np.concatenate([volumes, np.full(100, 60)]), style=sets)
    assert of_group(beside, 30).bits == of_group(programs, 30).bits


def test_the_style_is_that_of_most_requests() -> None:
    """Groups without sampling parameters are compared with slices without them."""
    rng = np.random.default_rng(5)
    volumes = np.concatenate([rng.poisson(60, 30), customers(rng)])
    keyboards = log_of_volumes(volumes, style=np.zeros(len(volumes), bool))
    assert of_group(keyboards, 30).bits == of_group(log_of_volumes(volumes), 30).bits


@pytest.mark.parametrize("queue", [False, True])
def test_topics_bound_what_workload_may_earn(queue: bool) -> None:
    """Two bits for each bit of the topic mixture; none where every account has topics of its own."""
    rng = np.random.default_rng(6)
    volumes = np.concatenate([rng.poisson(60, 60), customers(rng)])
    log = log_of_volumes(volumes)
    account = log.requests.account
    topic = np.where((account < 60) & queue, rng.integers(8, 16, len(account)), account % 8)
    log = with_requests(log, topic=topic, fold=rng.integers(0, 2, len(account)))
    found = finding_of(KIND, log, untemplated_group(log, np.arange(60)))
    assert found is not None
    assert (found.bits > 3.0) == queue
    assert queue or found.bits == 0.0


def test_templated_groups_have_no_workload_of_this_kind() -> None:
    log = log_of_volumes(np.full(30, 10))
    assert finding_of(KIND, log, group_of(log, 10)) is None


@pytest.mark.parametrize(("questions", "counted"), [(7, False), (8, True)])
def test_small_slices_are_not_counted(questions: int, counted: bool) -> None:
    """Customers below the smallest slice change nothing."""
    rng = np.random.default_rng(7)
    volumes = np.concatenate([rng.poisson(60, 30), customers(rng)])
    more = np.concatenate([volumes, np.full(200, questions)])
    assert (stated_bits(of_group(log_of_volumes(more), 30)) != stated_bits(of_group(log_of_volumes(volumes), 30))) == (
        counted
    )
