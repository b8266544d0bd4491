"""Numbers, dates and hostile text: one format each."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base import formatting
from thoroughness import examples


def test_controls_become_visible() -> None:
    assert formatting.escape_controls("a\x1b[31m\u202e\n\U000e0041b") == "a\\x1b[31m\\u202e\\x0a\\U000e0041b"


def test_every_control_and_format_character_is_unsafe() -> None:
    """Against Python's own Unicode tables; only the two joiners that scripts need may pass, outside ASCII."""
    passing = [
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and not formatting.UNSAFE.search(f"\u6570{chr(code)}\u6570")
    ]
    assert passing == [0x200C, 0x200D]


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "\U0001f469\u200d\U0001f4bb", "数据分析", "données", "[bold]x[/bold]"]
)
def test_text_of_living_scripts_stays(text: str) -> None:
    assert formatting.escape_controls(text) == text


@pytest.mark.parametrize("text", ["adm\u200din", "\u200cadmin", "数\u200d", "数\u200ca"])
def test_joiners_that_hide_in_ids_become_visible(text: str) -> None:
    assert formatting.escape_controls(text).isprintable()


@settings(derandomize=True, max_examples=examples(60))
@given(text=st.text(max_size=400), limit=st.integers(1, 80))
def test_short_text_is_short_and_safe(text: str, limit: int) -> None:
    shown = formatting.shorten(text, limit)
    assert len(shown) <= limit
    assert not formatting.UNSAFE.search(shown)


def test_ids_keep_their_tails() -> None:
    shown = formatting.shorten("account-" + "0" * 100 + "-7531", 40)
    assert shown.endswith("-7531")
    assert len(shown) == 40


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0, "0 %"),
        (0.0002, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.031, "3.1 %"),
        (0.06, "6 %"),
        (0.234, "23.4 %"),
        (0.5, "50 %"),
        (0.9985, "99.9 %"),
        (0.9996, "> 99.9 %"),
        (1, "100 %"),
        (1.2, "100 %"),
        (float("nan"), "unknown"),
    ],
)
def test_percent(value: float, wanted: str) -> None:
    assert formatting.percent(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1.0, "at least 98 %"),
        (0.98, "at least 98 %"),
        (0.97999, "97.9 %"),
        (0.5, "50 %"),
        (0.0, "< 0.1 %"),
        (float("nan"), "unknown"),
    ],
)
def test_probability_never_claims_certainty(value: float, wanted: str) -> None:
    assert formatting.probability(value) == wanted


def test_a_share_of_nothing_is_unknown() -> None:
    assert [formatting.share_of(1, 4), formatting.share_of(0, 4), formatting.share_of(0, 0)] == [
        "25 %",
        "0 %",
        "unknown",
    ]


def test_a_threshold_keeps_its_digits() -> None:
    assert [formatting.exact_percent(value) for value in (0.5, 0.99, 0.9995)] == ["50 %", "99 %", "99.95 %"]


def test_a_number_that_somebody_set_keeps_its_digits_and_has_no_exponent() -> None:
    written = {1.0: "1", 0.05: "0.05", 2.5: "2.5", 1234.5: "1,234.5", 1e-9: "0.000000001", 1e6: "1,000,000"}
    written |= {1e12: "1,000,000,000,000", 1e22: "10" + ",000" * 7, -0.1: "\u22120.1", float("inf"): "unknown"}
    assert {value: formatting.exact_number(value) for value in written} == written


def test_likelihood_words() -> None:
    assert [formatting.likelihood(p) for p in (0.97, 0.9, 0.6, 0.5, 0.3, 0.1, 0.01)] == [
        "almost certain",
        "very likely",
        "likely",
        "a roughly even chance",
        "unlikely",
        "very unlikely",
        "almost no chance",
    ]


def test_two_moments_say_their_time_zone_once() -> None:
    first, last = datetime(2026, 3, 3, 14, 5, tzinfo=UTC), datetime(2026, 3, 16, 8, tzinfo=timezone(timedelta(hours=2)))
    assert formatting.between(first, last) == "2026-03-03 14:05 to 2026-03-16 06:00 UTC"


def test_bits_round_to_no_negative_zero() -> None:
    assert [formatting.bits(value) for value in (-0.04, 0.0, 1.25, -3.0)] == ["0.0", "0.0", "+1.2", "−3.0"]
    assert formatting.distance_bits(-3.68) == "3.7 bits"


def test_numbers() -> None:
    shown = [formatting.number(value, 2) for value in (1204.5, -0.012, -0.001, float("inf"))]
    assert shown == ["1,204.50", "−0.01", "0.00", "unknown"]


def test_counts_agree_with_their_nouns() -> None:
    assert [formatting.plural(n, "account") for n in (0, 1, 2, 4896)] == [
        "0 accounts",
        "1 account",
        "2 accounts",
        "4,896 accounts",
    ]
    assert formatting.plural(2, "family", "families") == "2 families"
    assert [formatting.in_words(n, "case") for n in (0, 1, 9, 12)] == ["no cases", "one case", "nine cases", "12 cases"]
    assert [formatting.verb(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]


def test_parts_of_a_group() -> None:
    pairs = ((0, 0), (0, 1), (1, 1), (2, 2), (59, 70), (70, 70))
    assert [formatting.part_of(part, total, "account") for part, total in pairs] == [
        "0 of 0 accounts",
        "0 of 1 account",
        "the only account",
        "both accounts",
        "59 of 70 accounts",
        "all 70 accounts",
    ]


def test_lists_in_words() -> None:
    assert [formatting.join_words(list(parts)) for parts in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert formatting.join_some(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert formatting.join_some([], 2, "not known") == "not known"


def test_sentences() -> None:
    assert formatting.sentence("system_prompt is rare") == "system_prompt is rare."
    assert [formatting.sentence(text) for text in ("it is", "it is.", "is it?")] == ["It is.", "It is.", "Is it?"]


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
    assert formatting.during(datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC)) == wanted


def test_amounts_and_money() -> None:
    assert formatting.amount(48_123_456) == "48.1 million"
    assert formatting.money(3.2, "USD") == "USD 3.20"
    assert formatting.money(12_345.6, "USD") == "USD 12,346"
    assert formatting.money(0.26, "USD") == "USD 0.26"
    assert formatting.money(0.004, "USD") == formatting.money(0.009, "USD") == "less than USD 0.01"
    assert formatting.money(0.0, "USD") == "USD 0.00"
    assert formatting.money(float("nan"), "USD") == "USD unknown"
    assert formatting.volume(1, 2) == "1 request from 2 accounts"
