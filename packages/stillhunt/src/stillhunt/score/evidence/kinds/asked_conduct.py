"""What the requests ask for: reasoning, grading, cleaned traces, probes, agent steps.

Safety researchers, teams that grade with a model and firms that keep audit trails ask for the same things as a
harvest, so a trait is weighed against how *groups* of honest accounts differ, most of them all or nothing, and never
against single requests. The log's other groups may only raise what is usual, each counting once and the extremes cut
away, so that neither the candidate nor another campaign makes itself usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import judgement, read_parameters
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.stats.beta_binomial import BetaPrior, share_ratio

# Strength of the distribution over honest groups (a template either asks for a thing or it does not)
_HONEST_STRENGTH = 1.0
_ASKED_STRENGTH = 4.0  # Strength of that distribution (operations differ)
# Share of the log's groups cut away at the upper end before they say what is usual (other campaigns are among them)
_TRIMMED_GROUPS = 0.1
_MIN_GROUPS = 10  # Other groups from which the log may raise what is usual (fewer are no sample of what is usual)
MIN_CONDUCT_REQUESTS = 20  # Requests below which no share is judged (mostly noise)


class ConductParameters(NamedTuple):
    """Parameters of the evidence from conduct; of each trait, its usual share and its weight."""

    reasoning: tuple[float, float]
    grading: tuple[float, float]
    cleaning: tuple[float, float]
    probing: tuple[float, float]
    agents: tuple[float, float]
    any_of_them: tuple[float, float]
    asked_mean: float
    most_bits: float


P = read_parameters(ConductParameters, "score.asked_conduct")


@dataclass(frozen=True)
class Trait:
    """Something that requests ask for.

    Attributes:
        verb: what they do, for the statement.
        flags: conduct flags of which any one shows it, see `extract/text/conduct.py`.
        usual: share of honest groups that live on it.
        weight: part of operations that live on it.
    """

    verb: str
    flags: int
    usual: float
    weight: float


TRAITS = (
    Trait("elicit reasoning", 1 << 0 | 1 << 1, *P.reasoning),
    Trait("have answers graded", 1 << 2, *P.grading),
    Trait("have traces rewritten or cleaned", 1 << 3, *P.cleaning),
    Trait("probe for hidden instructions or reasoning", 1 << 4 | 1 << 7, *P.probing),
    Trait("drive tools step by step", 1 << 5, *P.agents),
    Trait("elicit reasoning, grade, clean, probe or drive tools", 0b10111111, *P.any_of_them),
)
_ASKED = BetaPrior(P.asked_mean, _ASKED_STRENGTH)


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    rows = case.candidate.rows
    if len(rows) < MIN_CONDUCT_REQUESTS:
        return None
    conduct = case.log.requests.numbers("conduct", rows)
    # A mixture over the traits: an operation lives on one of them, or on none.
    ratio, shown, strongest = 1.0 - sum(trait.weight for trait in TRAITS), TRAITS[0], 0.0
    for trait in TRAITS:
        hits = int(np.count_nonzero(conduct & trait.flags))
        usual = max(trait.usual, _usual_in_log(case.log, case.candidate, trait))
        own = share_ratio(hits, len(rows), BetaPrior(usual, _HONEST_STRENGTH), _ASKED)
        ratio += trait.weight * own
        if trait.weight * own > strongest:
            shown, strongest = trait, trait.weight * own
    hit = (conduct & shown.flags) > 0
    usual = max(shown.usual, _usual_in_log(case.log, case.candidate, shown))
    return kind.finding(
        max(float(np.log2(ratio)), 0.0),  # lexicons and classifier know few of the wordings: their silence says nothing
        {"share": hit.mean(), "verb": shown.verb, "usual": usual},
        rows=rows[hit],
        count=int(hit.sum()),
    )


def _usual_in_log(log: ScoredLog, candidate: Candidate, trait: Trait) -> float:
    """Mean share over the log's other groups, each counting once, without the upper tenth of them."""
    groups = log.background.groups
    others = groups.others(candidate.slice_cluster)
    if others.sum() < _MIN_GROUPS:
        return 0.0
    order, share = groups.by_share(trait.flags)
    share = share[others[order]]
    return float(share[: len(share) - int(np.ceil(_TRIMMED_GROUPS * len(share)))].mean())


_WORDS = "{share:%} of its requests {verb}; {usual:%} elsewhere on average (most groups are near 0 % or 100 %)"
KIND = EvidenceKind(
    name="asked_conduct",
    family="conduct",
    order=130,
    measures="requests that elicit reasoning, grade, clean traces, probe or drive tools",
    null=Null(
        "honest groups, most of them near 0 % or 100 %; the log's other groups, without the uppermost tenth of them, "
        "may raise the usual share",
        judgement("table score.asked_conduct"),
    ),
    columns=(NeededColumn("prompt", "requests that ask for reasoning, grading or the like"),),
    calls="any",
    most_bits=P.most_bits,
    least_bits=0.0,
    wording=Wording(_WORDS, _WORDS, "Too few requests to judge what they ask for"),
    members=None,
    weigh=_weigh,
)
