"""From sketches to slices: folds, recurring phrases, content clusters, slices, topics."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pytest
from drawn_sketches import Prompt, parted, rows_of, sketches_of
from plain_link import code_sketches, known_phrases

from stillhunt.base.arrays import Ints, ranges
from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset, LocalDataset
from stillhunt.base.progress import Silent
from stillhunt.base.schema import LINKS, SLICED, TOTALS, TRAFFIC
from stillhunt.link import link_slices
from stillhunt.link.groups.slices import cluster_slices
from stillhunt.link.requests.index_requests import IndexedLog, index_requests, keyed_bit
from stillhunt.link.templates.clusters import Clusters, content_clusters
from stillhunt.link.templates.recurring_phrases import SharedPhrases, find_shared_phrases
from stillhunt.link.topics import topics as topics_module
from stillhunt.link.topics.topic_word_kernels import word_keys
from stillhunt.link.topics.topics import NO_TOPIC, request_topics, template_words, without_stock_sentences


def templated(accounts: int, prompts: int, phrases: list[int], first: int = 0) -> list[Prompt]:
    """Accounts that send one template again and again, around content that never repeats."""
    return [
        {"account_id": f"t{first + account:03d}", "phrases": [*phrases, 10_000 * (first + account + 1) + n]}
        for account in range(accounts)
        for n in range(prompts)
    ]


def topics_of(log: IndexedLog, clusters: Clusters, shared_phrases: SharedPhrases) -> Dataset:
    """The requests with their topics."""
    return request_topics(log, clusters, template_words(clusters, 4), worded=shared_phrases.worded, seed=0)[0]


def strangers(accounts: int, prompts: int) -> list[Prompt]:
    """Accounts whose phrases never recur."""
    return [
        {"account_id": f"s{account:03d}", "phrases": [10_000_000 + 1_000 * account + 10 * n + k for k in range(3)]}
        for account in range(accounts)
        for n in range(prompts)
    ]


def test_folds_are_balanced_and_depend_on_the_seed() -> None:
    conversations = np.random.default_rng(2).integers(0, 2**63, 40_000).astype(np.uint64)
    first, second = keyed_bit(conversations, 0), keyed_bit(conversations, 1)
    # Four standard deviations of a fair coin.
    assert abs(first.mean() - 0.5) < 0.01
    assert abs((first == second).mean() - 0.5) < 0.01
    assert np.array_equal(first, keyed_bit(conversations.copy(), 0))
    assert abs(keyed_bit(np.arange(40_000, dtype=np.uint64), 0).mean() - 0.5) < 0.01


def test_a_conversation_stays_in_one_fold() -> None:
    prompts = [{"account_id": f"a{n % 7}", "conversation": 100 + n % 50} for n in range(1_000)]
    noted = rows_of(index_requests(parted(sketches_of(prompts), 3), seed=3).rows, "conversation", "fold")
    folds: dict[int, set[int]] = {c: set() for c in range(100, 150)}
    for conversation, fold in zip(noted["conversation"].to_pylist(), noted["fold"].to_pylist(), strict=True):
        folds[conversation].add(fold)
    assert {len(fold) for fold in folds.values()} == {1}
    assert set.union(*folds.values()) == {0, 1}


def test_a_repeated_prompt_occurs_first_once_and_an_empty_one_never() -> None:
    prompts = [
        {"account_id": "a", "prompt_hash": 7},
        {"account_id": "a", "prompt_hash": 7},
        {"account_id": "a", "prompt_hash": 0},
    ]
    prompts.append({"account_id": "b", "prompt_hash": 7})
    log = index_requests(LocalDataset.of(sketches_of(prompts)), seed=0)
    assert rows_of(log.rows, "first_occurrence")["first_occurrence"].to_pylist() == [1, 0, 0, 1]
    assert log.prompts.tolist() == [1, 1]


def test_the_same_words_with_other_numbers_are_another_prompt() -> None:
    """Where an account sends many forms of one text; a check with a date is one prompt.

    Sketches of earlier versions know no numbers: there the words alone count.
    """
    exercises = [{"account_id": "a", "prompt_hash": 7, "numbers": n % 21 + 1} for n in range(30)]
    checks = [{"account_id": "b", "prompt_hash": 7, "numbers": n % 20 + 1} for n in range(30)]
    unknown = [{"account_id": "c", "prompt_hash": 7, "numbers": None} for _ in range(30)]
    log = index_requests(LocalDataset.of(sketches_of(exercises + checks + unknown)), seed=0)
    assert log.prompts.tolist() == [21, 1, 1]
    first = rows_of(log.rows, "first_occurrence")["first_occurrence"].to_pylist()
    assert first[:30] == [1] * 21 + [0] * 9


def test_the_first_of_a_prompt_is_the_first_in_time_whatever_the_order_of_rows() -> None:
    """Two rows of one time and text differ only by their ids; the same one is always the first occurrence."""
    prompts: list[Prompt] = [
        {"account_id": "a", "prompt_hash": 7, "timestamp": t, "content_hash": 1} for t in (5, 3, 3, 9)
    ]
    prompts = [{**prompt, "source": f"s{number}"} for number, prompt in enumerate(prompts)]
    found = set()
    for order in range(12):
        noted = rows_of(
            index_requests(parted(sketches_of(prompts), 1, order), seed=0).rows, "source", "first_occurrence"
        )
        found.add(tuple(noted.sort_by("source")["first_occurrence"].to_pylist()))
    assert len(found) == 1
    assert found <= {(0, 1, 0, 0), (0, 0, 1, 0)}


def shared_phrases_of(prompts: list[Prompt]) -> set[int]:
    sketches = sketches_of(prompts)
    shared_phrases = find_shared_phrases(index_requests(parted(sketches, 2), seed=0))
    known = known_phrases(code_sketches(sketches, seed=0))
    return {phrase for phrase, shared in zip(known, shared_phrases.shared_of.tolist(), strict=True) if shared >= 0}


def test_phrases_that_recur_in_several_accounts_are_recurring_phrases() -> None:
    background = strangers(60, 10)
    assert shared_phrases_of(background) == set()
    assert shared_phrases_of([*background, *templated(3, 10, [1, 2, 3])]) == {1, 2, 3}
    assert shared_phrases_of([*background, *templated(2, 10, [1, 2, 3])]) == set()
    assert shared_phrases_of([*background, *templated(3, 2, [1, 2, 3])]) == set()


def test_replayed_prompts_make_no_recurring_phrase() -> None:
    """Benchmarks and retries send one text many times: that is one prompt."""
    replayed = [{**prompt, "prompt_hash": 5} for prompt in templated(6, 10, [1, 2, 3])]
    assert shared_phrases_of([*strangers(60, 10), *replayed]) == set()


def test_what_everybody_says_is_no_recurring_phrase() -> None:
    background = [
        {**prompt, "phrases": [*prompt["phrases"], 1]} if number % 10 < 4 else prompt
        for number, prompt in enumerate(strangers(90, 10))
    ]
    assert shared_phrases_of(background) == set()
    few = [prompt for prompt in background if prompt["account_id"] < "s006"]
    assert shared_phrases_of([*few, *strangers(90, 10)[60:]]) == {1}, (
        "the same phrase is a recurring phrase where six accounts say it"
    )


def test_a_template_is_found_even_where_most_traffic_uses_it() -> None:
    """The bar is set by those who do not lean on a phrase, so a campaign cannot raise it against itself."""
    assert shared_phrases_of([*strangers(20, 10), *templated(60, 10, [1, 2, 3])]) == {1, 2, 3}


def test_system_prompts_count_as_phrases() -> None:
    prompts = [{**p, "phrases": p["phrases"][3:], "system_phrases": [1, 2, 3]} for p in templated(6, 10, [1, 2, 3])]
    assert shared_phrases_of([*strangers(60, 10), *prompts]) == {1, 2, 3}


def test_slices_hold_one_template_each() -> None:
    prompts = [*strangers(60, 10), *templated(8, 12, [1, 2, 3]), *templated(7, 12, [4, 5, 6], first=20)]
    both = [{**p, "account_id": "t000"} for p in templated(1, 12, [4, 5, 6], first=40)]
    log = index_requests(parted(sketches_of([*prompts, *both]), 4), seed=0)
    shared_phrases = find_shared_phrases(log)
    clusters = content_clusters(shared_phrases, log.accounts)
    assert clusters.count == 2
    rows, own = topics_of(log, clusters, shared_phrases), np.arange(2)
    slices = list(cluster_slices(rows, clusters, own, log.accounts, least_accounts=5, least=4))
    names = [[log.account_ids[a].as_py() for a in one.account] for one in slices]
    assert names == [[f"t{n:03d}" for n in range(8)], ["t000", *(f"t{n:03d}" for n in range(20, 27))]]
    for one in slices:
        assert one.size.sum(axis=0).tolist() == [12] * 8
        assert one.phrases.sum(axis=0).tolist() == [[12, 12, 12]] * 8
        assert not one.topics.any()
        for fold in (0, 1):
            counted = np.zeros_like(one.phrases[fold])
            np.add.at(counted, (one.member[fold], one.phrase[fold]), 1)
            assert np.array_equal(counted, one.phrases[fold])
    for least_accounts, least in ((9, 4), (5, 13)):
        few = cluster_slices(rows, clusters, own, log.accounts, least_accounts=least_accounts, least=least)
        assert list(few) == []


def test_a_template_of_fewer_accounts_than_a_group_has_counts_as_their_own_wording() -> None:
    prompts = [*strangers(60, 10), *templated(4, 12, [1, 2, 3]), *templated(5, 12, [4, 5, 6], first=20)]
    log = index_requests(parted(sketches_of(prompts), 4), seed=0)
    clusters = content_clusters(find_shared_phrases(log), log.accounts)
    assert np.bincount(clusters.cluster).tolist() == [4, 5]
    kept = clusters.shared_by(5)
    assert kept.cluster.tolist() == [1] * 5
    found = rows_of(kept.rows, "account", "cluster", "matched")
    inside = found.filter(pc.equal(found["cluster"], 1))
    assert sorted(set(inside["account"].to_pylist())) == kept.account.tolist()
    assert inside.num_rows == 5 * 12
    outside = found.filter(pc.less(found["cluster"], 1))
    assert (set(outside["cluster"].to_pylist()), set(outside["matched"].to_pylist())) == ({-1}, {0})


def test_a_template_that_is_a_sentence_of_what_its_accounts_word_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each kind: accounts, how many word more than its template, words of the template and of more, and templates.

    Where a kind has three templates, these are alike in their words, and a third of the requests has each. No wording
    is compared with those: of accounts with many templates this would take much memory.
    """
    compared: list[Ints] = []

    def compare(*edges: Ints) -> Ints:
        compared.append(ranges(*edges))
        return compared[-1]

    monkeypatch.setattr(topics_module, "ranges", compare)
    kinds = [(6, 6, 8, 9, 1), (6, 0, 8, 0, 1), (6, 6, 15, 2, 1), (6, 6, 3, 1, 1), (10, 5, 8, 9, 1), (5, 4, 8, 9, 1)]
    kinds += [(6, 6, 3, 9, 1), (6, 6, 8, 9, 3)]
    prompts, words = strangers(60, 10), iter(range(10_000, 60_000))
    for kind, (accounts, wording, size, more, templates) in enumerate(kinds):
        for account in range(accounts):
            name, own = 10 * kind + account, [next(words) for _ in range(more)] if account < wording else []
            for n in range(21):
                first = 10 * kind + 3 * (n % templates)
                prompts.append(
                    {
                        "account_id": f"w{name:03d}",
                        "phrases": [
                            *range(first, first + 3),
                            *([1_000 + name] if own else []),
                            10_000 * (name + 1) + n,
                        ],
                        "topic_words": sorted([*range(20 * kind, 20 * kind + size), *own, next(words)]),
                    }
                )
    log = index_requests(parted(sketches_of(prompts), 3), seed=0)
    shared = find_shared_phrases(log)
    clusters = content_clusters(shared, log.accounts)
    assert np.bincount(clusters.cluster).tolist() == [6, 6, 6, 6, 10, 5, 6, 6, 6, 6]
    kept = without_stock_sentences(clusters, template_words(clusters, 4), worded=shared.worded, least_accounts=5)
    assert np.unique(kept.cluster).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert {-1, *range(1, 10)} == set(rows_of(kept.rows, "cluster")["cluster"].to_pylist()) == {*kept.of_known}
    assert np.bincount(compared[0]).max() == 1


@pytest.mark.parametrize("wording", [0, 9])
def test_topics_follow_the_words(wording: int) -> None:
    """Eighty topics with words of their own: requests of one topic share a topic, others have another.

    So it is if each account has words of its own in all of its requests, as one with a prompt of its own has.
    """
    rng = np.random.default_rng(6)
    subject = rng.integers(0, 80, 2_400)
    prompts = [
        {
            "account_id": f"a{n % 40:02d}",
            "phrases": [100 + n % 40] if wording else [],
            "topic_words": sorted(
                {*(s * 12 + rng.integers(0, 12, 8)).tolist(), *range(9_000 + n % 40 * 9, 9_000 + n % 40 * 9 + wording)}
            ),
        }
        for n, s in enumerate(subject)
    ]
    prompts.append({"account_id": "a00", "topic_words": []})
    table = sketches_of(prompts)
    log = index_requests(parted(table, 3), seed=0)
    shared_phrases = find_shared_phrases(log)
    clusters = content_clusters(shared_phrases, log.accounts)
    topics = rows_of(topics_of(log, clusters, shared_phrases), "topic")["topic"].to_numpy()
    truth = subject[[int(i[1:]) for i in table["request_id"].to_pylist() if i != "r002400"]]
    known = np.array([i != "r002400" for i in table["request_id"].to_pylist()])
    assert (topics[~known] == NO_TOPIC).all()
    counts = np.zeros((80, 64), np.int64)
    np.add.at(counts, (truth[topics[known] >= 0], topics[known][topics[known] >= 0]), 1)
    assert counts.sum() > 2_300
    assert counts.max(axis=1).sum() / counts.sum() > 0.9, "a topic falls into one topic"
    assert (counts.max(axis=0) > 0).sum() > 40, "topics fall into different topics"
    again = rows_of(topics_of(log, clusters, shared_phrases), "topic")["topic"].to_numpy()
    assert np.array_equal(topics, again)


def test_a_wording_in_part_of_the_requests_shows_no_topic_there() -> None:
    """Four of forty accounts word six of ten requests; no word of it stands in most of all that they ask."""
    rng = np.random.default_rng(8)
    subject, worded = rng.integers(0, 40, 2_400), np.arange(2_400) // 40 % 5 < 3
    prompts = []
    for n, s in enumerate(subject.tolist()):
        worded[n] &= n % 40 < 4
        own = 9_000 + n % 40 * 20 + np.flatnonzero(rng.random(20) < 0.7)
        words = {*(s * 12 + rng.integers(0, 12, 8)).tolist(), *(own.tolist() if worded[n] else [])}
        phrases = [100 + n % 40] if worded[n] else []
        prompts.append({"account_id": f"a{n % 40:02d}", "phrases": phrases, "topic_words": sorted(words)})
    table = sketches_of(prompts)
    log = index_requests(parted(table, 3), seed=0)
    shared_phrases = find_shared_phrases(log)
    assert shared_phrases.worded.tolist() == [True] * 4 + [False] * 36
    found = rows_of(topics_of(log, content_clusters(shared_phrases, log.accounts), shared_phrases), "topic", "unworded")
    number = [int(i[1:]) for i in table["request_id"].to_pylist()]
    assert found["unworded"].to_pylist() == (~worded & (np.arange(2_400) % 40 < 4))[number].astype(int).tolist()
    counts = np.zeros((40, 64), np.int64)
    topics, truth, told = found["topic"].to_numpy(), subject[number], worded[number]
    known = ~told & (topics >= 0)
    np.add.at(counts, (truth[known], topics[known]), 1)
    assert np.mean(topics[told] == counts.argmax(axis=1)[truth[told]]) > 0.75


def keys_of(lists: list[list[int]]) -> np.ndarray:
    """Keys by which the sample of topics is drawn, with seed 0."""
    begins = np.cumsum([0, *(len(one) for one in lists)]).astype(np.int32)
    keys = np.empty(len(lists), np.uint64)
    word_keys(begins, np.array([word for one in lists for word in one], np.uint16), np.uint64(1), keys)
    return keys


def test_requests_of_the_same_words_move_no_topic_by_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same words other ones are wrapping in either cluster, and the sample ends among such requests."""
    rng = np.random.default_rng(8)
    prompts: list[Prompt] = []
    for account in range(16):
        kind = {"account_id": f"a{account:02d}", "phrases": [10 * (account % 2) + k for k in range(3)]}
        for _ in range(30):
            words = {int(w) for w in rng.integers(0, 40) * 12 + rng.integers(0, 12, 6)}
            prompts.append({**kind, "topic_words": sorted({*words, 900 + account % 2})})
    for n in range(9_000):
        words = {int(w) for w in rng.choice(480, 6)}
        prompts.append({"account_id": f"b{n % 60:02d}", "topic_words": sorted(words)})
    others = np.sort(keys_of([prompt["topic_words"] for prompt in prompts]))
    tied = next(w for w in ([n, n + 99, n + 200, 900, 901] for n in range(99)) if 300 < rank(others, w) < 1_500)
    monkeypatch.setattr(topics_module, "_SAMPLE", rank(others, tied) + 40)
    for n in range(80):
        kind = {"account_id": f"a{n % 2:02d}", "phrases": [10 * (n % 2) + k for k in range(3)]}
        prompts.append({**kind, "topic_words": tied})
    sketches = sketches_of(prompts)
    found = []
    for order in range(3):
        log = index_requests(parted(sketches, 1, order), seed=0)
        shared_phrases = find_shared_phrases(log)
        clusters = content_clusters(shared_phrases, log.accounts)
        assert clusters.count == 2
        found.append(rows_of(topics_of(log, clusters, shared_phrases), "topic")["topic"].to_pylist())
    assert found[0] == found[1] == found[2]


def rank(keys: np.ndarray, words: list[int]) -> int:
    return int(np.searchsorted(keys, keys_of([words])[0]))


@pytest.mark.parametrize("prompts", [[], [{"account_id": "a"}], strangers(2, 2)], ids=["no rows", "one row", "few"])
def test_almost_empty_logs_link_nothing(prompts: list[Prompt]) -> None:
    for parts in (1, 3):
        linked = link_slices(parted(sketches_of(prompts), parts), Config(), Silent())
        assert SLICED.check(linked.sliced).num_rows == TRAFFIC.check(linked.traffic).num_rows == len(prompts)
        assert LINKS.check(linked.links).num_rows == 0
        assert set(linked.sliced["cluster"].to_pylist()) <= {-1}
        assert TOTALS.check(linked.totals).num_rows == len({prompt["account_id"] for prompt in prompts})
