"""Accounts that send unusually even volumes, as when one dispatcher spreads its tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.base.parameters import derived, judgement, measured, parameter, parameter_table, values_of
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, MemberWording, Null, Wording
from stillhunt.score.evidence.kinds.topic_mixture import topic_finding
from stillhunt.score.stats.beta_binomial import least_bits
from stillhunt.score.stats.cut_volumes import cut_volume_bits
from stillhunt.score.stats.homogeneity import index_bits, trimmed, volume_evenness, volume_fit
from stillhunt.score.stats.honest_reference import SPREADS, VOLUME_REFERENCE


@parameter_table("score.volume", "How much evenness of volume may say.")
@dataclass(frozen=True)
class VolumeParameters:
    """Parameters of the evidence from volume."""

    cap_bits: float = parameter(
        6.0,
        unit="bits",
        meaning="Most bits from even volumes.",
        provenance=judgement("a roster of equal machines is even, too"),
    )
    bits_per_topic_bit: float = parameter(
        2.0,
        unit="bits",
        meaning="Most bits from volume or workload for each bit of the topic mixture.",
        provenance=judgement(
            "a class that does one assignment is even, too: volume corroborates that one queue is worked off, and "
            "establishes nothing alone"
        ),
    )
    cut_off: int = parameter(
        3,
        unit="times",
        meaning="Times the smallest slice below which a mean volume is judged under a law that is cut off there.",
        provenance=judgement("small volumes look even where the smaller ones are missing"),
    )
    min_cut_accounts: int = parameter(
        5,
        unit="accounts",
        meaning="Accounts from which such volumes are judged.",
        provenance=judgement("the fewest accounts of a campaign"),
    )
    cut_cap_bits: float = parameter(
        1.5,
        unit="bits",
        meaning="Most bits from such volumes.",
        provenance=measured("classes with small, even volumes reach 3 bits in seeded worlds of two generators"),
    )
    same_for_all: float = parameter(
        0.25,
        unit="variance over mean",
        meaning="Evenness below which such volumes are those of a list that everybody got, and earn nothing.",
        provenance=derived("drawing at random gives 1; a quarter of it is no random drawing"),
    )


P = values_of(VolumeParameters)


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
            if len(inner) >= P.min_cut_accounts
            else 0.0
        )
        if inner.var() < P.same_for_all * inner.mean():
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
    learns="volume",
)
