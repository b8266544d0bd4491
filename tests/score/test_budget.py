"""The false-alarm budget: how many bits it asks, what it changes in a case, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import DAY, DAYS, Story, score_story, verdict

from stillhunt.base.config import Config
from stillhunt.score.verdict.budget import HONEST_SEARCH, expected_false, false_alarm_budget, required_bits
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(60))
CLEAR = Story(linked=True, bursts=True)
STINGY = Config.load({"score": {"false_campaigns_per_month": 1e-9}}, environ={})


def of_column(table: pa.Table, name: str) -> list[Any]:
    return table[name].to_pylist()


def budget_rows(tables: dict[str, pa.Table]) -> list[dict[str, Any]]:
    return [row for row in tables["evidence"].to_pylist() if row["family"] == "budget"]


@steady
@given(st.integers(1, 10**8), st.floats(0.0, 90.0), st.floats(1e-3, 1e3))
def test_what_is_asked_keeps_the_promise(accounts: int, days: float, allowed: float) -> None:
    """At the bar that the budget sets, the expected number of false campaigns is the allowed one or less."""
    bits = required_bits(accounts, days, allowed)
    assert bits >= HONEST_SEARCH.level
    assert expected_false(bits, accounts, days) <= allowed * (1 + 1e-9)
    if bits > HONEST_SEARCH.level:
        assert expected_false(bits, accounts, days) == pytest.approx(allowed), "and no more bits than that"


@steady
@given(st.integers(1, 10**7), st.floats(0.0, 90.0), st.floats(1e-3, 1e3))
def test_larger_logs_and_smaller_budgets_ask_more(accounts: int, days: float, allowed: float) -> None:
    bits = required_bits(accounts, days, allowed)
    assert required_bits(accounts * 2, days, allowed) >= bits
    assert required_bits(accounts, days * 2, allowed) >= bits
    assert required_bits(accounts, days, allowed / 2) >= bits


def test_twice_the_accounts_ask_as_much_as_half_the_budget() -> None:
    assert required_bits(2 * 10**6, 14, 1.0) == pytest.approx(required_bits(10**6, 14, 0.5))


def test_an_empty_log_asks_the_least() -> None:
    budget = false_alarm_budget(0, np.zeros(0, np.int64), Config().score)
    assert (budget.accounts, budget.days, budget.required_bits) == (0, 0.0, HONEST_SEARCH.level)


def test_days_are_from_first_to_last_request() -> None:
    times = np.array([3 * DAY, DAY, 8 * DAY], np.int64)
    assert false_alarm_budget(100, times, Config().score).days == 7.0


def test_held_back_by_the_budget_alone() -> None:
    """The same log under two budgets: the verdict moves, no probability does, and the case says why."""
    usual, held = score_story(CLEAR), score_story(CLEAR, STINGY)
    assert verdict(usual) == "act"
    assert verdict(held) == "review"
    assert not any(of_column(held["accounts"], "flagged"))
    for table, name in (("campaigns", "score"), ("members", "score"), ("accounts", "score")):
        assert of_column(usual[table], name) == of_column(held[table], name)
    assert not budget_rows(usual)
    (row,) = budget_rows(held)
    assert row["bits"] == 0.0
    members = held["accounts"].filter(pc.equal(held["accounts"]["verdict"], "review"))
    assert members.num_rows == CLEAR.members
    assert all(reasons[0] == row["statement"] for reasons in of_column(members, "reasons"))


def test_the_case_says_what_was_asked_and_what_was_there() -> None:
    held = score_story(CLEAR, STINGY)
    (row,) = budget_rows(held)
    bits = sum(one["bits"] for one in held["evidence"].to_pylist() if one["account_id"] is None)
    asked = required_bits(CLEAR.members + CLEAR.others, DAYS, 1e-9)
    assert f"A budget of 0.000000001 false campaigns in 30 days asks {asked:.1f} bits" in row["statement"]
    assert f"in a log of this size; this one has {bits - Config().score.prior_bits:.1f}, " in row["statement"]
    assert row["statement"].endswith("and so gets the verdict review")
    assert 1.0 / (1.0 + 2.0**-bits) == pytest.approx(held["campaigns"]["score"][0].as_py())


def test_what_is_not_act_is_not_the_budgets_to_hold_back() -> None:
    doubtful = {"score": {"false_campaigns_per_month": 1e-9, "act_probability": 1 - 1e-9}}
    tables = score_story(CLEAR, Config.load(doubtful, environ={}))
    assert verdict(tables) == "review"
    assert not budget_rows(tables)


def test_a_sanctioned_campaign_is_none_and_the_budget_has_no_say() -> None:
    allowed = {"sanctioned": {"accounts": CLEAR.names()}, "score": {"false_campaigns_per_month": 1e-9}}
    tables = score_story(CLEAR, Config.load(allowed, environ={}))
    assert verdict(tables) == "none"
    assert not budget_rows(tables)
