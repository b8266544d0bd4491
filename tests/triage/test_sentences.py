"""Claims are careful: they follow the verdict, name only strong families, and never a company."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stillhunt.base.config import ScoreSettings
from stillhunt.base.families import PRIOR
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
    "output_tokens": 2_000_000,
    "score": 0.999,
}


def sum_of(**bits: float) -> ScoreSum:
    pieces = [Term(name, name, name, value, 0, ()) for name, value in bits.items()]
    return ScoreSum((Term(PRIOR, PRIOR, "", -13.0, 0, ()), *pieces))


def test_claim_names_strong_families_only() -> None:
    claim = sentences.campaign_claim(CAMPAIGN, {"queue": 8.0, "content": 3.0, "network": 2.9, "identity": -4.0}, 3.0)
    assert claim == (
        "Evidence indicates that 60 accounts act as one operation: 4,896 requests from 3 to 16 March 2026, among "
        "them a, b, c and 2 more skills. They appear to share the wording of prompts and one work queue."
    )


def test_claim_says_which_share_a_skill_has() -> None:
    claim = sentences.campaign_claim({**CAMPAIGN, "skills": ["coding"]}, {}, 3.0, {"coding": 372 / 722})
    assert "4,896 requests from 3 to 16 March 2026, 51.5 % of them coding." in claim
    assert "for coding" not in claim


@pytest.mark.parametrize(
    ("verdict", "opening"),
    [
        ("act", "Evidence indicates"),
        ("review", "Evidence suggests, but does not establish,"),
        ("none", "Little evidence indicates"),
    ],
)
def test_opening_follows_the_verdict(verdict: str, opening: str) -> None:
    assert sentences.campaign_claim({**CAMPAIGN, "verdict": verdict, "skills": []}, {}, 3.0).startswith(opening)


def test_headline_of_a_case() -> None:
    assert sentences.case_headline([CAMPAIGN, CAMPAIGN], 1, 120, 119, 100_000, 3000) == (
        "Evidence indicates two harvesting campaigns: 120 of 3,000 accounts (119 flagged) sent 9,792 of 100,000 "
        "requests (9.8 %) from 3 to 16 March 2026. One more campaign needs a person's review."
    )
    assert sentences.case_headline([], 1, 0, 0, 5000, 60) == (
        "No harvesting campaign is established in 5,000 requests from 60 accounts; one campaign needs a person's "
        "review."
    )
    assert sentences.case_headline([], 0, 0, 0, 1, 1) == "No harvesting campaign was found in 1 request from 1 account."
    assert sentences.case_headline([CAMPAIGN] * 12, 0, 900, 900, 10**6, 9000).startswith(
        "Evidence indicates 12 harvesting campaigns: 900 of"
    )


def test_who_may_be_hit_is_said_before_anybody_acts() -> None:
    limits = " ".join(sentences.limits_of(CAMPAIGN, {"dedicated": 50, "victim": 1}))
    assert "1 account may carry traffic of people who have nothing to do with it." in limits
    assert "takes part knowingly" not in " ".join(sentences.limits_of(CAMPAIGN, {"dedicated": 50, "mixed": 3}))
    steps = " ".join(sentences.before_acting(CAMPAIGN, {"dedicated": 50, "victim": 3, "unknown": 1}))
    assert "Do not close the 3 accounts with the role victim: revoke their keys, and tell their owners." in steps
    assert "Look at a sample of the other traffic of the 1 account whose role is not known" in steps
    assert "other traffic" not in " ".join(sentences.before_acting(CAMPAIGN, {"dedicated": 50}))
    review = " ".join(sentences.before_acting({**CAMPAIGN, "verdict": "review"}, {}))
    assert "Do not act on this alone" in review


def test_nobody_is_spared_without_evidence() -> None:
    mixed = " ".join(sentences.before_acting(CAMPAIGN, {"mixed": 50}))
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
    shown = score_breakdown.campaign_margins(sum_of(queue=14.0, content=9.0, conduct=-1.0), "act", ScoreSettings())
    assert shown[0] == ("The score is 2.4 bits above the act threshold (thresholds: review at 85 % and act at 99 %).")
    assert shown[1] == (
        'Without its strongest family, "One work queue" (+14.0 bits), the probability would be 3 %: below the review '
        "threshold."
    )


def test_a_verdict_of_review_asks_for_a_second_family() -> None:
    shown = score_breakdown.campaign_margins(sum_of(queue=14.0, content=1.0), "review", ScoreSettings())
    wanted = 'two independent families of at least 2.0 bits each; only "One work queue" reaches that.'
    assert any(wanted in line for line in shown)


def test_a_group_below_all_thresholds_is_not_asked_to_be_declared() -> None:
    shown = score_breakdown.campaign_margins(sum_of(queue=2.0), "none", ScoreSettings())
    assert "13.5 bits below the review threshold" in shown[0]
    assert not any("sanctioned" in line for line in shown)


@pytest.mark.parametrize(
    ("kind", "claim"),
    [
        ("account_farm", "60 accounts belong to one person, who uses them one after another: 4,896 requests from"),
        ("relay", "60 accounts belong to one operator, through whom many people ask: 4,896 requests from"),
    ],
)
def test_abuse_of_another_kind_is_never_called_a_harvest(kind: str, claim: str) -> None:
    other = {**CAMPAIGN, "verdict": "review", "kind": kind, "skills": []}
    said = sentences.campaign_claim(other, {"network": 8.0, "identity": 4.0}, 3.0)
    assert said.startswith(f"Evidence suggests, but does not establish, that {claim}")
    assert said.endswith("No work queue shows, so this is no harvest.")
    cautions = " ".join(
        [*sentences.limits_of(other, {"unknown": 60}), *sentences.before_acting(other, {"unknown": 60})]
    )
    assert "That anything is harvested: no work queue shows." in cautions
    assert "closed ones are usually replaced" not in cautions
    assert "role" not in cautions
