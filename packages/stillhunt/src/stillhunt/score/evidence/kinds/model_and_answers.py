"""One model only, and full answers: ranks among the log's other groups, so that no scale is needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.parameters import derived, judgement, parameter, parameter_table, values_of
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.stats.arrays import Floats
from stillhunt.score.stats.beta_binomial import least_bits, part_bits, rank_ratio


@parameter_table("score.ranks", "Evidence from ranks among other groups or other customers.")
@dataclass(frozen=True)
class RankParameters:
    """Parameters of the evidence from ranks."""

    min_groups: int = parameter(
        20, unit="groups", meaning="Other groups from which ranks are told.", provenance=judgement("steps of 5 %")
    )
    power: float = parameter(
        3.0,
        unit="power",
        meaning="How strongly operations lean to high ranks: density 3 rank^2.",
        provenance=derived("an operation's mean rank is 0.75 where an honest group's is 0.5"),
    )
    part: float = parameter(
        0.5, unit="share", meaning="Operations that lean to high ranks at all.", provenance=judgement("many mix models")
    )


P = values_of(RankParameters)


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    requests, rows, groups = case.log.requests, case.candidate.rows, case.log.background.groups
    others = groups.others(case.candidate.slice_cluster)
    if others.sum() < P.min_groups or not len(rows):
        return None
    share = float(np.bincount(requests.model[rows]).max() / len(rows))
    ranks = [_rank(share, groups.one_model[others])]
    tokens = requests.numbers("output_tokens", rows)
    answer = float(tokens[tokens >= 0].mean()) if (tokens >= 0).any() else float("nan")
    answers = ""
    known = others & ~np.isnan(groups.answer)
    if not np.isnan(answer) and known.sum() >= P.min_groups:
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
