"""Cases for tests of dossier pages: one campaign with findings of real kinds, as large as a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from stillhunt.base.config import ScoreSettings
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.output.evidence_table import explanation_statement
from stillhunt.score.verdict.rules import Weighed, weigh_findings, weigh_linked_accounts
from stillhunt.triage import Case
from stillhunt_evidence.pages.facts import DossierFacts, FileOfPack, RecordedInput
from triage.fixtures import build, run_record

NAME = "c-12ab34cd"
SETTINGS = ScoreSettings()
START = datetime(2026, 3, 3, 1, tzinfo=UTC)
Found = tuple[str, str, float, str]
"""Family, kind, bits as measured and statement of a finding."""
FINDINGS: tuple[Found, ...] = (
    ("content", "phrase_mixture", 8.0, "24 accounts use one template with the same mix of phrases"),
    ("queue", "topic_mixture", 5.25, "24 accounts ask about the same topics in the same proportions"),
    ("queue", "no_repeats", 0.5, "Its accounts send different prompts"),
    ("network", "client_fingerprint", 2.0, "All 24 accounts use 1 client fingerprint"),
    ("timing", "common_times", -1.0, "Its accounts are active in different 12-hour windows"),
    ("conduct", "own_words_of_another_version", 0.25, "A finding of a kind that another version knows"),
)
LINKED: tuple[Found, ...] = (
    *FINDINGS[4:5],
    ("network", "client_prefix", 3.0, "20 accounts send from one network"),
    ("identity", "payment_fingerprint", 2.0, "All 24 accounts share 1 payment instrument"),
    ("identity", "posing_customers", 0.0, "24 accounts share a payment instrument and pose as separate customers"),
)
"""Probably of one operator, who does nothing that a harvest needs."""
POSING: tuple[Found, ...] = (
    *LINKED,
    ("network", "client_ip", 9.0, "All 24 accounts send from 2 addresses"),
    ("timing", "common_days", 4.0, "Its accounts are busy on the same days"),
)
"""Surely of one operator; that they harvest is not shown."""
FACTS = DossierFacts(
    narrative="First paragraph.\n\nSecond paragraph.",
    attribution={"decision": "abstained", "statement": "Nobody is named", "reasons": ["One kind of mark only"]},
    versions=(("stillhunt", "0.1.0"),),
    seed=7,
    inputs=(RecordedInput("march.jsonl", "5e" * 32, 734_003_200, 311_944),),
    signer="SHA256:ab12",
    time_stamp="2026-03-20 10:00 UTC by an authority",
    request_count=2_400,
    request_digest="0f" * 32,
    files=(FileOfPack("dossier.html", "This page"),),
)


def weighed(findings: Sequence[Found], members: int = 24, *, linked: bool = False) -> Weighed:
    """Findings as a hunt weighs them."""
    measured = [Finding(family, kind, statement, bits) for family, kind, bits, statement in findings]
    return (weigh_linked_accounts if linked else weigh_findings)(measured, members, SETTINGS)


def _evidence(findings: Sequence[Found], judged: Weighed) -> list[dict[str, Any]]:
    """The rows about a campaign, as `score/output/evidence_table.py` writes them."""
    claim = judged.claim
    rows = [("prior", "prior", "Odds before any evidence", claim.prior_bits, claim.prior_bits)]
    for (family, kind, raw, statement), found in zip(findings, judged.findings, strict=True):
        rows.append((family, kind, statement, found.bits, raw))
    for key, odds in claim.odds.items():
        taken = claim.other_bits if key == claim.leading else 0.0
        rows.append(("explanations", key, explanation_statement(key, odds), taken, odds))
    return [
        {
            "campaign_id": NAME,
            "account_id": None,
            "family": family,
            "kind": kind,
            "statement": statement,
            "bits": bits,
            "raw_bits": raw,
            "independent": False,
            "act_needs": "nothing",
            "request_ids": [],
            "request_count": 2_400,
        }
        for family, kind, statement, bits, raw in rows
    ]


def page_case(members: int = 24, findings: Sequence[Found] = FINDINGS, kind: str = "harvest") -> Case:
    """A case with one campaign, its members each with 100 requests."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in CASE_TABLES}
    judged = weighed(findings, members, linked=kind in ("account_farm", "relay"))
    assert (kind == "posing") == (judged.claim.operation == "posing")
    rows["evidence"] = _evidence(findings, judged)
    rows["campaigns"].append(
        {
            "campaign_id": NAME,
            "kind": kind,
            "score": judged.claim.probability,
            "verdict": "act" if kind == "harvest" and judged.claim.probability >= 0.99 else "review",
            "accounts": members,
            "requests": 100 * members,
            "first_seen": START,
            "last_seen": START + timedelta(days=9),
            "skills": ["translation"],
            "models": ["onyx-large"],
            "families": ["content", "queue"],
            "output_tokens": 912_345,
            "list_value": 1_234.0,
            "estimated_requests": 100 * members,
        }
    )
    names = [f"acct-{number:05d}" for number in range(members)]
    rows["members"] = [
        {"account_id": one, "campaign_id": NAME, "role": "dedicated", "requests": 100, "share": 0.9, "score": 0.97}
        for one in names
    ]
    rows["accounts"] = [_account(one) for one in names]
    tables = {name: build(name, rows[name]) for name in CASE_TABLES}
    run = run_record(tables)
    run["budget"] = {"accounts": 3_000, "days": 11.0, "false_campaigns_per_month": 1.0, "required_bits": 11.531}
    return Case(tables, run=run, **_views(names))


def _account(name: str) -> dict[str, Any]:
    return {
        "account_id": name,
        "score": 0.97,
        "verdict": "act",
        "flagged": True,
        "sanctioned": False,
        "campaign_id": NAME,
        "reasons": [],
        "requests": 110,
        "harvest_requests": 100,
    }


def _views(names: list[str]) -> dict[str, pa.Table]:
    own = {"campaign_id": NAME}
    timeline = [
        {**own, "bucket": START + timedelta(days=day), "requests": 10 + day, "accounts": 5 + day} for day in range(9)
    ]
    origins = [{**own, "aspect": "client", "value": "openai-python", "requests": 2_400, "accounts": len(names)}]
    cited = [
        {
            **own,
            "account_id": names[0],
            "request_id": f"rq-{number:04d}",
            "timestamp": START + timedelta(minutes=number),
            "model": "onyx-large",
            "output_tokens": 321,
            "temperature": 0.7,
        }
        for number in range(30)
    ]
    details = [
        {
            **own,
            "account_id": one,
            "first_seen": START,
            "last_seen": START + timedelta(days=8),
            "clients": ["openai-python"],
            "networks": ["AS64500"],
            "ip_kinds": [],
            "countries": ["NL"],
            "created_at": START - timedelta(days=3),
            "signup_country": "NL" if number % 2 else "IN",
            "email_domain": f"mail{number % 6}.example",
        }
        for number, one in enumerate(names)
    ]
    return {
        "timeline": build("timeline", timeline),
        "origins": build("origins", origins),
        "cited": build("cited", cited),
        "member_details": build("member_details", details),
        "taken": build("taken", _taken()),
    }


def _taken() -> list[dict[str, Any]]:
    parts = (("all", "", 2_400), ("model", "onyx-large", 1_900), ("model", "onyx-next", 500), ("subject", "verbs", 640))
    known = {"campaign_id": NAME, "samples": 1_777, "output_tokens": 912_345, "list_value": 1_234.0}
    return [{**known, "aspect": aspect, "value": value, "requests": requests} for aspect, value, requests in parts]
