"""Cases to share, and how they are shared: the demo case with all views that sharing reads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt._version import __version__
from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.triage import Case
from stillhunt_evidence.sharing.formats import share_formats
from stillhunt_evidence.sharing.log_addresses import AddressCounts
from stillhunt_evidence.sharing.shared_campaign import SharedFile
from stillhunt_evidence.sharing.sharing_case import ShareTerms, share_of
from stillhunt_evidence.sharing.tlp import tlp_label
from triage.fixtures import START, demo_case

CIRCLE_KEY, OWN_KEY = bytes(range(32)), bytes(range(32, 64))
FIRST, SECOND, REVIEW = "hunt-7f3a91c2", "hunt-c41d08be", "hunt-0e9b55d7"
GOLDEN = Path(__file__).parent / "golden"
ENDINGS = {"stix": "json", "misp": "json", "ocsf": "jsonl", "ecs": "jsonl", "csv": "csv"}
_DEFAULTS: tuple[tuple[Any, Any], ...] = (
    (pa.types.is_string, ""),
    (pa.types.is_boolean, False),
    (pa.types.is_integer, 0),
    (pa.types.is_floating, 0.0),
    (pa.types.is_timestamp, START),
    (pa.types.is_list, []),
)


def filled(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """A declared table from rows; what they leave out and may not be null is empty, zero or false."""
    table = {**CASE_TABLES, **CASE_VIEWS}[name]
    needed = [field for field in table.arrow if not field.nullable]
    blank = {field.name: next(value for fits, value in _DEFAULTS if fits(field.type)) for field in needed}
    return pa.Table.from_pylist([{**blank, **row} for row in rows], schema=table.arrow)


def origin(campaign: str, aspect: str, value: str, accounts: int, requests: int = 400) -> dict[str, Any]:
    return {"campaign_id": campaign, "aspect": aspect, "value": value, "requests": requests, "accounts": accounts}


def phrase(campaign: str, number: int, accounts: int) -> dict[str, Any]:
    return {"campaign_id": campaign, "kind": "phrase", "phrase": number, "requests": 3 * accounts, "accounts": accounts}


def cited(campaign: str, account: int, **settings: Any) -> dict[str, Any]:
    row = {"campaign_id": campaign, "account_id": f"{campaign[-4:]}-acct-{account:04d}", "timestamp": START}
    return {**row, "request_id": f"req-{campaign[-4:]}-acct-{account:04d}-001", "model": "large-2026-01", **settings}


VIEWS: dict[str, list[dict[str, Any]]] = {
    "origins": [
        origin(FIRST, "client", "openai-python", 120, 7000),
        origin(FIRST, "client", "curl", 6, 40),
        origin(FIRST, "client", "acme-internal-tool", 4, 30),
        origin(FIRST, "network", "AS64500 Example Hosting", 80, 5000),
        origin(FIRST, "network", "AS64501 Home of One", 1, 60),
        origin(FIRST, "country", "NL", 90, 5100),
        origin(FIRST, "country", "IS", 2, 9),
        origin(FIRST, "ip_kind", "hosting", 90, 5100),
        origin(FIRST, "client", "(other)", 30, 300),
        origin(SECOND, "client", "litellm", 60, 3000),
        origin(SECOND, "network", "AS64500 Example Hosting", 60, 3600),
        origin(REVIEW, "client", "anthropic-node", 20, 1100),
        origin(REVIEW, "network", "AS64510 Example Carrier", 12, 700),
    ],
    "taken": [
        {"campaign_id": FIRST, "aspect": "all", "value": "", "requests": 7000},
        {"campaign_id": FIRST, "aspect": "model", "value": "large-2026-01", "requests": 6000},
        {"campaign_id": FIRST, "aspect": "model", "value": "ft:large-2026-01:acme-corp:secret:x1", "requests": 1000},
        {"campaign_id": FIRST, "aspect": "subject", "value": "apples, children, ways", "requests": 900},
        {"campaign_id": FIRST, "aspect": "language", "value": "en", "requests": 7000},
        {"campaign_id": FIRST, "aspect": "language", "value": "(unknown)", "requests": 4},
    ],
    "phrases": [phrase(FIRST, number, 40 + number) for number in range(7)]
    + [phrase(FIRST, 900, 4), {**phrase(FIRST, 901, 99), "kind": "word"}, phrase(REVIEW, 3, 9)],
    "cited": [cited(FIRST, number, temperature=0.7, max_tokens=2048) for number in range(6)]
    + [cited(FIRST, number, temperature=0.1) for number in range(4)]
    + [{**cited(FIRST, number), "model": "ft:large-2026-01:acme-corp:secret:x1"} for number in range(5)],
}


def rich_case() -> Case:
    """The demo case with everything that sharing reads."""
    case = demo_case()
    return changed(case, **{name: filled(name, rows) for name, rows in VIEWS.items()})


def changed(case: Case, **tables: pa.Table) -> Case:
    """The case with other tables or views."""
    own = {name: tables.get(name, case.tables[name]) for name in CASE_TABLES}
    views = {name: tables.get(name, view) for name, view in case.views.items()}
    return Case(own, run=case.run, **views)


def addresses() -> AddressCounts:
    """Addresses of the first campaign: three that members share, and one of a single account."""
    counts = AddressCounts(requests_read=9, requests_wanted=9)
    counts.add(FIRST, "address", [11, 11, 11, 12, 12, 77], [0, 1, 2, 0, 1, 5])
    counts.add(FIRST, "network", [21, 21], [0, 1])
    return counts


def terms(**changes: Any) -> ShareTerms:
    given: dict[str, Any] = {
        "circle": "labs",
        "circle_key": CIRCLE_KEY,
        "own_key": OWN_KEY,
        "tlp": tlp_label("amber"),
        "sender": "Acme AI",
    }
    return ShareTerms(**{**given, **changes})


def shared(
    case: Case | None = None, *campaigns: str, counts: AddressCounts | None = None, **changes: Any
) -> SharedFile:
    """What may leave of a case; of all its campaigns without names."""
    case = case or rich_case()
    names = campaigns or tuple(case.campaigns["campaign_id"].to_pylist())
    return share_of(case, terms(**changes), names, counts)


def every_format(share: SharedFile) -> dict[str, str]:
    """The text of the file in each format."""
    return {name: write(share).decode() for name, write in share_formats().items()}


def golden_texts() -> dict[str, str]:
    """What the golden files hold: two campaigns of one operator, without the version of the program."""
    share = shared(None, FIRST, SECOND, counts=addresses())
    return {name: text.replace(f'"{__version__}"', '"VERSION"') for name, text in every_format(share).items()}


def later(days: float) -> datetime:
    return datetime.fromtimestamp(START.timestamp() + days * 86_400, START.tzinfo)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for format_name, content in golden_texts().items():
        (GOLDEN / f"shared_{format_name}.{ENDINGS[format_name]}").write_text(content, encoding="utf-8")
