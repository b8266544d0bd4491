"""Sentences that recombine are content of a group without a template, and tell its own requests from cover traffic."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import finding_of, log_of_rows, sliced_table, untemplated_group

from stillhunt.score.context.log import ScoredLog, read_log
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kinds.account_holders import OWN_TEMPLATE
from stillhunt.score.evidence.kinds.own_phrases import KIND
from stillhunt.score.evidence.kinds.phrase_mixture import topic_finding

EACH = 60


def log_with(carries: float, members: int = 40, cover: bool = False) -> ScoredLog:
    """Members who send so many of their requests with phrases of their own, on the topics of one queue.

    Args:
        cover: the other requests are on a topic of each account's own.
    """
    draw = np.random.default_rng(2)
    owner = np.repeat(np.arange(members), EACH)
    own = np.arange(len(owner)) % EACH < round(carries * EACH)
    topic = np.where(own | ~np.bool_(cover), draw.integers(0, 8, len(owner)), owner % 8)
    plain = log_of_rows(owner, np.arange(len(owner))).requests.table
    sliced = sliced_table(plain, own_phrases=np.where(own, 2, 0), topic=topic, fold=np.arange(len(owner)) % 2)
    return read_log(plain, sliced, None)


def weighed(log: ScoredLog, members: int = 40) -> Finding | None:
    return finding_of(KIND, log, untemplated_group(log, np.arange(members)))


@pytest.mark.parametrize(
    ("carries", "members", "bits"),
    [
        (1.0, 40, OWN_TEMPLATE.cap_bits),
        (0.5, 40, OWN_TEMPLATE.cap_bits),
        (0.25, 40, OWN_TEMPLATE.cap_bits / 2),
        (1.0, 8, 2.0),
    ],
)
def test_bits_grow_with_the_requests_that_carry_one_and_with_the_accounts(
    carries: float, members: int, bits: float
) -> None:
    found = weighed(log_with(carries, members), members)
    assert found is not None
    assert found.bits == pytest.approx(bits)
    assert found.count == round(carries * EACH) * members
    assert found.member_bits is not None
    assert (found.member_bits > 0).all()


def test_a_member_without_any_speaks_for_a_stranger() -> None:
    log = log_with(0.5)
    phrases = log.requests.own_phrases.copy()
    phrases[:EACH] = 0
    changed = read_log(log.requests.table, sliced_table(log.requests.table, own_phrases=phrases), None)
    found = weighed(changed)
    assert found is not None
    assert found.member_bits is not None
    assert found.member_bits[0] < 0 < found.member_bits[1:].min()


def test_without_phrases_of_their_own_nothing_is_said() -> None:
    assert weighed(log_with(0.0)) is None
    plain = log_of_rows(np.repeat(np.arange(40), EACH), np.arange(40 * EACH))
    assert weighed(plain) is None


def test_cover_traffic_by_the_same_client_does_not_dilute_topics() -> None:
    """Half of the requests are on each account's own topic: as customers do, but for those that carry the phrases."""
    log = log_with(0.5, cover=True)
    group = untemplated_group(log, np.arange(40))
    case = CandidateCase.of(log, group, 4)
    assert case.own_requests(group).mean() == 0.5
    unmarked = read_log(log.requests.table, sliced_table(
        log.requests.table, topic=log.requests.topic, fold=log.requests.fold), None)  # fmt: skip
    whole = CandidateCase.of(unmarked, untemplated_group(unmarked, np.arange(40)), 4)
    assert whole.own_requests(group).all()
    assert topic_finding(case).bits > 0.0 > topic_finding(whole).bits
