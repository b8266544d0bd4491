"""Accounts that share recurring words, without a run of words that recurs, are found whatever else they ask."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from drawn_sketches import Prompt, sketches_of

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset, Source
from stillhunt.base.progress import Silent
from stillhunt.link import Linked, link_slices
from stillhunt.link.style.recurring_words import WordSample, recurring_words
from stillhunt.link.style.style_groups import _COARSE_BLOCKS, _FINE_BLOCKS, beyond_chance, blocks, learned_styles

WORKERS, CUSTOMERS, SUBJECTS = 30, 200, 40
STYLE_FROM, STYLE_WORDS, OTHER_FROM, OTHER_WORDS = 20_000, 90, 30_000, 3_000
Rows = list[Prompt]


def log_rows(*, styled: bool = True, narrow: bool = False, seed: int = 5) -> Rows:
    """Requests of workers, half of them cover on subjects of their own, and of customers.

    Args:
        styled: the workers put words of one style around what they ask; else what comes to mind.
        narrow: all they ask in it is about one subject.
        seed: of the log.
    """
    rng = np.random.default_rng(seed)
    rows: Rows = []
    for number in range(WORKERS + CUSTOMERS):
        preference = rng.dirichlet(np.full(SUBJECTS, 0.15))
        for subject in rng.choice(SUBJECTS, 12 + rng.poisson(8), p=preference):
            rows.append(row_of(rng, number, int(subject), OTHER_FROM, OTHER_WORDS))
        for _ in range(20 if number < WORKERS else 0):
            around = (STYLE_FROM, STYLE_WORDS) if styled else (OTHER_FROM, OTHER_WORDS)
            rows.append(row_of(rng, number, 7 if narrow else int(rng.integers(SUBJECTS)), *around))
    return rows


def row_of(rng: np.random.Generator, account: int, subject: int, first: int, count: int) -> Prompt:
    words = {*(subject * 40 + rng.integers(0, 40, 8)).tolist(), *(first + rng.integers(0, count, 4)).tolist()}
    return {"account_id": f"a{account:03d}", "turn": 0, "topic_words": sorted(words)}


def linked_of(sketches: pa.Table | LocalDataset) -> Linked:
    dataset = LocalDataset.of(sketches) if isinstance(sketches, pa.Table) else sketches
    return link_slices(dataset, Config(), Silent())


def styled_members(linked: Linked) -> set[str]:
    links = linked.links.filter(linked.links["style"])
    return set(links.filter(links["member"])["account_id"].to_pylist())


@pytest.fixture(scope="module")
def sketches() -> pa.Table:
    return sketches_of(log_rows())


@pytest.fixture(scope="module")
def linked(sketches: pa.Table) -> Linked:
    return linked_of(sketches)


def test_accounts_of_one_style_are_found_and_nobody_else(linked: Linked) -> None:
    workers = {f"a{number:03d}" for number in range(WORKERS)}
    members = styled_members(linked)
    assert len(members & workers) >= 0.9 * WORKERS
    assert not members - workers


def test_their_slices_hold_what_is_worded_in_the_style_and_not_their_cover(linked: Linked, sketches: pa.Table) -> None:
    style = linked.links.filter(linked.links["style"])["cluster"][0].as_py()
    ids = dict(zip(sketches["request_id"].to_pylist(), sketches["topic_words"].to_pylist(), strict=True))
    chosen = np.flatnonzero(linked.sliced["cluster"].to_numpy() == style)
    found = [ids[name] for name in linked.traffic["request_id"].take(pa.array(chosen)).to_pylist()]
    worded = [any(STYLE_FROM <= word < OTHER_FROM for word in words) for words in found]
    assert len(found) >= 0.9 * 20 * WORKERS
    assert np.mean(worded) >= 0.98
    matched = linked.sliced["matched"].to_numpy()[chosen]
    assert matched.min() >= 1


@pytest.mark.parametrize(("styled", "narrow"), [(False, False), (True, True)])
def test_no_style_without_words_in_common_or_on_one_subject_only(styled: bool, narrow: bool) -> None:
    """Who asks about one subject shares its words, too."""
    assert not linked_of(sketches_of(log_rows(styled=styled, narrow=narrow))).links["style"].to_numpy().any()


@pytest.mark.parametrize("seed", [0, 1])
def test_neither_row_order_nor_partitions_change_anything(linked: Linked, sketches: pa.Table, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = sketches.take(pa.array(rng.permutation(sketches.num_rows)))
    # An account is in one partition as a whole.
    part = rng.integers(0, 3, WORKERS + CUSTOMERS)[[int(name[1:]) for name in shuffled["account_id"].to_pylist()]]
    order = np.argsort(part, kind="stable")
    bounds = [0, *np.cumsum(np.bincount(part, minlength=3)).tolist()]
    tables = [shuffled.take(pa.array(order[first:last])) for first, last in pairwise(bounds)]
    again = linked_of(LocalDataset([source_of(table) for table in tables], sketches.column_names, 2))
    assert again.links.equals(linked.links)
    assert again.traffic.equals(linked.traffic)
    assert again.sliced.equals(linked.sliced)


def source_of(table: pa.Table) -> Source:
    return lambda columns: table if columns is None else table.select(list(columns))


def sample_of(account: list[int], topic: list[int], words: list[list[int]], width: int) -> WordSample:
    """A sample given request by request, in order of accounts 0, 1 ..."""
    request = np.repeat(np.arange(len(words)), [len(one) for one in words])
    cells = np.ones(len(request), np.int32), (request, np.concatenate(words).astype(np.int32))
    has = sp.csr_array(cells, shape=(len(words), width))
    begins = np.append(0, np.cumsum(np.bincount(account)))
    return WordSample(np.arange(width), begins, np.array(topic), has)


def test_a_word_recurs_on_several_topics_far_more_often_than_elsewhere() -> None:
    """Word 0 is a recurring word of four accounts; word 1 recurs in them on one topic only, and word 2 in everybody."""
    accounts, words, topics = [], [], []
    for account in range(40):
        for number in range(6):
            accounts.append(account)
            topics.append(number)
            own = [0] if account < 4 and number < 2 else []
            words.append([*own, 2, 3 + account])
        if account < 4:
            accounts += [account] * 2
            topics += [9, 9]
            words += [[1], [1]]
    found = recurring_words(sample_of(accounts, topics, words, 50)).toarray()
    assert np.argwhere(found).tolist() == [[account, 0] for account in range(4)]


def test_accounts_of_each_planted_block_are_together() -> None:
    rng = np.random.default_rng(2)
    planted = np.repeat(np.arange(30), 20)
    held = rng.random((600, 900)) < np.where(planted[:, None] == np.arange(900) // 30, 0.4, 0.002)
    coarse, fine = blocks(sp.csr_array(held.astype(np.int32)), 0)
    assert coarse.shape == (600, _COARSE_BLOCKS)
    assert coarse.sum(axis=1).tolist() == fine.sum(axis=1).tolist() == [1] * 600
    together = np.array([fine[planted == number].sum(axis=0).max() for number in range(30)])
    assert (together >= 18).sum() >= _FINE_BLOCKS[0] - 1
    assert [one.shape for one in blocks(sp.csr_array((5, 900), dtype=np.int32), 0)] == [(5, 0)]


def test_a_log_without_blocks_has_no_style() -> None:
    sample = sample_of([0, 0, 1], [0, 1, 2], [[0], [1], [0, 1]], 2)
    found = learned_styles(sample, recurring_words(sample), [np.zeros((2, 0), bool)], 5)
    assert found.count == 0
    assert found.weights.shape[1] == 0


@pytest.mark.parametrize(
    ("hits", "requests", "beyond"), [(4, 10, True), (4, 200, False), (20, 200, True), (12, 980, False)]
)
def test_a_few_of_many_requests_look_worded_in_any_style_by_chance(hits: int, requests: int, beyond: bool) -> None:
    assert bool(beyond_chance(np.array([hits]), np.array([requests]))[0]) is beyond
