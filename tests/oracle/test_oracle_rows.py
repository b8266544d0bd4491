"""Each compiled loop over the requests of a partition gives what its plain twin gives."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import plain_rows as plain
import plain_twins as twins
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from stillhunt.link.requests import request_kernels
from stillhunt.link.templates import phrase_kernels, phrase_pair_kernels
from stillhunt.link.topics import topic_word_kernels
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(40))
fewer = settings(derandomize=True, deadline=None, max_examples=examples(10))

Array = npt.NDArray[Any]
Lists = list[list[int]]
WIDE = 2**32 - 1


def compiled(module: object) -> set[str]:
    own = getattr(module, "__name__", "")
    return {n for n, v in vars(module).items() if hasattr(v, "py_func") and v.py_func.__module__ == own}


OF_FRAGMENTS = {"label_joined", "rarest_uses", "_find_component_root", "_join_components", "_are_template_fragments"}
"""Kernels of phrase_pair_kernels that tests/link/test_link_groups.py and test_link_fragments.py hold to plain code."""


def test_every_kernel_has_a_twin() -> None:
    modules = (request_kernels, phrase_kernels, topic_word_kernels, phrase_pair_kernels)
    found = set().union(*(compiled(module) for module in modules))
    assert len(found) > 15
    parts = OF_FRAGMENTS | {"_sort_rows"}  # of order_rows, which has a twin
    assert found - parts <= set(plain.TWINS) | set(twins.TWINS), (
        "write a plain twin in tests/oracle and hold the kernel to it"
    )


def read_only(array: Array) -> Array:
    """As columns of Arrow are: for arrays that may be written, numba makes other machine code than a hunt runs."""
    array.flags.writeable = False
    return array


def flat(lists: Lists, type_: type) -> tuple[Array, Array]:
    """Where each row's values begin, and all values."""
    begins = np.cumsum([0, *(len(one) for one in lists)]).astype(np.int32)
    return read_only(begins), read_only(np.array([value for one in lists for value in one], type_))


def split(begins: Array, values: Array) -> Lists:
    return [values[first:last].tolist() for first, last in pairwise(begins.tolist())]


def offsets_of(owner: list[int]) -> Array:
    return np.cumsum([0, *np.bincount(owner, minlength=max(owner, default=-1) + 1).tolist()]).astype(np.int64)


def ordered(owner: list[int]) -> Array:
    """Rows owner by owner."""
    return np.argsort(np.array(owner, np.int64), kind="stable").astype(np.int32)


@steady
@given(st.lists(st.sampled_from([0, 1, 2, 3, 2**63, 2**64 - 1, 2**40, 2**40 + 1]), max_size=40))
def test_number_keys(keys: list[int]) -> None:
    out = np.empty(len(keys), np.int32)
    count = request_kernels.number_keys(np.array(keys, np.uint64), out)
    assert out.tolist() == plain.number_keys(keys)
    assert count == len(set(keys))


def test_number_keys_of_many() -> None:
    keys = np.random.default_rng(1).integers(0, 3_000, 9_000).astype(np.uint64) << np.uint64(51)
    out = np.empty(len(keys), np.int32)
    request_kernels.number_keys(keys, out)
    assert out.tolist() == plain.number_keys(keys.tolist())


def named(owner: list[int]) -> list[int]:
    """Owners without gaps in their numbers."""
    return plain.number_keys(owner)


@steady
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3), st.integers(0, 3)), max_size=60))
def test_order_rows(rows: list[tuple[int, int, int]]) -> None:
    owner, time, keys = named([row[0] for row in rows]), [row[1] for row in rows], [row[2] for row in rows]
    owners = len(set(owner))
    order, offsets = np.empty(len(rows), np.int32), np.empty(owners + 1, np.int64)
    columns = (read_only(np.array(time, np.int64)), read_only(np.array(keys, np.uint64)))
    request_kernels.order_rows(np.array(owner, np.int32), owners, *columns, order, offsets)
    assert order.tolist() == plain.order_rows(owner, time, keys)
    assert offsets.tolist() == offsets_of(owner).tolist()


@steady
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2, 65, 2**63 + 1])), max_size=60))
def test_mark_first(rows: list[tuple[int, int]]) -> None:
    owner, prompt_hash = named([row[0] for row in rows]), [row[1] for row in rows]
    order, first_occurrence = ordered(owner), np.full(len(rows), 9, np.uint8)
    hashes = read_only(np.array(prompt_hash, np.uint64))
    request_kernels.mark_first(order, offsets_of(owner), hashes, first_occurrence)
    assert first_occurrence.tolist() == plain.mark_first(order.tolist(), owner, prompt_hash)


@steady
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(-1, 2), st.integers(0, 1)), max_size=60))
def test_mark_single_turns(rows: list[tuple[int, int, int, int]]) -> None:
    owner, turn = named([row[0] for row in rows]), [row[2] for row in rows]
    conversation = [10 * one + row[1] for one, row in zip(owner, rows, strict=True)]
    single_turn = np.full(len(rows), 9, np.uint8)
    first = [row[3] for row in rows]
    columns = (read_only(np.array(conversation, np.uint64)), read_only(np.array(turn, np.int32)))
    noted = np.array(first, np.uint8)
    request_kernels.mark_single_turns(ordered(owner), offsets_of(owner), *columns, noted, single_turn)
    assert single_turn.tolist() == plain.mark_single_turns(owner, conversation, turn, first)


def test_marks_of_accounts_with_many_rows_after_small_ones() -> None:
    """The table grows for the second account and is used in part by the third."""
    rng = np.random.default_rng(5)
    owner = [0] * 3 + [1] * 5_000 + [2] * 40
    prompt_hash, conversation = rng.integers(0, 900, len(owner)).tolist(), rng.integers(0, 4_000, len(owner)).tolist()
    conversation = [10_000 * one + number for one, number in zip(owner, conversation, strict=True)]
    order, offsets = ordered(owner), offsets_of(owner)
    turn = read_only(rng.integers(-1, 2, len(owner)).astype(np.int32))
    hashes, threads = (read_only(np.array(one, np.uint64)) for one in (prompt_hash, conversation))
    first_occurrence, single_turn = np.empty(len(owner), np.uint8), np.empty(len(owner), np.uint8)
    request_kernels.mark_first(order, offsets, hashes, first_occurrence)
    request_kernels.mark_single_turns(order, offsets, threads, turn, first_occurrence, single_turn)
    assert first_occurrence.tolist() == plain.mark_first(order.tolist(), owner, prompt_hash)
    assert single_turn.tolist() == plain.mark_single_turns(
        owner, conversation, turn.tolist(), first_occurrence.tolist()
    )


PHRASES = st.lists(st.sampled_from([0, 1, 2, 3, 64, 4_096, 2**31, WIDE, WIDE - 1]), max_size=7)


@st.composite
def phrase_rows(draw: DrawFn) -> tuple[list[int], list[int], Lists, Lists]:
    """Owner, first occurrence, phrases and system phrases of each row."""
    rows = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), PHRASES, PHRASES), max_size=30))
    return named([r[0] for r in rows]), [r[1] for r in rows], [r[2] for r in rows], [r[3] for r in rows]


def recurring(
    owner: list[int], first_occurrence: list[int], phrases: Lists, systems: Lists, least: int
) -> dict[Any, int]:
    lists = (flat(phrases, np.uint32), flat(systems, np.uint32))
    marks = read_only(np.array(first_occurrence, np.uint8))
    found = phrase_kernels.recurring_phrases(read_only(ordered(owner)), offsets_of(owner), marks, *lists, least)
    names = list(zip(found[0].tolist(), found[1].tolist(), strict=True))
    assert len(set(names)) == len(names)
    assert [one for one, _ in names] == sorted(one for one, _ in names), "owner by owner"
    return dict(zip(names, found[2].tolist(), strict=True))


@steady
@given(phrase_rows(), st.integers(2, 4))
def test_recurring_phrases(rows: tuple[list[int], list[int], Lists, Lists], least: int) -> None:
    assert recurring(*rows, least) == plain.recurring_phrases(*rows, least)


def test_a_phrase_of_prompt_and_system_prompt_counts_once() -> None:
    owner, first_occurrence = [0, 0, 0], [1, 1, 1]
    assert recurring(owner, first_occurrence, [[7], [7], [7]], [[7], [7], []], 2) == {(0, 7): 3}


def test_recurring_phrases_of_accounts_of_all_sizes() -> None:
    """Tables of bits and counts grow and are used again: few phrases after many, and many after few."""
    rng = np.random.default_rng(2)
    owner: list[int] = []
    phrases: Lists = []
    for account, (rows, kinds) in enumerate([(4, 3), (2_500, 9_000), (5, 4), (900, 40), (3_000, 60_000), (3, 2)]):
        names = rng.integers(0, 2**32, kinds, dtype=np.uint64)
        owner += [account] * rows
        phrases += [rng.choice(names, rng.integers(0, 12)).tolist() for _ in range(rows)]
    systems: Lists = [own[:2] if rng.random() < 0.3 else [] for own in phrases]
    first_occurrence = (rng.random(len(owner)) < 0.9).astype(int).tolist()
    got = recurring(owner, first_occurrence, phrases, systems, 3)
    assert len(got) > 1_000
    assert got == plain.recurring_phrases(owner, first_occurrence, phrases, systems, 3)


def known(names: list[int], phrases: Lists, systems: Lists, room: int) -> Lists | None:
    filter_bits, slots = np.zeros(1 << len(names).bit_length(), np.uint64), np.full(64, -1, np.int32)
    while len(slots) < 4 * len(names):
        slots = np.full(2 * len(slots), -1, np.int32)
    table = np.array(names, np.uint32)
    phrase_kernels.enter_phrases(table, filter_bits, slots)
    begins, out = np.empty(len(phrases) + 1, np.int32), np.empty(room, np.int32)
    lists = (flat(phrases, np.uint32), flat(systems, np.uint32))
    used = phrase_kernels.known_phrases(*lists, (table, filter_bits, slots), begins, out)
    return None if used < 0 else split(begins, out[:used])


@steady
@given(phrase_rows(), st.sets(st.sampled_from([0, 1, 3, 65, 4_096, 2**31, WIDE])))
def test_known_phrases(rows: tuple[list[int], list[int], Lists, Lists], drawn: set[int]) -> None:
    """Also phrases that fall on one bit of the filter with a known one."""
    names, phrases, systems = sorted(drawn), rows[2], rows[3]
    total = sum(map(len, phrases)) + sum(map(len, systems))
    assert known(names, phrases, systems, total + 1) == plain.known_phrases(names, phrases, systems)


def test_known_phrases_say_when_there_is_no_room() -> None:
    phrases, systems = [[5, 6, 7], [5, 5]], [[], [6]]
    assert known([5, 6, 7], phrases, systems, 4) is None
    assert known([5, 6, 7], phrases, systems, 6) == [[0, 1, 2], [0, 1]]


def test_known_phrases_among_many() -> None:
    rng = np.random.default_rng(3)
    names = np.unique(rng.integers(0, 2**32, 5_000, dtype=np.uint64)).tolist()
    phrases = [rng.choice(names, 20).tolist() + rng.integers(0, 2**32, 20, dtype=np.uint64).tolist() for _ in range(60)]
    systems: Lists = [own[::3] for own in phrases]
    code = {name: place for place, name in enumerate(names)}
    assert known(names, phrases, systems, 9_000) == [sorted({code[p] for p in own if p in code}) for own in phrases]


@st.composite
def coded_rows(draw: DrawFn) -> tuple[list[int], Lists, list[int], set[tuple[int, int]]]:
    """Account and codes of each row, cluster of each code, recurring phrases."""
    cluster_of = draw(st.lists(st.integers(-1, 3), min_size=1, max_size=10))
    codes = st.sets(st.integers(0, len(cluster_of) - 1), max_size=8).map(sorted)
    rows = draw(st.lists(st.tuples(st.integers(0, 3), codes), max_size=20))
    recurring = draw(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6))
    return [row[0] for row in rows], [row[1] for row in rows], cluster_of, recurring


@steady
@given(coded_rows())
def test_assign_clusters(drawn: tuple[list[int], Lists, list[int], set[tuple[int, int]]]) -> None:
    account, codes, cluster_of, recurring = drawn
    cluster, matched = np.empty(len(account), np.int32), np.empty(len(account), np.int32)
    keys = np.array(sorted(4 * one + label for one, label in recurring), np.int64)
    columns = (read_only(np.array(account, np.int32)), flat(codes, np.int32), np.array(cluster_of, np.int32))
    phrase_kernels.assign_clusters(*columns, (keys, 4), 2, cluster, matched)
    got = list(zip(cluster.tolist(), matched.tolist(), strict=True))
    assert got == plain.assign_clusters(account, codes, cluster_of, recurring)


WORDS = st.sets(st.integers(0, 9).map(lambda word: word * 7_000), max_size=6).map(sorted)


@steady
@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), max_size=5), st.floats(0.0, 1.0))
def test_recurring_words(drawn: list[Lists], share: float) -> None:
    words = [own for run in drawn for own in run]
    edges = np.cumsum([0, *(len(run) for run in drawn)]).astype(np.int64)
    rows = np.random.default_rng(0).permutation(len(words)).astype(np.int32)
    found = topic_word_kernels.recurring_words(rows, edges, *flat(words, np.uint16), 2, share)
    pairs = list(zip(found[0].tolist(), found[1].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == plain.recurring_words(split(edges, rows), words, share)


@steady
@given(st.lists(st.lists(st.tuples(WORDS, st.integers(0, 2)), max_size=6), max_size=5))
def test_words_on_several_topics(drawn: list[list[tuple[list[int], int]]]) -> None:
    rows = [row for run in drawn for row in run]
    words, topic = [own for own, _ in rows], [own for _, own in rows]
    edges = np.cumsum([0, *(len(run) for run in drawn)])
    lists, topics = flat(words, np.int32), np.array(topic, np.int64)
    found = topic_word_kernels.words_on_several_topics(edges, *lists, topics, 63_001)
    triples = list(zip(*(column.tolist() for column in found), strict=True))
    assert triples == plain.words_on_several_topics(split(edges, np.arange(len(rows))), words, topic)


@steady
@given(
    st.lists(st.tuples(st.integers(-1, 2), WORDS), max_size=12),
    st.sets(st.integers(0, 9).map(lambda word: word * 7_000)),
    st.sets(st.tuples(st.integers(0, 2), st.integers(0, 9).map(lambda word: word * 7_000)), max_size=8),
)
def test_telling_words(rows: list[tuple[int, list[int]]], wanted: set[int], wrapping: set[tuple[int, int]]) -> None:
    cluster, words = [row[0] for row in rows], [row[1] for row in rows]
    telling, clusters = np.zeros(1 << 16, np.uint8), read_only(np.array(cluster, np.int32))
    telling[sorted(wanted)] = 1
    keys = np.array(sorted(label << 16 | word for label, word in wrapping), np.int64)
    begins, values = flat(words, np.uint16)
    kept, out = np.empty(len(values), np.uint16), np.empty(len(rows) + 1, np.int32)
    used = topic_word_kernels.telling_words(clusters, begins, values, telling, keys, kept, out)
    assert split(out, kept[:used]) == plain.telling_words(cluster, words, wanted, wrapping)


@steady
@given(st.lists(WORDS, max_size=8), st.integers(0, 2**64 - 1))
def test_word_keys(words: Lists, salt: int) -> None:
    keys = np.empty(len(words), np.uint64)
    topic_word_kernels.word_keys(*flat(words, np.uint16), np.uint64(salt), keys)
    assert keys.tolist() == plain.word_keys(words, salt)


@steady
@given(st.lists(WORDS, min_size=1, max_size=8), st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_unit_vectors(words: Lists, seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    weight, code = np.zeros(1 << 16, np.int64), np.full(1 << 16, -1, np.int32)
    weight[::7_000] = rng.integers(0, 200, 10)
    code[: 8 * 7_000 : 7_000] = rng.permutation(8)
    width = topic_word_kernels.TOPIC_DIMENSIONS
    basis = rng.integers(-70_000, 70_000, (8, width)).astype(np.int32)
    expected = plain.unit_vectors(words, code.tolist(), weight.tolist(), basis.tolist(), least)
    for first in range(len(words)):
        out = np.empty((len(words) - first, width), np.float32)
        sliced = tuple(one.copy() for one in flat(words, np.uint16))  # a hunt has taken these out of columns
        topic_word_kernels.unit_vectors(first, sliced, code, weight, basis, least, out)
        assert out.tolist() == expected[first:]


ROWS = st.lists(st.lists(st.integers(-127, 127), min_size=4, max_size=4), max_size=9)


@steady
@given(ROWS, st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=4, max_size=4))
def test_best_columns(rows: Lists, across: Lists) -> None:
    out = np.empty(len(rows), np.int8)
    wide = np.array(across, np.float32)
    topic_word_kernels.best_columns(np.array(rows, np.float32).reshape(-1, 4), wide, out)
    assert out.tolist() == plain.best_columns(rows, across)


@steady
@given(st.lists(WORDS, max_size=9), st.data())
def test_words_are_counted_and_taken(words: Lists, data: st.DataObject) -> None:
    begins, values = flat(words, np.uint16)
    counts = np.zeros(1 << 16, np.int64)
    topic_word_kernels.count_words(values, counts)
    assert counts.tolist() == plain.count_words(values.tolist(), 1 << 16)
    rows = sorted(data.draw(st.sets(st.integers(0, max(len(words) - 1, 0))))) if words else []
    out_begins, out = np.empty(len(rows) + 1, np.int32), np.empty(len(values), np.uint16)
    topic_word_kernels.take_words(np.array(rows, np.int64), begins, values, out_begins, out)
    assert split(out_begins, out) == plain.take_words(rows, words)


LIMITS = (48, 4_096)


def assert_same_pairs(owner: list[int], known: Lists, shared_of: list[int], own_phrases: Lists, size: int) -> int:
    """Pairs of one log; gives their number.

    Args:
        owner: account of each row.
        known: codes of each row, ascending.
        shared_of: recurring phrase of each code; -1 where none.
        own_phrases: recurring phrases of each account, ascending.
        size: number of recurring phrases.
    """
    present = sorted(set(owner))
    order, offsets = ordered(owner), np.append(0, np.cumsum([owner.count(one) for one in present])).astype(np.int64)
    shared_begins = np.cumsum([0, *(len(own) for own in own_phrases)]).astype(np.int64)
    shared_phrases = (shared_begins, np.array([shared for own in own_phrases for shared in own], np.int32))
    codes = (*flat(known, np.int32), np.array(shared_of, np.int32))
    found = phrase_pair_kernels.pairs_by_account(
        (read_only(order), offsets), np.array(present, np.int32), codes, shared_phrases, size, (*LIMITS, 2)
    )
    account_runs = list(zip(present, split(offsets, order), strict=True))
    shared_of_row = [[shared_of[code] for code in own if shared_of[code] >= 0] for own in known]
    expected = plain.pairs_by_account(account_runs, shared_of_row, own_phrases, LIMITS)
    pairs, accounts = np.unique(found, return_counts=True)
    got = {divmod(pair, size): n for pair, n in zip(pairs.tolist(), accounts.tolist(), strict=True)}
    assert got == dict(expected)
    return len(got)


@steady
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 40))
def test_pairs_of_few_recurring_phrases(seed: int, size: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    shared_of = np.full(size + 5, -1)
    shared_of[np.sort(rng.choice(size + 5, size, replace=False))] = np.arange(size)
    owner = rng.choice([0, 2, 3], rows).tolist()
    known = [np.flatnonzero(rng.random(size + 5) < 0.4).tolist() for _ in range(rows)]
    own_phrases = [np.flatnonzero(rng.random(size) < 0.7).tolist() for _ in range(5)]
    assert_same_pairs(owner, known, shared_of.tolist(), own_phrases, size)


@fewer
@given(st.integers(0, 2**32 - 1), st.sampled_from([511, 512, 513, 700]))
def test_pairs_of_few_and_of_many_recurring_phrases_are_the_same(seed: int, width: int) -> None:
    """On both sides of the bound from which pairs are sorted instead of compared; some requests have more than 48."""
    rng = np.random.default_rng(seed)
    size = width + 40
    own = np.sort(rng.choice(size, width, replace=False)).tolist()
    base = [np.sort(rng.choice(size, int(n), replace=False)).tolist() for n in rng.integers(0, 90, 8)]
    known = [base[int(rng.integers(8))][:: int(rng.integers(1, 3))] for _ in range(25)]
    pairs = assert_same_pairs([0] * 20 + [1] * 5, known, list(range(size)), [own, own[:9]], size)
    assert pairs > 0


@pytest.mark.parametrize("shared_phrases", [6, 522])
@pytest.mark.parametrize("rows", [4_096, 4_097, 8_200])
def test_pairs_of_an_account_with_very_many_requests(rows: int, shared_phrases: int) -> None:
    rng = np.random.default_rng(rows)
    known = [np.sort(rng.choice(shared_phrases, 3, replace=False)).tolist() for _ in range(rows + 30)]
    own = list(range(shared_phrases))
    assert assert_same_pairs([0] * rows + [1] * 30, known, own, [own, own], shared_phrases) > 10


def test_a_request_with_many_recurring_phrases_is_bounded() -> None:
    size = 100
    own = list(range(size))
    limit = 48
    assert assert_same_pairs([0, 0], [own, own], own, [own], size) == limit * (limit - 1) // 2
