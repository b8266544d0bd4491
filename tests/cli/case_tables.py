"""Small case tables, made by the real schema, for tests of what the screen shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from stillhunt.base.schema_case import CASE_TABLES

FIRST = datetime(2026, 11, 3, 8, 0, tzinfo=UTC)
LAST = datetime(2026, 11, 14, 20, 0, tzinfo=UTC)


def campaign_row(campaign_id: str, verdict: str, score: float, **changes: Any) -> dict[str, Any]:
    """One row of campaigns.parquet."""
    row = {
        "campaign_id": campaign_id,
        "kind": "harvest" if verdict != "none" else "not_known",
        "score": score,
        "verdict": verdict,
        "accounts": 70,
        "requests": 4896,
        "first_seen": FIRST,
        "last_seen": LAST,
        "skills": ["data analysis", "SQL"],
        "models": ["large-2"],
        "families": ["queue", "identity"],
        "output_tokens": 3_100_000,
        "list_value": 46.5,
        "estimated_requests": 4896,
    }
    return {**row, **changes}


def account_row(account_id: str, verdict: str, campaign_id: str | None, **changes: Any) -> dict[str, Any]:
    """A row of the accounts table."""
    row = {"account_id": account_id, "score": 0.99, "verdict": verdict, "flagged": verdict == "act"}
    row |= {"sanctioned": False, "campaign_id": campaign_id, "reasons": [], "requests": 100, "harvest_requests": 70}
    return {**row, **changes}


def member_row(account_id: str, campaign_id: str) -> dict[str, Any]:
    """One row of members.parquet."""
    return {
        "account_id": account_id,
        "campaign_id": campaign_id,
        "role": "dedicated",
        "requests": 70,
        "share": 0.9,
        "score": 0.99,
    }


def evidence_row(campaign_id: str, family: str, bits: float, statement: str, **changes: Any) -> dict[str, Any]:
    """One row of evidence.parquet about a whole campaign."""
    row = {
        "campaign_id": campaign_id,
        "account_id": None,
        "family": family,
        "kind": "test",
        "statement": statement,
        "bits": bits,
        "raw_bits": bits,
        "independent": False,
        "act_needs": "nothing",
        "request_ids": ["r1"],
        "request_count": 1,
    }
    return {**row, **changes}


def reject_row(reason: str) -> dict[str, Any]:
    """One row of rejects.parquet."""
    return {"source": "a.jsonl", "place": "line 7", "reason": reason, "raw": "{"}


def case_tables(**rows: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """All case tables; those not named are empty."""
    return {
        stem: table.check(pa.Table.from_pylist(rows.get(stem, []), schema=table.arrow))
        for stem, table in CASE_TABLES.items()
    }


def run_record(**counts: int) -> dict[str, Any]:
    """The content of run.json, as far as the screen reads it."""
    names = {"requests": 100_000, "accounts": 3_000, "rejects": 0}
    return {
        "version": "0.1.0",
        "counts": {**names, **counts},
        "coverage": [
            {"family": "queue", "available": True, "missing": [], "sentence": "all there"},
            {
                "family": "identity",
                "available": False,
                "missing": ["payment_fingerprint"],
                "sentence": "identity: not looked at, no accounts table",
            },
        ],
        "settings": {"report": {"currency": "USD"}},
        "inputs": [],
    }
