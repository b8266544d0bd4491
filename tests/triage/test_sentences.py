"""Claims are careful: they follow the verdict, name only strong families, and never a company."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stillhunt.base.config import ScoreSettings
from stillhunt.triage import change, sentences
from stillhunt.triage.score_breakdown import PRIOR, Sum, Term

CAMPAIGN: dict[str, Any] = {
    "verdict": "act",
    "accounts": 60,
    "requests": 4896,
    "first_seen": datetime(2026, 3, 3, tzinfo=UTC),
    "last_seen": datetime(2026, 3, 16, tzinfo=UTC),
    "skills": ["a", "b", "c", "d", "e"],
    "output_tokens": 2_000_000,
    "score": 0.999,
}


def sum_of(**bits: float) -> Sum:
    pieces = [Term(name, name, name, value, 0, ()) for name, value in bits.items()]
    return Sum((Term(PRIOR, PRIOR, "", -13.0, 0, ()), *pieces))


def test_claim_names_strong_families_only() -> None:
    claim = sentences.campaign_claim(CAMPAIGN, {"queue": 8.0, "content": 3.0, "network": 2.9, "identity": -4.0}, 3.0)
    assert claim == (
        "Evidence indicates that 60 accounts act as one operation: 4,896 requests from 3 to 16 March 2026, for a, b, c "
        "and 2 more skills, through the same prompt wording and as if dealt out from one work list."
    )


@pytest.mark.parametrize(
    ("verdict", "opening"),
    [
        ("act", "Evidence indicates"),
        ("review", "Evidence suggests, without settling it,"),
        ("none", "Little speaks for"),
    ],
)
def test_opening_follows_the_verdict(verdict: str, opening: str) -> None:
    assert sentences.campaign_claim({**CAMPAIGN, "verdict": verdict, "skills": []}, {}, 3.0).startswith(opening)


def test_case_verdict() -> None:
    review = {**CAMPAIGN, "verdict": "review"}
    assert sentences.case_verdict([CAMPAIGN, CAMPAIGN, review], 120, 100_000) == (
        "Evidence indicates two harvesting campaigns: 120 accounts sent 9,792 requests from 3 to 16 March 2026, 9.8 % "
        "of all traffic."
    )
    assert sentences.case_verdict([review], 0, 5000) == (
        "No harvesting campaign is established in 5,000 requests; one case should be looked at by a person."
    )
    assert sentences.case_verdict([CAMPAIGN] * 12, 900, 0).startswith("Evidence indicates 12 harvesting campaigns: 900")


def test_bystanders_are_protected_in_words() -> None:
    limits = " ".join(sentences.limits_of(CAMPAIGN, {"operator": 50, "shared": 1}))
    assert "1 account is honest, or it was taken from its owner" in limits
    steps = " ".join(sentences.before_acting(CAMPAIGN, {"operator": 50, "victim": 2, "shared": 1}))
    assert "Treat the 3 accounts marked shared or victim apart" in steps
    assert "marked shared" not in " ".join(sentences.before_acting(CAMPAIGN, {"operator": 50}))
    review = " ".join(sentences.before_acting({**CAMPAIGN, "verdict": "review"}, {}))
    assert "Do not act on this alone" in review


def test_change_tells_the_distance_and_the_strongest_family() -> None:
    told = change.of_campaign(sum_of(queue=14.0, content=9.0, conduct=-1.0), "act", ScoreSettings())
    assert told[0] == "It stands 2.4 bits above the line for act (99 %)."
    assert told[1].startswith(
        "Without its strongest family, one work list (+14.0 bits), the probability would be 3.0 %: below"
    )


def test_change_asks_for_a_second_family() -> None:
    told = change.of_campaign(sum_of(queue=14.0, content=1.0), "review", ScoreSettings())
    assert "lacks 4.6 bits to the line for act (99 %)" in told[0]
    assert any("two independent families of at least 3.0 bits; only one work list does." in line for line in told)


def test_change_below_all_lines() -> None:
    told = change.of_campaign(sum_of(queue=2.0), "none", ScoreSettings())
    assert told[0] == "It lacks 11.0 bits to the line for review (50 %)."
    assert not any("sanctioned" in line for line in told)
