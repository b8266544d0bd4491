"""The console's page of rules, as people of each role use it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.console.console_html import page_of
from server.console.console_scenes import Scene
from stillhunt.watch.folder import POLICY_FILE
from stillhunt_signals import console_rules
from stillhunt_signals.console_rules import FIRST_RULE as BEGIN
from stillhunt_signals.rules.rule_file import parse_rule
from stillhunt_signals.rules.saved import RuleLedger

HOSTILE = "<script>alert(1)</script>\x1b[31m=cmd()"


def saved(scene: Scene) -> dict[str, str]:
    assert scene.console.folder is not None
    return {name: one.state for name, one in RuleLedger(scene.console.folder).rules().items()}


def test_the_rule_to_begin_with_can_be_used() -> None:
    assert parse_rule(BEGIN.encode(), "begin")[0].state == "simulated"


def test_persons_of_a_snapshot_are_sought_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    sought = list[str]()

    class Work:
        def call(self, function: Callable[..., object], *_: object) -> list[object]:
            sought.append(function.__name__)
            return []

    monkeypatch.setattr(console_rules, "HEAVY_WORK", Work())
    monkeypatch.setattr(console_rules, "_FOUND_PERSONS", {})
    assert scene.console.folder is not None
    console_rules.prepare_rules_page(scene.console)
    assert not sought, "nobody has opened the page"
    assert scene.reader("vera").get("/rules").status_code == 200
    assert sought == ["find_persons"]
    (scene.console.folder.path / POLICY_FILE).write_text("[sign_up]\nleast_free_tiers = 5\n")
    console_rules.prepare_rules_page(scene.console)
    assert sought == ["find_persons"] * 2
    assert scene.reader("vera").get("/rules").status_code == 200
    assert sought == ["find_persons"] * 2


def test_an_analyst_saves_a_rule_switches_it_and_tries_it(scene: Scene) -> None:
    anna = scene.reader("anna")
    assert "No rule is saved." in page_of(anna.get("/rules")).text
    answer = anna.post("/rules/save", {"content": BEGIN.replace("\n", "\r\n"), "reason": HOSTILE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules?show=shared-card")
    assert saved(scene) == {"shared-card": "simulated"}
    shown = anna.get("/rules?show=shared-card")
    assert "<script>alert(1)" not in shown.text
    assert "account.card_accounts &gt; 2" in shown.text
    assert anna.post("/rules", {"name": "shared-card", "state": "in_force", "reason": "tried"}).status_code == 303
    assert saved(scene) == {"shared-card": "in_force"}
    tried = page_of(anna.get("/rules?try=1")).text
    assert "own.shared-card" in tried


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("/rules/save", {"content": BEGIN.replace("'free'", "5"), "reason": "x"}, "no matching overload"),
        ("/rules/save", {"content": BEGIN, "reason": " "}, "needs a reason"),
        ("/rules", {"name": "nobody", "state": "off", "reason": "x"}, "no such rule was saved"),
        ("/rules", {"name": "nobody", "state": "on", "reason": "x"}, "there is no such state"),
    ],
)
def test_what_cannot_be_saved_says_why_and_changes_nothing(
    scene: Scene, path: str, form: dict[str, str], said: str
) -> None:
    answer = scene.reader("anna").post(path, form)
    assert answer.status_code == 400
    assert said.lower() in page_of(answer).text.lower()
    assert not saved(scene)


def test_a_viewer_reads_and_changes_nothing(scene: Scene) -> None:
    viewer = scene.reader("vera")
    page = viewer.get("/rules")
    assert page.status_code == 200
    assert "<textarea" not in page.text
    assert viewer.post("/rules/save", {"content": BEGIN, "reason": "x"}).status_code == 403
    assert not saved(scene)
