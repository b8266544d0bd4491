"""The search for workloads against its plain twin, and its kernels against numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import plain_workload as plain
import pytest
from simulated_bare import bare_of, customers, everybody, plan_mixture, workers

from stillhunt.link.requests.arrays import Ints
from stillhunt.link.topics.topics import TOPICS
from stillhunt.link.workload import workload
from stillhunt.link.workload.background_model import SMALL, gather_crowd, own_tastes, plan_bits, rows_of
from stillhunt.link.workload.kernels import EMPTY, LEAST_BITS, MOST_BITS, Lanes, add_shares, cell_sums, judge, weigh
from stillhunt.link.workload.operators import Operator, find_operators, stack_bits
from stillhunt.link.workload.untemplated_slices import BareSlices
from stillhunt.link.workload.workload import find_plans

LEAST = 5
seeds = pytest.mark.parametrize("seed", range(3))
halves = pytest.mark.parametrize("side", [0, 1])


def planted(seed: int) -> BareSlices:
    """Two plans of some stacks on one pool, a small one, and a thousand customers; both manners."""
    rng = np.random.default_rng(seed)
    mixture = plan_mixture(rng)
    first = workers(rng, 50, mixture, stack=rng.integers(0, 3, 50), account=np.arange(50))
    second = workers(rng, 40, mixture, stack=rng.integers(3, 5, 40), account=np.arange(30, 70))
    small = workers(rng, 12, plan_mixture(rng), load=30.0, rate=4.0, stack=1)
    bare = bare_of(rng, first, second, small, customers(rng, 1000, everybody(rng), stacks=12))
    bare.manner[:] = rng.random(len(bare.manner)) < 0.8
    return bare


def aimless(seed: int) -> BareSlices:
    """Customers only, some with a topic asked for thousands of times."""
    rng = np.random.default_rng(seed)
    bare = bare_of(rng, customers(rng, 300, everybody(rng), tastes=(1.0, 30.0, 300.0), stacks=3))
    bare.topics[:, ::40, 5] += 3000
    size = bare.topics.sum(axis=(0, 2))
    return replace(bare, size=size)


def same(found: list[Operator], expected: list[Operator]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.manner, one.formed_on, one.searched) == (other.manner, other.formed_on, other.searched)
        assert np.array_equal(one.slices, other.slices)
        assert np.array_equal(one.formed, other.formed)
        np.testing.assert_allclose(one.topic, other.topic, atol=1e-6)
        np.testing.assert_allclose(one.work, other.work, atol=1e-6)


@seeds
@halves
@pytest.mark.parametrize("world", [planted, aimless])
def test_plans_are_the_twins(world: Callable[[int], BareSlices], seed: int, side: int) -> None:
    bare = world(seed)
    crowd = gather_crowd(bare, 1, side)
    expected = plain.find_plans(plain.gather_crowd(bare, 1, side), manner=1, least=LEAST)
    found = find_plans(crowd, manner=1, least=LEAST)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.formed, other.formed)
        assert (one.load, one.rate) == (other.load, other.rate)
        assert one.share == pytest.approx(other.share, abs=1e-9)
        np.testing.assert_allclose(one.topics, other.topics, atol=1e-9)


@seeds
@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64])
def test_operators_are_the_twins(seed: int, kind: type[np.signedinteger]) -> None:
    for bare in (planted(10 + seed), aimless(10 + seed)):
        expected = plain.find_operators(bare, formed_on=seed % 2, least=LEAST)
        small = replace(bare, topics=bare.topics.astype(kind))
        same(find_operators(small, formed_on=seed % 2, least=LEAST), expected)


def test_how_many_plans_run_side_by_side_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = planted(20)
    wide = find_plans(gather_crowd(bare, 1, 0), manner=1, least=LEAST)
    monkeypatch.setattr(workload, "MOST_WEIGHTS", 1)
    narrow = find_plans(gather_crowd(bare, 1, 0), manner=1, least=LEAST)
    for one, other in zip(wide, narrow, strict=True):
        assert np.array_equal(one.formed, other.formed)
        assert (one.load, one.rate, one.share) == (other.load, other.rate, other.share)
        assert np.array_equal(one.topics, other.topics)


def test_bits_of_stacks_and_plans_are_the_twins() -> None:
    bare = planted(30)
    crowd, twin = gather_crowd(bare, 1, 0), plain.gather_crowd(bare, 1, 0)
    np.testing.assert_allclose(crowd.everybody, twin.everybody, atol=1e-12)
    plan = find_plans(crowd, manner=1, least=LEAST)[0]
    np.testing.assert_allclose(plan_bits(crowd, plan), plain.plan_bits(twin, plan), atol=1e-8)
    expected = plain.stack_bits(bare, twin, plan.formed)
    np.testing.assert_allclose(stack_bits(bare, crowd, plan.formed), expected, atol=1e-9)


def drawn(seed: int, rows: int = 300) -> Ints:
    """Questions by topic, most of them none, one row empty and some large."""
    rng = np.random.default_rng(seed)
    counts: Ints = rng.poisson(0.3, (rows, TOPICS))
    counts[7] = 0
    counts[::50, 3] += np.arange(len(counts[::50])) * SMALL // 2
    return counts


@seeds
def test_sparse_rows_hold_the_table(seed: int) -> None:
    counts = drawn(seed)
    chosen = np.random.default_rng(seed).permutation(len(counts))[:200]
    rows = rows_of(counts, chosen)
    back = np.zeros((200, TOPICS + EMPTY))
    np.add.at(back, (np.repeat(np.arange(200), np.diff(rows.starts)), rows.topic), rows.questions)
    assert np.array_equal(back[:, :TOPICS], counts[chosen])
    assert not back[:, TOPICS:].any()
    assert not (np.diff(rows.starts) % 4).any()
    assert (rows.topic[::2] != rows.topic[1::2]).all()
    starts = np.array([0, 10, 11, 200])
    assert np.array_equal(cell_sums(rows, starts, TOPICS), np.add.reduceat(counts[chosen], starts[:-1]))
    other = drawn(seed + 1)
    both = (counts + other)[chosen]
    expected = (both / np.maximum(both.sum(axis=1, keepdims=True), 1)).sum(axis=0)
    np.testing.assert_allclose(add_shares(counts, other, chosen), expected, rtol=1e-12)


@seeds
def test_own_tastes_are_the_twins_however_large_the_counts(seed: int) -> None:
    counts = drawn(seed)
    mixture = np.random.default_rng(seed).dirichlet(np.full(TOPICS, 2.0))
    found = own_tastes(rows_of(counts, np.arange(len(counts))), mixture)
    np.testing.assert_allclose(found, plain.own_tastes(counts.astype(np.float64), mixture), rtol=1e-11, atol=1e-9)


@seeds
@pytest.mark.parametrize("width", [1, 3, 16, 300])
def test_a_round_is_what_numpy_says(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    counts = drawn(seed)
    rows, cells = rows_of(counts, np.arange(len(counts))), np.array([0, 1, 40, 41, 290, 300])
    taste = -5.5 * counts.sum(axis=1) + rng.normal(0.0, 8.0, len(counts))
    topics = np.log2(rng.dirichlet(np.full(TOPICS, 1.0), width).T)
    work, share = rng.normal(-2.0, 4.0, (5, width)), rng.uniform(0.002, 0.6, width)
    lanes = Lanes(np.concatenate([topics, np.zeros((EMPTY, width))]), work, share)
    bits = np.clip(counts @ topics - taste[:, None] + np.repeat(work, np.diff(cells), axis=0), LEAST_BITS, MOST_BITS)
    expected = share * np.exp2(bits) / (share * np.exp2(bits) + 1.0 - share)
    before = rng.random((len(counts), width)).astype(np.float32)
    weights = before.copy()
    counted, held, moved = weigh(rows, taste, cells, lanes, weights)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(counted[:TOPICS], counts.T @ expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(held, np.add.reduceat(expected, cells[:-1], axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(moved, np.abs(expected - before).max(axis=0), atol=1e-9)
    settled = rng.uniform(0.002, 0.6, width)
    total, formed = judge(rows, taste, cells, lanes, settled)
    np.testing.assert_allclose(
        total, np.log2(1.0 - settled + settled * np.exp2(bits)).sum(axis=0), rtol=1e-10, atol=1e-8
    )
    flags = np.unpackbits(np.ascontiguousarray(formed.T).view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(flags[:, : len(counts)].T.astype(bool), expected > 0.5)
