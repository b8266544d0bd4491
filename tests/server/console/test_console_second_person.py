"""Decisions that wait for a second person, in the console."""

from __future__ import annotations

import pytest

from server.console.console_html import page_of
from server.console.console_scenes import ACCUSED, ACT, Reader, Scene, account_path
from server.console.test_console_casework import PAGE, WITHOUT_CHOICE, do, form_of
from server.console.test_console_decisions import cells
from stillhunt.decide.entries import in_force
from stillhunt.decide.log import read_log


@pytest.fixture
def two_people(scene: Scene) -> Scene:
    """A scene in which whoever blocks needs a second person."""
    assert scene.console.folder is not None
    (scene.console.folder.path / "policy.toml").write_text('second_person = ["block"]')
    return scene


def proposed(reader: Reader) -> str:
    """Text of the page after a decision to block."""
    form = form_of(reader, PAGE, f"{PAGE}/case/act")
    fields = {**form.fields, **WITHOUT_CHOICE["act"], "action": "block", "days": "7", "note": "resells"}
    sure = page_of(reader.post(form.action, fields))
    assert "It waits for a second person" in sure.text
    (form,) = [one for one in sure.posts() if one.action == form.action]
    leads = reader.post(form.action, form.fields).headers["location"]
    return page_of(reader.get(leads)).text


def blocked(scene: Scene) -> set[str]:
    log = read_log(scene.database)
    return {name for name, entry in in_force(log, log[-1].made_at).items() if entry.action == "block"}


def test_a_campaign_is_blocked_once_a_colleague_approves_it(two_people: Scene) -> None:
    anna, ravi = two_people.reader("anna"), two_people.reader("ravi")
    text = proposed(anna)
    assert "Your decision waits for a second person, and is not in force yet." in text
    assert "What you decided waits: somebody else approves it." in text
    assert "It waits for a second person." in text
    assert blocked(two_people) == set()
    assert "Approve" not in anna.page(PAGE)
    page = page_of(ravi.get(PAGE))
    assert "anna asks you to approve this: refuse everything (block) for" in page.text
    form = form_of(ravi, PAGE, f"{PAGE}/case/decline")
    refused = anna.post(f"{PAGE}/case/approve", {"version": form.fields["version"], "note": ""})
    assert (refused.status_code, "You decided this yourself" in page_of(refused).text) == (400, True)
    leads = ravi.post(f"{PAGE}/case/approve", {**form.fields, "note": "looked at ten of them"}).headers["location"]
    text = page_of(ravi.get(leads)).text
    assert "The decision is approved, and in force within seconds." in text
    assert "approved what anna had decided: “refuse everything (block)” for" in text
    waiting = [entry for entry in read_log(two_people.database) if entry.dry_run]
    assert blocked(two_people) == {entry.account_id for entry in waiting} != set()


def test_what_waits_is_declined_and_found_among_decisions(two_people: Scene) -> None:
    anna, ravi = two_people.reader("anna"), two_people.reader("ravi")
    proposed(anna)
    assert len(cells(ravi, "/decisions?state=waits for a second person")) > 0
    assert "waits" not in ravi.page("/decisions?state=dry+run&author=anna").partition("<table")[2]
    text = do(ravi, "decline", note="two of them are customers").text
    assert "What waited for a second person is not done." in text
    assert "declined what waited for a second person" in text
    assert "1 decision stands." in page_of(ravi.get("/decisions")).text
    assert {row["State"] for row in cells(ravi, "/decisions?author=anna")} == {"ended"}
    assert blocked(two_people) == set()


def test_a_decision_about_one_account_is_approved_by_its_number(two_people: Scene) -> None:
    anna, ravi = two_people.reader("anna"), two_people.reader("ravi")
    (form,) = [one for one in page_of(anna.get(account_path(ACCUSED))).posts() if one.action == "/decisions"]
    leads = anna.post("/decisions", {**form.fields, "action": "block", "days": "2"}).headers["location"]
    (row,) = cells(anna, leads)
    assert row["State"] == "waits for a second person"
    assert "refuse everything (block) (waits for a second person)" in page_of(anna.get(account_path(ACCUSED))).text
    assert anna.post("/decisions/approve", {"seq": row["Number"], "note": ""}).status_code == 400
    leads = ravi.post("/decisions/approve", {"seq": row["Number"], "note": "seen"}).headers["location"]
    (made,) = cells(ravi, leads)
    assert (made["State"], made["Author"]) == ("stands", "ravi")
    assert blocked(two_people) == {ACCUSED}


def test_a_policy_that_cannot_be_read_lets_nobody_decide_alone(two_people: Scene) -> None:
    assert two_people.console.folder is not None
    anna = two_people.reader("anna")
    form = form_of(anna, PAGE, f"{PAGE}/case/act")
    (two_people.console.folder.path / "policy.toml").write_text("second_person = [")
    before = len(read_log(two_people.database))
    fields = {**form.fields, **WITHOUT_CHOICE["act"], "action": "block", "days": "7"}
    answer = anna.post(form.action, fields)
    assert (answer.status_code, "policy cannot be used" in page_of(answer).text) == (400, True)
    assert len(read_log(two_people.database)) == before


def test_what_waits_stays_in_the_queue(two_people: Scene) -> None:
    anna, ravi = two_people.reader("anna"), two_people.reader("ravi")
    proposed(anna)
    assert ACT in ravi.page("/campaigns")


def test_a_tab_of_the_queue_has_what_waits_for_a_second_person_and_counts_it(two_people: Scene) -> None:
    anna, ravi = two_people.reader("anna"), two_people.reader("ravi")
    assert "Waits for a second person 0" in page_of(ravi.get("/campaigns")).text
    assert "0 campaigns wait for a second person" in page_of(ravi.get("/campaigns?view=second")).text
    proposed(anna)
    for reader in (anna, ravi, two_people.reader("vera")):
        assert "Waits for a second person 1" in page_of(reader.get("/campaigns")).text
    page = page_of(ravi.get("/campaigns?view=second"))
    assert "1 campaign waits for a second person" in page.text
    assert [row["Campaign"] for row in cells(ravi, "/campaigns?view=second")] == [ACT]
    assert "/decisions?state=waits+for+a+second+person" in page.links()
    do(ravi, "decline", note="two of them are customers")
    assert "Waits for a second person 0" in page_of(ravi.get("/campaigns")).text
