"""Cases that an earlier version wrote: read, explained and exported as they were. Each lies in tests/data/cases.

`version_7` was written by the commit before version 8, from the case of `fixtures`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhunt.base.schema_case import CASE_VERSION, READABLE_VERSIONS
from stillhunt.cli.app import app
from stillhunt.triage.case import Case

DATA = Path(__file__).parents[1] / "data" / "cases"
OLD = [version for version in READABLE_VERSIONS if version != CASE_VERSION]


@pytest.mark.parametrize("version", OLD)
def test_an_old_case_says_what_it_said(version: int, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(DATA / f"version_{version}", folder)
    assert json.loads((folder / "run.json").read_text("utf-8"))["case_version"] == version
    case = Case.read(folder)
    verdicts = {row["campaign_id"]: row["verdict"] for row in case.tables["campaigns"].to_pylist()}
    assert verdicts == {"hunt-7f3a91c2": "act", "hunt-c41d08be": "act", "hunt-0e9b55d7": "review"}
    told = " ".join(case.explain("hunt-7f3a91c2").text().split())
    assert "98 % of the requests use one of three templates that only these 120 accounts and 2 others use" in told
    assert "Other explanations" not in told


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("command", [("explain", "hunt-7f3a91c2"), ("export",)])
def test_commands_take_an_old_case(version: int, command: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(DATA / f"version_{version}", folder)
    name, *arguments = command
    result = CliRunner().invoke(app, [name, str(folder), *arguments])
    assert result.exit_code == 0, result.output
    assert "hunt-7f3a91c2" in result.output


def test_each_readable_version_has_a_kept_case() -> None:
    assert {path.name for path in DATA.iterdir()} == {f"version_{version}" for version in OLD}
