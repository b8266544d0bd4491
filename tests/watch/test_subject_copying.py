"""`stillhunt data subject --export`: a copy of what is held on one account, for its owner and about nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.cli.app import app
from stillhunt.cli.subject import EXPORTING
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import AUDIT
from stillhunt.watch.folder import DataFolder
from watch import small_world
from watch.test_subject_erasing import hunted, whom

__all__ = ["hunted"]


def copied(data: Path, out: Path, *words: str) -> dict[str, int]:
    done = CliRunner().invoke(app, ["data", "subject", whom(), "--data", str(data), "--export", str(out), *words])
    if done.exception is not None:
        raise done.exception
    found: dict[str, int] = json.loads(done.stdout) if "--json" in words else {}
    return found


def test_an_owner_gets_all_that_is_theirs_and_nothing_of_others(hunted: Path, tmp_path: Path) -> None:
    counts = copied(hunted, tmp_path / "copy", "--json")
    texts = {path.name: path.read_text("utf-8") for path in (tmp_path / "copy").iterdir()}
    files = {name: [json.loads(line) for line in text.splitlines()] for name, text in texts.items()}
    own = [json.loads(line) for line in small_world.lines() if whom().encode() in line]
    assert sorted(map(json.dumps, files["records.jsonl"])) == sorted(map(json.dumps, own))
    assert {name: len(rows) for name, rows in files.items() if name != "about.json"} == {
        name: number for name, number in counts.items() if name.endswith(".jsonl")
    }
    assert {"decisions.jsonl", "appeals.jsonl", "snapshot_members.jsonl", "snapshot_accounts.jsonl"} <= set(files)
    assert [row["text"] for row in files["appeals.jsonl"]] == ["I am Ada", "I am Ada"]
    text = "".join(texts.values())
    assert not any("note" in row for row in files["appeals.jsonl"])
    for other in [*(set(small_world.harvesters()) - {whom()}), '"Bo"', "portal"]:
        assert other not in text, other
    assert all(path.stat().st_mode & 0o077 == 0 for path in [tmp_path / "copy", *(tmp_path / "copy").iterdir()])


def test_a_copy_is_written_down_and_changes_nothing_else(hunted: Path, tmp_path: Path) -> None:
    database = WatchDatabase("", DataFolder(hunted).database)
    before = len(database.read(select(AUDIT)))
    copied(hunted, tmp_path / "copy")
    rows = database.read(select(AUDIT).order_by(AUDIT.c.audit_id))[before:]
    database.close()
    assert [(row["what"], row["about"]) for row in rows] == [(EXPORTING, "one account")]


def test_a_copy_overwrites_nothing_and_erases_nothing(hunted: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        copied(hunted, tmp_path)
    with pytest.raises(ConfigError, match="two commands"):
        copied(hunted, tmp_path / "copy", "--erase", "--yes")
