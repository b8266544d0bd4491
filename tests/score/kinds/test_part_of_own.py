"""Groups that are alike in the mixture of topics of all customers: no kind that looks for one queue pays for that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import finding_of, group_of, log_of_rows, untemplated_group, with_accounts, with_requests

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.catalogue import KIND_OF
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.held_out import (
    distance_from_background,
    held_out_homogeneity,
    part_earned,
    part_of_own,
    usual_here,
)
from stillhunt.score.evidence.kinds import similar_workload
from stillhunt.score.stats.homogeneity import index_bits
from stillhunt.score.stats.honest_reference import TOPIC_REFERENCE

MEMBERS, OTHERS, TOPIC_COUNT = 60, 150, 12
ACCOUNTS = MEMBERS + OTHERS


def log_of(own: float, *, alike: bool = True, shuffled: bool = False, follow_ups: bool = False) -> ScoredLog:
    """Members of even volumes with rare words from one pool, among customers of uneven volumes with words of theirs.

    Args:
        own: share of the members' requests that come from a queue of few topics; the rest are drawn from all that
            the customers send, as the requests of an aggregator's accounts are.
        alike: the members share the mixture and the pool; else each has topics and words of its own.
        shuffled: the rows are given in another order.
        follow_ups: each request of the members is followed by one about topic 0 in the same conversation.
    """
    rng = np.random.default_rng(1)
    loads = np.rint(rng.lognormal(np.log(20.0), 1.0, 4 * OTHERS)).astype(int)
    volumes = np.concatenate([rng.poisson(60, MEMBERS), loads[loads >= similar_workload.MIN_QUESTIONS][:OTHERS]])
    account = np.repeat(np.arange(ACCOUNTS), volumes)
    inside = account < MEMBERS
    mixtures = rng.dirichlet(np.full(TOPIC_COUNT, 0.5), ACCOUNTS)
    topic = (rng.random(len(account))[:, None] > mixtures.cumsum(axis=1)[account]).sum(axis=1).clip(max=TOPIC_COUNT - 1)
    if alike:
        queue = rng.choice(TOPIC_COUNT, len(account), p=rng.dirichlet(np.full(TOPIC_COUNT, 0.3)))
        drawn = np.where(rng.random(len(account)) < own, queue, rng.choice(topic[~inside], len(account)))
        topic = np.where(inside, drawn, topic)
    pooled = inside & alike
    first = np.where(pooled, 0, 3_000 + 200 * account)
    words = first[:, None] + rng.integers(0, np.where(pooled, 1_440, 200)[:, None], (len(account), 6))
    conversation = np.arange(len(account))
    if follow_ups:
        more = np.flatnonzero(inside)
        account, conversation = np.r_[account, account[more]], np.r_[conversation, conversation[more]]
        topic, words = np.r_[topic, topic[more] * 0], np.r_[words, words[more]]
    # What the tests below need of a request is read off its prompt.
    prompt = topic + TOPIC_COUNT * (2 * np.arange(len(account)) + rng.integers(0, 2, len(account)))
    order = rng.permutation(len(account)) if shuffled else np.arange(len(account))
    log = log_of_rows(
        account[order],
        order * 1_000_000,
        prompt_hash=prompt[order],
        conversation=conversation[order],
        words=np.full(len(account), 30),
        topic_words=[sorted({*words[row].tolist()}) for row in order.tolist()],
        temperature=np.full(len(account), 0.7),
    )
    sent = log.requests.table["prompt_hash"].to_numpy().astype(np.int64)
    return with_requests(log, topic=sent % TOPIC_COUNT, fold=sent // TOPIC_COUNT % 2)


AGGREGATORS, BETWEEN, QUEUE = log_of(0.0), log_of(0.57), log_of(1.0)


def found_in(log: ScoredLog, kind: str) -> Finding:
    group = group_of(log, MEMBERS)
    if kind == "similar_workload":
        log = with_requests(log, untemplated=np.ones(len(log.requests.account), bool))
        group = untemplated_group(log, np.arange(MEMBERS))
    found = finding_of(KIND_OF[kind], log, group)
    assert found is not None
    return found


def part(log: ScoredLog) -> float:
    return part_of_own(CandidateCase.of(log, group_of(log, MEMBERS), 4))


@pytest.mark.parametrize("kind", ["topic_mixture", "own_words", "even_volume", "similar_workload"])
def test_aggregators_earn_nothing_and_a_queue_of_its_own_earns_in_full(kind: str) -> None:
    """The same even volumes and the same pool of rare words; the mixture alone differs."""
    assert (part(AGGREGATORS), part(QUEUE)) == (0.0, 1.0)
    assert found_in(AGGREGATORS, kind).bits == 0.0
    assert found_in(QUEUE, kind).bits > 1.0


def unscaled_bits(log: ScoredLog) -> float:
    group = group_of(log, MEMBERS)
    held_out = held_out_homogeneity(log, group, log.requests.topic[group.rows])
    return index_bits(held_out, usual_here(log, group, held_out, "topic", TOPIC_REFERENCE))


def test_between_the_two_it_earns_in_part() -> None:
    group = group_of(BETWEEN, MEMBERS)
    counts = np.bincount(BETWEEN.requests.topic[group.rows], minlength=TOPIC_COUNT)
    expected = part_earned(distance_from_background(counts, BETWEEN.background.mixtures("topic", group.accounts).mixed))
    assert 0.1 < expected < 0.9
    assert part(BETWEEN) == pytest.approx(expected)
    assert found_in(BETWEEN, "topic_mixture").bits == pytest.approx(unscaled_bits(BETWEEN) * expected)
    assert found_in(QUEUE, "topic_mixture").bits == pytest.approx(unscaled_bits(QUEUE))
    assert unscaled_bits(AGGREGATORS) > 3.0, "alike they are"


@pytest.mark.parametrize(("log", "said"), [(AGGREGATORS, True), (BETWEEN, True), (QUEUE, False)])
def test_it_is_said_that_the_mixture_is_that_of_all_customers(log: ScoredLog, said: bool) -> None:
    statement = found_in(log, "topic_mixture").statement
    assert statement.startswith("60 accounts ask about topics in ")
    assert ("nearly in those of all customers" in statement) == said
    assert ("as if drawing from one work queue" in statement) != said


def test_evidence_against_stays_whole() -> None:
    """Members who differ from each other are no queue, whatever all of them together look like."""
    log = log_of(0.0, alike=False)
    assert part(log) == 0.0
    assert found_in(log, "own_words").bits < -1.0
    found = found_in(log, "topic_mixture")
    assert found.bits == pytest.approx(unscaled_bits(log))
    assert found.bits < -1.0
    assert "proportions of their own" in found.statement


def test_members_are_no_comparison_accounts() -> None:
    """Or a campaign that is two in seven of all accounts would make its own mixture the usual one."""
    outside = with_accounts(BETWEEN, background=np.arange(ACCOUNTS) >= MEMBERS)
    assert part(outside) == pytest.approx(part(BETWEEN), abs=1e-9)
    assert BETWEEN.accounts.background[:MEMBERS].all()


def test_later_turns_and_requests_of_unknown_topic_do_not_count() -> None:
    assert part(log_of(0.0, follow_ups=True)) == 0.0
    unknown = np.where(BETWEEN.requests.topic == 3, -1, BETWEEN.requests.topic)
    seen = with_requests(BETWEEN, topic=unknown)
    group = group_of(seen, MEMBERS)
    known = unknown[group.rows]
    counts = np.bincount(known[known >= 0], minlength=TOPIC_COUNT)
    usual = seen.background.mixtures("topic", group.accounts).mixed
    assert part(seen) == pytest.approx(part_earned(distance_from_background(counts, usual)))


def test_a_few_requests_and_logs_without_topics_take_nothing_away() -> None:
    rows = len(AGGREGATORS.requests.account)
    for topic in (np.full(rows, -1), np.where(np.arange(rows) < 19, AGGREGATORS.requests.topic, -1)):
        assert part(with_requests(AGGREGATORS, topic=topic)) == 1.0


def test_it_is_computed_once_for_a_candidate() -> None:
    case = CandidateCase.of(BETWEEN, group_of(BETWEEN, MEMBERS), 4)
    found = part_of_own(case)
    assert part_of_own(replace(case, log=QUEUE)) == found != part(QUEUE)


@pytest.mark.parametrize("kind", ["topic_mixture", "own_words", "even_volume", "similar_workload"])
def test_the_order_of_rows_changes_nothing(kind: str) -> None:
    one, other = found_in(BETWEEN, kind), found_in(log_of(0.57, shuffled=True), kind)
    assert (one.bits, one.statement, one.count) == (other.bits, other.statement, other.count)
