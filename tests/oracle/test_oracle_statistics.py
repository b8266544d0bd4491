"""Statistics and graph steps against other people's implementations, or against the slow direct way."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, poisson

from stillhunt.base.dataset import LocalDataset
from stillhunt.link.templates.clusters import content_clusters
from stillhunt.link.templates.recurring_phrases import SharedPhrases
from stillhunt.score.stats.homogeneity import homogeneity, volume_evenness
from stillhunt.score.stats.shared_keys import key_frequencies, shared_address, shared_value, single_valued
from thoroughness import examples

CUTS, COHESION, MIN_TOGETHER = (0.23, 0.29, 0.37, 0.47, 0.59, 0.73), 0.17, 3
steady = settings(derandomize=True, deadline=None, max_examples=examples(50))
RARE = 5
POOL_SHARES = [share / 20 for share in range(8, 20)]
SELECTED_SHARES = [*(2.0**-power for power in range(9, 1, -1)), *POOL_SHARES]
COST_BITS = float(np.log2(20))
UNLIKE_ALL = 3.0


@steady
@given(st.lists(st.lists(st.integers(RARE, 40), min_size=3, max_size=3), min_size=2, max_size=6))
def test_homogeneity_is_the_chi_square_of_the_table(table: list[list[int]]) -> None:
    account = np.repeat(np.arange(len(table)), [sum(row) for row in table])
    category = np.concatenate([np.repeat(np.arange(3), row) for row in table])
    order = np.random.default_rng(0).permutation(len(account))
    found = homogeneity(account[order] * 7 + 3, category[order] * 5)
    expected = chi2_contingency(np.array(table), correction=False)
    assert found.chi_square == pytest.approx(expected.statistic)
    assert found.freedom == expected.dof
    assert found.index == pytest.approx(expected.statistic / expected.dof)
    assert found.accounts == len(table)


def test_rare_categories_are_pooled() -> None:
    """Ten categories of one request each are one category of ten."""
    account = np.repeat([0, 1], 40)
    category = np.concatenate([[0] * 35, range(1, 6), [0] * 35, range(6, 11)])
    pooled = np.minimum(category, 1)
    table = [[35, 5], [35, 5]]
    assert homogeneity(account, category) == homogeneity(account, pooled)
    assert homogeneity(account, category).chi_square == pytest.approx(
        chi2_contingency(table, correction=False).statistic
    )


@pytest.mark.parametrize(("account", "category"), [([], []), ([1, 1, 1], [0, 1, 2]), ([1, 1, 2, 2], [4, 4, 4, 4])])
def test_homogeneity_of_too_little_has_no_freedom(account: list[int], category: list[int]) -> None:
    found = homogeneity(np.array(account, np.int64), np.array(category, np.int64))
    assert found.freedom == 0.0
    assert np.isnan(found.index)


@steady
@given(st.lists(st.integers(0, 60), min_size=3, max_size=30))
def test_volume_evenness_is_the_index_of_dispersion(volumes: list[int]) -> None:
    assume(sum(volumes))
    found = volume_evenness(np.array(volumes, np.int64))
    assert found.index == pytest.approx(np.var(volumes, ddof=1) / np.mean(volumes))


def expected_sharing(chances: list[float], others: list[int], passed_over: int = 0) -> float:
    """Bits of a key by the definition: the best share of the pool, its choice paid for.

    Those who were passed over when the members were selected by the key count as having drawn nothing of the pool.
    """
    evidence = []
    for chance, n in zip(chances, others, strict=True):
        bits = -1.0 - 0.5 * np.log2(max(chance, 1e-300))
        evidence.append(2.0 ** (bits * n / (n + 1) if bits > 0 else bits))
    shares = SELECTED_SHARES if passed_over else POOL_SHARES
    best = max(sum(np.log2((1 - s) + s * e) for e in [*evidence, *[0.0] * passed_over]) for s in shares)
    return max(best - COST_BITS, 0.0)


def at_least(others: int, expected: float) -> float:
    """Chance of at least so many sharers."""
    return float(poisson.sf(others - 1, UNLIKE_ALL * expected)) if others > 0 else 1.0


def expected_sharers(holders: list[int], others: list[int], members: list[int]) -> float:
    """Members that would have a value if each took that of a random comparison account of its country.

    Args:
        holders: countries of the comparison accounts that have the value.
        others: countries of all comparison accounts.
        members: countries of all members.
    """
    by_country = sum(members.count(home) / (others.count(home) + 1) for home in holders)
    return by_country + len(members) / (len(others) + 1)


countries = st.integers(-1, 1)


@steady
@given(
    st.lists(st.tuples(st.integers(-1, 6), st.booleans(), countries), min_size=2, max_size=60),
    st.sampled_from([0, 0, 1, 7]),
)
def test_shared_value_by_a_direct_loop(accounts: list[tuple[int, bool, int]], passed_over: int) -> None:
    assume(any(member for _, member, _ in accounts))
    values, member, home = (list(column) for column in zip(*accounts, strict=True))
    codes, homes = np.array(values, np.int64), np.array(home, np.int64)
    members = np.flatnonzero(member)
    key = single_valued(codes, homes, np.ones(len(codes), bool))
    found = shared_value(codes[members], members, key, passed_over=passed_over)
    inside = [(v, c) for v, m, c in accounts if m and v >= 0]
    outside = [(v, c) for v, m, c in accounts if not m and v >= 0]
    own = [v for v, m, _ in accounts if m]
    others = [sum(v == value for v, _ in inside) - 1 if value >= 0 else 0 for value in own]
    drawn = (len(inside) + passed_over) / max(len(inside), 1)
    homes_out, homes_in = [c for _, c in outside], [c for _, c in inside]
    chances = [
        at_least(n, drawn * expected_sharers([c for v, c in outside if v == value], homes_out, homes_in))
        for value, n in zip(own, others, strict=True)
    ]
    assert found.bits == pytest.approx(expected_sharing(chances, others, passed_over))
    assert found.sharing == sum(n > 0 for n in others)
    assert found.values == len({v for v, n in zip(own, others, strict=True) if n > 0})
    assert len(found.member_bits) == len(own)
    charged = passed_over * np.log2(1 - found.share)
    assert found.bits == 0.0 or found.bits == pytest.approx(found.member_bits.sum() + charged - COST_BITS)


@steady
@given(st.lists(st.tuples(st.sets(st.integers(0, 6), max_size=3), st.booleans(), countries), min_size=2, max_size=40))
def test_shared_address_by_a_direct_loop(accounts: list[tuple[set[int], bool, int]]) -> None:
    inside = [(values, c) for values, m, c in accounts if m]
    outside = [(values, c) for values, m, c in accounts if not m]
    assume(inside)
    pairs = [(number, value) for number, (values, _, _) in enumerate(accounts) for value in sorted(values)]
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    member, home = np.array([m for _, m, _ in accounts]), np.array([c for _, _, c in accounts], np.int64)
    first = np.searchsorted(columns[:, 0], np.arange(len(accounts) + 1))
    key = key_frequencies(first, columns[:, 1], home, np.ones(len(accounts), bool), only_known=False)
    found = shared_address(np.flatnonzero(member), key)

    def judged(value: int) -> tuple[float, int, int]:
        others = sum(value in values for values, _ in inside) - 1
        holders = [c for values, c in outside if value in values]
        expected = expected_sharers(holders, [c for _, c in outside], [c for _, c in inside])
        return at_least(others, expected), value, others

    best = [
        min(((chance * len(values), value, n) for chance, value, n in map(judged, values)), default=(1.0, -1, 0))
        for values, _ in inside
    ]
    assert found.bits == pytest.approx(expected_sharing([min(b[0], 1.0) for b in best], [b[2] for b in best]))
    assert found.sharing == sum(b[2] > 0 for b in best)


# Content clusters: the first cut is the connected components of the Jaccard graph.


def noted_phrases(requests: list[tuple[int, set[int]]]) -> SharedPhrases:
    """Requests of (account, phrases), by account; a phrase recurs in an account that has it in two requests."""
    requests = sorted(requests, key=lambda request: request[0])
    account = np.array([a for a, _ in requests], np.int32)
    pairs = [(row, phrase) for row, (_, phrases) in enumerate(requests) for phrase in sorted(phrases)]
    shared_phrases = sorted(
        shared for shared, times in Counter((int(account[r]), p) for r, p in pairs).items() if times >= 2
    )
    size = max((p for _, p in pairs), default=-1) + 1
    rows = pa.table(
        {
            "order": np.arange(len(requests), dtype=np.int32),
            "owner": np.unique(account, return_inverse=True)[1].astype(np.int32),
            "account": account,
            "first_occurrence": np.ones(len(requests), np.uint8),
            "known": pa.array([sorted(phrases) for _, phrases in requests], pa.list_(pa.int32())),
        }
    )
    columns = np.array(shared_phrases, np.int64).reshape(-1, 2)
    every = np.arange(size, dtype=np.int32)
    worded, known = np.zeros(size, bool), np.arange(size, dtype=np.uint32)
    return SharedPhrases(LocalDataset.of(rows), every, size, columns[:, 0], columns[:, 1], worded, known)


def first_cut(requests: list[tuple[int, set[int]]], shared_phrases: SharedPhrases) -> list[set[int]]:
    """Components, by networkx, of the graph of phrases that recur in the same accounts, in the same requests."""
    users: dict[int, set[int]] = {}
    for account, phrase in zip(shared_phrases.account.tolist(), shared_phrases.phrase.tolist(), strict=True):
        users.setdefault(phrase, set()).add(account)
    together: Counter[tuple[int, int, int]] = Counter()
    for account, phrases in requests:
        own = sorted(p for p in phrases if account in users.get(p, set()))
        together.update((account, one, other) for i, one in enumerate(own) for other in own[i + 1 :])
    graph = nx.Graph()
    pairs = Counter((one, other) for (_, one, other), times in together.items() if times >= 2)
    for (one, other), accounts in pairs.items():
        either = len(users[one]) + len(users[other]) - accounts
        if accounts >= MIN_TOGETHER and accounts / either >= CUTS[0]:
            graph.add_edge(one, other)
    return sorted((set(part) for part in nx.connected_components(graph)), key=min)


def cohesion(shared_phrases: SharedPhrases, phrases: set[int]) -> float:
    """Mean share of the phrases that an account uses, over the accounts that use any."""
    used = Counter(
        a for a, p in zip(shared_phrases.account.tolist(), shared_phrases.phrase.tolist(), strict=True) if p in phrases
    )
    return sum(used.values()) / len(used) / len(phrases)


@pytest.mark.parametrize("seed", range(12))
def test_first_cut_is_the_connected_components(seed: int) -> None:
    """Phrases in a row; a request holds some near a place of it, so that components of all sizes arise."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 40, 9)
    requests = [
        (int(rng.integers(0, 7)), {int(p) for p in rng.choice(places) + rng.integers(0, 4, 3)}) for _ in range(220)
    ]
    shared_phrases = noted_phrases(requests)
    found = content_clusters(shared_phrases, 7)
    got = [set(np.flatnonzero(found.of_known == label).tolist()) for label in range(found.count)]
    components = first_cut(requests, shared_phrases)
    assert len(components) > 1
    assert any(part in components for part in got)
    assert all(any(part <= complete for complete in components) for part in got), (
        "no cluster reaches over two components"
    )
    assert all(complete in got for complete in components if cohesion(shared_phrases, complete) >= COHESION), (
        "what holds together stays"
    )
    assert sorted(got, key=min) == got, "labels go by the smallest phrase"


def test_two_templates_of_the_same_accounts_are_two_clusters() -> None:
    requests = [(account, set(block)) for account in range(5) for block in ((0, 1, 2), (3, 4)) for _ in range(3)]
    shared_phrases = noted_phrases(requests)
    found = content_clusters(shared_phrases, 5)
    assert found.of_known.tolist() == [0, 0, 0, 1, 1]
    assert first_cut(requests, shared_phrases) == [{0, 1, 2}, {3, 4}]
    noted = found.rows.gather(lambda table, _: table, pa.schema([("cluster", pa.int32())]), None, ["cluster"])
    by_account = sorted(requests, key=lambda request: request[0])
    assert noted["cluster"].to_pylist() == [0 if 0 in phrases else 1 for _, phrases in by_account]
