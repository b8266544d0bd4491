"""What the accounts table says for a link: cards and sign-ups in common with members, and what is no evidence."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stillhunt.base.schema import ACCOUNTS
from stillhunt.decide.weighed_links import sign_up_bits
from stillhunt.watch.signatures.parameters import MATCHING, SIGNATURES

MEMBERS = [f"m{number}" for number in range(10)]
OTHERS = [f"h{number}" for number in range(400)]


def table(**values: list[int | str | None]) -> pa.Table:
    names = [*MEMBERS, *OTHERS, "new"]
    columns = {name: [*column, *[None] * (len(names) - len(column))] for name, column in values.items()}
    return ACCOUNTS.build(account_id=names, **columns).sort_by("account_id")


def bits(accounts: pa.Table) -> float:
    return sign_up_bits(accounts, ["new"], MEMBERS).get("new", 0.0)


def filled(own: int | str, members: int, others: int, rest: list[int | str]) -> list[int | str | None]:
    """Values of a column: so many members and others have the one of the new account."""
    column: list[int | str | None] = [own if at < members else rest[at] for at in range(len(MEMBERS))]
    column += [own if at < others else rest[len(MEMBERS) + at] for at in range(len(OTHERS))]
    return [*column, own]


NUMBERS: list[int | str] = [1000 + at for at in range(500)]
DOMAINS: list[int | str] = [f"{at}.example" for at in range(500)]


def test_one_card_in_common_is_enough() -> None:
    assert bits(table(payment_fingerprint=filled(7, 1, 0, NUMBERS))) == SIGNATURES.most_sender_bits
    assert bits(table(payment_fingerprint=filled(7, 1, 1, NUMBERS))) >= MATCHING.sender_bits


def test_a_card_of_many_others_is_none() -> None:
    assert bits(table(payment_fingerprint=filled(7, 1, 2, NUMBERS))) == 0.0


@pytest.mark.parametrize(
    ("column", "own", "rest"), [("signup_prefix", 7, NUMBERS), ("email_domain", "x.example", DOMAINS)]
)
def test_a_sign_up_tells_by_how_rare_it_is_elsewhere(column: str, own: int | str, rest: list[int | str]) -> None:
    rare, common, few = (bits(table(**{column: filled(own, *counts, rest)})) for counts in ((9, 0), (9, 40), (2, 0)))
    assert rare >= MATCHING.sender_bits
    assert 0.0 < common < MATCHING.sender_bits
    assert few == 0.0, "two accounts have it by chance"


def test_nothing_is_known_of_accounts_that_the_table_does_not_have() -> None:
    accounts = table(payment_fingerprint=filled(7, 5, 0, NUMBERS))
    assert sign_up_bits(accounts, ["stranger"], MEMBERS) == {}
    assert sign_up_bits(accounts, ["new"], []) == {}
    assert sign_up_bits(ACCOUNTS.empty(), ["new"], MEMBERS) == {}
