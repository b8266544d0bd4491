"""Each pass over account partitions gives what one table in memory gives, in any partitions and any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import plain_link as plain
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told_logs import random_log
from told_sketches import parted, rows_of

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.progress import Silent
from stillhunt.base.schema import SLICED, TOTALS, TRAFFIC
from stillhunt.link import link_slices
from stillhunt.link.requests.index_requests import Log, arrange
from stillhunt.link.templates.clusters import Clusters, content_clusters
from stillhunt.link.templates.phrases import Habits, shared_habits
from stillhunt.link.templates.slices import ClusterSlices, cluster_slices, uses_of
from stillhunt.link.topics.topics import TOPICS, request_topics
from stillhunt.link.workload.untemplated_slices import Templated, bare_slices

SEED = 3
PARTS = (1, 2, 7)
steady = settings(derandomize=True, deadline=None, max_examples=12)


@dataclass(frozen=True)
class Passed:
    """What the passes give."""

    log: Log
    habits: Habits
    clusters: Clusters
    rows: Dataset


@dataclass(frozen=True)
class Plain:
    """What the plain steps give."""

    sketches: pa.Table
    coded: plain.Coded
    habits: plain.Habits
    clusters: plain.Clusters
    topics: plain.Ints


def passed(sketches: pa.Table, parts: int, order: int | None) -> Passed:
    log = arrange(parted(sketches, parts, order), seed=SEED)
    habits = shared_habits(log)
    clusters = content_clusters(habits, log.accounts)
    return Passed(log, habits, clusters, request_topics(log, clusters, seed=SEED))


def plainly(sketches: pa.Table) -> Plain:
    coded = plain.code_sketches(sketches, seed=SEED)
    habits = plain.shared_habits(coded)
    clusters = plain.content_clusters(coded, habits)
    return Plain(sketches, coded, habits, clusters, plain.request_topics(coded, clusters, seed=SEED))


def assert_same_notes(found: Passed, expected: Plain) -> None:
    """The first pass: codes, halves, first prompts, single questions, and what is counted by account."""
    coded = expected.coded
    noted = rows_of(found.rows, "account", "fold", "first_occurrence", "single_turn")
    assert noted["account"].to_pylist() == coded.account.tolist()
    assert noted["fold"].to_pylist() == coded.half.tolist()
    assert noted["first_occurrence"].to_pylist() == coded.fresh.astype(int).tolist()
    assert noted["single_turn"].to_pylist() == coded.alone.astype(int).tolist()
    assert found.log.account_ids.to_pylist() == coded.account_ids
    assert found.log.requests.tolist() == np.bincount(coded.account).tolist()
    assert found.log.prompts.tolist() == np.bincount(coded.account[coded.fresh], minlength=found.log.accounts).tolist()
    time = expected.sketches["timestamp"].cast(pa.int64()).to_numpy()
    tokens = pc.fill_null(expected.sketches["output_tokens"], 0).to_numpy()
    for code in range(found.log.accounts):
        own = coded.account == code
        assert (found.log.first[code], found.log.last[code]) == (time[own].min(), time[own].max())
        assert found.log.output_tokens[code] == tokens[own].sum()


def assert_same_habits(found: Habits, expected: Plain) -> list[int]:
    """Habits by account and hash; gives the hashes of the known phrases."""
    known = plain.known_phrases(expected.coded)
    assert len(found.habit_of) == len(known)
    names = [phrase for phrase, habit in zip(known, found.habit_of.tolist(), strict=True) if habit >= 0]
    assert names == expected.habits.phrases.tolist()
    assert found.habit_of[found.habit_of >= 0].tolist() == list(range(found.size))
    assert found.account.tolist() == expected.habits.account.tolist()
    assert found.phrase.tolist() == expected.habits.phrase.tolist()
    return known


def assert_same_clusters(found: Clusters, habits: Habits, known: list[int], expected: Plain) -> None:
    clusters, coded = expected.clusters, expected.coded
    assert found.count == clusters.count
    assert found.of_known[habits.habit_of >= 0].tolist() == clusters.of_phrase.tolist()
    assert (found.of_known[habits.habit_of < 0] == -1).all()
    noted = rows_of(found.rows, "known", "cluster", "matched")
    assert noted["cluster"].to_pylist() == clusters.of_request.tolist()
    assert noted["matched"].to_pylist() == np.bincount(clusters.row, minlength=coded.rows).tolist()
    place = {phrase: code for code, phrase in enumerate(known)}
    shown: list[list[int]] = [[] for _ in range(coded.rows)]
    for row, phrase in zip(coded.phrase_row.tolist(), coded.phrase.tolist(), strict=True):
        if phrase in place:
            shown[row].append(place[phrase])
    assert noted["known"].to_pylist() == shown
    fresh = coded.fresh & (clusters.of_request >= 0)
    uses = Counter(zip(clusters.of_request[fresh].tolist(), coded.account[fresh].tolist(), strict=True))
    got = list(zip(found.cluster.tolist(), found.account.tolist(), found.prompts.tolist(), strict=True))
    assert got == sorted((*pair, count) for pair, count in uses.items())


def counted_requests(one: ClusterSlices, half: int) -> Counter[tuple[int, tuple[int, ...]]]:
    """How often each slice has a request of just these phrases."""
    own: dict[int, tuple[int, list[int]]] = {}
    columns = (one.member[half], one.request[half], one.phrase[half])
    for member, request, phrase in zip(*(column.tolist() for column in columns), strict=True):
        owner, phrases = own.setdefault(request, (member, []))
        assert owner == member
        phrases.append(phrase)
    return Counter((member, tuple(sorted(phrases))) for member, phrases in own.values())


def assert_same_slices(found: Passed, expected: Plain, label_of: plain.Ints, least_accounts: int, least: int) -> int:
    """Slices under some labels; gives their number."""
    coded, clusters = expected.coded, expected.clusters
    of_request = np.append(label_of, -1)[clusters.of_request]
    wanted = plain.cluster_slices(
        coded, clusters, of_request, expected.topics, least_accounts=least_accounts, least=least
    )
    accounts = found.log.accounts
    got = list(
        cluster_slices(found.rows, found.clusters, label_of, accounts, least_accounts=least_accounts, least=least)
    )
    assert [one.cluster for one in got] == list(wanted)
    for one, told in zip(got, wanted.values(), strict=True):
        assert one.account.tolist() == told.account
        assert np.array_equal(one.size, told.size)
        assert np.array_equal(one.phrases, told.phrases)
        assert np.array_equal(one.topics, told.topics)
        assert (counted_requests(one, 0), counted_requests(one, 1)) == told.requests
    return len(got)


def templated_of(found: Passed, label_of: plain.Ints, held: plain.Flags, least: int) -> Templated:
    uses = uses_of(found.clusters, label_of, found.log.accounts)
    large, width = uses.prompts >= least, found.clusters.count + 1
    return Templated(label_of, held, np.sort(uses.account[large] * width + uses.label[large] + 1), width)


def assert_same_bare(found: Passed, expected: Plain, label_of: plain.Ints, held: plain.Flags, least: int) -> int:
    """Bare slices of what is no template; gives their number."""
    of_request = np.append(label_of, -1)[expected.clusters.of_request]
    searched = set(np.flatnonzero(held).tolist())
    strays = plain.without_strays(expected.coded, of_request, searched, least)
    wanted = plain.bare_slices(expected.sketches, expected.coded, strays, expected.topics)
    got = bare_slices(found.rows, templated_of(found, label_of, held, least))
    names = [got.names[code] if code >= 0 else "" for code in got.stack.tolist()]
    assert list(zip(got.account.tolist(), got.manner.tolist(), names, strict=True)) == sorted(wanted)
    assert list(got.names) == sorted(set(names) - {""})
    for number, key in enumerate(sorted(wanted)):
        own = wanted[key]
        told = [row for row in own if expected.coded.fresh[row] and expected.topics[row] >= 0]
        assert got.size[number] == len(told)
        assert got.days[number] == plain.days_of(expected.sketches, told)
        counts = np.zeros((2, TOPICS), np.int64)
        np.add.at(counts, (expected.coded.half[told], expected.topics[told]), 1)
        assert np.array_equal(got.topics[:, number], counts)
    return len(wanted)


def assert_same(sketches: pa.Table, parts: int, order: int | None) -> tuple[int, int, int]:
    """All steps on one log; gives the numbers of clusters, slices under labels, and bare slices."""
    found, expected = passed(sketches, parts, order), plainly(sketches)
    assert_same_notes(found, expected)
    known = assert_same_habits(found.habits, expected)
    assert_same_clusters(found.clusters, found.habits, known, expected)
    assert rows_of(found.rows, "topic")["topic"].to_pylist() == expected.topics.tolist()
    count = expected.clusters.count
    own, joined = np.arange(count), np.where(np.arange(count) == 1, 0, np.arange(count))
    held = np.arange(count) % 2 == 0
    sliced = assert_same_slices(found, expected, own, 3, 4)
    assert_same_slices(found, expected, np.where(joined == 0, 0, -1), 2, 5)
    bare = assert_same_bare(found, expected, joined, held, 9)
    return count, sliced, bare + assert_same_bare(found, expected, own, ~held, 2)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("seed", range(3))
def test_passes_give_what_one_table_gives(seed: int, parts: int) -> None:
    clusters, slices, bare = assert_same(random_log(seed), parts, seed)
    assert clusters > 0
    assert slices > 0
    assert bare > 0


@steady
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.sampled_from(PARTS),
    st.integers(1, 30),
    st.sampled_from([0.5, 6.0, 40.0]),
)
def test_any_log_in_any_order_and_partitions(seed: int, order: int, parts: int, accounts: int, load: float) -> None:
    assert_same(random_log(seed, accounts, load), parts, order)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_linked_does_not_depend_on_partitions_or_order(seed: int) -> None:
    sketches = random_log(seed + 10, 60, 40.0)
    expected = link_slices(parted(sketches, 1), Config(), Silent())
    for parts in PARTS:
        found = link_slices(parted(sketches, parts, seed), Config(), Silent())
        assert found.links.equals(expected.links)
        assert found.totals.equals(expected.totals)
        assert found.traffic.equals(expected.traffic)
        assert found.sliced.equals(expected.sliced)


def test_traffic_of_a_log_that_is_small_enough_is_all_of_it() -> None:
    sketches = random_log(21, 30, 40.0)
    linked = link_slices(parted(sketches, 2, 5), Config(seed=SEED), Silent())
    expected = plainly(sketches)
    assert TRAFFIC.check(linked.traffic).to_pylist() == sketches.select(TRAFFIC.names).to_pylist()
    for name in ("fold", "first_occurrence", "topic"):
        wanted = getattr(expected.coded, name, expected.topics).tolist()
        assert SLICED.check(linked.sliced)[name].to_pylist() == wanted
    totals = TOTALS.check(linked.totals)
    assert totals["account_id"].to_pylist() == expected.coded.account_ids
    assert totals["background"].to_pylist() == [True] * len(expected.coded.account_ids)


@pytest.mark.parametrize("parts", PARTS)
def test_a_log_larger_than_the_sample_keeps_the_public_and_who_is_linked(parts: int) -> None:
    """Requests of others are left out of the traffic, and of them alone; what is kept is cut as in the whole log."""
    rng = np.random.default_rng(4)
    sketches = random_log(33, 1_200, 12.0)
    whole = link_slices(parted(sketches, 1), Config(), Silent())
    few = link_slices(parted(sketches, parts, int(rng.integers(99))), Config(link={"public_accounts": 1_000}), Silent())
    assert few.links.equals(whole.links)
    public = few.totals.filter(few.totals["background"])["account_id"]
    assert len(public) == 1_000
    kept = set(few.traffic["account_id"].to_pylist())
    assert kept >= {*public.to_pylist(), *few.links.filter(few.links["member"])["account_id"].to_pylist()}
    assert len(kept) < 1_200
    inside = pc.is_in(whole.traffic["account_id"], pa.array(sorted(kept)))
    assert few.traffic.equals(whole.traffic.filter(inside))
    assert few.sliced.equals(whole.sliced.filter(inside))
    for name in ("account_id", "requests", "output_tokens", "first_seen", "last_seen"):
        assert few.totals[name].equals(whole.totals[name])
