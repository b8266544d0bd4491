"""Groups that openly are customers, one or several, and those whose rented identities contradict themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from stillhunt.score.context.frame import Frame, build_frame
from stillhunt.score.evidence.evidence import _shared_customers
from stillhunt.score.evidence.findings import Finding
from stillhunt.score.evidence.open_customers import (
    OPENLY,
    PUBLIC_DOMAIN,
    SMALLEST_PART,
    declared_organisation,
    open_customers,
)
from told import group_of, told_log

from stillhunt.base.schema import ACCOUNTS
from stillhunt.score.context import disposable_mail as mail

MEMBERS = 20
LISTED = mail._listed
OUTSIDERS = 60

Columns = dict[str, list[Any]]


def customers(**members: list[Any]) -> Columns:
    """Columns of ACCOUNTS: the members' as given, outsiders each with everything of their own."""
    outside: Columns = {
        "email_domain": [f"own{n}.example" for n in range(OUTSIDERS)],
        "payment_fingerprint": [1_000 + n for n in range(OUTSIDERS)],
        "signup_prefix": [1_000 + n for n in range(OUTSIDERS)],
        "signup_country": [f"X{n % 9}" for n in range(OUTSIDERS)],
        "payment_country": [f"X{n % 9}" for n in range(OUTSIDERS)],
        "organization_id": [None] * OUTSIDERS,
    }
    return {name: [*members.get(name, [None] * MEMBERS), *values] for name, values in outside.items()}


def judged(columns: Columns) -> Finding | None:
    """What open_customers says of the first accounts."""
    frame = framed(columns)
    return open_customers(frame, group_of(frame, MEMBERS))


def framed(columns: Columns) -> Frame:
    """A log of members and outsiders."""
    count = MEMBERS + OUTSIDERS
    frame = told_log(np.repeat(np.arange(count), 2), np.arange(2 * count))
    names = [f"a{number:05d}" for number in range(count)]
    given = {name: pa.nulls(count, ACCOUNTS.arrow.field(name).type) for name in ACCOUNTS.names}
    accounts = ACCOUNTS.build(**{**given, "account_id": names, **columns})
    return build_frame(frame.sketches, told_sliced(2 * count), accounts)


def told_sliced(rows: int) -> pa.Table:
    """All requests in one content cluster."""
    zero = pa.array(np.zeros(rows, np.int64))
    yes = pa.array(np.ones(rows, bool))
    return pa.table(
        {
            "cluster": zero,
            "untemplated": pa.array(np.zeros(rows, bool)),
            "fold": zero,
            "topic": zero,
            "first_occurrence": yes,
        }
    )


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
    monkeypatch.setattr(mail, "_listed", lambda: frozenset({"throwaway.example"}))


@pytest.mark.parametrize("domain", ["throwaway.example", "mx.throwaway.example"])
def test_disposable_mail_is_no_firms_own(domain: str) -> None:
    assert judged(firm(email_domain=[domain] * MEMBERS)) is None
    assert judged(firm(email_domain=["notthrowaway.example"] * MEMBERS)) is not None


def test_disposable_mail_is_said_where_domains_are_shared() -> None:
    count = MEMBERS + OUTSIDERS
    frame = framed(firm(email_domain=["throwaway.example"] * 8 + ["firm.example"] * (MEMBERS - 8)))
    assert frame.accounts == count
    found = _shared_customers(frame, group_of(frame, MEMBERS))
    (domains,) = [finding for finding in found if finding.kind == "email_domain"]
    assert domains.statement.endswith("; 8 use disposable mail")
    assert not any("disposable" in finding.statement for finding in found if finding.kind != "email_domain")


def test_without_a_list_nothing_is_disposable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_listed", frozenset)
    assert mail.disposable(["throwaway.example", None, ""]).tolist() == [0, 0, 0]
    assert mail.list_version() == ""


def test_the_package_knows_the_best_known_ones() -> None:
    pytest.importorskip("disposable_email_domains", reason="stillhunt[enrich] is not installed")
    listed = LISTED()
    assert "mailinator.com" in listed
    assert "gmail.com" not in listed


def test_one_firm_is_open() -> None:
    found = judged(firm())
    assert found is not None
    assert (found.family, found.kind) == ("identity", "open_customer")
    assert found.bits < 0
    assert "one customer" in found.statement
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
    """One card behind several mail domains is one operator that bought domains, and that is hidden."""
    assert judged(schools(payment_fingerprint=[cards[n] for n in SCHOOL])) is None


def test_one_shared_card_beside_the_parts_own_makes_them_one_operator() -> None:
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


def test_a_customer_is_more_than_a_seat_or_two() -> None:
    """Twenty domains of one account each are twenty strangers to each other, whoever pays."""
    assert judged(firm(email_domain=[f"d{n}.example" for n in range(MEMBERS)])) is None
    small = np.arange(MEMBERS) // (SMALLEST_PART - 1)
    assert judged(firm(email_domain=[f"d{n}.example" for n in small])) is None
    enough = np.minimum(np.arange(MEMBERS) // SMALLEST_PART, MEMBERS // SMALLEST_PART - 1)
    domains = [f"d{n}.example" for n in enough]
    assert judged(firm(email_domain=domains, payment_fingerprint=(enough + 1).tolist())) is not None


@pytest.mark.parametrize(("inside", "is_open"), [(round(OPENLY * MEMBERS), True), (round(OPENLY * MEMBERS) - 1, False)])
def test_most_members_must_belong(inside: int, is_open: bool) -> None:
    domains = ["firm.example" if n < inside else f"own{n}.example" for n in range(MEMBERS)]
    assert (judged(firm(email_domain=domains)) is not None) == is_open


def test_a_public_provider_is_no_customer() -> None:
    """Who shares the mail provider of half the public shares nothing."""
    columns = firm()
    assert PUBLIC_DOMAIN * 4 < OUTSIDERS
    parts = ["firm.example" if n < 4 else f"part{n % 4}.example" for n in range(MEMBERS)]
    columns["email_domain"][:MEMBERS] = parts
    columns["payment_fingerprint"][:MEMBERS] = [9 if n < 4 else n % 4 for n in range(MEMBERS)]
    assert judged(columns) is not None
    public = [*parts, *["firm.example"] * (PUBLIC_DOMAIN * 4 + 1)]
    columns["email_domain"][: len(public)] = public
    assert judged(columns) is None, "four seats of a domain that 21 outsiders have"


def test_without_a_customer_table_nobody_is_open() -> None:
    frame = told_log(np.repeat(np.arange(30), 2), np.arange(60))
    assert open_customers(frame, group_of(frame, MEMBERS)) is None
    assert declared_organisation(frame, group_of(frame, MEMBERS)) is None


def test_unknown_domains_are_no_domain() -> None:
    assert judged(firm(email_domain=[None] * MEMBERS)) is None


@pytest.mark.parametrize(("share", "found"), [(20, True), (10, True), (9, False), (0, False)])
def test_an_organisation_that_half_of_the_members_declare_in_the_log(share: int, found: bool) -> None:
    account = np.repeat(np.arange(60), 2)
    organisation = ["acme" if number < share else None for number in account]
    frame = told_log(account, np.arange(120), organization_id=organisation)
    got = declared_organisation(frame, group_of(frame, MEMBERS))
    assert (got is not None) == found
    if got is not None:
        assert got.member_bits is not None
        assert got.member_bits.tolist() == [-4.0] * share + [0.0] * (MEMBERS - share)
