"""How badly an honest explanation fits: bits left unexplained, odds, words, and who leads."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evidence.pages.page_cases import NAME, page_case, sum_of, term
from stillhunt.score import expected_false
from stillhunt_evidence.pages.alternatives import (
    MOST_OF_CHANCE,
    NEARLY_ALL,
    Alternative,
    alternatives_of,
    bits_of,
    expected_honest_groups,
    odds_of,
    signs_of,
    weigh_alternatives,
)
from stillhunt_evidence.pages.group_signs import MOST_HAVE_IT, SOME_LACK_IT, GroupSigns
from stillhunt_evidence.pages.kind_readings import BY_CHANCE, EXPLANATION_OF

NOTHING_KNOWN = GroupSigns(12, None, None, 0, None, None, None, None, None)
LOG = {"accounts": 3_000, "days": 14.0}


def weighed(*terms: tuple[str, float], signs: GroupSigns = NOTHING_KNOWN) -> dict[str, Alternative]:
    total = sum_of(*(term(kind, bits) for kind, bits in terms))
    return {one.explanation.key: one for one in weigh_alternatives(total, signs, LOG)}


def test_what_is_not_explained_is_left() -> None:
    found = weighed(("topic_mixture", 5.0), ("phrase_mixture", 8.0), ("created_at", 2.0))
    framework = found["framework"]
    assert bits_of(framework.explained) == 8.0
    assert bits_of(framework.unexplained) == framework.left == 7.0
    assert found["company"].left == 0.0


def test_evidence_against_counts_for_those_who_predict_it() -> None:
    found = weighed(("phrase_mixture", 8.0), ("no_repeats", -6.0))
    assert found["course"].left == found["benchmark"].left == -6.0
    assert bits_of(found["course"].predicted) == -6.0
    assert found["company"].left == 0.0
    assert found["company"].predicted == ()


def test_missing_signs_are_added() -> None:
    spread = replace(NOTHING_KNOWN, same_customer=0.1, same_country=0.2, countries=9)
    found = weighed(("phrase_mixture", 8.0), signs=spread)
    assert found["fleet"].left == bits_of(found["fleet"].missing) == MOST_HAVE_IT
    assert found["course"].left == MOST_HAVE_IT
    assert found["dataset"].left == MOST_HAVE_IT + SOME_LACK_IT, "12 accounts in nine countries"
    assert found["framework"].left == 0.0


def test_an_unknown_kind_is_left_to_everybody() -> None:
    found = weighed(("kind_of_another_version", 3.0), ("kind_of_yet_another", -2.0))
    assert {one.left for one in found.values() if one.expected is None and not one.missing} == {3.0}


def test_negligible_findings_say_nothing() -> None:
    assert weighed(("topic_mixture", 0.04))["framework"].unexplained == ()
    assert len(weighed(("topic_mixture", 0.06))["framework"].unexplained) == 1


def test_chance_is_weighed_by_the_budget() -> None:
    found = weighed(("topic_mixture", 9.0), ("phrase_mixture", 8.0))[BY_CHANCE]
    expected = expected_false(17.0, 3_000, 14.0)
    assert found.expected == expected
    assert found.left == pytest.approx(-math.log2(expected))
    assert found.odds == "about 19 to 1 against"
    weak = weighed(("topic_mixture", 3.0))[BY_CHANCE]
    assert weak.expected is not None
    assert weak.expected > 1
    assert weak.left == 0.0


def test_no_more_is_said_against_chance_than_the_simulated_logs_support() -> None:
    found = weighed(("topic_mixture", 12.0), ("phrase_mixture", 12.0))[BY_CHANCE]
    assert found.left > MOST_OF_CHANCE == found.said_left
    assert found.odds == "more than 100 to 1 against, by extrapolation from 80 simulated logs"
    assert (found.fit, found.shown_left) == ("fits poorly", "> 6.6")
    assert found.comparison.startswith("more than 100 times as likely under a harvest")


def test_evidence_against_makes_chance_likelier() -> None:
    strong, weaker = (
        weighed(("topic_mixture", 12.0))[BY_CHANCE],
        weighed(("topic_mixture", 12.0), ("talk", -2.0))[BY_CHANCE],
    )
    assert weaker.left < strong.left


def test_chance_counts_the_negligible_findings_too() -> None:
    chance = weighed(("topic_mixture", 12.0), ("talk", 0.04))[BY_CHANCE]
    assert chance.expected == expected_false(12.04, 3_000, 14.0)


def test_without_a_recorded_log_chance_explains_nothing() -> None:
    total = sum_of(term("topic_mixture", 9.0))
    chance = next(o for o in weigh_alternatives(total, NOTHING_KNOWN, {}) if o.explanation.key == BY_CHANCE)
    assert (chance.left, chance.expected) == (9.0, None)
    assert expected_honest_groups(9.0, {"accounts": 5}) is None


def test_the_best_fit_leads_and_equals_keep_their_order() -> None:
    total = sum_of(term("created_at", 2.0), term("topic_mixture", 9.0), term("phrase_mixture", 8.0))
    ranked = weigh_alternatives(total, NOTHING_KNOWN, LOG)
    lefts = [one.left for one in ranked]
    assert lefts == sorted(lefts)
    assert ranked[0].explanation.key == "course", "course, company and fleet explain all of it"
    assert {one.explanation.key for one in ranked} == set(EXPLANATION_OF)


def left_of(bits: float) -> Alternative:
    return Alternative(EXPLANATION_OF["course"], (), (), (), (), bits)


@pytest.mark.parametrize(
    ("bits", "fit", "odds"),
    [
        (-3.0, "fits at least as well as a harvest", "about 8.0 to 1 for it"),
        (0.0, "fits at least as well as a harvest", "1 to 1"),
        (NEARLY_ALL, "fits about as well as a harvest", "about 2.0 to 1 against"),
        (3.0, "fits somewhat worse than a harvest", "about 8.0 to 1 against"),
        (5.0, "fits poorly", "about 32 to 1 against"),
        (9.0, "fits badly", "about 510 to 1 against"),
        (11.5, "fits very badly", "about 2,900 to 1 against"),
        (300.0, "fits very badly", "more than a million to 1 against"),
    ],
)
def test_words_and_odds(bits: float, fit: str, odds: str) -> None:
    assert (left_of(bits).fit, left_of(bits).odds) == (fit, odds)


def test_who_explains_nearly_all_is_said() -> None:
    assert left_of(NEARLY_ALL).explains_nearly_all
    assert not left_of(NEARLY_ALL + 0.01).explains_nearly_all


def test_comparison_names_both_sides() -> None:
    assert left_of(3.0).comparison == "about 8.0 times as likely under a harvest as under this explanation"
    assert left_of(-3.0).comparison == "about 8.0 times as likely under this explanation as under a harvest"
    assert left_of(0.0).comparison == "as likely under a harvest as under this explanation"
    assert odds_of(-2.0) == odds_of(2.0) == "about 4.0 to 1"


def test_alternatives_of_a_case() -> None:
    ranked = {one.explanation.key: one for one in alternatives_of(page_case(), NAME)}
    assert bits_of(ranked["framework"].unexplained) == 5.25 + 0.25
    assert ranked["framework"].left == 5.25 + 0.25 - 1.0
    assert bits_of(ranked["course"].missing) == MOST_HAVE_IT + MOST_HAVE_IT + SOME_LACK_IT, (
        "two countries, 11 a day, and no repeats"
    )
    assert bits_of(ranked["keys"].missing) == MOST_HAVE_IT + SOME_LACK_IT
    signs = signs_of(page_case(), NAME)
    assert signs.repeats is False
    assert (signs.members, signs.countries, signs.dedicated, signs.together) == (24, 2, 1.0, 1.0)
