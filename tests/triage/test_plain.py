"""Numbers, dates and hostile text in plain words."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base import formatting as plain


def test_controls_become_visible() -> None:
    assert plain.escape_controls("a\x1b[31m\u202e\n\U000e0041b") == "a\\x1b[31m\\u202e\\x0a\\U000e0041b"


def test_every_control_and_format_character_is_unsafe() -> None:
    """Against Python's own Unicode tables; only the two joiners that scripts need may pass."""
    passing = [
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not plain.UNSAFE.match(chr(code))
    ]
    assert passing == [0x200C, 0x200D]


def test_joiners_of_living_scripts_stay() -> None:
    assert plain.escape_controls("می\u200cخواهم") == "می\u200cخواهم"


@settings(derandomize=True, max_examples=200)
@given(text=st.text(max_size=400), limit=st.integers(1, 80))
def test_short_text_is_short_and_safe(text: str, limit: int) -> None:
    shown = plain.shorten(text, limit)
    assert len(shown) <= limit
    assert not plain.UNSAFE.search(shown)


def test_ids_keep_their_tails() -> None:
    shown = plain.shorten("account-" + "0" * 100 + "-7531", 40)
    assert shown.endswith("-7531")
    assert len(shown) == 40


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0, "0 %"), (0.0002, "under 0.1 %"), (0.031, "3.1 %"), (0.5, "50 %"), (0.999, "over 99 %"), (1, "100 %")],
)
def test_percent(value: float, wanted: str) -> None:
    assert plain.percent(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(1.0, "over 99.99 %"), (0.99999, "over 99.99 %"), (0.9899, "98.9 %"), (0.5, "50.0 %"), (0.0, "under 0.01 %")],
)
def test_probability_never_claims_certainty(value: float, wanted: str) -> None:
    assert plain.probability(value) == wanted


@pytest.mark.parametrize(
    ("log2_odds", "wanted"),
    [(0.0, "0.500000"), (21.2, "1 − 4.2e-07"), (-21.2, "4.2e-07"), (5000.0, "1 − 9.3e-302"), (-5000.0, "9.3e-302")],
)
def test_exact_probability(log2_odds: float, wanted: str) -> None:
    assert plain.exact_probability(log2_odds) == wanted


def test_bits_round_to_no_negative_zero() -> None:
    assert [plain.bits(value) for value in (-0.04, 0.0, 1.25, -3.0)] == ["0.0", "0.0", "+1.2", "−3.0"]


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        ((2026, 3, 3), (2026, 3, 3), "on 3 March 2026"),
        ((2026, 3, 3), (2026, 3, 16), "from 3 to 16 March 2026"),
        ((2026, 3, 3), (2026, 4, 1), "from 3 March to 1 April 2026"),
        ((2025, 12, 30), (2026, 1, 2), "from 30 December 2025 to 2 January 2026"),
    ],
)
def test_period(first: tuple[int, int, int], last: tuple[int, int, int], wanted: str) -> None:
    assert plain.during(datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC)) == wanted


def test_amounts_and_money() -> None:
    assert plain.amount(48_123_456) == "48.1 million"
    assert plain.money(3.2, "USD") == "USD 3.20"
    assert plain.money(12_345.6, "USD") == "USD 12,346"
    assert plain.money(float("nan"), "USD") == "USD unknown"
    assert plain.plural(1, "account") == "1 account"
