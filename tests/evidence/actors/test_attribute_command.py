"""`stillhunt attribute`: what it prints, as text and as JSON, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from actor_scenes import scene
from typer.testing import CliRunner

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt_evidence.commands.attribute import attribute

commands = typer.Typer()
commands.command()(attribute)
FILE = """
as_of = 2026-09-01
[[actor]]
name = "Northern"
phrases = ["Grade the answer step by step against each rubric and return the final score as a number only"]
[[actor.network]]
asn = 64500
own = true
[actor.known]
campaigns = ["known-1"]
[[actor]]
name = "Southern"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("attribute")
    scene().write(where / "case")
    (where / "actors.toml").write_text(FILE, encoding="utf-8")
    return where


def run(folder: Path, *arguments: str) -> str:
    """What the command prints."""
    order = [str(folder / "case"), *arguments]
    result = CliRunner().invoke(commands, order)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_text_has_the_answer_the_marks_and_what_remains(folder: Path) -> None:
    printed = run(folder, "c-1", "--actors", str(folder / "actors.toml"))
    assert "Campaign c-1" in printed
    assert "The marks of the campaign are consistent with Northern" in printed
    assert "What remains possible" in printed
    assert "Why nobody is named" not in printed
    assert "A false flag" in printed
    assert "phrases" in printed
    assert "Named, and compared actors" in printed
    assert "1 other actor in the file" in printed


def test_abstaining_says_why(folder: Path) -> None:
    printed = run(folder, "other-1", "--actors", str(folder / "actors.toml"))
    assert "Nobody is named: no mark of the campaign matches an actor in the file." in " ".join(printed.split())
    assert "likeliest actor" not in printed
    before, after = printed.split("Not named: compared actors")
    assert "Northern" not in before
    assert "Northern: prior " in after
    assert "Why nobody is named" in printed
    assert "What is missing for more certainty" in printed


def test_json_has_all_actors(folder: Path) -> None:
    found = json.loads(run(folder, "c-1", "--actors", str(folder / "actors.toml"), "--json"))
    assert found["decision"] == "named"
    assert [one["name"] for one in found["actors"]] == ["Northern", "Southern"]
    assert len(found["actors_file_sha256"]) == 64


def test_errors(folder: Path) -> None:
    with pytest.raises(CaseError, match="no campaign has the id"):
        run(folder, "c-999", "--actors", str(folder / "actors.toml"))
    with pytest.raises(ConfigError, match="actors file cannot be used"):
        run(folder, "c-1", "--actors", str(folder / "none.toml"))
