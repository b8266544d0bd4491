"""From the p-values of the tests to one verdict, valid for every pair of suspect and campaign of the register."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stillhunt import ContractError
from stillhunt_evidence.packs.proof_file import (
    CONTROLS_TEST,
    MARKS_TEST,
    NO_CONCLUSION,
    TEST_WEIGHTS,
    TRAINED,
    combined_p,
)
from stillhunt_model.marks.detecting import SMALLEST_P

__all__ = [
    "CONTROLS_TEST",
    "MARKS_TEST",
    "SMALLEST_P",
    "TEST_WEIGHTS",
    "CombinedVerdict",
    "ProofResult",
    "weighed_verdict",
]


@dataclass(frozen=True)
class ProofResult:
    """What one test gave."""

    __test__: ClassVar[bool] = False  # pytest takes classes of such a name for tests

    name: str  # of the test, one of `TEST_WEIGHTS`
    p: float  # p-value; 1 where the test could not run
    statistic: float = 0.0  # its statistic, in units of its own; 0 where it could not run
    used: int = 0  # scored units: tokens, canaries, pairs of answers
    queries: int = 0  # queries that it took; `prove_training` counts them itself
    note: str = ""  # what it did, or why it could not run; without prompts and answers
    power: str = ""  # what it could have seen, in a sentence; empty where it could not run


@dataclass(frozen=True)
class CombinedVerdict:
    """One p-value and what follows from it."""

    p: float
    corrected: float  # for all pairs of the register
    verdict: str

    @property
    def concludes(self) -> bool:
        """Whether it says that the suspect was trained on the harvest."""
        return self.verdict == TRAINED


def weighed_verdict(results: Sequence[ProofResult], pairs: int, alpha: float) -> CombinedVerdict:
    """The verdict on one suspect and one campaign.

    Args:
        pairs: of suspect and campaign, for which the register was made.
        alpha: bar on the corrected p-value.

    Raises:
        ContractError: a p-value is none, or a test has no weight or gave two results.
    """
    for one in results:
        if one.name not in TEST_WEIGHTS or not (math.isfinite(one.p) and 0 <= one.p <= 1):
            raise ContractError(f"p = {one.p} of the test {one.name!r} cannot be combined", where="model.proof")
    if len({one.name for one in results}) < len(results):
        raise ContractError("a test gave two results for one campaign", where="model.proof")
    p = combined_p({one.name: (max(one.p, SMALLEST_P), TEST_WEIGHTS[one.name]) for one in results})
    corrected = min(1.0, p * pairs)
    return CombinedVerdict(p, corrected, TRAINED if corrected <= alpha else NO_CONCLUSION)
