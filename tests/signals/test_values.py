"""Values of signals from files, bodies and databases."""

from __future__ import annotations

import json
import os
from fcntl import LOCK_NB, LOCK_SH, flock
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from signal_files import signal, write_rows

from collect.sources.postgres_server import PASSWORD, program, running
from stillhunt import InputError, StillhuntError
from stillhunt_signals.appending import append_whole, iterate_whole_lines
from stillhunt_signals.signals.values import read_values


def test_the_highest_score_a_yes_and_the_latest_word_of_an_account_count(tmp_path: Path) -> None:
    rows = [
        {"account_id": "a", "score": 9, "flag": "no", "word": "old", "at": 2},
        {"account_id": "a", "score": 70, "flag": "Yes", "word": "new", "at": 3},
        {"account_id": "a", "score": 8, "flag": "no", "word": "older", "at": 1},
        {"account_id": "b", "score": 5, "flag": "no", "word": "old", "at": 1},
        {"account_id": "", "score": 99, "flag": "yes", "word": "nobody's", "at": 1},
    ]
    source = write_rows(tmp_path / "rows.csv", rows)
    assert read_values(signal(**{"from": source}, column="score", kind="score"), None).numbers.tolist() == [70, 5]
    assert read_values(signal(**{"from": source}, column="flag"), None).texts.to_pylist() == ["yes", "no"]
    latest = read_values(signal(**{"from": source}, column="word", kind="category", time="at"), None)
    assert (latest.ids.to_pylist(), latest.texts.to_pylist()) == (["a", "b"], ["new", "old"])


def test_identifiers_stay_as_they_are_written(tmp_path: Path) -> None:
    rows = [{"account_id": "007", "card": "0012"}, {"account_id": "7", "card": "12"}]
    for name in ("cards.csv", "cards.parquet"):
        path = tmp_path / name
        if path.suffix == ".csv":
            write_rows(path, rows)
        else:
            pq.write_table(pa.Table.from_pylist(rows), path)
        found = read_values(signal(**{"from": str(path)}, column="card", kind="shared"), None)
        assert dict(zip(found.ids.to_pylist(), found.texts.to_pylist(), strict=True)) == {"007": "0012", "7": "12"}


def test_refused_with_a_reason_and_the_next_step(tmp_path: Path) -> None:
    rows = [{"account_id": "a", "mark": "yes", "other": 1}, {"account_id": "b", "mark": "yes", "other": 2}]
    source = write_rows(tmp_path / "rows.csv", rows)
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"account_id": "a"}\n{"account_id"')
    for entries, said, step in (
        ({"from": source, "column": "risk"}, "no column 'risk'", "account_id, mark, other"),
        ({"from": source}, "all 2 accounts have the same value, 'yes'", "signals.mark"),
        ({"from": str(tmp_path / "none.csv")}, "cannot be read", "mend from"),
        ({"from": str(broken)}, "line 2 is no JSON", "one line"),
        ({"from": write_rows(tmp_path / "b.jsonl", rows), "column": "data.risk"}, "none of 2 bodies", "dotted path"),
    ):
        with pytest.raises(StillhuntError, match="signal mark") as caught:
            read_values(signal(**entries), None)
        assert said in caught.value.what
        assert step in (caught.value.next_step or "")


def test_a_signal_of_the_accounts_needs_them() -> None:
    plan = signal(**{"from": "accounts"}, column="plan", kind="category")
    with pytest.raises(InputError, match="no table of accounts"):
        read_values(plan, None)
    table = pa.table({"account_id": ["a", "b"], "plan": ["free", "team"]})
    assert read_values(plan, table).texts.to_pylist() == ["free", "team"]


def test_a_body_that_is_just_being_appended_is_read_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write, refused = tmp_path / "marks.jsonl", os.write, []
    write_rows(path, [{"account_id": "a", "mark": "yes"}, {"account_id": "b", "mark": "no"}])

    def write_half(handle: int, content: memoryview) -> int:
        """Whoever begins to read while half of a line is there has to wait."""
        with path.open("rb") as reader, pytest.raises(BlockingIOError):
            flock(reader, LOCK_SH | LOCK_NB)
        refused.append(len(content))
        return write(handle, content[:20])

    monkeypatch.setattr(os, "write", write_half)
    append_whole(path, b'{"account_id": "c", "mark": "no"}\n')
    assert refused == [34, 14]
    with path.open("rb") as reader:
        lines = iterate_whole_lines(reader)
        first = next(lines)
        append_whole(path, b'{"account_id": "d", "mark": "no"}\n')
        rest = list(lines)
    assert [json.loads(line)["account_id"] for line in (first, *rest)] == ["a", "b", "c"]
    assert len(read_values(signal(**{"from": str(path)}), None)) == 4


def test_long_values_and_deep_bodies_cost_little(tmp_path: Path) -> None:
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    with pytest.raises(InputError, match="no JSON"):
        read_values(signal(**{"from": str(tmp_path / "deep.jsonl")}), None)
    rows = [{"account_id": "a", "mark": "x" * 10_000}, {"account_id": "b", "mark": "y"}]
    found = read_values(signal(**{"from": write_rows(tmp_path / "l.jsonl", rows)}, kind="category"), None)
    assert max(map(len, found.texts.to_pylist())) == 256


@pytest.mark.service
@pytest.mark.skipif(program("initdb") is None, reason="PostgreSQL is not installed")
def test_a_table_of_postgresql() -> None:
    with running() as server:
        address = server.create(
            "risk",
            "CREATE TABLE risk (account_id text, mark boolean); INSERT INTO risk VALUES ('a', true), ('b', false)",
        )
        assert read_values(signal(**{"from": address}, table="risk"), None).texts.to_pylist() == ["yes", "no"]
        with pytest.raises(StillhuntError, match="does not give these columns") as caught:
            read_values(signal(**{"from": address}, table="risk", column="nothing"), None)
    assert PASSWORD not in str(caught.value)
