"""How fragments are joined, against sets."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest

from stillhunt.link import template_groups as fragments

MIN_TOGETHER, MIN_LIFT, MIN_JACCARD, MOST_ACCOUNTS = 5, 4.0, 0.13, 0.5

ACCOUNTS = 240
LABELS = 9

Request = tuple[int, int, bool]
"""Account, cluster (-1 = none) and whether the prompt is a new one."""


def risk(known: set[int], other: set[int]) -> bool:
    """Do the users of one cluster use the other so many times likelier than those who do not use it?"""
    elsewhere = len(other - known) / max(ACCOUNTS - len(known), 1)
    return len(known & other) / len(known) >= MIN_LIFT * elsewhere


def alike(one: set[int], other: set[int]) -> bool:
    """Are the accounts of both so many and so much alike that they are one template's?"""
    both, either = len(one & other), len(one | other)
    return both >= MIN_TOGETHER and both / either >= MIN_JACCARD and risk(one, other) and risk(other, one)


def joined_labels(requests: list[Request], complete: set[int]) -> dict[int, int]:
    """Label under which each cluster goes: the smallest of those that it is joined with, the most alike first."""
    users: defaultdict[int, set[int]] = defaultdict(set)
    for account, label, first_occurrence in requests:
        if first_occurrence and label >= 0 and label not in complete:
            users[label].add(account)
    pairs = [
        (one, other)
        for one, other in combinations(sorted(users), 2)
        if max(len(users[one]), len(users[other])) <= MOST_ACCOUNTS * ACCOUNTS and alike(users[one], users[other])
    ]
    pairs.sort(key=lambda pair: (-len(users[pair[0]] & users[pair[1]]) / len(users[pair[0]] | users[pair[1]]), pair))
    label = {one: one for one in range(LABELS)}
    joined = True
    while joined:
        joined = False
        for one, other in ((label[left], label[right]) for left, right in pairs):
            if one != other and alike(users[one], users[other]):
                users[min(one, other)] = users[one] | users[other]
                label = {name: min(one, other) if own in (one, other) else own for name, own in label.items()}
                joined = True
    return label


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
def test_fragments_are_joined_as_sets_of_accounts_would_be(seed: int) -> None:
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
