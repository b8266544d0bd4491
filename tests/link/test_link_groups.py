"""The compiled group search finds what its plain twin finds, and the twin's laws are those of the books."""

from __future__ import annotations

from dataclasses import replace
from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_groups import effective_choices, own_preference, phrase_bits, profile_distances
from plain_groups import find_groups as plain_groups
from scipy.stats import betabinom, binom
from simulated import Law, draw_slices, drawn, fixed, joined, own_phrases

from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.groups.slices import ClusterSlices
from stillhunt.link.templates.phrase_pair_kernels import rarest_uses
from thoroughness import examples

WORST, LEAST_VARIANCE, PHRASE_CORRELATION = 30.0, 0.25, 0.5
CONCENTRATIONS, CONCENTRATION_WEIGHTS = (0.5, 2.0, 8.0, 32.0, 128.0), (0.25, 0.25, 0.2, 0.2, 0.1)
SEEDERS = 600

LEAST = 5
steady = settings(derandomize=True, deadline=None, max_examples=examples(50))


def assert_same(found: list[Group], expected: list[Group]) -> None:
    assert [group.members.tolist() for group in found] == [group.members.tolist() for group in expected]
    for group, twin in zip(found, expected, strict=True):
        assert (group.cluster, group.formed_on) == (twin.cluster, twin.formed_on)
        assert group.freedom == pytest.approx(twin.freedom, rel=1e-9)
        assert group.phrase == pytest.approx(twin.phrase, abs=1e-9, rel=1e-9)
        assert group.topic == pytest.approx(twin.topic, abs=1e-9, rel=1e-9)


def assert_found_as_by_twin(slices: ClusterSlices) -> int:
    groups = 0
    for fold in (0, 1):
        found = find_groups(slices, formed_on=fold, least=LEAST)
        assert_same(found, plain_groups(slices, formed_on=fold, least=LEAST))
        groups += len(found)
    return groups


def law_of(kind: str, rng: np.random.Generator) -> Law:
    if kind == "queues":
        return joined(drawn(rng, 25), own_phrases(rng, 40), drawn(rng, 18))
    if kind == "wide queues":
        return joined(drawn(rng, 30, width=30), fixed(rng, 30, width=30), drawn(rng, 20, width=30))
    if kind == "own phrases":
        return own_phrases(rng, 120, sharp=4.0, preference=12.0)
    if kind == "fixed":
        return joined(fixed(rng, 30), fixed(rng, 5), drawn(rng, 3))
    return drawn(rng, 60)


@pytest.mark.parametrize("kind", ["queues", "wide queues", "own phrases", "fixed", "one queue"])
@pytest.mark.parametrize("prompts", [3, 12, 40])
def test_the_search_finds_what_its_twin_finds(kind: str, prompts: int) -> None:
    for seed in range(examples(3)):
        rng = np.random.default_rng(seed)
        assert_found_as_by_twin(draw_slices(rng, law_of(kind, rng), prompts))


def test_slices_of_very_unequal_size_are_judged_as_by_the_twin() -> None:
    """A reseller has hundreds of prompts on one topic: its likelihood is no product of single factors any more."""
    rng = np.random.default_rng(3)
    law = joined(drawn(rng, 30), own_phrases(rng, 20))
    prompts = [2000, 700, 1, 1, 0, *rng.integers(0, 60, 45).tolist()]
    assert assert_found_as_by_twin(draw_slices(rng, law, prompts)) >= 2


def test_beyond_the_seeders_the_rest_joins_as_in_the_twin() -> None:
    rng = np.random.default_rng(5)
    law = joined(drawn(rng, 90), own_phrases(rng, SEEDERS))
    assert assert_found_as_by_twin(draw_slices(rng, law, 10)) >= 2


def test_the_order_of_occurrences_changes_nothing() -> None:
    rng = np.random.default_rng(6)
    slices = draw_slices(rng, joined(drawn(rng, 20), own_phrases(rng, 20)))
    orders = [rng.permutation(len(one)) for one in slices.member]
    member, request, phrase = (
        (column[0][orders[0]], column[1][orders[1]]) for column in (slices.member, slices.request, slices.phrase)
    )
    shuffled = replace(slices, member=member, request=request, phrase=phrase)
    for fold in (0, 1):
        found = find_groups(shuffled, formed_on=fold, least=LEAST)
        expected = find_groups(slices, formed_on=fold, least=LEAST)
        assert found
        assert_same(found, expected)


def test_the_rarest_uses_of_each_account_are_kept() -> None:
    rng = np.random.default_rng(8)
    users = rng.integers(1, 6, 40)
    uses = [sorted(rng.choice(40, int(rng.integers(0, 30)), replace=False).tolist()) for _ in range(50)]
    start = np.cumsum([0, *map(len, uses)])
    cluster = np.array([label for own in uses for label in own], np.int64)
    kept = rarest_uses(start, cluster, users, 8)
    for account, own in enumerate(uses):
        mask = kept[start[account] : start[account + 1]]
        chosen = [label for label, keep in zip(own, mask.tolist(), strict=True) if keep]
        assert chosen == sorted(sorted(own, key=lambda label: (users[label], label))[:8])


@steady
@given(st.integers(0, 30), st.integers(0, 30), st.floats(0.02, 0.98))
def test_own_topic_preference_is_a_mixture_of_beta_binomials(first: int, second: int, mean: float) -> None:
    """With two categories each component is a beta-binomial; one order of draws instead of all of them."""
    got = own_preference(np.array([[first, second]], np.float64), np.array([mean, 1.0 - mean]))
    orders = comb(first + second, first)
    probability = sum(
        weight * betabinom.pmf(first, first + second, strength * mean, strength * (1.0 - mean)) / orders
        for strength, weight in zip(CONCENTRATIONS, CONCENTRATION_WEIGHTS, strict=True)
    )
    assert got[0] == pytest.approx(np.log(probability), abs=1e-6)
    assert sum(CONCENTRATION_WEIGHTS) == pytest.approx(1.0)


def test_profile_distance_of_drawn_slices_is_one() -> None:
    rng = np.random.default_rng(4)
    counts = rng.binomial(12, 0.4, size=(60, 40))
    distances = profile_distances(counts, np.full(60, 12))
    assert distances[np.triu_indices(60, 1)].mean() == pytest.approx(1.0, abs=0.05)
    assert np.array_equal(distances, distances.T)
    assert not np.diag(distances).any()


def drawn_slices(rng: np.random.Generator, choices: int, sizes: list[int]) -> ClusterSlices:
    """Slices whose prompts each show one of some phrases, half and half alike."""
    rate = rng.dirichlet(np.full(choices, 1.0))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    phrase = [rng.choice(choices, len(owner), p=rate) for _ in (0, 1)]
    counts = np.zeros((2, len(sizes), choices), np.int64)
    for fold in (0, 1):
        np.add.at(counts[fold], (owner, phrase[fold]), 1)
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


def expected_deviation(size: int, rate: list[float]) -> float:
    """Expected mean squared deviation of a slice of this size that is drawn from one queue, summed over binomials."""
    total = 0.0
    for chance in rate:
        scale = size * chance * (1.0 - chance) + LEAST_VARIANCE
        total += sum(binom.pmf(k, size, chance) * (k - size * chance) ** 2 / scale for k in range(size + 1))
    return total / len(rate)


def bits_of(counts: list[int], size: int, rate: list[float], freedom: float, expected: float) -> float:
    """Bits of one slice for being drawn from, phrase by phrase."""
    away = 0.0
    for count, chance in zip(counts, rate, strict=True):
        away += (count - size * chance) ** 2 / (size * chance * (1.0 - chance) + LEAST_VARIANCE)
    spread = 1.0 + size * PHRASE_CORRELATION
    deviation = min(away / len(rate) / expected, WORST)
    return 0.5 * freedom * expected * (log(spread) - deviation * (1.0 - 1.0 / spread)) / log(2.0)


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
        expected = expected_deviation(size, rate)
        assert 0.0 < expected < 1.0
        assert judged[place] == pytest.approx(bits_of(counts, size, rate, freedom, expected), rel=1e-9)
        assert forming[place] == pytest.approx(bits_of(counts, size, rate, freedom, 1.0), rel=1e-9)
