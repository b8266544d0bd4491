"""One model only, and full answers: ranks among the log's other groups, so that no scale is needed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.parameters import derived, read_parameters
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.stats.arrays import Floats
from stillhunt.score.stats.beta_binomial import least_bits, part_bits, rank_ratio

_MIN_GROUPS = 20  # Other groups from which ranks are told (steps of 5 %)


class RankParameters(NamedTuple):
    """Parameters of the evidence from ranks."""

    power: float
    part: float


P = read_parameters(RankParameters, "score.ranks")


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    requests, rows, groups = case.log.requests, case.candidate.rows, case.log.background.groups
    others = groups.others(case.candidate.slice_cluster)
    if others.sum() < _MIN_GROUPS or not len(rows):
        return None
    share = float(np.bincount(requests.model[rows]).max() / len(rows))
    ranks = [_rank(share, groups.one_model[others])]
    tokens = requests.numbers("output_tokens", rows)
    answer = float(tokens[tokens >= 0].mean()) if (tokens >= 0).any() else float("nan")
    answers = ""
    known = others & ~np.isnan(groups.answer)
    if not np.isnan(answer) and known.sum() >= _MIN_GROUPS:
        ranks.append(_rank(answer, groups.answer[known]))
        answers = f", and its answers average {formatting.plural(round(answer), 'token')}"
    ratio = float(np.mean([rank_ratio(rank, P.power) for rank in ranks]))
    below = " and, for answer length, ".join(formatting.percent(rank) for rank in ranks)
    return kind.finding(
        part_bits(ratio, P.part), {"share": share, "answers": answers, "below": below}, rows=rows, count=len(rows)
    )


def _rank(value: float, others: Floats) -> float:
    """Share of the others below, ties counting half; never 0 or 1."""
    below = float((others < value).sum()) + 0.5 * float((others == value).sum()) + 0.5
    return below / (len(others) + 1.0)


_WORDS = "{share:%} of its requests ask for one model{answers}, which is more than in {below} of the log's other groups"
KIND = EvidenceKind(
    name="model_and_answers",
    family="conduct",
    order=180,
    measures="share of one model and length of answers",
    null=Null("rank among the log's other groups, uniform", derived("a rank among exchangeable groups is uniform")),
    columns=(
        NeededColumn("output_tokens", "comparison of answer lengths and of use within a price plan", enough=False),
    ),
    calls="any",
    most_bits=part_bits(rank_ratio(1.0, P.power), P.part),
    least_bits=least_bits(P.part),
    wording=Wording(_WORDS, _WORDS, "Too few other groups to compare models and answers with"),
    members=None,
    weigh=_weigh,
)
