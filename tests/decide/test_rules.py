"""What rules decide, and what they can never do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decide.scenes import DAY, NOW, after, findings, member, policy
from stillhunt.decide.actions import ACTIONS, HIGHEST_CEILING, rank
from stillhunt.decide.entries import LogEntry, chained, first_broken, in_force, made_until, standing
from stillhunt.decide.policy import Policy
from thoroughness import examples


def actions(log: list[LogEntry], now: int) -> dict[str, str]:
    return {account: entry.action for account, entry in in_force(log, now).items()}


def test_flagged_members_get_what_the_rule_says_until_it_expires() -> None:
    log = after([], policy(), findings([member("a"), member("b", score=0.5)]), NOW)
    assert actions(log, NOW) == {"a": "step_up"}
    (entry,) = log
    assert (entry.author, entry.reason, entry.campaign_id) == ("rule:harvesters", "automated_collection", "c-1")
    assert actions(log, NOW + 14 * DAY - 1) == {"a": "step_up"}
    assert actions(log, NOW + 14 * DAY) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"sanctioned": True},
        {"role": "pool"},
        {"role": "victim"},
        {"campaign_verdict": "review"},
        {"campaign_verdict": "none"},
        {"score": 0.98},
    ],
)
def test_whom_no_rule_touches(changes: dict[str, Any]) -> None:
    assert after([], policy(), findings([member("a", **changes)]), NOW) == []


def test_customers_that_pose_are_touched_only_by_a_rule_that_names_them() -> None:
    rows = [member("a", campaign_verdict="review", verdict="review", flagged=False)]
    rule = {"name": "reviews", "action": "tag", "verdict": ["review"], "reason": "linked_accounts"}
    naming = policy(rule=[{**rule, "kind": ["posing"]}])
    assert after([], policy(rule=[rule]), findings(rows, kind="posing"), NOW) == []
    assert actions(after([], naming, findings(rows, kind="posing"), NOW), NOW) == {"a": "tag"}
    assert after([], naming, findings(rows), NOW) == []


def test_an_account_that_is_not_flagged_itself_is_tagged_at_most() -> None:
    assert actions(after([], policy(), findings([member("a", flagged=False)]), NOW), NOW) == {"a": "tag"}


@pytest.mark.parametrize(
    ("opened", "days", "action"),
    [(89, 90, "step_up"), (91, 90, "tag"), (91, 0, "step_up"), (None, 90, "step_up"), (91, 365, "step_up")],
)
def test_an_account_that_was_there_long_before_its_campaign_is_tagged_at_most(
    opened: int | None, days: int, action: str
) -> None:
    began = datetime.fromtimestamp((NOW - 5 * DAY) / 1e6, UTC)
    created = None if opened is None else began - timedelta(days=opened)
    rows = [
        member("new", created_at=began, first_seen=began),
        member("old", created_at=created, first_seen=began + timedelta(days=300)),
    ]
    log = after([], policy(established_days=days), findings(rows), NOW)
    assert actions(log, NOW) == {"new": "step_up", "old": action}


def test_what_a_person_ended_is_not_decided_again_for_a_time() -> None:
    log = after([], policy(), findings([member("a"), member("b")]), NOW)
    ended = chained([replace(log[0], kind="undo", undoes=log[0].seq, author="Ada", expires_at=NOW)], log[-1].place)
    log = after([*log, *ended], policy(), findings([member("a"), member("b")]), NOW + DAY)
    assert set(actions(log, NOW + DAY)) == {"b"}
    log = after(log, policy(), findings([member("a")]), NOW + 91 * DAY)
    assert set(actions(log, NOW + 91 * DAY)) == {"a"}


def test_a_dry_run_uses_nothing_of_the_days_cap_and_a_change_of_action_neither() -> None:
    found = findings([member("a"), member("b")])
    log = after([], policy(mode="dry_run", accounts_per_day=2), found, NOW)
    log = after(log, policy(accounts_per_day=2), found, NOW + 1)
    assert set(actions(log, NOW + 1)) == {"a", "b"}
    stronger = policy(accounts_per_day=2, ceiling="limit", rule=[{"name": "harvesters", "action": "throttle"}])
    log = after(log, stronger, findings([member("a"), member("b"), member("c")]), NOW + 2)
    assert actions(log, NOW + 2) == {"a": "throttle", "b": "throttle"}, "those of the day go on, and nobody is added"


def test_the_default_is_a_dry_run_which_is_never_in_force() -> None:
    log = after([], policy(mode="dry_run"), findings([member("a")]), NOW)
    assert [entry.dry_run for entry in log] == [True]
    assert in_force(log, NOW) == {}
    assert Policy().mode == "dry_run"
    log = after(log, policy(), findings([member("a")]), NOW + DAY)
    assert [entry.kind for entry in log] == ["rule", "undo", "rule"]
    assert actions(log, NOW + DAY) == {"a": "step_up"}


def test_a_hunt_that_changes_its_mind_lets_the_account_go() -> None:
    log = after([], policy(), findings([member("a"), member("b")]), NOW)
    log = after(log, policy(), findings([member("a"), member("b", campaign_verdict="review")]), NOW + DAY)
    assert actions(log, NOW + DAY) == {"a": "step_up"}
    assert log[-1].note == "no rule says so any more"
    log = after(log, policy(kill_switch=True), findings([member("a")]), NOW + 2 * DAY)
    assert actions(log, NOW + 2 * DAY) == {}
    assert log[-1].note == "the kill switch is on"


def test_nothing_is_decided_twice_and_what_goes_on_is_renewed_in_time() -> None:
    log: list[LogEntry] = []
    for day in range(60):
        log = after(log, policy(), findings([member("a")], day + 1), NOW + day * DAY)
        assert actions(log, NOW + day * DAY) == {"a": "step_up"}
        assert actions(log, NOW + day * DAY + DAY) == {"a": "step_up"}, "no gap before the next hunt"
    assert len(log) == 9
    assert first_broken(log) is None


def test_the_cap_of_a_day_takes_the_most_probable_first() -> None:
    rows = [member(f"a{number}", score=0.99 + number / 1000) for number in range(9)]
    capped = policy(accounts_per_day=4)
    log = after([], capped, findings(rows), NOW)
    assert sorted(actions(log, NOW)) == ["a5", "a6", "a7", "a8"]
    log = after(log, capped, findings(rows), NOW + DAY - 1)
    assert len(actions(log, NOW + DAY - 1)) == 4
    log = after(log, capped, findings(rows), NOW + DAY)
    assert len(actions(log, NOW + DAY)) == 8


def test_the_delay_is_between_its_bounds_and_differs_by_account() -> None:
    rows = [member(f"a{number}") for number in range(50)]
    log = after([], policy(delay_minutes=[10, 60]), findings(rows), NOW)
    waits = [(entry.starts_at - NOW) / 60e6 for entry in log]
    assert all(10 <= wait <= 60 for wait in waits)
    assert len(set(waits)) == 50
    assert actions(log, NOW + 9 * 60_000_000) == {}
    assert len(actions(log, NOW + 60 * 60_000_000)) == 50


ROWS = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from("abcdef"),
        "campaign_id": st.sampled_from(["c-1", "c-2"]),
        "campaign_verdict": st.sampled_from(["act", "review", "none"]),
        "flagged": st.booleans(),
        "sanctioned": st.booleans(),
        "role": st.sampled_from(["dedicated", "mixed", "pool", "victim", "unknown"]),
        "score": st.sampled_from([0.2, 0.9, 0.995, 1.0]),
    }
)
RULES = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from([["act"], ["review"], ["act", "review"]]),
        "role": st.sampled_from([["dedicated"], ["mixed", "unknown"], ["dedicated", "mixed", "unknown"]]),
        "probability": st.sampled_from([0.0, 0.9, 1.0]),
        "action": st.sampled_from(ACTIONS[: rank(HIGHEST_CEILING) + 1]),
        "days": st.sampled_from([0.5, 3.0, 30.0]),
    }
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    rules = draw(st.lists(RULES, max_size=4))
    strongest = max((rank(rule["action"]) for rule in rules), default=0)
    return Policy.model_validate(
        {
            "mode": draw(st.sampled_from(["dry_run", "enforce"])),
            "ceiling": draw(st.sampled_from(ACTIONS[strongest : rank(HIGHEST_CEILING) + 1])),
            "accounts_per_day": draw(st.integers(0, 4)),
            "delay_minutes": [0, draw(st.sampled_from([0, 5000]))],
            "kill_switch": draw(st.booleans()),
            "exempt": {"accounts": draw(st.sampled_from([[], ["a"]]))},
            "rule": [{"name": f"rule-{place}", **rule} for place, rule in enumerate(rules)],
        }
    )


@settings(max_examples=examples(70, 200), derandomize=True, deadline=None)
@given(st.lists(st.tuples(policies(), st.lists(ROWS, max_size=8), st.integers(0, 3 * DAY)), max_size=6))
def test_rules_never_go_beyond_what_they_may(hunts: list[tuple[Policy, list[dict[str, Any]], int]]) -> None:
    log: list[LogEntry] = []
    now, states = NOW, {}
    for given_policy, rows, wait in hunts:
        now += wait
        facts = [member(**row) for row in rows]
        before = len(log)
        log = after(log, given_policy, findings(facts), now)
        new = [entry for entry in log[before:] if entry.kind == "rule"]
        for entry in new:
            own = [row for row in facts if row["account_id"] == entry.account_id]
            assert rank(entry.action) <= min(rank(given_policy.ceiling), rank(HIGHEST_CEILING))
            assert any(row["role"] not in ("pool", "victim") and not row["sanctioned"] for row in own)
            assert rank(entry.action) <= rank("tag") or any(row["flagged"] for row in own)
            assert not given_policy.kill_switch
            assert entry.account_id not in given_policy.exempt.accounts
            assert entry.dry_run == (given_policy.mode == "dry_run")
            assert now <= entry.starts_at < entry.expires_at
        begun = {one.account_id for one in new if not one.undoes and rank(one.action) > rank("tag")}
        assert len(begun) <= given_policy.accounts_per_day
        again = after(log, given_policy, findings(facts), now)
        assert again == log or len(begun) == given_policy.accounts_per_day, "once is enough"
        per_account = [entry.account_id for entry in standing(log, now)]
        assert len(per_account) == len(set(per_account)), "one decision of rules an account"
        states[now] = in_force(log, now)
    assert first_broken(log) is None
    for at, state in states.items():
        assert in_force(made_until(log, at), at) == state, "a replay gives what was in force"
