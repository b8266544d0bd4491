"""First requests of an operation that returns, answered while their gateway waits: when, how, and to whom never."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import insert, select

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.base.units import DAY
from stillhunt.decide.policy import Policy
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS, LINKED_ACCOUNTS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.signatures.signature import SignatureSet
from stillhunt.watch.snapshots import Snapshot
from stillhunt_server.enforcing import signature_answers as module
from stillhunt_server.enforcing.answers import NO_DECISION, Answers, GatewayAnswer
from stillhunt_server.enforcing.inline_matcher import AskedRequest
from stillhunt_server.enforcing.signature_answers import SignatureAnswers
from watch.signature_logs import START, compiled, templated

CLIENT = "OpenAI/Python 2.0"
"""That of the campaign, in another version."""
HARSH = {"mode": "enforce", "ceiling": "limit", "signature": {"first_request": "step_up"}}


@pytest.fixture(scope="module")
def signed() -> SignatureSet:
    return compiled()


@pytest.fixture
def armed(tmp_path: Path, signed: SignatureSet, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignatureAnswers]:
    """Answers by the signature of campaign c-1, which an old customer was before."""
    folder = DataFolder(tmp_path / "data")
    database = WatchDatabase("", folder.database)
    with database.write() as connection:
        row = {"status": "active", "verdict": "act", "kind": "harvest", "score": 1.0, "first_snapshot": 1}
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id="c-1", last_snapshot=1, **row))
    monkeypatch.setattr(module, "latest_snapshot", lambda _folder: Snapshot(1, tmp_path))
    monkeypatch.setattr(module, "signatures_in_force", lambda *_: signed)
    monkeypatch.setattr(module, "untouched_accounts", lambda _folder: {"programme"})
    monkeypatch.setattr(module, "accounts_before", lambda *_: {"c-1": pa.chunked_array([["customer", "x"]])})
    config = Config.load({"sanctioned": {"accounts": ["declared"]}}, environ={})
    answers = SignatureAnswers(folder, database, config)
    answers.refresh()
    yield answers
    database.close()


def ask(
    armed: SignatureAnswers,
    account: str,
    number: int = 0,
    known: GatewayAnswer = NO_DECISION,
    agent: str = CLIENT,
    **changes: Any,
) -> GatewayAnswer:
    prompt = templated(["fresh"], number + 1, 3)["fresh"][number]
    now = START + number
    asked = AskedRequest(account, prompt, "", now, user_agent=agent, conversation=f"{account} {number}")
    return armed.answer(asked, known, Answers(Policy.model_validate({**HARSH, **changes})))


def test_the_first_request_that_shows_the_template_is_answered_by_policy(armed: SignatureAnswers) -> None:
    answer = ask(armed, "new")
    assert (answer.status, answer.action, answer.reason, answer.decision) == (403, "step_up", "linked_accounts", 0)
    plain = AskedRequest("new", "How warm is it in Rome in May?", "", START)
    assert armed.answer(plain, NO_DECISION, Answers(Policy.model_validate(HARSH))) is NO_DECISION


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "dry_run"},
        {"kill_switch": True},
        {"signature": {}},
        {"signature": {"linked": "step_up"}},
        {"exempt": {"accounts": ["new"]}},
    ],
)
def test_it_is_not_where_the_policy_does_not_say_so(armed: SignatureAnswers, changes: dict[str, Any]) -> None:
    assert ask(armed, "new", **changes) is NO_DECISION


@pytest.mark.parametrize("agent", ["", "curl/8.1", "langchain/0.2"])
@pytest.mark.parametrize("action", ["step_up", "throttle", "limit"])
def test_a_request_of_another_client_is_tagged_at_most(armed: SignatureAnswers, agent: str, action: str) -> None:
    changes = {"signature": {"first_request": action, "linked": action}}
    assert {ask(armed, "chatbot", number, agent=agent, **changes).action for number in range(60)} == {"tag"}


def test_an_account_with_much_traffic_of_its_own_is_tagged_at_most(
    armed: SignatureAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "own_traffic", lambda _folder: pa.chunked_array([["busy"]]))
    monkeypatch.setattr(module, "latest_snapshot", lambda folder: Snapshot(2, folder.path))
    armed.refresh()
    assert (ask(armed, "busy").action, ask(armed, "new").action) == ("tag", "step_up")


@pytest.mark.parametrize("account", ["customer", "programme", "declared"])
def test_whom_a_signature_never_touches(armed: SignatureAnswers, account: str) -> None:
    assert ask(armed, account) is NO_DECISION


def test_a_dismissed_campaign_is_left_alone_until_it_is_reopened(
    armed: SignatureAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dismissed, action in (({"c-1"}, "none"), ({"c-2"}, "step_up")):
        monkeypatch.setattr(module, "dismissed_campaigns", lambda _, names=dismissed: frozenset(names))
        armed.refresh()
        assert ask(armed, "new").action == action


def test_a_persons_decision_and_a_stronger_one_stay(armed: SignatureAnswers) -> None:
    for known in (
        GatewayAnswer(200, "observe", "operator_decision", 7, by_person=True),
        GatewayAnswer(200, "throttle", "linked_accounts", 7),
    ):
        assert ask(armed, "new", known=known) is known
    tagged = GatewayAnswer(200, "tag", "automated_collection", 7)
    assert ask(armed, "new", known=tagged).action == "step_up"


def test_the_cap_of_the_day_bounds_how_many_are_refused(armed: SignatureAnswers) -> None:
    found = [ask(armed, f"new-{place}", accounts_per_day=2).action for place in range(4)]
    assert found == ["step_up", "step_up", "tag", "tag"]
    assert ask(armed, "new-0", accounts_per_day=2).action == "step_up", "it is one of the two already"
    later = AskedRequest("new-3", templated(["fresh"], 1, 3)["fresh"][0], "", START + DAY, user_agent="OpenAI/Python 3")
    policy = Policy.model_validate({**HARSH, "accounts_per_day": 2})
    assert armed.answer(later, NO_DECISION, Answers(policy)).action == "step_up", "the next day"


def test_linked_accounts_are_handed_over_once(armed: SignatureAnswers) -> None:
    for number in range(3):
        ask(armed, "new", number)
    database = armed._database
    assert database.read(select(LINKED_ACCOUNTS)) == [], "not while a gateway waits"
    armed.refresh()
    (link,) = database.read(select(LINKED_ACCOUNTS))
    assert (link["campaign_id"], link["account_id"]) == ("c-1", "new")
    ask(armed, "new", 3)
    armed.refresh()
    assert len(database.read(select(LINKED_ACCOUNTS))) == 1


def test_links_are_kept_while_the_database_cannot_be_used(
    armed: SignatureAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        ask(armed, "new", number)

    def fail(*_: Any) -> None:
        raise OutputError("locked")

    with monkeypatch.context() as patched:
        patched.setattr(module, "enter_links", fail)
        with pytest.raises(OutputError):
            armed.refresh()
    armed.refresh()
    assert len(armed._database.read(select(LINKED_ACCOUNTS))) == 1
