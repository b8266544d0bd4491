"""One piece of evidence before caps, and the caps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from stillhunt.score.context.coding import Floats, Ints

LINKAGE = ("identity", "network", "timing")
"""Families that say "one operator", which is not yet "one that harvests"."""
EXAMPLES = 50
"""Most requests that one finding names."""
HARVEST = ("content", "queue")
"""Families that say "one plan is dealt out"; at least one of the two that convict must be among them."""


@dataclass(frozen=True)
class Finding:
    """What one test found about one candidate.

    Attributes:
        family, kind: evidence family and name of the test.
        statement: one sentence with its figures.
        bits: log2 likelihood ratio for the whole candidate.
        rows: requests that show it, at most 50, as positions in the sketches.
        count: requests behind it.
        member_bits: bits for each member account, in the order of the candidate's accounts; None where the test says
            nothing of single accounts.
        blind: True where the group was formed without a look at what this test looks at, and could have been refuted by
            it. Such a finding has a cap of its own and takes no room from the others.
        untold: True where the log holds too little for the test: no bits, and the statement says what is lacking.
    """

    family: str
    kind: str
    statement: str
    bits: float
    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    count: int = 0
    member_bits: Floats | None = None
    blind: bool = False
    untold: bool = False


def untold(family: str, kind: str, statement: str) -> Finding:
    """Finding of a test that cannot be made.

    Args:
        family: evidence family.
        kind: name of the test.
        statement: what is lacking.
    """
    return Finding(family, kind, statement, 0.0, untold=True)


def examples(rows: Ints) -> Ints:
    """At most `EXAMPLES` of the requests, evenly spread.

    Args:
        rows: positions in the sketches.
    """
    if len(rows) <= EXAMPLES:
        return rows
    return rows[np.linspace(0, len(rows) - 1, EXAMPLES).astype(np.int64)]


def capped(findings: list[Finding], caps: dict[str, float], linkage_cap: float) -> list[Finding]:
    """Scale the positive findings of each family down to its cap, and those of the linkage families to theirs.

    Evidence that several accounts have one operator cannot by itself say that the operator harvests: companies,
    classes and families share cards and addresses too. However strong, linkage earns at most the odds by which
    harvesting operations outnumber honest single operators among candidates.

    Args:
        findings: raw findings of one candidate.
        caps: most bits of each family, either way.
        linkage_cap: most bits of identity, network and timing together.
    """
    scaled = [
        f if f.blind else _scaled(f, caps[f.family], [g for g in findings if g.family == f.family and not g.blind])
        for f in findings
    ]
    linked = [f.family in LINKAGE and f.bits > 0 and not f.blind for f in scaled]
    linkage = sum(f.bits for f, counts in zip(scaled, linked, strict=True) if counts)
    if linkage <= linkage_cap:
        return scaled
    share = linkage_cap / linkage
    return [replace(f, bits=f.bits * share) if counts else f for f, counts in zip(scaled, linked, strict=True)]


def _scaled(finding: Finding, cap: float, family: list[Finding]) -> Finding:
    total = sum(f.bits for f in family)
    if abs(total) <= cap:
        return finding
    # Only the side that exceeds is scaled, so that what speaks against is never shrunk by what speaks for.
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
