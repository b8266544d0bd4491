"""A world hunted on a cluster and on one machine: the same findings, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.collect import open_accounts, open_requests
from stillhunt.extract import Partials, sketch_requests
from stillhunt.link import link_slices
from stillhunt.resolve import resolve_campaigns
from stillhunt.score import score_campaigns
from stillhunt.triage import Case
from stillhunt.triage.excerpts import member_addresses
from stillhunt.watch.early_signs.finding import early_signs
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import hunt_now
from stillhunt.watch.signatures.compiling import compile_signatures
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec
from watch.small_world import lines
from watch.test_hunting import plan, spool

pytestmark = pytest.mark.service

KEY = "a fixed key, so that hashes of two readings compare"


def small_world() -> tuple[World, Config]:
    """About 140 accounts in three days."""
    campaign = CampaignSpec(2, 20, name="plain", requests_per_account_day=40.0)
    world = build_world(WorldSpec(accounts=120, days=3, seed=5, campaigns=(campaign,)))
    return world, Config(sanctioned={"organizations": world.sanctioned}, collect={"identity_key": KEY})


def findings(sketches: Dataset, accounts: pa.Table | None, config: Config) -> dict[str, pa.Table]:
    """Every table that the rooms after the sketches hand on."""
    linked = link_slices(sketches, config, Silent())
    candidates = resolve_campaigns(linked.links, linked.traffic, linked.sliced, config)
    tables = (linked.traffic, linked.sliced, candidates)
    found, rows = score_campaigns(*tables, accounts, config, Silent(), linked.totals)
    sent = linked.traffic.take(rows)
    found["addresses"] = member_addresses(found["members"], found["harvest"]["campaign_id"], sent)
    place = ("origin_file", "origin_row")
    traffic = linked.traffic.drop_columns(list(place))
    return {"traffic": traffic, "sliced": linked.sliced, "links": linked.links, "candidates": candidates, **found}


def test_findings_are_the_same(engine: Any, tmp_path: Path) -> None:
    from stillhunt_spark.sketches import spark_sketches

    world, config = small_world()
    half = world.requests.num_rows // 2
    for number, part in enumerate((world.requests.slice(0, half), world.requests.slice(half))):
        pq.write_table(part, tmp_path / f"part-{number}.parquet")
    with DuckDBEngine(threads=1, memory_gb=1) as duck, Partials(config) as partials:
        common = {"mapping": None, "config": config, "engine": duck, "progress": Silent()}
        customers, _ = open_accounts(world.accounts, **common)
        for batch in open_requests(str(tmp_path), **common).batches():
            partials.add(batch["origin_file"][0].as_py(), sketch_requests(batch, config))
        store = partials.store()
        store.settle_repeats()
        expected = findings(store.dataset(2), customers, config)
        signatures = compile_signatures(store.dataset(2), expected, config, 0)
        signs = early_signs(store.dataset(2), expected, 0)
    sketches, _, _ = spark_sketches(engine, str(tmp_path), None, config)
    found = findings(sketches.dataset(1), customers, config)
    assert expected["campaigns"].num_rows
    assert expected["addresses"].num_rows
    assert [name for name, table in expected.items() if not found[name].equals(table)] == []
    assert len(signatures.signatures) + len(signatures.without) == 1
    assert compile_signatures(sketches.dataset(1), found, config, 0) == signatures
    assert early_signs(sketches.dataset(1), found, 0) == signs


@pytest.mark.spark_more
def test_a_watch_finds_the_same_on_a_cluster(engine: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cases = []
    for name in ("duckdb", "spark"):
        folder = DataFolder(tmp_path / name)
        spool(folder, lines())
        done = hunt_now(plan(folder, Config.load({"engine": name}, environ={})))
        assert done is not None
        cases.append(Case.read(done.case))
    here, there = cases
    assert here.tables["campaigns"].num_rows == 1
    assert [name for name, table in here.tables.items() if not there.tables[name].equals(table)] == []
    assert here.run["counts"] == there.run["counts"]
    assert "row_index" not in capfd.readouterr().err
