"""How far warm hunts of a watch are from cold ones, over random splits of worlds with known truth.

    python benchmarks/live/warm.py                         200 splits of six kinds of worlds, 15 minutes of two cores
    python benchmarks/live/warm.py --worlds first-3 second-6 --seed 5 --splits 20

Ten splits share a world, and worlds of a kind have different seeds. A cold hunt over what came until a random moment
in the second half is the base. After a random time of at most `watch.cold_hours`, a warm hunt follows, with a cold one
beside it, which has a data folder of its own. Beside the differences of these two stand those of the two cold hunts:
so much does a campaign move by itself meanwhile.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.config import Config
from stillhunt.base.units import HOUR
from stillhunt.triage import Case
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, build_world, spec_for_rung

WORLDS = ("first-1", "first-3", "first-5", "first-7", "second-3", "second-6")
SPLITS_OF_A_WORLD = 10
COLUMNS = ("world", "splits", "hunted cold", "members and flags are equal", "members apart, at most",
           "flags apart, at most", "verdicts apart", "honest flagged", "bits apart: median, at most")  # fmt: skip


@dataclass(frozen=True)
class Apart:
    """How far two cases are from each other."""

    members: int  # that only one of them has
    flagged: int  # accounts that only one of them flags
    verdicts: bool  # whether they have other numbers of campaigns to act on
    bits: float  # most, of the campaigns that both have


@dataclass(frozen=True)
class Split:
    """What became of one split."""

    hunted_cold: bool  # since no warm hunt can have it
    warm: Apart  # warm from cold
    meanwhile: Apart  # cold from the base
    honest: tuple[int, int]  # honest accounts that are flagged: warm, cold


def build(name: str, accounts: int, seed: int) -> World:
    """A world of a generator and rung."""
    generator, rung = name.split("-")
    if generator == "first":
        return build_world(spec_for_rung(int(rung), accounts=accounts, seed=seed))
    return build_second_world(SecondSpec(rung=int(rung), accounts=accounts, seed=seed))


def hunt_in(folder: Path, watched: Path, accounts: Path, now: int, warm: bool) -> Case:
    """The case of one hunt of a watch."""
    config = Config.load({"watch": {"accounts": str(accounts)}}, environ={})
    snapshot = hunt_now(HuntPlan(DataFolder(folder), config, (str(watched),), now, warm=warm))
    if snapshot is None:
        raise SystemExit("nothing was hunted")
    return Case.read(snapshot.case)


def flagged_in(case: Case) -> set[str]:
    """Accounts that a case flags."""
    return set(case.accounts.filter(case.accounts["flagged"])["account_id"].to_pylist())


def members_in(case: Case) -> set[str]:
    """Members of the campaigns that a case shows."""
    shown = case.campaigns["campaign_id"].unique()
    return set(case.members.filter(pc.is_in(case.members["campaign_id"], shown))["account_id"].to_pylist())


def log_odds(probability: float) -> float:
    """Bits of a probability."""
    return log2(max(probability, 1e-12) / max(1 - probability, 1e-12))


def compare(one: Case, other: Case) -> Apart:
    """What differs between two cases."""
    scores = [dict(zip(*(case.campaigns[name].to_pylist() for name in ("campaign_id", "score")), strict=True))
              for case in (one, other)]  # fmt: skip
    common = scores[0].keys() & scores[1].keys()
    acting = [case.campaigns["verdict"].to_pylist().count("act") for case in (one, other)]
    return Apart(
        len(members_in(one) ^ members_in(other)),
        len(flagged_in(one) ^ flagged_in(other)),
        acting[0] != acting[1],
        max((abs(log_odds(scores[0][name]) - log_odds(scores[1][name])) for name in common), default=0.0),
    )


def splits(name: str, accounts: int, seed: int, count: int) -> Iterator[Split]:
    """Random splits of a world."""
    world, draw = build(name, accounts, seed), np.random.default_rng([seed, zlib.crc32(name.encode())])
    truth = {row["account_id"] for row in world.truth_accounts.to_pylist() if row["campaign"]}
    times = world.requests["timestamp"].cast(pa.int64()).to_numpy()
    first, end = int(times.min()), int(times.max())
    most = int(Config().watch.cold_hours * HOUR)
    for _ in range(count):
        last = int(draw.integers((first + end) // 2, end - most))
        until = last + int(draw.integers(most // 24, most))
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            pq.write_table(world.accounts, folder / "accounts.parquet")
            watched = folder / "log"
            watched.mkdir()
            parts = {"base": times <= last, "more": (times > last) & (times <= until)}
            pq.write_table(world.requests.filter(pa.array(parts["base"])), watched / "base.parquet")
            now, named = time.time_ns() // 1000, (watched, folder / "accounts.parquet")
            base = hunt_in(folder / "data", *named, now, warm=True)
            shutil.copytree(folder / "data", folder / "beside", symlinks=True)
            pq.write_table(world.requests.filter(pa.array(parts["more"])), watched / "more.parquet")
            warm = hunt_in(folder / "data", *named, now + 60_000_000, warm=True)
            cold = hunt_in(folder / "beside", *named, now + 60_000_000, warm=False)
            honest = len(flagged_in(warm) - truth), len(flagged_in(cold) - truth)
            yield Split(warm.run.get("warm") is None, compare(warm, cold), compare(cold, base), honest)


def describe(name: str, found: Sequence[Split]) -> list[object]:
    """A row of the table: warm from cold, and behind a slash a cold hunt from the one before it."""
    kinds = [one.warm for one in found], [one.meanwhile for one in found]

    def both(told: Callable[[Sequence[Apart]], object]) -> str:
        return " / ".join(str(told(kind)) for kind in kinds)

    def tell_bits(kind: Sequence[Apart]) -> str:
        bits = [one.bits for one in kind]
        return f"{np.median(bits):.2f}, {max(bits):.2f}"

    return [
        name,
        len(found),
        sum(one.hunted_cold for one in found),
        both(lambda kind: sum(one.members == one.flagged == 0 for one in kind)),
        both(lambda kind: max(one.members for one in kind)),
        both(lambda kind: max(one.flagged for one in kind)),
        both(lambda kind: sum(one.verdicts for one in kind)),
        " / ".join(str(sum(one.honest[place] for one in found)) for place in (0, 1)),
        both(tell_bits),
    ]


def options_of(described: str | None, worlds: Sequence[str]) -> argparse.ArgumentParser:
    """What the command line names: worlds, unless others are named, their accounts and a seed."""
    parser = argparse.ArgumentParser(description=described, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=worlds)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=3)
    return parser


def print_row(cells: Iterable[object]) -> None:
    """Print a row of a table as soon as it is there."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def splits_of(order: tuple[str, int, int, int]) -> list[Split]:
    """Those of one world, in a process of its own."""
    return list(splits(*order))


def main() -> None:
    parser = options_of(__doc__, WORLDS)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    kinds, left = len(options.worlds), options.splits
    orders = []
    while left > 0:
        world = len(orders)
        count = min(SPLITS_OF_A_WORLD, left)
        orders.append((options.worlds[world % kinds], options.accounts, options.seed + world // kinds, count))
        left -= count
    print_row(COLUMNS)
    print_row(["---"] * len(COLUMNS))
    found: dict[str, list[Split]] = {}
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for order, made in zip(orders, pool.imap(splits_of, orders), strict=True):
            found.setdefault(order[0], []).extend(made)
    for name, each in found.items():
        print_row(describe(name, each))
    print_row(describe("all", [one for each in found.values() for one in each]))


if __name__ == "__main__":
    main()
