"""Accounts that a signature links: what the policy may do about them, and about whom it does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decide.scenes import DAY, NOW, SECRET, after, findings, member, policy
from stillhunt.base.errors import ConfigError
from stillhunt.base.ledger.chain import LEDGER_START
from stillhunt.decide.actions import ACTIONS, Action, rank
from stillhunt.decide.entries import LogEntry, chained, in_force
from stillhunt.decide.links import Link, decide_links
from stillhunt.decide.policy import Policy, parse_policy

LINKS = [Link(f"n{number}", "c-1", NOW, 70.0 + number, beyond_texts=True) for number in range(3)]
TEXTS_ONLY = [replace(link, beyond_texts=False) for link in LINKS]


def signing(**changes: Any) -> Policy:
    return policy(signature={"linked": "step_up", "days": 3}, **changes)


def linked(
    log: list[LogEntry],
    policy: Policy,
    now: int = NOW,
    spared: tuple[str, ...] = (),
    links: Sequence[Link] = LINKS,
) -> list[LogEntry]:
    made = decide_links(policy, links, spared, log, now, SECRET)
    return [*log, *chained(made, log[-1].place if log else LEDGER_START)]


def test_a_linked_account_is_stopped_for_some_days_and_decided_once() -> None:
    log = linked([], signing())
    assert {account: entry.action for account, entry in in_force(log, NOW).items()} == dict.fromkeys(
        ("n0", "n1", "n2"), "step_up"
    )
    assert {entry.author for entry in log} == {"rule:signature"}
    assert {entry.reason for entry in log} == {"linked_accounts"}
    assert linked(log, signing(), NOW + DAY) == log
    assert in_force(log, NOW + 3 * DAY) == {}


@pytest.mark.parametrize("action", ["tag", "step_up", "throttle", "limit"])
def test_an_account_for_which_nothing_speaks_but_its_texts_is_tagged_at_most(action: Action) -> None:
    harsh = policy(signature={"linked": action}, ceiling="limit", accounts_per_day=0)
    log = linked([], harsh, links=TEXTS_ONLY)
    assert {account: entry.action for account, entry in in_force(log, NOW).items()} == dict.fromkeys(
        ("n0", "n1", "n2"), "tag"
    )
    assert linked(log, harsh, NOW + DAY, links=TEXTS_ONLY) == log
    assert set(in_force(after(log, harsh, findings([]), NOW + 1), NOW + 1)) == {"n0", "n1", "n2"}


def test_later_evidence_that_is_no_text_raises_a_tag_once() -> None:
    log = linked(linked([], signing(), links=TEXTS_ONLY), signing())
    assert [entry.action for entry in log] == ["tag"] * 3 + ["step_up"] * 3
    assert {entry.action for entry in in_force(log, NOW).values()} == {"step_up"}
    assert linked(log, signing(), NOW + DAY) == log
    assert linked(log, signing(), NOW + DAY, links=TEXTS_ONLY) == log


def test_a_tag_that_a_person_undid_is_not_raised() -> None:
    log = linked([], signing(), links=TEXTS_ONLY)
    ended = chained([replace(entry, kind="undo", undoes=entry.seq, author="Ada") for entry in log], log[-1].place)
    assert linked([*log, *ended], signing()) == [*log, *ended]


def test_what_a_person_undid_is_not_decided_again() -> None:
    log = linked([], signing())
    ended = chained([replace(log[0], kind="undo", undoes=log[0].seq, author="Ada")], log[-1].place)
    assert linked([*log, *ended], signing()) == [*log, *ended]


@pytest.mark.parametrize(
    "changes",
    [{"kill_switch": True}, {"signature": {"linked": "observe"}}, {"signature": {}}, {"accounts_per_day": 0}],
)
def test_nothing_is_decided_where_the_policy_says_nothing(changes: dict[str, Any]) -> None:
    assert linked([], policy(**{"signature": {"linked": "step_up"}, **changes})) == []


def test_who_was_there_before_or_is_exempt_is_not_touched() -> None:
    log = linked([], signing(exempt={"accounts": ["n1"]}), spared=("n0",))
    assert [entry.account_id for entry in log] == ["n2"]


def test_the_cap_of_the_day_holds_over_links_and_rules_together() -> None:
    one = signing(accounts_per_day=2)
    log = after([], one, findings([member("m")]), NOW)
    log = linked(log, one)
    assert [entry.account_id for entry in log] == ["m", "n2"], "those that show most come first"
    assert [entry.account_id for entry in linked(log, one, NOW + DAY)[2:]] == ["n1", "n0"]


def test_a_hunt_that_sees_too_little_of_a_new_account_does_not_let_it_go() -> None:
    log = linked([], signing())
    assert after(log, signing(), findings([member("other")]), NOW + 1)[len(log) :][0].account_id == "other"
    assert set(in_force(after(log, signing(), findings([]), NOW + 1), NOW + 1)) == {"n0", "n1", "n2"}


@pytest.mark.parametrize("later", [{"kill_switch": True}, {"signature": {}}, {"mode": "dry_run"}])
def test_a_policy_that_says_it_no_more_lets_them_go(later: dict[str, Any]) -> None:
    log = linked([], signing())
    assert in_force(after(log, policy(**later), findings([]), NOW + 1), NOW + 1) == {}


def test_a_dry_run_records_and_does_nothing() -> None:
    log = linked([], signing(mode="dry_run"))
    assert len(log) == 3
    assert in_force(log, NOW) == {}


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(ACTIONS), st.sampled_from(ACTIONS), st.sampled_from(ACTIONS))
def test_no_link_goes_above_the_ceiling(ceiling: Action, first: Action, later: Action) -> None:
    text = f'ceiling = "{ceiling}"\n[signature]\nfirst_request = "{first}"\nlinked = "{later}"\n'
    allowed = max(rank(first), rank(later)) <= rank(ceiling) <= rank("limit")
    if not allowed:
        with pytest.raises(ConfigError, match=r"ceiling|only persons"):
            parse_policy(text.encode())
        return
    found = parse_policy(text.encode())
    highest = min(rank(found.ceiling), rank("limit"))
    assert max(rank(found.signature.first_request), rank(found.signature.linked)) <= highest


def test_no_rule_has_the_name_of_the_section() -> None:
    with pytest.raises(ConfigError, match="that of the section"):
        parse_policy(b'[[rule]]\nname = "signature"\naction = "tag"\n')
