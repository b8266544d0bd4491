"""Caps: how many bits one family, and the linkage families together, may add or take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stillhunt.base.families import EVIDENCE_FAMILIES
from stillhunt.base.parameters import read_parameters
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.stats.arrays import Floats

LINKAGE = tuple(family.name for family in EVIDENCE_FAMILIES if family.linkage)
"""Families that say "one operator", which is not yet "one that harvests"."""


class MemberCaps(NamedTuple):
    """Caps of evidence about one member; families that say nothing of single members have none."""

    content: float
    queue: float
    identity: float
    network: float


P = read_parameters(MemberCaps, "score.member_caps")


def capped(findings: list[Finding], caps: Mapping[str, float], linkage_cap: float) -> list[Finding]:
    """Scale the positive findings of each family down to its cap, and those of the linkage families to theirs.

    Evidence that several accounts have one operator cannot by itself say that the operator harvests: companies,
    classes and families share cards and addresses too. However strong, linkage earns at most the odds by which
    harvesting operations outnumber honest single operators among candidates.

    Args:
        caps: most bits of each family, either way.
        linkage_cap: most bits of identity, network and timing together.
    """
    scaled = [
        f
        if f.independent
        else _scale_finding(f, caps[f.family], [g for g in findings if g.family == f.family and not g.independent])
        for f in findings
    ]
    linked = [f.family in LINKAGE and f.bits > 0 and not f.independent for f in scaled]
    linkage = sum(f.bits for f, counts in zip(scaled, linked, strict=True) if counts)
    if linkage <= linkage_cap:
        return scaled
    share = linkage_cap / linkage
    return [replace(f, bits=f.bits * share) if counts else f for f, counts in zip(scaled, linked, strict=True)]


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
