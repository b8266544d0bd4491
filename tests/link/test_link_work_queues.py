"""The search for work queues: a queue is found, anything else earns nothing, and operators come back one by one."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_untemplated import customers, everybody, queue_mixture, untemplated_of, workers

from stillhunt.link.requests.arrays import Ints
from stillhunt.link.workload.background_model import background_model, queue_bits, work_bits
from stillhunt.link.workload.operators import Operator, client_bits, find_operators
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices
from stillhunt.link.workload.work_queues import find_work_queues

LEAST = 5
seeds = pytest.mark.parametrize("seed", range(2))
folds = pytest.mark.parametrize("fold", [0, 1])


def believed(untemplated: UntemplatedSlices, fold: int) -> list[Operator]:
    """Operators whose topics the other fold confirms."""
    return [found for found in find_operators(untemplated, formed_on=fold, least=LEAST) if found.topic.sum() > 20.0]


def nearly(found: Ints, wanted: Ints) -> bool:
    """At most one of twenty is missing, and as few are strangers."""
    allowed = len(wanted) // 20
    return len(np.setdiff1d(wanted, found)) <= allowed and len(np.setdiff1d(found, wanted)) <= allowed


@seeds
@folds
def test_a_work_queue_is_found_among_customers_on_either_fold(seed: int, fold: int) -> None:
    rng = np.random.default_rng(seed)
    untemplated = untemplated_of(rng, workers(rng, 60, queue_mixture(rng)), customers(rng, 400, everybody(rng)))
    background = background_model(untemplated, 1, fold)
    queue = find_work_queues(background, request_style=1, least=LEAST)[0]
    assert nearly(queue.formed, np.arange(60))
    assert np.exp(queue.load) == pytest.approx(70.0, rel=0.05)
    assert np.exp(queue.rate) == pytest.approx(10.0, rel=0.08)
    assert queue.share == pytest.approx(60 / 460, abs=0.01)
    bits = queue_bits(background, queue)
    assert bits[:60].mean() > 10.0
    assert np.quantile(bits[60:], 0.95) < 0.0
    assert work_bits(background, queue)[:60].mean() > 1.0
    (found,) = believed(untemplated, fold)
    assert nearly(found.slices, np.arange(60))
    assert (found.request_style, found.formed_on) == (1, fold)
    assert found.formed.mean() > 0.9
    assert found.topic.mean() > 5.0


@folds
def test_work_queues_of_other_paces_are_each_found_once(fold: int) -> None:
    """Many seeds lead to the strong queue; they are one trial, and leave room for the seeds of the weaker queue."""
    rng = np.random.default_rng(9)
    strong = workers(rng, 60, queue_mixture(rng))
    weak = workers(rng, 30, queue_mixture(rng), load=250.0, rate=40.0)
    background = background_model(untemplated_of(rng, strong, weak, customers(rng, 300, everybody(rng))), 1, fold)
    first, second, *others = find_work_queues(background, request_style=1, least=LEAST)
    assert nearly(first.formed, np.arange(60))
    assert nearly(second.formed, np.arange(60, 90))
    assert not np.isin(np.arange(90), np.concatenate([np.zeros(0, np.int64), *(o.formed for o in others)])).any()


@folds
def test_a_queue_is_not_lost_to_a_stronger_one_with_like_topics(fold: int) -> None:
    """The seeds of the weaker drift to the stronger; without what that holds, they lead to their own."""
    rng = np.random.default_rng(0)
    background_topics, sharp = everybody(rng), rng.dirichlet(np.full(64, 0.3))
    strong = workers(rng, 30, sharp, load=90.0, rate=11.0)
    weak = workers(rng, 50, 0.2 * sharp + 0.8 * queue_mixture(rng))
    background = background_model(untemplated_of(rng, strong, weak, customers(rng, 300, background_topics)), 1, fold)
    own = np.arange(30, 80)
    found = [
        (len(np.intersect1d(queue.formed, own)), len(queue.formed))
        for queue in find_work_queues(background, request_style=1, least=LEAST)
    ]
    assert any(hits >= 40 and hits >= 0.85 * size for hits, size in found)


def test_a_work_queue_of_few_questions_a_worker_is_found_too() -> None:
    """25 questions over 64 topics tell little of one worker; their number does."""
    rng = np.random.default_rng(4)
    queue = workers(rng, 80, queue_mixture(rng), load=25.0, rate=4.0)
    untemplated = untemplated_of(rng, queue, customers(rng, 400, everybody(rng)))
    (found,) = believed(untemplated, 0)
    assert len(np.setdiff1d(np.arange(80), found.slices)) <= 8
    assert len(np.setdiff1d(found.slices, np.arange(80))) <= 4


@seeds
@pytest.mark.parametrize(
    "preferences", [(3.0, 10.0, 30.0, 100.0), (100.0, 300.0)], ids=["customers", "broad power users"]
)
def test_what_the_search_finds_among_customers_the_other_fold_does_not_believe(
    seed: int, preferences: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(100 + seed)
    untemplated = untemplated_of(rng, customers(rng, 300, everybody(rng), preferences=preferences))
    background = background_model(untemplated, 1, 0)
    queues = find_work_queues(background, request_style=1, least=LEAST)
    strongest = queue_bits(background, queues[0])[np.isin(background.slices, queues[0].formed)]
    assert strongest.mean() > 0.0, "the search did find something that looks drawn from one work queue"
    for found in find_operators(untemplated, formed_on=0, least=LEAST):
        assert found.topic.sum() < 0.0
        assert (found.topic + found.work).sum() < 0.0


@folds
@seeds
def test_two_operators_of_one_pool_are_two(seed: int, fold: int) -> None:
    """Like pace and the very same topics, but fifteen accounts run both programs: the pool has two customers."""
    rng = np.random.default_rng(seed)
    mixture = queue_mixture(rng)
    first = workers(rng, 40, mixture, client=0, account=np.arange(40))
    second = workers(rng, 40, mixture, client=1, account=np.arange(25, 65))
    found = believed(untemplated_of(rng, first, second, customers(rng, 300, everybody(rng), clients=4)), fold)
    found = [one for one in found if len(one.slices) > 20]
    assert len(found) == 2
    parts = sorted((one.slices for one in found), key=lambda slices: int(slices[0]))
    assert nearly(parts[0], np.arange(40))
    assert nearly(parts[1], np.arange(40, 80))


@folds
@seeds
def test_two_clients_of_one_operator_are_one(seed: int, fold: int) -> None:
    rng = np.random.default_rng(seed)
    queue = workers(rng, 60, queue_mixture(rng), client=np.arange(60) % 2)
    (found,) = believed(untemplated_of(rng, queue, customers(rng, 300, everybody(rng), clients=4)), fold)
    assert nearly(found.slices, np.arange(60))


def test_a_group_of_resellers_does_not_set_what_everybody_asks() -> None:
    """Each slice counts alike: one account with a million questions moves the common mixture by one slice's weight."""
    rng = np.random.default_rng(8)
    common = everybody(rng)
    untemplated = untemplated_of(rng, customers(rng, 200, common))
    before = background_model(untemplated, 1, 0).common
    untemplated.topics[0][7] = 0
    untemplated.topics[0][7, 3] = 1_000_000
    after = background_model(untemplated, 1, 0).common
    assert np.abs(after - before).max() < 0.01


def test_a_client_is_told_by_fellows_not_by_itself() -> None:
    """A client of one slice says nothing, one of other slices is evidence against, one of fellow members for."""
    rng = np.random.default_rng(3)
    queue = workers(rng, 20, queue_mixture(rng), client=np.array([9, 4, *[5] * 18]))
    untemplated = untemplated_of(rng, queue, customers(rng, 200, everybody(rng), clients=5))
    untemplated.client[-1] = 8
    bits = client_bits(untemplated, background_model(untemplated, 1, 0), np.arange(20))
    assert bits[0] == bits[-1] == 0.0
    assert bits[1] < -3.0
    assert (bits[2:20] > 5.0).all()
    assert (bits[20:-1] < 0.0).all()
    untemplated.client[:] = -1
    assert not client_bits(untemplated, background_model(untemplated, 1, 0), np.arange(20)).any()


def test_too_few_slices_have_no_work_queue() -> None:
    rng = np.random.default_rng(5)
    untemplated = untemplated_of(rng, workers(rng, LEAST - 1, queue_mixture(rng)))
    assert find_operators(untemplated, formed_on=0, least=LEAST) == []
    nothing = untemplated_of(rng, workers(rng, 0, queue_mixture(rng)))
    assert find_operators(nothing, formed_on=1, least=LEAST) == []


def test_request_styles_are_searched_apart() -> None:
    """A work queue sent with parameters and people who set none never meet."""
    rng = np.random.default_rng(6)
    untemplated = untemplated_of(rng, workers(rng, 40, queue_mixture(rng)), customers(rng, 200, everybody(rng)))
    untemplated.request_style[40:] = 0
    found = find_operators(untemplated, formed_on=0, least=LEAST)
    assert all(len(set(untemplated.request_style[one.slices].tolist())) == 1 for one in found)
