"""The search for workloads against its plain twin, and its kernels against numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import plain_work_queues as plain
import pytest
from simulated_untemplated import customers, everybody, queue_mixture, untemplated_of, workers

from stillhunt.link.requests.arrays import Ints
from stillhunt.link.topics.topics import TOPICS
from stillhunt.link.workload import work_queues
from stillhunt.link.workload.background_model import SMALL, background_model, own_preferences, queue_bits, rows_of
from stillhunt.link.workload.mixture_kernels import (
    EMPTY,
    MIN_BITS,
    Lanes,
    add_shares,
    cell_sums,
    judge,
    weigh,
)
from stillhunt.link.workload.operators import Operator, client_bits, find_operators
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices
from stillhunt.link.workload.work_queues import find_work_queues

LEAST = 5
seeds = pytest.mark.parametrize("seed", range(3))
folds = pytest.mark.parametrize("fold", [0, 1])


def planted(seed: int) -> UntemplatedSlices:
    """Two queues of several clients on one pool, a small queue, and a thousand customers; both request styles."""
    rng = np.random.default_rng(seed)
    mixture = queue_mixture(rng)
    first = workers(rng, 50, mixture, client=rng.integers(0, 3, 50), account=np.arange(50))
    second = workers(rng, 40, mixture, client=rng.integers(3, 5, 40), account=np.arange(30, 70))
    small = workers(rng, 12, queue_mixture(rng), load=30.0, rate=4.0, client=1)
    untemplated = untemplated_of(rng, first, second, small, customers(rng, 1000, everybody(rng), clients=12))
    untemplated.request_style[:] = rng.random(len(untemplated.request_style)) < 0.8
    return untemplated


def aimless(seed: int) -> UntemplatedSlices:
    """Customers only, some with a topic asked for thousands of times."""
    rng = np.random.default_rng(seed)
    untemplated = untemplated_of(rng, customers(rng, 300, everybody(rng), preferences=(1.0, 30.0, 300.0), clients=3))
    untemplated.topics[:, ::40, 5] += 3000
    size = untemplated.topics.sum(axis=(0, 2))
    return replace(untemplated, size=size)


def same(found: list[Operator], expected: list[Operator]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.request_style, one.formed_on, one.searched) == (
            other.request_style,
            other.formed_on,
            other.searched,
        )
        assert np.array_equal(one.slices, other.slices)
        assert np.array_equal(one.formed, other.formed)
        np.testing.assert_allclose(one.topic, other.topic, atol=1e-6)
        np.testing.assert_allclose(one.work, other.work, atol=1e-6)


@seeds
@folds
@pytest.mark.parametrize("world", [planted, aimless])
def test_work_queues_are_the_twins(world: Callable[[int], UntemplatedSlices], seed: int, fold: int) -> None:
    untemplated = world(seed)
    background = background_model(untemplated, 1, fold)
    expected = plain.find_work_queues(plain.background_model(untemplated, 1, fold), request_style=1, least=LEAST)
    found = find_work_queues(background, request_style=1, least=LEAST)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.formed, other.formed)
        assert (one.load, one.rate) == (other.load, other.rate)
        assert one.share == pytest.approx(other.share, abs=1e-9)
        np.testing.assert_allclose(one.topics, other.topics, atol=1e-9)


@pytest.mark.parametrize(("seed", "kind"), [(0, np.int16), (1, np.int32), (2, np.int64)])
def test_operators_are_the_twins(seed: int, kind: type[np.signedinteger]) -> None:
    for untemplated in (planted(10 + seed), aimless(10 + seed)):
        expected = plain.find_operators(untemplated, formed_on=seed % 2, least=LEAST)
        small = replace(untemplated, topics=untemplated.topics.astype(kind))
        same(find_operators(small, formed_on=seed % 2, least=LEAST), expected)


def test_how_many_work_queues_run_side_by_side_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    untemplated = planted(20)
    wide = find_work_queues(background_model(untemplated, 1, 0), request_style=1, least=LEAST)
    monkeypatch.setattr(work_queues, "WEIGHTS_HELD", 1)
    narrow = find_work_queues(background_model(untemplated, 1, 0), request_style=1, least=LEAST)
    for one, other in zip(wide, narrow, strict=True):
        assert np.array_equal(one.formed, other.formed)
        assert (one.load, one.rate, one.share) == (other.load, other.rate, other.share)
        assert np.array_equal(one.topics, other.topics)


def test_bits_of_clients_and_work_queues_are_the_twins() -> None:
    untemplated = planted(30)
    background, twin = background_model(untemplated, 1, 0), plain.background_model(untemplated, 1, 0)
    np.testing.assert_allclose(background.common, twin.common, atol=1e-12)
    queue = find_work_queues(background, request_style=1, least=LEAST)[0]
    np.testing.assert_allclose(queue_bits(background, queue), plain.queue_bits(twin, queue), atol=1e-8)
    expected = plain.client_bits(untemplated, twin, queue.formed)
    np.testing.assert_allclose(client_bits(untemplated, background, queue.formed), expected, atol=1e-9)


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
def test_own_topic_preferences_are_the_twins_however_large_the_counts(seed: int) -> None:
    counts = drawn(seed)
    mixture = np.random.default_rng(seed).dirichlet(np.full(TOPICS, 2.0))
    found = own_preferences(rows_of(counts, np.arange(len(counts))), mixture)
    np.testing.assert_allclose(found, plain.own_preferences(counts.astype(np.float64), mixture), rtol=1e-11, atol=1e-9)


@seeds
@pytest.mark.parametrize("width", [1, 3, 16, 300])
def test_a_round_is_what_numpy_says(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    counts = drawn(seed)
    rows, cells = rows_of(counts, np.arange(len(counts))), np.array([0, 1, 40, 41, 290, 300])
    preference = -5.5 * counts.sum(axis=1) + rng.normal(0.0, 8.0, len(counts))
    topics = np.log2(rng.dirichlet(np.full(TOPICS, 1.0), width).T)
    work, share = rng.normal(-2.0, 4.0, (5, width)), rng.uniform(0.002, 0.6, width)
    lanes = Lanes(np.concatenate([topics, np.zeros((EMPTY, width))]), work, share, 43.0)
    bits = np.clip(counts @ topics - preference[:, None] + np.repeat(work, np.diff(cells), axis=0), MIN_BITS, 43.0)
    expected = share * np.exp2(bits) / (share * np.exp2(bits) + 1.0 - share)
    before = rng.random((len(counts), width)).astype(np.float32)
    weights = before.copy()
    counted, held, moved = weigh(rows, preference, cells, lanes, weights)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(counted[:TOPICS], counts.T @ expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(held, np.add.reduceat(expected, cells[:-1], axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(moved, np.abs(expected - before).max(axis=0), atol=1e-9)
    settled = rng.uniform(0.002, 0.6, width)
    total, formed = judge(rows, preference, cells, lanes, settled)
    np.testing.assert_allclose(
        total, np.log2(1.0 - settled + settled * np.exp2(bits)).sum(axis=0), rtol=1e-10, atol=1e-8
    )
    flags = np.unpackbits(np.ascontiguousarray(formed.T).view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(flags[:, : len(counts)].T.astype(bool), expected > 0.5)
