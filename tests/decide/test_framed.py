"""An operation imitates an old customer to have it accused: the hunt may be deceived, and no rule acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import stillhunt
from decide.scenes import SECRET
from stillhunt.base.config import Config
from stillhunt.decide.policy import Policy
from stillhunt.decide.rules import Findings, decide
from stillhunt.triage.account_facts import account_facts
from stillhunt_lab.worlds.build import CampaignSpec, WorldSpec, build_world

FRAMED_AGE = timedelta(days=120)
HARSH = {
    "mode": "enforce",
    "ceiling": "limit",
    "accounts_per_day": 10_000,
    "rule": [{"name": "all", "verdict": ["act", "review"], "probability": 0.5, "action": "limit"}],
}
"""As much as a policy can let rules do."""


@dataclass(frozen=True)
class Framing:
    """A world where all requests of one of an operation's accounts come from an old customer's account.

    Attributes:
        requests, accounts: of the world.
        sanctioned: organisations with a declared programme.
        framed: the old customer.
        operation: the other accounts of the operation.
    """

    requests: pa.Table
    accounts: pa.Table
    sanctioned: tuple[str, ...]
    framed: str
    operation: frozenset[str]

    def hunted(self, accounts: pa.Table | None) -> Findings:
        """What rules look at after a hunt, with the age of accounts also where the hunt did not know it."""
        settings = {"sanctioned": {"organizations": list(self.sanctioned)}}
        case = stillhunt.hunt(self.requests, accounts, Config.load(settings, environ={}))
        named = case.model.campaigns
        facts = account_facts(case.model, named)
        place = pc.index_in(facts["account_id"], value_set=self.accounts["account_id"])
        opened = self.accounts["created_at"].take(place).cast(facts["created_at"].type)
        facts = facts.set_column(facts.schema.get_field_index("created_at"), "created_at", opened)
        return Findings(facts, {one.row["campaign_id"]: "harvest" for one in named}, 1)

    def now(self) -> int:
        """The end of the log."""
        return int(pc.max(self.requests["timestamp"]).cast(pa.int64()).as_py())


@pytest.fixture(scope="module")
def framing() -> Framing:
    operation = CampaignSpec(2, 30, name="operation", requests_per_account_day=20.0)
    world = build_world(WorldSpec(accounts=400, days=4, seed=5, campaigns=(operation,)))
    truth = dict(zip(*(world.truth_accounts[name].to_pylist() for name in ("account_id", "campaign")), strict=True))
    begin = pc.min(world.requests["timestamp"]).as_py()
    opened = dict(zip(*(world.accounts[name].to_pylist() for name in ("account_id", "created_at")), strict=True))
    framed = min(name for name, at in opened.items() if not truth.get(name) and at and begin - at > FRAMED_AGE)
    stand_in = min(account for account, campaign in truth.items() if campaign)
    own = np.array(world.requests["account_id"].to_pylist())
    others = world.requests.filter(pa.array(own != framed))
    names = pa.array(np.where(own[own != framed] == stand_in, framed, own[own != framed]))
    requests = others.set_column(others.schema.get_field_index("account_id"), "account_id", names)
    members = frozenset(account for account, campaign in truth.items() if campaign) - {stand_in}
    return Framing(requests, world.accounts, world.sanctioned, framed, members)


def actions(framing: Framing, findings: Findings, **changes: Any) -> dict[str, str]:
    policy = Policy.model_validate({**HARSH, **changes})
    return {entry.account_id: entry.action for entry in decide(policy, findings, [], framing.now(), SECRET)}


def flagged(findings: Findings) -> set[str]:
    found: set[str] = set(findings.facts.filter(findings.facts["flagged"])["account_id"].to_pylist())
    return found


def test_a_hunt_that_knows_of_accounts_is_not_deceived(framing: Framing) -> None:
    findings = framing.hunted(framing.accounts)
    assert framing.framed in findings.facts["account_id"].to_pylist(), "its requests are those of the operation"
    assert framing.framed not in flagged(findings)
    assert actions(framing, findings)[framing.framed] == "tag"


def test_where_the_hunt_is_deceived_the_framed_customer_is_tagged_at_most_and_never_blocked(framing: Framing) -> None:
    findings = framing.hunted(None)
    assert framing.framed in flagged(findings), "the hunt is deceived"
    assert actions(framing, findings, established_days=0)[framing.framed] == "limit", "this is what the guard prevents"
    decided = actions(framing, findings)
    assert decided[framing.framed] == "tag"
    limited = {account for account, action in decided.items() if action == "limit"}
    assert len(limited) > 0.9 * len(framing.operation)
    assert limited <= framing.operation
    assert "block" not in decided.values()
