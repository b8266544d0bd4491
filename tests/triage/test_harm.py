"""The queue is ordered by probability times list value a day over a campaign's last days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from stillhunt.base.config import ScoreSettings
from stillhunt.triage.model import CampaignModel, RunFacts
from stillhunt.triage.score_breakdown import ScoreSum
from stillhunt_server.case_views.harm import HARM_DAYS, ExpectedHarm, expected_harm, queue_order
from wording import assert_plain

from .fixtures import START, build, demo_case
from .rearranged import rearranged


def model(**changes: Any) -> CampaignModel:
    row = {
        **demo_case().campaigns.to_pylist()[0],
        "campaign_id": "c",
        "score": 0.5,
        "requests": 100,
        "list_value": 200.0,
    }
    row |= {"first_seen": START, "last_seen": START + timedelta(days=10)} | changes
    return CampaignModel(row, ScoreSum(()), (), {}, 0, (), RunFacts(ScoreSettings(), "EUR", 1000))


def timeline(*counts: tuple[float, int]) -> Any:
    """Requests in buckets of a day that begin so many days after the start."""
    rows = [
        {"campaign_id": "c", "bucket": START + timedelta(days=day), "requests": count, "accounts": 1}
        for day, count in counts
    ]
    return build("timeline", [*rows, {**rows[0], "campaign_id": "other", "requests": 10**6}])


def test_only_the_last_seven_days_count_and_idle_days_do_too() -> None:
    harm = expected_harm(model(), timeline((0, 50), (1, 36), (8, 8), (9, 6)))
    assert harm.days == HARM_DAYS == 7
    assert harm.requests_per_day == 2.0
    assert harm.value_per_request == 2.0
    assert harm.value_per_day == 4.0
    assert harm.per_day == 2.0
    assert harm.shown == "EUR 2.00 daily"


def test_a_bucket_that_begins_before_the_last_days_counts_in_proportion() -> None:
    half_a_day_later = START + timedelta(days=10.5)
    harm = expected_harm(model(last_seen=half_a_day_later), timeline((3, 20), (4, 4)))
    assert harm.requests_per_day == pytest.approx((10 + 4) / 7)


def test_a_campaign_of_an_hour_is_spread_over_a_day() -> None:
    harm = expected_harm(model(last_seen=START + timedelta(hours=1)), timeline((0, 100)))
    assert harm.requests_per_day == 100.0
    assert harm.days == 1.0


def test_a_campaign_of_one_moment_counts_its_requests() -> None:
    assert expected_harm(model(last_seen=START), timeline((0, 100))).requests_per_day == 100.0


def test_without_a_timeline_the_rate_is_that_of_the_whole_time_and_says_so() -> None:
    harm = expected_harm(model(), build("timeline", []))
    assert harm.requests_per_day == 10.0
    assert not harm.measured
    assert "no timeline" in harm.words


def test_what_does_not_harvest_has_no_value_and_is_ranked_by_its_requests() -> None:
    farm = expected_harm(model(kind="account_farm"), timeline((3, 70)))
    assert (farm.per_day, farm.value_per_day) == (0.0, 0.0)
    assert "No harvest is shown" in farm.words
    cheap = expected_harm(model(list_value=0.0, score=0.1, campaign_id="a"), timeline((9, 7)))
    tiny = expected_harm(model(list_value=0.001, score=0.01, campaign_id="z"), build("timeline", []))
    ranked = sorted([cheap, farm, tiny], key=lambda harm: harm.order)
    assert ranked == [tiny, farm, cheap]


def test_the_queue_has_campaigns_with_a_verdict_most_harm_first_in_any_row_order() -> None:
    case = demo_case()
    queue = queue_order(case.model, case.timeline)
    assert {campaign.verdict for campaign, _ in queue} == {"act", "review"}
    assert [harm.per_day for _, harm in queue] == sorted((harm.per_day for _, harm in queue), reverse=True)
    mixed = rearranged(case, 3)
    assert [harm for _, harm in queue_order(mixed.model, mixed.timeline)] == [harm for _, harm in queue]


@pytest.mark.parametrize("requests", [0.0, 1.0, 2.0, 12345.0])
@pytest.mark.parametrize("days", [1.0, 1.5, 7.0])
@pytest.mark.parametrize("harvests", [True, False])
def test_words_are_plain(requests: float, days: float, harvests: bool) -> None:
    for measured in (True, False):
        assert_plain(ExpectedHarm("c", 0.93, 0.02, requests, days, harvests, measured, "USD").words)
