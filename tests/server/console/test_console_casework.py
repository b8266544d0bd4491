"""Work on a campaign through its forms: what each does, two analysts at once, and texts that are meant to do harm."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote_plus

import pytest
from sqlalchemy import insert

from server.console.console_html import Form, Page, page_of
from server.console.console_scenes import ACCUSED, ACT, FORM, REVIEW, Reader, Scene
from server.console.hostile_texts import payloads
from stillhunt.base.config import Config
from stillhunt.base.formatting import escape_controls
from stillhunt.decide.case_work import read_work
from stillhunt.decide.entries import standing
from stillhunt.decide.log import read_log
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt_server.casework.history import work_events

PAGE = f"/campaigns/{ACT}"
TYPED = "I think <b>this</b> is a class & not one customer"
CHANGES: dict[str, dict[str, str]] = {
    "assign": {"assignee": "ravi"},
    "comment": {"text": TYPED},
    "label": {"label": "<i>class</i>"},
    "unlabel": {"label": "old"},
    "narrative": {"text": TYPED},
    "act": {"action": "tag", "days": "7", "reason": "linked_accounts", "note": TYPED, "whom": "", "sure": "yes"},
    "watch": {"note": TYPED},
    "dismiss": {"reason": "class_or_workshop", "note": TYPED},
    "reopen": {"note": TYPED},
    "undo": {},
}
WITHOUT_CHOICE = {"act": {"whom": "", "sure": ""}}
"""As a form is sent whose reader leaves the choice of accounts to their verdicts, and has not been asked yet."""
HOSTILE = [
    *payloads()[::23],
    "\x00\x01\x1b[2J\x7f\x9b",
    "\u202egnp.exe\u2066",
    "a\r\nb\rc\u2028d\x0be",
    " \t\n ",
    "7" * 4000,
    "\U0001f600\u200d" * 50,
    "{{ 7*7 }}{% raw %}",
]


def form_of(reader: Reader, page: str, action: str) -> Form:
    """A form of a page."""
    (form,) = [one for one in page_of(reader.get(page)).posts() if one.action == action]
    return form


def do(reader: Reader, kind: str, page: Page | None = None, campaign: str = ACT, **fields: str) -> Page:
    """Fill in a form of the campaign's page, and send it.

    Args:
        page: as it was read last; it is read now where it is None.
    """
    url = f"/campaigns/{campaign}"
    shown = page or page_of(reader.get(url))
    form = next(one for one in shown.posts() if one.action == f"{url}/case/{kind}")
    assert set(fields) <= set(form.fields), (fields, form)
    answer = reader.post(form.action, {**form.fields, **WITHOUT_CHOICE.get(kind, {}), **fields})
    if kind == "act":
        (form,) = [one for one in page_of(answer).posts() if one.action == form.action]
        answer = reader.post(form.action, form.fields)
    assert answer.status_code == 303, answer.text
    leads, _, _ = answer.headers["location"].partition("#")
    assert leads.startswith(f"{url}?done={kind}.")
    return page_of(reader.get(leads))


def unaudited(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """What the database holds besides looks and sessions: a refusal shows the campaign again, which is a look."""
    return {name: rows for name, rows in scene.kept().items() if name != "audit"}


def stands(scene: Scene) -> int:
    log = read_log(scene.database)
    return len([entry for entry in standing(log, log[-1].made_at) if entry.campaign_id == ACT])


def test_a_campaign_is_worked_on_from_the_first_look_to_its_end(scene: Scene) -> None:
    anna = scene.reader("anna")
    page = page_of(anna.get(PAGE))
    assert "Nobody has worked on it yet." in page.text
    page = do(anna, "assign", page, assignee="ravi")
    assert "The case is assigned." in page.text
    assert "anna assigned it to ravi" in page.part("case")
    page = do(anna, "comment", page, text="It is <b>one</b> group.\nThe second line.")
    assert "It is <b>one</b> group. The second line." in page.part("case")
    page = do(anna, "label", page, label="look & see")
    page = do(anna, "label", page, label="urgent")
    assert read_work(scene.database, ACT).labels == ("look & see", "urgent")
    page = do(anna, "narrative", page, text="\n  They began in March.\n")
    (form,) = [one for one in page.posts() if one.action == f"{PAGE}/case/narrative"]
    assert form.fields["text"] == "\n  They began in March.\n"
    page = do(anna, "act", page, action="tag", days="2.5", reason="resold_access", note="for now")
    assert stands(scene) > 100
    assert f"anna decided “tag” for {stands(scene)} accounts" in page.part("case")
    assert re.search(rf"{stands(scene)} of \d+ accounts are tagged, by anna ?, since 20.+ until 20", page.text)
    page = do(anna, "undo", page)
    assert stands(scene) == 0
    assert "It waits for a decision." in page.text
    page = do(anna, "watch", page, note="let us see")
    page = do(anna, "dismiss", page, reason="benchmark_run", note="It is a benchmark.")
    assert "The accounts run a published benchmark" in page.text
    page = do(anna, "reopen", page, note="It is none.")
    assert "The case is open again." in page.text
    kinds = ["assign", "comment", "label", "label", "narrative", "act", "undo", "watch", "dismiss", "reopen"]
    assert [one.kind for one in work_events(scene.database, ACT)] == kinds
    row = next(row for row in page_of(anna.get("/campaigns")).rows if ACT in row)
    assert ("open" in row, "ravi" in row) == (True, True)


def test_a_label_is_taken_off_by_its_own_form(scene: Scene) -> None:
    anna = scene.reader("anna")
    for label in ("a", '"><script>b</script>'):
        do(anna, "label", label=label)
    forms = [one for one in page_of(anna.get(PAGE)).posts() if one.action.endswith("/case/unlabel")]
    assert [one.fields["label"] for one in forms] == ["a", '"><script>b</script>']
    assert anna.post(forms[1].action, forms[1].fields).status_code == 303
    assert read_work(scene.database, ACT).labels == ("a",)


def test_of_two_analysts_the_second_is_told_and_loses_no_word(scene: Scene) -> None:
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    page = do(anna, "label", label="old")
    seen = form_of(ravi, PAGE, f"{PAGE}/case/act").fields
    do(anna, "dismiss", page, reason="other", note="It is nothing.")
    before = unaudited(scene)
    for kind, fields in CHANGES.items():
        answer = ravi.post(f"{PAGE}/case/{kind}", {**seen, **fields})
        assert answer.status_code == 409, kind
        page = page_of(answer)
        assert "Anna changed this case on" in page.text, kind
        assert "nothing was written" in page.text, kind
        assert "There is another reason" in page.text, kind  # what it is now
        written = fields.get("text") or fields.get("note") or fields.get("label")
        assert written is None or f"What you wrote: {written}" in page.text, kind
        assert unaudited(scene) == before, kind
        assert [one for one in page.posts() if one.action == f"{PAGE}/case/comment"], kind
    again = next(one for one in page.posts() if one.action == f"{PAGE}/case/comment")
    assert ravi.post(again.action, {**again.fields, "text": "now it fits"}).status_code == 303


def test_a_decision_is_about_the_accounts_that_its_reader_saw(scene: Scene) -> None:
    """A programme that was declared meanwhile, or another hunt, changes whom it would act on: then nothing is done."""
    anna = scene.reader("anna")
    form = form_of(anna, PAGE, f"{PAGE}/case/act")
    scene.console.config = Config(sanctioned={"accounts": [ACCUSED]})
    before = unaudited(scene)
    answer = anna.post(form.action, {**form.fields, **CHANGES["act"]})
    assert answer.status_code == 409
    page = page_of(answer)
    assert "The members of this campaign have changed since you read it." in page.text
    assert f"What you wrote: {TYPED}" in page.text
    assert unaudited(scene) == before
    do(anna, "act", note=TYPED)
    assert ACCUSED not in {entry.account_id for entry in read_log(scene.database) if entry.campaign_id == ACT}


@pytest.mark.parametrize("version", ["", "-1", "99", "1.0", "9" * 4000, "NaN", "\x00"])
def test_a_form_without_the_version_that_was_read_changes_nothing(scene: Scene, version: str) -> None:
    answer = scene.reader("anna").post(f"{PAGE}/case/comment", {"version": version, "text": TYPED})
    assert answer.status_code == 409
    assert "Nobody has worked on this campaign yet." in page_of(answer).text
    assert work_events(scene.database, ACT) == []


BAD: dict[str, tuple[str, dict[str, str]]] = {
    "comment without a text": ("comment", {"text": " \n "}),
    "comment too long": ("comment", {"text": "x" * 4001}),
    "narrative too long": ("narrative", {"text": "x" * 20_001}),
    "label without a text": ("label", {"label": " "}),
    "label too long": ("label", {"label": "x" * 41}),
    "action that is none": ("act", {**CHANGES["act"], "action": "shoot"}),
    "reason that is none": ("act", {**CHANGES["act"], "reason": "other"}),
    "assignment to who only reads": ("assign", {"assignee": "vera"}),
    "assignment to who is disabled": ("assign", {"assignee": "dora"}),
    "assignment to nobody we know": ("assign", {"assignee": "<b>eve</b>"}),
    "decision without end": ("act", {**CHANGES["act"], "days": "inf"}),
    "decision for no number of days": ("act", {**CHANGES["act"], "days": "nan"}),
    "decision for no time": ("act", {**CHANGES["act"], "days": "0"}),
    "dismissal without a reason": ("dismiss", {"reason": "", "note": "a"}),
    "dismissal without a note": ("dismiss", {"reason": "other", "note": ""}),
    "reopening of what is not decided": ("reopen", {"note": "a"}),
    "undo of nothing": ("undo", {}),
    "change that is none": ("delete", {}),
}


def test_what_cannot_be_done_is_refused_with_what_to_do(scene: Scene) -> None:
    anna, before = scene.reader("anna"), unaudited(scene)
    acting = form_of(anna, PAGE, f"{PAGE}/case/act").fields
    for what, (kind, fields) in BAD.items():
        answer = anna.post(f"{PAGE}/case/{kind}", {**(acting if kind == "act" else {"version": "0"}), **fields})
        assert answer.status_code == 400, what
        page = page_of(answer)
        (heading,) = [text for tag, text in page.headings if tag == "h1"]
        assert heading.endswith("."), what
        assert any(form.action == f"{PAGE}/case/comment" for form in page.posts()), what  # one can go on at once
        assert unaudited(scene) == before, what


def test_a_campaign_whose_members_are_not_flagged_themselves_cannot_be_acted_on(scene: Scene) -> None:
    anna, url = scene.reader("anna"), f"/campaigns/{REVIEW}"
    form = form_of(anna, url, f"{url}/case/act")
    answer = anna.post(form.action, {**form.fields, **CHANGES["act"]})
    assert answer.status_code == 400
    assert "This would act on no account" in page_of(answer).text


def test_a_campaign_that_there_never_was_has_no_case(scene: Scene) -> None:
    anna, before = scene.reader("anna"), unaudited(scene)
    for kind, fields in CHANGES.items():
        for name in ("hunt-00000000", "%00", "..%2F", "x" * 5000):
            assert anna.post(f"/campaigns/{name}/case/{kind}", {"version": "0", **fields}).status_code in (400, 404)
    assert unaudited(scene) == before


def test_a_campaign_of_an_earlier_snapshot_can_be_worked_on_but_for_decisions(scene: Scene) -> None:
    """Its page has what is kept of it, and a conflict about it is said there."""
    anna = scene.reader("anna")
    older = {
        "status": "ended",
        "verdict": "act",
        "kind": "harvest",
        "score": 0.99,
        "first_snapshot": 1,
        "last_snapshot": 1,
    }
    with scene.database.write() as connection:
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id="hunt-of-old", **older))
    url = "/campaigns/hunt-of-old"
    assert anna.post(f"{url}/case/comment", {"version": "0", "text": "it is over"}).status_code == 303
    for kind, fields in CHANGES.items():
        for version in ("0", "1"):
            answer = anna.post(f"{url}/case/{kind}", {"version": version, **fields})
            assert answer.status_code in (303, 400, 409), (kind, answer.text)
            if answer.status_code != 303:
                page_of(answer)
    assert scene.looks(anna, url) == [("anna", "campaign", "hunt-of-old")]
    assert "it is over" in page_of(anna.get(url)).text


def all_forms(reader: Reader) -> list[tuple[str, Form]]:
    """Every form that an administrator finds, with its page; but signing out."""
    pages = [PAGE, "/campaigns?verdict=act", "/decisions", "/appeals/1", "/users"]
    found = {form.action: (page, form) for page in pages for form in page_of(reader.get(page)).posts()}
    return [item for action, item in found.items() if action != "/sign-out"]


def test_no_text_in_any_field_of_any_form_does_harm(scene: Scene) -> None:
    """Each form with the same text in all fields that can be typed, and then with it in one field that cannot."""
    adam = scene.reader("adam")
    do(adam, "label", label="first")
    do(adam, "watch", note="so that it can be reopened")
    forms = all_forms(adam)
    cases = {f"{PAGE}/case/{kind}" for kind in CHANGES}
    assert {form.action for _, form in forms} == {
        *cases,
        f"{PAGE}/case/due",
        f"{PAGE}/pack",
        *("/filters", "/decisions/approve", "/decisions/undo", "/appeals/1", "/users", "/queue/next", "/queue/bulk"),
    }
    typed = {"text", "note", "label"}
    for number, text in enumerate(HOSTILE[::4]):
        for place, (page, form) in enumerate(forms):
            if form.action.endswith("/pack") and number > 1:
                continue  # it takes no text of its own, and makes a pack each time
            fields = {**form.fields, "version": str(read_work(scene.database, page.rpartition("/")[2]).version)}
            fields |= dict.fromkeys(typed & set(fields), text)
            others = sorted(set(fields) - typed - {"form_token"})
            fields[others[(number + place) % len(others)]] = text
            fields.setdefault("name", text)
            answer = adam.post(form.action, fields)
            assert answer.status_code in (303, 400, 403, 404, 409, 413), (form.action, text[:40], answer.status_code)
            if answer.status_code != 303:
                page_of(answer)
    for page in (PAGE, "/campaigns", "/decisions", "/appeals", "/appeals/1", "/users", "/audit"):
        page_of(adam.get(page))


@pytest.mark.parametrize("kind", ["comment", "narrative", "label", "watch"])
def test_what_is_kept_comes_back_as_it_was_typed_and_escaped(scene: Scene, kind: str) -> None:
    field = {"comment": "text", "narrative": "text", "label": "label", "watch": "note"}[kind]
    anna = scene.reader("anna")
    page = page_of(anna.get(PAGE))
    for text in (one for one in HOSTILE if one.strip() and len(escape_controls(one)) <= 40):
        page = do(anna, kind, page, **{field: text})
        lines = text.strip().replace("\r\n", "\n").split("\n")
        shown = "".join(escape_controls(line).replace(" ", "") for line in lines)
        assert shown in "".join(page.text.split()), text
        if kind == "label":
            page = do(anna, "unlabel", page)


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) - 2_000])
@pytest.mark.parametrize("kind", ["assign", "narrative", "label", "act"])
def test_a_megabyte_in_a_form_is_refused(scene: Scene, kind: str, size: int) -> None:
    anna, before = scene.reader("anna"), unaudited(scene)
    fields = {**dict.fromkeys(CHANGES[kind] or {"text": ""}, "é" * (size // 6)), "version": "0"}
    answer = anna.post(f"{PAGE}/case/{kind}", fields)
    assert answer.status_code in ((413,) if size == 1 << 20 and len(CHANGES[kind]) > 1 else (400, 413))
    page_of(answer)
    assert unaudited(scene) == before


@pytest.mark.parametrize("raw", [b"%ED%A0%80", b"%FF%FE", b"\xed\xa0\x80", b"%C0%80", b"%", b"%zz", b"%00", b"&&=;"])
def test_bytes_that_are_no_text_do_no_harm(scene: Scene, raw: bytes) -> None:
    anna = scene.reader("anna")
    body = f"form_token={quote_plus(anna.token)}&version=0&text=a".encode() + raw
    answer = anna.send("POST", f"{PAGE}/case/comment", content=body, headers={"content-type": FORM})
    assert answer.status_code == 303
    (event,) = work_events(scene.database, ACT)
    assert event.note.startswith("a")
    assert event.note == event.note.encode(errors="replace").decode()


def test_a_form_of_too_many_fields_or_none_changes_nothing(scene: Scene) -> None:
    anna, before = scene.reader("anna"), unaudited(scene)
    many = {f"f{number}": "x" for number in range(1_000)}
    assert "Write less, or choose fewer rows." in anna.post(f"{PAGE}/case/comment", many).text
    assert anna.post(f"{PAGE}/case/comment", {"form_token": ""}).status_code == 403
    body = b"form_token=" + anna.token.encode() + b"\r\n"
    for kind in ("multipart/form-data; boundary=x", "application/json", "text/plain", ""):
        answer = anna.send("POST", f"{PAGE}/case/comment", content=body, headers={"content-type": kind})
        assert answer.status_code == 403
    assert unaudited(scene) == before
