"""Which changes are alerts, what they say, and that they are few."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import func, select

from stillhunt.base.config_alerts import AlertSettings
from stillhunt.triage import Case
from stillhunt.watch.alerts.changes import (
    early_sign_alerts,
    failing_alert,
    limit_alert,
    recovered_alert,
    replacement_alert,
)
from stillhunt.watch.database.tables import ALERTS
from watch.alert_scenes import (
    ACT,
    CASE,
    HOUR,
    MINUTE,
    OTHER_ACT,
    REVIEW,
    START,
    alerts,
    database,
    event,
    record,
    some_sign,
    with_verdict,
)
from wording import assert_plain

SETTINGS = AlertSettings(console="https://console.example/")


@pytest.mark.parametrize(
    ("happened", "kind"),
    [
        (event("born"), "campaign_new"),
        (event("verdict"), "campaign_rises"),
        (event("returned"), "campaign_returned"),
        (event("merged", "hunt-gone", ACT), "campaign_merged"),
        (event("split", ACT, OTHER_ACT), "campaign_split"),
    ],
)
def test_changes_of_campaigns_to_act_on_are_alerts(happened: object, kind: str) -> None:
    (alert,) = alerts([happened])
    assert (alert.kind, alert.campaign_id) == (kind, ACT)
    assert ACT in alert.body["title"]


@pytest.mark.parametrize("kind", ["born", "verdict", "returned", "merged", "split"])
def test_a_campaign_for_review_is_no_alert_unless_it_is_wanted(kind: str) -> None:
    assert not alerts([event(kind, REVIEW)])
    wanted = alerts([event(kind, REVIEW)], review=True)
    assert [alert.kind for alert in wanted] == (["campaign_review"] if kind in ("born", "verdict", "returned") else [])


@pytest.mark.parametrize("kind", ["dormant", "ended", "an event of another version"])
def test_what_asks_for_no_act_is_no_alert(kind: str) -> None:
    assert not alerts([event(kind)], review=True)
    assert not alerts([event("born", "a campaign that is not in the case")])


def test_a_campaign_is_told_of_once_a_hunt_with_all_reasons() -> None:
    both = [event("verdict", reason="more evidence"), event("returned", reason="found again after 3 days")]
    (alert,) = alerts(both)
    assert alert.kind == "campaign_returned"
    assert alert.body["changes"] == ["More evidence.", "Found again after 3 days."]


def test_a_merge_told_from_both_sides_is_one_alert() -> None:
    (one,) = alerts([event("merged", "hunt-gone", ACT)])
    (same,) = alerts([event("merged", ACT, "hunt-gone")], sequence=2)
    assert one.alert_id == same.alert_id


def test_the_id_is_made_from_what_changed() -> None:
    (first,), (again,) = alerts([event("born")]), alerts([event("born")], at=START + HOUR, sequence=5)
    assert first.alert_id == again.alert_id
    (rose,), (rose_later,) = alerts([event("verdict")]), alerts([event("verdict")], sequence=5)
    assert rose.alert_id != rose_later.alert_id


def test_an_alert_says_what_is_known_and_what_is_not() -> None:
    (alert,) = alerts([event("born")], console="https://console.example/")
    told, text = alert.body["campaign"], alert.body["text"]
    assert (told["verdict"], told["accounts"], told["probability"]) == ("act", 120, 0.999)
    assert told["probability_in_words"] == "almost certain (at least 98 %)"
    assert told["evidence_for"][0]["bits"] > 0 > told["evidence_against"][0]["bits"]
    assert text.startswith(f"New campaign to act on: {ACT}\n\nEvidence indicates that")
    for part in (
        "What is taken: step-by-step",
        "against it:\n- Addresses",
        "What this does not prove:\n- Who is behind",
    ):
        assert part in text
    assert text.endswith(f"https://console.example/campaigns/{ACT}\n\nAlert {alert.alert_id}")
    for line in filter(None, text.splitlines()[:-3]):
        assert_plain(line.removeprefix("- "), ends=False)


def test_an_alert_names_no_account_prompt_address_or_mail() -> None:
    told = json.dumps([alert.body for alert in alerts([event("born"), event("born", OTHER_ACT)])])
    for account in CASE.accounts["account_id"].to_pylist():
        assert account not in told
    assert not re.search(r"sk-live|mail\.example|\b\d+\.\d+\.\d+\.\d+\b|mathematics tutor", told)


def test_a_hostile_case_cannot_break_out() -> None:
    nasty = "<!channel>\r\nBcc: x@evil.example \x1b[2J \u202e 192.0.2.7 " + "A" * 5000
    table = CASE.tables["evidence"]
    place = table.column_names.index("statement")
    evil = table.set_column(place, table.schema.field(place), pa.array([nasty] * table.num_rows, pa.string()))
    case = Case({**CASE.tables, "evidence": evil}, CASE.samples, CASE.timeline, CASE.run)
    (alert,) = alerts([event("born", reason=nasty)], case=case)
    text = alert.body["text"]
    assert "evil.example" not in text
    assert "192.0.2.7" not in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert len(json.dumps(alert.body)) < 20_000


def test_alerts_about_the_service_are_plain(tmp_path: Path) -> None:
    made = [
        replacement_alert(ACT, 1, "it uses 12 of 14 rare phrases", START, SETTINGS),
        *early_sign_alerts([some_sign("a", "b")], SETTINGS),
        failing_alert(3, "the hunt took more than 4.0 GiB of memory", 7, START, SETTINGS),
        recovered_alert(8, START, SETTINGS),
        limit_alert("disk_limit", "only 0.9 GiB are free, so nothing more is accepted", START, SETTINGS),
        limit_alert("budget_limit", "the allowed false campaigns are used up", START, SETTINGS),
    ]
    assert made[0].body["title"] == f"1 new account looks like a replacement in campaign {ACT}"
    for alert in made:
        assert_plain(alert.body["title"], ends=False)
        assert_plain(alert.body["text"].splitlines()[2])
        assert json.loads(json.dumps(alert.body))["kind"] == alert.kind
    with database(tmp_path) as store:
        assert len(record(store, made)) == len(made)


def test_signs_of_one_hunt_are_one_alert_that_names_no_account() -> None:
    signs = [some_sign(f"victim-{number}", "victim-x", name=f"s{number}") for number in range(200)]
    (alert,) = early_sign_alerts(signs, SETTINGS)
    assert alert.body["title"] == "200 early signs of campaigns: 201 accounts"
    assert "victim" not in json.dumps(alert.body)
    assert len(alert.body["signs"]) == 50
    assert alert.body["text"].count("8 of 12 members") == 3
    assert "stillhunt history" in alert.body["text"]
    assert early_sign_alerts([], SETTINGS) == []
    (again,) = early_sign_alerts(signs[::-1], SETTINGS)
    assert again.alert_id == alert.alert_id
    (one,) = early_sign_alerts(signs[:1], SETTINGS)
    assert one.campaign_id == ACT
    assert one.body["title"] == "1 early sign of a campaign: 2 accounts"


def test_a_hundred_hunts_without_change_are_silent(tmp_path: Path) -> None:
    with database(tmp_path) as store:
        told = [record(store, alerts([], at=START + n * 15 * MINUTE, sequence=n)) for n in range(100)]
        assert not any(told)
        assert store.read(select(func.count().label("rows")).select_from(ALERTS)) == [{"rows": 0}]


def test_the_same_change_is_told_once(tmp_path: Path) -> None:
    with database(tmp_path) as store:
        told = [record(store, alerts([event("born")], at=START + n * 24 * HOUR, sequence=n)) for n in range(40)]
        assert [len(ids) for ids in told] == [1] + [0] * 39


@pytest.mark.parametrize(("review", "most_a_day"), [(False, 1), (True, 2)])
def test_flapping_is_told_once_a_day(tmp_path: Path, review: bool, most_a_day: int) -> None:
    """Act, review, act ... at every hunt for four days: one alert a day, and one more where review is wanted."""
    down = with_verdict(CASE, ACT, "review")
    with database(tmp_path) as store:
        record(store, alerts([event("born")], review=review))
        for number in range(1, 4 * 24):
            at, case = START + number * HOUR, CASE if number % 2 else down
            record(store, alerts([event("verdict")], at=at, sequence=number, case=case, review=review))
        told = store.read(select(ALERTS.c.kind, ALERTS.c.at).order_by(ALERTS.c.at))
    assert len(told) == 4 if most_a_day == 1 else len(told) <= 8
    for group in (("campaign_new", "campaign_rises"), ("campaign_review",)):
        times = [row["at"] for row in told if row["kind"] in group]
        assert all(later - earlier >= 24 * HOUR for earlier, later in pairwise(times))


def test_a_rise_after_a_case_for_review_is_told_at_once(tmp_path: Path) -> None:
    with database(tmp_path) as store:
        assert record(store, alerts([event("born")], case=with_verdict(CASE, ACT, "review"), review=True))
        assert record(store, alerts([event("verdict")], at=START + MINUTE, sequence=2, review=True))


def test_a_quiet_campaign_does_not_silence_another(tmp_path: Path) -> None:
    with database(tmp_path) as store:
        assert record(store, alerts([event("born")]))
        assert record(store, alerts([event("born", OTHER_ACT)], at=START + MINUTE, sequence=2))


def test_a_clock_that_ran_ahead_silences_nothing_for_ever(tmp_path: Path) -> None:
    with database(tmp_path) as store:
        assert record(store, alerts([event("verdict")], at=START + 1000 * 24 * HOUR))
        assert record(store, alerts([event("verdict")], at=START, sequence=2))


def test_replacements_are_told_once_for_a_campaign_and_hour(tmp_path: Path) -> None:
    hour = START - START % HOUR
    with database(tmp_path) as store:
        told = [
            len(record(store, [replacement_alert(ACT, n, "it uses 12 rare phrases", hour + n * MINUTE, SETTINGS)]))
            for n in range(90)
        ]
    assert [n for n, count in enumerate(told) if count] == [0, 60]


def test_failures_are_told_until_a_hunt_succeeds(tmp_path: Path) -> None:
    def tell(alert: object) -> int:
        return len(record(store, [alert]))

    with database(tmp_path) as store:
        assert not tell(recovered_alert(1, START, SETTINGS)), "nobody was told of failures"
        assert [tell(failing_alert(n, "no room", 1, START + n * MINUTE, SETTINGS)) for n in (3, 4, 5)] == [1, 0, 0]
        assert [tell(recovered_alert(n, START + n * HOUR, SETTINGS)) for n in (2, 3)] == [1, 0]
        assert not tell(failing_alert(3, "no room", 3, START + 4 * HOUR, SETTINGS)), "still in the quiet period"
        assert tell(failing_alert(300, "no room", 3, START + 40 * HOUR, SETTINGS)), "and it still fails after it"


def test_a_limit_that_stays_reached_is_told_once_a_day(tmp_path: Path) -> None:
    with database(tmp_path) as store:
        told = [
            n
            for n in range(72)
            if record(store, [limit_alert("disk_limit", "the disk is full", START + n * HOUR, SETTINGS)])
        ]
    assert len(told) == 3
