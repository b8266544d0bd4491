"""`stillhunt case` on a data folder whose latest hunt found two campaigns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from cli.running import run
from decide.cases.case_scenes import prepared
from decide.scenes import findings, member
from stillhunt.base.errors import StillhuntError
from stillhunt.cli.app import app
from stillhunt.decide.case_work import read_all_work
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS
from stillhunt.watch.folder import DataFolder
from stillhunt_server.casework.history import WorkConflict
from stillhunt_server.commands import cases


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = DataFolder(tmp_path / "data")
    database = prepared(lambda: WatchDatabase("", folder.database), "c-one", "c-two")
    row = {"requests": 5, "flagged": 1, "first_snapshot": 1, "last_snapshot": 1}
    with database.write() as connection:
        for account in "abc":
            connection.execute(insert(CAMPAIGN_MEMBERS).values(campaign_id="c-one", account_id=account, **row))
    database.close()
    found = findings([member("a", "c-one"), member("b", "c-one"), member("c", "c-one", sanctioned=True)], 4)
    monkeypatch.setattr(cases, "latest_snapshot", lambda _: found)
    monkeypatch.setattr(cases, "findings_of", lambda snapshot: snapshot)
    return folder.path


def case(data: Path, *words: str) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, ["case", *words, "--data", str(data)])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_a_campaign_is_worked_on_from_the_command_line(data: Path) -> None:
    by = ("c-one", "--by", "Ada")
    assert case(data, "comment", *by, "--text", "\x1b]0;gotcha\x07[bold]") == "Case c-one is open, version 1.\n"
    case(data, "assign", "c-o", "--by", "Bo", "--to", "Cy", "--seen", "0")  # a comment is no change of the case
    with pytest.raises(WorkConflict, match="Bo changed this case on"):
        case(data, "assign", "c-one", "--by", "Ada", "--to", "Ada", "--seen", "1")
    assert case(data, "decide", "c-one", "act", "--by", "Ada", "--action", "throttle", "--days", "3") == (
        "Case c-one is acted, version 3.\n2 accounts: throttle for 3 days.\n"
        "Left out: 1 account, each belongs to a declared programme.\n"
    )
    assert [row.split()[2] for row in case(data, "list").splitlines()[1:]] == ["c-two"]
    for wrong in (
        ["ignore"],
        ["dismiss", "--reason", "other"],
        ["dismiss", "--note", "a drill"],
        ["act", "--days", "0"],
    ):
        with pytest.raises(StillhuntError):
            case(data, "decide", *by, *wrong)
    for idle in (["act", "--reason", "other"], ["watch", "--days", "3"], ["dismiss", "--action", "tag"]):
        with pytest.raises(StillhuntError, match=f"no effect here.*{idle[1]}"):
            case(data, "decide", *by, *idle, "--note", "a drill")
    case(data, "decide", *by, "dismiss", "--reason", "other", "--note", "a drill")
    case(data, "reopen", *by, "--note", "no drill")
    case(data, "decide", "c-two", "watch", "--by", "Ada")
    shown = case(data, "show", "c-one")
    assert "\x1b" not in shown
    assert [line.split()[-1] for line in shown.splitlines() if line.startswith("assigned")] == ["Cy"]
    events = json.loads(case(data, "show", "c-one", "--json"))["events"]
    assert [one["kind"] for one in events] == ["comment", "assign", "act", "dismiss", "reopen"]
    assert events[3]["after"]["facts"] == {"accounts": 3, "verdict": "act", "score": 1.0}
    listed = {row["campaign_id"]: row["status"] for row in json.loads(case(data, "list", "--json"))}
    assert listed == {"c-one": "open", "c-two": "watched"}


def test_a_dismissed_campaign_that_grew_is_listed_again(data: Path) -> None:
    case(data, "decide", "c-one", "dismiss", "--by", "Ada", "--reason", "data_error", "--note", "wrong")
    assert "c-one" not in case(data, "list")
    assert "dismissed " in case(data, "list", "--all")
    database = WatchDatabase("", DataFolder(data).database)
    row = {"requests": 5, "flagged": 1, "first_snapshot": 1, "last_snapshot": 1}
    with database.write() as connection:
        for account in "def":
            connection.execute(insert(CAMPAIGN_MEMBERS).values(campaign_id="c-one", account_id=account, **row))
    assert "dismissed, LOOK AGAIN" in case(data, "list")
    assert read_all_work(database)["c-one"].status == "dismissed"
    database.close()


def test_nobody_waits_in_an_empty_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    WatchDatabase("", folder.database).close()
    assert case(folder.path, "list") == "No campaign waits for an analyst.\n"
    refused = run("case", "show", "c-404", "--data", str(folder.path), cwd=tmp_path)
    assert (refused.returncode, "no campaign has the id 'c-404'" in refused.stderr) == (1, True)
