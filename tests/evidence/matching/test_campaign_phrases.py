"""A campaign is known by phrases and words that recur in it, that several members use, and hardly anybody else."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from link.drawn_sketches import parted, sketches_of
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.schema import TOTALS, TRAFFIC
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.link import campaign_phrases as module
from stillhunt.link.campaign_phrases import _LEAST_ACCOUNTS, campaign_phrases

TEMPLATE, PUBLIC, SYSTEM, SUBJECT, COMMON, ONE_MEMBERS, MISSED = range(100, 120), 50, 60, 7, 8, 70, 90
SAID_ONCE = 80
"""In all requests of the members, and in one of ten of 30 others: 5 bits by requests, and 1.7 by accounts."""


def prompts() -> list[dict[str, Any]]:
    """20 members with a template, 100 other customers; phrases from 1,000 on stand in one request each."""
    drawn = random.Random(5)
    rows = []
    for member in range(20):
        for at in range(10):
            phrases = [*TEMPLATE, PUBLIC, SAID_ONCE, drawn.randrange(1000, 1 << 30)]
            phrases += [ONE_MEMBERS] if member == 0 else []
            phrases += [MISSED] if at == 0 else []
            rows.append({"account_id": f"m{member:02}", "phrases": phrases, "system_phrases": [SYSTEM],
                         "topic_words": [SUBJECT, COMMON]})  # fmt: skip
    for other in range(100):
        for at in range(10):
            phrases = [drawn.randrange(1000, 1 << 30)] + ([PUBLIC] if other < 40 else [])
            phrases += [MISSED] if other < 2 and at == 0 else []
            phrases += [SAID_ONCE] if other < 30 and at == 1 else []
            rows.append({"account_id": f"o{other:03}", "phrases": phrases, "topic_words": [COMMON, 9]})
    return rows


def tables_of(sketches: pa.Table, verdict: str = "act") -> tuple[pa.Table, dict[str, pa.Table], pa.Array, pa.Table]:
    """TRAFFIC, case tables, harvested rows and TOTALS: all requests of the members are harvested."""
    columns = [name for name in TRAFFIC.names if name in sketches.column_names]
    traffic = sketches.select(columns).cast(TRAFFIC.arrow)
    accounts = traffic["account_id"].cast(pa.string()).to_pylist()
    harvested = [row for row, name in enumerate(accounts) if name.startswith("m")]
    members = sorted({accounts[row] for row in harvested})
    tables = {name: table.empty() for name, table in CASE_TABLES.items()}
    one: dict[str, Any] = {name: [[]] for name in ("skills", "models", "families")}
    tables["campaigns"] = CASE_TABLES["campaigns"].build(
        campaign_id=["c-1"], kind=["harvest"], score=[0.9], verdict=[verdict], accounts=[20], requests=[200],
        first_seen=[0], last_seen=[1], output_tokens=[0], list_value=[0.0], estimated_requests=[200], **one,
    )  # fmt: skip
    tables["members"] = CASE_TABLES["members"].build(
        account_id=members, campaign_id=["c-1"] * 20, role=["unknown"] * 20, requests=[10] * 20, share=[1.0] * 20,
        score=[0.9] * 20,
    )  # fmt: skip
    tables["harvest"] = CASE_TABLES["harvest"].build(
        request_id=[traffic["request_id"][row].as_py() for row in harvested],
        slice_id=["s"] * len(harvested),
        campaign_id=["c-1"] * len(harvested),
    )
    names = sorted(set(accounts))
    size = len(names)
    totals = TOTALS.build(
        account_id=names, requests=[10] * size, output_tokens=[0] * size, first_seen=[0] * size, last_seen=[1] * size,
        background=[True] * size,
    )  # fmt: skip
    return traffic, tables, pa.array(harvested), totals


def known_by(sketches: pa.Table | None = None, verdict: str = "act", parts: int = 1) -> pa.Table:
    sketches = sketches_of(prompts()) if sketches is None else sketches
    dataset = LocalDataset.of(sketches) if parts == 1 else parted(sketches, parts)
    return campaign_phrases(dataset, *tables_of(sketches, verdict))


def rows_of(table: pa.Table, kind: str) -> dict[int, dict[str, Any]]:
    return {row["phrase"]: row for row in table.to_pylist() if row["kind"] == kind}


def test_template_and_subject_are_kept_with_their_counts() -> None:
    table = known_by()
    phrases = rows_of(table, "phrase")
    assert set(TEMPLATE) | {SYSTEM} <= set(phrases)
    row = phrases[TEMPLATE[0]]
    assert (row["campaign_id"], row["requests"], row["looked_at"]) == ("c-1", 200, 200)
    assert (row["accounts"], row["members_looked_at"]) == (20, 20)
    assert (row["others"], row["compared"], row["other_requests"], row["compared_requests"]) == (0, 100, 0, 1000)
    assert rows_of(table, "word").keys() == {SUBJECT}  # everybody uses the common word


def test_what_others_use_is_left_out() -> None:
    phrases = rows_of(known_by(), "phrase")
    assert PUBLIC not in phrases  # 40 of 100 customers
    assert SAID_ONCE not in phrases


def test_what_one_member_says_is_left_out() -> None:
    assert ONE_MEMBERS not in rows_of(known_by(), "phrase")
    assert all(row["accounts"] >= _LEAST_ACCOUNTS for row in known_by().to_pylist())


def test_a_part_of_a_template_is_compared_by_accounts_too() -> None:
    """20 of 20 members and 2 of 100 others use it once: 5.3 bits by accounts, and 5.3 by requests."""
    row = rows_of(known_by(), "phrase")[MISSED]
    assert (row["requests"], row["accounts"], row["others"], row["other_requests"]) == (20, 20, 2, 2)


@pytest.mark.parametrize("verdict", ["act", "review"])
def test_campaigns_to_act_on_and_to_review(verdict: str) -> None:
    assert known_by(verdict=verdict).num_rows > 20


def test_groups_left_alone_have_none() -> None:
    assert known_by(verdict="none").num_rows == 0


def test_partitions_and_places_in_files_do_not_matter() -> None:
    expected = known_by()
    assert known_by(parts=5).equals(expected)
    sketches = sketches_of(prompts())
    moved = sketches.set_column(
        sketches.column_names.index("origin_row"), "origin_row", pa.array(np.arange(sketches.num_rows)[::-1] * 3 + 1)
    )
    moved = moved.set_column(
        moved.column_names.index("origin_file"),
        "origin_file",
        pa.array(np.arange(sketches.num_rows) % 3, pa.int32()),
    )
    assert known_by(moved).equals(expected)


def test_samples_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, bound in (("_MOST_HARVESTED", 40), ("_MOST_ACCOUNTS", 30), ("_ACCOUNT_REQUESTS", 4)):
        monkeypatch.setattr(module, name, bound)
    row = rows_of(known_by(), "phrase")[TEMPLATE[0]]
    assert row["looked_at"] == 40
    assert (row["compared"], row["compared_requests"]) == (30, 120)
    assert known_by(parts=4).equals(known_by())
    monkeypatch.setattr(module, "_MOST_KEPT", 5)
    assert len(rows_of(known_by(), "phrase")) == 5
    monkeypatch.setattr(module, "_MOST_ROWS", 30)
    assert rows_of(known_by(), "phrase")[TEMPLATE[0]]["looked_at"] == 30


def test_the_filter_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = known_by()
    monkeypatch.setattr(module, "_FILTER_BITS", 1)  # lets nearly everything through
    assert known_by().equals(expected)


def test_repeated_prompts_count_once() -> None:
    """One text sent again and again in one conversation is no recurring phrase."""
    rows = prompts()
    for row in rows:
        if row["account_id"] == "m03":
            row.update(conversation=5, prompt_hash=77)
    table = known_by(sketches_of(rows))
    assert rows_of(table, "phrase")[TEMPLATE[0]]["requests"] == 191
