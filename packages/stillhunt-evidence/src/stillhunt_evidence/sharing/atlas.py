"""What a campaign is called in MITRE ATLAS (kinds, roles and evidence -> techniques), and what receivers can do.

Ids and names are those of the ATLAS data of September 2026; the names in MISP's galaxy are older. A technique is named
only where the case shows it: no log shows that a model was trained, so AML.T0005.001 (Train Proxy via Replication) is
never named, although it is what the answers are for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class RecommendedMeasure:
    """A measure against campaigns like this one."""

    key: str
    name: str
    text: str
    mitigation: str
    mitigation_name: str
    misp_type: str  # what the object course-of-action of MISP calls it


_CONTROL = ("AML.M0019", "Control Access to AI Models and Data in Production", "Logical Access Restrictions")
RATE_LIMIT = RecommendedMeasure(
    "rate_limit",
    "Limit the rate of linked accounts together",
    "Count requests and tokens of all accounts of one operation against one limit, so that more accounts give no more "
    "answers.",
    "AML.M0004",
    "Restrict Number of AI Model Queries",
    "Logical Access Restrictions",
)
STEP_UP = RecommendedMeasure(
    "step_up",
    "Ask accounts for a proof before they go on",
    "Ask an account that matches for a card, a phone number or a person before it is answered again; honest customers "
    "can pass, and the step can be taken back.",
    *_CONTROL,
)
BLOCK = RecommendedMeasure(
    "block",
    "Block accounts after a person has looked",
    "Refuse requests of accounts that a person has reviewed on evidence of your own; a match with a shared value is a "
    "reason to look, and no evidence by itself.",
    *_CONTROL,
)


SHARED_MEASURES = (RATE_LIMIT, STEP_UP, BLOCK)
"""All measures, from the mildest."""


def measures_for(verdict: str, kind: str) -> tuple[RecommendedMeasure, ...]:
    """The measures that are recommended, from the mildest."""
    return SHARED_MEASURES if (verdict, kind) == ("act", "harvest") else (RATE_LIMIT, STEP_UP)


ATLAS = "MITRE ATLAS"
ATLAS_SOURCE = "mitre-atlas"
"""Name of the source in references of STIX, as MITRE writes it."""


@dataclass(frozen=True)
class AtlasTactic:
    """What an adversary wants."""

    id: str  # such as AML.TA0010
    name: str
    phase: str  # its name as a phase of a kill chain in STIX


@dataclass(frozen=True)
class AtlasTechnique:
    """How an adversary does it."""

    id: str
    name: str
    tactic: AtlasTactic
    galaxy: str  # its name in MISP's galaxy mitre-atlas-attack-pattern
    parent: AtlasTechnique | None = None


MODEL_ACCESS = AtlasTactic("AML.TA0000", "AI Model Access", "ai-model-access")
RESOURCES = AtlasTactic("AML.TA0003", "Resource Development", "resource-development")
INITIAL_ACCESS = AtlasTactic("AML.TA0004", "Initial Access", "initial-access")
EXFILTRATION = AtlasTactic("AML.TA0010", "Exfiltration", "exfiltration")

API_ACCESS = AtlasTechnique("AML.T0040", "AI Model Inference API Access", MODEL_ACCESS, "ML Model Inference API Access")
THROUGH_API = AtlasTechnique(
    "AML.T0024", "Exfiltration via AI Inference API", EXFILTRATION, "Exfiltration via ML Inference API"
)
EXTRACT_MODEL = AtlasTechnique("AML.T0024.002", "Extract AI Model", EXFILTRATION, "Extract ML Model", THROUGH_API)
NEW_ACCOUNTS = AtlasTechnique("AML.T0021", "Establish Accounts", RESOURCES, "Establish Accounts (ATLAS)")
VALID_ACCOUNTS = AtlasTechnique("AML.T0012", "Valid Accounts", INITIAL_ACCESS, "Valid Accounts (ATLAS)")

_OF_KIND = {
    "harvest": (API_ACCESS, THROUGH_API, EXTRACT_MODEL),
    "posing": (API_ACCESS, NEW_ACCOUNTS),
    "account_farm": (API_ACCESS, NEW_ACCOUNTS),
    "relay": (API_ACCESS,),
}
_OF_ROLE = {"dedicated": NEW_ACCOUNTS, "victim": VALID_ACCOUNTS}
"""Accounts that serve campaigns alone were opened for it; of a victim the key was taken."""
_OF_EVIDENCE = {
    "created_at": NEW_ACCOUNTS,
    "payment_fingerprint": NEW_ACCOUNTS,
    "signup_prefix": NEW_ACCOUNTS,
    "account_replacement": NEW_ACCOUNTS,
}
"""Kinds of evidence that show that one hand opened the accounts."""


TECHNIQUES = (VALID_ACCOUNTS, NEW_ACCOUNTS, THROUGH_API, EXTRACT_MODEL, API_ACCESS)
"""All that a campaign can show, by id."""


def techniques_of(kind: str, roles: Collection[str], evidence: Collection[str]) -> tuple[AtlasTechnique, ...]:
    """The techniques that a campaign shows."""
    if kind not in _OF_KIND:
        return ()
    found = {
        *_OF_KIND[kind],
        *(_OF_ROLE[role] for role in roles if role in _OF_ROLE),
        *(_OF_EVIDENCE[name] for name in evidence if name in _OF_EVIDENCE),
    }
    return tuple(sorted(found, key=lambda technique: technique.id))
