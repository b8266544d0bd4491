"""Groups that openly are customers: what they share is explained.

One customer that says so is not a hidden operation, nor are several: the seats of a help desk, the classes of a school.
An operation that rents identities gives them away by contradictions: one card or one network with a dozen countries
behind it.
"""

from __future__ import annotations

import numpy as np

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.findings import Finding

PUBLIC_DOMAIN = 5
"""Times a part's size from which outsiders make its mail domain a public provider's."""
OPENLY = 0.9
"""Share of the accounts that must agree for a group to be one open customer, or belong to one for it to be several."""
SMALLEST_PART = 3
"""Accounts of one mail domain that are a customer of several seats."""


def declared_organisation(frame: Frame, candidate: Candidate) -> Finding | None:
    """One declared organisation, where most members name it.

    Args:
        frame: the log.
        candidate: the candidate.
    """
    own = frame.declared[candidate.accounts]
    names, seats = np.unique(own[own >= 0], return_counts=True)
    share = float(seats.max(initial=0)) / len(own)
    if share < 0.5:
        return None
    bits = np.where(own == names[np.argmax(seats)], -4.0, 0.0)
    return Finding(
        "identity",
        "declared_organisation",
        f"{share:.0%} of its accounts declare one organisation: what they share is explained by one known customer",
        -6.0,
        count=len(candidate.rows),
        member_bits=bits,
    )


def open_customers(frame: Frame, candidate: Candidate) -> Finding | None:
    """One customer or several, each with a mail domain of its own, one payer or sign-up network, and one country.

    Args:
        frame: the log.
        candidate: the candidate.
    """
    domain = frame.customers.codes.get("email_domain")
    if domain is None:
        return None
    own = domain[candidate.accounts]
    public = frame.public[candidate.accounts]
    open_member = np.zeros(len(own), bool)
    payers: list[int] = []
    institution, disposable = (frame.customers.codes[name] for name in ("institution", "disposable"))
    parts, weight = 0, frame.outsider_weight(candidate.accounts)
    for value in np.unique(own[own >= 0]):
        inside = own == value
        outsiders = (int(frame.domain_holders[value]) - int((inside & public).sum())) * weight
        accounts = candidate.accounts[inside]
        if inside.sum() < SMALLEST_PART or outsiders > PUBLIC_DOMAIN * inside.sum():
            continue
        if (disposable[accounts] > 0).any():  # mail that anybody can have, however few have it here
            continue
        if _one_payer(frame, accounts) and ((institution[accounts] > 0).all() or _one_country(frame, accounts)):
            open_member |= inside
            parts += 1
            payers += _payer(frame, accounts)
    if not parts or open_member.mean() < OPENLY or len(set(payers)) < len(payers):
        return None
    whose = "one customer" if parts == 1 else f"{parts} customers"
    return Finding(
        "identity",
        "open_customer",
        f"its accounts belong to {whose} with a mail domain of its own, one payer or sign-up network and one country: "
        "a group that hides nothing",
        -6.0,
        count=len(candidate.rows),
        member_bits=np.zeros(len(candidate.accounts)),
    )


def _one_payer(frame: Frame, accounts: Ints) -> bool:
    """One payer, or one network from which all were opened."""
    return max(_agreement(frame, accounts, name) for name in ("payment_fingerprint", "signup_prefix")) >= OPENLY


def _payer(frame: Frame, accounts: Ints) -> list[int]:
    """The payment instrument of most of the accounts, if any: customers that are several do not share one."""
    values = frame.customers.codes.get("payment_fingerprint")
    if values is None:
        return []
    known, holders = np.unique(values[accounts][values[accounts] >= 0], return_counts=True)
    return [int(known[np.argmax(holders)])] if holders.sum() >= OPENLY * len(accounts) else []


def _one_country(frame: Frame, accounts: Ints) -> bool:
    countries = [_agreement(frame, accounts, name) for name in ("signup_country", "payment_country")]
    return not any(0.0 < country < OPENLY for country in countries)


def _agreement(frame: Frame, accounts: Ints, name: str) -> float:
    """Share of the accounts that have the commonest value of a customer column; 0 where it is not known."""
    values = frame.customers.codes.get(name)
    if values is None:
        return 0.0
    own = values[accounts]
    return float(np.unique(own[own >= 0], return_counts=True)[1].max(initial=0) / len(own))
