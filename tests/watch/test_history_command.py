"""`stillhunt history`: run as a user does, on a data folder whose database holds some hunts."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import insert
from watched_campaigns import WINDOW, accounts, found, snapshot_row

from cli.running import run
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import LINKED_ACCOUNTS
from stillhunt.watch.early_signs.signs import SIGNS_FILE, EarlySign, signs_as_json
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.lineage.campaigns import FoundCampaign
from stillhunt.watch.lineage.settle import settle
from stillhunt.watch.records import known_campaigns, record_hunt

HOSTILE = "\x1b]0;gotcha\x07[bold]"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    database = WatchDatabase("", folder / "stillhunt.db")
    hunts: list[list[FoundCampaign]] = [
        [found("c-aa11", {**accounts(0, 5), HOSTILE: 9}), found("c-bb22", accounts(10, 14), "review", score=0.9)],
        [found("c-aa11", accounts(2, 8)), found("c-bb22", accounts(10, 14), "review", score=0.9)],
        [found("c-aa11", accounts(2, 14))],
    ]
    for number, campaigns in enumerate(hunts, 1):
        settled = settle(known_campaigns(database), campaigns, WINDOW)
        with database.write() as connection:
            record_hunt(connection, snapshot_row(number), campaigns, settled)
    with database.write() as connection:
        for number, account in enumerate(["newcomer-1", HOSTILE, *(f"more-{at}" for at in range(10))]):
            row = {"campaign_id": "c-aa11", "account_id": account, "at": WINDOW + number, "bits": 71.5, "requests": 4}
            connection.execute(insert(LINKED_ACCOUNTS).values(**row, reasons='["It uses 12 of 14 rare phrases"]'))
    database.close()
    return folder


def test_all_campaigns(data: Path) -> None:
    result = run("history", "--data", str(data), cwd=data)
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "2 campaigns so far: 1 active and 1 merged.",
        "",
        "status  verdict  campaign  accounts  requests  first seen        last seen (UTC)",
        "active  act      c-aa11    12        1,200     2024-09-20 00:00  2024-10-04 00:00",
        "merged  review   c-bb22    4         400       2024-09-20 00:00  2024-10-04 00:00",
    ]


def test_one_campaign_over_time(data: Path) -> None:
    result = run("history", "c-aa", "--data", str(data), cwd=data)
    lines = result.stdout.splitlines()
    assert result.returncode == 0
    assert lines[0] == "Campaign c-aa11 is active, with the verdict act."
    assert lines[1].startswith("1,200 requests from 12 accounts when it was last found")
    told = [line for line in lines if " hunt " in line]
    assert [re.split(r"  +", line)[1:] for line in told] == [
        ["hunt 1", "born", "Found for the first time, with the verdict act: 6 accounts and 509 requests."],
        [
            "hunt 3",
            "merged",
            "c-bb22: It is part of c-aa11 now, which has 100 % of its 400 requests by the same accounts.",
        ],
        ["hunt 1", "6 accounts came; 3 accounts were found for the last time"],
        ["hunt 2", "3 accounts came"],
        ["hunt 3", "6 accounts came"],
    ]


def test_json_has_members_and_moments_and_no_raw_control(data: Path) -> None:
    result = run("history", "c-aa11", "--json", "--data", str(data), cwd=data)
    assert "\x1b" not in result.stdout
    told = json.loads(result.stdout)
    assert told["campaign"]["last_seen"] == "2024-10-04T00:00:00+00:00"
    assert [(row["event"], row["others"]) for row in told["events"]] == [("born", []), ("merged", ["c-aa11"])]
    assert HOSTILE in {row["account_id"] for row in told["members"]}
    every = json.loads(run("history", "--json", "--data", str(data), cwd=data).stdout)
    assert [row["campaign_id"] for row in every["campaigns"]] == ["c-aa11", "c-bb22"]


def test_folder_without_a_database_is_said_to_have_none_and_stays_empty(tmp_path: Path) -> None:
    result = run("history", "--data", "nothing-here", cwd=tmp_path)
    assert result.returncode == 1
    assert "error: this data folder has no database" in result.stderr
    assert "--data" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_database_without_a_hunt(tmp_path: Path) -> None:
    WatchDatabase("", tmp_path / "stillhunt.db").close()
    assert run("history", "--data", ".", cwd=tmp_path).stdout == "No campaign so far.\n"


def test_unknown_campaign(data: Path) -> None:
    result = run("history", HOSTILE, "--data", str(data), cwd=data)
    assert result.returncode == 1
    assert "no campaign has the id '\\x1b" in result.stderr
    assert "\x1b" not in result.stderr


def test_accounts_that_match_the_signature_are_listed(data: Path) -> None:
    shown = run("history", "c-aa11", "--data", str(data), cwd=data).stdout
    assert "\x1b" not in shown
    listed = shown.partition("match its signature")[2].splitlines()[1:]
    assert len(listed) == 11
    assert listed[-1] == "and 2 more; --json lists all"
    assert "71.5 bits  4 requests  It uses 12 of 14 rare phrases" in listed[0]
    told = json.loads(run("history", "c-aa11", "--json", "--data", str(data), cwd=data).stdout)
    assert len(told["linked_accounts"]) == 12
    assert told["linked_accounts"][-1]["account_id"] == "newcomer-1"
    assert "match its signature" not in run("history", "c-bb22", "--data", str(data), cwd=data).stdout


def test_early_signs_of_the_latest_snapshot_are_listed(data: Path, tmp_path: Path) -> None:
    copied = DataFolder(tmp_path / "data")
    shutil.copy(data / "stillhunt.db", copied.database)
    said = "Model x appeared, and 8 of 12 members began with it"
    signs = [EarlySign("s1", "new_model", "c-aa11", ["a"], "x", WINDOW, WINDOW, said)]
    signs.append(EarlySign("s2", "extraction_attempts", "", [HOSTILE], "", WINDOW, WINDOW, HOSTILE))
    (copied.snapshots / "00000003").mkdir()
    (copied.snapshots / "00000003" / SIGNS_FILE).write_bytes(signs_as_json(signs))
    copied.switch_latest("00000003")
    shown = run("history", "--data", str(copied.path), cwd=tmp_path).stdout
    assert "\x1b" not in shown
    assert "c-aa11" in shown.partition("Early signs")[2]
    assert f"{said}." in shown
    told = json.loads(run("history", "--json", "--data", str(copied.path), cwd=tmp_path).stdout)
    assert [(row["kind"], row["accounts"]) for row in told["early_signs"]] == [
        ("new_model", ["a"]),
        ("extraction_attempts", [HOSTILE]),
    ]
