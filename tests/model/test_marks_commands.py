"""Commands of marks: what they count, say and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import torch
from typer.testing import CliRunner

from cli.case_tables import account_row, campaign_row, case_tables, member_row, run_record
from model.marks_scene import scene_net
from stillhunt.base.errors import StillhuntError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.cli.app import app
from stillhunt.triage import Case
from stillhunt_model.marks.gate import Gate
from stillhunt_model.nets.net import save_net

ANSWER = "Perhaps it is so, for example among the stones. Usually they look at each other as if by chance."


class MarkScene:
    """A folder with a case, and the commands."""

    def __init__(self, folder: Path) -> None:
        accounts = ("17", "a\ufffd7;b")
        tables = case_tables(
            campaigns=[campaign_row("camp-act", "act", 0.99)],
            accounts=[account_row(name, "act", "camp-act") for name in accounts],
            members=[member_row(name, "camp-act") for name in accounts],
        )
        Case(tables, run={**run_record(), "case_version": CASE_VERSION}).write(folder / "case")

    def __call__(self, *arguments: str, error: str = "") -> Any:
        """What a command printed: its document and its notes."""
        result = CliRunner().invoke(app, ["model", *arguments])
        if error:
            assert isinstance(result.exception, StillhuntError), result.output
            assert error in result.exception.on_command_line()
            return None
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if "--json" in arguments else None, result.stderr

    def order(self, kind: str, *measure: str) -> str:
        """The id of a new order."""
        signed = ("--by", "Ada", "--note", "harvest", "--days", "3", "--json")
        return str(self(kind, "order", "case", "camp-act", *measure, *signed)[0]["order_id"])


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MarkScene:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return MarkScene(tmp_path)


def write_rows(*rows: dict[str, Any], start: bytes = b"") -> None:
    """The file of rows."""
    Path("in.jsonl").write_bytes(start + b"".join(json.dumps(row).encode() + b"\n" for row in rows))


def test_only_an_order_to_mark_is_ended(scene: MarkScene) -> None:
    name = scene.order("blunt", "--measure", "withhold")
    scene("mark", "end", name, "--by", "Bo", "--note", "done", error="an order to blunt, not to mark")
    scene("blunt", "end", name, "--by", "Bo", "--note", "done")


def test_lines_that_were_not_read_are_said(scene: MarkScene) -> None:
    name = scene.order("mark", "--scheme", "canary")
    row = {"prompt": "tell me about stones", "response": ANSWER}
    write_rows({**row, "account_id": 17}, {**row, "account_id": "a\x07b"}, row, start=b"\xef\xbb\xbf")
    counts, notes = scene("mark", "text", name, "in.jsonl", "-o", "out.jsonl", "--json")
    assert (counts["rows"], counts["marked"], counts["unread"]) == (3, 2, 1)
    assert "1 line was passed on unchanged" in notes
    write_rows({**row, "account_id": 17})
    assert "unchanged" not in scene("mark", "text", name, "in.jsonl", "-o", "more.jsonl", "--json")[1]


def test_an_answer_is_called_marked_where_it_has_a_mark(scene: MarkScene, monkeypatch: pytest.MonkeyPatch) -> None:
    # of a model that was never trained every token is as likely as all, which closes the gate
    monkeypatch.setattr(Gate, "open_by_scores", lambda _, scores, __: torch.ones(len(scores), dtype=torch.bool))
    save_net(scene_net(), Path("model"))
    name = scene.order("mark", "--scheme", "green")
    rows = [
        {"prompt": "tell me about the river and the moon and the stone"},
        {"prompt": "which dose", "account_id": 17},
        {"prompt": "\ud800", "account_id": 17},
        {"prompt": "tell me about the moon", "account_id": 17, "x": "\ud800"},
        {"prompt": "tell me about the moon", "account_id": "other"},
    ]
    write_rows(*rows, start=b"\xef\xbb\xbf")
    asked = ("mark", "answer", "model", "in.jsonl", "--order", name, "--tokens", "8", "-o", "out.jsonl")
    counts, _ = scene(*asked, "--json", "--quiet")
    made = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    assert made[2] == rows[2]
    assert [one.get("marked") for one in made] == [True, False, None, True, False]
    assert (counts["rows"], counts["under_the_order"], counts["marked"], counts["unread"]) == (5, 4, 2, 1)
