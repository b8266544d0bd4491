"""One small log with a plain campaign, hunted in many ways."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.collect import open_accounts, open_requests
from stillhunt.extract import sketch_requests
from stillhunt.extract.store.store import SegmentWriter, Store
from stillhunt.link import link_slices
from stillhunt.resolve import resolve_campaigns
from stillhunt.score import score_campaigns
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

SEED = 7
CONFLICTS = 5
REPEATS = 7


@dataclass(frozen=True)
class SmallLog:
    """A world's log with a few rows that repeat and a few whose ids clash; one campaign is acted on, one is not."""

    world: World
    requests: pa.Table
    accounts: pa.Table
    config: Config

    @property
    def harvesters(self) -> set[str]:
        """Accounts of the plain campaign."""
        truth = self.world.truth_accounts
        return set(truth.filter(pc.equal(truth["campaign"], "plain"))["account_id"].to_pylist())


def build_small_log() -> SmallLog:
    """About 110 accounts and 3,400 requests over three days."""
    plain = CampaignSpec(2, 14, name="plain", requests_per_account_day=25.0)
    faint = CampaignSpec(2, 8, name="faint", requests_per_account_day=11.0)
    world = build_world(WorldSpec(accounts=90, days=3, seed=SEED, campaigns=(plain, faint)))
    first = world.requests.slice(100, CONFLICTS)
    prompt = first.schema.get_field_index("prompt")
    clash = first.set_column(
        prompt, "prompt", pa.array(["another text under the same id"] * CONFLICTS, pa.large_string())
    )
    clash = clash.cast(world.requests.schema)
    requests = pa.concat_tables([world.requests, clash, world.requests.slice(1_400, REPEATS)]).combine_chunks()
    return SmallLog(world, requests, world.accounts, Config(sanctioned={"organizations": world.sanctioned}))


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    """Rows in another order."""
    return table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))


def with_changes(config: Config, **changes: object) -> Config:
    """Settings with nested changes: `with_changes(config, score={"prior_bits": -20})`."""
    merged = config.model_dump()
    for name, value in changes.items():
        merged[name] = {**merged[name], **value} if isinstance(value, dict) else value
    return Config(**merged)


@dataclass(frozen=True)
class Stages:
    """What the rooms before the score hand over."""

    traffic: pa.Table
    sliced: pa.Table
    totals: pa.Table
    links: pa.Table
    candidates: pa.Table
    customers: pa.Table | None

    def scored(self, config: Config) -> dict[str, pa.Table]:
        """Case tables under other settings of the score."""
        tables = (self.traffic, self.sliced, self.candidates)
        return score_campaigns(*tables, self.customers, config, Silent(), self.totals)[0]


def store_of(sketches: Iterable[pa.Table], folder: Path) -> Store:
    """Segments of sketches, each table of one input file, with repeats settled."""
    writers: dict[int, SegmentWriter] = {}
    for table in sketches:
        number = table["origin_file"][0].as_py()
        if number not in writers:
            writers[number] = SegmentWriter(folder / str(number))
        writers[number].add(number, table)
    for writer in writers.values():
        writer.close()
    store = Store([(number, folder / str(number)) for number in sorted(writers)])
    store.settle_repeats()
    return store


def run_stages(log: SmallLog) -> Stages:
    """Walk the rooms one by one up to the score."""
    with DuckDBEngine() as engine, tempfile.TemporaryDirectory() as folder:
        common = {"mapping": None, "config": log.config, "engine": engine, "progress": Silent()}
        customers, _ = open_accounts(log.accounts, **common)
        batches = open_requests(log.requests, **common).batches()
        store = store_of((sketch_requests(batch, log.config) for batch in batches), Path(folder))
        linked = link_slices(store.dataset(2), log.config, Silent())
    candidates = resolve_campaigns(linked.links, linked.traffic, linked.sliced, log.config)
    return Stages(linked.traffic, linked.sliced, linked.totals, linked.links, candidates, customers)


def act_campaigns(tables: dict[str, pa.Table] | stillhunt.Case) -> list[set[str]]:
    """Member sets of the campaigns with verdict act, in a fixed order."""
    found = tables.tables if isinstance(tables, stillhunt.Case) else tables
    campaigns, members = found["campaigns"], found["members"]
    acts = campaigns.filter(pc.equal(campaigns["verdict"], "act"))["campaign_id"].to_pylist()
    return sorted(
        (set(members.filter(pc.equal(members["campaign_id"], name))["account_id"].to_pylist()) for name in acts),
        key=sorted,
    )


def flagged_accounts(tables: dict[str, pa.Table] | stillhunt.Case) -> set[str]:
    """Accounts with verdict act."""
    accounts = (tables.tables if isinstance(tables, stillhunt.Case) else tables)["accounts"]
    return set(accounts.filter(accounts["flagged"])["account_id"].to_pylist())
