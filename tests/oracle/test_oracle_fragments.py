"""How fragments are joined, against dictionaries and networkx."""

from __future__ import annotations

from collections import defaultdict

import networkx as nx
import numpy as np
import pytest

from stillhunt.link.templates import merge_fragments as fragments

MIN_TOGETHER, MIN_LIFT, MIN_JACCARD, MOST_ACCOUNTS = 5, 4.0, 0.13, 0.5

ACCOUNTS = 240
LABELS = 9

Request = tuple[int, int, bool]
"""Account, cluster (-1 = none) and whether the prompt is a new one."""


def risk(known: set[int], other: set[int]) -> bool:
    """Do the users of one cluster use the other so many times likelier than those who do not use it?"""
    elsewhere = len(other - known) / max(ACCOUNTS - len(known), 1)
    return len(known & other) / len(known) >= MIN_LIFT * elsewhere


def joined_labels(requests: list[Request], complete: set[int]) -> dict[int, int]:
    """Label under which each cluster goes: the smallest of its connected component."""
    users: defaultdict[int, set[int]] = defaultdict(set)
    for account, label, first_occurrence in requests:
        if first_occurrence and label >= 0 and label not in complete:
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
    complete = set(rng.choice(LABELS, int(rng.integers(0, 3)), replace=False).tolist())
    uses = {(account, label) for account, label, first_occurrence in requests if first_occurrence and label >= 0}
    account, cluster = np.array(rng.permutation(sorted(uses)), np.int64).T.copy()
    found = fragments.joined_labels(account, cluster, ACCOUNTS, LABELS, np.array(sorted(complete), np.int64))
    assert found.tolist() == [label for _, label in sorted(joined_labels(requests, complete).items())]


def test_drawn_requests_give_components_of_many_sizes() -> None:
    sizes = {len(set(joined_labels(drawn_requests(np.random.default_rng(seed)), set()).values())) for seed in range(40)}
    assert len(sizes) >= 4
    assert min(sizes) < LABELS
