"""A case as a hunt could leave it: two campaigns to act on, one to review, 200 members, honest accounts beside."""

from __future__ import annotations

import math
import random
from copy import copy, deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.schema_case import CASE_TABLES, CASE_VERSION, CASE_VIEWS
from stillhunt.triage.case import Case
from stillhunt.triage.samples import sample_table
from stillhunt.triage.score_breakdown import probability_of

START = datetime(2026, 3, 2, tzinfo=UTC)
PRIOR = -13.0

CAMPAIGNS: tuple[dict[str, Any], ...] = (
    {
        "campaign_id": "hunt-7f3a91c2",
        "verdict": "act",
        "accounts": 120,
        "days": 14,
        "skills": ["step-by-step mathematical reasoning", "grading of answers against a rubric"],
        "models": ["large-2026-01", "large-2025-09"],
        "evidence": (
            (
                "content",
                "shared_template",
                11.4,
                6902,
                "98 % of the requests use one of three templates that only these 120 accounts and 2 others use",
            ),
            (
                "queue",
                "under_dispersion",
                9.8,
                7011,
                "120 accounts ask about the same topics: dispersion index 1.01; unrelated accounts: 12 to 26",
            ),
            (
                "queue",
                "no_repeats",
                3.1,
                7011,
                "7,011 distinct prompts, none sent twice, although every account uses the same templates",
            ),
            ("network", "shared_addresses", 5.6, 0, "88 accounts share 15 addresses that no other customer uses"),
            (
                "timing",
                "failover",
                4.2,
                311,
                "After 9 of 11 refusals another member started within four minutes",
            ),
            ("conduct", "single_turn", 1.9, 6844, "97 % of its requests are single-turn, without a human follow-up"),
            (
                "network",
                "diverse_prefixes",
                -1.2,
                0,
                "Addresses are spread over 96 networks in 21 countries, as customers' addresses are",
            ),
            (
                "conduct",
                "office_hours",
                -0.6,
                0,
                "Traffic follows the office hours of one time zone, as people's does",
            ),
        ),
    },
    {
        "campaign_id": "hunt-c41d08be",
        "verdict": "act",
        "accounts": 60,
        "days": 9,
        "skills": ["agentic coding", "tool orchestration"],
        "models": ["large-2026-01"],
        "evidence": (
            (
                "queue",
                "under_dispersion",
                8.9,
                4896,
                "60 accounts ask about the same topics: dispersion index 0.99",
            ),
            (
                "network",
                "client_fingerprint",
                6.3,
                0,
                "Three client fingerprints, seen nowhere else, send 94 % of the traffic",
            ),
            (
                "timing",
                "model_adoption",
                5.0,
                2410,
                "All accounts use large-2026-01 within 19 hours of its release",
            ),
            (
                "content",
                "paraphrase_family",
                3.7,
                4420,
                "Phrases that occur together in one request recur across 57 of the accounts",
            ),
            ("conduct", "follow_ups", -2.4, 212, "4 % of the conversations have a human-like follow-up"),
        ),
    },
    {
        "campaign_id": "hunt-0e9b55d7",
        "verdict": "review",
        "accounts": 20,
        "days": 6,
        "skills": ["translation of legal text"],
        "models": ["small-2026-02"],
        "evidence": (
            ("content", "shared_template", 12.1, 910, "91 % of the requests share one system prompt and one template"),
            ("timing", "common_start", 5.4, 0, "17 of the accounts sent their first request within two hours"),
            (
                "queue",
                "repeats",
                -1.1,
                160,
                "Prompts repeat across accounts, as in a class that works on one assignment",
            ),
        ),
    },
)

PROMPTS = {
    "hunt-7f3a91c2": (
        "You are a careful mathematics tutor. Solve the problem below and write out every step of your reasoning "
        "before the final answer. Problem {i}: {a} apples are shared among {b} children so that nobody has more than "
        "{c}. How many ways are there? Write the answer after 'ANSWER:'."
    ),
    "hunt-c41d08be": (
        "Repository task {i}. Read the failing test, plan the tool calls you need, then give the smallest patch that "
        "makes it pass. The function retry_{a}() swallows errors from worker {b}; contact dev{c}@mail.example for "
        "access, token sk-live-ABCDEFGH{a}{b}{c}IJKL."
    ),
    "hunt-0e9b55d7": (
        "Translate clause {a}.{b} of the supply contract into plain English and keep the numbering. The buyer shall "
        "notify the seller within {c} days of delivery."
    ),
}


def demo_case(seed: int = 7) -> Case:
    """The realistic case, the same for the same seed; each caller may change its own."""
    case = copy(_made_case(seed))
    case.tables, case.run = dict(case.tables), deepcopy(case.run)
    return case


@cache
def _made_case(seed: int) -> Case:
    random_numbers = random.Random(seed)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in CASE_TABLES}
    views: dict[str, list[dict[str, Any]]] = {"timeline": []}
    prompts: list[dict[str, Any]] = []
    for story in CAMPAIGNS:
        _add_campaign(rows, views, prompts, story, random_numbers)
    _add_honest_accounts(rows, random_numbers)
    rows["operators"] = operator_rows(("hunt-7f3a91c2", "hunt-c41d08be"))
    rows["rejects"] = [
        {"source": "march.jsonl", "place": f"line {line}", "reason": reason, "raw": '{"id": "…'}
        for line, reason in (
            (17, "the timestamp is missing"),
            (90_211, "the timestamp is missing"),
            (90_212, "the line is not JSON"),
        )
    ]
    tables = {name: build(name, rows[name]) for name in CASE_TABLES}
    samples = sample_table(pa.Table.from_pylist(prompts), chars=320)
    details = build("member_details", [_details(member, number) for number, member in enumerate(rows["members"])])
    timeline, run = build("timeline", views["timeline"]), run_record(tables)
    addresses = build("addresses", [row for one in enumerate(rows["members"]) for row in _addresses(*one)])
    return Case(tables, samples, timeline, run, member_details=details, addresses=addresses)


def operator_rows(campaigns: tuple[str, str], relation: str = "one_operator") -> list[dict[str, Any]]:
    """Two campaigns that belong together, as rows of operators.parquet."""
    ties = {
        "client_fingerprint": (7.6, "All 190 accounts of both campaigns use the same 3 client fingerprints"),
        "schedule": (5.2, "Both begin and pause within the same hours, and others do not"),
    }
    if relation != "one_operator":
        ties = {}
    return [
        {
            "operator_id": f"{relation[0]}-1f2e3d4c",
            "relation": relation,
            "campaign_id": campaign,
            "tied_to": other,
            "accounts": 190,
            "bits": math.fsum(bits for bits, _ in ties.values()),
            "kinds": list(ties),
            "kind_bits": [bits for bits, _ in ties.values()],
            "statements": [text for _, text in ties.values()] or ["80 accounts serve both campaigns"],
        }
        for campaign, other in (campaigns, campaigns[::-1])
    ]


def _addresses(number: int, member: dict[str, Any]) -> list[dict[str, Any]]:
    """Two addresses of a member in one network, which it shares with seven others."""
    own = {"campaign_id": member["campaign_id"], "account_id": member["account_id"]}
    hashes = (("address", 2_000 + number, 3, 2), ("address", 1_000 + number, 3, 2), ("network", number // 8, 6, 1))
    return [
        {**own, "kind": kind, "hash": f"{value:016x}", "requests": requests, "different": different}
        for kind, value, requests, different in hashes
    ]


def _details(member: dict[str, Any], number: int) -> dict[str, Any]:
    """When and from where a member's requests came, and what the accounts table says of it."""
    first = START + timedelta(minutes=37 * number)
    return {
        "campaign_id": member["campaign_id"],
        "account_id": member["account_id"],
        "first_seen": first,
        "last_seen": first + timedelta(days=5, minutes=number),
        "clients": [("openai-python", "curl", "litellm")[number % 3]],
        "networks": ["AS64500 Example"],
        "ip_kinds": [],
        "countries": ["NL", "IN"] if number % 5 == 0 else ["US"],
        "created_at": first - timedelta(days=20),
        "plan": ("pro", "pro-plus")[number % 2],
    }


def build(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """A declared table from rows."""
    return (
        {**CASE_TABLES, **CASE_VIEWS}[name].arrow.empty_table()
        if not rows
        else pa.Table.from_pylist(rows, schema={**CASE_TABLES, **CASE_VIEWS}[name].arrow)
    )


def _add_campaign(rows: Any, views: Any, prompts: Any, story: dict[str, Any], random_numbers: random.Random) -> None:
    campaign_id, accounts = story["campaign_id"], story["accounts"]
    first = START + timedelta(hours=5 * len(rows["campaigns"]))
    total = math.fsum([PRIOR, *(bits for _, _, bits, _, _ in story["evidence"])])
    rows["evidence"].append(
        _piece(
            campaign_id,
            None,
            "prior",
            "prior",
            PRIOR,
            0,
            "Odds before any evidence: one candidate group in 8,000",
        )
    )
    for family, kind, bits, count, statement in story["evidence"]:
        rows["evidence"].append(_piece(campaign_id, None, family, kind, bits, count, statement))
    requests = 0
    for index in range(accounts):
        requests += _add_member(rows, story, index, probability_of(total), random_numbers)
    hours = story["days"] * 24
    for hour in range(0, hours, 3):
        wave = 1.0 + 0.6 * math.sin(hour / 24 * 2 * math.pi) + random_numbers.uniform(-0.2, 0.2)
        quiet = 0.15 if hours * 0.5 < hour < hours * 0.58 else 1.0
        share = max(0.05, wave) * quiet / (hours / 3)
        views["timeline"].append(
            {
                "campaign_id": campaign_id,
                "bucket": first + timedelta(hours=hour),
                "requests": int(requests * share),
                "accounts": max(1, int(accounts * min(1.0, share * hours / 3 * 0.6))),
            }
        )
    for index in range(8):
        prompts.append(
            {
                "campaign_id": campaign_id,
                "account_id": f"{campaign_id[-4:]}-acct-{index:04d}",
                "request_id": f"req-{campaign_id[-4:]}-{index:05d}",
                "timestamp": first + timedelta(hours=7 * index),
                "prompt": PROMPTS[campaign_id].format(i=1000 + 37 * index, a=12 + index, b=3 + index, c=20 + 5 * index),
            }
        )
    tokens = requests * 1180
    rows["campaigns"].append(
        {
            "campaign_id": campaign_id,
            "kind": "harvest",
            "score": probability_of(total),
            "verdict": story["verdict"],
            "accounts": accounts,
            "requests": requests,
            "first_seen": first,
            "last_seen": first + timedelta(days=story["days"]),
            "skills": story["skills"],
            "models": story["models"],
            "families": sorted({family for family, _, bits, _, _ in story["evidence"] if bits >= 3}),
            "output_tokens": tokens,
            "list_value": tokens * 15 / 1e6,
            "estimated_requests": requests,
        }
    )


def _add_member(rows: Any, story: dict[str, Any], index: int, campaign: float, random_numbers: random.Random) -> int:
    campaign_id = story["campaign_id"]
    account_id = f"{campaign_id[-4:]}-acct-{index:04d}"
    shared = index % 17 == 3
    requests = random_numbers.randint(52, 68)
    share = 0.31 if shared else min(1.0, random_numbers.uniform(0.93, 1.04))
    pieces = [
        ("prior", "prior", -2.0, 0, "Odds before any evidence: one member in five is not part of it"),
        (
            "content",
            "own_slice",
            round(random_numbers.uniform(6, 9), 2),
            requests,
            f"{requests} requests use the templates",
        ),
        (
            "queue",
            "fits_mixture",
            round(random_numbers.uniform(2, 5), 2),
            requests,
            "Its topics follow those of the group",
        ),
    ]
    if shared:
        pieces.append(
            ("conduct", "own_topics", -3.5, 80, "Two thirds of its traffic is on its own topics, with follow-ups")
        )
    for family, kind, bits, count, statement in pieces:
        rows["evidence"].append(_piece(campaign_id, account_id, family, kind, bits, count, statement))
    score = campaign * probability_of(math.fsum(bits for _, _, bits, _, _ in pieces))
    verdict = "act" if story["verdict"] == "act" and score >= 0.99 else "review"
    rows["members"].append(
        {
            "account_id": account_id,
            "campaign_id": campaign_id,
            "role": "mixed" if shared else "dedicated",
            "requests": requests,
            "share": share,
            "score": score,
        }
    )
    rows["accounts"].append(
        {
            "account_id": account_id,
            "score": score,
            "verdict": verdict,
            "flagged": verdict == "act",
            "sanctioned": False,
            "campaign_id": campaign_id,
            "reasons": ["shares templates", "topics of one work queue"],
            "requests": int(requests / share),
            "harvest_requests": requests,
        }
    )
    slice_id = f"slice-{account_id}"
    rows["slices"].append(
        {
            "slice_id": slice_id,
            "account_id": account_id,
            "campaign_id": campaign_id,
            "requests": requests,
            "harvest_requests": requests,
        }
    )
    rows["harvest"] += [
        {
            "request_id": f"req-{account_id}-{number:03d}",
            "slice_id": slice_id,
            "campaign_id": campaign_id,
            "timestamp": START + timedelta(seconds=10 * number),
            "model": "onyx-large",
            "status": 200,
            "input_tokens": number,
        }
        for number in range(requests)
    ]
    return requests


def _add_honest_accounts(rows: Any, random_numbers: random.Random) -> None:
    for index in range(300):
        requests = random_numbers.randint(1, 2000)
        rows["accounts"].append(
            {
                "account_id": f"customer-{index:04d}",
                "score": 0.0001,
                "verdict": "none",
                "flagged": False,
                "sanctioned": index < 2,
                "campaign_id": None,
                "reasons": ["shares a framework prompt with strangers"] if index % 25 == 0 else [],
                "requests": requests,
                "harvest_requests": 0,
            }
        )


def _piece(
    campaign_id: str, account_id: str | None, family: str, kind: str, bits: float, count: int, statement: str
) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id,
        "account_id": account_id,
        "family": family,
        "kind": kind,
        "statement": statement,
        "bits": bits,
        "raw_bits": bits,
        "independent": False,
        "act_needs": "nothing",
        "request_ids": [f"req-{kind}-{number:03d}" for number in range(min(count, 3))],
        "request_count": count,
    }


def run_record(tables: dict[str, pa.Table]) -> dict[str, Any]:
    """A run.json as the spine writes it."""
    accounts = tables["accounts"]
    verdicts = tables["campaigns"]["verdict"].to_pylist()
    return {
        "version": "0.1.0",
        "case_version": CASE_VERSION,
        "inputs": [{"name": "march.jsonl", "sha256": "5e" * 32, "bytes": 734_003_200, "rows": 311_944}],
        "settings": Config().model_dump(mode="json"),
        "seed": 0,
        "timings": [
            {"stage": "collect", "seconds": 3.2, "rows": 311_944},
            {"stage": "link", "seconds": 1.1, "rows": 500},
        ],
        "coverage": [
            {"family": "content", "available": True, "missing": [], "sentence": "Prompts are in the logs."},
            {"family": "queue", "available": True, "missing": [], "sentence": "Prompts and accounts are in the logs."},
            {
                "family": "timing",
                "available": True,
                "missing": [],
                "sentence": "Every request has a time and a status.",
            },
            {
                "family": "network",
                "available": True,
                "missing": ["tls_fingerprint"],
                "sentence": "Addresses and clients.",
            },
            {
                "family": "identity",
                "available": False,
                "missing": ["accounts table"],
                "sentence": "No accounts table: shared payment and sign-up bursts cannot be seen.",
            },
            {
                "family": "conduct",
                "available": True,
                "missing": [],
                "sentence": "Turns and answers are in the logs.",
            },
        ],
        "counts": {
            "requests": sum(accounts["requests"].to_pylist()),
            "accounts": accounts.num_rows,
            "rejects": tables["rejects"].num_rows,
            "duplicates": 12,
            "campaigns": len(verdicts),
            "flagged": sum(accounts["flagged"].to_pylist()),
            "review": verdicts.count("review"),
        },
    }
