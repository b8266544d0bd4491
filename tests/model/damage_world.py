"""A small log with answers, and the case of a campaign in it, made without a hunt."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prose import prose_pairs, prose_world

from stillhunt.base.schema_case import CASE_TABLES, CASE_VERSION, CASE_VIEWS
from stillhunt.triage import Case
from stillhunt_model.tasks.checkable import TASKS, draw_examples
from stillhunt_model.training.pairs import TextPair

CAMPAIGN = "camp-1"
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
MEMBERS, CUSTOMERS = 8, 30


def task_pairs(task: str, count: int, seed: int = 0) -> list[TextPair]:
    """Questions of a task with their full answers."""
    return [one.pair for one in draw_examples(TASKS[task], count, seed)]


def prose(count: int, seed: int = 0) -> list[TextPair]:
    """What honest customers ask."""
    return prose_pairs(prose_world(), count, seed, sentences=2)


def log_rows(harvested: Sequence[TextPair], honest: Sequence[TextPair], seed: int = 0) -> list[dict[str, Any]]:
    """Requests of members and customers, mixed; h... are harvested, o... are honest."""
    named = [(f"h{place:05}", f"member-{place % MEMBERS}", pair) for place, pair in enumerate(harvested)]
    named += [(f"o{place:05}", f"customer-{place % CUSTOMERS}", pair) for place, pair in enumerate(honest)]
    random.Random(seed).shuffle(named)
    return [
        {
            "request_id": name,
            "timestamp": (BEGUN + timedelta(seconds=20 * place)).isoformat(),
            "account_id": account,
            "model": "big-1",
            "prompt": pair.prompt,
            "response": pair.answer,
            "status": 200,
        }
        for place, (name, account, pair) in enumerate(named)
    ]


def write_log(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_case(folder: Path, rows: Sequence[dict[str, Any]], subjects: Sequence[str] = ()) -> Path:
    """A case in which the members' requests are the harvest of one campaign."""
    own = [row for row in rows if row["account_id"].startswith("member")]
    accounts = sorted({row["account_id"] for row in own})
    moment = BEGUN
    tables = {name: table.empty() for name, table in CASE_TABLES.items()}
    tables["harvest"] = CASE_TABLES["harvest"].build(
        request_id=[row["request_id"] for row in own],
        slice_id=["slice"] * len(own),
        campaign_id=[CAMPAIGN] * len(own),
    )
    tables["members"] = _filled(
        "members", len(accounts), moment, account_id=accounts, campaign_id=[CAMPAIGN] * len(accounts)
    )
    tables["campaigns"] = _filled("campaigns", 1, moment, campaign_id=[CAMPAIGN], kind=["harvest"], verdict=["act"])
    aspects = ["all", *["subject"] * len(subjects)]
    taken = _filled(
        "taken",
        len(aspects),
        moment,
        campaign_id=[CAMPAIGN] * len(aspects),
        aspect=aspects,
        value=["useful samples", *subjects],
        samples=[len(own)] * len(aspects),
    )
    return Case(tables, run={"case_version": CASE_VERSION}, taken=taken).write(folder)


def _filled(name: str, rows: int, moment: datetime, **columns: list[Any]) -> Any:
    """A table with some columns given and the others plain."""
    table = {**CASE_TABLES, **CASE_VIEWS}[name]
    for column in table.columns:
        if column.name not in columns and not column.nullable:
            kind = str(column.type)
            plain: Any = moment if "timestamp" in kind else "x"
            if "int" in kind or "double" in kind or "float" in kind:
                plain = 0
            if "bool" in kind:
                plain = False
            if kind.startswith("list"):
                plain = []
            columns[column.name] = [plain] * rows
    return table.build(**columns)
