"""Cases for tests of dossier pages: one campaign with findings of real kinds, as large as a test wants."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.triage import Case
from stillhunt.triage.score_breakdown import ScoreSum, Term, probability_of
from stillhunt_evidence.pages.facts import DossierFacts, FileOfPack, RecordedInput
from triage.fixtures import build, run_record

NAME = "c-12ab34cd"
START = datetime(2026, 3, 3, 1, tzinfo=UTC)
PRIOR_BITS = -5.5
FINDINGS: tuple[tuple[str, str, float, str], ...] = (
    ("content", "phrase_mixture", 8.0, "24 accounts use one template with the same mix of phrases"),
    ("queue", "topic_mixture", 5.25, "24 accounts ask about the same topics in the same proportions"),
    ("queue", "no_repeats", 0.5, "Its accounts send different prompts"),
    ("network", "client_fingerprint", 2.0, "All 24 accounts use 1 client fingerprint"),
    ("timing", "common_times", -1.0, "Its accounts are active in different 12-hour windows"),
    ("conduct", "own_words_of_another_version", 0.25, "A finding of a kind that another version knows"),
)
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


def term(kind: str, bits: float, family: str = "queue") -> Term:
    """One finding."""
    return Term(family, kind, f"Finding of {kind}", bits, 3, ())


def sum_of(*terms: Term) -> ScoreSum:
    """Evidence with the usual prior."""
    return ScoreSum((Term("prior", "prior", "Odds before any evidence", PRIOR_BITS, 0, ()), *terms))


def page_case(members: int = 24, findings: Any = FINDINGS, kind: str = "harvest") -> Case:
    """A case with one campaign, its members each with 100 requests."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in CASE_TABLES}
    total = math.fsum([PRIOR_BITS, *(bits for _, _, bits, _ in findings)])
    for family, name, bits, statement in (("prior", "prior", PRIOR_BITS, "Odds before any evidence"), *findings):
        rows["evidence"].append(
            {
                "campaign_id": NAME,
                "account_id": None,
                "family": family,
                "kind": name,
                "statement": statement,
                "bits": bits,
                "raw_bits": bits + 1.5 if bits > 3 else bits,
                "independent": False,
                "act_needs": "nothing",
                "request_ids": [],
                "request_count": 2_400,
            }
        )
    rows["campaigns"].append(
        {
            "campaign_id": NAME,
            "kind": kind,
            "score": probability_of(total),
            "verdict": "act" if probability_of(total) >= 0.99 else "review",
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
