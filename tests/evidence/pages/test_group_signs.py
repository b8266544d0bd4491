"""Signs that an honest explanation predicts: what the case says of the members, and what a missing sign costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stillhunt_evidence.pages.group_signs import MOST_HAVE_IT, SOME_LACK_IT, GroupSigns, group_signs, missing_signs
from stillhunt_evidence.pages.kind_readings import EXPLANATION_OF

BEGIN = datetime(2026, 3, 3, tzinfo=UTC)
ROW: dict[str, Any] = {
    "accounts": 10,
    "requests": 700,
    "first_seen": BEGIN,
    "last_seen": BEGIN + timedelta(days=7),
}
FITTING = GroupSigns(10, 1.0, 1.0, 1, 1.0, 1.0, 0.0, 2.0, True)
"""Signs with which no explanation lacks any."""


def detail(number: int, **known: Any) -> dict[str, Any]:
    row = dict.fromkeys(("organization_id", "email_domain", "payment_country", "signup_country", "created_at"))
    return {**row, "account_id": f"a{number}", "countries": [], **known}


def test_signs_are_counted() -> None:
    details = [
        detail(
            n,
            organization_id="org" if n < 6 else None,
            email_domain="x.example" if n < 9 else "y.example",
            signup_country="NL" if n < 7 else "IN",
            created_at=BEGIN - timedelta(days=10 * n),
        )
        for n in range(10)
    ]
    members = [{"share": 1.0 if n < 4 else 0.5} for n in range(10)]
    signs = group_signs(ROW, details, members, 0.5)
    assert signs.same_customer == 0.9
    assert (signs.same_country, signs.countries) == (0.7, 2)
    assert signs.together == 0.5, "days 0 to 40"
    assert signs.opened_before == 0.7
    assert (signs.dedicated, signs.daily) == (0.4, 10.0)


def test_what_the_case_does_not_say_is_not_known() -> None:
    signs = group_signs(ROW, [detail(n) for n in range(10)], [], 0.0)
    assert signs == GroupSigns(10, None, None, 0, None, None, None, 10.0, None)
    hardly = [detail(n, email_domain="x.example" if n < 4 else None) for n in range(10)]
    assert group_signs(ROW, hardly, [], 0.0).same_customer is None


def test_countries_of_traffic_stand_in_for_those_of_customers() -> None:
    details = [detail(0, countries=["NL", "IN"]), detail(1, countries=["(unknown)"]), detail(2, payment_country="US")]
    assert group_signs(ROW, details, [], 0.0).countries == 2


@pytest.mark.parametrize(("bits", "repeats"), [(0.0, None), (0.5, False), (-1.9, False), (-2.0, True), (-9.0, True)])
def test_repeats_need_enough_bits(bits: float, repeats: bool | None) -> None:
    assert group_signs(ROW, [], [], bits).repeats is repeats


def test_a_group_that_fits_lacks_nothing() -> None:
    assert {key: missing_signs(key, FITTING) for key in EXPLANATION_OF} == dict.fromkeys(EXPLANATION_OF, ())


def test_what_is_not_known_is_held_against_nobody() -> None:
    unknown = GroupSigns(10, None, None, 0, None, None, None, None, None)
    assert not any(missing_signs(key, unknown) for key in EXPLANATION_OF)


@pytest.mark.parametrize(
    ("change", "costs"),
    [
        ({"same_customer": 0.79}, {"company": MOST_HAVE_IT, "fleet": MOST_HAVE_IT}),
        ({"same_country": 0.59, "countries": 4}, {"course": MOST_HAVE_IT, "dataset": SOME_LACK_IT}),
        ({"together": 0.79}, {"course": SOME_LACK_IT}),
        ({"daily": 10.5}, {"course": SOME_LACK_IT, "company": SOME_LACK_IT}),
        ({"daily": 61.0}, {"course": MOST_HAVE_IT, "company": MOST_HAVE_IT}),
        ({"repeats": False}, {"course": MOST_HAVE_IT, "benchmark": MOST_HAVE_IT}),
        ({"members": 11}, {"dataset": MOST_HAVE_IT}),
        ({"members": 51}, {"dataset": MOST_HAVE_IT + SOME_LACK_IT}),
        ({"dedicated": 0.21}, {"keys": MOST_HAVE_IT}),
        ({"opened_before": 0.79}, {"keys": SOME_LACK_IT}),
    ],
)
def test_what_each_missing_sign_costs(change: dict[str, Any], costs: dict[str, float]) -> None:
    signs = replace(FITTING, **change)
    found = {key: sum(one.bits for one in missing_signs(key, signs)) for key in EXPLANATION_OF}
    assert {key: bits for key, bits in found.items() if bits} == costs


def test_sentences_say_none_and_all() -> None:
    said = [one.sentence for one in missing_signs("keys", replace(FITTING, dedicated=1.0, opened_before=0.0))]
    assert said == [
        "All accounts have 80 % or more of their traffic in campaigns, so little of an owner shows.",
        "None of the accounts was opened 30 days or more before the campaign began.",
    ]
    only = missing_signs("keys", replace(FITTING, opened_before=0.5))[0].sentence
    assert only == "Only 50 % of the accounts were opened 30 days or more before the campaign began."
    part = missing_signs("keys", replace(FITTING, dedicated=0.5))[0].sentence
    assert part.startswith("50 % of the accounts have 80 % or more of their traffic")
