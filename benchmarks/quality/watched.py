"""A world whose text is read once and then searched and judged again and again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.schema import SKETCHES
from stillhunt.base.units import HOUR
from stillhunt.collect import open_accounts, open_requests
from stillhunt.extract import sketch_requests
from stillhunt.extract.store.store import SegmentWriter, Store
from stillhunt.link import link_slices
from stillhunt.link.own_phrases import mark_own_phrases
from stillhunt.pipeline import LookBefore
from stillhunt.resolve import add_remembered, remember_groups, resolve_campaigns
from stillhunt.score import score_campaigns
from stillhunt_lab.worlds.build import World

WINDOW_DAYS = 14


class Watched:
    """A world whose text is read once and then searched again and again.

    This is the second half of `stillhunt.hunt`; `tests/score/test_budget_months.py` holds that a look gives what a
    whole hunt of the same requests gives.
    """

    def __init__(self, world: World, threads: int) -> None:
        settings = {"threads": threads, "sanctioned": {"organizations": list(world.sanctioned)}}
        self.config = Config.load(settings, environ={})
        quiet = Silent()
        with DuckDBEngine(threads=threads, memory_gb=self.config.memory_limit_gb) as engine:
            self.customers, _ = open_accounts(
                world.accounts, mapping=None, config=self.config, engine=engine, progress=quiet
            )
            log = open_requests(world.requests, mapping=None, config=self.config, engine=engine, progress=quiet)
            self.sketches = _settled(sketch_requests(batch, self.config) for batch in log.batches())
            log.close()
        self.left = LookBefore()
        self.times = self.sketches["timestamp"].cast(pa.int64())
        self.begin = int(pc.min(self.times).as_py())

    def tables(self, end: int, before: LookBefore | None = None) -> dict[str, pa.Table]:
        """Case tables of a look: the requests of the trailing window.

        Args:
            end: end of the window, microseconds since 1970.
            before: what the look before left, as a watch hands it on; what this one leaves is in `left`.
        """
        inside = pc.and_(pc.greater_equal(self.times, end - WINDOW_DAYS * 24 * HOUR), pc.less(self.times, end))
        return self._judged(self.sketches.filter(inside).combine_chunks(), before or LookBefore())

    def judged(self) -> dict[str, pa.Table]:
        """Case tables of the whole log."""
        return self._judged(self.sketches, LookBefore())

    def _judged(self, sketches: pa.Table, before: LookBefore) -> dict[str, pa.Table]:
        read, groups = LocalDataset.of(sketches), before.groups
        linked = link_slices(read, self.config, Silent(), groups)
        rows, least = (linked.traffic, linked.sliced), self.config.resolve.min_accounts
        candidates = add_remembered(resolve_campaigns(linked.links, *rows, self.config), groups, *rows, least=least)
        sliced = mark_own_phrases(read, linked.traffic, linked.sliced, candidates, linked.totals)
        judged = (linked.traffic, sliced, candidates)
        flagged = list(before.flagged)
        tables, harvested = score_campaigns(*judged, self.customers, self.config, Silent(), linked.totals, flagged)
        accounts = tables["accounts"]
        now = accounts.filter(accounts["flagged"])["account_id"].to_pylist()
        shown = tables["harvest"]["campaign_id"], harvested
        self.left = LookBefore(now, remember_groups(*judged, shown, groups))
        return tables


def _settled(sketches: Iterable[pa.Table]) -> pa.Table:
    """All sketches of one input in memory, each request once."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "log"
        writer = SegmentWriter(home)
        for table in sketches:
            writer.add(0, table)
        writer.close()
        store = Store([(0, home)])
        store.settle_repeats()
        return store.dataset(1).gather(_as_read, SKETCHES.arrow)


def _as_read(table: pa.Table, _: Any) -> pa.Table:
    return table
