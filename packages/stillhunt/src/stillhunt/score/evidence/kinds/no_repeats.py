"""Prompts that several members send: a work queue hands each task out once, a public set or an assignment to all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of
from stillhunt.score import kernels
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.stats.arrays import Ints

Hashes = npt.NDArray[np.uint64]


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
        meaning="Share from which the prompts may be those of a public data set or an assignment.",
        provenance=measured("campaigns of seeded worlds that hand out each task once stay below 3 %"),
    )
    assignment_overlap: float = parameter(
        0.12,
        unit="share",
        meaning="Share of one account's prompts that another one sends, too, on average over pairs, from which the "
        "accounts work through the same items; below it they draw from a pool that is far larger than their volume.",
        provenance=measured(
            "seeded worlds with real texts: evaluators of one set 0.34 to 0.93; campaigns that draw at random 0.006 to "
            "0.05; the value is the middle on a logarithmic scale"
        ),
    )
    most_against_draws: float = parameter(
        5.0,
        unit="bits",
        meaning="Most bits against where the accounts draw at random from a large pool.",
        provenance=judgement(
            "half of `most_against_bits`: a queue that wants several answers to a task, or chooses tasks at random, "
            "looks like this, and strangers who sample one large public set do so, too"
        ),
    )


P = values_of(RepeatParameters)


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    candidate = case.candidate
    prompts = case.log.requests.prompt_hash[candidate.rows]
    known = prompts != 0
    if len(candidate.accounts) < 2 or not known.any():
        return None
    distinct, shared = kernels.count_shared(prompts[known], candidate.row_account[known])
    repeated = shared / distinct
    above = repeated - P.tolerated_share
    if above <= 0:
        bits, overlap = P.none_bits * (1.0 - repeated / P.tolerated_share), 0.0
    else:
        overlap = _overlap(prompts[known], candidate.row_account[known])
        most = P.most_against_bits if overlap >= P.assignment_overlap else P.most_against_draws
        bits = -min(P.against_bits * above, most)
    found = kind.finding(
        bits,
        {"distinct": distinct, "repeated": repeated, "overlap": overlap},
        rows=candidate.rows,
        count=len(candidate.rows),
        variant=None if repeated < P.shared_items else 0 if overlap >= P.assignment_overlap else 1,
    )
    if repeated < P.shared_items:
        return found
    return replace(found, act_needs="never" if overlap >= P.assignment_overlap else "linkage")


def _overlap(prompts: Hashes, accounts: Ints) -> float:
    """Share of one account's distinct prompts that another account sends, too: the mean over all ordered pairs.

    Accounts that draw at random from a pool of as many prompts share their volume over the size of the pool.
    """
    pairs = np.unique(np.rec.fromarrays([prompts, accounts]))
    _, senders = np.unique(pairs["f0"], return_counts=True)
    others = len(np.unique(accounts)) - 1
    return float((senders * (senders - 1)).sum() / (len(pairs) * others)) if others else 0.0


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
            (
                "Its accounts repeat each other's prompts, as if drawn at random from a large pool: {repeated:%} "
                "repeat, and two accounts have {overlap:%} in common"
            ),
        ),
    ),
    members=None,
    weigh=_weigh,
)
