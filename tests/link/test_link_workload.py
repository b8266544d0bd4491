"""The search for plans: what is dealt is found, what is not earns nothing, and operators come back one by one."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_bare import bare_of, customers, everybody, plan_mixture, workers

from stillhunt.link.requests.arrays import Ints
from stillhunt.link.workload.background_model import gather_crowd, plan_bits, work_bits
from stillhunt.link.workload.operators import Operator, find_operators, stack_bits
from stillhunt.link.workload.untemplated_slices import BareSlices
from stillhunt.link.workload.workload import find_plans

LEAST = 5
seeds = pytest.mark.parametrize("seed", range(2))
halves = pytest.mark.parametrize("side", [0, 1])


def believed(bare: BareSlices, side: int) -> list[Operator]:
    """Operators whose subjects the other half confirms."""
    return [found for found in find_operators(bare, formed_on=side, least=LEAST) if found.topic.sum() > 20.0]


def nearly(found: Ints, wanted: Ints) -> bool:
    """At most one of twenty is missing, and as few are strangers."""
    allowed = len(wanted) // 20
    return len(np.setdiff1d(wanted, found)) <= allowed and len(np.setdiff1d(found, wanted)) <= allowed


@seeds
@halves
def test_a_plan_is_found_among_customers_on_either_half(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    bare = bare_of(rng, workers(rng, 60, plan_mixture(rng)), customers(rng, 400, everybody(rng)))
    crowd = gather_crowd(bare, 1, side)
    plan = find_plans(crowd, manner=1, least=LEAST)[0]
    assert nearly(plan.formed, np.arange(60))
    assert np.exp(plan.load) == pytest.approx(70.0, rel=0.05)
    assert np.exp(plan.rate) == pytest.approx(10.0, rel=0.08)
    assert plan.share == pytest.approx(60 / 460, abs=0.01)
    bits = plan_bits(crowd, plan)
    assert bits[:60].mean() > 10.0
    assert np.quantile(bits[60:], 0.95) < 0.0
    assert work_bits(crowd, plan)[:60].mean() > 1.0
    (found,) = believed(bare, side)
    assert nearly(found.slices, np.arange(60))
    assert (found.manner, found.formed_on) == (1, side)
    assert found.formed.mean() > 0.9
    assert found.topic.mean() > 5.0


@halves
def test_plans_of_other_paces_are_each_found_once(side: int) -> None:
    """Many seeds show promise at the strong plan; they are one trial, and leave room for the weaker plan's."""
    rng = np.random.default_rng(9)
    strong = workers(rng, 60, plan_mixture(rng))
    weak = workers(rng, 30, plan_mixture(rng), load=250.0, rate=40.0)
    crowd = gather_crowd(bare_of(rng, strong, weak, customers(rng, 300, everybody(rng))), 1, side)
    first, second, *others = find_plans(crowd, manner=1, least=LEAST)
    assert nearly(first.formed, np.arange(60))
    assert nearly(second.formed, np.arange(60, 90))
    assert not np.isin(np.arange(90), np.concatenate([np.zeros(0, np.int64), *(o.formed for o in others)])).any()


def test_a_plan_of_few_questions_a_worker_is_found_too() -> None:
    """25 questions over 64 topics tell little of one worker; their number does."""
    rng = np.random.default_rng(4)
    plan = workers(rng, 80, plan_mixture(rng), load=25.0, rate=4.0)
    bare = bare_of(rng, plan, customers(rng, 400, everybody(rng)))
    (found,) = believed(bare, 0)
    assert len(np.setdiff1d(np.arange(80), found.slices)) <= 8
    assert len(np.setdiff1d(found.slices, np.arange(80))) <= 4


@seeds
@pytest.mark.parametrize("tastes", [(3.0, 10.0, 30.0, 100.0), (100.0, 300.0)], ids=["customers", "broad power users"])
def test_what_the_search_finds_among_customers_the_other_half_does_not_believe(
    seed: int, tastes: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(100 + seed)
    bare = bare_of(rng, customers(rng, 300, everybody(rng), tastes=tastes))
    crowd = gather_crowd(bare, 1, 0)
    plans = find_plans(crowd, manner=1, least=LEAST)
    strongest = plan_bits(crowd, plans[0])[np.isin(crowd.slices, plans[0].formed)]
    assert strongest.mean() > 0.0, "the search did find something that looks dealt"
    for found in find_operators(bare, formed_on=0, least=LEAST):
        assert found.topic.sum() < 0.0
        assert (found.topic + found.work).sum() < 0.0


@halves
@seeds
def test_two_operators_of_one_pool_are_two(seed: int, side: int) -> None:
    """Like pace and the very same subjects, but fifteen accounts run both programs: the pool has two customers."""
    rng = np.random.default_rng(seed)
    mixture = plan_mixture(rng)
    first = workers(rng, 40, mixture, stack=0, account=np.arange(40))
    second = workers(rng, 40, mixture, stack=1, account=np.arange(25, 65))
    found = believed(bare_of(rng, first, second, customers(rng, 300, everybody(rng), stacks=4)), side)
    found = [one for one in found if len(one.slices) > 20]
    assert len(found) == 2
    parts = sorted((one.slices for one in found), key=lambda slices: int(slices[0]))
    assert nearly(parts[0], np.arange(40))
    assert nearly(parts[1], np.arange(40, 80))


@halves
@seeds
def test_two_stacks_of_one_operator_are_one(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    plan = workers(rng, 60, plan_mixture(rng), stack=np.arange(60) % 2)
    (found,) = believed(bare_of(rng, plan, customers(rng, 300, everybody(rng), stacks=4)), side)
    assert nearly(found.slices, np.arange(60))


def test_a_crowd_of_resellers_does_not_set_what_everybody_asks() -> None:
    """Each slice counts alike: one account with a million questions moves the common mixture by one slice's weight."""
    rng = np.random.default_rng(8)
    common = everybody(rng)
    bare = bare_of(rng, customers(rng, 200, common))
    before = gather_crowd(bare, 1, 0).everybody
    bare.topics[0][7] = 0
    bare.topics[0][7, 3] = 1_000_000
    after = gather_crowd(bare, 1, 0).everybody
    assert np.abs(after - before).max() < 0.01


def test_a_stack_is_told_by_fellows_not_by_itself() -> None:
    """A client that only one slice has tells nothing, one that outsiders have speaks against, fellows' speaks for."""
    rng = np.random.default_rng(3)
    plan = workers(rng, 20, plan_mixture(rng), stack=np.array([9, 4, *[5] * 18]))
    bare = bare_of(rng, plan, customers(rng, 200, everybody(rng), stacks=5))
    bare.stack[-1] = 8
    bits = stack_bits(bare, gather_crowd(bare, 1, 0), np.arange(20))
    assert bits[0] == bits[-1] == 0.0
    assert bits[1] < -3.0
    assert (bits[2:20] > 5.0).all()
    assert (bits[20:-1] < 0.0).all()
    bare.stack[:] = -1
    assert not stack_bits(bare, gather_crowd(bare, 1, 0), np.arange(20)).any()


def test_too_few_slices_have_no_plan() -> None:
    rng = np.random.default_rng(5)
    bare = bare_of(rng, workers(rng, LEAST - 1, plan_mixture(rng)))
    assert find_operators(bare, formed_on=0, least=LEAST) == []
    nothing = bare_of(rng, workers(rng, 0, plan_mixture(rng)))
    assert find_operators(nothing, formed_on=1, least=LEAST) == []


def test_manners_are_searched_apart() -> None:
    """A plan sent with parameters and people who set none never meet."""
    rng = np.random.default_rng(6)
    bare = bare_of(rng, workers(rng, 40, plan_mixture(rng)), customers(rng, 200, everybody(rng)))
    bare.manner[40:] = 0
    found = find_operators(bare, formed_on=0, least=LEAST)
    assert all(len(set(bare.manner[one.slices].tolist())) == 1 for one in found)
