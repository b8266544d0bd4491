"""What analysts made of the campaigns that hunts called act or review: how often they dismissed them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from stillhunt.decide.case_work import CaseWork
from stillhunt.decide.field_rates import ExactShare, exact_share
from stillhunt_server.casework.history import CampaignFacts

PROBABILITY_BANDS = ((0.0, 0.5), (0.5, 0.9), (0.9, 0.99), (0.99, 1.0))
"""Bands of the probability of a campaign; each has its lower bound, the last one both. Judgement: decades of doubt."""
CALIBRATION_MISLEADS = (
    "Analysts saw the verdict and the probability before they decided, and nobody drew at random what they decided "
    "about. Some dismissed campaigns were found rightly, such as programmes that were not declared yet."
)


@dataclass(frozen=True)
class DismissalShare:
    """What analysts made of the campaigns of one verdict, or of one band of it."""

    verdict: str
    band: tuple[float, float] | None  # bounds of the probability; None for all campaigns of the verdict
    decided: int  # campaigns that were acted on or dismissed
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
    known = [(work[name], said) for name, said in facts.items() if name in work]
    decided = [(case, said) for case, said in known if case.status in ("acted", "dismissed")]
    rows = []
    for verdict in ("act", "review"):
        for band in (None, *PROBABILITY_BANDS):
            own = [case for case, said in decided if _belongs_to_band(said, verdict, band)]
            reasons = Counter(case.reason for case in own if case.status == "dismissed")
            ordered = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
            share = exact_share(reasons.total(), len(own))
            rows.append(DismissalShare(verdict, band, len(own), reasons.total(), ordered, share))
    return rows


def _belongs_to_band(facts: CampaignFacts, verdict: str, band: tuple[float, float] | None) -> bool:
    if facts.verdict != verdict or band is None:
        return facts.verdict == verdict
    low, high = band
    return low <= facts.score < high or facts.score == high == 1.0
