"""Groups that openly are customers, one or several, and those whose rented identities contradict themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import finding_of, group_of, log_of_rows, with_accounts

from stillhunt.score.context import customers as mail
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kinds.open_customers import (
    _AGREEMENT,
    _SHARED_DOMAIN,
    _SMALLEST_PART,
    DECLARED_KIND,
    OPEN_KIND,
    explained_by_customer,
)

MEMBERS = 20
OTHERS = 60

Columns = dict[str, list[Any]]


def customers(**members: list[Any]) -> Columns:
    """Columns of ACCOUNTS: the members' as given, the other accounts' all different."""
    outside: Columns = {
        "email_domain": [f"own{n}.example" for n in range(OTHERS)],
        "payment_fingerprint": [1_000 + n for n in range(OTHERS)],
        "signup_prefix": [1_000 + n for n in range(OTHERS)],
        "signup_country": [f"X{n % 9}" for n in range(OTHERS)],
        "payment_country": [f"X{n % 9}" for n in range(OTHERS)],
        "organization_id": [None] * OTHERS,
    }
    return {name: [*members.get(name, [None] * MEMBERS), *values] for name, values in outside.items()}


def judged(columns: Columns) -> Finding | None:
    """What is said of the first accounts as open customers."""
    log = log_with(columns)
    return finding_of(OPEN_KIND, log, group_of(log, MEMBERS))


def log_with(columns: Columns) -> ScoredLog:
    """A log of members and other accounts."""
    count = MEMBERS + OTHERS
    return log_of_rows(np.repeat(np.arange(count), 2), np.arange(2 * count), customers=columns)


def firm(**changes: list[Any]) -> Columns:
    """The seats of one firm: one domain, one card, one country."""
    own = {
        "email_domain": ["firm.example"] * MEMBERS,
        "payment_fingerprint": [7] * MEMBERS,
        "signup_country": ["NL"] * MEMBERS,
        "payment_country": ["NL"] * MEMBERS,
    }
    return customers(**{**own, **changes})


@pytest.fixture(autouse=True)
def known_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of disposable domains that does not change with a package."""
    monkeypatch.setattr(mail, "_listed_domains", lambda: frozenset({"throwaway.example"}))


@pytest.mark.parametrize("domain", ["throwaway.example", "mx.throwaway.example"])
def test_disposable_mail_is_no_firms_own(domain: str) -> None:
    assert judged(firm(email_domain=[domain] * MEMBERS)) is None
    assert judged(firm(email_domain=["notthrowaway.example"] * MEMBERS)) is not None


def test_one_firm_is_open() -> None:
    found = judged(firm())
    assert found is not None
    assert (found.family, found.kind) == ("identity", "open_customer")
    assert found.bits < 0
    assert found.member_bits is not None
    assert not found.member_bits.any()


def test_one_network_from_which_all_were_opened_is_as_good_as_one_card() -> None:
    cards = list(range(100, 100 + MEMBERS))
    assert judged(firm(payment_fingerprint=cards)) is None
    assert judged(firm(payment_fingerprint=cards, signup_prefix=[3] * MEMBERS)) is not None


def test_one_card_with_a_dozen_countries_is_not_open() -> None:
    """That is what rented identities look like: one payer, and people from everywhere."""
    countries = [f"C{n % 12}" for n in range(MEMBERS)]
    assert judged(firm(signup_country=countries)) is None
    assert judged(firm(payment_country=countries)) is None


def test_countries_that_are_not_known_contradict_nothing() -> None:
    nothing = [None] * MEMBERS
    assert judged(firm(signup_country=nothing, payment_country=nothing)) is not None


@pytest.mark.parametrize("domain", ["school.edu", "uni.ac.uk", "agency.gov", "dept.gov.au"])
def test_an_institution_has_people_from_many_countries(domain: str) -> None:
    countries = [f"C{n % 12}" for n in range(MEMBERS)]
    found = judged(firm(email_domain=[domain] * MEMBERS, signup_country=countries, payment_country=countries))
    assert found is not None


@pytest.mark.parametrize("domain", ["edu.example", "school.education", "notgov", "x.edu.evil.example"])
def test_a_name_that_only_resembles_an_institution_is_none(domain: str) -> None:
    countries = [f"C{n % 12}" for n in range(MEMBERS)]
    assert judged(firm(email_domain=[domain] * MEMBERS, signup_country=countries)) is None


SCHOOL = np.arange(MEMBERS) % 4
"""Four classes of four schools."""


def schools(**changes: list[Any]) -> Columns:
    """Each pays by itself and sits in one country of its own."""
    own = {
        "email_domain": [f"school{n}.example" for n in SCHOOL],
        "payment_fingerprint": (SCHOOL + 1).tolist(),
        "signup_country": [f"C{n}" for n in SCHOOL],
        "payment_country": [f"C{n}" for n in SCHOOL],
    }
    return firm(**{**own, **changes})


def test_several_customers_are_counted() -> None:
    found = judged(schools())
    assert found is not None
    assert "4 customers" in found.statement


@pytest.mark.parametrize("cards", [[7, 7, 7, 7], [1, 2, 3, 3]])
def test_parts_that_share_a_payer_are_no_several_customers(cards: list[int]) -> None:
    """One card behind several mail domains is one operation that bought domains, and that is hidden."""
    assert judged(schools(payment_fingerprint=[cards[n] for n in SCHOOL])) is None


def test_one_shared_card_beside_the_parts_own_makes_them_one_operation() -> None:
    """A few seats with cards of their own do not hide that the rest of two parts pay with one."""
    domains = [f"part{n % 2}.example" for n in range(MEMBERS)]
    country = [f"C{n % 2}" for n in range(MEMBERS)]
    parts = {"email_domain": domains, "signup_country": country, "payment_country": country}
    odd = [100, 101]
    assert judged(firm(**parts, payment_fingerprint=[*odd, *[7] * (MEMBERS - 2)])) is None
    apart = [*odd, *(n % 2 for n in range(2, MEMBERS))]
    assert judged(firm(**parts, payment_fingerprint=apart)) is not None


def test_parts_whose_payers_are_not_known_share_none() -> None:
    """What nobody told contradicts nothing: each was opened from one network, and that says whose it is."""
    nothing = [None] * MEMBERS
    found = judged(schools(payment_fingerprint=nothing, signup_prefix=(SCHOOL + 1).tolist()))
    assert found is not None
    assert "4 customers" in found.statement


def test_a_card_of_a_few_seats_is_not_the_payer_of_a_part() -> None:
    """One seat of each school has a card on file, the same one; the rest are known by their network alone."""
    cards = [7 if n < 4 else None for n in range(MEMBERS)]
    found = judged(schools(payment_fingerprint=cards, signup_prefix=(SCHOOL + 1).tolist()))
    assert found is not None
    assert "4 customers" in found.statement


def test_a_customer_is_more_than_a_seat_or_two() -> None:
    """Twenty domains of one account each are twenty strangers to each other, whoever pays."""
    assert judged(firm(email_domain=[f"d{n}.example" for n in range(MEMBERS)])) is None
    small = np.arange(MEMBERS) // (_SMALLEST_PART - 1)
    assert judged(firm(email_domain=[f"d{n}.example" for n in small])) is None
    enough = np.minimum(np.arange(MEMBERS) // _SMALLEST_PART, MEMBERS // _SMALLEST_PART - 1)
    domains = [f"d{n}.example" for n in enough]
    assert judged(firm(email_domain=domains, payment_fingerprint=(enough + 1).tolist())) is not None


@pytest.mark.parametrize(
    ("inside", "is_open"), [(round(_AGREEMENT * MEMBERS), True), (round(_AGREEMENT * MEMBERS) - 1, False)]
)
def test_most_members_must_belong(inside: int, is_open: bool) -> None:
    domains = ["firm.example" if n < inside else f"own{n}.example" for n in range(MEMBERS)]
    assert (judged(firm(email_domain=domains)) is not None) == is_open


def test_a_mail_provider_is_no_customer() -> None:
    """Who shares the mail provider of many customers shares nothing."""
    columns = firm()
    assert _SHARED_DOMAIN * 4 < OTHERS
    parts = ["firm.example" if n < 4 else f"part{n % 4}.example" for n in range(MEMBERS)]
    columns["email_domain"][:MEMBERS] = parts
    columns["payment_fingerprint"][:MEMBERS] = [9 if n < 4 else n % 4 for n in range(MEMBERS)]
    assert judged(columns) is not None
    others = [*parts, *["firm.example"] * (int(_SHARED_DOMAIN) * 4 + 1)]
    columns["email_domain"][: len(others)] = others
    assert judged(columns) is None, "four seats of a domain that 21 comparison accounts have"


@pytest.mark.parametrize(("others", "is_open"), [(20, True), (21, False)])
def test_comparison_accounts_stand_for_all_outside_the_group(others: int, is_open: bool) -> None:
    """Of 60 other accounts a third is looked at, so that each stands for three."""
    columns = firm(email_domain=["firm.example" if n < 4 else f"part{n % 4}.example" for n in range(MEMBERS)])
    columns["payment_fingerprint"][:MEMBERS] = [9 if n < 4 else n % 4 for n in range(MEMBERS)]
    seen = others // 3
    columns["email_domain"][MEMBERS : MEMBERS + seen] = ["firm.example"] * seen
    log = log_with(columns)
    place = np.arange(MEMBERS + OTHERS)
    for background in ((place >= MEMBERS) & (place < MEMBERS + 20), place < MEMBERS + 20):
        part = with_accounts(log, background=background)
        assert (finding_of(OPEN_KIND, part, group_of(part, MEMBERS)) is not None) == is_open


def test_without_a_customer_table_nobody_is_open() -> None:
    log = log_of_rows(np.repeat(np.arange(30), 2), np.arange(60))
    group = group_of(log, MEMBERS)
    assert finding_of(OPEN_KIND, log, group) is None
    assert finding_of(DECLARED_KIND, log, group) is None
    assert not explained_by_customer(CandidateCase.of(log, group, 4))


def test_unknown_domains_are_no_domain() -> None:
    assert judged(firm(email_domain=[None] * MEMBERS)) is None


def test_bits_and_statement_of_an_open_customer() -> None:
    found = judged(firm())
    assert found is not None
    assert (found.bits, found.count) == (-6.0, 2 * MEMBERS)
    assert found.statement == (
        "Its accounts belong to 1 customer with a mail domain, a payer or sign-up network and a country of its own: "
        "nothing is hidden"
    )


@pytest.mark.parametrize(("share", "found"), [(20, True), (10, True), (9, False), (0, False)])
def test_an_organisation_that_half_of_the_members_declare_in_the_log(share: int, found: bool) -> None:
    account = np.repeat(np.arange(60), 2)
    organisation = ["acme" if number < share else None for number in account]
    log = log_of_rows(account, np.arange(120), organization_id=organisation)
    group = group_of(log, MEMBERS)
    got = finding_of(DECLARED_KIND, log, group)
    assert (got is not None) == found == explained_by_customer(CandidateCase.of(log, group, 4))
    if got is not None:
        assert (got.bits, got.count) == (-6.0, 40)
        assert got.statement.startswith(f"{100 * share // MEMBERS} % of its accounts declare one organisation")
        assert got.member_bits is not None
        assert got.member_bits.tolist() == [-4.0] * share + [0.0] * (MEMBERS - share)


def test_the_organisation_is_that_of_most_members() -> None:
    """Eleven declare one and nine another; a member of the other is no seat of the first."""
    log = log_with(firm(organization_id=["acme"] * 11 + ["other"] * 9))
    got = finding_of(DECLARED_KIND, log, group_of(log, MEMBERS))
    assert got is not None
    assert got.member_bits is not None
    assert got.member_bits.tolist() == [-4.0] * 11 + [0.0] * 9


def test_a_declared_organisation_is_said_once() -> None:
    """A firm that declares itself and is open, too, is one explanation and not two."""
    log = log_with(firm(organization_id=["acme"] * MEMBERS))
    group = group_of(log, MEMBERS)
    assert finding_of(DECLARED_KIND, log, group) is not None
    assert finding_of(OPEN_KIND, log, group) is None
    case = CandidateCase.of(log, group, 4)
    assert DECLARED_KIND.weigh(DECLARED_KIND, case) is DECLARED_KIND.weigh(DECLARED_KIND, case)
