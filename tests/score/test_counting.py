"""Counts over the whole log against plain loops: commonest values, first pairs, slices, flags, how common keys are."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_logs import log_of_rows

from stillhunt.base.coded import coded, joined, ranked
from stillhunt.base.shape import CODED
from stillhunt.score import kernels
from stillhunt.score.context import log as log_module
from stillhunt.score.context.coding import commonest, runs_of, whole_numbers
from stillhunt.score.context.log import slice_table
from stillhunt.score.stats.homogeneity import DISPERSION, homogeneity
from stillhunt.score.stats.shared_keys import key_frequencies, single_valued
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(40))

rows_of_log = st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 4)), max_size=60).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)
"""(account, value) of each row, by account; -1 unknown."""


def columns(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(rows, np.int32).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@steady
@given(rows_of_log)
def test_commonest_value_of_each_account(rows: list[tuple[int, int]]) -> None:
    account, value = columns(rows)
    by_account: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for one, known in rows:
        if known >= 0:
            by_account[one][known] += 1
    most = {one: max(count.items(), key=lambda item: (item[1], -item[0])) for one, count in by_account.items()}
    assert commonest(account, value, 6).tolist() == [most.get(one, (-1, 0))[0] for one in range(6)]
    assert kernels.commonest_in_runs(account, value, 5, 6)[1].tolist() == [
        most.get(one, (-1, 0))[1] for one in range(6)
    ]


@steady
@given(rows_of_log, st.sampled_from([1, 1 << 40, 0x9E3779B97F4A7C15]))
def test_each_account_has_each_value_once(rows: list[tuple[int, int]], factor: int) -> None:
    account, value = columns(rows)
    first = np.searchsorted(account, np.arange(7))
    hashes = np.maximum(value, 0).astype(np.uint64) * np.uint64(factor)
    found = np.flatnonzero(kernels.first_of_pairs(first, hashes, value >= 0)).tolist()
    seen: dict[tuple[int, int], int] = {}
    for row, pair in enumerate(rows):
        if pair[1] >= 0:
            seen.setdefault(pair, row)
    assert found == sorted(seen.values())


@steady
@given(rows_of_log)
def test_slices_are_the_rows_of_one_account_in_one_cluster(rows: list[tuple[int, int]]) -> None:
    account, cluster = columns(rows)
    table = slice_table(account, cluster)
    slices: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row, (one, where) in enumerate(rows):
        if where >= 0:
            slices[where, one].append(row)
    got = list(zip(table.cluster.tolist(), table.account.tolist(), strict=True))
    assert got == sorted(slices)
    parts = np.split(table.order, table.start[1:-1]) if got else []
    assert [part.tolist() for part in parts] == [slices[key] for key in got]
    assert table.requests.tolist() == [len(slices[key]) for key in got]
    odd = np.arange(len(rows)) % 2 == 1
    assert table.count(odd).tolist() == [sum(row % 2 for row in slices[key]) for key in got]
    asked = [(where, one) for where in range(-1, 7) for one in range(7)]
    found = table.find(*(np.array(column) for column in zip(*asked, strict=True))).tolist()
    assert found == [got.index(key) if key in slices else -1 for key in asked]
    inside = table.of_clusters(np.array([-1, 1, 3, 9]))
    assert inside.tolist() == [place for place, (where, _) in enumerate(got) if where in (1, 3)]


@steady
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1)), min_size=1, max_size=30))
def test_flags_are_counted_by_cluster(rows: list[tuple[int, int]]) -> None:
    cluster = np.array([where for where, _ in rows], np.int32)
    flags = np.array([bits for _, bits in rows], np.uint32)
    counted = kernels.flags_by_cluster(cluster, flags, np.arange(len(rows)), 4)
    for where in range(4):
        for bit in range(32):
            assert counted[where, bit] == sum(at == where and bits >> bit & 1 for at, bits in rows)


accounts_with_values = st.lists(
    st.tuples(st.sets(st.integers(0, 4), max_size=3), st.booleans(), st.booleans(), st.integers(-1, 1)),
    min_size=1,
    max_size=30,
)
"""(values, member, in the background sample, country) of each account."""


def expected_by_hand(
    accounts: list[tuple[set[int], bool, bool, int]], value: int, fellows: list[int], *, only_known: bool
) -> float:
    compared = [(v, c) for v, member, sampled, c in accounts if sampled and not member and (v or not only_known)]
    homes = [c for _, c in compared]
    by_country = sum(fellows.count(c) / (homes.count(c) + 1) for v, c in compared if value in v)
    return by_country + len(fellows) / (len(compared) + 1)


@steady
@given(accounts_with_values, st.booleans())
def test_members_and_accounts_outside_the_sample_are_no_comparison(
    accounts: list[tuple[set[int], bool, bool, int]], single: bool
) -> None:
    if single:
        accounts = [(set(sorted(values)[:1]), *rest) for values, *rest in accounts]
    country = np.array([c for *_, c in accounts])
    background = np.array([sampled for _, _, sampled, _ in accounts])
    members = np.flatnonzero([m for _, m, _, _ in accounts])
    if single:
        one = np.array([min(values, default=-1) for values, *_ in accounts])
        key = single_valued(one, country, background)
    else:
        first = np.cumsum([0, *(len(values) for values, *_ in accounts)])
        value = np.array([v for values, *_ in accounts for v in sorted(values)], np.int64)
        key = key_frequencies(first, value, country, background, only_known=False)
    values = np.arange(6)
    found = key.expected(values, members, members)
    fellows = [int(c) for c in country[members]]
    expected = [expected_by_hand(accounts, value, fellows, only_known=single) for value in values.tolist()]
    assert found == pytest.approx(expected, abs=1e-12)


def test_codes_follow_the_rows_however_many_there_are() -> None:
    rows = np.random.default_rng(2).integers(-1, 9, 200_000)
    rows[:150_000] %= 4  # some values come late
    column = pa.DictionaryArray.from_arrays(pa.array(rows, mask=rows < 0), pa.array([f"v{n}" for n in range(9)]))
    assert coded(column).tolist() == coded(column.cast(pa.string())).tolist()


def test_codes_are_as_documented() -> None:
    column = pa.chunked_array([["b", "b", None], [], ["a", "b"]], pa.string())
    assert coded(column).tolist() == [0, 0, -1, 1, 0]
    # Codes follow the rows, whatever the order of a dictionary and whatever else it holds.
    kept = pa.DictionaryArray.from_arrays(pa.array([3, 3, None, 0, 3], pa.int32()), pa.array(["a", "c", "d", "b"]))
    assert coded(kept).tolist() == coded(pa.chunked_array([kept])).tolist() == [0, 0, -1, 1, 0]
    assert coded(column.cast(CODED)).tolist() == [0, 0, -1, 1, 0]
    assert ranked(np.array([7, -3, 7, 100])).tolist() == [1, 0, 1, 2]
    left, right = np.array([0, -1, 0, 1, -1]), np.array([1, -1, -1, 0, 1])
    # The pair of two unknowns has the first rank, and then none.
    assert joined(left, right).tolist() == [3, -1, 2, 4, 1]
    for kind in (pa.string(), CODED):
        names, codes = runs_of(pa.chunked_array([["x", "x", "y"], ["y", "z"]]).cast(kind))
        assert (names.to_pylist(), codes.tolist()) == (["x", "y", "z"], [0, 0, 1, 1, 2])
        assert runs_of(pa.chunked_array([], kind))[1].tolist() == []
    narrow = whole_numbers(pa.chunked_array([[1, None, 2**30]], pa.int64()))
    assert (narrow.tolist(), narrow.dtype) == ([1, -1, 2**30], np.int32)
    assert whole_numbers(pa.chunked_array([[2**40]], pa.int64())).tolist() == [2**40]


@steady
@given(rows_of_log, st.integers(0, 2**60))
def test_rows_are_counted_by_account_and_value(rows: list[tuple[int, int]], bits: int) -> None:
    account, value = columns(rows)
    chosen = np.array([bits >> row & 1 for row in range(len(rows))], bool)
    counts = Counter(pair for pair, counted in zip(rows, chosen.tolist(), strict=True) if counted)
    first = np.searchsorted(account, np.arange(7))
    found = kernels.count_in_runs(first, (value + 1).astype(np.uint64), chosen)
    assert found.tolist() == [counts[pair] for pair in rows]


def test_counts_end_at_what_a_byte_holds() -> None:
    found = kernels.count_in_runs(np.array([0, 300]), np.full(300, 9, np.uint64), np.ones(300, bool))
    assert set(found.tolist()) == {255}


@steady
@given(rows_of_log, st.sampled_from([1, 1 << 40, 0x9E3779B97F4A7C15]))
def test_values_that_an_account_has_again_on_a_later_day(rows: list[tuple[int, int]], factor: int) -> None:
    account, value = columns(rows)
    first = np.searchsorted(account, np.arange(7))
    day = np.cumsum(np.arange(len(rows)) % 3 == 2)
    held = (value + 1).astype(np.uint64) * np.uint64(factor)
    latest: dict[tuple[int, int], int] = {}
    again = []
    for row, (pair, today) in enumerate(zip(rows, day.tolist(), strict=True)):
        again += [row] if latest.get(pair, today) < today else []
        latest[pair] = today
    assert np.flatnonzero(kernels.again_later(first, held, day)).tolist() == again


@steady
@given(rows_of_log, st.sampled_from([1, 1 << 40, 0x9E3779B97F4A7C15]))
def test_values_of_several_owners(rows: list[tuple[int, int]], factor: int) -> None:
    account, value = columns(rows)
    owners = {text: {one for one, other in rows if other == text} for _, text in rows}
    found = kernels.count_shared((value + 1).astype(np.uint64) * np.uint64(factor), account)
    assert found == (len(owners), sum(len(held) > 1 for held in owners.values()))


@steady
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=150).map(sorted), st.sampled_from([1, 5000]))
def test_homogeneity_is_the_chi_square_of_the_counts(rows: list[tuple[int, int]], apart: int) -> None:
    account, category = columns(rows)
    found = homogeneity(account, category * apart)
    of_account = Counter(one for one, _ in rows)
    kept = [(one, where) for one, where in rows if of_account[one] >= 2]
    often = Counter(where for _, where in kept)
    cells = Counter((one, where if often[where] >= DISPERSION.min_expected else -1) for one, where in kept)
    totals, sums = (
        Counter(one for one, _ in kept),
        Counter(where if often[where] >= DISPERSION.min_expected else -1 for _, where in kept),
    )
    freedom = max(len(totals) - 1, 0) * max(len(sums) - 1, 0)
    assert (found.freedom, found.accounts) == (freedom, len(totals))
    if freedom:
        expected = {(one, where): totals[one] * sums[where] / len(kept) for one in totals for where in sums}
        assert found.chi_square == pytest.approx(sum((cells[cell] - e) ** 2 / e for cell, e in expected.items()))


@steady
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_squares_of_a_table(pairs: list[tuple[int, int]]) -> None:
    rows, columns = (sorted(set(part)) for part in zip(*pairs, strict=True))
    row, column = np.array([(rows.index(one), columns.index(other)) for one, other in pairs], np.int64).T
    table = np.zeros((len(rows), len(columns)))
    np.add.at(table, (row, column), 1.0)
    total, sums = table.sum(axis=1), table.sum(axis=0)
    expected = total[:, None] * sums / len(pairs)
    found = kernels.squares_of_table(row, column, total.astype(np.int64), sums.astype(np.int64))
    assert found.tolist() == ((table - expected) ** 2 / expected).ravel().tolist()


def test_a_key_that_two_threads_ask_for_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each candidate is judged on one of two threads, and counting takes a second of a large log, and much memory."""
    asked, twice, counted = threading.Barrier(2), threading.Event(), []

    def counting(*arguments: Any, **options: Any) -> Any:
        counted.append(threading.get_ident())
        if len(counted) > 1:
            twice.set()
        twice.wait(0.05)  # the other thread's time to come here as well
        return key_frequencies(*arguments, **options)

    monkeypatch.setattr(log_module, "key_frequencies", counting)
    keys = log_of_rows(np.repeat(np.arange(50), 40), np.arange(2000), client_ip=np.arange(2000) % 99 + 1).keys

    def ask(_: int) -> Any:
        asked.wait()
        return keys.address("client_ip")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ask, range(2))
    assert first is second
    assert len(counted) == 1
