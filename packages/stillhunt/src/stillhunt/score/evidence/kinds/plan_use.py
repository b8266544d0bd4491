"""Use beyond what other customers of the same price plan make of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from stillhunt.base.parameters import measured, read_parameters
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.evidence.kinds.model_and_answers import P as RANKS
from stillhunt.score.stats.beta_binomial import least_bits, part_bits, rank_ratio

_MIN_CUSTOMERS = 20  # accounts: other customers of a plan from which ranks are told (steps of 5 %)
_MIN_KNOWN = 0.5  # share: members with a rank, from which the group has one (most of them)


class PlanParameters(NamedTuple):
    """Parameters of the evidence from use of the plan."""

    power: float
    usual_rank: float


P = read_parameters(PlanParameters, "score.plan_use")
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    accounts, members = case.log.accounts, case.candidate.accounts
    plan = accounts.customers.codes.get("plan")
    if plan is None or not accounts.use_by_plan:
        return None
    of_member, used_by = plan[members], accounts.use[members]
    ranks: list[float] = []
    for own in np.unique(of_member).tolist():
        used = used_by[of_member == own]
        # Members are not compared with each other: what they add to the background's ranks is taken off.
        aside = np.sort(used[accounts.background[members[of_member == own]]])
        others = accounts.use_by_plan.get(own, aside)
        if own < 0 or len(others) - len(aside) < _MIN_CUSTOMERS:
            continue
        below = sum(np.searchsorted(others, used, side) - np.searchsorted(aside, used, side) for side in _SIDES)
        ranks += ((below / 2.0 + 0.5) / (len(others) - len(aside) + 1.0)).tolist()
    if len(ranks) < _MIN_KNOWN * len(members):
        return None
    middle = float(np.median(ranks))
    # Ranks of groups that are found at all have their middle at `usual_rank`; a power makes them uniform again.
    uniform = middle ** (np.log(0.5) / np.log(P.usual_rank))
    bits = part_bits(rank_ratio(uniform, P.power), RANKS.part)
    return kind.finding(bits, {"middle": middle}, count=len(case.candidate.rows))


_WORDS = "{middle:%} of the customers on the same price plan use less than its median account"
KIND = EvidenceKind(
    name="plan_use",
    family="conduct",
    order=190,
    measures="use against other customers of the same price plan",
    null=Null(
        "rank, made uniform for groups that are found at all", measured("honest candidates; table score.plan_use")
    ),
    columns=(
        NeededColumn("accounts.plan", "comparison of use within a price plan", enough=False),
        NeededColumn("output_tokens", "comparison of answer lengths and of use within a price plan", enough=False),
    ),
    calls="even",
    most_bits=part_bits(rank_ratio(1.0, P.power), RANKS.part),
    least_bits=least_bits(RANKS.part),
    wording=Wording(_WORDS, _WORDS, "Too few customers of the same price plan to compare use"),
    members=None,
    weigh=_weigh,
)
