"""The same log gives the same case, however its rows are ordered, cut, stored and read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_log import (
    CONFLICTS,
    REPEATS,
    SmallLog,
    Stages,
    act_campaigns,
    flagged_accounts,
    shuffled,
    with_changes,
)

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.extract import SHARED_ID
from stillhunt.extract.store import store
from thoroughness import examples

FINDINGS = [name for name in CASE_TABLES if name != "rejects"]

Prepared = tuple[object, object, Config]


def assert_same_findings(one: stillhunt.Case, other: stillhunt.Case) -> None:
    for name in FINDINGS:
        assert one.tables[name].equals(other.tables[name]), f"{name} differs"
    assert one.samples.equals(other.samples)
    assert one.timeline.equals(other.timeline)
    # A reject's place tells the file and row, which are what differs.
    reasons = [
        sorted(zip(c.rejects["reason"].to_pylist(), c.rejects["raw"].to_pylist(), strict=True)) for c in (one, other)
    ]
    assert reasons[0] == reasons[1]


def write_parquet_parts(table: pa.Table, folder: Path, cuts: list[int]) -> list[str]:
    bounds = [0, *cuts, table.num_rows]
    paths = []
    for number, (first, last) in enumerate(pairwise(bounds)):
        paths.append(str(folder / f"part-{number}.parquet"))
        pq.write_table(table.slice(first, last - first), paths[-1])
    return paths


def write_json_lines(table: pa.Table, path: Path) -> str:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as out:
        for row in table.to_pylist():
            row = {name: value for name, value in row.items() if value is not None}
            row["timestamp"] = row["timestamp"].isoformat()
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return str(path)


def rows_in_another_order(log: SmallLog, folder: Path) -> Prepared:
    return shuffled(log.requests, 1), shuffled(log.accounts, 2), log.config


def three_uneven_files(log: SmallLog, folder: Path) -> Prepared:
    return write_parquet_parts(shuffled(log.requests, 3), folder, [17, 1_400]), log.accounts, log.config


def json_lines_and_another_key(log: SmallLog, folder: Path) -> Prepared:
    settings = with_changes(log.config, collect={"identity_key": "another key of the operator"})
    return write_json_lines(log.requests, folder / "log.jsonl.gz"), log.accounts, settings


def one_thread_and_small_batches(log: SmallLog, folder: Path) -> Prepared:
    return log.requests, log.accounts, with_changes(log.config, threads=1, collect={"batch_rows": 222})


def four_threads(log: SmallLog, folder: Path) -> Prepared:
    return log.requests, log.accounts, with_changes(log.config, threads=4, collect={"batch_rows": 1_024})


@pytest.mark.parametrize(
    "prepare",
    [
        rows_in_another_order,
        three_uneven_files,
        json_lines_and_another_key,
        one_thread_and_small_batches,
        four_threads,
    ],
    ids=lambda prepare: prepare.__name__,
)
def test_same_case(
    prepare: Callable[[SmallLog, Path], Prepared], log: SmallLog, case: stillhunt.Case, tmp_path: Path
) -> None:
    requests, accounts, config = prepare(log, tmp_path)
    other = stillhunt.hunt(requests, accounts, config)
    assert_same_findings(case, other)
    assert other.run["counts"] == case.run["counts"]


@pytest.mark.parametrize(("segment_rows", "worked_rows"), [(400, 10**6), (900, 600), (10**6, 1_000)][: examples(2, 3)])
def test_segments_and_partitions_change_nothing(
    log: SmallLog,
    case: stillhunt.Case,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    segment_rows: int,
    worked_rows: int,
) -> None:
    """Many segments a file, few or all of the account partitions at a time, rows in any order over uneven files."""
    monkeypatch.setattr(store, "SEGMENT_ROWS", segment_rows)
    monkeypatch.setattr(store, "WORKED_ROWS", worked_rows)
    parts = write_parquet_parts(shuffled(log.requests, segment_rows), tmp_path, [5, 900, 901, 2_400])
    settings = with_changes(log.config, collect={"batch_rows": 256})
    other = stillhunt.hunt(parts[::-1], log.accounts, settings)
    assert_same_findings(case, other)
    assert other.run["counts"] == case.run["counts"]


def test_there_is_something_to_compare(log: SmallLog, case: stillhunt.Case) -> None:
    assert act_campaigns(case) == [log.harvesters]
    assert case.run["counts"]["duplicates"] == REPEATS
    assert case.run["changed"] == {SHARED_ID: 2 * CONFLICTS}
    assert case.samples.num_rows
    assert case.timeline.num_rows


def test_the_same_hunt_twice(log: SmallLog, stages: Stages, case: stillhunt.Case) -> None:
    """Rooms walked one by one give what the spine gives."""
    tables = stages.scored(log.config)
    for name in FINDINGS:
        assert tables[name].equals(case.tables[name]), f"{name} differs"


def test_a_file_given_twice_changes_the_duplicates_alone(log: SmallLog, case: stillhunt.Case, tmp_path: Path) -> None:
    middle = log.requests.num_rows // 2
    first, second = write_parquet_parts(log.requests, tmp_path, [middle])
    copy = tmp_path / "the-first-again.parquet"
    copy.write_bytes(Path(first).read_bytes())
    other = stillhunt.hunt([second, first, str(copy)], log.accounts, log.config)
    for name in FINDINGS:
        assert other.tables[name].equals(case.tables[name]), f"{name} differs"
    counts = dict(other.run["counts"])
    assert counts.pop("duplicates") >= middle - CONFLICTS
    assert counts == {name: n for name, n in case.run["counts"].items() if name != "duplicates"}


def test_names_of_accounts_do_not_matter(log: SmallLog, case: stillhunt.Case) -> None:
    """Other ids mean other ties and another split into folds, so bits move; whom to act on does not."""
    ids = sorted({*log.requests["account_id"].to_pylist(), *log.accounts["account_id"].to_pylist()})
    first_occurrence = [f"customer/{number:05d}" for number in np.random.default_rng(8).permutation(len(ids))]
    renamed = dict(zip(ids, first_occurrence, strict=True))

    def rename(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index("account_id")
        return table.set_column(place, "account_id", pa.array([renamed[i] for i in table["account_id"].to_pylist()]))

    other = stillhunt.hunt(rename(log.requests), rename(log.accounts), log.config)
    assert flagged_accounts(other) == {renamed[account] for account in flagged_accounts(case)}
    assert act_campaigns(other) == sorted(({renamed[a] for a in group} for group in act_campaigns(case)), key=sorted)


def test_an_unrelated_account_removes_no_campaign(log: SmallLog, case: stillhunt.Case) -> None:
    subjects = ["sourdough", "tax forms", "a limp in an old dog", "the offside rule", "moss on roof tiles"]
    rows = log.requests.slice(0, len(subjects)).to_pylist()
    for number, (row, subject) in enumerate(zip(rows, subjects, strict=True)):
        row.update(
            account_id="acc-of-a-newcomer",
            request_id=f"newcomer-{number}",
            conversation_id=f"newcomer-{number}",
            client_ip="203.0.113.9",
            prompt=f"What should I know about {subject}?",
            system_prompt=None,
            turn=0,
        )
    requests = pa.concat_tables([log.requests, pa.Table.from_pylist(rows, schema=log.requests.schema)])
    other = stillhunt.hunt(requests, log.accounts, log.config)
    assert act_campaigns(other) == act_campaigns(case)
    assert flagged_accounts(other) == flagged_accounts(case)
    assert other.run["counts"]["accounts"] == case.run["counts"]["accounts"] + 1
