"""Rates of error: the measured ones are those of our documents, and the computed one is the budget's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evidence.pages.page_cases import FINDINGS, POSING, SETTINGS, page_case
from stillhunt.base.config import Config
from stillhunt.score import expected_false
from stillhunt.score.verdict.budget import HONEST_SEARCH
from stillhunt_evidence.pages import error_rates as rates
from stillhunt_evidence.pages.error_rates import changed_settings

DEFAULTS = changed_settings({"settings": Config().model_dump(mode="json")})
ROOT = Path(__file__).parents[3]
LOG = {"accounts": 3_000, "days": 11.0, "false_campaigns_per_month": 1.0, "required_bits": 11.531}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_calibration_is_that_of_the_document() -> None:
    text = page("docs/calibration.md")
    table = text.split("Candidates at the stated prior", 1)[1].split("Candidates at even odds", 1)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == len(rates.STATED_SHARES)
    for cells, ours in zip(rows, rates.STATED_SHARES, strict=True):
        assert cells[0] == f"{ours.least:g} - {ours.most:g}"
        assert cells[1:3] == [f"{ours.groups:,}", f"{ours.campaigns:,}"]
        assert cells[4:] == [f"{ours.observed:.4f}", f"{ours.interval[0]:.3f} - {ours.interval[1]:.3f}"]
    assert f"{rates.CALIBRATION_CANDIDATES:,} candidates of {rates.CALIBRATION_WORLDS} worlds" in text


def test_false_accusations_are_those_of_our_documents() -> None:
    readme = page("README.md")
    assert f"{rates.HONEST_WORLDS} honest worlds of three generators, with 47 kinds of customers" in readme
    honest = next(line for line in readme.splitlines() if "100 honest worlds" in line)
    assert f"{rates.HONEST_FLAGGED} of {rates.HONEST_IN_ALL:,}" in honest
    assert f"{rates.HONEST_REVIEWS} groups for review" in honest
    flagged = f"{rates.LADDER_FLAGGED} of {rates.LADDER_ACCOUNTS:,}"
    assert f"**Honest accounts flagged**: {flagged}" in page("docs/benchmark.md")


def test_expected_false_groups_are_those_of_the_budget() -> None:
    months = 1 / expected_false(14.0, 3_000, 11.0)
    assert 1 < months < 100
    assert rates.false_groups_sentence(14.0, LOG) == (
        "In a log of 3,000 accounts and 11 days, an honest group looks at least this strong at most once in "
        f"{rates._two_digits(months)} months of hourly looks, by extrapolation from 88 simulated logs."
    )


def test_rarity_beyond_the_simulated_logs_is_not_said() -> None:
    for bits in (24.0, 40.0):
        said = rates.false_groups_sentence(bits, LOG)
        assert said.endswith(
            "at least this strong less than once in 100 months of hourly looks, by extrapolation from 88 simulated "
            "logs."
        )


def test_weak_evidence_is_said_to_be_frequent() -> None:
    said = rates.false_groups_sentence(3.0, LOG)
    often = round(expected_false(HONEST_SEARCH.level, 3_000, 11.0))
    assert said.endswith(f" {often} times in 30 days of hourly looks or more often.")
    assert "did not record" in rates.false_groups_sentence(9.0, {})
    assert rates.expected_honest_groups(9.0, {"accounts": 5}) is None


def test_bits_are_those_that_the_budget_counts() -> None:
    model = page_case().model.campaigns[0]
    assert rates.evidence_bits(model) == pytest.approx(model.total.log2_odds - SETTINGS.prior_bits)


def test_no_rate_is_said_of_a_claim_for_which_none_was_measured() -> None:
    for kind, findings in (("relay", FINDINGS), ("posing", POSING)):
        model = page_case(kind=kind, findings=findings).model.campaigns[0]
        found = DEFAULTS.of_claim(model)
        assert (found.rates_hold, found.not_measured) == (False, "not measured for claims of this kind")
        assert rates.error_rates(0.995, 16.0, LOG, found) == ()
    assert DEFAULTS.of_claim(page_case().model.campaigns[0]) == DEFAULTS


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (34.2, "34 times in 30 days of hourly looks"),
        (0.8, "1 time in 30 days of hourly looks"),
        (0.5, "once in 2 months of hourly looks"),
        (0.011, "once in 91 months of hourly looks"),
        (0.00034, "less than once in 100 months of hourly looks"),
        (0.0, "less than once in 100 months of hourly looks"),
    ],
)
def test_how_often_in_words(expected: float, words: str) -> None:
    assert rates.how_often(expected) == words


@pytest.mark.parametrize(("probability", "least"), [(0.0, 0.0), (0.99, 0.99), (0.9899, 0.95), (1.0, 0.99), (0.3, 0.2)])
def test_stated_share_of_a_probability(probability: float, least: float) -> None:
    assert rates.stated_share(probability).least == least


def test_every_rate_has_a_source_and_the_budget_is_said() -> None:
    found = rates.error_rates(0.995, 16.0, LOG, DEFAULTS)
    assert all(rate.question.endswith("?") and rate.answer.endswith(".") and rate.source for rate in found)
    assert "allow 1.0 false campaigns" in found[0].answer
    assert "needs 11.5 bits of evidence here; this campaign has 16.0" in found[0].answer
    assert "100 % were campaigns (95 % interval 98.5 % to 100 %)" in found[1].answer
    assert "allow" not in rates.error_rates(0.995, 16.0, {}, DEFAULTS)[0].answer


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.9995, "100 % of groups with such a probability were campaigns (98 to 100 %)"),
        (0.6, "70 % of groups with such a probability were campaigns (14 to 97 %)"),
    ],
)
def test_the_measured_share_fits_beside_a_probability(probability: float, said: str) -> None:
    assert rates.measured_share(probability).startswith(f"in simulated worlds {said}")
