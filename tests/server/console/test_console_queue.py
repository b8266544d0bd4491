"""The queue as work: what waits comes first, the next case by itself, and several at once with one undo."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select, update

from server.console.console_html import page_of
from server.console.console_scenes import ACT, OTHER, REVIEW, Reader, Scene
from server.console.test_console_casework import do
from stillhunt.base.units import DAY, HOUR, MINUTE
from stillhunt.decide.case_work import read_work
from stillhunt.watch.database.tables import APPEALS, SNAPSHOT_ROWS
from stillhunt.watch.database.tables_console import AUDIT, CASE_EVENTS
from stillhunt_server.casework.times_taken import times_taken
from stillhunt_server.console.pages_queue import queue_rows

ALL = {ACT, OTHER, REVIEW}


def listed(reader: Reader, view: str) -> set[str]:
    return ALL & {cell for row in page_of(reader.get(f"/campaigns?view={view}")).rows for cell in row}


def test_the_queue_is_what_waits_for_a_person(scene: Scene) -> None:
    anna = scene.reader("anna")
    assert listed(anna, "") == listed(anna, "waiting") == ALL
    do(anna, "watch", note="let us see")
    do(anna, "dismiss", campaign=OTHER, reason="other", note="nothing")
    assert (listed(anna, ""), listed(anna, "watched"), listed(anna, "decided")) == ({REVIEW}, {ACT}, {OTHER})
    assert listed(anna, "all") == ALL
    do(anna, "assign", campaign=REVIEW, assignee="anna")
    assert (listed(anna, "mine"), listed(scene.reader("ravi"), "mine")) == ({REVIEW}, set())


def test_who_filters_or_follows_a_number_sees_all_that_it_counts(scene: Scene) -> None:
    anna = scene.reader("anna")
    do(anna, "watch")
    rows = page_of(anna.get("/campaigns?verdict=act")).rows
    assert {ACT, OTHER} <= {cell for row in rows for cell in row}


def test_a_watched_case_comes_back_on_its_day(scene: Scene) -> None:
    anna, now = scene.reader("anna"), time.time_ns() // 1000
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(now / 1e6 + 86_400))
    do(anna, "watch", until=tomorrow, note="again tomorrow")
    assert read_work(scene.database, ACT).look_at > now
    shown = scene.console.source.current()
    assert shown is not None
    states = [
        {row["campaign_id"]: row["state"] for row in queue_rows(scene.database, shown, at)}[ACT]
        for at in (now, now + 2 * DAY)
    ]
    assert states == ["watched", "waiting"]


@pytest.mark.parametrize("day", ["2020-01-01", "soon", "2026-02-30", "\x00", "9" * 400])
def test_a_day_that_is_none_or_over_is_refused(scene: Scene, day: str) -> None:
    anna = scene.reader("anna")
    (form,) = [one for one in page_of(anna.get(f"/campaigns/{ACT}")).posts() if one.action.endswith("/case/watch")]
    answer = anna.post(form.action, {**form.fields, "until": day})
    assert (answer.status_code, read_work(scene.database, ACT).version) == (400, 0)
    page_of(answer)


def test_two_people_never_get_the_same_case(scene: Scene) -> None:
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    got = [one.post("/queue/next").headers["location"] for one in (anna, ravi, ravi)]
    assert len(set(got)) == 2
    assert got[1] == got[2]  # who has one that waits is led back to it
    owners = {name: read_work(scene.database, name).assignee for name in ALL}
    assert sorted(owners.values()) == ["", "anna", "ravi"]


def test_several_are_changed_after_a_count_and_taken_back_at_once(scene: Scene) -> None:
    anna = scene.reader("anna")
    do(anna, "label", campaign=OTHER, label="old")
    fields = {
        "chosen": [f"{ACT}@0", f"{OTHER}@1", f"{REVIEW}@7"],
        "what": "dismiss",
        "reason": "reseller",
        "note": "one shop",
    }
    asked = page_of(anna.post("/queue/bulk", fields))
    assert "Dismiss 3 campaigns?" in asked.text
    assert {read_work(scene.database, name).status for name in (ACT, REVIEW)} == {"new"}
    done = page_of(anna.post("/queue/bulk", {**fields, "sure": "yes"}))
    assert "2 campaigns dismissed." in done.text
    assert "Nobody has worked on this campaign yet" in done.text  # the third was read at another version
    assert [read_work(scene.database, name).status for name in (ACT, OTHER, REVIEW)] == [
        "dismissed",
        "dismissed",
        "new",
    ]
    versions = [f"{name}@{read_work(scene.database, name).version}" for name in (ACT, OTHER)]
    anna.post("/queue/bulk", {"what": "undo", "sure": "yes", "chosen": versions})
    assert [read_work(scene.database, name).status for name in (ACT, OTHER)] == ["new", "open"]


@pytest.mark.parametrize("fields", [{}, {"chosen": ACT}, {"what": "shoot", "chosen": f"{ACT}@0"}, {"what": "watch"}])
def test_a_form_of_the_queue_that_says_nothing_changes_nothing(scene: Scene, fields: dict[str, str]) -> None:
    answer = scene.reader("anna").post("/queue/bulk", {"sure": "yes", **fields})
    assert answer.status_code in (200, 400)
    page_of(answer)
    assert {read_work(scene.database, name).version for name in ALL} == {0}


def test_times_are_counted_from_the_hunt_that_found_a_campaign(scene: Scene) -> None:
    assert [one.cases for one in times_taken(scene.database)] == [0, 0, 0]
    anna = scene.reader("anna")
    do(anna, "watch")
    do(anna, "dismiss", reason="other", note="late")  # only the first look and the first decision count
    anna.post("/appeals/1", {"what": "uphold", "note": "it was right"})
    with scene.database.write() as connection:
        at = select(SNAPSHOT_ROWS.c.made_at).where(SNAPSHOT_ROWS.c.sequence == 1)
        begun = connection.execute(at).scalar_one()
        connection.execute(update(AUDIT).where(AUDIT.c.what == "campaign").values(at=begun + 30 * MINUTE))
        connection.execute(update(CASE_EVENTS).where(CASE_EVENTS.c.kind == "watch").values(at=begun + 3 * HOUR))
        connection.execute(update(CASE_EVENTS).where(CASE_EVENTS.c.kind == "dismiss").values(at=begun + 9 * DAY))
        connection.execute(update(APPEALS).values(decided_at=APPEALS.c.filed_at + 5 * DAY))
    looked, decided, appealed = times_taken(scene.database)
    assert (looked.cases, looked.median) == (1, "30 minutes")
    assert (decided.cases, decided.median) == (1, "3 hours")
    assert (appealed.cases, appealed.longest) == (1, "5 days")
    assert "From the hunt to the first decision" in page_of(anna.get("/calibration")).text
