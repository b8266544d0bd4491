"""Commands of countermeasures: nothing without an order in force, and nothing after it."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from typer.testing import CliRunner

from cli.case_tables import account_row, campaign_row, case_tables, member_row, run_record
from stillhunt.base.errors import StillhuntError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.cli.app import app
from stillhunt.cli.moments import read_clock
from stillhunt.triage import Case
from stillhunt_model.blunt import answer_files
from stillhunt_model.commands import blunt, orders_shown
from stillhunt_model.orders.order import ORDER_DAY

ROWS = [
    {"account_id": "flagged", "prompt": f"what is {place}?", "reasoning": "one;two;three;", "response": "=3"}
    for place in range(3)
]


class Scene:
    """A folder with a case and a file of answers, and the commands."""

    def __init__(self, folder: Path) -> None:
        tables = case_tables(
            campaigns=[campaign_row("camp-act", "act", 0.99), campaign_row("camp-review", "review", 0.6)],
            accounts=[account_row("flagged", "act", "camp-act")],
            members=[member_row("flagged", "camp-act")],
        )
        Case(tables, run={**run_record(), "case_version": CASE_VERSION}).write(folder / "case")
        lines = [json.dumps(one) for one in [*ROWS, {**ROWS[0], "account_id": "honest"}]]
        (folder / "in.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def __call__(self, *arguments: str, error: str = "") -> Any:
        """What a command prints; with --json its document."""
        result = CliRunner().invoke(app, ["model", "blunt", *arguments])
        if error:
            assert isinstance(result.exception, StillhuntError), result.output
            assert error in result.exception.on_command_line()
            return None
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    def order(self, measure: str, *more: str, error: str = "") -> str:
        """The id of a new order."""
        signed = ("--measure", measure, "--by", "Ada", "--note", "harvest", "--days", "3", "--json")
        made = self("order", "case", "camp-act", *signed, *more, error=error)
        return "" if error else str(made["order_id"])


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return Scene(tmp_path)


def test_an_order_is_signed_carried_out_listed_and_ended(scene: Scene) -> None:
    scene("apply", "blunt-1", "in.jsonl", "-o", "out.jsonl", error="no such order")
    assert "no answer is changed" in scene("list")
    name = scene.order("withhold")
    counts = scene("apply", name, "in.jsonl", "-o", "out.jsonl", "--json")
    assert (counts["rows"], counts["of_campaign"], counts["changed"], counts["refused"]) == (4, 3, 3, 0)
    before, after = (Path(one).read_bytes().splitlines() for one in ("in.jsonl", "out.jsonl"))
    assert after[3] == before[3]
    assert [json.loads(one)["reasoning"] for one in after[:3]] == [""] * 3
    assert all("withheld" in json.loads(one)["notice"] for one in after[:3])
    scene("apply", name, "in.jsonl", "-o", "out.jsonl", error="exists already")
    (listed,) = scene("list", "--json")["orders"]
    assert (listed["state"], listed["accounts"], listed["uses"][0]["changed"]) == ("in force", 1, 3)
    assert "in force" in scene("list")
    scene("end", name, "--by", "Bo", "--note", "wrong")
    scene("apply", name, "in.jsonl", "-o", "new.jsonl", error="the order was ended")
    assert not Path("new.jsonl").exists()


def test_an_expired_order_does_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    name = scene.order("withhold")
    later = read_clock() + 4 * ORDER_DAY
    for module in (blunt, orders_shown):
        monkeypatch.setattr(module, "read_clock", lambda: later)
    scene("apply", name, "in.jsonl", "-o", "new.jsonl", error="the order has expired")
    assert not Path("new.jsonl").exists()
    assert scene("list", "--json")["orders"][0]["state"] == "expired"


def test_an_order_needs_the_verdict_act_and_a_measure_that_exists(scene: Scene) -> None:
    signed = ("--by", "Ada", "--note", "x", "--days", "3")
    scene("order", "case", "camp-review", "--measure", "withhold", *signed, error="needs act")
    scene.order("poison", error="no measure 'poison'")


def test_a_cap_counts_over_the_files_of_an_order(scene: Scene) -> None:
    name = scene.order("cap", "--keep-samples", "4")
    first = scene("apply", name, "in.jsonl", "-o", "one.jsonl", "--json")
    second = scene("apply", name, "in.jsonl", "-o", "two.jsonl", "--json")
    assert (first["samples"], first["refused"], first["samples_before"]) == (3, 0, 0)
    assert (second["samples"], second["refused"], second["samples_before"]) == (1, 2, 3)
    again = scene("apply", name, "in.jsonl", "-o", "three.jsonl", "--samples-before", "0", "--json")
    assert again["refused"] == 0
    assert "4 samples" in scene("list")


def test_the_register_is_locked_while_a_file_is_changed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    name = scene.order("cap", "--keep-samples", "4")
    (lock,) = Path("data").glob("**/orders.lock")
    free: list[bool] = []
    rows = answer_files.blunted_rows

    def looked_at(*arguments: Any) -> Any:
        with lock.open("rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free.append(True)
            except BlockingIOError:
                free.append(False)
        return rows(*arguments)

    monkeypatch.setattr(blunt, "blunted_rows", looked_at)
    scene("apply", name, "in.jsonl", "-o", "one.jsonl")
    assert free == [False]
    scene("apply", name, "nothing.jsonl", "-o", "two.jsonl", error="cannot be read")
    assert len(scene("list", "--json")["orders"][0]["uses"]) == 1


def test_the_commands_say_what_was_left_and_no_more_than_is_true(scene: Scene) -> None:
    name = scene.order("withhold")
    line = json.dumps({"account_id": "flagged", "prompt": "what?", "response": "<think> is a tag."})
    Path("in.jsonl").write_text(line + "\n", encoding="utf-8")
    said = CliRunner().invoke(app, ["model", "blunt", "apply", name, "in.jsonl", "-o", "out.jsonl"]).output
    assert "does not show where the reasoning ends" in " ".join(said.split())
    said = " ".join(CliRunner().invoke(app, ["model", "blunt", "list"]).output.split())
    assert "is whole" not in said
    assert "follows from its first line to its last" in said


def test_a_campaign_gets_the_limit_of_cap_by_default_and_none_of_the_others(scene: Scene) -> None:
    name = scene.order("cap")
    assert scene("list", "--json")["orders"][0]["settings"] == {"keep_samples": 100}
    scene("end", name, "--by", "Bo", "--note", "done")
    scene.order("rewrite")
    assert scene("list", "--json")["orders"][1]["settings"] == {}


def test_the_policy_is_printed_or_written(scene: Scene) -> None:
    text = scene("policy", "--measure", "cap", "--keep-samples", "50")
    assert "After 50 distinct questions" in text
    scene("policy", "--measure", "cap", "--keep-samples", "50", "-o", "terms.md")
    assert Path("terms.md").read_text(encoding="utf-8") == text
    scene("policy", "-o", "terms.md", error="exists already")
    scene("policy", "--measure", "lies", error="no measure 'lies'")
