"""The tests of `stillhunt model prove` by name, with the share of the error rate of each: no result has others."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import derived, judgement, parameter, parameter_table, values_of

MARKS_TEST, CANARIES_TEST, CONTROLS_TEST = "inherited marks", "canaries", "control answers"


@parameter_table("dossier.proof", "What every result of `model prove` must keep to; packs refuse others.")
@dataclass(frozen=True)
class ProofRules:
    """Parameters that the tests and the readers of their results share."""

    marks_weight: float = parameter(
        0.4,
        unit="1",
        meaning="Share of the error rate that the test of inherited marks may use; its p-value is divided by it.",
        provenance=judgement("fixed before any suspect is asked; marks and control answers are the strong tests"),
    )
    canaries_weight: float = parameter(
        0.2,
        unit="1",
        meaning="The same for canaries.",
        provenance=judgement("canaries are few, so that the test is seldom the strongest"),
    )
    controls_weight: float = parameter(
        0.4,
        unit="1",
        meaning="The same for control answers.",
        provenance=judgement("as for marks; it is the only test of a campaign without a mark"),
    )
    largest_alpha: float = parameter(
        0.05,
        unit="1",
        meaning="Largest bar on the corrected p-value with which a result is accepted.",
        provenance=derived("the largest value of the setting model.alpha"),
    )


PROOF_RULES = values_of(ProofRules)
"""Their values."""
TEST_WEIGHTS = {
    MARKS_TEST: PROOF_RULES.marks_weight,
    CANARIES_TEST: PROOF_RULES.canaries_weight,
    CONTROLS_TEST: PROOF_RULES.controls_weight,
}
"""Name of a test -> share of the error rate that it may use, fixed before anybody is asked. The shares of tests that
cannot run are lost: to give them to others would need to know beforehand that they cannot."""
