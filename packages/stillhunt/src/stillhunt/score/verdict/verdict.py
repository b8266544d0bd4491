"""Candidates -> findings -> verdicts; accounts that are likelier strangers than members leave a candidate.

P(harvest) weighs all explanations (`explanations.py`); P(account) = P(harvest) x P(member | campaign), where the
member's bits are those of its own slices and of what the confident core shares (`members.py`). The rules by which a
verdict follows from them are in `rules.py`.
"""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from stillhunt.base.arrays import Flags, Floats
from stillhunt.base.config import ScoreSettings
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.gather import gather_evidence
from stillhunt.score.verdict.members import learned_members
from stillhunt.score.verdict.rules import Limit, P, Weighed, flagged_members, judge_weighed, weigh_findings

# bits: most that the other members say for an account where it is asked who stays (judgement: a group of two members to
# one stranger; a stranger who stays makes the evidence about the group that of a mixture)
_MOST_PRIOR_BITS = 1.0


@dataclass(frozen=True)
class Judged:
    """A candidate with its evidence and its verdict."""

    candidate: Candidate  # its slices; members that proved strangers are gone
    measured: list[Finding]  # findings before caps
    weighed: Weighed
    verdict: str
    kind: str  # what kind of operation the evidence is about, from `OPERATION_KINDS`
    limits: list[Limit] = field(default_factory=list)  # what keeps the verdict lower than the probability says
    standing: Flags | None = None  # True for accounts that the look before flagged; None where that changes nothing

    @property
    def bits(self) -> float:
        """Log2 odds of what is claimed."""
        return self.weighed.claim.bits

    @property
    def probability(self) -> float:
        """Probability of what is claimed."""
        return self.weighed.claim.probability

    @property
    def member_probability(self) -> Floats:
        """P(member | campaign) of each account."""
        return self.weighed.member_probability


def judge(
    log: ScoredLog,
    candidate: Candidate,
    settings: ScoreSettings,
    *,
    min_slice_requests: int,
    min_accounts: int,
    required_bits: float,
    flagged_before: Flags | None = None,
) -> Judged:
    """Judge one candidate; accounts that are likelier strangers than members leave it, and it is judged again.

    Args:
        min_accounts: accounts a campaign needs; with fewer left the verdict is none.
        required_bits: bits, prior excluded, that the false-alarm budget asks of the verdict act.
        flagged_before: True for accounts of the log that the look before flagged; None where there was none.
    """
    measured, weighed = _weigh_candidate(CandidateCase.of(log, candidate, min_slice_requests), settings)
    unrefuted = ~_refuted_members(measured, weighed)
    own_bits = weighed.member_bits - max(weighed.member_prior - _MOST_PRIOR_BITS, 0.0)
    stays = (1.0 / (1.0 + np.exp2(-own_bits)) >= P.member_probability) & unrefuted
    likely = int(stays.sum())
    if not stays.all() and likely >= min_accounts:
        smaller = candidate.without(stays)
        case = CandidateCase.of(log, smaller, min_slice_requests, candidate, candidate.without(unrefuted))
        candidate, (measured, weighed) = smaller, _weigh_candidate(case, settings)
    judge_again = partial(
        judge_weighed,
        weighed,
        settings,
        required_bits=required_bits,
        likely_members=likely,
        min_accounts=min_accounts,
    )
    verdict, limits = judge_again()
    found = Judged(candidate, measured, weighed, verdict, weighed.claim.operation, limits)
    if flagged_before is None:
        return found
    standing = flagged_before[candidate.accounts]
    verdict, limits = judge_again(standing=standing)
    # What the look before found is only said where it changes something.
    same = verdict == found.verdict and np.array_equal(
        flagged_members(weighed, settings), flagged_members(weighed, settings, standing)
    )
    return found if same else replace(found, verdict=verdict, limits=limits, standing=standing)


def _refuted_members(measured: list[Finding], weighed: Weighed) -> Flags:
    """Members against whom evidence decides that took no part in finding the group and found it right."""
    refuted = np.zeros(len(weighed.member_bits), bool)
    for finding in measured:
        if finding.independent and finding.member_bits is not None and finding.bits >= P.decisive_bits:
            refuted |= finding.member_bits < 0
    return refuted


def _weigh_candidate(case: CandidateCase, settings: ScoreSettings) -> tuple[list[Finding], Weighed]:
    measured = learned_members(case, gather_evidence(case))
    return measured, weigh_findings(measured, len(case.candidate.accounts), settings)
