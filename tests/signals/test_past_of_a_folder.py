"""The past of a data folder: what people decided of campaigns, accounts and appeals; the clock decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from stillhunt.cli.app import app
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, CAMPAIGN_ROWS
from stillhunt.watch.database.tables_console import CASES
from stillhunt.watch.known_database import open_database
from stillhunt_signals.signals.decided import past_decisions

AT = 1_774_000_000_000_000


def campaign_rows(name: str, status: str) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Rows of one campaign of two accounts, and of the work on it."""
    campaign = {"status": "active", "verdict": "act", "kind": "harvest", "score": 0.99, "first_snapshot": 1}
    work = {"version": 1, "status": status, "assignee": "", "labels": "[]", "narrative": "", "reason": ""}
    times = {"opened_at": AT, "changed_at": AT, "changed_by": "Ada"}
    members = [
        {"campaign_id": name, "account_id": f"{name}-{place}", "requests": 9, "flagged": 1, "first_snapshot": 1,
         "last_snapshot": 1}
        for place in range(2)
    ]  # fmt: skip
    return {"campaign_id": name, "last_snapshot": 1, **campaign}, {"campaign_id": name, **work, **times}, members


def test_people_are_believed_and_the_clock_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    database = open_database(tmp_path / "data", "")
    with database.write() as connection:
        for name, status in (("c-acted", "acted"), ("c-dismissed", "dismissed"), ("c-open", "open")):
            campaign, work, members = campaign_rows(name, status)
            connection.execute(insert(CAMPAIGN_ROWS), campaign)
            connection.execute(insert(CASES), work)
            connection.execute(insert(CAMPAIGN_MEMBERS), members)
    run = CliRunner()
    for arguments in (
        ("decisions", "add", "let-through", "observe", "--by", "Ada", "--override", "--days", "90", "--note", "known"),
        ("decisions", "add", "wronged", "block", "--by", "Ada", "--days", "9"),
        ("appeals", "add", "2", "wronged", "--text", "it was me", "--by", "Eve"),
        ("appeals", "decide", "1", "--overturn", "--by", "Bo", "--note", "true"),
    ):
        done = run.invoke(app, [*arguments, "--data", "data"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    found = {one.account_id: (one.group, one.confirmed) for one in past_decisions(database, AT * 2)}
    database.close()
    assert found.pop("let-through", ("let-through", False)) == ("let-through", False)
    assert found == {
        "c-acted-0": ("c-acted", True),
        "c-acted-1": ("c-acted", True),
        "c-dismissed-0": ("c-dismissed", False),
        "c-dismissed-1": ("c-dismissed", False),
        "wronged": ("wronged", False),
    }
