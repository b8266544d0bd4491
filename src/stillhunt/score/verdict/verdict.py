"""Findings -> probabilities -> verdicts.

P(campaign) = sigmoid of prior plus capped bits; P(account) = P(campaign) x P(member | campaign), where the member's
bits are those of its own slices and keys. `act` needs the probability and two independent families, one of which must
say that a plan is dealt out (content or queue); `review` needs the lower probability. A group that openly is one
customer is never flagged, only shown for review; so is one whose bits honest groups may reach more often than the
false-alarm budget allows (`budget.py`), however probable it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stillhunt.base.config import ScoreSettings
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Flags, Floats
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.evidence import gather_evidence
from stillhunt.score.evidence.findings import HARVEST, Finding, capped, family_bits

MEMBER_CAPS = {"content": 12.0, "queue": 6.0, "identity": 8.0, "network": 8.0}
"""Most bits of each family about one member's part."""
LIKELIER_THAN_NOT = 0.5
TOGETHER = 1.5
"""Times the floor of one family from which content and queue do together."""
REVIEW_SHARE = 1.0
"""The same for a review: what only says "one operator" is a class or a company, and no work for anybody."""
DECISIVE_BITS = 8.0
"""Bits from which a test that took no part in finding the group also says who was found in it by mistake."""
OPEN_GROUPS = ("declared_organisation", "open_customer")
"""Findings that a group openly is one customer. Whether that customer harvests is for a person to find out: seats of a
help desk that deal out tickets cannot be told from a harvest by their logs."""


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


def judge(
    frame: Frame,
    candidate: Candidate,
    settings: ScoreSettings,
    *,
    least: int,
    least_accounts: int,
    required_bits: float,
) -> Judged:
    """Judge one candidate; accounts that are likelier strangers than members leave it, and it is judged again.

    Args:
        frame: the log.
        candidate: slices that look dealt from one plan.
        settings: prior, caps and thresholds.
        least: requests a slice needs.
        least_accounts: accounts a campaign needs; with fewer left the verdict is none.
        required_bits: bits, prior excluded, that the false-alarm budget asks of the verdict act.
    """
    judged = _judge_once(frame, candidate, settings, least)
    right = ~_refuted(judged)
    stays = (judged.member_probability >= LIKELIER_THAN_NOT) & right
    if not stays.all() and stays.sum() >= least_accounts:
        before = (candidate, _without(candidate, right))
        judged = _judge_once(frame, _without(candidate, stays), settings, least, before)
    elif stays.sum() < least_accounts:
        judged = replace(judged, verdict="none")
    if judged.verdict == "act" and judged.bits - settings.prior_bits < required_bits:
        judged = replace(judged, verdict="review", held_back=required_bits)
    return judged


def _refuted(judged: Judged) -> Flags:
    """Members that a test decides against which took no part in finding the group and found it right."""
    refuted = np.zeros(len(judged.member_bits), bool)
    for finding in judged.findings:
        if finding.blind and finding.member_bits is not None and finding.bits >= DECISIVE_BITS:
            refuted |= finding.member_bits < 0
    return refuted


def _judge_once(
    frame: Frame,
    candidate: Candidate,
    settings: ScoreSettings,
    least: int,
    before: tuple[Candidate | None, Candidate | None] = (None, None),
) -> Judged:
    findings = capped(
        gather_evidence(frame, candidate, least=least, found_as=before[0], cleared=before[1]),
        settings.family_cap_bits.model_dump(),
        settings.linkage_cap_bits,
    )
    bits = settings.prior_bits + sum(f.bits for f in findings)
    probability = sigmoid(bits)
    totals = family_bits(findings)
    families = sorted((f for f, b in totals.items() if b >= settings.family_floor_bits), key=lambda f: (-totals[f], f))
    member_bits = member_evidence(findings, len(candidate.accounts)).sum(axis=0)
    return Judged(
        candidate=candidate,
        findings=findings,
        bits=bits,
        probability=probability,
        families=families,
        verdict=_verdict(probability, families, findings, settings),
        held_back=None,
        member_bits=member_bits,
        member_probability=1.0 / (1.0 + np.exp2(-member_bits)),
    )


def sigmoid(bits: float) -> float:
    """Probability of log2 odds."""
    return float(1.0 / (1.0 + 2.0 ** (-bits)))


def _verdict(probability: float, families: list[str], findings: list[Finding], settings: ScoreSettings) -> str:
    open_group = any(f.kind in OPEN_GROUPS for f in findings)
    convinced = probability >= settings.act_probability and not open_group
    if convinced and len(families) >= 2 and _dealt(findings, settings):
        return "act"
    if probability >= settings.review_probability and families and _dealt(findings, settings, REVIEW_SHARE):
        return "review"
    return "none"


def _dealt(findings: list[Finding], settings: ScoreSettings, together: float = TOGETHER) -> bool:
    """True where content or queue says that a plan is dealt out, or both together do."""
    totals = [sum(f.bits for f in findings if f.family == family) for family in HARVEST]
    floor = settings.family_floor_bits
    return max(totals) >= floor or sum(totals) >= together * floor


def member_evidence(findings: list[Finding], members: int) -> Floats:
    """Bits of each finding about each member, scaled down to the member caps of its family.

    Args:
        findings: findings of one candidate.
        members: number of member accounts.

    Returns:
        Array findings x members.
    """
    table = np.stack(
        [f.member_bits if f.member_bits is not None else np.zeros(members) for f in findings] or [np.zeros(members)]
    )
    for family, cap in MEMBER_CAPS.items():
        own = np.array([f.family == family for f in findings] or [False])
        if not own.any():
            continue
        total = table[own].sum(axis=0)
        scale = np.where(np.abs(total) > cap, cap / np.maximum(np.abs(total), 1e-9), 1.0)
        table[own] *= scale
    return table


def _without(candidate: Candidate, stays: Flags) -> Candidate:
    kept_slice = stays[candidate.slice_account]
    position = np.cumsum(stays) - 1
    slice_position = np.cumsum(kept_slice) - 1
    kept_row = kept_slice[candidate.row_slice]
    return Candidate(
        number=candidate.number,
        accounts=candidate.accounts[stays],
        slice_cluster=candidate.slice_cluster[kept_slice],
        slice_account=position[candidate.slice_account[kept_slice]],
        formed=candidate.formed[kept_slice],
        content=candidate.content[kept_slice],
        queue=candidate.queue[kept_slice],
        rows=candidate.rows[kept_row],
        row_account=position[candidate.row_account[kept_row]],
        row_slice=slice_position[candidate.row_slice[kept_row]],
        bare=candidate.bare,
        searched=candidate.searched,
    )
