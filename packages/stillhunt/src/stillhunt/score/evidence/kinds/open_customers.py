"""Groups that openly are customers: what they share is explained.

One customer that says so is not a hidden operation, nor are several: the seats of a help desk, the classes of a school.
An operation that rents identities gives them away by contradictions: one card or one network with a dozen countries
behind it.
"""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.accounts import Accounts
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind

# Times a part's size, from which comparison accounts make its mail domain a public provider's (a firm's own domain has
# few users outside its group)
_SHARED_DOMAIN = 5.0
# share: accounts that must agree for a group to be one open customer, or belong to one for it to be several (a few
# seats pay or sign up elsewhere)
_AGREEMENT = 0.9
_SMALLEST_PART = 3  # Accounts of one mail domain that are a customer (several seats)


class CustomerParameters(NamedTuple):
    """Parameters of open customers."""

    declared_share: float
    other_member_bits: float


P = read_parameters(CustomerParameters, "score.open_customers")
_BITS = -6.0  # bits: what the finding is said to weigh (which explanations it allows decides, and not its bits)


def explained_by_customer(case: CandidateCase) -> bool:
    """Whether a known customer explains what the accounts share, so that sharing it is no evidence."""
    return any(_weigh_once(kind, case) is not None for kind in KINDS)


def _weigh_once(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    if kind.name not in case.shared:
        case.shared[kind.name] = _find_declared(kind, case) if kind is DECLARED_KIND else _find_open(kind, case)
    found: Finding | None = case.shared[kind.name]
    return found


def _find_declared(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """One declared organisation, where most members name it."""
    own = case.log.accounts.declared_organisation[case.candidate.accounts]
    names, seats = np.unique(own[own >= 0], return_counts=True)
    share = float(seats.max(initial=0)) / len(own)
    if share < P.declared_share:
        return None
    members = np.where(own == names[np.argmax(seats)], P.other_member_bits, 0.0)
    return kind.finding(_BITS, {"share": share}, count=len(case.candidate.rows), member_bits=members)


def _find_open(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """One customer or several, each with a mail domain of its own, one payer or sign-up network, and one country."""
    accounts, members = case.log.accounts, case.candidate.accounts
    domain = accounts.customers.codes.get("email_domain")
    if domain is None or _weigh_once(DECLARED_KIND, case) is not None:
        return None
    own, background = domain[members], accounts.background[members]
    institution, disposable = (accounts.customers.codes[name] for name in ("institution", "disposable"))
    is_open, payers = np.zeros(len(own), bool), list[int]()
    parts, weight = 0, accounts.comparison_weight(members)
    for value in np.unique(own[own >= 0]):
        inside = own == value
        others = (int(accounts.mail_domain_holders[value]) - int((inside & background).sum())) * weight
        part = members[inside]
        if inside.sum() < _SMALLEST_PART or others > _SHARED_DOMAIN * inside.sum():
            continue
        if (disposable[part] > 0).any():  # mail that anybody can have, however few have it here
            continue
        if _one_payer(accounts, part) and ((institution[part] > 0).all() or one_country(accounts, part)):
            is_open |= inside
            parts += 1
            payers += _payers_of(accounts, part)
    if not parts or is_open.mean() < _AGREEMENT or len(set(payers)) < len(payers):
        return None
    return kind.finding(_BITS, {"customers": parts}, count=len(case.candidate.rows), member_bits=np.zeros(len(members)))


def _one_payer(accounts: Accounts, part: Ints) -> bool:
    """One payer, or one network from which all signed up."""
    return max(_agreement_on(accounts, part, name) for name in ("payment_fingerprint", "signup_prefix")) >= _AGREEMENT


def _payers_of(accounts: Accounts, part: Ints) -> list[int]:
    """The payment instrument of most of the accounts, if any: customers that are several do not share one."""
    values = accounts.customers.codes["payment_fingerprint"]
    known, holders = np.unique(values[part][values[part] >= 0], return_counts=True)
    return [int(known[np.argmax(holders)])] if holders.sum() >= _AGREEMENT * len(part) else []


def one_country(accounts: Accounts, part: Ints) -> bool:
    """Whether accounts signed up and pay in one country each, as far as the customer table knows."""
    countries = [_agreement_on(accounts, part, name) for name in ("signup_country", "payment_country")]
    return not any(0.0 < country < _AGREEMENT for country in countries)


def _agreement_on(accounts: Accounts, part: Ints, name: str) -> float:
    """Share of the accounts that have the commonest value of a customer column; 0 where it is not known."""
    own = accounts.customers.codes[name][part]
    return float(np.unique(own[own >= 0], return_counts=True)[1].max(initial=0) / len(own))


DECLARED_KIND = declared_kind("declared_organisation", _weigh_once, most_bits=_BITS, least_bits=_BITS)
OPEN_KIND = declared_kind("open_customer", _weigh_once, most_bits=_BITS, least_bits=_BITS)
KINDS = (DECLARED_KIND, OPEN_KIND)
