"""The rules of the verdict: findings as measured -> capped bits, odds, families, memberships, verdict.

They know no log, so that whoever has the evidence of a case can apply them again (`score/rebuild.py`). `act` needs the
probability and two independent families, one of which must say that the accounts work off one queue (content or queue);
`review` needs the lower probability. A group that openly is one customer, or whose members repeat each other's prompts,
is never flagged, only shown for review; so is one whose bits honest groups may reach more often than the false-alarm
budget allows (`budget.py`), however probable it is. Accounts of one operator without a work queue
(`linked_accounts.py`) get the verdict review at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillhunt.base.config import ScoreSettings
from stillhunt.base.families import EVIDENCE_FAMILIES
from stillhunt.base.parameters import read_parameters
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds import open_customers
from stillhunt.score.stats.arrays import Flags, Floats
from stillhunt.score.verdict.caps import LINKAGE, capped, family_bits, member_evidence
from stillhunt.score.verdict.members import set_apart

HARVEST_FAMILIES = tuple(family.name for family in EVIDENCE_FAMILIES if family.harvest)
"""Families that say "these accounts work off one queue"."""
OPEN_GROUPS = tuple(kind.name for kind in open_customers.KINDS)
"""Findings that a group openly is one customer. Whether that customer harvests is for a person to find out: seats of a
help desk that hand out tickets cannot be told from a harvest by their logs."""


class VerdictParameters(NamedTuple):
    """Parameters of the verdict."""

    member_probability: float
    independent_families: int
    act_floors: float
    review_floors: float
    decisive_bits: float


P = read_parameters(VerdictParameters, "score.verdict")
LIKELY_MEMBER = P.member_probability


@dataclass(frozen=True)
class Weighed:
    """The findings about one group, weighed.

    Attributes:
        findings: capped, in the order in which their bits are added.
        bits: log2 odds, prior included.
        member_bits: log2 odds of each member, given the campaign.
        member_probability: P(member | campaign).
        set_apart: True for members whom something that nearly all the others share tells from them; never flagged.
    """

    findings: list[Finding]
    bits: float
    probability: float
    families: list[str]
    member_bits: Floats
    member_probability: Floats
    set_apart: Flags


def weigh_findings(
    measured: Sequence[Finding], members: int, settings: ScoreSettings, *, works_off_queue: bool = True
) -> Weighed:
    """Cap the findings about one group and add them up.

    Args:
        measured: findings before caps, in the order of the catalogue: sums of floats depend on it.
        works_off_queue: False for a group of linked accounts without a work queue: what says "one operator" is all
            there is to say of it, so it has no cap of its own, and nobody is set apart.
    """
    linkage_cap = settings.linkage_cap_bits if works_off_queue else float("inf")
    findings = capped(list(measured), settings.family_cap_bits.model_dump(), linkage_cap)
    bits = settings.prior_bits + sum(f.bits for f in findings)
    totals = family_bits(findings)
    families = sorted((f for f, b in totals.items() if b >= settings.family_floor_bits), key=lambda f: (-totals[f], f))
    member_bits = np.zeros(members)
    for row in member_evidence(findings, members):  # one after another, so that rows of zeros change no bit
        member_bits += row
    return Weighed(
        findings=findings,
        bits=bits,
        probability=sigmoid(bits),
        families=families,
        member_bits=member_bits,
        member_probability=1.0 / (1.0 + np.exp2(-member_bits)),
        set_apart=set_apart(findings, members) if works_off_queue else np.zeros(members, bool),
    )


def sigmoid(bits: float) -> float:
    """Probability of log2 odds."""
    return float(1.0 / (1.0 + 2.0 ** (-bits)))


def queue_verdict(weighed: Weighed, settings: ScoreSettings) -> str:
    """What the evidence says of a group that may work off one queue, before budget and allowed programmes."""
    findings, families = weighed.findings, weighed.families
    open_group = any(f.kind in OPEN_GROUPS for f in findings)
    convinced = (
        weighed.probability >= settings.act_probability and not open_group and _is_unexplained(findings, settings)
    )
    if convinced and len(families) >= P.independent_families and _one_queue(findings, settings, P.act_floors):
        return "act"
    if (
        weighed.probability >= settings.review_probability
        and families
        and _one_queue(findings, settings, P.review_floors)
    ):
        return "review"
    return "none"


def linked_verdict(weighed: Weighed, settings: ScoreSettings) -> str:
    """What the evidence says of linked accounts without a work queue: review or none."""
    return "review" if weighed.probability >= settings.review_probability else "none"


def over_budget(verdict: str, bits: float, settings: ScoreSettings, required_bits: float) -> bool:
    """Whether the false-alarm budget turns the verdict act into review.

    Args:
        required_bits: bits, prior excluded, that the budget asks of the verdict act.
    """
    return verdict == "act" and bits - settings.prior_bits < required_bits


def all_allowed(sanctioned: Flags, min_accounts: int) -> bool:
    """Whether the members belong to allowed programmes, but for too few to be a campaign: it then asks for nothing."""
    return int((~sanctioned).sum()) < min_accounts


def _is_unexplained(findings: list[Finding], settings: ScoreSettings) -> bool:
    """True unless a finding says that honest groups look like this, and nothing shows one operator."""
    needs = {f.act_needs for f in findings}
    linkage = sum(f.bits for f in findings if f.family in LINKAGE)
    return "never" not in needs and ("linkage" not in needs or linkage >= settings.family_floor_bits)


def _one_queue(findings: list[Finding], settings: ScoreSettings, floors: float) -> bool:
    """True where content or queue says that the accounts work off one queue, or both together do."""
    totals = [sum(f.bits for f in findings if f.family == family) for family in HARVEST_FAMILIES]
    floor = settings.family_floor_bits
    return max(totals) >= floor or sum(totals) >= floors * floor
