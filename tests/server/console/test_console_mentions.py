"""Comments that name somebody: who is told, on which pages and by which alerts, and until when."""

from __future__ import annotations

import json
import time

import pytest
from sqlalchemy import select

from server.console.console_html import page_of
from server.console.console_scenes import ACT, Scene
from server.console.test_console_casework import do
from stillhunt.base.units import DAY
from stillhunt.watch.database.tables import ALERTS
from stillhunt_server.casework.mentions import MENTION_DAYS, find_mentioned, waiting_mentions

SAID = "You are mentioned:"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@ada look at this", ["Ada"]),
        ("ask @ADA, or @ada lovelace", ["Ada", "Ada Lovelace"]),
        ("(@Ada)", ["Ada"]),
        ("mail ada@ada.example", []),
        ("@adam", []),
        ("ada", []),
        ("@.* @a+", ["a+"]),
    ],
)
def test_who_is_named(text: str, named: list[str]) -> None:
    assert find_mentioned(text, ["Ada", "Ada Lovelace", "a+", "b.*"]) == named


def test_a_mention_waits_until_its_person_does_something_there(scene: Scene) -> None:
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    do(anna, "comment", text="@Ravi <b>is</b> this yours? acc-1")
    for page in ("/", "/campaigns"):
        told = page_of(ravi.get(page))
        assert f"anna on {ACT[:20]}" in told.text
        assert "<b>is</b> this yours?" in told.text, "as text, and not as markup"
        assert SAID not in page_of(anna.get(page)).text
    assert "2026" in page_of(ravi.get("/")).text
    do(ravi, "comment", text="no")
    assert SAID not in page_of(ravi.get("/")).text


def test_an_old_mention_waits_no_longer(scene: Scene) -> None:
    do(scene.reader("anna"), "comment", text="@ravi")
    now = time.time_ns() // 1000
    assert len(waiting_mentions(scene.database, "ravi", now)) == 1
    assert waiting_mentions(scene.database, "ravi", now + (MENTION_DAYS + 1) * DAY) == []


def test_alerts_say_who_is_named_and_nothing_of_the_comment(scene: Scene) -> None:
    do(scene.reader("anna"), "comment", text="@ravi @vera @anna @nobody acc-secret is back")
    do(scene.reader("anna"), "comment", text="nobody is named")
    (alert,) = scene.database.read(select(ALERTS).where(ALERTS.c.kind == "mention"))
    body = json.loads(alert["body"])
    assert body["title"] == f"A comment on campaign {ACT} names somebody"
    assert "\nanna mentions ravi and vera there.\n" in body["text"]
    assert alert["campaign_id"] == ACT
    assert "secret" not in alert["body"]
    assert "anna mentions ravi and vera there." in page_of(scene.reader("vera").get("/")).text
