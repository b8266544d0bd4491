"""Accounts that send unusually even volumes, as when one dispatcher spreads its tasks."""

from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import read_parameters
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.evidence.kinds.phrase_mixture import topic_finding
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
    """Most bits that volume or workload may earn, given what topics say."""
    return P.bits_per_topic_bit * max(topic_finding(case).bits, 0.0)


def _weigh_even_volume(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    candidate = case.candidate
    if candidate.has_untemplated:  # its volume is one of those by which it was found
        return None
    volumes = case.as_found.volumes
    inner = trimmed(volumes)
    mean = float(volumes.mean())
    if mean < P.cut_off * case.min_slice_requests:
        enough = len(inner) >= _MIN_CUT_ACCOUNTS
        even = cut_volume_bits(inner, case.min_slice_requests, VOLUME_REFERENCE) if enough else 0.0
        if inner.var() < _SAME_FOR_ALL * inner.mean():
            even = min(even, 0.0)
        even = min(even, P.cut_cap_bits)
    else:
        even = index_bits(volume_evenness(inner), VOLUME_REFERENCE)
    bits = min(even, P.cap_bits, bits_by_topics(case))
    return kind.finding(
        bits,
        {"mean": mean, "deviation": float(volumes.std()), "expected": float(np.sqrt(mean))},
        count=len(candidate.rows),
        member_bits=volume_fit(candidate.volumes, SPREADS.workers),
    )


KIND = declared_kind(
    "even_volume", _weigh_even_volume, most_bits=P.cap_bits, least_bits=least_bits(VOLUME_REFERENCE.queue_share)
)
