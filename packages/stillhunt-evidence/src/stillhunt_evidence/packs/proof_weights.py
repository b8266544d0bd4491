"""The tests of `stillhunt model prove` by name, with the share of the error rate of each: no result has others."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters

MARKS_TEST, CANARIES_TEST, CONTROLS_TEST = "inherited marks", "canaries", "control answers"


class ProofRules(NamedTuple):
    """Parameters that the tests and the readers of their results share."""

    marks_weight: float
    canaries_weight: float
    controls_weight: float
    largest_alpha: float


PROOF_RULES = read_parameters(ProofRules, "dossier.proof")
"""Their values."""
TEST_WEIGHTS = {
    MARKS_TEST: PROOF_RULES.marks_weight,
    CANARIES_TEST: PROOF_RULES.canaries_weight,
    CONTROLS_TEST: PROOF_RULES.controls_weight,
}
"""Name of a test -> share of the error rate that it may use, fixed before anybody is asked. The shares of tests that
cannot run are lost: to give them to others would need to know beforehand that they cannot."""
