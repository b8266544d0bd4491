"""Accounts that ask about the same topics in the same proportions, as if drawing from one work queue."""

from __future__ import annotations

import numpy as np

from stillhunt.base.parameters import measured
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import CAPS, Finding
from stillhunt.score.evidence.held_out import held_out_homogeneity, part_of_own, usual_here, usual_index
from stillhunt.score.evidence.kind import EvidenceKind, MemberWording, NeededColumn, Null, Wording
from stillhunt.score.stats.arrays import Floats
from stillhunt.score.stats.beta_binomial import least_bits
from stillhunt.score.stats.homogeneity import MIN_COMPARED_ACCOUNTS, index_bits
from stillhunt.score.stats.honest_reference import TOPIC_REFERENCE


def topic_finding(case: CandidateCase) -> Finding:
    """The finding about topics, which bounds what volume may say.

    Args:
        case: the candidate before the kinds of evidence.
    """
    if KIND.name not in case.shared:
        case.shared[KIND.name] = _weighed(case)
    found: Finding = case.shared[KIND.name]
    return found


def _weighed(case: CandidateCase) -> Finding:
    candidate, log = case.candidate, case.log.requests
    # Members who left an untemplated group as likely strangers left for their topics on this fold, too.
    judged = case.without_refuted if candidate.untemplated else candidate
    # One request a conversation: its later turns keep the subject, and would count one draw many times.
    topic = np.where(log.first_of_conversation[judged.rows], log.topic[judged.rows], -1)
    found = held_out_homogeneity(case.log, judged, topic)
    usual = usual_here(case.log, candidate, found, "topic", TOPIC_REFERENCE)
    members: Floats = np.clip(candidate.per_account(candidate.queue), -CAPS.key_bits, CAPS.key_bits)
    if found.freedom < 1 or found.accounts < MIN_COMPARED_ACCOUNTS:
        known = int(np.count_nonzero(topic >= 0))
        return KIND.insufficient({"known": known, "requests": len(judged.rows)}, members)
    bits = index_bits(found, usual)
    part = part_of_own(case) if bits > 0.0 else 1.0
    return KIND.finding(
        bits * part,
        {"accounts": found.accounts, "index": found.index, "usual": usual_index(found, usual)},
        rows=candidate.rows,
        count=len(candidate.rows),
        member_bits=members,
        variant=0 if part < 1.0 else None,
    )


KIND = EvidenceKind(
    name="topic_mixture",
    family="queue",
    order=10,
    measures="homogeneity of the accounts' topics, one topic a request, on the fold that did not form the group",
    null=Null(
        "intra-class correlation of honest groups, frozen; that of the comparison accounts where these are more alike",
        measured("honest accounts of seeded worlds of two generators; table score.topic_dispersion"),
    ),
    columns=(NeededColumn("prompt", "one work queue that many accounts share"),),
    calls="any",
    most_bits=None,
    least_bits=least_bits(TOPIC_REFERENCE.queue_share),
    wording=Wording(
        "{accounts:account} {accounts:asks|ask} about topics in proportions that are more alike than those of "
        "unrelated accounts, as if drawing from one work queue: dispersion index {index:.2f} on held-out requests; "
        "unrelated accounts: about {usual:.1f}",
        "{accounts:account} {accounts:asks|ask} about topics in proportions of their own, as separate customers do: "
        "dispersion index {index:.2f} on held-out requests; unrelated accounts: about {usual:.1f}",
        "Too few of its requests have a known topic ({known:#} of {requests:#}) to compare its accounts",
        variants=(
            (
                "{accounts:account} {accounts:asks|ask} about topics in like proportions, but nearly in "
                "those of all customers, as the accounts of a reseller do: dispersion index {index:.2f} on held-out "
                "requests; unrelated accounts: about {usual:.1f}"
            ),
        ),
    ),
    members=MemberWording("Its topics match the group's", "Its topics are its own"),
    weigh=lambda _, case: topic_finding(case),
)
