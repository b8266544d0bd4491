"""Snapshots, policies and logs as the tests of decisions need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from stillhunt.base.ledger.chain import LEDGER_START
from stillhunt.base.schema_case import ACCOUNT_FACTS
from stillhunt.decide.entries import LogEntry, chained
from stillhunt.decide.policy import Policy
from stillhunt.decide.rules import Findings, decide

DAY = 86_400_000_000
NOW = 1_790_000_000_000_000
SECRET = b"secret"


def member(account_id: str, campaign_id: str = "c-1", **changes: Any) -> dict[str, Any]:
    """A row of ACCOUNT_FACTS: a flagged member of a campaign to act on."""
    row = {field.name: [] if pa.types.is_list(field.type) else None for field in ACCOUNT_FACTS.arrow}
    plain = {
        "account_id": account_id, "campaign_id": campaign_id, "campaign_verdict": "act", "verdict": "act",
        "flagged": True, "sanctioned": False, "role": "dedicated", "score": 0.999, "requests": 100,
        "other_requests": 0, "share": 1.0,
    }  # fmt: skip
    return {**row, **plain, **changes}


def findings(rows: Iterable[dict[str, Any]], sequence: int = 1, kind: str = "harvest") -> Findings:
    table = pa.Table.from_pylist(list(rows), schema=ACCOUNT_FACTS.arrow)
    return Findings(table, dict.fromkeys(table["campaign_id"].to_pylist(), kind), sequence)


def policy(**changes: Any) -> Policy:
    rule = {"name": "harvesters", "action": "step_up"}
    return Policy.model_validate({"mode": "enforce", "rule": [rule], **changes})


def after(log: Sequence[LogEntry], policy: Policy, found: Findings, now: int) -> list[LogEntry]:
    """The log after the rules looked at a snapshot."""
    return [*log, *chained(decide(policy, found, log, now, SECRET), log[-1].place if log else LEDGER_START)]
