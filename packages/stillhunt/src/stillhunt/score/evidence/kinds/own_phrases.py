"""Sentences that recombine: phrases that a group without a template has in common, and hardly anybody else sends."""

import numpy as np

from stillhunt.score.evidence.finding import CAPS, CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.evidence.kinds.account_holders import ACCOUNTS_PER_BIT, OWN_TEMPLATE

# share: requests with such a phrase from which it earns all (the rest are bare questions and cover traffic)
_FULL_SHARE = 0.5
# share: requests of a stranger that carry such a phrase (by chance hardly one in a hundred does)
_STRANGER_SHARE = 0.01
_FEWEST_REQUESTS = 20  # Requests from which a share is judged (fewer are mostly noise)


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """What the accounts say took no part in finding them, and would have refuted them."""
    candidate = case.candidate
    found = case.log.requests.own_phrases[candidate.rows]
    looked_at, carries = found >= 0, found > 0
    if np.count_nonzero(looked_at) < _FEWEST_REQUESTS or not carries.any():
        return None
    accounts = len(candidate.accounts)
    hits = np.bincount(candidate.row_account[carries], minlength=accounts)
    asked = np.bincount(candidate.row_account[looked_at], minlength=accounts)
    share = float(carries.sum() / looked_at.sum())
    members = float((hits > 0).mean())
    most = min(OWN_TEMPLATE.cap_bits, accounts / ACCOUNTS_PER_BIT)
    usual = max(share, 2.0 * _STRANGER_SHARE)
    lacks = np.log2((1.0 - min(usual, 0.99)) / (1.0 - _STRANGER_SHARE))
    member_bits = hits * np.log2(usual / _STRANGER_SHARE) + (asked - hits) * lacks
    return kind.finding(
        most * min(share / _FULL_SHARE, 1.0) * members,
        {"share": share, "senders": int((hits > 0).sum()), "accounts": accounts},
        rows=candidate.rows[carries],
        count=int(carries.sum()),
        member_bits=np.clip(member_bits, -CAPS.key_bits, CAPS.key_bits),
    )


KIND = declared_kind("own_phrases", _weigh, most_bits=OWN_TEMPLATE.cap_bits, least_bits=0.0)
