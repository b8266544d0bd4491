"""Accounts that send unusually even volumes, as when one dispatcher spreads its tasks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import measured, read_parameters
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, MemberWording, Null, Wording
from stillhunt.score.evidence.kinds.topic_mixture import topic_finding
from stillhunt.score.stats.beta_binomial import least_bits
from stillhunt.score.stats.cut_volumes import cut_volume_bits
from stillhunt.score.stats.homogeneity import index_bits, trimmed, volume_evenness, volume_fit
from stillhunt.score.stats.honest_reference import SPREADS, VOLUME_REFERENCE

_MIN_CUT_ACCOUNTS = 5  # Accounts from which such volumes are judged (the fewest accounts of a campaign)
# variance over mean: evenness below which such volumes are those of a list that everybody got, and earn nothing
# (derived: drawing at random gives 1; a quarter of it is no random drawing)
_SAME_FOR_ALL = 0.25


class VolumeParameters(NamedTuple):
    """Parameters of the evidence from volume."""

    cap_bits: float
    bits_per_topic_bit: float
    cut_off: int
    cut_cap_bits: float


P = read_parameters(VolumeParameters, "score.volume")


def bits_by_topics(case: CandidateCase) -> float:
    """Most bits that volume or workload may earn, given what topics say.

    Args:
        case: the candidate before the kinds of evidence.
    """
    return P.bits_per_topic_bit * max(topic_finding(case).bits, 0.0)


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    candidate = case.candidate
    if candidate.untemplated:
        return None
    volumes = case.as_found.volumes
    inner = trimmed(volumes)
    if float(volumes.mean()) < P.cut_off * case.min_slice_requests:
        even = (
            cut_volume_bits(inner, case.min_slice_requests, VOLUME_REFERENCE)
            if len(inner) >= _MIN_CUT_ACCOUNTS
            else 0.0
        )
        if inner.var() < _SAME_FOR_ALL * inner.mean():
            even = min(even, 0.0)
        even = min(even, P.cut_cap_bits)
    else:
        even = index_bits(volume_evenness(inner), VOLUME_REFERENCE)
    bits = min(even, P.cap_bits, bits_by_topics(case))
    mean = float(volumes.mean())
    return kind.finding(
        bits,
        {"mean": mean, "deviation": float(volumes.std()), "expected": float(np.sqrt(mean))},
        count=len(candidate.rows),
        member_bits=volume_fit(candidate.volumes, SPREADS.workers),
    )


KIND = EvidenceKind(
    name="even_volume",
    family="queue",
    order=30,
    measures="variance over mean of the requests per account",
    null=Null(
        "volumes of honest groups, frozen; at most two bits for each bit of `topic_mixture`",
        measured("honest accounts of seeded worlds of two generators; table score.volume_dispersion"),
    ),
    columns=(),
    calls="even",
    most_bits=P.cap_bits,
    least_bits=least_bits(VOLUME_REFERENCE.queue_share),
    wording=Wording(
        "Volume per account is unusually even: mean {mean:#}, standard deviation {deviation:.1f} ({expected:.1f} if "
        "assigned at random)",
        "Volume per account is as uneven as that of separate customers: mean {mean:#}, standard deviation "
        "{deviation:.1f} ({expected:.1f} if assigned at random)",
        "Too few requests per account to compare volumes",
    ),
    members=MemberWording("Its volume is near the group's average", "Its volume is far from the group's average"),
    weigh=_weigh,
)
