"""Client fingerprints (SDK and TLS) that accounts share beyond chance."""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.coding import commonest
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind, sharing_figures
from stillhunt.score.stats.shared_keys import shared_value

# accounts: members whose one fingerprint is a part of an untemplated group, however popular it is (a popular
# fingerprint is no evidence, but none against them either)
_SHARED_BY = 3
# Most bits that a fingerprint may say against one member (one worker may use another client)
_MEMBER_AGAINST_BITS = 3.0
# Most bits that a fingerprint may say for one member of a templated group (the template may bring the client with it)
_MEMBER_BITS = 3.0


class FingerprintParameters(NamedTuple):
    """Parameters of the evidence from client fingerprints."""

    cap_bits: float
    untemplated_cap_bits: float
    untemplated_member_bits: float


P = read_parameters(FingerprintParameters, "score.client_fingerprint")


def _weigh_client_fingerprint(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    if case.log.keys.client_fingerprint().empty:
        return None
    return _weigh_untemplated(kind, case) if case.candidate.untemplated else _weigh_templated(kind, case)


def _weigh_templated(kind: EvidenceKind, case: CandidateCase) -> Finding:
    log, candidate = case.log, case.candidate
    fingerprint = log.requests.client_fingerprint
    own = commonest(candidate.row_account, fingerprint[candidate.rows], len(candidate.accounts))
    # The untemplated slices of a whole were found with the help of their fingerprint.
    passed_over = max(candidate.searched - int((own >= 0).sum()), 0)
    found = shared_value(own, candidate.accounts, log.keys.client_fingerprint(), passed_over=passed_over)
    return kind.finding(
        min(found.bits, P.cap_bits),
        sharing_figures(found, len(candidate.accounts)),
        count=len(candidate.rows),
        member_bits=np.clip(found.member_bits, -_MEMBER_AGAINST_BITS, _MEMBER_BITS),
    )


def _weigh_untemplated(kind: EvidenceKind, case: CandidateCase) -> Finding:
    """Judged on the slices that topics and workload formed, among accounts with the same request style."""
    log, current, candidate = case.log, case.candidate, case.as_found
    fingerprint = log.requests.client_fingerprint
    style = int(np.bincount(log.requests.request_style[candidate.rows]).argmax())
    formed = candidate.formed_on[candidate.row_slice] > 0
    own = commonest(candidate.row_account[formed], fingerprint[candidate.rows[formed]], len(candidate.accounts))
    # Members who were found with the help of their fingerprint are neither evidence nor background.
    passed_over = max(candidate.searched - int((own >= 0).sum()), 0)
    key = log.keys.client_fingerprint(style)
    found = shared_value(own, candidate.accounts, key, passed_over=passed_over)
    used = commonest(candidate.row_account, fingerprint[candidate.rows], len(candidate.accounts))
    bits = _as_users_of_the_same(found.member_bits, own, used)[np.isin(candidate.accounts, current.accounts)]
    return kind.finding(
        min(found.bits, P.untemplated_cap_bits),
        sharing_figures(found, len(candidate.accounts)),
        count=len(candidate.rows),
        member_bits=np.clip(bits, -_MEMBER_AGAINST_BITS, P.untemplated_member_bits),
        independent=True,
        variant=0,
    )


def _as_users_of_the_same(bits: Floats, judged: Ints, used: Ints) -> Floats:
    """Bits of each member's fingerprint; who was not judged counts as those who were and use the same."""
    by_value = np.zeros(int(max(judged.max(initial=-1), used.max(initial=-1))) + 2)
    by_value[judged[judged >= 0]] = bits[judged >= 0]
    known = np.where(judged >= 0, bits, np.where(used >= 0, by_value[used], 0.0))
    # A popular fingerprint that several members share is no evidence, but it is not evidence against them either.
    counts = np.bincount(used[used >= 0], minlength=int(used.max(initial=-1)) + 1)
    common = np.zeros(len(used), bool)
    common[used >= 0] = counts[used[used >= 0]] > _SHARED_BY
    return np.where(common, np.maximum(known, 0.0), known)


KIND = declared_kind("client_fingerprint", _weigh_client_fingerprint, most_bits=P.untemplated_cap_bits, least_bits=0.0)
