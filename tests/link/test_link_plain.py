"""Each pass over account partitions gives what one table in memory gives, in any partitions and any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import plain_link as plain
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from drawn_logs import random_log
from drawn_sketches import parted, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.progress import Silent
from stillhunt.base.schema import SLICED, TOTALS, TRAFFIC
from stillhunt.link import Linked, link_slices
from stillhunt.link.groups.slices import ClusterSlices, cluster_slices
from stillhunt.link.requests.index_requests import IndexedLog, index_requests
from stillhunt.link.templates.clusters import Clusters, content_clusters
from stillhunt.link.templates.recurring_phrases import SharedPhrases, find_shared_phrases
from stillhunt.link.topics.topics import TOPICS, request_topics, template_words
from stillhunt.link.workload.untemplated_slices import untemplated_slices
from thoroughness import examples

SEED = 3
PARTS = (1, 2, 7)
steady = settings(derandomize=True, deadline=None, max_examples=examples(5))


@dataclass(frozen=True)
class Passed:
    """What the passes give."""

    log: IndexedLog
    shared_phrases: SharedPhrases
    clusters: Clusters
    rows: Dataset


@dataclass(frozen=True)
class Plain:
    """What the plain steps give."""

    sketches: pa.Table
    coded: plain.Coded
    shared_phrases: plain.SharedPhrases
    clusters: plain.Clusters
    topics: plain.Ints


def passed(sketches: pa.Table, parts: int, order: int | None) -> Passed:
    log = index_requests(parted(sketches, parts, order), seed=SEED)
    shared_phrases = find_shared_phrases(log)
    clusters = content_clusters(shared_phrases, log.accounts)
    return Passed(
        log,
        shared_phrases,
        clusters,
        request_topics(log, clusters, template_words(clusters, 4), worded=shared_phrases.worded, seed=SEED)[0],
    )


def plainly(sketches: pa.Table) -> Plain:
    coded = plain.code_sketches(sketches, seed=SEED)
    shared_phrases = plain.find_shared_phrases(coded)
    clusters = plain.content_clusters(coded, shared_phrases)
    return Plain(sketches, coded, shared_phrases, clusters, plain.request_topics(coded, clusters, seed=SEED))


def assert_same_notes(found: Passed, expected: Plain) -> None:
    """The first pass: codes, folds, first prompts, single questions, and what is counted by account."""
    coded = expected.coded
    noted = rows_of(found.rows, "account", "fold", "first_occurrence", "single_turn")
    assert noted["account"].to_pylist() == coded.account.tolist()
    assert noted["fold"].to_pylist() == coded.fold.tolist()
    assert noted["first_occurrence"].to_pylist() == coded.first_occurrence.astype(int).tolist()
    assert noted["single_turn"].to_pylist() == coded.single_turn.astype(int).tolist()
    assert found.log.account_ids.to_pylist() == coded.account_ids
    assert found.log.requests.tolist() == np.bincount(coded.account).tolist()
    assert (
        found.log.prompts.tolist()
        == np.bincount(coded.account[coded.first_occurrence], minlength=found.log.accounts).tolist()
    )
    time = expected.sketches["timestamp"].cast(pa.int64()).to_numpy()
    tokens = pc.fill_null(expected.sketches["output_tokens"], 0).to_numpy()
    for code in range(found.log.accounts):
        own = coded.account == code
        assert (found.log.first[code], found.log.last[code]) == (time[own].min(), time[own].max())
        assert found.log.output_tokens[code] == tokens[own].sum()


def assert_same_recurring_phrases(found: SharedPhrases, expected: Plain) -> list[int]:
    """Recurring phrases by account and hash; gives the hashes of the known phrases."""
    known = plain.known_phrases(expected.coded)
    assert len(found.shared_of) == len(known)
    names = [phrase for phrase, shared in zip(known, found.shared_of.tolist(), strict=True) if shared >= 0]
    assert names == expected.shared_phrases.phrases.tolist()
    assert found.shared_of[found.shared_of >= 0].tolist() == list(range(found.size))
    assert found.account.tolist() == expected.shared_phrases.account.tolist()
    assert found.phrase.tolist() == expected.shared_phrases.phrase.tolist()
    assert found.worded.tolist() == plain.worded(expected.coded).tolist()
    return known


def assert_same_clusters(found: Clusters, shared_phrases: SharedPhrases, known: list[int], expected: Plain) -> None:
    clusters, coded = expected.clusters, expected.coded
    assert found.count == clusters.count
    assert found.of_known[shared_phrases.shared_of >= 0].tolist() == clusters.of_phrase.tolist()
    assert (found.of_known[shared_phrases.shared_of < 0] == -1).all()
    noted = rows_of(found.rows, "known", "unworded", "cluster", "matched")
    assert noted["unworded"].to_pylist() == plain.unworded(coded).astype(int).tolist()
    assert noted["cluster"].to_pylist() == clusters.of_request.tolist()
    assert noted["matched"].to_pylist() == np.bincount(clusters.row, minlength=coded.rows).tolist()
    place = {phrase: code for code, phrase in enumerate(known)}
    shown: list[list[int]] = [[] for _ in range(coded.rows)]
    for row, phrase in zip(coded.phrase_row.tolist(), coded.phrase.tolist(), strict=True):
        if phrase in place:
            shown[row].append(place[phrase])
    assert noted["known"].to_pylist() == shown
    first_occurrence = coded.first_occurrence & (clusters.of_request >= 0)
    uses = Counter(
        zip(clusters.of_request[first_occurrence].tolist(), coded.account[first_occurrence].tolist(), strict=True)
    )
    got = list(zip(found.cluster.tolist(), found.account.tolist(), found.prompts.tolist(), strict=True))
    assert got == sorted((*pair, count) for pair, count in uses.items())


def counted_requests(one: ClusterSlices, fold: int) -> Counter[tuple[int, tuple[int, ...]]]:
    """How often each slice has a request of just these phrases."""
    own: dict[int, tuple[int, list[int]]] = {}
    columns = (one.member[fold], one.request[fold], one.phrase[fold])
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
    for one, counted in zip(got, wanted.values(), strict=True):
        assert one.account.tolist() == counted.account
        assert np.array_equal(one.size, counted.size)
        assert np.array_equal(one.phrases, counted.phrases)
        assert np.array_equal(one.topics, counted.topics)
        assert (counted_requests(one, 0), counted_requests(one, 1)) == counted.requests
    return len(got)


def assert_same_untemplated(found: Passed, expected: Plain, label_of: plain.Ints, held: plain.Flags) -> int:
    """Untemplated slices of what is no template; gives their number."""
    of_request = np.append(label_of, -1)[expected.clusters.of_request]
    of_request[~np.append(held, False)[of_request]] = -1
    wanted = plain.untemplated_slices(expected.sketches, expected.coded, of_request, expected.topics)
    got = untemplated_slices(found.rows, held[label_of])
    names = [got.names[code] if code >= 0 else "" for code in got.client.tolist()]
    assert list(zip(got.account.tolist(), got.request_style.tolist(), names, strict=True)) == sorted(wanted)
    assert list(got.names) == sorted(set(names) - {""})
    for number, key in enumerate(sorted(wanted)):
        own = wanted[key]
        counted = [row for row in own if expected.coded.first_occurrence[row] and expected.topics[row] >= 0]
        assert got.size[number] == len(counted)
        assert got.days[number] == plain.days_of(expected.sketches, counted)
        counts = np.zeros((2, TOPICS), np.int64)
        np.add.at(counts, (expected.coded.fold[counted], expected.topics[counted]), 1)
        assert np.array_equal(got.topics[:, number], counts)
    return len(wanted)


def assert_same(sketches: pa.Table, parts: int, order: int | None) -> tuple[int, int, int]:
    """All steps on one log; gives the numbers of clusters, slices under labels, and untemplated slices."""
    found, expected = passed(sketches, parts, order), plainly(sketches)
    assert_same_notes(found, expected)
    known = assert_same_recurring_phrases(found.shared_phrases, expected)
    assert_same_clusters(found.clusters, found.shared_phrases, known, expected)
    assert rows_of(found.rows, "topic")["topic"].to_pylist() == expected.topics.tolist()
    count = expected.clusters.count
    own, joined = np.arange(count), np.where(np.arange(count) == 1, 0, np.arange(count))
    held = np.arange(count) % 2 == 0
    sliced = assert_same_slices(found, expected, own, 3, 4)
    assert_same_slices(found, expected, np.where(joined == 0, 0, -1), 2, 5)
    untemplated = assert_same_untemplated(found, expected, joined, held)
    return count, sliced, untemplated + assert_same_untemplated(found, expected, own, ~held)


@pytest.mark.parametrize(
    ("seed", "parts"), [(place % 3, PARTS[(place + place // 3) % 3]) for place in range(examples(3, 9))]
)
def test_passes_give_what_one_table_gives(seed: int, parts: int) -> None:
    clusters, slices, untemplated = assert_same(random_log(seed), parts, seed)
    assert clusters > 0
    assert slices > 0
    assert untemplated > 0


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


@pytest.mark.parametrize("seed", range(examples(1, 2)))
def test_what_is_linked_does_not_depend_on_partitions_or_order(seed: int) -> None:
    sketches = random_log(seed + 10, 60, 40.0)
    expected = link_slices(parted(sketches, 1), Config(), Silent())
    for parts in PARTS:
        found = link_slices(parted(sketches, parts, seed), Config(), Silent())
        assert found.links.equals(expected.links)
        assert found.totals.equals(expected.totals)
        assert found.traffic.equals(expected.traffic)
        assert found.sliced.equals(expected.sliced)


def client_codes(traffic: pa.Table) -> list[int]:
    """Ranks of (user agent, TLS fingerprint), each by its first appearance, unknown ones first; -1 for neither."""
    seen: tuple[dict[str | None, int], dict[str | None, int]] = ({None: -1}, {None: -1})
    columns = traffic.select(["user_agent", "tls_fingerprint"]).to_pylist()
    pairs = [
        tuple(own.setdefault(text, len(own) - 1) for own, text in zip(seen, row.values(), strict=True))
        for row in columns
    ]
    rank = {pair: number for number, pair in enumerate(sorted(set(pairs)))}
    return [-1 if pair == (-1, -1) else rank[pair] for pair in pairs]


def test_traffic_of_a_log_that_is_small_enough_is_all_of_it() -> None:
    sketches = random_log(21, 30, 40.0)
    linked = link_slices(parted(sketches, 2, 5), Config(seed=SEED), Silent())
    expected = plainly(sketches)
    assert TRAFFIC.check(linked.traffic).to_pylist() == sketches.select(TRAFFIC.names).to_pylist()
    for name in ("fold", "first_occurrence", "topic"):
        wanted = getattr(expected.coded, name, expected.topics).tolist()
        assert SLICED.check(linked.sliced)[name].to_pylist() == wanted
    assert linked.sliced["request_style"].to_pylist() == [
        int(any(row[name] is not None for name in ("temperature", "top_p", "max_tokens")))
        for row in linked.traffic.to_pylist()
    ]
    assert linked.sliced["client_fingerprint"].to_pylist() == client_codes(linked.traffic)
    totals = TOTALS.check(linked.totals)
    assert totals["account_id"].to_pylist() == expected.coded.account_ids
    assert totals["background"].to_pylist() == [True] * len(expected.coded.account_ids)


@pytest.fixture(scope="module")
def large() -> tuple[pa.Table, Linked]:
    """A log of more accounts than the least sample has, and what is linked in the whole of it."""
    sketches = random_log(33, 1_200, 8.0)
    return sketches, link_slices(parted(sketches, 1), Config(), Silent())


@pytest.mark.parametrize("parts", [1, 7])
def test_a_log_larger_than_the_sample_keeps_the_background_sample_and_who_is_linked(
    large: tuple[pa.Table, Linked], parts: int
) -> None:
    """Requests of others are left out of the traffic, and of them alone; what is kept is cut as in the whole log."""
    rng = np.random.default_rng(4)
    sketches, complete = large
    few = link_slices(
        parted(sketches, parts, int(rng.integers(99))), Config(link={"background_accounts": 1_000}), Silent()
    )
    assert few.links.equals(complete.links)
    background_sample = few.totals.filter(few.totals["background"])["account_id"]
    assert len(background_sample) == 1_000
    kept = set(few.traffic["account_id"].to_pylist())
    assert kept >= {*background_sample.to_pylist(), *few.links.filter(few.links["member"])["account_id"].to_pylist()}
    assert len(kept) < 1_200
    inside = pc.is_in(complete.traffic["account_id"], pa.array(sorted(kept)))
    assert few.traffic.equals(complete.traffic.filter(inside))
    assert few.sliced.equals(complete.sliced.filter(inside))
    for name in ("account_id", "requests", "output_tokens", "first_seen", "last_seen"):
        assert few.totals[name].equals(complete.totals[name])
