"""Operations that come back after a ban with other words: how many of their accounts the queue links, and how soon.

    python benchmarks/quality/returns.py OUT --seeds 961-964 [--texts FILE] [--third FOLDER ...]
    python benchmarks/quality/returns.py OUT --table

An episode: accounts of a campaign (rung 11) are banned, others go on with the rest of its queue, in another template
(`rewritten`) and with other cards and clients. The true harvest before the ban is signed, as if a person had confirmed
all of it: what a hunt misses is not measured here. Replacements are accounts that harvest after the ban and not before.
A hunt looks every `LOOK` hours. A replacement is linked in time where a look links it whose log ends at most `LOOK`
hours after the first 24 hours of its harvest or the campaign's first 1,000 requests after the ban, whichever is later.

Honest newcomers: all honest accounts of the worlds of the other seeds of a kind, whose time is moved behind the ban,
each world as one crowd without a return among them; and, apart, the honest accounts beside each return.

Kinds: first and second generator, second with real texts, and FOLDERs of a third one, which has `requests` (a log) and
`truth/requests.parquet` (request_id, account_id, operation). OUT/rows.jsonl has a row for each world.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
from signatures import sketches_of, true_tables

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.schema_case import MEMBERS
from stillhunt.base.units import DAY, HOUR
from stillhunt.collect import open_requests
from stillhunt.extract import sketch_requests
from stillhunt.watch.signatures.compiling import compile_signatures
from stillhunt.watch.signatures.matcher import Matcher
from stillhunt.watch.signatures.queues import linked_by_queue
from stillhunt.watch.signatures.signature import SignatureSet
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec
from stillhunt_lab.worlds.rungs import Traits

CUT = {"first": 0.6, "second": 0.4, "texts": 0.4, "third": 0.5}
"""Part of the log before the ban: bans of the second generator come in one wave, those of the first over time."""
LOOK, IN_HOURS, IN_REQUESTS = 6, 24, 1_000
ACCOUNTS, CAMPAIGN = 1_500, 100
Array = np.ndarray[Any, np.dtype[Any]]


class Episode:
    """Sketches of a world with a ban.

    Attributes:
        cut: time of the ban.
        known, back, honest: ids of accounts that harvested before, of replacements, and of honest accounts.
    """

    def __init__(self, kind: str, sketches: pa.Table, harvested: pa.Array) -> None:
        self.kind, self.sketches = kind, sketches
        self.time = sketches["timestamp"].cast(pa.int64()).to_numpy()
        self.harvest = pc.is_in(sketches["request_id"], value_set=harvested).to_numpy()
        self.owner = np.array(sketches["account_id"].to_pylist())
        self.cut = int(self.time.min() + CUT[kind] * (self.time.max() - self.time.min()))
        self.known = set(self.owner[self.harvest & (self.time < self.cut)].tolist())
        all_planted = set(self.owner[self.harvest].tolist())
        self.back, self.honest = sorted(all_planted - self.known), set(self.owner.tolist()) - all_planted

    def until(self, now: float) -> LocalDataset:
        """The log up to a time."""
        return LocalDataset.of(self.sketches.filter(pa.array(self.time <= now)))

    def signed(self) -> SignatureSet:
        """Signatures and profiles of the true harvest before the ban."""
        tables = true_tables(_World(self), self.time < self.cut, {"members": MEMBERS.empty()})  # type: ignore[arg-type]  # what it reads of a world
        return compile_signatures(self.until(self.cut), tables, Config(), self.cut)

    def deadlines(self) -> dict[str, float]:
        """Time by which each replacement should be linked."""
        later = self.time[self.harvest & (self.time >= self.cut)]
        thousandth = later[min(IN_REQUESTS, len(later)) - 1]
        begun = {one: self.time[self.harvest & (self.owner == one)].min() for one in self.back}
        return {one: float(max(at + IN_HOURS * HOUR, thousandth)) + LOOK * HOUR for one, at in begun.items()}

    def as_newcomers(self, since: int) -> LocalDataset:
        """The honest accounts, all of them new: the first row is one more account, ten days before."""
        own = self.sketches.filter(pc.is_in(self.sketches["account_id"], value_set=pa.array(sorted(self.honest))))
        moved = own["timestamp"].cast(pa.int64()).to_numpy() - int(self.time.min()) + since + DAY
        old = own.slice(0, 1)
        for name, value in (("account_id", "-"), ("account_key", 1)):
            old = _with_column(old, name, pa.array([value]))
        times = pa.array(np.append(since - 10 * DAY, moved))
        return LocalDataset.of(_with_column(pa.concat_tables([old, own]), "timestamp", times))


def _with_column(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.column_names.index(name), field, column.cast(field.type))


class _World:
    """What `true_tables` reads of a world."""

    def __init__(self, episode: Episode) -> None:
        self.requests = episode.sketches.select(["request_id", "account_id", "timestamp"])
        names = episode.sketches["request_id"]
        self.truth_requests = pa.table(
            {"request_id": names, "campaign": np.where(episode.harvest, "true", ""), "account_id": episode.owner}
        )


def build_episode(kind: str, seed: int, texts: Path | None) -> Episode:
    """An episode of one of the lab's generators."""
    if kind == "first":
        campaign = CampaignSpec(11, CAMPAIGN, name="back", traits=Traits(rewritten=CUT[kind]))
        world = build_world(WorldSpec(ACCOUNTS, 14, seed, (campaign,)))
    else:
        more = {"campaign_accounts": CAMPAIGN, "rewritten": CUT[kind], "texts": texts if kind == "texts" else None}
        world = build_second_world(SecondSpec(11, ACCOUNTS // 2, 14, seed, **more))  # type: ignore[arg-type]  # settings by name
    truth = world.truth_requests
    harvested = truth.filter(pc.not_equal(truth["campaign"], ""))["request_id"].combine_chunks()
    return Episode(kind, sketches_of(world.requests), harvested)


def read_episode(folder: Path) -> Episode:
    """An episode of a third generator, from its log and its truth."""
    with DuckDBEngine(threads=1, memory_gb=1.0) as engine:
        log = open_requests(str(folder / "requests"), mapping=None, config=Config(), engine=engine, progress=Silent())
        sketches = pa.concat_tables([sketch_requests(batch, Config()) for batch in log.batches()]).sort_by("timestamp")
    truth = pq.read_table(folder / "truth" / "requests.parquet")
    return Episode("third", sketches, truth.filter(truth["operation"].is_valid())["request_id"].combine_chunks())


def episode_row(name: str, episode: Episode, others: list[Episode]) -> dict[str, Any]:
    """One world: sign, look, and try the profile on the honest accounts of others."""
    began = time.process_time()
    signed = episode.signed()
    compile_cpu = time.process_time() - began
    linked: dict[str, float] = {}
    looks = np.arange(episode.cut + LOOK * HOUR, episode.time.max() + LOOK * HOUR, LOOK * HOUR)
    for now in looks.tolist():
        for one in linked_by_queue(episode.until(now), signed, episode.known):
            linked.setdefault(one.account_id, now)
    matcher = Matcher(signed.signatures)
    late = pc.is_in(episode.sketches["account_id"], value_set=pa.array(episode.back, pa.string()))
    matcher.match(episode.sketches.filter(pc.and_(late, pa.array(episode.time >= episode.cut))))
    due = episode.deadlines()
    begun = {one: episode.time[episode.owner == one].min() for one in episode.honest}
    strangers = [linked_by_queue(one.as_newcomers(episode.cut), signed, set()) for one in others]
    return {
        "kind": episode.kind, "name": name, "profiles": len(signed.queues), "template": len(signed.signatures),
        "back": len(episode.back), "linked": sum(one in linked for one in episode.back),
        "in_time": sum(linked.get(one, np.inf) <= due[one] for one in episode.back),
        "by_template": len({one.account_id for one in matcher.linked()}),
        "beside": sum(at >= episode.cut for at in begun.values()), "active": len(episode.honest),
        "beside_linked": sum(one in linked for one in episode.honest),
        "strangers": sum(len(one.honest) for one in others), "strangers_linked": sum(map(len, strangers)),
        "looks": len(looks), "compile_cpu": round(compile_cpu, 2), "cpu": round(time.process_time() - began, 1),
    }  # fmt: skip


def print_returns_table(rows: list[dict[str, Any]]) -> None:
    """Sums by kind."""
    names = ("back", "by_template", "linked", "in_time", "active", "beside_linked", "strangers", "strangers_linked")
    print(f"{'kind':<8}{'worlds':>7}" + "".join(f"{name:>18}" for name in names))
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        print(f"{kind:<8}{len(own):>7}" + "".join(f"{sum(row[name] for row in own):>18,}" for name in names))


def main() -> None:
    """Build the episodes of each kind, measure them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="961-964", help="first and last seed")
    parser.add_argument("--kinds", default="first,second")
    parser.add_argument("--texts", type=Path, help="Parquet file of real texts with the columns text and topic")
    parser.add_argument("--third", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--table", action="store_true", help="only print what was measured before")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "rows.jsonl"
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    kinds = [*options.kinds.split(","), *(["texts"] if options.texts else [])]
    worlds: list[tuple[str, list[Any]]] = [(kind, list(seeds)) for kind in kinds if kind]
    worlds += [("third", options.third)] if options.third else []
    for kind, sources in worlds if not options.table else ():
        episodes = {
            str(one): read_episode(one) if kind == "third" else build_episode(kind, one, options.texts)
            for one in sources
        }
        for name, episode in episodes.items():
            row = episode_row(name, episode, [one for other, one in episodes.items() if other != name])
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, default=int) + "\n")
            print(json.dumps(row, default=int), file=sys.stderr, flush=True)
    print_returns_table([json.loads(line) for line in path.read_text().splitlines()])


if __name__ == "__main__":
    main()
