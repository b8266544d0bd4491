"""What analysts dismissed of what hunts found: how far verdicts and probabilities can be trusted here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from stillhunt.decide.cases.changes import CampaignFacts
from stillhunt.decide.cases.work import CaseWork
from stillhunt.decide.field_rates import ExactShare, exact_share

PROBABILITY_BANDS = ((0.0, 0.5), (0.5, 0.9), (0.9, 0.99), (0.99, 1.0))
"""Bands of the probability of a campaign; each has its lower bound, the last one both. Judgement: decades of doubt."""
CALIBRATION_MISLEADS = (
    "Analysts saw the verdict and the probability before they decided, and nobody drew at random what they decided "
    "about. Some dismissed campaigns were found rightly, such as programmes that were not declared yet."
)


@dataclass(frozen=True)
class DismissalShare:
    """What analysts made of the campaigns of one verdict, or of one band of it.

    Attributes:
        band: bounds of the probability; None for all campaigns of the verdict.
        decided: campaigns that were acted on or dismissed.
    """

    verdict: str
    band: tuple[float, float] | None
    decided: int
    dismissed: int
    reasons: Mapping[str, int]
    share: ExactShare | None


def dismissal_calibration(work: Mapping[str, CaseWork], facts: Mapping[str, CampaignFacts]) -> list[DismissalShare]:
    """Count how many of the decided campaigns analysts dismissed, by verdict and by band of the probability.

    Where probabilities are right, at most one minus the lower bound of a band is dismissed. Watched campaigns count as
    undecided. It misleads as CALIBRATION_MISLEADS says.

    Args:
        facts: as `facts_when_decided` gives them, so that a later hunt changes no count.

    Returns:
        For act, then for review: the whole verdict first, then its bands in ascending order, the empty ones too.
    """
    rows = []
    for verdict in ("act", "review"):
        for band in (None, *PROBABILITY_BANDS):
            own = [
                case
                for name, case in work.items()
                if case.status in ("acted", "dismissed") and name in facts and _belongs(facts[name], verdict, band)
            ]
            reasons = Counter(case.reason for case in own if case.status == "dismissed")
            ordered = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
            share = exact_share(reasons.total(), len(own))
            rows.append(DismissalShare(verdict, band, len(own), reasons.total(), ordered, share))
    return rows


def _belongs(facts: CampaignFacts, verdict: str, band: tuple[float, float] | None) -> bool:
    if facts.verdict != verdict or band is None:
        return facts.verdict == verdict
    low, high = band
    return low <= facts.score < high or facts.score == high == 1.0
