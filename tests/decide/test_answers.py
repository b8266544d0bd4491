"""What each action means for a request."""

from __future__ import annotations

from typing import Any

import pytest

from decide.scenes import NOW
from stillhunt.decide.entries import LogEntry, chained
from stillhunt.decide.policy import Policy
from stillhunt.decide.table import DecisionTable, empty_table
from stillhunt_server.enforcing.answers import NO_DECISION, Answers


def table_of(action: Any, account: str = "a") -> DecisionTable:
    entry = LogEntry(0, NOW, "case", account, action, "linked_accounts", "Ada", False, NOW, NOW + 100)
    return empty_table().with_entries(chained([entry]), NOW)


@pytest.mark.parametrize(
    ("action", "status"), [("observe", 200), ("tag", 200), ("step_up", 403), ("throttle", 200), ("block", 403)]
)
def test_actions(action: str, status: int) -> None:
    answer = Answers(Policy()).answer(table_of(action), "a", "m", NOW)
    assert (answer.status, answer.action, answer.decision, answer.reason) == (status, action, 1, "linked_accounts")
    assert answer.message.startswith("This account is used together with others")
    assert Answers(Policy()).answer(table_of(action), "b", "m", NOW) == NO_DECISION


@pytest.mark.parametrize(("model", "status"), [("big-2", 403), ("small", 200), ("", 200)])
def test_limit_refuses_the_models_of_the_policy(model: str, status: int) -> None:
    policy = Policy.model_validate({"limit": {"models": ["big-*"]}})
    assert Answers(policy).answer(table_of("limit"), "a", model, NOW).status == status


def test_throttle_lets_some_requests_a_minute_through() -> None:
    clock = [1000.0]
    answers = Answers(Policy.model_validate({"throttle": {"requests_per_minute": 2}}), lambda: clock[0])
    table = table_of("throttle")
    assert [answers.answer(table, "a", "", NOW).status for _ in range(4)] == [200, 200, 429, 429]
    assert answers.answer(table, "b", "", NOW) == NO_DECISION
    waiting = answers.answer(table, "a", "", NOW).retry_after
    assert waiting == 20, "1000 seconds are 16 minutes and 40 seconds"
    clock[0] += waiting
    assert answers.answer(table, "a", "", NOW).status == 200
