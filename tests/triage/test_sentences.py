"""Claims are careful: they follow the verdict, name only strong families, and never a company."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stillhunt.base.config import ScoreSettings
from stillhunt.base.explanations import odds_against_all
from stillhunt.base.families import BUDGET, MEMBERSHIP, OTHERS, PRIOR
from stillhunt.triage import score_breakdown, sentences
from stillhunt.triage.score_breakdown import ScoreSum, Term

CAMPAIGN: dict[str, Any] = {
    "kind": "harvest",
    "verdict": "act",
    "accounts": 60,
    "requests": 4896,
    "first_seen": datetime(2026, 3, 3, tzinfo=UTC),
    "last_seen": datetime(2026, 3, 16, tzinfo=UTC),
    "skills": ["a", "b", "c", "d", "e"],
    "families": ["queue", "content"],
    "output_tokens": 2_000_000,
    "score": 0.999,
}


def sum_of(**bits: float) -> ScoreSum:
    pieces = [Term(name, name, name, value, 0, ()) for name, value in bits.items()]
    return ScoreSum((Term(PRIOR, PRIOR, "", -13.0, 0, ()), *pieces))


def test_claim_names_strong_families_only() -> None:
    claim = sentences.campaign_claim(CAMPAIGN)
    assert claim == (
        "Evidence indicates that 60 accounts act as one operation: 4,896 requests from 3 to 16 March 2026, among "
        "them a, b, c and 2 more skills. They appear to share the wording of prompts and one work queue."
    )


def test_claim_says_which_share_a_skill_has() -> None:
    claim = sentences.campaign_claim({**CAMPAIGN, "skills": ["coding"]}, "", {"coding": 372 / 722})
    assert "4,896 requests from 3 to 16 March 2026, 51.5 % of them coding." in claim
    assert "for coding" not in claim


@pytest.mark.parametrize(
    ("verdict", "opening"),
    [
        ("act", "Evidence indicates"),
        ("review", "Evidence indicates, subject to a person's review,"),
        ("none", "Little evidence indicates"),
    ],
)
def test_opening_follows_the_verdict(verdict: str, opening: str) -> None:
    assert sentences.campaign_claim({**CAMPAIGN, "verdict": verdict, "skills": []}).startswith(opening)


def test_a_claim_for_review_says_why_nobody_should_act() -> None:
    review = {**CAMPAIGN, "verdict": "review", "score": 0.97}
    budget = "A budget of 1 false campaign in 30 days asks 20.0 bits of evidence in a log of this size"
    limited = ScoreSum((*sum_of(queue=30.0).terms, Term(BUDGET, "false_alarm_budget", budget, 0.0, 0, ())))
    below, held = sentences.why_not_act(review, sum_of(queue=18.0), 0.99), f"{budget}."
    assert below == "The probability is below the 99 % that acting needs."
    assert sentences.why_not_act({**review, "score": 0.9999}, limited, 0.99) == held
    assert sentences.why_not_act({**CAMPAIGN, "score": 0.9999}, limited, 0.99) == ""
    for why in (below, held):
        assert sentences.campaign_claim(review, why).endswith(f"one work queue. {why}")
        assert f"Do not act on this alone. {why} Ask the customer" in " ".join(sentences.before_acting(review, {}, why))


def test_an_older_case_does_not_say_that_its_probability_is_too_low() -> None:
    older = sentences.why_not_act({**CAMPAIGN, "verdict": "review", "score": 0.9999}, sum_of(queue=30.0), 0.99)
    assert older.startswith("The rules of the version that wrote this case ask for more")


def explained(**odds: float) -> ScoreSum:
    """A score with explanations beside a harvest, by their log2 odds."""
    rows = [Term(OTHERS, key, "", 0.0, 0, (), one) for key, one in odds.items()]
    leading = Term(OTHERS, "reseller", "", -0.25, 0, (), 2.0)
    return ScoreSum((*sum_of(queue=14.0, content=2.0).terms, leading, *rows))


def test_explanations_are_no_findings() -> None:
    total, without = explained(chance=3.0, company=1.0), sum_of(queue=14.0, content=2.0)
    assert total.family_bits == without.family_bits
    assert (total.supporting, total.opposing, total.insufficient) == (without.supporting, (), ())
    assert total.negligible_line is None
    assert total.log2_odds == without.log2_odds - 0.25
    assert total.others_bits == -0.25


def test_the_best_explanation_comes_first_and_an_unknown_one_not_at_all() -> None:
    total = explained(chance=9.0, company=-1.0, of_another_version=-9.0, public=float("inf"))
    assert [(one.key, one.log2_odds) for one in total.explanations] == [
        ("company", -1.0),
        ("reseller", 2.0),
        ("chance", 9.0),
    ]
    shown = sentences.other_explanations(total)
    assert shown[0] == "One operator runs these accounts: at least 98 %."
    assert shown[1] == (
        "One firm that does not say so: seats, an application or a batch job on several accounts: 2.0 times more "
        "likely than a harvest. Ask whoever pays or opened the accounts what they are for."
    )
    assert "4.0 times less likely than a harvest" in shown[2]
    assert len(shown) == 3


def test_of_explanations_that_fit_equally_well_the_first_of_the_table_comes_first() -> None:
    assert [one.key for one in explained(company=1.0, public=1.0, one_place=1.0).explanations] == [
        "public",
        "one_place",
        "company",
        "reseller",
    ]


def test_one_operator_is_as_likely_as_bayes_rule_says() -> None:
    total = explained(chance=3.0, one_place=1.0, company=-1.0)
    together, separate = 1.0 + 2**1.0 + 2**-2.0, 2**-3.0 + 2**-1.0  # a harvest, company, reseller; chance, one place
    wanted = together / (together + separate)
    assert total.one_operator == pytest.approx(wanted)


def test_a_score_of_one_operator_is_told_from_that_of_a_harvest() -> None:
    rows = [Term(OTHERS, key, "", 0.0, 0, (), odds) for key, odds in (("chance", 5.0), ("company", 3.0))]
    of_harvest = Term(PRIOR, PRIOR, "", odds_against_all([5.0, 3.0]), 0, ())
    of_operator = Term(PRIOR, PRIOR, "", 5.0, 0, ())
    assert not ScoreSum((of_harvest, *rows)).of_one_operator
    assert ScoreSum((of_operator, *rows)).of_one_operator
    assert not sum_of(queue=14.0).of_one_operator


def test_a_case_without_explanations_says_nothing_of_them() -> None:
    total = sum_of(queue=14.0)
    assert (total.explanations, total.one_operator, total.others_bits) == ((), None, 0.0)
    assert sentences.other_explanations(total) == ()


def test_signs_that_add_nothing_are_not_called_insufficient_data() -> None:
    sign = Term("identity", "posing_customers", "One operator stands behind all 40 accounts", 0.0, 40, ())
    lacking = Term("timing", "schedule", "too few days for a schedule", 0.0, 0, ())
    total = ScoreSum((*sum_of(queue=14.0).terms, sign, lacking))
    assert total.insufficient == (lacking,)
    assert total.negligible_line is not None
    assert "posing customers" in total.negligible_line.statement


def test_a_group_that_reached_the_threshold_has_a_reason() -> None:
    few = "7 accounts of the group are likelier members of it than not; a campaign has at least 12"
    limited = ScoreSum((*sum_of(queue=30.0).terms, Term(MEMBERSHIP, "too_few_members", few, 0.0, 0, ())))
    assert sentences.why_left_alone(limited, 0) == few
    assert "programmes that the settings allow" in sentences.why_left_alone(sum_of(queue=30.0), 3)
    said = sentences.left_alone(60, resembling=0, review=0, sanctioned=0, weak=2, reached=[few, few])
    assert said.endswith(f"2 groups reached it and have no verdict for another reason: {few}.")
    assert "2 groups stayed below the review threshold." in said


def test_headline_of_a_case() -> None:
    assert sentences.case_headline([CAMPAIGN, CAMPAIGN], 1, 120, 119, 100_000, 3000) == (
        "Evidence indicates two harvesting campaigns: 120 of 3,000 accounts (119 flagged) sent 9,792 of 100,000 "
        "requests (9.8 %) from 3 to 16 March 2026. One more campaign needs a person's review."
    )
    assert sentences.case_headline([], 1, 0, 0, 5000, 60) == (
        "No campaign to act on was found in 5,000 requests from 60 accounts; one campaign needs a person's review."
    )
    assert sentences.case_headline([], 0, 0, 0, 1, 1) == "No harvesting campaign was found in 1 request from 1 account."
    assert sentences.case_headline([CAMPAIGN] * 12, 0, 900, 900, 10**6, 9000).startswith(
        "Evidence indicates 12 harvesting campaigns: 900 of"
    )


def test_who_may_be_hit_is_said_before_anybody_acts() -> None:
    limits = " ".join(sentences.limits_of(CAMPAIGN, {"dedicated": 50, "victim": 1}))
    assert "1 account may carry traffic of people who have nothing to do with it." in limits
    assert "takes part knowingly" not in " ".join(sentences.limits_of(CAMPAIGN, {"dedicated": 50, "mixed": 3}))
    steps = " ".join(sentences.before_acting(CAMPAIGN, {"dedicated": 50, "victim": 3, "unknown": 1}, ""))
    assert "Do not close the 3 accounts with the role victim: revoke their keys, and tell their owners." in steps
    assert "Look at a sample of the other traffic of the 1 account whose role is not known" in steps
    assert "other traffic" not in " ".join(sentences.before_acting(CAMPAIGN, {"dedicated": 50}, ""))


def test_nobody_is_spared_without_evidence() -> None:
    mixed = " ".join(sentences.before_acting(CAMPAIGN, {"mixed": 50}, ""))
    assert "Look at a sample of the other traffic of the 50 accounts with the role mixed before you treat it" in mixed
    assert "own use" not in mixed


@pytest.mark.parametrize(
    ("log2_odds", "wanted"),
    [
        (8.0, "1.4 bits above the act threshold"),
        (4.0, "1.5 bits above the review threshold and 2.6 bits below the act threshold"),
        (-3.7, "6.2 bits below the review threshold"),
    ],
)
def test_distance_to_the_thresholds(log2_odds: float, wanted: str) -> None:
    assert score_breakdown.margin(log2_odds, ScoreSettings()) == wanted


def test_what_would_change_a_verdict_names_the_distance_and_the_strongest_family() -> None:
    total = sum_of(queue=14.0, content=9.0, conduct=-1.0)
    shown = score_breakdown.campaign_margins(total, "act", ["queue", "content"], ScoreSettings())
    assert shown[0] == ("The score is 2.4 bits above the act threshold (thresholds: review at 85 % and act at 99 %).")
    assert shown[1] == (
        'Without its strongest family, "One work queue" (+14.0 bits), the probability would be 3 %: below the review '
        "threshold."
    )


def test_beside_other_explanations_the_strongest_family_is_weighed_against_the_best_of_them() -> None:
    total = explained(company=3.0, chance=9.0)  # the best explanation has 3.0 = -13 + 14 + 2 bits against it
    shown = score_breakdown.campaign_margins(total, "review", ["queue", "content"], ScoreSettings())
    assert shown[1] == (
        'Its strongest family, "One work queue", has +14.0 bits against separate customers; '
        "without them that would be more than 49 times more likely than a harvest."
    )


def test_a_verdict_of_review_asks_for_a_second_family() -> None:
    total = sum_of(queue=14.0, content=1.0)
    shown = score_breakdown.campaign_margins(total, "review", ["queue"], ScoreSettings())
    wanted = 'two independent families of at least 2.0 bits each; only "One work queue" reaches that.'
    assert any(wanted in line for line in shown)


def test_a_group_below_all_thresholds_is_not_asked_to_be_declared() -> None:
    shown = score_breakdown.campaign_margins(sum_of(queue=2.0), "none", [], ScoreSettings())
    assert "13.5 bits below the review threshold" in shown[0]
    assert not any("sanctioned" in line for line in shown)


@pytest.mark.parametrize(
    ("kind", "claim", "extent", "limit"),
    [
        (
            "account_farm",
            "60 accounts belong to one person, who uses them one after another: 4,896 requests from",
            "No work queue shows, so this is no harvest.",
            "That anything is harvested: no work queue shows.",
        ),
        (
            "relay",
            "60 accounts belong to one operator, through whom many people ask: 4,896 requests from",
            "No work queue shows, so this is no harvest.",
            "That anything is harvested: no work queue shows.",
        ),
        (
            "posing",
            "60 accounts belong to one operator and pose as separate customers: 4,896 requests from",
            "It gets the verdict review, because no harvest is shown.",
            "That they harvest: what they ask may have another explanation.",
        ),
    ],
)
def test_abuse_of_another_kind_is_never_called_a_harvest(kind: str, claim: str, extent: str, limit: str) -> None:
    other = {**CAMPAIGN, "verdict": "review", "kind": kind, "skills": [], "families": ["network", "identity"]}
    why = sentences.why_not_act(other, sum_of(network=8.0, identity=4.0), 0.99)
    said = sentences.campaign_claim(other, why)
    assert said.startswith(f"Evidence indicates, subject to a person's review, that {claim}")
    assert said.endswith(extent)
    cautions = " ".join(
        [*sentences.limits_of(other, {"unknown": 60}), *sentences.before_acting(other, {"unknown": 60}, why)]
    )
    assert limit in cautions
    assert "closed ones are usually replaced" not in cautions
    assert "role" not in cautions
