"""How fragments are joined and sparse counts weighed, against dictionaries, networkx and sums over binomials."""

from __future__ import annotations

from collections import defaultdict
from math import log

import networkx as nx
import numpy as np
import pytest
from scipy.stats import binom

from stillhunt.link.alike import LEAST_VARIANCE, OWN_HABIT, WORST, effective_choices, phrase_bits
from stillhunt.link.clusters import Clusters
from stillhunt.link.coding import Coded
from stillhunt.link.fragments import MIN_JACCARD, MIN_LIFT, MIN_TOGETHER, MOST_ACCOUNTS, join_fragments
from stillhunt.link.slices import ClusterSlices

ACCOUNTS = 240
LABELS = 9

Request = tuple[int, int, bool]
"""Account, cluster (-1 = none) and whether the prompt is a new one."""


def risk(known: set[int], other: set[int]) -> bool:
    """Do the users of one cluster use the other so many times likelier than those who do not use it?"""
    elsewhere = len(other - known) / max(ACCOUNTS - len(known), 1)
    return len(known & other) / len(known) >= MIN_LIFT * elsewhere


def joined_labels(requests: list[Request], whole: set[int]) -> dict[int, int]:
    """Label under which each cluster goes: the smallest of its connected component."""
    users: defaultdict[int, set[int]] = defaultdict(set)
    for account, label, fresh in requests:
        if fresh and label >= 0 and label not in whole:
            users[label].add(account)
    graph = nx.Graph()
    graph.add_nodes_from(range(LABELS))
    for one in users:
        for other in users:
            both, either = len(users[one] & users[other]), len(users[one] | users[other])
            if one == other or both < MIN_TOGETHER or both / either < MIN_JACCARD:
                continue
            if max(len(users[one]), len(users[other])) > MOST_ACCOUNTS * ACCOUNTS:
                continue
            if all(risk(users[a], users[b]) for a, b in ((one, other), (other, one))):
                graph.add_edge(one, other)
    return {label: min(part) for part in nx.connected_components(graph) for label in part}


def drawn_requests(rng: np.random.Generator) -> list[Request]:
    """Clusters used in and around blocks of accounts of many widths, so that pairs fall on both sides of each bar."""
    requests: list[Request] = [(account, -1, True) for account in range(ACCOUNTS)]
    for label in range(LABELS):
        start, width = int(rng.choice([0, 8, 90, 98])), int(rng.choice([5, 8, 14, 40, 55, 70]))
        block = (start + np.arange(width)) % ACCOUNTS
        strays = rng.choice(ACCOUNTS, int(rng.integers(0, 5)), replace=False)
        for account in [*block.tolist(), *strays.tolist()]:
            requests += [(account, label, bool(rng.random() < 0.8)) for _ in range(int(rng.integers(1, 3)))]
    return sorted(requests)


@pytest.mark.parametrize("seed", range(40))
def test_fragments_are_the_components_of_clusters_used_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    requests = drawn_requests(rng)
    account, label, fresh = (np.array(column) for column in zip(*requests, strict=True))
    nothing, hashes = np.zeros(0, np.int64), np.zeros(0, np.uint64)
    ids = [f"a{n:03d}" for n in range(ACCOUNTS)]
    coded = Coded(ids, account, account % 2, fresh, nothing, hashes, nothing, nothing)
    whole = set(rng.choice(LABELS, int(rng.integers(0, 3)), replace=False).tolist())
    found = join_fragments(coded, Clusters(nothing, label, nothing, nothing, LABELS), np.array(sorted(whole), np.int64))
    expected = {-1: -1, **joined_labels(requests, whole)}
    assert found.of_request.tolist() == [expected[one] for one in label.tolist()]
    assert found.count == LABELS


def test_drawn_requests_give_components_of_many_sizes() -> None:
    sizes = {len(set(joined_labels(drawn_requests(np.random.default_rng(seed)), set()).values())) for seed in range(40)}
    assert len(sizes) >= 4
    assert min(sizes) < LABELS


def drawn_slices(rng: np.random.Generator, choices: int, sizes: list[int]) -> ClusterSlices:
    """Slices whose prompts each show one of some phrases, half and half alike."""
    rate = rng.dirichlet(np.full(choices, 1.0))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    phrase = [rng.choice(choices, len(owner), p=rate) for _ in (0, 1)]
    counts = np.zeros((2, len(sizes), choices), np.int64)
    for half in (0, 1):
        np.add.at(counts[half], (owner, phrase[half]), 1)
    request = np.arange(len(owner))
    return ClusterSlices(
        cluster=0,
        account=np.arange(len(sizes)),
        size=np.array([sizes, sizes]),
        phrases=counts,
        topics=np.zeros((2, len(sizes), 1), np.int64),
        member=(owner, owner),
        request=(2 * request, 2 * request + 1),
        phrase=(phrase[0], phrase[1]),
    )


def told_by(size: int, rate: list[float]) -> float:
    """Mean squared deviation that a dealt slice of this size is to expect, summed over the binomials."""
    total = 0.0
    for chance in rate:
        scale = size * chance * (1.0 - chance) + LEAST_VARIANCE
        total += sum(binom.pmf(k, size, chance) * (k - size * chance) ** 2 / scale for k in range(size + 1))
    return total / len(rate)


def bits_of(counts: list[int], size: int, rate: list[float], freedom: float, told: float) -> float:
    """Bits of one slice for being dealt, phrase by phrase."""
    away = 0.0
    for count, chance in zip(counts, rate, strict=True):
        away += (count - size * chance) ** 2 / (size * chance * (1.0 - chance) + LEAST_VARIANCE)
    spread = 1.0 + size * OWN_HABIT
    deviation = min(away / len(rate) / told, WORST)
    return 0.5 * freedom * told * (log(spread) - deviation * (1.0 - 1.0 / spread)) / log(2.0)


@pytest.mark.parametrize(("seed", "choices"), [(0, 4), (1, 12), (2, 40)])
def test_phrase_bits_phrase_by_phrase(seed: int, choices: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [1, 2, 3, 5, 9, 17, 17, 17, 17]
    slices = drawn_slices(rng, choices, sizes)
    members = np.arange(3, 9)
    total = sum(sizes[3:])
    rate = [(int(count) + 0.5) / (total + 1.0) for count in slices.phrases[0][3:].sum(axis=0)]
    freedom = effective_choices(slices, 0, members, np.array(rate))
    assert freedom > 0.0
    judged, forming = (phrase_bits(slices, 0, members, 1, forming=flag)[0] for flag in (False, True))
    for place, size in enumerate(sizes):
        counts = slices.phrases[1][place].tolist()
        told = told_by(size, rate)
        assert 0.0 < told < 1.0
        assert judged[place] == pytest.approx(bits_of(counts, size, rate, freedom, told), rel=1e-9)
        assert forming[place] == pytest.approx(bits_of(counts, size, rate, freedom, 1.0), rel=1e-9)
