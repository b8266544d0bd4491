"""A group without a template is judged on all who were found, less those whom evidence of another kind refutes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import DAY, log_of_rows, untemplated_group, with_requests

from stillhunt.base.config import Config
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.gather import gather_evidence
from stillhunt.score.verdict.verdict import Judged, judge

VOLUME = 40
TOPIC_COUNT = 24
WORKERS, OWN_TOPICS, OWN_CLIENT, OTHERS = 20, 6, 6, 120
"""Accounts: the queue's; those found by mistake, with one popular client or each with its own; all others."""
FOUND = WORKERS + OWN_TOPICS + OWN_CLIENT
KEPT = np.arange(WORKERS)
UNREFUTED = np.arange(WORKERS + OWN_TOPICS)


@pytest.fixture(scope="module", params=range(3))
def log(request: pytest.FixtureRequest) -> ScoredLog:
    """Untemplated questions of equal volumes; the workers alone draw their topics from one queue."""
    rng = np.random.default_rng(request.param)
    count = FOUND + OTHERS
    mixtures = rng.dirichlet(np.full(TOPIC_COUNT, 0.3), count)
    mixtures[:WORKERS] = rng.dirichlet(np.full(TOPIC_COUNT, 2.0))
    topic = np.concatenate([rng.choice(TOPIC_COUNT, VOLUME, p=mixture) for mixture in mixtures])
    account = np.repeat(np.arange(count), VOLUME)
    # A popular client that several members have is evidence neither for nor against them; one of their own is against.
    popular = [f"sdk/{number % 40}" for number in range(OWN_CLIENT + OTHERS)]
    client = [*["curl/8"] * WORKERS, *["sdk/39"] * OWN_TOPICS, *popular]
    made = log_of_rows(
        account,
        np.sort(rng.integers(0, 14 * DAY, (count, VOLUME)), axis=1).ravel(),
        temperature=[0.7] * len(account),
        turn=[0] * len(account),
        user_agent=[client[number] for number in account],
    )
    return with_requests(
        made, untemplated=np.ones(len(account), bool), topic=topic, fold=rng.integers(0, 2, len(account))
    )


@pytest.fixture(scope="module")
def found(log: ScoredLog) -> Candidate:
    """Everybody found, with the bits by which topics know the strangers."""
    queue = np.where(np.arange(FOUND) < WORKERS, 5.0, -20.0)
    return replace(untemplated_group(log, np.arange(FOUND)), queue=queue)


def topics(findings: list[Finding]) -> Finding:
    (finding,) = (one for one in findings if one.kind == "topic_mixture")
    return finding


def gathered(log: ScoredLog, candidate: Candidate, **found: Candidate) -> Finding:
    return topics(gather_evidence(CandidateCase.of(log, candidate, 8, **found)))


def judged(log: ScoredLog, found: Candidate) -> Judged:
    return judge(log, found, Config().score, min_slice_requests=8, min_accounts=5, required_bits=0.0)


def test_topics_are_judged_with_those_who_left_for_their_topics(log: ScoredLog, found: Candidate) -> None:
    """Or those who stayed would look like one queue by selection; who has another client is no part of it."""
    verdict = judged(log, found)
    assert verdict.candidate.accounts.tolist() == KEPT.tolist(), "strangers are no members all the same"
    got = topics(verdict.measured)
    assert got.statement.startswith(f"{len(UNREFUTED)} accounts")
    assert got.bits == pytest.approx(gathered(log, untemplated_group(log, UNREFUTED)).bits)
    assert got.member_bits is not None
    assert len(got.member_bits) == WORKERS


def test_those_who_stayed_would_look_better_and_all_would_look_worse(log: ScoredLog, found: Candidate) -> None:
    """What the rule costs an honest group, and what it spares an operation whose search caught passers-by."""
    got = topics(judged(log, found).measured).bits
    stayed, everybody = (gathered(log, untemplated_group(log, chosen)).bits for chosen in (KEPT, np.arange(FOUND)))
    assert everybody < got < stayed


def test_where_nobody_is_refuted_all_who_were_found_are_judged(log: ScoredLog, found: Candidate) -> None:
    kept = untemplated_group(log, KEPT)
    assert gathered(log, kept, as_found=found).statement.startswith(f"{FOUND} accounts")
    assert gathered(log, kept).statement.startswith(f"{WORKERS} accounts")


def test_a_templated_group_is_judged_on_those_who_stayed(log: ScoredLog, found: Candidate) -> None:
    """Its members were found by their phrases, so who left for their topics leave no luck behind."""
    kept = replace(untemplated_group(log, KEPT), untemplated=False)
    got = gathered(log, kept, as_found=found, without_refuted=untemplated_group(log, UNREFUTED))
    assert got.statement.startswith(f"{WORKERS} accounts")
