"""Who the accounts say they are: one operator that poses as separate customers, one place, or nobody's together.

These findings have no bits of their own. They decide which explanations beside a harvest are worth weighing, and how
(`signs` in `verdict/explanations.toml`). What an account's holder chooses is a sign only where it ties accounts: that
they share nothing proves nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.parameters import read_parameters
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.evidence.kinds.open_customers import explained_by_customer
from stillhunt.score.evidence.kinds.phrase_mixture import phrase_bits, template_lift
from stillhunt.score.evidence.kinds.shared_customer_keys import address_sharing
from stillhunt.score.stats.arrays import Ints

_SMALLEST_SHARE = 3  # Accounts with one value from which it is shared (two may be one family)
_RARE_OUTSIDE = 2.0  # times the members with a value: others who have it, up to which it is the group's


class HolderParameters(NamedTuple):
    """Parameters of who the accounts say they are."""

    shared_share: float
    declared_share: float
    unlinked_share: float
    few_accounts: int
    template_lift: float
    template_bits_per_doubling: float
    template_accounts_per_bit: float
    template_cap_bits: float


P = read_parameters(HolderParameters, "score.account_holders")


def _shared_values(case: CandidateCase, name: str) -> tuple[float, float, int]:
    """Share of the members who have a value that several of them and few others have; the commonest one; how many."""
    codes = case.log.accounts.customers.codes[name]
    own = codes[case.candidate.accounts]
    values, members = np.unique(own[own >= 0], return_counts=True)
    everybody: Ints = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=-1)) + 1)
    group = (members >= _SMALLEST_SHARE) & (everybody[values] - members <= _RARE_OUTSIDE * members)
    shared = members[group]
    return float(shared.sum()) / len(own), float(shared.max(initial=0)) / len(own), len(shared)


def _holders(case: CandidateCase) -> str:
    """Name of the kind that fits; empty where the customer table says nothing."""
    if "account_holders" not in case.shared:
        case.shared["account_holders"] = _find_holders(case)
    name: str = case.shared["account_holders"]
    return name


def _find_holders(case: CandidateCase) -> str:
    codes, members = case.log.accounts.customers.codes, case.candidate.accounts
    if "payment_fingerprint" not in codes or explained_by_customer(case):
        return ""
    cards, networks, domains = (
        _shared_values(case, name) for name in ("payment_fingerprint", "signup_prefix", "email_domain")
    )
    school = float((codes["institution"][members] > 0).mean()) >= P.shared_share
    declared = float((case.log.accounts.declared_organisation[members] >= 0).mean())
    if max(cards[0], 0.0 if school else networks[0]) >= P.shared_share:
        one_domain = domains[1] >= P.shared_share and cards[0] < P.shared_share
        if not one_domain and declared < P.declared_share:
            return "posing_customers"
    address = _shared_addresses(case)
    if max(networks[1], domains[1], address) >= P.shared_share:
        return "one_place"
    if max(cards[0], networks[0], domains[0], address) < P.unlinked_share:
        return "unlinked_customers"
    return ""


def _shared_addresses(case: CandidateCase) -> float:
    """Share of the members who send from networks that they share beyond chance."""
    found = address_sharing(case, "client_prefix")
    return 0.0 if found is None or found.bits <= 0.0 else found.sharing / len(case.candidate.accounts)


def _weigh_holders(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    if _holders(case) != kind.name:
        return None
    cards, networks = (_shared_values(case, name) for name in ("payment_fingerprint", "signup_prefix"))
    share, _, values = cards if cards[0] >= networks[0] else networks
    what = "payment instrument" if cards[0] >= networks[0] else "sign-up network"
    figures = {
        "sharing": round(share * len(case.candidate.accounts)),
        "accounts": len(case.candidate.accounts),
        "what": formatting.plural(values, what),
    }
    return kind.finding(0.0, figures, count=len(case.candidate.rows))


def _weigh_template(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """A template of its own, where one operator stands behind accounts that pose as separate customers.

    Strangers share a public prompt, however rare. Where the accounts are one operator's, they have no reason to share
    a template that nobody else has unless they do one job.
    """
    candidate = case.candidate
    if candidate.untemplated or _holders(case) != "posing_customers":
        return None
    lift = template_lift(case.log, candidate, case.min_slice_requests)
    if lift < P.template_lift:
        return None
    most = min(P.template_cap_bits, len(candidate.accounts) / P.template_accounts_per_bit)
    bits = min(float(np.log2(lift)) * P.template_bits_per_doubling, most)
    # The mix of its phrases may have said as much.
    bits = max(bits - max(phrase_bits(case)[0], 0.0), 0.0)
    found = kind.finding(bits, {"accounts": len(candidate.accounts), "lift": round(lift)}, rows=candidate.rows)
    return replace(found, count=len(candidate.rows))


def _weigh_size(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    accounts = len(case.candidate.accounts)
    return kind.finding(0.0, {"accounts": accounts}) if accounts < P.few_accounts else None


HOLDER_KINDS = tuple(
    declared_kind(name, _weigh_holders, most_bits=0.0, least_bits=0.0)
    for name in ("posing_customers", "one_place", "unlinked_customers")
)
TEMPLATE_KIND = declared_kind("own_template", _weigh_template, most_bits=P.template_cap_bits, least_bits=0.0)
FEW_KIND = declared_kind("few_accounts", _weigh_size, most_bits=0.0, least_bits=0.0)
KINDS = (*HOLDER_KINDS, TEMPLATE_KIND, FEW_KIND)
