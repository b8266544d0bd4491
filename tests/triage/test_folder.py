"""The case folder is written completely or not at all, and holds the same bytes for the same findings."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt.base.errors import CaseError, ContractError, OutputError
from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.triage import Case, folder

from .fixtures import build, demo_case


@pytest.fixture(scope="module")
def case() -> Case:
    return demo_case()


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def content(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_what_is_written_is_read_again(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "deep" / "case")
    assert names(written) == sorted(
        [f"{name}.parquet" for name in (*CASE_TABLES, *CASE_VIEWS)] + ["report.html", "run.json"]
    )
    read = Case.read(written)
    for name, table in CASE_TABLES.items():
        assert read.tables[name].schema.equals(table.arrow)
        assert folder.canonical_order(name, read.tables[name]).equals(read.tables[name])
        assert sorted(map(str, read.tables[name].to_pylist())) == sorted(map(str, case.tables[name].to_pylist()))
    assert read.samples.num_rows == case.samples.num_rows
    assert read.run == case.run
    assert read.report() == (written / "report.html").read_text(encoding="utf-8")
    assert names(tmp_path / "deep") == ["case"]


def test_same_bytes_for_any_row_order_and_chunking(case: Case, tmp_path: Path) -> None:
    numbers = random.Random(5)

    def shuffled(table: pa.Table) -> pa.Table:
        order = list(range(table.num_rows))
        numbers.shuffle(order)
        turned = table.take(pa.array(order, pa.int64()))
        middle = table.num_rows // 3
        return pa.concat_tables([turned.slice(0, middle), turned.slice(middle)])

    other = Case(
        {name: shuffled(table) for name, table in case.tables.items()},
        shuffled(case.samples),
        shuffled(case.timeline),
        case.run,
        member_details=shuffled(case.member_details),
        addresses=shuffled(case.addresses),
    )
    assert content(case.write(tmp_path / "a")) == content(other.write(tmp_path / "b"))


def test_evidence_that_differs_only_in_its_requests_has_one_order(case: Case, tmp_path: Path) -> None:
    rows = case.evidence.to_pylist()
    rows += [{**rows[0], "request_ids": [f"r{number}"]} for number in (3, 1, 2)]
    written = [
        Case({**case.tables, "evidence": build("evidence", order)}, run=case.run).write(tmp_path / name)
        for name, order in (("a", rows), ("b", rows[::-1]))
    ]
    assert content(written[0]) == content(written[1])


def test_folder_is_private(case: Case, tmp_path: Path) -> None:
    assert case.write(tmp_path / "case").stat().st_mode & 0o077 == 0


def test_existing_folder_needs_force(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "case")
    before = content(written)
    with pytest.raises(OutputError, match="force=True"):
        case.write(written)
    assert content(written) == before
    smaller = Case({**case.tables, "rejects": CASE_TABLES["rejects"].empty()}, run=case.run)
    smaller.write(written, force=True)
    assert Case.read(written).rejects.num_rows == 0
    assert names(tmp_path) == ["case"]


def test_force_never_replaces_what_is_no_case(case: Case, tmp_path: Path) -> None:
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    link = tmp_path / "link"
    link.symlink_to(precious)
    file = tmp_path / "file"
    file.write_text("x")
    for target in (precious, link, file):
        with pytest.raises(OutputError, match="not a case folder"):
            case.write(target, force=True)
    assert (precious / "thesis.txt").read_text() == "years of work"
    assert names(tmp_path) == ["file", "home", "link"]


def fail_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int, error: BaseException) -> None:
    """The `call`-th use of a function raises; the others work."""
    real: Callable[..., Any] = getattr(owner, name)
    uses = {"n": 0}

    def sometimes(*args: Any, **kwargs: Any) -> Any:
        uses["n"] += 1
        if uses["n"] == call:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, sometimes)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", [1, 5, 11])
@pytest.mark.parametrize("force", [False, True])
def test_disk_full_leaves_nothing_and_spoils_nothing(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, force: bool
) -> None:
    target = tmp_path / "case"
    before = content(case.write(target)) if force else None
    fail_at(monkeypatch, os, "fsync", call, FULL)
    with pytest.raises(OutputError, match="No space left"):
        case.write(target, force=force)
    assert names(tmp_path) == (["case"] if force else [])
    assert before is None or content(target) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), FULL])
@pytest.mark.parametrize("call", [1, 2])
def test_failure_between_the_renames_brings_the_old_case_back(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, call: int
) -> None:
    target = case.write(tmp_path / "case")
    before = content(target)
    fail_at(monkeypatch, Path, "rename", call, error)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        case.write(target, force=True)
    assert names(tmp_path) == ["case"]
    assert content(target) == before


def test_interrupt_removes_the_temporary_folder(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(monkeypatch, pq.ParquetWriter, "write_table", 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        case.write(tmp_path / "case")
    assert names(tmp_path) == []


def test_missing_permission(case: Case, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    is_root = os.geteuid() == 0
    if is_root:  # root may write anywhere, so act as nobody
        os.seteuid(65534)
    try:
        with pytest.raises(OutputError, match="denied"):
            case.write(tmp_path / "case")
    finally:
        if is_root:
            os.seteuid(0)
    assert names(tmp_path) == []


def test_a_file_system_that_is_really_full(case: Case, tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        with pytest.raises(OutputError, match="No space left"):
            case.write(tmp_path / "case")
        assert names(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_parent_that_is_a_file(case: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        case.write(tmp_path / "file" / "case")


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "columns"])
@pytest.mark.parametrize("file", ["campaigns.parquet", "harvest.parquet"])
def test_damaged_folder_is_named(case: Case, tmp_path: Path, damage: str, file: str) -> None:
    written = case.write(tmp_path / "case")
    path = written / file
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "text":
        path.write_text("not parquet")
    else:
        pq.write_table(pa.table({"surprise": [1]}), path)
    with pytest.raises(CaseError, match=file):
        Case.read(written)


def test_text_that_is_not_utf8_is_named(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "case")
    table = case.accounts
    broken = pa.array([b"\xff\xfe"] * table.num_rows).view(pa.string())
    pq.write_table(table.set_column(0, table.schema.field(0), broken), written / "accounts.parquet")
    with pytest.raises(CaseError, match=r"accounts\.parquet"):
        Case.read(written)


@pytest.mark.parametrize(
    "part",
    [
        {"settings": []},
        {"counts": 3},
        {"coverage": ["x"]},
        {"inputs": "x"},
        {"settings": {"score": {"act_probability": 7}}},
    ],
)
def test_run_record_of_the_wrong_kind(case: Case, tmp_path: Path, part: dict[str, Any]) -> None:
    written = case.write(tmp_path / "case")
    (written / "run.json").write_text(json.dumps({**case.run, **part}))
    with pytest.raises(CaseError, match=r"run\.json"):
        Case.read(written).explain("hunt-c41d08be")


@pytest.mark.parametrize("bad", ["{", "[]", "{}", '{"case_version": 999}', '{"case_version": "' + "9" * 10_000 + '"}'])
def test_bad_run_record(case: Case, tmp_path: Path, bad: str) -> None:
    written = case.write(tmp_path / "case")
    (written / "run.json").write_text(bad)
    with pytest.raises(CaseError) as caught:
        Case.read(written)
    assert len(str(caught.value)) < 500 + len(str(written))


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="not a case folder"):
        Case.read(tmp_path / "none")


def test_a_case_stays_readable_when_it_is_replaced(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "case")
    opened = Case.read(written)
    case.write(written, force=True)
    assert opened.harvest.num_rows == case.harvest.num_rows


def test_secrets_never_reach_the_folder(case: Case, tmp_path: Path) -> None:
    run = {**case.run, "settings": {"collect": {"identity_key": "s3cr3t-value", "source": "default"}}}
    written = Case(case.tables, run=run).write(tmp_path / "case")
    assert not any(b"s3cr3t-value" in data for data in content(written).values())
    assert json.loads((written / "run.json").read_text())["settings"]["collect"]["source"] == "default"


def test_numbers_that_are_not_finite_are_refused(case: Case) -> None:
    rows = case.evidence.to_pylist()
    rows[0]["bits"] = float("nan")
    with pytest.raises(ContractError, match=r"evidence\.bits"):
        Case({**case.tables, "evidence": build("evidence", rows)})


def test_missing_table_is_refused(case: Case) -> None:
    with pytest.raises(ContractError, match="harvest"):
        Case({name: table for name, table in case.tables.items() if name != "harvest"})


def test_long_harvest_is_ordered_across_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_ROW_GROUP", 1000)
    numbers = random.Random(3)
    rows = [
        {
            "request_id": f"r{numbers.randrange(10**9)}",
            "slice_id": f"s{n % 7}",
            "campaign_id": f"c{n % 3}",
            "timestamp": datetime(2026, 3, 1, minute=numbers.randrange(60), tzinfo=UTC),
        }
        for n in range(5000)
    ]
    tables = {name: table.empty() for name, table in CASE_TABLES.items()} | {"harvest": build("harvest", rows)}
    written = Case(tables).tables["harvest"]
    folder._write_table(tmp_path / "harvest.parquet", "harvest", written)
    keys = [
        (r["campaign_id"], r["timestamp"], r["request_id"])
        for r in pq.read_table(tmp_path / "harvest.parquet").to_pylist()
    ]
    assert keys == sorted((r["campaign_id"], r["timestamp"], r["request_id"]) for r in rows)
    assert pq.ParquetFile(tmp_path / "harvest.parquet").num_row_groups == 5
    numbers.shuffle(rows)
    folder._write_table(tmp_path / "again.parquet", "harvest", build("harvest", rows))
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "harvest.parquet").read_bytes()


def test_notebook_table_is_escaped(case: Case) -> None:
    rows = [{**row, "campaign_id": "<script>alert(1)</script>\u202e"} for row in case.campaigns.to_pylist()]
    html = Case({**case.tables, "campaigns": build("campaigns", rows)})._repr_html_()
    assert "<script" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
