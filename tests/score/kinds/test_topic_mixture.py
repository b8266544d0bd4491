"""Accounts that ask about the same topics in the same proportions, judged on the fold that did not form the group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import Array, finding_of, group_of, log_of_rows, untemplated_group, with_accounts, with_requests

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.held_out import held_out_homogeneity, usual_here, usual_index
from stillhunt.score.evidence.kinds.phrase_mixture import TOPICS_KIND, topic_finding
from stillhunt.score.stats.homogeneity import Homogeneity, homogeneity, index_bits, pooled
from stillhunt.score.stats.honest_reference import TOPIC_REFERENCE

MEMBERS, OTHERS, EACH, TOPIC_COUNT = 15, 100, 60, 12
ACCOUNTS = MEMBERS + OTHERS


def topics_of(rng: np.random.Generator, mixtures: Array) -> Array:
    """Topics of sixty requests of each account, drawn from its own mixture."""
    return np.concatenate([rng.choice(TOPIC_COUNT, EACH, p=mixture) for mixture in mixtures])


def log_with(rng: np.random.Generator, mixtures: Array, *, cluster: Array | None = None) -> ScoredLog:
    account = np.repeat(np.arange(len(mixtures)), EACH)
    log = log_of_rows(account, np.arange(len(account)), cluster=cluster)
    return with_requests(log, topic=topics_of(rng, mixtures), fold=rng.integers(0, 2, len(account)))


def mixtures(rng: np.random.Generator, *, one_queue: bool, alike: bool = False) -> Array:
    """Own mixtures of all accounts; the members draw from one queue, the others are as alike, where asked."""
    own = rng.dirichlet(np.full(TOPIC_COUNT, 0.5), ACCOUNTS)
    common = rng.dirichlet(np.full(TOPIC_COUNT, 2.0))
    if one_queue:
        own[:MEMBERS] = common
    if alike:
        own[MEMBERS:] = common
    return own


def found_in(log: ScoredLog) -> Finding:
    found = finding_of(TOPICS_KIND, log, group_of(log, MEMBERS))
    assert found is not None
    return found


def test_one_work_queue_is_evidence_and_topics_of_their_own_are_evidence_against() -> None:
    rng = np.random.default_rng(1)
    queue, own = (found_in(log_with(rng, mixtures(rng, one_queue=one))) for one in (True, False))
    assert queue.bits > 3.0
    assert queue.statement.startswith("15 accounts ask about topics in proportions that are more alike than those of ")
    assert own.bits < -1.0
    assert own.statement.startswith("15 accounts ask about topics in proportions of their own")
    assert queue.count == MEMBERS * EACH
    assert len(queue.rows) == 50


def test_a_group_as_alike_as_everybody_earns_nothing() -> None:
    """Where the comparison accounts are alike, too, that is what is usual here."""
    rng = np.random.default_rng(2)
    apart, alike = (found_in(log_with(rng, mixtures(rng, one_queue=True, alike=one))).bits for one in (False, True))
    assert alike < 2.0 < apart - 1.0


def test_members_bits_are_those_of_their_slices_within_the_cap() -> None:
    rng = np.random.default_rng(3)
    log = log_with(rng, mixtures(rng, one_queue=True))
    queue = np.linspace(-9.0, 9.0, MEMBERS)
    found = finding_of(TOPICS_KIND, log, replace(group_of(log, MEMBERS), queue=queue))
    assert found is not None
    assert found.member_bits is not None
    assert found.member_bits.tolist() == np.clip(queue, -6.0, 6.0).tolist()


def test_too_few_known_topics_are_insufficient_data() -> None:
    rng = np.random.default_rng(4)
    log = log_with(rng, mixtures(rng, one_queue=True))
    known = np.where(np.arange(ACCOUNTS * EACH) < 3, 0, -1)
    group = replace(group_of(log, MEMBERS), queue=np.ones(MEMBERS))
    found = finding_of(TOPICS_KIND, with_requests(log, topic=known), group)
    assert found is not None
    assert found.insufficient
    assert found.bits == 0.0
    assert found.statement == "Too few of its requests have a known topic (3 of 900) to compare its accounts"
    assert found.member_bits is not None
    assert found.member_bits.tolist() == [1.0] * MEMBERS


@pytest.mark.parametrize(("members", "insufficient"), [(2, True), (3, False)])
def test_two_accounts_are_not_compared(members: int, insufficient: bool) -> None:
    rng = np.random.default_rng(5)
    log = log_with(rng, mixtures(rng, one_queue=True))
    found = finding_of(TOPICS_KIND, log, group_of(log, members))
    assert found is not None
    assert found.insufficient == insufficient


def test_the_finding_is_computed_once_for_a_candidate() -> None:
    rng = np.random.default_rng(6)
    log = log_with(rng, mixtures(rng, one_queue=True))
    case = CandidateCase.of(log, group_of(log, MEMBERS), 4)
    assert topic_finding(case) is topic_finding(case) is TOPICS_KIND.weigh(TOPICS_KIND, case)


def test_an_untemplated_group_is_judged_with_those_who_left_for_their_topics() -> None:
    rng = np.random.default_rng(7)
    log = log_with(rng, mixtures(rng, one_queue=True))
    kept, with_others = (untemplated_group(log, np.arange(count)) for count in (MEMBERS, MEMBERS + 5))
    found = finding_of(TOPICS_KIND, log, kept, without_refuted=with_others)
    assert found is not None
    assert found.statement.startswith("20 accounts")
    templated = finding_of(TOPICS_KIND, log, replace(kept, untemplated=False), without_refuted=with_others)
    assert templated is not None
    assert templated.statement.startswith("15 accounts")


# What was formed on one fold is judged on the other.


def test_each_slice_is_judged_on_the_fold_that_did_not_form_it() -> None:
    """Topics that are alike on the fold that formed the group, and each account's own on the other, or the reverse."""
    rng = np.random.default_rng(8)
    log = log_with(rng, mixtures(rng, one_queue=False))
    alike = rng.integers(0, TOPIC_COUNT, ACCOUNTS * EACH)
    for fold in (0, 1):
        mixed = with_requests(log, topic=np.where(log.requests.fold == fold, alike, log.requests.topic))
        formed_on_it = replace(group_of(mixed, MEMBERS), formed_on=np.full(MEMBERS, 1 << fold))
        formed_on_the_other = replace(group_of(mixed, MEMBERS), formed_on=np.full(MEMBERS, 2 - fold))
        index = [
            held_out_homogeneity(mixed, one, mixed.requests.topic[one.rows]).index
            for one in (formed_on_it, formed_on_the_other)
        ]
        assert index[0] > 3.0, "alike where the group was formed is no evidence"
        assert index[1] < 1.5


@pytest.mark.parametrize("untemplated", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_held_out_homogeneity_is_pooled_over_clusters_and_folds(seed: int, untemplated: bool) -> None:
    """Two content clusters are two tables, unless they are slices of one work queue of different clients."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 2, ACCOUNTS * EACH)
    log = log_with(rng, mixtures(rng, one_queue=True), cluster=cluster)
    first = rng.random(ACCOUNTS * EACH) < 0.9
    topic = np.where(rng.random(ACCOUNTS * EACH) < 0.1, -1, log.requests.topic)
    log = with_requests(log, first_occurrence=first, topic=topic)
    rows = np.flatnonzero(log.requests.account < MEMBERS)
    account = log.requests.account[rows]
    group = replace(
        group_of(log, MEMBERS),
        slice_cluster=np.r_[np.zeros(MEMBERS, np.int64), np.ones(MEMBERS, np.int64)],
        slice_account=np.r_[np.arange(MEMBERS), np.arange(MEMBERS)],
        formed_on=rng.integers(1, 4, 2 * MEMBERS),
        rows=rows,
        row_account=account,
        row_slice=account + MEMBERS * log.requests.cluster[rows],
        untemplated=untemplated,
    )
    found = held_out_homogeneity(log, group, log.requests.topic[rows])
    parts = []
    for one in [None] if untemplated else [0, 1]:
        for fold in (0, 1):
            other = 1 - fold
            chosen = [
                place
                for place, row in enumerate(rows.tolist())
                if log.requests.fold[row] == fold
                and int(group.formed_on[group.row_slice[place]]) >> other & 1
                and first[row]
                and log.requests.topic[row] >= 0
                and one in (None, log.requests.cluster[row])
            ]
            parts.append(homogeneity(account[chosen], log.requests.topic[rows[chosen]]))
    expected = pooled(parts)
    assert (found.freedom, found.accounts) == (expected.freedom, expected.accounts)
    assert found.chi_square == pytest.approx(expected.chi_square)
    assert found.size == pytest.approx(expected.size)


def test_what_is_usual_moves_only_in_the_groups_favour_and_never_below_a_queues_own() -> None:
    """Comparison accounts that are alike make it usual; those that differ more than the reference change nothing."""
    rng = np.random.default_rng(9)
    group_alike = Homogeneity(900.0, 900.0, 60.0, 30)
    barely_alike = Homogeneity(1.18 * 900.0, 900.0, 60.0, 30)
    assert 0.0 < index_bits(barely_alike, TOPIC_REFERENCE) < 1.0
    group_apart = Homogeneity(9_000.0, 900.0, 60.0, 30)
    for alike in (False, True):
        log = log_with(rng, mixtures(rng, one_queue=True, alike=alike))
        group = group_of(log, MEMBERS)
        assert usual_here(log, group, group_apart, "topic", TOPIC_REFERENCE) is TOPIC_REFERENCE, (
            "it only makes evidence for weaker"
        )
        usual = usual_here(log, group, group_alike, "topic", TOPIC_REFERENCE)
        own = log.background.mixtures("topic", group.accounts).correlation
        assert usual_here(log, group, barely_alike, "topic", TOPIC_REFERENCE) == usual, (
            "weak evidence for becomes weaker as well"
        )
        if alike:
            assert usual.honest_median == pytest.approx(max(own, TOPIC_REFERENCE.queue_median))
            assert usual.honest_median < TOPIC_REFERENCE.honest_median
        else:
            assert own > TOPIC_REFERENCE.honest_median == usual.honest_median
        assert usual._replace(honest_median=TOPIC_REFERENCE.honest_median) == TOPIC_REFERENCE
    outside = with_accounts(log, background=np.arange(ACCOUNTS) >= MEMBERS)
    same = usual_here(outside, group, group_alike, "topic", TOPIC_REFERENCE)
    assert same.honest_median == pytest.approx(usual.honest_median), "members are no comparison accounts"


def test_the_index_of_unrelated_accounts_grows_with_their_requests() -> None:
    assert usual_index(Homogeneity(1.0, 1.0, 61.0, 5), TOPIC_REFERENCE) == pytest.approx(1.0 + 60.0 * 0.03)
    assert usual_index(Homogeneity(1.0, 1.0, 0.5, 5), TOPIC_REFERENCE) == 1.0


def test_bits_are_those_of_the_index() -> None:
    rng = np.random.default_rng(10)
    log = log_with(rng, mixtures(rng, one_queue=True))
    group = group_of(log, MEMBERS)
    found = found_in(log)
    held_out = held_out_homogeneity(log, group, log.requests.topic[group.rows])
    usual = usual_here(log, group, held_out, "topic", TOPIC_REFERENCE)
    assert found.bits == pytest.approx(index_bits(held_out, usual))
    assert f"dispersion index {held_out.index:.2f} on held-out requests" in found.statement
    assert found.statement.endswith(f"unrelated accounts: about {usual_index(held_out, usual):.1f}")
