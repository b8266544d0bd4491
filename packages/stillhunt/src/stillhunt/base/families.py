"""The six families of evidence, and the skills that a request asks for or an answer shows."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FamilyNeed:
    """Columns of one family."""

    enough: tuple[str, ...]  # columns of which one is enough for some evidence; none: timestamp, account and model are
    helpful: tuple[tuple[str, str], ...]  # columns that add to it, with what each adds ("without NAME no ...")
    shows: str  # what is lost without the family


@dataclass(frozen=True)
class EvidenceNeeds:
    """What all evidence needs; kinds that must see every call, or need a log sampled at one rate."""

    families: dict[str, FamilyNeed]
    every_call: tuple[str, ...]
    even_sampling: tuple[str, ...]


SKILLS = (
    (1 << 0 | 1 << 15, "reasoning traces"),
    (1 << 1, "reasoning in a fixed format"),
    (1 << 2 | 1 << 16, "grading with rubrics"),
    (1 << 3, "cleaning of traces"),
    (1 << 4, "probing for hidden reasoning"),
    (1 << 5 | 1 << 17, "agent trajectories"),
    (1 << 6, "generation of tasks"),
    (1 << 7, "translation of hidden reasoning"),
    (1 << 12 | 1 << 18, "coding"),
    (1 << 13, "mathematics"),
    (1 << 14, "translation"),
)
"""Conduct flags that name a skill, of the request or of its answer, see `extract/text/conduct.py`; a test holds the two
together."""
NO_SKILL = "general instruction following"  # what is said of requests that name none


@dataclass(frozen=True)
class EvidenceFamily:
    """One family of evidence."""

    name: str
    label: str  # for readers who do not know the method
    shared: str  # what accounts have in common by it: "They appear to share SHARED"
    shows: str  # what is lost without the family, for coverage
    about: str  # what it is, for pages and settings
    cap_bits: float  # default of `score.family_cap_bits`: most bits it may add or take
    linkage: bool = False  # True where it says "one operator", which is not yet "an operator that harvests"


EVIDENCE_FAMILIES = tuple(
    EvidenceFamily(name, **entries)
    for name, entries in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
)
"""In the order of all tables and pages."""
PRIOR = "prior"  # family of the rows that state the odds before any evidence
BUDGET = "budget"  # family of the rows that state what the false-alarm budget asks
MEMBERSHIP = "members"  # family of the rows that state that too few accounts are likelier members than not
INDEPENDENCE = "independence"
"""Family of the rows that state that fewer than two families of evidence are strong."""
FLAGGING = "flagging"  # family of the rows that state that no account is surely enough a member
STANDING = "standing"
"""Family of the rows, about a campaign and about members of it, that state that a verdict of the look before stands."""
OTHERS = "explanations"
"""Family of the rows that state each explanation beside a harvest, with the odds against it in place of bits before
caps, and what they take from the odds together."""
LIMIT_FAMILIES = (BUDGET, MEMBERSHIP, INDEPENDENCE, FLAGGING, STANDING)
"""Families of the rows, with 0 bits, that state why a verdict is not what the probability by itself gives."""
SIGN_KINDS = frozenset(
    {
        "posing_customers",
        "partly_posing",
        "one_place",
        "unlinked_customers",
        "few_accounts",
        "own_mail_domain",
        "other_work",
        "unknown_holders",
        "unknown_place",
    }
)
"""Kinds of evidence without bits of their own: that they were found decides which explanations are weighed, and how."""
OUTSIDE = "outside_"
"""Beginning of the names of kinds of evidence that rest on what somebody knows beside the log (stillhunt-signals).
Alone they never make the verdict act, and what they say stays here: packs and shares leave their statements out."""
TOLD = "_told"  # end of the names of those kinds of `OUTSIDE` whose statements may leave, since the settings say so


def stays_here(kind: str) -> bool:
    """Whether what a kind of evidence says is for the provider alone, and for no pack and no share."""
    return kind.startswith(OUTSIDE) and not kind.endswith(TOLD)


FAMILY_OF = {family.name: family for family in EVIDENCE_FAMILIES}


def family_label(name: str) -> str:
    """Name of a family for readers who do not know the method; one of another version keeps its name, capitalised."""
    return FAMILY_OF[name].label if name in FAMILY_OF else name.capitalize()
