"""Findings -> probabilities -> verdicts.

P(campaign) = sigmoid of prior plus capped bits; P(account) = P(campaign) x P(member | campaign), where the member's
bits are those of its own slices and of what the confident core shares (`members.py`). `act` needs the probability and
two independent families, one of which must say that the accounts work off one queue (content or queue); `review` needs
the lower probability. A group that openly is one customer, or whose members repeat each other's prompts, is never
flagged, only shown for review; so is one whose bits honest groups may reach more often than the false-alarm budget
allows (`budget.py`), however probable it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stillhunt.base.config import ScoreSettings
from stillhunt.base.families import EVIDENCE_FAMILIES
from stillhunt.base.parameters import derived, judgement, parameter, parameter_table, values_of
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.gather import gather_evidence
from stillhunt.score.evidence.kinds import open_customers
from stillhunt.score.stats.arrays import Flags, Floats
from stillhunt.score.verdict.caps import LINKAGE, capped, family_bits, member_evidence
from stillhunt.score.verdict.members import learned_members, set_apart

HARVEST_FAMILIES = tuple(family.name for family in EVIDENCE_FAMILIES if family.harvest)
"""Families that say "these accounts work off one queue"."""
OPEN_GROUPS = tuple(kind.name for kind in open_customers.KINDS)
"""Findings that a group openly is one customer. Whether that customer harvests is for a person to find out: seats of a
help desk that hand out tickets cannot be told from a harvest by their logs."""


@parameter_table("score.verdict", "From evidence to verdicts, beside the settings.")
@dataclass(frozen=True)
class VerdictParameters:
    """Parameters of the verdict."""

    member_probability: float = parameter(
        0.5,
        unit="probability",
        meaning="P(member | campaign) from which an account stays in the candidate.",
        provenance=derived("likelier a member than not"),
    )
    independent_families: int = parameter(
        2,
        unit="families",
        meaning="Families above the floor that the verdict act needs.",
        provenance=judgement("no single family may convict, however strong it is"),
    )
    act_floors: float = parameter(
        1.5,
        unit="floors",
        meaning="Times the floor of one family from which content and queue together do for act.",
        provenance=judgement("each alone may fall short where both are there"),
    )
    review_floors: float = parameter(
        1.0,
        unit="floors",
        meaning="The same for review.",
        provenance=judgement('what only says "one operator" is a class or a company, and no work for anybody'),
    )
    decisive_bits: float = parameter(
        8.0,
        unit="bits",
        meaning="Bits from which independent evidence also says who was found in the group by mistake.",
        provenance=judgement("it must be beyond doubt for the group before it counts against a member"),
    )


P = values_of(VerdictParameters)
LIKELY_MEMBER = P.member_probability


@dataclass(frozen=True)
class Judged:
    """A candidate with its evidence and probabilities.

    Attributes:
        candidate: its slices; members that proved strangers are gone.
        findings: capped findings.
        bits: log2 odds, prior included.
        probability: P(campaign).
        families: evidence families above the floor, the strongest first.
        verdict: act, review or none.
        held_back: bits that the false-alarm budget asks, where the budget alone keeps the verdict from act; else None.
        member_bits: log2 odds of each member, given the campaign.
        member_probability: P(member | campaign).
        set_apart: True for members whom something that nearly all the others share tells from them; never flagged.
        kind: what kind of operation the evidence is about, from `OPERATION_KINDS`.
    """

    candidate: Candidate
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
        log: the log.
        candidate: slices that look drawn from one work queue.
        settings: prior, caps and thresholds.
        min_slice_requests: requests a slice needs.
        min_accounts: accounts a campaign needs; with fewer left the verdict is none.
        required_bits: bits, prior excluded, that the false-alarm budget asks of the verdict act.
    """
    judged = _judge_once(CandidateCase.of(log, candidate, min_slice_requests), settings)
    unrefuted = ~_refuted(judged)
    stays = (judged.member_probability >= P.member_probability) & unrefuted
    if not stays.all() and stays.sum() >= min_accounts:
        smaller = CandidateCase.of(
            log, candidate.without(stays), min_slice_requests, candidate, candidate.without(unrefuted)
        )
        judged = _judge_once(smaller, settings)
    elif stays.sum() < min_accounts:
        judged = replace(judged, verdict="none")
    if judged.verdict == "act" and judged.bits - settings.prior_bits < required_bits:
        judged = replace(judged, verdict="review", held_back=required_bits)
    return judged


def _refuted(judged: Judged) -> Flags:
    """Members against whom evidence decides that took no part in finding the group and found it right."""
    refuted = np.zeros(len(judged.member_bits), bool)
    for finding in judged.findings:
        if finding.independent and finding.member_bits is not None and finding.bits >= P.decisive_bits:
            refuted |= finding.member_bits < 0
    return refuted


def _judge_once(case: CandidateCase, settings: ScoreSettings) -> Judged:
    gathered = learned_members(case, gather_evidence(case))
    findings = capped(gathered, settings.family_cap_bits.model_dump(), settings.linkage_cap_bits)
    bits = settings.prior_bits + sum(f.bits for f in findings)
    probability = sigmoid(bits)
    totals = family_bits(findings)
    families = sorted((f for f, b in totals.items() if b >= settings.family_floor_bits), key=lambda f: (-totals[f], f))
    member_bits = member_evidence(findings, len(case.candidate.accounts)).sum(axis=0)
    return Judged(
        candidate=case.candidate,
        findings=findings,
        bits=bits,
        probability=probability,
        families=families,
        verdict=_verdict(probability, families, findings, settings),
        held_back=None,
        member_bits=member_bits,
        member_probability=1.0 / (1.0 + np.exp2(-member_bits)),
        set_apart=set_apart(findings, len(case.candidate.accounts)),
    )


def sigmoid(bits: float) -> float:
    """Probability of log2 odds.

    Args:
        bits: log2 odds.
    """
    return float(1.0 / (1.0 + 2.0 ** (-bits)))


def _verdict(probability: float, families: list[str], findings: list[Finding], settings: ScoreSettings) -> str:
    open_group = any(f.kind in OPEN_GROUPS for f in findings)
    convinced = probability >= settings.act_probability and not open_group and _explained(findings, settings)
    if convinced and len(families) >= P.independent_families and _one_queue(findings, settings, P.act_floors):
        return "act"
    if probability >= settings.review_probability and families and _one_queue(findings, settings, P.review_floors):
        return "review"
    return "none"


def _explained(findings: list[Finding], settings: ScoreSettings) -> bool:
    """True unless a finding says that honest groups look like this, and nothing shows one operator."""
    needs = {f.act_needs for f in findings}
    linkage = sum(f.bits for f in findings if f.family in LINKAGE)
    return "never" not in needs and ("linkage" not in needs or linkage >= settings.family_floor_bits)


def _one_queue(findings: list[Finding], settings: ScoreSettings, floors: float) -> bool:
    """True where content or queue says that the accounts work off one queue, or both together do."""
    totals = [sum(f.bits for f in findings if f.family == family) for family in HARVEST_FAMILIES]
    floor = settings.family_floor_bits
    return max(totals) >= floor or sum(totals) >= floors * floor
