"""Pages of harvested requests are those of the whole table, whatever the row groups are."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt.base.errors import CaseError
from stillhunt.base.schema_case import HARVEST, HARVEST_FACTS, SLICES
from stillhunt.triage import Case
from stillhunt.triage import folder as case_folder
from stillhunt.triage.folder import canonical_order
from stillhunt_server.case_views import harvest_rows
from stillhunt_server.case_views.harvest_rows import MOST_ROWS_OF_A_PAGE, HarvestRows

from .fixtures import START, build, demo_case

DATA = Path(__file__).parents[1] / "data" / "cases"
Row = dict[str, Any]


def tables(seed: int = 1) -> tuple[pa.Table, pa.Table]:
    """Harvested requests of three campaigns, and the slices of twelve accounts, some of them in two campaigns."""
    drawn = random.Random(seed)
    harvest: list[Row] = []
    slices: list[Row] = []
    for number in range(12):
        account = f"account-{number:02d}"
        slices.append(slice_row(f"{account}/rest", account, None, 5))
        for campaign in drawn.sample(["c-1", "c-2", "c-3"], 2):
            name = f"{account}/{campaign}"
            requests = drawn.randint(0, 9)
            slices.append(slice_row(name, account, campaign, requests))
            for number in range(requests):
                facts = {"timestamp": START + timedelta(seconds=drawn.randrange(50)), "model": drawn.choice("ab")}
                ids = {"request_id": f"r-{drawn.getrandbits(40):010x}", "slice_id": name, "campaign_id": campaign}
                harvest.append({**ids, **facts, "status": 200, "input_tokens": number})
    return canonical_order("harvest", build("harvest", harvest)), canonical_order("slices", build("slices", slices))


def slice_row(name: str, account: str, campaign: str | None, requests: int) -> Row:
    counts = {"requests": requests, "harvest_requests": requests if campaign else 0}
    return {"slice_id": name, "account_id": account, "campaign_id": campaign, **counts}


def written(folder: Path, harvest: pa.Table, slices: pa.Table, group: int = 7) -> HarvestRows:
    folder.mkdir(exist_ok=True)
    pq.write_table(harvest.cast(HARVEST.arrow), folder / "harvest.parquet", row_group_size=group)
    pq.write_table(slices.cast(SLICES.arrow), folder / "slices.parquet", row_group_size=group)
    return HarvestRows(folder)


@pytest.mark.parametrize(("group", "numbered"), [(1, 0), (7, 0), (7, 20), (1000, 1)])
def test_pages_of_campaigns_and_accounts_are_those_of_the_whole_table(
    tmp_path: Path, group: int, numbered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    harvest, slices = tables()
    rows = written(tmp_path, harvest, slices, group)
    if numbered:
        monkeypatch.setattr(harvest_rows, "_NUMBERED_AT_A_TIME", numbered)
        rows.number_accounts()
    owner = {row["slice_id"]: row["account_id"] for row in slices.to_pylist()}
    everything = [{**row, "account_id": owner[row["slice_id"]]} for row in harvest.to_pylist()]
    for campaign in ("c-1", "c-2", "c-3"):
        own = [row for row in everything if row["campaign_id"] == campaign]
        assert rows.count(campaign) == len(own) > 0
        for offset in range(0, len(own) + 3, 5):
            assert rows.page(campaign, offset, 5).to_pylist() == own[offset : offset + 5]
    for account in sorted(set(owner.values())):
        own = sorted((row for row in everything if row["account_id"] == account), key=itemgetter("timestamp"))
        assert rows.account_count(account) == len(own)
        assert rows.account_page(account, 1, 4).to_pylist() == own[1:5]
        in_one = [row for row in own if row["campaign_id"] == "c-2"]
        assert rows.account_count(account, "c-2") == len(in_one)
        assert rows.account_page(account, campaign_id="c-2").to_pylist() == in_one
        assert rows.slices_of(account).equals(slices.filter(pa.compute.equal(slices["account_id"], account)))


def test_only_the_row_groups_of_a_page_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harvest, slices = tables()
    rows, read = written(tmp_path, harvest, slices), list[int]()
    rows.page("c-2")  # where the campaign begins and ends is remembered
    one = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", lambda *a, **k: (read.extend(a[1]), one(*a, **k))[1])
    rows.page("c-2", 9, 3)
    assert len(read) == 3, "one of the requests, and two that hold their slices"
    assert rows.count("nobody") == 0
    assert len(read) == 3, "the bounds of the row groups tell that it is in none"


def test_a_written_case_can_be_paged_and_stays_readable_when_it_is_removed(tmp_path: Path) -> None:
    case = demo_case()
    rows = HarvestRows(case.write(tmp_path / "case"))
    shutil.rmtree(tmp_path / "case")
    page = rows.page("hunt-c41d08be", 60, 2)
    assert rows.count("hunt-c41d08be") == case.campaigns["requests"].to_pylist()[1]
    own = [row for row in case.harvest.to_pylist() if row["campaign_id"] == "hunt-c41d08be"]
    own.sort(key=itemgetter("timestamp", "request_id"))
    for name in ("request_id", *HARVEST_FACTS):
        assert page[name].to_pylist() == [row[name] for row in own[60:62]]
    assert page["account_id"].to_pylist() == [row["request_id"][4:-4] for row in own[60:62]]
    rows.close()


def test_a_case_is_written_in_row_groups_that_one_page_can_afford(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(case_folder, "_ROW_GROUP", 1000)
    path = demo_case().write(tmp_path / "case")
    assert pq.ParquetFile(path / "harvest.parquet").metadata.num_row_groups > 10
    monkeypatch.undo()
    assert case_folder._ROW_GROUP <= 1 << 17


def test_offsets_and_limits_out_of_range_are_harmless(tmp_path: Path) -> None:
    harvest, slices = tables()
    rows = written(tmp_path, harvest, slices)
    assert rows.page("c-1", -5, 3).equals(rows.page("c-1", 0, 3))
    assert rows.page("c-1", 10**12).num_rows == rows.page("c-1", 0, -1).num_rows == 0
    assert rows.page("nobody").column_names[:4] == ["request_id", "slice_id", "account_id", "campaign_id"]
    assert rows.account_page("nobody").num_rows == rows.slices_of("").num_rows == 0
    assert MOST_ROWS_OF_A_PAGE == 10_000
    (one,) = harvest.slice(0, 1).to_pylist()
    many = build("harvest", [{**one, "request_id": f"{n:06d}"} for n in range(10_005)])
    assert written(tmp_path / "b", many, slices, 4096).page("c-1", 0, 10**9).num_rows == 10_000


def test_an_empty_case_and_a_slice_without_an_account_are_harmless(tmp_path: Path) -> None:
    harvest, _ = tables()
    empty = written(tmp_path / "a", HARVEST.empty(), SLICES.empty())
    assert empty.page("c-1").num_rows == empty.account_count("account-01") == 0
    orphans = written(tmp_path / "b", harvest, SLICES.empty())
    for one in (empty, orphans):
        one.number_accounts()
        assert one.account_count("account-01") == 0
    assert set(orphans.page("c-1")["account_id"].to_pylist()) == {None}


def test_texts_too_long_for_bounds_are_found_all_the_same(tmp_path: Path) -> None:
    long = "x" * 9000
    harvest, slices = tables()
    more = [{"request_id": "r", "slice_id": long, "campaign_id": long}]
    both = canonical_order("harvest", pa.concat_tables([harvest, build("harvest", more)]))
    own = canonical_order("slices", pa.concat_tables([slices, build("slices", [slice_row(long, "a", long, 1)])]))
    rows = written(tmp_path, both, own)
    assert rows.count(long) == rows.account_count("a") == 1
    assert rows.account_page("a")["request_id"].to_pylist() == ["r"]


def test_a_case_of_an_earlier_version_is_paged_as_it_was(tmp_path: Path) -> None:
    old = DATA / "version_8"
    Case.read(old).write(tmp_path / "erased")  # which writes what it did not tell as null
    assert [HarvestRows(one).has_facts for one in (old, tmp_path / "erased")] == [False, False]
    assert written(tmp_path, *tables()).has_facts
    stored = pq.read_table(old / "harvest.parquet").filter(pa.compute.field("campaign_id") == "hunt-7f3a91c2")
    rows = HarvestRows(old)
    page = rows.page("hunt-7f3a91c2", 5, 300)
    assert page["request_id"].to_pylist() == stored["request_id"].to_pylist()[5:305]
    assert [page[name].null_count for name in HARVEST_FACTS] == [300] * len(HARVEST_FACTS)
    account = page["account_id"][0].as_py()
    own = stored.filter(pa.compute.field("slice_id") == f"slice-{account}")
    assert rows.account_page(account, 0, 1000)["request_id"].to_pylist() == own["request_id"].to_pylist()
    rows.close()


def test_damage_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    harvest, slices = tables()
    written(tmp_path, harvest, slices).close()
    (tmp_path / "slices.parquet").write_bytes(b"no parquet")
    with pytest.raises(CaseError, match=r"slices\.parquet"):
        HarvestRows(tmp_path)
    pq.write_table(slices.rename_columns(["a", *slices.column_names[1:]]), tmp_path / "slices.parquet")
    with pytest.raises(CaseError, match="columns are"):
        HarvestRows(tmp_path)
    (tmp_path / "harvest.parquet").unlink()
    with pytest.raises(CaseError, match=r"harvest\.parquet"):
        HarvestRows(tmp_path)


def test_text_that_is_not_utf8_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    harvest, slices = tables()
    bad = pa.array([b"\xff\xfe" for _ in range(harvest.num_rows)], pa.binary()).view(pa.string())
    rows = written(tmp_path, harvest.set_column(0, HARVEST.arrow.field(0), bad), slices)
    with pytest.raises(CaseError, match="damaged"):
        rows.page("c-1")
