"""What analysts do all day: decide about a part of a campaign, find what ended, and be told what stands."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import insert

from server.console.conftest import Published
from server.console.console_html import page_of
from server.console.console_scenes import ACCUSED, ACT, REVIEW, Scene, publish
from server.console.test_console_casework import CHANGES, do, form_of
from stillhunt.base import formatting
from stillhunt.decide.case_work import read_work
from stillhunt.decide.log import read_log
from stillhunt.triage.score_breakdown import log2_odds_of
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt.watch.folder import DataFolder
from stillhunt_server.casework.in_force import standing_parts
from stillhunt_server.console import snapshot
from stillhunt_server.console.snapshot import LatestSource, ShownCase
from stillhunt_server.people.form_tokens import is_token, masked_token
from triage.fixtures import demo_case

PAGE = f"/campaigns/{ACT}"
OLD = {"status": "ended", "verdict": "act", "kind": "harvest", "score": 0.99, "first_snapshot": 1, "last_snapshot": 1}


def acted(scene: Scene, campaign: str) -> set[str]:
    return {entry.account_id for entry in read_log(scene.database) if entry.campaign_id == campaign}


def test_a_person_decides_about_chosen_members_of_a_campaign_for_review(scene: Scene) -> None:
    anna, url = scene.reader("anna"), f"/campaigns/{REVIEW}"
    form = form_of(anna, f"{url}/members", f"{url}/case/act")
    boxes = re.findall(r'name="chosen" value="([^"]+)" form="choose"', anna.page(f"{url}/members"))
    assert len(boxes) > 2
    asked = anna.post(form.action, {**form.fields, "chosen": boxes[:2], "action": "tag", "note": "these two"})
    assert asked.status_code == 200
    page = page_of(asked)
    assert "tag: 2 accounts for 30 days?" in page.text.lower()
    assert "accounts: not chosen" in page.text  # who is left out is said first
    assert acted(scene, REVIEW) == set()
    (sure,) = [one for one in page.posts() if one.action == form.action]
    assert sure.fields["sure"] == "yes"
    assert anna.post(form.action, {**sure.fields, "chosen": boxes[:2]}).status_code == 303
    assert acted(scene, REVIEW) == set(boxes[:2])


def test_nothing_is_done_before_the_second_look(scene: Scene) -> None:
    anna = scene.reader("anna")
    form = form_of(anna, PAGE, f"{PAGE}/case/act")
    answer = anna.post(form.action, {**form.fields, **CHANGES["act"], "sure": ""})
    assert (answer.status_code, acted(scene, ACT)) == (200, set())


def test_accounts_of_the_claim_are_ticked_out_by_role_and_one_by_one(scene: Scene) -> None:
    anna, text = scene.reader("anna"), scene.reader("anna").page(PAGE)
    roles = re.findall(r'name="role" value="(\w+)" form="act"(?: checked)?', text)
    spared = re.findall(r'name="spare" value="([^"]+)" form="act"', text)
    form = form_of(anna, PAGE, f"{PAGE}/case/act")
    fields = {**form.fields, **CHANGES["act"], "whom": "yes", "role": roles, "spare": spared[:1]}
    assert anna.post(form.action, fields).status_code == 303
    assert spared[0] not in acted(scene, ACT)
    assert acted(scene, ACT) >= set(spared[1:])


def test_a_customer_behind_an_account_is_spared_also_where_it_is_chosen(scene: Scene) -> None:
    shown = scene.console.source.current()
    assert shown is not None
    members = shown.members_of(ACT).to_pylist()
    behind = [row["account_id"] for row in members if row["role"] in ("pool", "victim")]
    anna = scene.reader("anna")
    form = form_of(anna, PAGE, f"{PAGE}/case/act")
    chosen = [*behind[:1], ACCUSED]
    anna.post(form.action, {**form.fields, **CHANGES["act"], "action": "throttle", "chosen": chosen})
    assert acted(scene, ACT) == {ACCUSED}


def test_what_stands_is_told_in_head_queue_and_overview(scene: Scene) -> None:
    anna = scene.reader("anna")
    do(anna, "act", action="step_up", days="14")
    number = len(acted(scene, ACT))
    said = rf"{number} of \d+ accounts must prove something, by anna"
    for page in (PAGE, "/campaigns?view=all", "/"):
        assert re.search(said, page_of(anna.get(page)).text), page
    assert "14" not in page_of(anna.get(PAGE)).part("decide") or "until" in page_of(anna.get(PAGE)).text
    (part,) = standing_parts(scene.database, time.time_ns() // 1000, ACT)[ACT]
    assert (part.accounts, part.author, part.dry_run) == (number, "anna", False)


@pytest.mark.parametrize("done", ["act", "act.1.0", "comment.99999999999999999999.x", ".", "act.%FF.\u00e9"])
def test_an_address_does_not_say_that_something_was_done(scene: Scene, done: str) -> None:
    page = page_of(scene.reader("anna").get(PAGE, params={"done": done}))
    assert "The decision is made" not in page.text
    assert "The comment is kept" not in page.text


def test_a_message_is_for_one_session_one_change_and_one_time(scene: Scene) -> None:
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    form = form_of(anna, PAGE, f"{PAGE}/case/comment")
    leads = anna.post(form.action, {**form.fields, "text": "hello"}).headers["location"]
    told = leads.partition("#")[0]
    assert "The comment is kept." not in page_of(ravi.get(told)).text
    assert "The comment is kept." not in page_of(anna.get(told.replace(ACT, REVIEW))).text
    assert "The decision is made" not in page_of(anna.get(told.replace("done=comment", "done=act"))).text
    assert "The comment is kept." in page_of(anna.get(told)).text
    assert "The comment is kept." not in page_of(anna.get(told)).text


def test_a_comment_does_not_invalidate_a_form_that_was_read_before(scene: Scene) -> None:
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    do(anna, "label", label="first")
    seen = form_of(ravi, PAGE, f"{PAGE}/case/watch")
    do(anna, "comment", text="I look at it, too.")
    assert ravi.post(seen.action, {**seen.fields, "note": "so do I"}).status_code == 303
    assert read_work(scene.database, ACT).status == "watched"
    assert ravi.post(seen.action, {**seen.fields, "note": "again"}).status_code == 409


def test_campaigns_that_ended_are_found_and_so_are_the_words_of_people(scene: Scene) -> None:
    with scene.database.write() as connection:
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id="hunt-of-old", **OLD))
    anna = scene.reader("anna")
    anna.post("/campaigns/hunt-of-old/case/comment", {"version": "0", "text": "a Lighthouse"})
    do(anna, "label", label="harbour")
    do(anna, "narrative", text="They came by ferry.")
    for wanted, found in (
        ("hunt-of-o", "hunt-of-old"),
        ("lighthouse", "hunt-of-old"),
        ("harbour", ACT),
        ("ferry", ACT),
    ):
        page = page_of(anna.get("/search", params={"for": wanted}))
        assert f"/campaigns/{found}" in page.links(), wanted
    assert "/campaigns/hunt-of-old" in page_of(anna.get("/campaigns?view=ended")).links()
    assert "/campaigns/hunt-of-old" not in page_of(anna.get("/campaigns")).links()


def test_the_audit_has_changes_and_so_has_the_feed_for_who_takes_over(scene: Scene) -> None:
    do(scene.reader("anna"), "watch", note="until Monday")
    rows = page_of(scene.reader("adam").get("/audit?what=change")).rows
    assert ["anna", "change", f"{ACT}: decided to watch it"] in [[text.strip() for text in row[1:]] for row in rows]
    rows = [" ".join(row) for row in page_of(scene.reader("vera").get("/changes")).rows]
    assert any("until Monday" in row for row in rows)
    assert any("ravi" in row and ACCUSED in row for row in rows), "a decision about one account"


def test_answers_are_compressed_for_who_takes_that(scene: Scene) -> None:
    anna = scene.reader("anna")
    for path in (PAGE, "/static/console.css"):
        packed = anna.get(path, headers={"accept-encoding": "gzip"})
        plain = anna.get(path, headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
        assert (plain.headers["vary"], packed.headers["vary"]) == ("accept-encoding", "accept-encoding")


@pytest.mark.parametrize("path", [PAGE, "/rules", "/campaigns", "/appeals/1", f"{PAGE}/members"])
def test_a_form_token_is_another_text_in_each_page(scene: Scene, path: str) -> None:
    anna = scene.reader("anna")
    tokens = [re.findall('name="form_token" value="([^"]+)"', anna.page(path)) for _ in range(2)]
    assert all(tokens)
    assert not set(tokens[0]) & set(tokens[1])
    assert anna.token not in tokens[0]
    assert all(is_token(one, anna.token) for one in tokens[0])
    for wrong in ("", "~", "~!", "~" + "A" * 64, masked_token("another"), tokens[0][0][:-4]):
        assert not is_token(wrong, anna.token)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DataFolder, LatestSource, threading.Event]:
    """A data folder whose second snapshot is read when the event is set."""
    folder, may = DataFolder(tmp_path / "data"), threading.Event()
    publish(folder, demo_case(), 1)
    source = LatestSource(folder)
    source.current()

    def read(taken: snapshot.Snapshot) -> ShownCase:
        assert may.wait(10)
        return ShownCase(taken.case, taken.sequence, taken.facts())

    monkeypatch.setattr(snapshot, "_read_shown_case", read)
    publish(folder, demo_case(), 2)
    return folder, source, may


def test_a_page_about_a_campaign_waits_for_the_snapshot_that_is_read(
    slow: tuple[DataFolder, LatestSource, threading.Event],
) -> None:
    _, source, may = slow
    shown = source.current()
    assert shown is not None
    assert shown.sequence == 1
    assert source.is_reading()
    threading.Timer(0.2, may.set).start()
    newest = source.newest(10.0)
    assert newest is not None
    assert newest.sequence == 2
    assert not source.is_reading()


def test_a_page_says_that_a_newer_snapshot_is_read(scene: Scene, published: Published) -> None:
    class Reading:
        def current(self) -> ShownCase:
            return published.shown

        def newest(self, wait: float) -> ShownCase:
            self.waited = wait
            return published.shown

        def is_reading(self) -> bool:
            return True

    scene.console.source = reading = Reading()
    anna = scene.reader("anna")
    assert "A newer hunt has ended and is being read." in page_of(anna.get("/campaigns")).text
    anna.get("/campaigns/hunt-unknown")
    assert reading.waited == 20.0
    anna.get(PAGE)
    assert reading.waited == 2.0


def test_the_overview_and_the_campaign_ask_the_same_bits_of_the_verdict_act(
    reading: Scene, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = published.shown.campaign(ACT).run.settings
    least = log2_odds_of(settings.act_probability) - settings.prior_bits
    for asked in (1.0, least + 3):
        monkeypatch.setitem(published.shown.facts, "required_bits", asked)
        page = page_of(reading.reader("vera").get("/"))
        assert f"needs {formatting.bits(max(asked, least))} bits of evidence" in page.text
