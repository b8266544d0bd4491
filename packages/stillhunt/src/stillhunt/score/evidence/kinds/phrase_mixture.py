"""Accounts that use the phrases of one template, or the words of one style, with the same mix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import measured, read_parameters
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, MemberWording, NeededColumn, Null, Wording


class PhraseMixtureParameters(NamedTuple):
    """Parameters of the phrase mixture."""

    unit_bits: float
    bits_per_doubling: float
    min_lift_bits: float


P = read_parameters(PhraseMixtureParameters, "score.phrase_mixture")


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    candidate = case.candidate
    if candidate.untemplated:
        return None
    cap = SLICE_PARAMETERS.view_cap_bits
    total = float(np.clip(candidate.content, -cap, cap).sum())
    lift = template_lift(case.log, candidate, case.min_slice_requests)
    known = float(np.clip((np.log2(lift) - P.min_lift_bits) / P.min_lift_bits, 0.0, 1.0))
    bits = float(np.sign(total) * np.log2(1.0 + abs(total) / P.unit_bits) * P.bits_per_doubling) * known
    return kind.finding(
        bits,
        {"accounts": len(candidate.accounts), "held_out": round(abs(total)), "lift": round(lift)},
        rows=candidate.rows,
        count=len(candidate.rows),
        member_bits=np.clip(candidate.per_account(candidate.content), -cap, cap),
        variant=int(bits <= 0.0) if candidate.style else None,
    )


def template_lift(log: ScoredLog, candidate: Candidate, min_slice_requests: int) -> float:
    """Share of the members' traffic in the candidate's clusters over the share of casual users' traffic.

    Accounts that use the template a lot without being members (pipelines with the same wording) are left out: they
    belong neither to the background nor to the group.

    Args:
        min_slice_requests: requests in the clusters from which an account uses the template a lot.
    """
    accounts = log.accounts
    clusters = np.unique(candidate.slice_cluster)
    slices = log.slices.of_clusters(clusters)
    owners, requests = log.slices.account[slices], log.slices.start[slices + 1] - log.slices.start[slices]
    if len(clusters) > 1:  # the slices of one cluster have an owner each, ascending
        owners, place = np.unique(owners, return_inverse=True)
        requests = np.bincount(place, weights=requests)
    inside = np.asarray(requests, np.float64)
    is_member = np.zeros(accounts.count, bool)
    is_member[candidate.accounts] = True
    member = is_member[owners]
    outside = accounts.background[owners] & ~member
    heavy = outside & (inside >= min_slice_requests)
    own_background = candidate.accounts[accounts.background[candidate.accounts]]
    total = (
        accounts.background_requests - accounts.requests[own_background].sum() - accounts.requests[owners[heavy]].sum()
    )
    casual = (float(inside[outside & ~heavy].sum()) + 1.0) / (float(total) + 1.0)
    of_member = np.zeros(len(candidate.accounts))
    of_member[np.searchsorted(candidate.accounts, owners[member])] = inside[member]
    own = float(np.median(of_member / np.maximum(accounts.requests[candidate.accounts], 1)))
    return max(own / casual, 1.0)


KIND = EvidenceKind(
    name="phrase_mixture",
    family="content",
    order=20,
    measures="mix of the phrases of one template over accounts, on the fold that did not form the group",
    null=Null(
        "the same mean with a mix of its own in every account; discounted where casual users have the phrases too",
        measured("honest groups of seeded worlds reach 1 to 7 bits; table score.phrase_mixture"),
    ),
    columns=(
        NeededColumn("prompt", "templates in prompts"),
        NeededColumn("system_prompt", "templates in system prompts"),
    ),
    calls="any",
    most_bits=None,
    least_bits=None,
    wording=Wording(
        "{accounts:account} {accounts:uses|use} one template with the same mix of phrases ({held_out:bit} on "
        "held-out requests before the cap), {lift:time} as often as other customers",
        "{accounts:account} {accounts:uses|use} one template, each with a mix of phrases of its own ({held_out:bit} "
        "against a common mix, on held-out requests)",
        "The log has no prompts in which phrases could recur",
        (
            (
                "{accounts:account} {accounts:uses|use} the same words with the same mix, though no run of words "
                "recurs ({held_out:bit} on held-out requests before the cap), {lift:time} as often as other customers"
            ),
            (
                "{accounts:account} {accounts:uses|use} the same words, each with a mix of its own ({held_out:bit} "
                "against a common mix, on held-out requests)"
            ),
        ),
    ),
    members=MemberWording("Its mix of phrases matches the group's", "Its mix of phrases is its own"),
    weigh=_weigh,
)
