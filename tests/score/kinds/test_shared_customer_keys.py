"""Cards, mail domains, sign-up networks and sign-up times that accounts share beyond chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import HOUR, finding_of, group_of, log_of_rows, with_accounts

from stillhunt.base.wording import fill
from stillhunt.score.context import customers as disposable_mail
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind
from stillhunt.score.evidence.kinds.shared_customer_keys import MAIL_KIND
from stillhunt.score.evidence.kinds.shared_customer_keys import SHARED_CUSTOMER_KINDS as KINDS
from stillhunt.score.stats.shared_keys import shared_value, single_valued

MEMBERS, OTHERS = 20, 100
ACCOUNTS = MEMBERS + OTHERS
PAYMENT, _, PREFIX, CREATED = KINDS
WORDS = {
    "payment_fingerprint": "pay with {n:payment instrument}",
    "email_domain": "have mail addresses at {n:domain}",
    "signup_prefix": "signed up from {n:network}",
    "created_at": "signed up within {n:window} of 12 hours",
}


@pytest.fixture(autouse=True)
def known_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of disposable domains that does not change with a package."""
    monkeypatch.setattr(disposable_mail, "_listed_domains", lambda: frozenset({"throwaway.example"}))


def value_of(kind: EvidenceKind, code: int) -> Any:
    """A value of the kind's column; codes are half days for sign-up times."""
    if kind is CREATED:
        return code * 12 * HOUR + code % 7 * HOUR
    return f"d{code}.example" if kind is MAIL_KIND else code


def log_with(kind: EvidenceKind, members: list[int | None], **columns: list[Any]) -> ScoredLog:
    """Members with the given values of the kind's column, and others each with a value of its own."""
    codes = [*members, *(1_000 + n for n in range(OTHERS))]
    values = [None if code is None else value_of(kind, code) for code in codes]
    account = np.repeat(np.arange(len(codes)), 2)
    return log_of_rows(account, np.arange(len(account)), customers={kind.name: values, **columns})


def found_in(kind: EvidenceKind, log: ScoredLog, members: int = MEMBERS) -> Finding:
    found = finding_of(kind, log, group_of(log, members))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_value_that_only_the_members_share_is_evidence(kind: EvidenceKind) -> None:
    found = found_in(kind, log_with(kind, [7] * 15 + [8 + n for n in range(5)]))
    assert found.bits > 8.0
    assert (found.family, found.kind) == ("identity", kind.name)
    assert found.statement == (f"15 of 20 accounts {fill(WORDS[kind.name], n=1)}, which chance does not explain")
    assert found.member_bits is not None
    assert found.member_bits[0] == 6.0, "capped"
    assert found.count == 2 * MEMBERS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_bits_are_those_of_shared_values(kind: EvidenceKind) -> None:
    rng = np.random.default_rng(1)
    members = [None if n % 7 == 0 else int(rng.integers(0, 6)) for n in range(MEMBERS)]
    log = log_with(kind, members)
    found = found_in(kind, log)
    codes = log.accounts.customers.codes[kind.name]
    key = single_valued(codes, log.accounts.country, log.accounts.background)
    expected = shared_value(codes[:MEMBERS], np.arange(MEMBERS), key)
    assert found.bits == pytest.approx(expected.bits)
    assert found.member_bits is not None
    assert found.member_bits.tolist() == np.clip(expected.member_bits, -6.0, 6.0).tolist()
    assert found.statement.startswith(f"{expected.sharing} of 20 accounts ")
    assert fill(WORDS[kind.name], n=expected.values) in found.statement


@pytest.mark.parametrize(
    ("sharing", "members", "part"),
    [(9, 60, 0.0), (15, 60, 0.1 / 0.35), (8, 20, 0.25 / 0.35), (10, 20, 1.0), (20, 20, 1.0)],
)
def test_what_few_share_says_nothing_of_the_group(sharing: int, members: int, part: float) -> None:
    """Classmates among strangers make no operation of it; what it says of each of them stays."""
    log = log_with(PAYMENT, [7 if n < sharing else 8 + n for n in range(members)])
    found = found_in(PAYMENT, log, members)
    key = log.keys.customer(PAYMENT.name)
    whole = shared_value(log.accounts.customers.codes[PAYMENT.name][:members], np.arange(members), key)
    assert whole.bits > 0.0
    assert found.bits == pytest.approx(whole.bits * part)
    assert found.member_bits is not None
    assert found.member_bits.tolist() == np.clip(whole.member_bits, -6.0, 6.0).tolist()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_without_the_column_nothing_is_said(kind: EvidenceKind) -> None:
    account = np.repeat(np.arange(ACCOUNTS), 2)
    without_table = log_of_rows(account, np.arange(len(account)))
    assert finding_of(kind, without_table, group_of(without_table, MEMBERS)) is None
    unknown = log_of_rows(account, np.arange(len(account)), plan=["pro"] * ACCOUNTS)
    assert finding_of(kind, unknown, group_of(unknown, MEMBERS)) is None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_a_declared_customer_shares_is_explained(kind: EvidenceKind) -> None:
    organisations = ["acme"] * MEMBERS + [None] * OTHERS
    log = log_with(kind, [7] * MEMBERS, organization_id=organisations)
    assert finding_of(kind, log, group_of(log, MEMBERS)) is None


def test_sign_ups_on_either_side_of_noon_are_two_windows() -> None:
    log = log_with(CREATED, [3] * MEMBERS)
    noon = [n % 2 * 12 * HOUR - 1 + 4 * 12 * HOUR for n in range(MEMBERS)]
    times = [*noon, *(value_of(CREATED, 1_000 + n) for n in range(OTHERS))]
    account = np.repeat(np.arange(ACCOUNTS), 2)
    apart = log_of_rows(account, np.arange(len(account)), customers={"created_at": times})
    assert "within 1 window of 12 hours," in found_in(CREATED, log).statement
    assert "within 2 windows of 12 hours," in found_in(CREATED, apart).statement


@pytest.mark.parametrize(
    ("disposable", "words"), [(1, "; 1 of them uses disposable mail"), (8, "; 8 of them use disposable mail")]
)
def test_disposable_mail_is_said_where_domains_are_shared(disposable: int, words: str) -> None:
    domains = ["throwaway.example"] * disposable + ["firm.example"] * (MEMBERS - disposable)
    domains += [f"own{n}.example" for n in range(OTHERS)]
    account = np.repeat(np.arange(ACCOUNTS), 2)
    log = log_of_rows(
        account,
        np.arange(len(account)),
        customers={"email_domain": domains, "payment_fingerprint": list(range(ACCOUNTS))},
    )
    assert found_in(MAIL_KIND, log).statement.endswith(words)
    assert "disposable" not in found_in(PAYMENT, log).statement
    honest = log_with(MAIL_KIND, [1] * 10 + [2] * 10)
    assert "disposable" not in found_in(MAIL_KIND, honest).statement


def test_members_and_accounts_outside_the_sample_are_no_comparison() -> None:
    """Half of all other accounts have the card, but none of the background sample."""
    cards = [7] * MEMBERS + [7] * 50 + list(range(100, 150))
    account = np.repeat(np.arange(ACCOUNTS), 2)
    log = log_of_rows(account, np.arange(len(account)), customers={"payment_fingerprint": cards})
    hidden = with_accounts(log, background=np.r_[np.ones(MEMBERS, bool), np.zeros(50, bool), np.ones(50, bool)])
    assert found_in(PAYMENT, log).bits == 0.0
    assert found_in(PAYMENT, hidden).bits > 8.0
