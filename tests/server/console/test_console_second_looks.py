"""Second looks at decided campaigns: who is asked, what they are not shown, and how far they agree."""

from __future__ import annotations

import pytest

from server.console.console_html import page_of
from server.console.console_scenes import ACT, Scene
from server.console.test_console_casework import PAGE, do
from stillhunt.run_record import _list_recorded_settings
from stillhunt_server.casework import second_looks
from stillhunt_server.casework.history import WorkEvent, work_events
from stillhunt_server.casework.second_looks import is_drawn, waiting_looks

BLIND = f"{PAGE}/second-look"
NOTICE = "Decided by others, for a second look"


@pytest.fixture
def all_drawn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene in which each decision is drawn."""
    monkeypatch.setattr(second_looks, "DRAWN_SHARE", 1.0)
    return scene


def test_one_decision_in_twenty_is_drawn_and_always_the_same_ones() -> None:
    events = [WorkEvent(f"c-{number}", 3, 10**15 + number, "Ada", "act", "") for number in range(20_000)]
    drawn = [one.campaign_id for one in events if is_drawn(one)]
    assert 900 < len(drawn) < 1_100
    assert drawn == [one.campaign_id for one in events if is_drawn(one)]


def test_somebody_else_is_asked_and_not_shown_what_was_decided(all_drawn: Scene) -> None:
    anna, ravi = all_drawn.reader("anna"), all_drawn.reader("ravi")
    do(anna, "dismiss", reason="class_or_workshop", note="they study")
    assert NOTICE not in anna.page("/campaigns")
    assert NOTICE in ravi.page("/campaigns")
    assert NOTICE not in all_drawn.reader("vera").page("/campaigns")
    page = page_of(ravi.get(BLIND))
    for told in ("anna", "dismissed", "they study", "class or workshop"):
        assert told not in page.text.casefold(), told
    (form,) = [one for one in page.posts() if one.action == BLIND]
    leads = ravi.post(BLIND, {**form.fields, "answer": "act", "note": "no class has cards like that"})
    text = page_of(ravi.get(leads.headers["location"])).text
    assert "Your second look is kept. This is what was decided." in text
    assert "took a second look, and would have decided to act" in text
    assert NOTICE not in ravi.page("/campaigns")
    told = page_of(ravi.get("/calibration")).text
    assert "1 second look, of which 0 agree: 0 %" in told, told[told.index("second look") :][:200]
    assert "one person decided to dismiss it, the second would act on it." in told


def test_who_decided_approved_or_answered_is_not_asked_again(all_drawn: Scene) -> None:
    anna, ravi, adam = (all_drawn.reader(name) for name in ("anna", "ravi", "adam"))
    do(anna, "watch", note="")
    refused = anna.post(BLIND, {"answer": "watch", "note": ""})
    assert refused.status_code == 400
    assert ravi.post(BLIND, {"answer": "shoot", "note": ""}).status_code == 400
    assert ravi.post(BLIND, {"answer": "watch", "note": ""}).status_code == 303
    assert adam.post(BLIND, {"answer": "watch", "note": ""}).status_code == 400, "one look a decision"
    assert "1 second look, of which 1 agree" in page_of(ravi.get("/calibration")).text
    do(anna, "undo")
    assert waiting_looks(all_drawn.database, "adam", {}) == []
    do(anna, "watch", note="")
    assert waiting_looks(all_drawn.database, "adam", {}) == [ACT]


def test_a_second_look_changes_nothing_of_the_work(all_drawn: Scene) -> None:
    anna, ravi = all_drawn.reader("anna"), all_drawn.reader("ravi")
    page = do(anna, "watch", note="")
    assert ravi.post(BLIND, {"answer": "dismiss", "note": "x"}).status_code == 303
    do(anna, "label", page, label="later")
    assert [one.kind for one in work_events(all_drawn.database, ACT)] == ["watch", "second_look", "label"]
    do(anna, "undo")
    assert [one.kind for one in work_events(all_drawn.database, ACT)][-1] == "undo"


def test_without_the_draw_nobody_is_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_looks, "DRAWN_SHARE", 0.0)
    do(scene.reader("anna"), "watch", note="")
    assert NOTICE not in scene.reader("ravi").page("/campaigns")
    assert "There was no second look yet." in page_of(scene.reader("ravi").get("/calibration")).text


@pytest.fixture
def with_golden(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene in which no decision is drawn, and one campaign is a golden case to be dismissed."""
    monkeypatch.setattr(second_looks, "DRAWN_SHARE", 0.0)
    settings = scene.console.config.console.model_copy(update={"golden_cases": {ACT: "dismiss"}})
    monkeypatch.setattr(scene.console, "config", scene.console.config.model_copy(update={"console": settings}))
    return scene


def test_golden_cases_stand_unseen_among_second_looks(with_golden: Scene) -> None:
    anna, ravi, adam = (with_golden.reader(name) for name in ("anna", "ravi", "adam"))
    assert NOTICE not in ravi.page("/campaigns"), "an undecided one would be told apart"
    do(anna, "watch", note="")
    for page in ("/campaigns", BLIND, PAGE, "/settings", "/calibration"):
        assert "golden case" not in page_of(ravi.get(page)).text.replace("Golden cases, whose right", "")
        assert "golden_cases" not in ravi.page(page)
    assert NOTICE not in anna.page("/campaigns"), "who decided knows the case"
    for reader, answer, said, right in ((ravi, "act", "another", 0), (adam, "dismiss", "your", 1)):
        assert NOTICE in reader.page("/campaigns")
        leads = reader.post(BLIND, {"answer": answer, "note": ""})
        assert (
            f"It was a golden case, and {said} answer is right." in page_of(reader.get(leads.headers["location"])).text
        )
        assert NOTICE not in reader.page("/campaigns")
        told = page_of(reader.get("/calibration")).text
        assert f"golden cases, of which {right} gave the answer that is known to be right" in told
    assert "There was no second look yet." in told, "they are counted apart"
    assert ACT not in told, "which case it is, is not told"


def test_a_golden_look_leaves_the_drawn_one_waiting(with_golden: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, ravi = with_golden.reader("anna"), with_golden.reader("ravi")
    do(anna, "watch", note="")
    assert ravi.post(BLIND, {"answer": "watch", "note": ""}).status_code == 303
    monkeypatch.setattr(second_looks, "DRAWN_SHARE", 1.0)
    assert waiting_looks(with_golden.database, "adam", {}) == [ACT]


def test_no_record_of_a_hunt_names_golden_cases(with_golden: Scene) -> None:
    assert "golden_cases" not in _list_recorded_settings(with_golden.console.config)["console"]
