"""Prompts that several members send: a work queue hands each task out once, a public set or an assignment to all."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.base.parameters import judgement, read_parameters
from stillhunt.score import kernels
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.stats.arrays import Ints

Hashes = npt.NDArray[np.uint64]


class RepeatParameters(NamedTuple):
    """Parameters of the evidence from repeated prompts."""

    tolerated_share: float
    none_bits: float
    against_bits: float
    most_against_bits: float
    shared_items: float
    assignment_overlap: float
    most_against_draws: float


P = read_parameters(RepeatParameters, "score.no_repeats")


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
