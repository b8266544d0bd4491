"""`stillhunt lab drill` as a user runs it, and its page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.running import run
from stillhunt.cli.app import app
from stillhunt_lab.drill.own_logs import ID_MARK, MAX_LOG_BYTES
from stillhunt_lab.drill.plant import CAMPAIGN_KINDS
from stillhunt_lab.drill.run import LOOKS, DrillSpec
from stillhunt_lab.worlds.build import WorldSpec, build_world, write_world

PAGE = Path(__file__).parents[2] / "docs" / "drill.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("command")
    write_world(build_world(WorldSpec(accounts=150, days=4, seed=2)), out / "world")
    return out


def drill(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run("lab", "drill", "world/requests", *options, cwd=folder)


def test_a_drill_prints_one_document_and_writes_its_folder(folder: Path) -> None:
    done = drill(
        folder, "--accounts", "world/accounts.parquet", "--sizes", "8", "--paces", "6", "--kinds", "untemplated",
        "--cover", "0.2", "--seed", "3", "--json", "--out", "drill",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == json.loads((folder / "drill" / "drill.json").read_text("utf-8"))
    assert [(cell["kind"], cell["accounts"]) for cell in printed["cells"]] == [("untemplated", 8)]
    assert printed["cells"][0]["found"] is False
    assert "drilling: " in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["drill", "world"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--sizes", "ten"), 2, "not a list of numbers"),
        (("--kinds", "verse"), 5, "choose from template, paraphrase, untemplated"),
        (("--out", "world/requests/drill"), 1, "inside the logs"),
    ],
)
def test_wrong_options_are_refused_before_any_work(
    folder: Path, options: tuple[str, ...], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["lab", "drill", "world/requests", *options])
    said = done.output if code == 2 else str(done.exception)
    assert getattr(done.exception, "exit_code", done.exit_code) == code
    assert words in said
    assert "reading" not in done.output


def test_the_page_names_what_is_planted_and_the_limits_in_force() -> None:
    page = " ".join(PAGE.read_text("utf-8").split())
    for kind in CAMPAIGN_KINDS:
        assert f"| `{kind}` |" in page
    assert f"`{ID_MARK}`" in page
    assert f"up to {MAX_LOG_BYTES >> 30} GiB" in page
    assert f"{DrillSpec().queue:,} requests" in page
    assert f"{len(DrillSpec().sizes) * len(DrillSpec().paces) * len(CAMPAIGN_KINDS)}" in page
    for share in LOOKS[:5]:
        assert f"1/{round(1 / share)}" in page
