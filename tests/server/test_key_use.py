"""What the API tells of a customer's key: theirs alone, for portals, and written down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.compute as pc
import pytest
from sqlalchemy import select

from server.console.console_scenes import publish
from server.serving import Running, serving
from server.test_api import call, token_of
from stillhunt.base.schema_case import CITED
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.triage import Case
from stillhunt.watch.database.tables_console import AUDIT
from stillhunt.watch.folder import POLICY_FILE
from triage.fixtures import demo_case


def told(running: Running, token: str, account: str) -> tuple[int, Any]:
    """What a portal is told of a key."""
    return call(running, "GET", f"/v1/key-use?account_id={quote(account, safe='')}", token=token)[:2]


def case_with_cited() -> tuple[Case, str]:
    """A case whose findings name two requests of one account and one of another; with the first account."""
    case = demo_case()
    mine, other = case.members["account_id"].to_pylist()[:2]
    at = [datetime(2026, 3, 3, 4, minute, tzinfo=UTC) for minute in (1, 59, 30)]
    told = {"client": ["curl"] * 3, "network": ["AS1", "AS1", "AS2"], "country": ["FR"] * 3, "model": ["m"] * 3}
    empty = ("input_tokens", "output_tokens", "temperature", "top_p", "max_tokens", "ip_kind")
    cited = CITED.build(
        campaign_id=case.members["campaign_id"].to_pylist()[:1] * 3,
        account_id=[mine, mine, other],
        request_id=["r1", "r2", "r3"],
        timestamp=at,
        status=[200, 429, None],
        **told,
        **dict.fromkeys(empty, [None] * 3),
    )
    return Case(case.tables, run=case.run, **{**case.views, "cited": cited}), mine


def test_a_portal_is_told_of_one_key_and_of_nobody_else(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as running:
        portal = token_of(running, "appeal")
        assert told(running, portal, "a")[0] == 404, "before the first hunt"
        case, account = case_with_cited()
        publish(running.folder, case, 1)
        now = 1_900_000_000_000_000
        made = decide_as_person(
            running.database, account, "throttle", DecisionAuthor("ada", "a secret"), DecisionSpan(now, 3.0)
        )
        (running.folder.path / POLICY_FILE).write_text('second_person = ["block"]')
        running.decisions.look()
        waiting = call(running, "POST", "/v1/decisions", {"account_id": account, "action": "block", "by": "Bo"})
        assert waiting[1]["dry_run"] is True, "it waits for a second person, so it is no news for the customer"
        status, found = told(running, portal, account)
        assert status == 200
        assert found["account_id"] == account
        own = case.members.filter(pc.equal(case.members["account_id"], account))["requests"]
        assert found["requests"] == pc.sum(own).as_py()
        assert [(one["hour"], one["network"], one["requests"], one["refused"]) for one in found["hours"]] == [
            ("2026-03-03T04:00:00Z", "AS1", 2, 1)
        ]
        (decision,) = found["decisions"]
        assert (decision["decision"], decision["action"]) == (made.seq, "throttle")
        assert decision["appeal_code"]
        text = json.dumps(found)
        assert "ada" not in text
        assert "secret" not in text
        others = set(case.members["account_id"].to_pylist()) - {account}
        assert not [one for one in [*others, *case.campaigns["campaign_id"].to_pylist()] if one in text]
        looks = running.database.read(select(AUDIT).where(AUDIT.c.who == "token appeal"))
        assert [(row["what"], row["about"]) for row in looks][-1] == ("account", account)


@pytest.mark.parametrize("account", ["", "nobody", "\\x00", "'; drop table"])
def test_an_account_that_is_none_is_said(tmp_path: Path, account: str) -> None:
    with serving(tmp_path / "data") as running:
        publish(running.folder, demo_case(), 1)
        assert told(running, token_of(running, "appeal"), account)[0] == (404 if account else 400)
