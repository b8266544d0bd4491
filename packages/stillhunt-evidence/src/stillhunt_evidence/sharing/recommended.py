"""What a receiver can do: the measures that are recommended with a campaign, with ATLAS's mitigations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecommendedMeasure:
    """A measure against campaigns like this one.

    Attributes:
        misp_type: what the object course-of-action of MISP calls it.
    """

    key: str
    name: str
    text: str
    mitigation: str
    mitigation_name: str
    misp_type: str


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


SENTENCES = (RATE_LIMIT, STEP_UP, BLOCK)
"""All measures, from the mildest."""


def measures_for(verdict: str, kind: str) -> tuple[RecommendedMeasure, ...]:
    """The measures that are recommended, from the mildest."""
    return SENTENCES if (verdict, kind) == ("act", "harvest") else (RATE_LIMIT, STEP_UP)
