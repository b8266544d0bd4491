"""Ranks, so that no scale is needed: one model and full answers among a log's groups, use among a plan's customers."""

from typing import Literal, NamedTuple

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.arrays import Floats
from stillhunt.base.parameters import read_parameters
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.stats.beta_binomial import least_bits, part_bits, rank_ratio

_MIN_GROUPS = 20  # Other groups from which ranks are told (steps of 5 %)


class RankParameters(NamedTuple):
    """Parameters of the evidence from ranks."""

    power: float
    part: float


RANKS = read_parameters(RankParameters, "score.ranks")


def _weigh_ranks(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    requests, rows, groups = case.log.requests, case.candidate.rows, case.log.background.groups
    others = groups.others(case.candidate.slice_cluster)
    if others.sum() < _MIN_GROUPS or not len(rows):
        return None
    share = float(np.bincount(requests.model[rows]).max() / len(rows))
    ranks = [_rank_among(share, groups.one_model[others])]
    tokens = requests.numbers("output_tokens", rows)
    answer = float(tokens[tokens >= 0].mean()) if (tokens >= 0).any() else float("nan")
    answers = ""
    known = others & ~np.isnan(groups.answer)
    if not np.isnan(answer) and known.sum() >= _MIN_GROUPS:
        ranks.append(_rank_among(answer, groups.answer[known]))
        answers = f", and its answers average {formatting.plural(round(answer), 'token')}"
    ratio = float(np.mean([rank_ratio(rank, RANKS.power) for rank in ranks]))
    below = " and, for answer length, ".join(formatting.percent(rank) for rank in ranks)
    return kind.finding(
        part_bits(ratio, RANKS.part), {"share": share, "answers": answers, "below": below}, rows=rows, count=len(rows)
    )


def _rank_among(value: float, others: Floats) -> float:
    """Share of the others below, ties counting half; never 0 or 1."""
    below = float((others < value).sum()) + 0.5 * float((others == value).sum()) + 0.5
    return below / (len(others) + 1.0)


RANKS_KIND = declared_kind(
    "model_and_answers",
    _weigh_ranks,
    most_bits=part_bits(rank_ratio(1.0, RANKS.power), RANKS.part),
    least_bits=least_bits(RANKS.part),
)


_MIN_CUSTOMERS = 20  # accounts: other customers of a plan from which ranks are told (steps of 5 %)
_MIN_KNOWN = 0.5  # share: members with a rank, from which the group has one (most of them)


class PlanParameters(NamedTuple):
    """Parameters of the evidence from use of the plan."""

    power: float
    usual_rank: float


PLAN = read_parameters(PlanParameters, "score.plan_use")
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def _weigh_plan(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
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
    uniform = middle ** (np.log(0.5) / np.log(PLAN.usual_rank))
    bits = part_bits(rank_ratio(uniform, PLAN.power), RANKS.part)
    return kind.finding(bits, {"middle": middle}, count=len(case.candidate.rows))


PLAN_KIND = declared_kind(
    "plan_use",
    _weigh_plan,
    most_bits=part_bits(rank_ratio(1.0, PLAN.power), RANKS.part),
    least_bits=least_bits(RANKS.part),
)
KINDS = (RANKS_KIND, PLAN_KIND)
