"""A group without a template is judged on all who were found, less those whom a test that did not find them refutes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.evidence import gather_evidence
from stillhunt.score.evidence.findings import Finding
from told import DAY, bare_group, told_log

from stillhunt.base.config import Config
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.verdict.verdict import Judged, judge

LOAD = 40
SUBJECTS = 24
WORKERS, OWN_TASTE, OWN_STACK, OUTSIDE = 20, 6, 6, 120
"""Accounts: the plan's; those found by mistake, with one popular client or each with its own; the public's."""
FOUND = WORKERS + OWN_TASTE + OWN_STACK
KEPT = np.arange(WORKERS)
CLEARED = np.arange(WORKERS + OWN_TASTE)


@pytest.fixture(scope="module", params=range(3))
def frame(request: pytest.FixtureRequest) -> Frame:
    """Bare questions of equal loads, subjects dealt to the workers alone."""
    rng = np.random.default_rng(request.param)
    count = FOUND + OUTSIDE
    tastes = rng.dirichlet(np.full(SUBJECTS, 0.3), count)
    tastes[:WORKERS] = rng.dirichlet(np.full(SUBJECTS, 2.0))
    topic = np.concatenate([rng.choice(SUBJECTS, LOAD, p=taste) for taste in tastes])
    account = np.repeat(np.arange(count), LOAD)
    # A popular client that several members have speaks neither for nor against them; one of their own does against.
    public = [f"sdk/{number % 40}" for number in range(OWN_STACK + OUTSIDE)]
    stack = [*["curl/8"] * WORKERS, *["sdk/39"] * OWN_TASTE, *public]
    frame = told_log(
        account,
        np.sort(rng.integers(0, 14 * DAY, (count, LOAD)), axis=1).ravel(),
        temperature=[0.7] * len(account),
        turn=[0] * len(account),
        user_agent=[stack[number] for number in account],
    )
    return replace(frame, bare=np.ones(len(account), bool), topic=topic, half=rng.integers(0, 2, len(account)))


@pytest.fixture(scope="module")
def found(frame: Frame) -> Candidate:
    """Everybody found, with the bits by which subjects tell the strangers."""
    queue = np.where(np.arange(FOUND) < WORKERS, 5.0, -20.0)
    return replace(bare_group(frame, np.arange(FOUND)), queue=queue)


def subjects(findings: list[Finding]) -> Finding:
    (finding,) = (one for one in findings if one.kind == "topic_mixture")
    return finding


def judged(frame: Frame, found: Candidate) -> Judged:
    return judge(frame, found, Config().score, least=8, least_accounts=5, required_bits=0.0)


def test_subjects_are_judged_with_those_who_left_for_their_subjects(frame: Frame, found: Candidate) -> None:
    """Or those who stayed would look dealt by selection; who has another client is no part of it."""
    verdict = judged(frame, found)
    assert verdict.candidate.accounts.tolist() == KEPT.tolist(), "strangers are no members all the same"
    got = subjects(verdict.findings)
    assert f"the subjects of its {len(CLEARED)} accounts" in got.statement
    told_so = gather_evidence(frame, bare_group(frame, CLEARED), least=8)
    assert got.bits == pytest.approx(subjects(told_so).bits)
    assert got.member_bits is not None
    assert len(got.member_bits) == WORKERS


def test_those_who_stayed_would_look_better_and_all_would_look_worse(frame: Frame, found: Candidate) -> None:
    """What the rule costs an honest group, and what it spares a plan whose search caught passers-by."""
    got = subjects(judged(frame, found).findings).bits
    stayed, everybody = (
        subjects(gather_evidence(frame, bare_group(frame, chosen), least=8)).bits for chosen in (KEPT, np.arange(FOUND))
    )
    assert everybody < got < stayed


def test_without_a_word_on_who_was_cleared_all_who_were_found_are_judged(frame: Frame, found: Candidate) -> None:
    kept = bare_group(frame, KEPT)
    told = subjects(gather_evidence(frame, kept, least=8, found_as=found))
    assert f"the subjects of its {FOUND} accounts" in told.statement
    assert f"the subjects of its {WORKERS} accounts" in subjects(gather_evidence(frame, kept, least=8)).statement


def test_a_template_is_judged_on_those_who_stayed(frame: Frame, found: Candidate) -> None:
    """Its members were found by their phrases, so who left for its subjects takes no luck along."""
    kept = replace(bare_group(frame, KEPT), bare=False)
    told = subjects(gather_evidence(frame, kept, least=8, found_as=found, cleared=bare_group(frame, CLEARED)))
    assert f"the subjects of its {WORKERS} accounts" in told.statement
