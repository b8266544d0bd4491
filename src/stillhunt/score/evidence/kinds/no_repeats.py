"""Prompts that several members send: a work queue hands each task out once, a public set or an assignment to all."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of
from stillhunt.score import kernels
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording


@parameter_table("score.no_repeats", "Evidence from prompts that several accounts send.")
@dataclass(frozen=True)
class RepeatParameters:
    """Parameters of the evidence from repeated prompts."""

    tolerated_share: float = parameter(
        0.02,
        unit="share",
        meaning="Share of prompts that several members send, up to which tasks count as not repeated.",
        provenance=judgement("retries and tiny tasks"),
    )
    none_bits: float = parameter(
        0.5,
        unit="bits",
        meaning="Bits where no prompt repeats; fewer the nearer the share comes to `tolerated_share`.",
        provenance=measured("two in three honest candidates of seeded worlds repeat none either"),
    )
    against_bits: float = parameter(
        20.0,
        unit="bits",
        meaning="Bits against, times the share above `tolerated_share`.",
        provenance=judgement("a queue does not hand a task out twice"),
    )
    most_against_bits: float = parameter(
        10.0, unit="bits", meaning="Most bits against.", provenance=judgement("some queues repeat tasks on purpose")
    )
    shared_items: float = parameter(
        0.1,
        unit="share",
        meaning="Share from which the statement names a public data set or an assignment.",
        provenance=measured("campaigns of seeded worlds stay below 3 %"),
    )


P = values_of(RepeatParameters)
SHARED_ITEMS_BITS = -P.against_bits * (P.shared_items - P.tolerated_share)
"""Bits where the share of repeated prompts is `shared_items`."""


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    candidate = case.candidate
    prompts = case.log.requests.prompt_hash[candidate.rows]
    known = prompts != 0
    if len(candidate.accounts) < 2 or not known.any():
        return None
    distinct, shared = kernels.count_shared(prompts[known], candidate.row_account[known])
    repeated = shared / distinct
    above = repeated - P.tolerated_share
    few = P.none_bits * (1.0 - repeated / P.tolerated_share)
    return kind.finding(
        few if above <= 0 else -min(P.against_bits * above, P.most_against_bits),
        {"distinct": distinct, "repeated": repeated},
        rows=candidate.rows,
        count=len(candidate.rows),
        variant=0 if repeated >= P.shared_items else None,
    )


KIND = EvidenceKind(
    name="no_repeats",
    family="queue",
    order=70,
    measures="prompts that several members send",
    null=Null("a fixed scale that allows 2 % for retries and tiny tasks", judgement("table score.no_repeats")),
    columns=(NeededColumn("prompt", "one work queue that many accounts share"),),
    calls="every",
    most_bits=P.none_bits,
    least_bits=-P.most_against_bits,
    wording=Wording(
        "Its accounts send different prompts: {repeated:%} of {distinct:distinct prompt} came from several accounts",
        "Its accounts repeat each other's prompts: {repeated:%} of {distinct:distinct prompt} came from several "
        "accounts",
        "The log has no prompts that could repeat",
        variants=(
            "Its accounts repeat each other's prompts, as with a public data set or an assignment: {repeated:%} repeat",
        ),
    ),
    members=None,
    weigh=_weigh,
)
