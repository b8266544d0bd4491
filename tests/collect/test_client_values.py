"""Whatever a client puts into its calls, none of them is lost, and what was changed is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from gathering import collected, content, row, write_csv, write_lines, write_parquet
from tests.collect.odd_values import CHOSEN, DEEP, ODD

from stillhunt.collect.decode.json_documents import whole_document
from stillhunt.collect.values.json_values import tolerant_object
from stillhunt.collect.values.rejects import MOST_ACCOUNTS, AccountCounts


@pytest.mark.parametrize("column", CHOSEN)
def test_no_value_of_a_client_costs_its_call(column: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(row(n, **{column: "@"})).replace('"@"', odd) for n, odd in enumerate(ODD.values())]
    path.write_text("\n".join(lines), encoding="utf-8")
    rows, log = collected(path)
    assert len(rows) == len(ODD)
    assert log.facts.rejected_rows == 0
    assert {r["account_id"] for r in rows} == {"a1"}
    assert len({r["request_id"] for r in rows}) >= len(ODD) - 3  # 1e400 and Infinity are one number, as are 1 and 1.0


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_odd_values_cost_no_call_in_tables(name: str, tmp_path: Path) -> None:
    write = {"a.parquet": write_parquet, "a.csv": write_csv}[name]
    texts = [
        "x" * 1_100,
        "é\u202e" * 900,
        "",
        "   ",
        "a\x00b",
        "-1",
        "NaN",
        "1e400",
        "9" * 4_999,
        '{"a": ' + DEEP,
        "a\rb",
    ]
    for column in CHOSEN:
        plain = [row(n, **{column: text}) for n, text in enumerate(texts)]
        rows, log = collected(write(tmp_path / name, plain))
        assert (len(rows), log.facts.rejected_rows) == (len(texts), 0), column
    numbers = [-1.0, float("nan"), float("inf"), -float("inf"), 1.5, 1e300]
    for column in ("temperature", "top_p", "max_tokens", "input_tokens", "turn", "status", "request_id", "end_user_id"):
        rows, log = collected(write(tmp_path / name, [row(n, **{column: value}) for n, value in enumerate(numbers)]))
        assert (len(rows), log.facts.rejected_rows) == (len(numbers), 0), column


def test_a_bare_carriage_return_costs_no_row(tmp_path: Path) -> None:
    """Some writers of CSV do not quote it."""
    path = tmp_path / "a.csv"
    head = b"request_id,timestamp,account_id,model,user_agent,prompt\n"
    odd = b'r1,1767225600,a,m,curl\r8,"two\nlines"\n'
    path.write_bytes(head + odd + b"r2,1767225600,a,m,curl,why\n")
    rows, log = collected(path)
    assert [(r["user_agent"], r["prompt"]) for r in rows] == [("curl 8", "two\nlines"), ("curl", "why")]
    assert log.facts.rejected_rows == 0


@pytest.mark.parametrize("odd", ["9" * 4_999, "NaN", DEEP])
def test_no_value_hides_the_documents_after_it(odd: str) -> None:
    texts = [json.dumps(row(n, max_tokens="@"), indent=1).replace('"@"', odd) for n in range(3)]
    found = [tolerant_object(line.data) for line in whole_document(iter(["\n".join(texts).encode()]), 1 << 20)]
    assert [record and record["request_id"] for record in found] == ["r0", "r1", "r2"]


def test_what_was_changed_is_counted_alike_for_every_split(tmp_path: Path) -> None:
    odd = [
        {"end_user_id": "u" * 1_100},
        {"temperature": -1},
        {"model": None},
        {"request_id": ""},
        {"account_id": {"a": 1}},
    ]
    rows = [row(n, **odd[n % len(odd)]) for n in range(40)] + [row(n, timestamp=None) for n in range(40, 47)]
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    write_lines(tmp_path / "one" / "a.jsonl", rows)
    for part in range(6):
        write_lines(tmp_path / "many" / f"{part}.jsonl", rows[::-1][part::6])
    whole, log = collected(tmp_path / "one")
    parts, other = collected(tmp_path / "many")
    unnamed = [
        {**r, "request_id": r["request_id"] if r["request_id"].startswith("r") else ""} for r in (*whole, *parts)
    ]
    assert content(unnamed[: len(whole)]) == content(unnamed[len(whole) :])
    assert log.facts.changed == other.facts.changed
    assert set(log.facts.changed.values()) == {8}
    assert [what.partition(":")[0] for what in log.facts.changed] == [
        *("account_id", "end_user_id", "model", "request_id", "temperature"),
    ]
    assert log.facts.set_aside == other.facts.set_aside == {"a1": 7}


def test_the_same_long_value_is_the_same_everywhere(tmp_path: Path) -> None:
    long = ["u" * 1_100 + str(n % 3) for n in range(30)]
    rows = [row(n, end_user_id=value, account_id=value) for n, value in enumerate(long)]
    found: list[dict[str, Any]] = collected(write_lines(tmp_path / "a.jsonl", rows))[0]
    again = collected(pa.Table.from_pylist(rows[::-1]))[0]
    assert len({r["end_user_id"] for r in found}) == len({r["account_id"] for r in found}) == 3
    assert {r["request_id"]: r["account_id"] for r in found} == {r["request_id"]: r["account_id"] for r in again}
    assert max(len(r["account_id"].encode()) for r in found) == 1_024


def test_accounts_are_counted_in_bounded_memory_and_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ACCOUNTS > 1_000
    monkeypatch.setattr("stillhunt.collect.values.rejects.MOST_ACCOUNTS", 20)
    names = [f"a{n * n % 101}" for n in range(600)]
    together, parts = AccountCounts(), AccountCounts()
    for name in names:
        together.add({name: 1})
    for start in range(0, 600, 7):
        part = AccountCounts()
        for name in reversed(names[start : start + 7]):
            part.add({name: 1})
        parts.add(part.rows())
    assert together.rows() == parts.rows()
    assert len(together.rows()) == 20
    assert all(rows == names.count(name) for name, rows in together.rows().items())
