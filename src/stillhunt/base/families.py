"""The six families of evidence: what each shows, how readers see it named, and how many bits it may add or take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvidenceFamily:
    """One family of evidence.

    Attributes:
        name: as in the tables.
        label: for readers who do not know the method.
        clause: how a claim goes on: "120 accounts act as one operation ..., CLAUSE".
        shows: what is lost without the family, for coverage.
        about: what it is, for pages and settings.
        cap_bits: default of `score.family_cap_bits`: most bits it may add or take.
        linkage: True where it says "one operator", which is not yet "an operator that harvests".
        harvest: True where it says that one work queue is shared out; the verdict act needs one of these.
    """

    name: str
    label: str
    clause: str
    shows: str
    about: str
    cap_bits: float
    linkage: bool = False
    harvest: bool = False


EVIDENCE_FAMILIES = (
    EvidenceFamily(
        "content",
        "Same wording",
        "through the same prompt wording",
        "shared templates, and so no group at all",
        "Phrases of one template, used with the same mix.",
        8.0,
        harvest=True,
    ),
    EvidenceFamily(
        "queue",
        "One work queue",
        "with tasks that look drawn from one work queue",
        "one work queue shared by many accounts",
        "One work queue: the same topics, no repeated tasks, even volume.",
        14.0,
        harvest=True,
    ),
    EvidenceFamily(
        "timing",
        "Common schedule",
        "on a common schedule",
        "common starts, stops and pauses",
        "Common hours and days, failover, account replacement, new-model adoption.",
        8.0,
        linkage=True,
    ),
    EvidenceFamily(
        "network",
        "Network and clients",
        "from network addresses or clients that they share",
        "shared addresses and clients",
        "Shared addresses, networks and client fingerprints.",
        8.0,
        linkage=True,
    ),
    EvidenceFamily(
        "identity",
        "Sign-up and payment",
        "with sign-up or payment details in common",
        "who pays and signs up together",
        "Shared cards, mail domains and sign-ups; organisations that explain them.",
        8.0,
        linkage=True,
    ),
    EvidenceFamily(
        "conduct",
        "Manner of use",
        "in the way in which answers are collected rather than used",
        "what is asked and whether people ask back",
        "How the requests are made, and whether people stand behind them.",
        4.0,
    ),
)
"""In the order in which tables and pages name them."""

PRIOR = "prior"
"""Family of the rows that state the odds before any evidence."""
BUDGET = "budget"
"""Family of the rows that state what the false-alarm budget asks."""

FAMILY_OF = {family.name: family for family in EVIDENCE_FAMILIES}


def family_label(name: str) -> str:
    """Name of a family for readers who do not know the method; the name with a capital where it is none of ours.

    Args:
        name: as in the tables; a case made by another version may have others.
    """
    return FAMILY_OF[name].label if name in FAMILY_OF else name.capitalize()
