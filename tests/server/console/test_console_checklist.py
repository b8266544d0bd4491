"""The checklist of a case: points of the settings, of which each case keeps which are done."""

from __future__ import annotations

import pytest

from server.console.console_html import page_of
from server.console.console_scenes import ACT, Scene
from server.console.test_console_casework import PAGE, do
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.decide.case_work import read_work
from stillhunt_server.casework.history import work_events

POINTS = ["Read ten requests", "<b>Ask</b> sales & support", "Look for the mail domain"]


def test_each_case_keeps_which_points_are_done(scene: Scene) -> None:
    scene.console.config = Config(console={"checklist": POINTS})
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    page = page_of(anna.get(PAGE))
    assert "Checklist: 0 of 3" in page.text
    assert POINTS[1] in page.text
    (form,) = [one for one in page.posts() if one.action == f"{PAGE}/case/checklist"]
    sent = {**form.fields, "done": [POINTS[1], POINTS[2], "made up"]}
    leads = anna.post(form.action, sent).headers["location"]
    text = page_of(anna.get(leads)).text
    assert "The checklist is kept." in text
    assert "Checklist: 2 of 3" in text
    assert work_events(scene.database, ACT)[-1].after == {"status": "open", "done": POINTS[1:]}
    assert "ticked 2 points of the checklist" in page_of(ravi.get(PAGE)).text
    assert ravi.post(form.action, {"version": "1", "done": [POINTS[0]]}).status_code == 303
    assert "Checklist: 1 of 3" in page_of(anna.get(PAGE)).text
    do(anna, "label", label="x")
    assert read_work(scene.database, ACT).labels == ("x",)


def test_without_points_there_is_no_checklist(scene: Scene) -> None:
    text = scene.reader("anna").page(PAGE)
    assert "hecklist" not in text


@pytest.mark.parametrize("points", [["x"] * 21, [""], ["x" * 201]])
def test_points_are_few_and_short(points: list[str]) -> None:
    with pytest.raises((ConfigError, ValueError)):
        Config(console={"checklist": points})
