"""Logs in which some accounts have one operator and no work queue, and the case tables of such a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from row_logs import DAY, HOUR, log_of_rows, sliced_table

from stillhunt.base.config import Config
from stillhunt.base.progress import Silent
from stillhunt.base.schema import ACCOUNTS, CANDIDATES
from stillhunt.score import score_campaigns
from stillhunt.score.context.log import ScoredLog

OTHERS = 300


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


def case_of(linked: Linked, config: Config | None = None) -> dict[str, pa.Table]:
    log, customers = log_with(linked)
    traffic = log.requests.table
    table = {"account_id": log.accounts.ids.to_pylist(), **customers}
    accounts = pa.table({name: pa.array(values) for name, values in table.items()})
    full = {name: accounts[name] if name in table else pa.nulls(accounts.num_rows) for name in ACCOUNTS.names}
    nothing = CANDIDATES.empty()
    return score_campaigns(
        traffic, sliced_table(traffic), nothing, ACCOUNTS.build(**full), config or Config(), Silent()
    )[0]
