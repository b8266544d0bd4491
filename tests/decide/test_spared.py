"""Whom a link never touches, with a real database, snapshots and accounts table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, InputError
from stillhunt.decide.links import Link
from stillhunt.decide.policy import Policy
from stillhunt.decide.spared import accounts_before, spared_accounts
from stillhunt.decide.weighed_links import read_customers
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import name_of, write_snapshot
from triage.fixtures import demo_case

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
LINKS = [Link(name, "c-1", 0, 70.0) for name in ("old", "new", "programme", "declared", "unknown")]


def opened(tmp_path: Path) -> tuple[DataFolder, WatchDatabase]:
    folder = DataFolder(tmp_path / "data")
    database = WatchDatabase("", folder.database)
    row = {"status": "active", "verdict": "act", "kind": "harvest", "score": 1.0, "first_snapshot": 1}
    began = int(BEGAN.timestamp() * 1e6)
    with database.write() as connection:
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id="c-1", last_snapshot=1, first_seen=began, **row))
    return folder, database


@pytest.mark.parametrize(("days", "spared"), [(90, {"old", "programme", "declared"}), (0, {"programme", "declared"})])
def test_old_customers_and_declared_programmes(tmp_path: Path, days: int, spared: set[str]) -> None:
    folder, database = opened(tmp_path)
    table = pa.table(
        {
            "account_id": ["old", "new", "programme"],
            "created_at": [BEGAN - timedelta(days=91), BEGAN - timedelta(days=89), BEGAN],
            "organization_id": [None, None, "school"],
        }
    )
    pq.write_table(table, tmp_path / "accounts.parquet")
    settings = {
        "watch": {"accounts": str(tmp_path / "accounts.parquet")},
        "sanctioned": {"organizations": ["school"], "accounts": ["declared"]},
    }
    config = Config.load(settings, environ={})
    table = read_customers(config)
    assert spared_accounts(folder, database, LINKS, config, Policy(established_days=days), table) == spared
    assert spared_accounts(folder, database, [], config, Policy(), table) == {"declared"}
    database.close()


def test_where_nobody_knows_who_is_spared_nothing_is_decided(tmp_path: Path) -> None:
    folder, database = opened(tmp_path)
    config = Config.load({"watch": {"accounts": str(tmp_path / "gone.parquet")}}, environ={})
    with pytest.raises(InputError):
        read_customers(config)
    assert spared_accounts(folder, database, LINKS, Config(), Policy(), read_customers(Config())) == set()
    database.close()


def test_where_the_snapshot_that_found_a_campaign_is_damaged_the_next_says_who_was_there(tmp_path: Path) -> None:
    folder, database = opened(tmp_path)
    case = demo_case()
    for sequence in (1, 2):
        write_snapshot(folder, sequence, case, {})
    before = accounts_before(folder, database, ["c-1"])["c-1"]
    (folder.snapshots / name_of(1) / "case" / "accounts.parquet").write_bytes(b"PAR1")
    assert accounts_before(folder, database, ["c-1"])["c-1"] == before
    (folder.snapshots / name_of(2) / "case" / "accounts.parquet").write_bytes(b"PAR1")
    with pytest.raises(CaseError):
        accounts_before(folder, database, ["c-1"])
    database.close()
