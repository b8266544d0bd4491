"""From sketches to slices: halves, habits, content clusters, slices, topics."""

from __future__ import annotations

import numpy as np
import pytest
from told_sketches import Prompt, sketches_of

from stillhunt.base.config import Config
from stillhunt.base.progress import Silent
from stillhunt.base.schema import LINKS, SLICED
from stillhunt.link import link_slices
from stillhunt.link.clusters import content_clusters
from stillhunt.link.coding import code_sketches, keyed_bit
from stillhunt.link.phrases import MIN_ACCOUNTS, MIN_PROMPTS, shared_habits
from stillhunt.link.slices import cluster_slices
from stillhunt.link.topics import NO_TOPIC, request_topics


def templated(accounts: int, prompts: int, phrases: list[int], first: int = 0) -> list[Prompt]:
    """Accounts that send one template again and again, around content that never repeats."""
    return [
        {"account_id": f"t{first + account:03d}", "phrases": [*phrases, 10_000 * (first + account + 1) + n]}
        for account in range(accounts)
        for n in range(prompts)
    ]


def strangers(accounts: int, prompts: int) -> list[Prompt]:
    """Accounts whose phrases never recur."""
    return [
        {"account_id": f"s{account:03d}", "phrases": [10_000_000 + 1_000 * account + 10 * n + k for k in range(3)]}
        for account in range(accounts)
        for n in range(prompts)
    ]


def test_halves_are_balanced_and_depend_on_the_seed() -> None:
    conversations = np.random.default_rng(2).integers(0, 2**63, 40_000).astype(np.uint64)
    first, second = keyed_bit(conversations, 0), keyed_bit(conversations, 1)
    # Four standard deviations of a fair coin.
    assert abs(first.mean() - 0.5) < 0.01
    assert abs((first == second).mean() - 0.5) < 0.01
    assert np.array_equal(first, keyed_bit(conversations.copy(), 0))
    assert abs(keyed_bit(np.arange(40_000, dtype=np.uint64), 0).mean() - 0.5) < 0.01


def test_a_conversation_stays_in_one_half() -> None:
    prompts = [{"account_id": f"a{n % 7}", "conversation": 100 + n % 50} for n in range(1_000)]
    coded = code_sketches(sketches_of(prompts), seed=3)
    halves = {c: set() for c in range(100, 150)}
    for conversation, half in zip(sketches_of(prompts)["conversation"].to_pylist(), coded.half.tolist(), strict=True):
        halves[conversation].add(half)
    assert {len(half) for half in halves.values()} == {1}
    assert set.union(*halves.values()) == {0, 1}


def test_a_repeated_prompt_is_fresh_once_and_an_empty_one_never() -> None:
    prompts = [{"account_id": "a", "whole": 7}, {"account_id": "a", "whole": 7}, {"account_id": "a", "whole": 0}]
    prompts.append({"account_id": "b", "whole": 7})
    assert code_sketches(sketches_of(prompts), seed=0).fresh.tolist() == [True, False, False, True]


def habits_of(prompts: list[Prompt]) -> set[int]:
    return set(shared_habits(code_sketches(sketches_of(prompts), seed=0)).phrases.tolist())


def test_phrases_that_recur_in_several_accounts_are_habits() -> None:
    crowd = strangers(60, 10)
    assert habits_of(crowd) == set()
    assert habits_of([*crowd, *templated(MIN_ACCOUNTS, 10, [1, 2, 3])]) == {1, 2, 3}
    assert habits_of([*crowd, *templated(MIN_ACCOUNTS - 1, 10, [1, 2, 3])]) == set()
    assert habits_of([*crowd, *templated(MIN_ACCOUNTS, MIN_PROMPTS - 1, [1, 2, 3])]) == set()


def test_replayed_prompts_make_no_habit() -> None:
    """Benchmarks and retries send one text many times: that is one prompt."""
    replayed = [{**prompt, "whole": 5} for prompt in templated(6, 10, [1, 2, 3])]
    assert habits_of([*strangers(60, 10), *replayed]) == set()


def test_what_everybody_says_is_no_habit() -> None:
    crowd = [
        {**prompt, "phrases": [*prompt["phrases"], 1]} if number % 10 < 4 else prompt
        for number, prompt in enumerate(strangers(90, 10))
    ]
    assert habits_of(crowd) == set()
    few = [prompt for prompt in crowd if prompt["account_id"] < "s006"]
    assert habits_of([*few, *strangers(90, 10)[60:]]) == {1}, "the same phrase is a habit where six accounts say it"


def test_a_template_is_found_even_where_most_traffic_uses_it() -> None:
    """The bar is set by those who do not lean on a phrase, so a campaign cannot raise it against itself."""
    assert habits_of([*strangers(20, 10), *templated(60, 10, [1, 2, 3])]) == {1, 2, 3}


def test_system_prompts_count_as_phrases() -> None:
    prompts = [{**p, "phrases": p["phrases"][3:], "system_phrases": [1, 2, 3]} for p in templated(6, 10, [1, 2, 3])]
    assert habits_of([*strangers(60, 10), *prompts]) == {1, 2, 3}


def test_slices_hold_one_template_each() -> None:
    prompts = [*strangers(60, 10), *templated(8, 12, [1, 2, 3]), *templated(7, 12, [4, 5, 6], first=20)]
    both = [{**p, "account_id": "t000"} for p in templated(1, 12, [4, 5, 6], first=40)]
    coded = code_sketches(sketches_of([*prompts, *both]), seed=0)
    clusters = content_clusters(coded, shared_habits(coded))
    assert clusters.count == 2
    topics = np.full(coded.rows, NO_TOPIC, np.int64)
    slices = cluster_slices(coded, clusters, topics, least_accounts=5, least=4)
    names = [[coded.account_ids[a] for a in one.account] for one in slices]
    assert names == [[f"t{n:03d}" for n in range(8)], ["t000", *(f"t{n:03d}" for n in range(20, 27))]]
    for one in slices:
        assert one.size.sum(axis=0).tolist() == [12] * 8
        assert one.phrases.sum(axis=0).tolist() == [[12, 12, 12]] * 8
        assert not one.topics.any()
        for half in (0, 1):
            counted = np.zeros_like(one.phrases[half])
            np.add.at(counted, (one.member[half], one.phrase[half]), 1)
            assert np.array_equal(counted, one.phrases[half])
    assert cluster_slices(coded, clusters, topics, least_accounts=9, least=4) == []
    assert cluster_slices(coded, clusters, topics, least_accounts=5, least=13) == []


def test_topics_follow_the_words() -> None:
    """Eighty subjects with words of their own: requests of one subject share a topic, others have another."""
    rng = np.random.default_rng(6)
    subject = rng.integers(0, 80, 2_400)
    prompts = [
        {"account_id": f"a{n % 40:02d}", "topic_words": sorted({int(w) for w in s * 12 + rng.integers(0, 12, 8)})}
        for n, s in enumerate(subject)
    ]
    prompts.append({"account_id": "a00", "topic_words": []})
    coded = code_sketches(sketches_of(prompts), seed=0)
    clusters = content_clusters(coded, shared_habits(coded))
    topics = request_topics(coded, clusters, seed=0)
    table = sketches_of(prompts)
    truth = subject[[int(i[1:]) for i in table["request_id"].to_pylist() if i != "r002400"]]
    known = np.array([i != "r002400" for i in table["request_id"].to_pylist()])
    assert (topics[~known] == NO_TOPIC).all()
    counts = np.zeros((80, 64), np.int64)
    np.add.at(counts, (truth[topics[known] >= 0], topics[known][topics[known] >= 0]), 1)
    assert counts.sum() > 2_300
    assert counts.max(axis=1).sum() / counts.sum() > 0.9, "a subject falls into one topic"
    assert (counts.max(axis=0) > 0).sum() > 40, "subjects fall into different topics"
    assert np.array_equal(topics, request_topics(coded, clusters, seed=0))


@pytest.mark.parametrize("prompts", [[], [{"account_id": "a"}], strangers(2, 2)], ids=["no rows", "one row", "few"])
def test_almost_empty_logs_link_nothing(prompts: list[Prompt]) -> None:
    sliced, links = link_slices(sketches_of(prompts), Config(), Silent())
    assert SLICED.check(sliced).num_rows == len(prompts)
    assert LINKS.check(links).num_rows == 0
    assert set(sliced["cluster"].to_pylist()) <= {-1}
