"""Caps: how many bits one family, and the linkage families together, may add or take."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Floats
from stillhunt.base.families import EVIDENCE_FAMILIES
from stillhunt.base.parameters import read_parameters
from stillhunt.score.evidence.finding import Finding

LINKAGE = tuple(family.name for family in EVIDENCE_FAMILIES if family.linkage)
"""Families that say "one operator", which is not yet "one that harvests"."""


class MemberCaps(NamedTuple):
    """Caps of evidence about one member; families that say nothing of single members have none."""

    content: float
    queue: float
    identity: float
    network: float


P = read_parameters(MemberCaps, "score.member_caps")


class OwnSubjects(NamedTuple):
    """What it may say that each account has subjects of its own."""

    least_bits: float


OWN_SUBJECTS = read_parameters(OwnSubjects, "score.own_subjects")
_SUBJECTS = ("topic_mixture", "own_words")


def capped(findings: list[Finding], caps: Mapping[str, float]) -> list[Finding]:
    """Scale the findings of each family down to its cap, and those that say one fact twice down to what it may say.

    Args:
        caps: most bits of each family, either way.
    """
    own = _cap_subjects(findings)
    return [
        f
        if _has_own_cap(f)
        else _scale_finding(f, caps[f.family], [g for g in own if g.family == f.family and not _has_own_cap(g)])
        for f in own
    ]


def _has_own_cap(finding: Finding) -> bool:
    """Whether a finding takes no room from its family: it is independent, or tells other explanations apart.

    Repeats alone tell public items from a queue; bounded with the rest of the queue they would shrink as that grows.
    """
    return finding.independent or finding.kind == "no_repeats"


def cap_linkage(findings: list[Finding], cap: float) -> list[Finding]:
    """Scale the positive findings of the linkage families down to their common cap.

    Args:
        cap: most bits of identity, network and timing together.
    """
    linked = [f.family in LINKAGE and f.bits > 0 and not f.independent for f in findings]
    linkage = sum(f.bits for f, counts in zip(findings, linked, strict=True) if counts)
    if linkage <= cap:
        return findings
    share = cap / linkage
    return [replace(f, bits=f.bits * share) if counts else f for f, counts in zip(findings, linked, strict=True)]


def _cap_subjects(findings: list[Finding]) -> list[Finding]:
    """The evidence against that accounts have subjects of their own, no more than that one fact may say.

    Topics and rare words see the same subjects: an operation whose accounts specialise pays for it once.
    """
    against = sum(f.bits for f in findings if f.kind in _SUBJECTS and f.bits < 0)
    if against >= OWN_SUBJECTS.least_bits:
        return findings
    share = OWN_SUBJECTS.least_bits / against
    return [replace(f, bits=f.bits * share) if f.kind in _SUBJECTS and f.bits < 0 else f for f in findings]


def _scale_finding(finding: Finding, cap: float, family: list[Finding]) -> Finding:
    total = sum(f.bits for f in family)
    if abs(total) <= cap:
        return finding
    # Only the side that exceeds is scaled, so that evidence against is never shrunk by evidence for.
    side = [f.bits for f in family if f.bits * total > 0]
    other = total - sum(side)
    share = max((np.sign(total) * cap - other) / sum(side), 0.0)
    return replace(finding, bits=float(finding.bits * share)) if finding.bits * total > 0 else finding


def family_bits(findings: list[Finding]) -> dict[str, float]:
    """Sum of bits of each family."""
    totals: dict[str, float] = {}
    for finding in findings:
        totals[finding.family] = totals.get(finding.family, 0.0) + finding.bits
    return totals


def member_bits(findings: list[Finding], members: int) -> Floats:
    """Bits of each finding about each member, before the member caps.

    Returns:
        Array findings x members; zeros where a finding says nothing of single members.
    """
    table = np.zeros((len(findings), members))
    for row, finding in zip(table, findings, strict=True):
        if finding.member_bits is not None:
            row[:] = finding.member_bits
    return table


def member_evidence(findings: list[Finding], members: int) -> Floats:
    """Bits of each finding about each member, scaled down to the member caps of its family."""
    table = member_bits(findings, members)
    caps = {"content": P.content, "queue": P.queue, "identity": P.identity, "network": P.network}
    for family, cap in caps.items():
        own = np.array([f.family == family for f in findings], bool)
        if not own.any():
            continue
        total = np.zeros(members)
        for row in table[own]:  # one after another, so that rows of zeros change no bit
            total += row
        scale = np.where(np.abs(total) > cap, cap / np.maximum(np.abs(total), 1e-9), 1.0)
        table[own] *= scale
    return table
