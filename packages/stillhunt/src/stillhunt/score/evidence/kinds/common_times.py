"""Accounts that are active in the same 12-hour windows."""

from __future__ import annotations

from stillhunt.base.parameters import measured
from stillhunt.score.context.background import TIME_BIN
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.held_out import held_out_homogeneity, usual_here, usual_index
from stillhunt.score.evidence.kind import EvidenceKind, Null, Wording
from stillhunt.score.stats.beta_binomial import least_bits
from stillhunt.score.stats.homogeneity import MIN_COMPARED_ACCOUNTS, index_bits
from stillhunt.score.stats.honest_reference import TIME_REFERENCE


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    log, candidate = case.log, case.candidate
    found = held_out_homogeneity(log, candidate, log.requests.time[candidate.rows] // TIME_BIN)
    if found.freedom < 1 or found.accounts < MIN_COMPARED_ACCOUNTS:
        return kind.insufficient()
    usual = usual_here(log, candidate, found, "time", TIME_REFERENCE)
    return kind.finding(
        index_bits(found, usual),
        {"index": found.index, "usual": usual_index(found, usual)},
        count=len(candidate.rows),
    )


KIND = EvidenceKind(
    name="common_times",
    family="timing",
    order=80,
    measures="homogeneity of the accounts' 12-hour windows, on the fold that did not form the group",
    null=Null(
        "bursts of honest groups, frozen; those of the comparison accounts where these are more alike",
        measured("honest accounts of seeded worlds of two generators; table score.time_dispersion"),
    ),
    columns=(),
    calls="any",
    most_bits=None,
    least_bits=least_bits(TIME_REFERENCE.queue_share),
    wording=Wording(
        "Its accounts are active in the same 12-hour windows: dispersion index {index:.2f} on held-out requests; "
        "unrelated accounts: about {usual:.1f}",
        "Its accounts are active in different 12-hour windows: dispersion index {index:.2f} on held-out requests; "
        "unrelated accounts: about {usual:.1f}",
        "Too few of its requests, or too short a period, to compare when its accounts are active",
    ),
    members=None,
    weigh=_weigh,
)
