"""One operator without a work queue: called what the evidence shows, for review at most, and classes left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from row_logs import DAY, HOUR, log_of_rows, sliced_table

from stillhunt.base.config import Config
from stillhunt.base.progress import Silent
from stillhunt.base.schema import ACCOUNTS, CANDIDATES
from stillhunt.score import score_campaigns
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.verdict.linked_accounts import linked_operations
from stillhunt.score.verdict.verdict import Judged

OTHERS = 300
SETTINGS = Config().score


@dataclass(frozen=True)
class Linked:
    """What the accounts have in common that stand first in the log.

    Attributes:
        accounts: how many.
        at_once: all are used on every day; else one after another.
        client: they use one client; else each its own.
        sign_up: they signed up from one network; else each from its own.
        burst: they signed up on one day.
        programs: settings that come back in each account.
        domain: mail domain of all; "" where each has another provider's.
    """

    accounts: int = 12
    at_once: bool = False
    client: bool = True
    sign_up: bool = True
    burst: bool = True
    programs: int = 1
    domain: str = ""


def log_with(linked: Linked) -> tuple[ScoredLog, dict[str, Any]]:
    """The log, and the columns of ACCOUNTS."""
    account, time, agent, network, temperature = [], [], [], [], []
    for number in range(linked.accounts + OTHERS):
        own = number < linked.accounts
        for n in range(24):
            account.append(number)
            in_turn = own and not linked.at_once
            time.append(number * DAY + n * HOUR if in_turn else (n // 2) * DAY + (n % 2) * HOUR + number * 60_000_000)
            agent.append("one" if own and linked.client else f"client {number % 40}")
            network.append(7 if own and linked.sign_up else 1_000 + number)
            temperature.append(n % linked.programs / 10 if own else 0.5)
    numbers = range(linked.accounts + OTHERS)
    customers = {
        "signup_prefix": [1 if n < linked.accounts and linked.sign_up else 100 + n for n in numbers],
        "created_at": [0 if n < linked.accounts and linked.burst else (n + 1) * DAY for n in numbers],
        "email_domain": [linked.domain if n < linked.accounts and linked.domain else f"mail{n % 5}" for n in numbers],
        "signup_country": ["DE"] * len(numbers),
    }
    columns = {"user_agent": agent, "client_prefix": np.array(network, np.uint64), "temperature": temperature}
    return log_of_rows(np.array(account), np.array(time), customers=customers, **columns), customers


def found_in(linked: Linked) -> list[Judged]:
    return linked_operations(log_with(linked)[0], [], SETTINGS)


def test_accounts_that_one_person_uses_in_turn_are_an_account_farm() -> None:
    (found,) = found_in(Linked())
    assert (found.kind, found.verdict) == ("account_farm", "review")
    assert found.candidate.accounts.tolist() == list(range(12))
    assert found.probability >= SETTINGS.review_probability
    assert any("used one after another" in finding.statement for finding in found.findings)


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


def case_of(linked: Linked) -> dict[str, pa.Table]:
    log, customers = log_with(linked)
    traffic = log.requests.table
    table = {"account_id": log.accounts.ids.to_pylist(), **customers}
    accounts = pa.table({name: pa.array(values) for name, values in table.items()})
    full = {name: accounts[name] if name in table else pa.nulls(accounts.num_rows) for name in ACCOUNTS.names}
    nothing = CANDIDATES.empty()
    return score_campaigns((traffic, sliced_table(traffic), nothing), ACCOUNTS.build(**full), Config(), Silent())[0]


def test_nothing_of_an_account_farm_is_counted_as_harvested() -> None:
    tables = case_of(Linked())
    (campaign,) = tables["campaigns"].to_pylist()
    assert (campaign["kind"], campaign["verdict"], campaign["skills"]) == ("account_farm", "review", [])
    assert tables["harvest"].num_rows == 0
    assert set(tables["members"]["role"].to_pylist()) == {"unknown"}
    accounts = tables["accounts"].to_pylist()
    assert {row["verdict"] for row in accounts[:12]} == {"review"}
    assert not any(row["flagged"] or row["score"] or row["harvest_requests"] for row in accounts)
