"""Rules by their state, and rules of the provider's own: what they may do, and that nothing else changes by them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest

from decide.scenes import DAY, NOW, after, findings, member, policy
from stillhunt.decide.entries import LogEntry, in_force
from stillhunt.decide.policy import RuleTerms
from stillhunt.decide.rules import Findings


def own(name: str = "drainers", **terms: Any) -> RuleTerms:
    return RuleTerms.model_validate({"name": name, "action": "step_up", **terms})


def seen(rows: Sequence[dict[str, Any]], *fitting: tuple[RuleTerms, Collection[str]], **changes: Any) -> Findings:
    return replace(findings(rows), own=tuple((rule, frozenset(who)) for rule, who in fitting), **changes)


def acts(log: Sequence[LogEntry], *, dry_run: bool = False) -> dict[str, tuple[str, str]]:
    made = [one for one in log if one.kind == "rule" and one.dry_run == dry_run]
    return {one.account_id: (one.action, one.author) for one in made}


REVIEW = {"campaign_verdict": "review"}


def test_an_own_rule_does_what_it_says_to_flagged_accounts_and_tags_all_others() -> None:
    rows = [member("flagged", **REVIEW), member("member", flagged=False, **REVIEW)]
    log = after([], policy(), seen(rows, (own(), {"flagged", "member", "outside"})), NOW)
    assert acts(log) == {
        "flagged": ("step_up", "rule:own.drainers"),
        "member": ("tag", "rule:own.drainers"),
        "outside": ("tag", "rule:own.drainers"),
    }
    assert {one.account_id: one.campaign_id for one in log} == {"flagged": "c-1", "member": "c-1", "outside": ""}


@pytest.mark.parametrize(
    "row",
    [{"role": "pool"}, {"role": "victim"}, {"sanctioned": True}],
    ids=["used by many", "used without its owner", "declared programme"],
)
def test_an_own_rule_never_touches_whom_no_rule_touches(row: dict[str, Any]) -> None:
    assert not after([], policy(), seen([member("a", **row)], (own(action="tag"), {"a"})), NOW)


def test_exempt_accounts_declared_ones_without_campaign_and_dismissed_campaigns_are_left_alone() -> None:
    fits = (own(), {"exempt", "declared", "dismissed"})
    found = seen(
        [member("dismissed", campaign_id="c-9")], fits, sanctioned=frozenset({"declared"}), dismissed=frozenset({"c-9"})
    )
    assert not after([], policy(exempt={"accounts": ["exempt"]}), found, NOW)


def test_an_own_rule_stays_below_the_ceiling_and_the_cap_of_a_day() -> None:
    rows = [member(name, **REVIEW) for name in "abc"]
    found = seen(rows, (own(action="limit"), set("abc")))
    log = after([], policy(ceiling="throttle", rule=[], accounts_per_day=2), found, NOW)
    assert [one.action for one in log] == ["throttle", "throttle"]


def test_a_rule_that_is_off_decides_nothing_and_one_that_is_simulated_only_dry_runs() -> None:
    rows = [member("a")]
    for state, live, dry in (("off", set(), set()), ("simulated", set(), {"a"}), ("in_force", {"a"}, set())):
        rule = {"name": "harvesters", "action": "step_up", "state": state}
        log = after([], policy(rule=[rule]), findings(rows), NOW)
        assert (acts(log).keys(), acts(log, dry_run=True).keys()) == (live, dry), state
        log = after([], policy(rule=[]), seen(rows, (own(state=state), {"a"})), NOW)
        assert (acts(log).keys(), acts(log, dry_run=True).keys()) == (live, dry), state


def test_a_simulated_rule_neither_replaces_nor_ends_what_another_one_has_in_force() -> None:
    rules = [
        {"name": "weak", "action": "tag"},
        {"name": "strong", "action": "step_up", "state": "simulated"},
    ]
    log = after([], policy(rule=rules), findings([member("a")]), NOW)
    assert (acts(log)["a"][0], acts(log, dry_run=True)["a"][0]) == ("tag", "step_up")
    assert after(log, policy(rule=rules), findings([member("a")]), NOW + 1) == log
    ended = after(log, policy(rule=rules[:1]), findings([member("a")]), NOW + 2)
    assert in_force(ended, NOW + 2)["a"].action == "tag"
    assert [one.undoes for one in ended if one.kind == "undo"] == [one.seq for one in log if one.dry_run]


def test_what_a_simulated_rule_would_begin_uses_up_nothing_of_the_day() -> None:
    rules = [
        {"name": "tried", "action": "step_up", "state": "simulated", "verdict": ["review"]},
        {"name": "meant", "action": "step_up"},
    ]
    rows = [member("x", campaign_id="c-2", **REVIEW), member("y")]
    log = after([], policy(rule=rules, accounts_per_day=1), findings(rows), NOW)
    assert acts(log).keys() == {"y"}


def test_an_own_rule_whose_reason_is_gone_lets_the_account_go() -> None:
    log = after([], policy(), seen([], (own(), {"outside"})), NOW)
    log = after(log, policy(), seen([], (own(), set())), NOW + DAY)
    assert not in_force(log, NOW + DAY)
    assert log[-1].note == "no rule says so any more"
