"""Members that all take up a new model within its first day.

An operation's orders name the model, so its accounts move together when a better one appears; customers drift. Reported
of campaigns: within a day of a release half of the traffic had moved. The null is what comparison accounts of similar
volume did on the same day, with honest groups (users of one framework, whose default moves) leaning far to either side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stillhunt.base.parameters import judgement, parameter, parameter_table, values_of
from stillhunt.base.units import DAY
from stillhunt.score.context.model_launches import Launch
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, Null, Wording
from stillhunt.score.stats.arrays import Flags, Floats, Ints
from stillhunt.score.stats.beta_binomial import BetaPrior, least_bits, part_bits, share_ratio


@parameter_table("score.new_model_adoption", "Evidence from the take-up of a new model.")
@dataclass(frozen=True)
class AdoptionParameters:
    """Parameters of the evidence from new-model adoption."""

    usual_strength: float = parameter(
        2.5,
        unit="strength",
        meaning="Strength of the beta distribution of honest groups around the comparison accounts' share.",
        provenance=judgement("users of one framework move when it does"),
    )
    moved_mean: float = parameter(
        0.6,
        unit="share",
        meaning="Mean share of an operation's accounts that ask for the new model within its first day.",
        provenance=judgement("reports of campaigns speak of nearly half of the traffic"),
    )
    moved_strength: float = parameter(
        4.0, unit="strength", meaning="Strength of that distribution.", provenance=judgement("operations differ")
    )
    part: float = parameter(
        0.3,
        unit="share",
        meaning="Operations that follow a launch within the day.",
        provenance=judgement("others finish the queue with the old model"),
    )
    min_members: int = parameter(
        4,
        unit="accounts",
        meaning="Members at work at a launch, from which it counts.",
        provenance=judgement("few tell nothing"),
    )
    smoothing: float = parameter(
        10.0,
        unit="accounts",
        meaning="Comparison accounts' worth of the overall share that is added to each level of volume.",
        provenance=judgement("steadies levels that few accounts reach"),
    )
    cap_bits: float = parameter(
        5.0, unit="bits", meaning="Most bits.", provenance=judgement("one or two launches in a log")
    )


P = values_of(AdoptionParameters)


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    log, candidate = case.log, case.candidate
    launches, ratios, figures, shown = log.background.launches, list[float](), dict[str, Any](), 0
    for launch in launches:
        active = candidate.accounts[launch.volume[candidate.accounts] > 0]
        if len(active) < P.min_members:
            continue
        moved = int(launch.adopted[active].sum())
        usual = _usual(launch, log.accounts.background, active)
        moving = BetaPrior(P.moved_mean, P.moved_strength)
        ratios.append(share_ratio(moved, len(active), BetaPrior(usual, P.usual_strength), moving))
        if ratios[-1] >= max(ratios):
            shown, figures = launch.model, {"moved": moved, "active": len(active), "usual": usual}
    if not ratios:
        return None
    requests = log.requests
    rows = candidate.rows[requests.model[candidate.rows] == shown]
    rows = rows[requests.time[rows] < min(launch.time for launch in launches if launch.model == shown) + DAY]
    # The mean of the ratios over launches: choosing the best of several costs nothing then.
    return kind.finding(part_bits(float(np.mean(ratios)), P.part), figures, rows=rows, count=len(rows))


def _usual(launch: Launch, background: Flags, active: Ints) -> float:
    """Share expected of the members if each were a comparison account of its volume on that day."""
    level = launch.level[active]
    aside = background[active]
    size = len(launch.active)
    others = launch.active - np.bincount(level[aside], minlength=size)
    took = launch.took - np.bincount(level[aside & launch.adopted[active]], minlength=size)
    overall = (float(took.sum()) + 1.0) / (float(others.sum()) + 2.0)
    rate: Floats = (took + P.smoothing * overall) / (others + P.smoothing)
    return float(rate[level].mean())


_WORDS = (
    "When a new model appeared, {moved:#} of {active:active member} asked for it within a day; {usual:%} of equally "
    "active comparison accounts did"
)
KIND = EvidenceKind(
    name="new_model_adoption",
    family="timing",
    order=120,
    measures="members that ask for a new model within its first day",
    null=Null(
        "equally active comparison accounts on that day; honest groups vary widely around their share",
        judgement("table score.new_model_adoption"),
    ),
    columns=(),
    calls="any",
    most_bits=P.cap_bits,
    least_bits=least_bits(P.part),
    wording=Wording(_WORDS, _WORDS, "No new model appeared while its accounts were active"),
    members=None,
    weigh=_weigh,
)
