"""Members that all take up a new model within its first day.

An operation's orders name the model, so its accounts move together when a better one appears; customers drift. Reported
of campaigns: within a day of a release half of the traffic had moved. The null is what comparison accounts of similar
volume did on the same day, with honest groups (users of one framework, whose default moves) leaning far to either side.
"""

from typing import Any, NamedTuple

import numpy as np

from stillhunt.base.arrays import Flags, Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.base.units import DAY
from stillhunt.score.context.background import Launch
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.stats.beta_binomial import BetaPrior, least_bits, part_bits, share_ratio

_MOVED_STRENGTH = 4.0  # Strength of that distribution (operations differ)
_MIN_MEMBERS = 4  # accounts: members at work at a launch, from which it counts (few tell nothing)
# Comparison accounts' worth of the overall share that is added to each level of volume (steadies levels that few
# accounts reach)
_SMOOTHING = 10.0


class AdoptionParameters(NamedTuple):
    """Parameters of the evidence from new-model adoption."""

    usual_strength: float
    moved_mean: float
    part: float
    cap_bits: float


P = read_parameters(AdoptionParameters, "score.new_model_adoption")


def _weigh_model_adoption(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    log, candidate = case.log, case.candidate
    launches, ratios, figures, shown = log.background.launches, list[float](), dict[str, Any](), 0
    for launch in launches:
        active = candidate.accounts[launch.volume[candidate.accounts] > 0]
        if len(active) < _MIN_MEMBERS:
            continue
        moved = int(launch.adopted[active].sum())
        usual = _usual_share(launch, log.accounts.background, active)
        moving = BetaPrior(P.moved_mean, _MOVED_STRENGTH)
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


def _usual_share(launch: Launch, background: Flags, active: Ints) -> float:
    """Share expected of the members if each were a comparison account of its volume on that day."""
    level = launch.level[active]
    aside = background[active]
    size = len(launch.active)
    others = launch.active - np.bincount(level[aside], minlength=size)
    took = launch.took - np.bincount(level[aside & launch.adopted[active]], minlength=size)
    overall = (float(took.sum()) + 1.0) / (float(others.sum()) + 2.0)
    rate: Floats = (took + _SMOOTHING * overall) / (others + _SMOOTHING)
    return float(rate[level].mean())


KIND = declared_kind("new_model_adoption", _weigh_model_adoption, most_bits=P.cap_bits, least_bits=least_bits(P.part))
