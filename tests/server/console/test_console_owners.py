"""What customers can do and be told: an appeal without an account, and what happened to their key."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from server.console.console_html import page_of
from server.console.console_scenes import ACCUSED, Scene
from stillhunt.base.schema_case import CITED
from stillhunt.decide.appeals import list_appeals
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt_server.appeal_codes import appeal_code
from stillhunt_server.case_views.key_use import count_key_use
from stillhunt_server.console import appeal_page
from stillhunt_server.people.sign_in import TryLimit


@pytest.fixture(autouse=True)
def no_tries_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = TryLimit(appeal_page.APPEAL_TRIES, appeal_page.APPEAL_WINDOW)
    monkeypatch.setattr(appeal_page, "_TRIES", limit)


def decided(scene: Scene, account: str = "91c2-acct-0002") -> int:
    span = DecisionSpan(time.time_ns() // 1000 - 1_000_000, 30.0)
    return decide_as_person(scene.database, account, "throttle", DecisionAuthor("ravi", "secret note"), span).seq


def test_a_customer_appeals_by_number_and_code_and_is_told_the_day(scene: Scene) -> None:
    number, stranger = decided(scene), scene.reader()
    code = appeal_code(scene.database, number)
    assert re.fullmatch("[A-Z2-7]{16}", code)
    typed = f" {code[:4].lower()}-{code[4:]} "
    answer = stranger.post("/appeal", {"decision": str(number), "code": typed, "text": "I am <b>me</b>."})
    assert answer.status_code == 200
    page = page_of(answer)
    assert "It is decided by" in page.text
    (filed,) = [one for one in list_appeals(scene.database, open_only=True) if one.decision == number]
    assert (filed.text, filed.by, filed.account_id) == ("I am <b>me</b>.", "the customer", "91c2-acct-0002")
    again = page_of(stranger.post("/appeal", {"decision": str(number), "code": code, "text": ""}))
    assert f"Appeal {filed.appeal_id} was filed" in again.text
    for told in ("91c2-acct-0002", "ravi", "secret note"):
        assert told not in page.text + again.text


@pytest.mark.parametrize("number", ["0", "999", "x", "9" * 30, ""])
@pytest.mark.parametrize("code", ["", "A" * 16, "\u00e9", "A" * 4000])
def test_whoever_guesses_gets_one_answer(scene: Scene, number: str, code: str) -> None:
    before = scene.kept()
    answer = scene.reader().post("/appeal", {"decision": number, "code": code, "text": "no"})
    assert answer.status_code == 400
    assert "There is no decision with this number and this code." in page_of(answer).text
    assert scene.kept() == before


def test_tries_of_an_address_are_bounded(scene: Scene) -> None:
    stranger = scene.reader()
    statuses = [stranger.post("/appeal", {"decision": "1", "code": "A"}).status_code for _ in range(12)]
    assert statuses == [400] * 10 + [429] * 2


def test_who_has_the_right_code_may_come_back_as_often_as_they_like(scene: Scene) -> None:
    number, stranger = decided(scene), scene.reader()
    fields = {"decision": str(number), "code": appeal_code(scene.database, number), "text": ""}
    answers = [stranger.post("/appeal", fields) for _ in range(12)]
    assert all("Nobody has appealed yet." in answer.text for answer in answers)


def test_codes_of_two_decisions_and_two_folders_differ(scene: Scene) -> None:
    first, second = decided(scene), decided(scene, "91c2-acct-0003")
    codes = {appeal_code(scene.database, number) for number in (first, second)}
    assert len(codes) == 2
    answer = scene.reader().post(
        "/appeal", {"decision": str(first), "code": appeal_code(scene.database, second), "text": "x"}
    )
    assert answer.status_code == 400


def test_a_code_is_shown_to_those_who_write_to_customers(scene: Scene) -> None:
    number = decided(scene)
    code = appeal_code(scene.database, number)
    assert code in scene.reader("anna").page("/accounts/91c2-acct-0002")
    assert code not in scene.reader("vera").page("/accounts/91c2-acct-0002")


def test_an_owner_is_told_of_their_own_key_and_of_nobody_else(scene: Scene) -> None:
    anna = scene.reader("anna")
    page = page_of(anna.get(f"/owners/{ACCUSED}"))
    assert "What happened to this key" in page.text
    assert "Ask for proof (step up), from" in page.text
    shown = scene.console.source.current()
    assert shown is not None
    others = {row["account_id"] for row in shown.members_of("hunt-7f3a91c2").to_pylist()} - {ACCUSED}
    assert not [one for one in [*others, "hunt-7f3a91c2", "ravi"] if one in page.part("main")]
    assert scene.reader("vera").get(f"/owners/{ACCUSED}").status_code == 403
    assert anna.get("/owners/nobody").status_code == 404


def test_use_of_a_key_is_counted_by_hour_and_place() -> None:
    at = [datetime(2026, 3, 3, hour, minute, tzinfo=UTC) for hour, minute in ((4, 1), (4, 59), (5, 0), (5, 0))]
    names = {"campaign_id": ["c", "c", "c", "d"], "account_id": ["mine"] * 4, "request_id": ["r1", "r2", "r3", "r3"]}
    told = {"client": ["curl", "curl", "curl", "curl"], "network": ["AS1", "AS1", None, None], "country": ["FR"] * 4}
    empty = dict.fromkeys(
        ("input_tokens", "output_tokens", "temperature", "top_p", "max_tokens", "ip_kind"), [None] * 4
    )
    cited = CITED.build(**names, timestamp=at, model=["m"] * 4, status=[200, 429, None, None], **told, **empty)
    rows = count_key_use(cited, "mine").to_pylist()
    assert [(row["hour"].hour, row["network"], row["requests"], row["refused"]) for row in rows] == [
        (4, "AS1", 2, 1),
        (5, None, 1, 0),
    ]
    assert count_key_use(cited, "other").num_rows == 0
