"""What accounts share beyond chance: cards, mail domains, sign-up networks and times, and addresses they send from."""

from dataclasses import replace

import numpy as np

from stillhunt.base import formatting
from stillhunt.score.evidence.finding import CAPS, CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind, sharing_figures
from stillhunt.score.evidence.kinds.open_customers import explained_by_customer
from stillhunt.score.stats.shared_keys import SharedKey, shared_address, shared_value


def _weigh_customer_key(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    customers, members = case.log.accounts.customers, case.candidate.accounts
    if explained_by_customer(case) or kind.name not in customers.codes or case.log.keys.customer(kind.name).empty:
        return None
    found = shared_value(customers.codes[kind.name][members], members, case.log.keys.customer(kind.name))
    finding = _finding_of(kind, case, found)
    throwaway = int((customers.codes["disposable"][members] > 0).sum())
    if kind is MAIL_KIND and throwaway:
        also = f"; {formatting.count(throwaway)} of them {'uses' if throwaway == 1 else 'use'} disposable mail"
        return replace(finding, statement=finding.statement + also)
    return finding


def _weigh_address(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    found = None if explained_by_customer(case) else address_sharing(case, kind.name)
    return None if found is None else _finding_of(kind, case, found)


def address_sharing(case: CandidateCase, name: str) -> SharedKey | None:
    """How far members share client_ip or client_prefix beyond chance; None where the log has no addresses."""
    if name not in case.shared:
        key = case.log.keys.address(name)
        case.shared[name] = None if key.empty else shared_address(case.candidate.accounts, key)
    found: SharedKey | None = case.shared[name]
    return found


# Shares of the members who share a key up to which it says nothing of the others, and from which it says all that it
# can (judgement: classmates in a group of strangers make no operation of it; half of a group is the group)
_FEW_SHARE, _MANY_SHARE = 0.2, 0.5


def part_of_group(sharing: int, accounts: int) -> float:
    """Which part of its bits something earns that so many of a group's accounts share."""
    return float(np.clip((sharing / accounts - _FEW_SHARE) / (_MANY_SHARE - _FEW_SHARE), 0.0, 1.0))


def _finding_of(kind: EvidenceKind, case: CandidateCase, found: SharedKey) -> Finding:
    accounts = len(case.candidate.accounts)
    return kind.finding(
        found.bits * part_of_group(found.sharing, accounts),
        sharing_figures(found, accounts),
        count=len(case.candidate.rows),
        member_bits=np.clip(found.member_bits, -CAPS.key_bits, CAPS.key_bits),
    )


MAIL_KIND = declared_kind("email_domain", _weigh_customer_key, most_bits=None, least_bits=0.0)
SHARED_CUSTOMER_KINDS = (
    declared_kind("payment_fingerprint", _weigh_customer_key, most_bits=None, least_bits=0.0),
    MAIL_KIND,
    declared_kind("signup_prefix", _weigh_customer_key, most_bits=None, least_bits=0.0),
    declared_kind("created_at", _weigh_customer_key, most_bits=None, least_bits=0.0),
)
SHARED_ADDRESS_KINDS = (
    declared_kind("client_ip", _weigh_address, most_bits=None, least_bits=0.0),
    declared_kind("client_prefix", _weigh_address, most_bits=None, least_bits=0.0),
)
KINDS = (*SHARED_CUSTOMER_KINDS, *SHARED_ADDRESS_KINDS)
