"""What keeps the console quick and small on a large case changes nothing that it shows."""

from __future__ import annotations

import gc
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillhunt.base.config import Config
from stillhunt.base.schema_case import CITED
from stillhunt.triage import Case
from stillhunt_server.console import snapshot
from stillhunt_server.console.context import Console
from stillhunt_server.console.snapshot import FixedSource, ShownCase
from triage.fixtures import START, build, demo_case

CAMPAIGN = "hunt-7f3a91c2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return demo_case().write(tmp_path / "case")


@pytest.fixture
def no_garbage_is_collected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_is_collected")
def test_a_case_that_nobody_shows_any_more_is_freed_at_once(folder: Path) -> None:
    console = Console(FixedSource(folder), Config())
    shown = console.source.current()
    assert shown is not None
    derived = console.derived(shown)
    shown.members_of(CAMPAIGN)
    derived.traits_of(CAMPAIGN)
    kept = [weakref.ref(one) for one in (shown, derived, derived.rows, shown.case)]
    del console, shown, derived
    assert [one() for one in kept] == [None] * 4


def test_rows_of_a_campaign_are_found_in_any_order(folder: Path) -> None:
    shown = ShownCase(folder)
    members = shown.case.member_details
    own = members.filter(pc.equal(members["campaign_id"], CAMPAIGN)).to_pylist()
    assert shown.of_campaign("member_details", CAMPAIGN).to_pylist() == own
    mixed = pc.sort_indices(members, sort_keys=[("account_id", "ascending"), ("campaign_id", "ascending")])
    shown.case.member_details = members.take(mixed)
    found = shown.of_campaign("member_details", CAMPAIGN).sort_by("account_id").to_pylist()
    assert found == sorted(own, key=lambda row: row["account_id"])
    assert shown.of_campaign("member_details", "none").num_rows == 0


def test_long_columns_are_in_a_file_and_the_same_as_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = demo_case()
    monkeypatch.setattr(snapshot, "_HELD_BYTES", 2000)
    before = pa.total_allocated_bytes()
    evidence = ShownCase(folder).case.evidence
    assert evidence.equals(Case.read(folder).evidence)
    assert evidence.num_rows == case.evidence.num_rows
    assert evidence.nbytes > pa.total_allocated_bytes() - before
    monkeypatch.setattr(tempfile, "TemporaryFile", _no_room)
    assert ShownCase(folder).case.evidence.equals(evidence), "it stays in memory where there is no room"


def _no_room(*_args: object, **_options: object) -> None:
    raise OSError(28, "No space left on device")


def test_some_columns_of_cited_requests_are_those_of_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, own = {"account_id": "a", "timestamp": START, "status": 200}, [CAMPAIGN] * 5 + ["hunt-z"] * 3
    told = [{**at, "campaign_id": name, "request_id": f"{n}", "model": "m" * (n % 3)} for n, name in enumerate(own)]
    pq.write_table(build("cited", told).cast(CITED.arrow), folder / "cited.parquet", row_group_size=2)
    shown, columns = ShownCase(folder), ("timestamp", "request_id", "model", "country")
    cited = shown.of_campaign("cited", CAMPAIGN).select(columns)
    assert shown.cited_of(CAMPAIGN, columns).cast(cited.schema).to_pylist() == cited.to_pylist()
    assert cited.num_rows == 5
    assert shown.cited_of("nobody", columns).num_rows == 0
    monkeypatch.setattr(pq, "ParquetFile", _no_room)
    assert shown.cited_of(CAMPAIGN, columns).equals(cited), "what cannot be read so is read as a whole"
