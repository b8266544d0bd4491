"""One operator without a work queue: called what the evidence shows, for review at most, and classes left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from linked_logs import Linked, case_of, log_with

from stillhunt.base.config import Config
from stillhunt.score.verdict.linked_accounts import linked_operations
from stillhunt.score.verdict.verdict import Judged

SETTINGS = Config().score


def found_in(linked: Linked) -> list[Judged]:
    return linked_operations(log_with(linked)[0], [], SETTINGS)


def test_accounts_that_one_person_uses_in_turn_are_an_account_farm() -> None:
    (found,) = found_in(Linked())
    assert (found.kind, found.verdict) == ("account_farm", "review")
    assert found.candidate.accounts.tolist() == list(range(12))
    assert found.probability >= SETTINGS.review_probability
    assert any("used one after another" in finding.statement for finding in found.measured)


def test_accounts_with_many_programs_behind_each_are_a_relay() -> None:
    (found,) = found_in(Linked(at_once=True, programs=6))
    assert (found.kind, found.verdict) == ("relay", "review")


@pytest.mark.parametrize(
    "linked",
    [
        Linked(at_once=True),
        Linked(client=False),
        Linked(burst=False, sign_up=False),
        Linked(accounts=7),
        Linked(domain="firm.example"),
        Linked(domain="school.edu"),
    ],
    ids=["a class in one room", "own clients", "nothing to form it", "a family", "a firm", "a school"],
)
def test_who_shares_less_is_left_alone(linked: Linked) -> None:
    assert found_in(linked) == []


def test_accounts_of_a_campaign_are_not_looked_at_again() -> None:
    log, _ = log_with(Linked())
    (found,) = linked_operations(log, [], SETTINGS)
    assert linked_operations(log, [found], SETTINGS) == []
    assert len(linked_operations(log, [replace(found, verdict="none")], SETTINGS)) == 1


def test_nothing_of_an_account_farm_is_counted_as_harvested() -> None:
    tables = case_of(Linked())
    (campaign,) = tables["campaigns"].to_pylist()
    assert (campaign["kind"], campaign["verdict"], campaign["skills"]) == ("account_farm", "review", [])
    assert tables["harvest"].num_rows == 0
    assert set(tables["members"]["role"].to_pylist()) == {"unknown"}
    accounts = tables["accounts"].to_pylist()
    assert {row["verdict"] for row in accounts[:12]} == {"review"}
    assert not any(row["flagged"] or row["score"] or row["harvest_requests"] for row in accounts)
