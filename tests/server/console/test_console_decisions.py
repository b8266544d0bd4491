"""Decisions and appeals, what they say about verdicts, saved filters, and who may sign in."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from server.console.console_html import page_of
from server.console.console_routes import FORMS
from server.console.console_scenes import ACCUSED, OTHER, REVIEW, Reader, Scene, account_path
from server.console.test_console_casework import do
from stillhunt.base.config import Config
from stillhunt.decide.appeals import file_appeal, find_appeal
from stillhunt.decide.entries import standing
from stillhunt.decide.log import read_log
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.decide.policy import AppealTerms
from stillhunt.watch.database.tables import DECISIONS
from stillhunt_server.console import pages_decisions
from stillhunt_server.console.saved_filters import filters_of
from stillhunt_server.people.users import all_users, find_user


def stands(scene: Scene) -> list[int]:
    return [entry.seq for entry in standing(read_log(scene.database), time.time_ns() // 1000)]


def cells(reader: Reader, url: str, first: str = "") -> list[dict[str, str]]:
    """Rows of the table of a page by heading; with several tables, of that whose first heading is named."""
    rows = [[" ".join(one.split()) for one in row] for row in page_of(reader.get(url)).rows]
    start = next((number for number, row in enumerate(rows) if first and row[0] == first), 0)
    head, *rows = rows[start:]
    return [dict(zip(head, row, strict=True)) for row in rows if not first or len(row) == len(head)]


def test_a_decision_is_ended_by_its_number_and_stays_in_the_log(scene: Scene) -> None:
    anna = scene.reader("anna")
    (before,) = cells(anna, "/decisions")
    assert (before["Number"], before["Account"], before["State"], before["Author"]) == ("1", ACCUSED, "stands", "ravi")
    answer = anna.post("/decisions/undo", {"seq": " 1 ", "note": "<it> was wrong"})
    assert answer.status_code == 303
    assert [row["Number"] for row in cells(anna, answer.headers["location"])] == ["1"]
    ended, first = cells(anna, "/decisions")
    assert (first["State"], ended["State"], ended["Note"]) == ("ended", "ends another", "<it> was wrong")
    assert stands(scene) == []
    text = page_of(anna.get("/decisions")).text
    assert "0 decisions stand." in text
    assert read_log(scene.database)[-1].digest in text
    assert "<it> was wrong" in page_of(anna.get(account_path(ACCUSED))).text


def test_a_page_of_the_log_leads_to_earlier_entries(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = scene.reader("anna")
    for account in ("p-1", "p-2", "p-3"):
        decide_as_person(
            scene.database, account, "tag", DecisionAuthor("Ada", "for p"), DecisionSpan(time.time_ns() // 1000, 1.0)
        )
    monkeypatch.setattr(pages_decisions, "ENTRIES_SHOWN", 2)
    monkeypatch.setattr(pages_decisions, "STANDING_COUNTED", 3)
    text = anna.get("/decisions?find=P-")
    assert [row["Account"] for row in cells(anna, "/decisions?find=P-")] == ["p-3", "p-2"]
    assert "More than 3 decisions stand." in page_of(text).text
    assert "/decisions?find=P-&amp;seq.most=2" in text.text
    assert [row["Number"] for row in cells(anna, "/decisions?find=P-&seq.most=2")] == ["2"]
    assert [row["Number"] for row in cells(anna, "/decisions?state=stands&author=Ada&seq.least=3")] == ["4", "3"]
    assert "Earlier entries" not in anna.get("/decisions?seq.most=2").text


def test_an_account_is_decided_about_on_its_own_page(scene: Scene) -> None:
    anna, account = scene.reader("anna"), "customer-0007"
    (form,) = [one for one in page_of(anna.get(account_path(account))).posts() if one.action == "/decisions"]
    assert form.fields["account"] == account
    note = "<b>we</b> spoke with them"
    answer = anna.post("/decisions", {**form.fields, "action": "throttle", "days": "2", "note": note})
    assert answer.status_code == 303
    (row,) = cells(anna, answer.headers["location"])
    assert (row["Account"], row["Action"], row["Author"], row["State"]) == (
        account,
        "slow down (throttle)",
        "anna",
        "stands",
    )
    page = page_of(anna.get(account_path(account)))
    assert note in page.text
    before = read_log(scene.database)
    bad = ({"kind": "rule"}, {"action": "shoot"}, {"reason": "x"}, {"days": "nan"}, {"days": "0"}, {"account": ""})
    for changed in (*bad, {"account": "x" * 5000}, {"days": "1e9"}):
        refused = anna.post("/decisions", {**form.fields, **changed})
        assert refused.status_code == 400, changed
        page_of(refused)
    assert read_log(scene.database) == before


@pytest.mark.parametrize("seq", ["", "0", "2", "-1", "1.0", "1" * 400, "x", "\x00"])
def test_a_number_that_is_no_decision_ends_nothing(scene: Scene, seq: str) -> None:
    answer = scene.reader("anna").post("/decisions/undo", {"seq": seq, "note": ""})
    assert answer.status_code == 400
    assert "No decision" in page_of(answer).text
    assert stands(scene) == [1]


@pytest.mark.parametrize(
    ("what", "said"), [("uphold", "The decision was upheld."), ("overturn", "The appeal was granted.")]
)
def test_an_appeal_is_decided_by_somebody_else_than_who_decided(scene: Scene, what: str, said: str) -> None:
    ravi, anna = scene.reader("ravi"), scene.reader("anna")
    answer = ravi.post("/appeals/1", {"what": what, "note": "I was right"})
    assert answer.status_code == 400
    assert "Ravi made a decision about this account. Let somebody else decide the appeal." in page_of(answer).text
    assert ">\nI was right</textarea>" in answer.text, "what was written is not lost"
    assert find_appeal(scene.database, 1).status == "open"
    answer = anna.post("/appeals/1", {"what": what, "note": "I looked again"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/appeals/1")
    page = page_of(anna.get("/appeals/1"))
    assert said in page.text
    assert "I looked again" in page.text
    assert [form for form in page.posts() if form.action != "/sign-out"] == []
    assert stands(scene) == ([1] if what == "uphold" else [3])  # the account is let through
    again = anna.post("/appeals/1", {"what": what, "note": ""})
    assert again.status_code == 400
    assert "Appeal 1 was" in page_of(again).text


@pytest.mark.parametrize("what", ["", "grant", "OVERTURN"])
def test_an_appeal_without_a_decision_stays_open(scene: Scene, what: str) -> None:
    assert scene.reader("anna").post("/appeals/1", {"what": what, "note": ""}).status_code == 400
    assert find_appeal(scene.database, 1).status == "open"


@pytest.mark.parametrize("number", ["0", "2", "x", "-1", "1e3", "9" * 30, "9" * 5000, "%00", "٣"])
def test_a_number_that_is_no_appeal_leads_to_a_clear_page(scene: Scene, number: str) -> None:
    anna = scene.reader("anna")
    for answer in (anna.get(f"/appeals/{number}"), anna.post(f"/appeals/{number}", {"what": "uphold"})):
        assert answer.status_code in (400, 404)
        assert "There is no appeal" in page_of(answer).text


def test_the_appeal_that_has_to_be_decided_first_stands_first(scene: Scene) -> None:
    anna = scene.reader("anna")
    made = do(anna, "act", action="tag", days="5", reason="linked_accounts", note="")
    assert made.text
    text = "\u202e<script>x</script>\x1b[2J"
    now = time.time_ns() // 1000
    entry = next(one for one in read_log(scene.database) if one.account_id == "91c2-acct-0000")
    file_appeal(scene.database, entry.seq, "91c2-acct-0000", text, "gateway", AppealTerms(days=0.5), now)
    rows = cells(anna, "/appeals")
    assert [(row["Number"], row["Status"]) for row in rows] == [("2", "open"), ("1", "open")]
    assert "2 appeals wait." in page_of(anna.get("/appeals")).text
    assert "\\u202e<script>x</script>\\x1b[2J" in page_of(anna.get("/appeals/2")).text


def test_calibration_shows_a_dismissal_with_its_verdict_and_reason(scene: Scene) -> None:
    anna = scene.reader("anna")
    assert "No campaign has been decided yet." in page_of(anna.get("/calibration")).text
    do(anna, "dismiss", campaign=OTHER, reason="class_or_workshop", note="It is a class.")
    do(anna, "act", action="tag", days="5", reason="linked_accounts", note="")
    rows = cells(anna, "/calibration", "Verdict")
    whole = [row for row in rows if row["Probability"] == "all"]
    assert [(row["Verdict"], row["Decided"], row["Dismissed"], row["Reasons"]) for row in whole] == [
        ("act", "2", "1", "1 class or workshop")
    ]
    assert whole[0]["Share dismissed"].startswith("50 % (95 % interval ")
    queue = cells(anna, "/campaigns?verdict=act&status=dismissed")
    assert [row["Campaign"] for row in queue] == [OTHER]
    do(anna, "undo", campaign=OTHER)
    assert "class or workshop" not in page_of(anna.get("/calibration")).text


def test_filters_are_ones_own_or_shared_and_their_owner_deletes_them(scene: Scene) -> None:
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    form = next(
        one
        for one in page_of(anna.get("/campaigns?verdict=review&accounts.least=5")).posts()
        if one.action == "/filters"
    )
    assert form.fields["query"] == "verdict=review&accounts.least=5"
    answer = anna.post("/filters", {**form.fields, "name": "large & <b>unsure</b>", "shared": "yes"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns?verdict=review&accounts.least=5")
    for reader, names in ((anna, ["large & <b>unsure</b>", "mine", "ours"]), (ravi, ["ours", "large & <b>unsure</b>"])):
        page = page_of(reader.get("/campaigns"))
        person = "anna" if reader is anna else "ravi"
        assert [one.name for one in filters_of(scene.database, "campaigns", person)] == names
        assert all(name in page.text for name in names)
        assert ("mine" in page.text.split()) == (reader is anna)
        assert sum(one.action.startswith("/filters/") for one in page.posts()) == (2 if reader is anna else 1)
    assert [row["Campaign"] for row in cells(ravi, "/campaigns?verdict=review&accounts.least=5")] == [REVIEW]
    assert ravi.post("/filters/3/delete").status_code == 400
    assert anna.post("/filters/3/delete").status_code == 303
    assert "large" not in page_of(ravi.get("/campaigns")).text
    for number in ("3", "0", "x", "9" * 5000, "%00"):
        assert anna.post(f"/filters/{number}/delete").status_code == 400


@pytest.mark.parametrize("changed", [{"name": ""}, {"name": "x" * 65}, {"query": "a=b c"}, {"query": "x" * 2001}])
def test_a_filter_that_cannot_be_one_is_refused(scene: Scene, changed: dict[str, str]) -> None:
    assert scene.reader("anna").post("/filters", {**FORMS["/filters"].fields, **changed}).status_code == 400
    assert len(filters_of(scene.database, "campaigns", "anna")) == 2


@pytest.mark.parametrize("page", ["", "//evil.example", "https://evil.example", "/nowhere", "/campaigns/../users"])
def test_a_saved_filter_leads_nowhere_else(scene: Scene, page: str) -> None:
    answer = scene.reader("anna").post("/filters", {"page": page, "query": "", "name": "a"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns?")


def test_an_administrator_changes_roles_and_the_last_one_stays(scene: Scene) -> None:
    adam = scene.reader("adam")
    forms = {one.fields["name"]: one for one in page_of(adam.get("/users")).posts() if one.action == "/users"}
    assert sorted(forms) == ["adam", "anna", "dora", "ravi", "vera"]
    for fields in ({"what": "role", "role": "viewer"}, {"what": "disable"}):
        answer = adam.post("/users", {**forms["adam"].fields, **fields})
        assert answer.status_code == 400
        assert "This is the last administrator" in page_of(answer).text
    assert adam.post("/users", {**forms["vera"].fields, "what": "role", "role": "admin"}).status_code == 303
    assert adam.post("/users", {**forms["adam"].fields, "what": "role", "role": "viewer"}).status_code == 303
    scene.people.sessions._known.clear()  # a second later
    assert adam.get("/users").status_code == 403
    assert adam.post("/users", {**forms["ravi"].fields, "what": "disable"}).status_code == 403
    found = {one.name: (one.role, one.disabled_at is not None) for one in all_users(scene.database)}
    assert (found["vera"], found["adam"], found["ravi"]) == (("admin", False), ("viewer", False), ("analyst", False))


def test_who_is_disabled_is_out_and_comes_back(scene: Scene) -> None:
    adam, anna = scene.reader("adam"), scene.reader("anna")
    assert anna.get("/").status_code == 200
    assert adam.post("/users", {"name": "anna", "what": "disable"}).status_code == 303
    scene.people.sessions._known.clear()  # a second later
    assert anna.get("/").headers["location"].startswith("/sign-in")
    assert adam.post("/users", {"name": "anna", "what": "enable"}).status_code == 303
    user = find_user(scene.database, "anna")
    assert user is not None
    assert user.disabled_at is None
    assert "4 people may sign in" in page_of(adam.get("/users")).text  # all but dora


def test_an_action_of_another_version_is_shown_as_it_is(scene: Scene) -> None:
    anna = scene.reader("anna")
    (form,) = [one for one in page_of(anna.get(account_path(ACCUSED))).posts() if one.action == "/decisions"]
    assert anna.post("/decisions", {**form.fields, "action": "throttle", "days": "2"}).status_code == 303
    with scene.database.write() as connection:
        connection.execute(update(DECISIONS).values(action="slow_lane"))
    assert ": slow_lane" in page_of(anna.get(account_path(ACCUSED))).text


@pytest.mark.parametrize(
    "fields", [{}, {"name": "nobody"}, {"name": "vera", "role": "owner"}, {"name": "vera", "what": "delete"}]
)
def test_a_user_or_a_role_that_is_none_changes_nobody(scene: Scene, fields: dict[str, str]) -> None:
    before = all_users(scene.database)
    answer = scene.reader("adam").post("/users", {"name": "", "role": "", "what": "role", **fields})
    assert answer.status_code == 400
    page_of(answer)
    assert all_users(scene.database) == before


def test_settings_that_name_accounts_are_a_look_at_them(scene: Scene) -> None:
    scene.console.config = Config(sanctioned={"accounts": ["customer-0007"]})
    vera = scene.reader("vera")
    assert scene.looks(vera, "/settings") == [("vera", "settings", "declared accounts")]
    assert "customer-0007" in page_of(vera.get("/settings")).text
