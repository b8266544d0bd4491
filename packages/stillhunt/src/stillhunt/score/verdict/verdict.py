"""Findings -> probabilities -> verdicts.

P(campaign) = sigmoid of prior plus capped bits; P(account) = P(campaign) x P(member | campaign), where the member's
bits are those of its own slices and of what the confident core shares (`members.py`). The rules by which a verdict
follows from them are in `rules.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stillhunt.base.config import ScoreSettings
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.gather import gather_evidence
from stillhunt.score.stats.arrays import Flags, Floats
from stillhunt.score.verdict.members import learned_members
from stillhunt.score.verdict.rules import P, Weighed, over_budget, queue_verdict, weigh_findings


@dataclass(frozen=True)
class Judged:
    """A candidate with its evidence and probabilities.

    Attributes:
        candidate: its slices; members that proved strangers are gone.
        bits: log2 odds, prior included.
        held_back: bits that the false-alarm budget asks, where the budget alone keeps the verdict from act; else None.
        member_bits: log2 odds of each member, given the campaign.
        member_probability: P(member | campaign).
        set_apart: True for members whom something that nearly all the others share tells from them; never flagged.
        kind: what kind of operation the evidence is about, from `OPERATION_KINDS`.
        likely_members: members who are likelier part of it than not, where they are too few to be a campaign, so that
            the verdict is none; else None.
    """

    candidate: Candidate
    measured: list[Finding]
    findings: list[Finding]
    bits: float
    probability: float
    families: list[str]
    verdict: str
    held_back: float | None
    member_bits: Floats
    member_probability: Floats
    set_apart: Flags
    kind: str = "harvest"
    likely_members: int | None = None

    @classmethod
    def of(
        cls, candidate: Candidate, measured: list[Finding], weighed: Weighed, verdict: str, kind: str = "harvest"
    ) -> Judged:
        """A candidate with its weighed evidence.

        Args:
            kind: kind of operation that they are about.
        """
        return cls(candidate=candidate, measured=measured, verdict=verdict, held_back=None, kind=kind, **vars(weighed))


def judge(
    log: ScoredLog,
    candidate: Candidate,
    settings: ScoreSettings,
    *,
    min_slice_requests: int,
    min_accounts: int,
    required_bits: float,
) -> Judged:
    """Judge one candidate; accounts that are likelier strangers than members leave it, and it is judged again.

    Args:
        min_accounts: accounts a campaign needs; with fewer left the verdict is none.
        required_bits: bits, prior excluded, that the false-alarm budget asks of the verdict act.
    """
    judged = _judge_once(CandidateCase.of(log, candidate, min_slice_requests), settings)
    unrefuted = ~_refuted_members(judged)
    stays = (judged.member_probability >= P.member_probability) & unrefuted
    if not stays.all() and stays.sum() >= min_accounts:
        smaller = CandidateCase.of(
            log, candidate.without(stays), min_slice_requests, candidate, candidate.without(unrefuted)
        )
        judged = _judge_once(smaller, settings)
    elif stays.sum() < min_accounts:
        judged = replace(judged, verdict="none", likely_members=int(stays.sum()))
    if over_budget(judged.verdict, judged.bits, settings, required_bits):
        judged = replace(judged, verdict="review", held_back=required_bits)
    return judged


def _refuted_members(judged: Judged) -> Flags:
    """Members against whom evidence decides that took no part in finding the group and found it right."""
    refuted = np.zeros(len(judged.member_bits), bool)
    for finding in judged.findings:
        if finding.independent and finding.member_bits is not None and finding.bits >= P.decisive_bits:
            refuted |= finding.member_bits < 0
    return refuted


def _judge_once(case: CandidateCase, settings: ScoreSettings) -> Judged:
    measured = learned_members(case, gather_evidence(case))
    weighed = weigh_findings(measured, len(case.candidate.accounts), settings)
    return Judged.of(case.candidate, measured, weighed, queue_verdict(weighed, settings))
