"""How far warm hunts of a watch are from cold ones: verdicts, probabilities and members, in worlds with known truth.

    python benchmarks/live/warm.py                         six worlds, three splits each
    python benchmarks/live/warm.py --worlds first-3 second-6 --seed 5

A cold hunt over all but the last day is the base. An hour, twelve hours and a day later a warm hunt follows, with a
cold one beside it, which has a data folder of its own.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import log2
from pathlib import Path
from typing import Any

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

Rows = Iterable[Sequence[object]]
WORLDS = ("first-1", "first-3", "first-5", "first-7", "second-3", "second-6")
HOURS = (1, 12, 24)
COLUMNS = ("world", "hours", "new", "placed", "in slices", "judged", "act", "members", "flagged", "truth flagged",
           "honest flagged", "most |bits|")  # fmt: skip


def build(name: str, accounts: int, seed: int) -> World:
    """A world of a generator and rung."""
    generator, rung = name.split("-")
    if generator == "first":
        return build_world(spec_for_rung(int(rung), accounts=accounts, seed=seed))
    return build_second_world(SecondSpec(rung=int(rung), accounts=accounts, seed=seed))


def hunt_in(folder: Path, watched: Path, accounts: Path, now: int, warm: bool) -> Case:
    """The case of one hunt of a watch."""
    config = Config.load({"watch": {"accounts": str(accounts), "cold_hours": 48}}, environ={})
    snapshot = hunt_now(HuntPlan(DataFolder(folder), config, (str(watched),), now, warm=warm))
    if snapshot is None:
        raise SystemExit("nothing was hunted")
    return Case.read(snapshot.case)


def flagged_in(case: Case) -> set[str]:
    """Accounts that a case flags."""
    return set(case.accounts.filter(case.accounts["flagged"])["account_id"].to_pylist())


def both(warm: object, cold: object) -> str:
    """Two values in one cell."""
    return f"{warm} / {cold}"


def log_odds(probability: float) -> float:
    """Bits of a probability."""
    return log2(max(probability, 1e-12) / max(1 - probability, 1e-12))


def compare(warm: Case, cold: Case, truth: set[str]) -> list[object]:
    """What differs: cells with the warm and the cold value."""

    def members(case: Case) -> set[str]:
        shown = case.campaigns["campaign_id"].unique()
        return set(case.members.filter(pc.is_in(case.members["campaign_id"], shown))["account_id"].to_pylist())

    def acting(case: Case) -> int:
        return case.campaigns["verdict"].to_pylist().count("act")

    def scores(case: Case) -> dict[str, float]:
        return {row["campaign_id"]: row["score"] for row in case.campaigns.select(["campaign_id", "score"]).to_pylist()}

    one, other = members(warm), members(cold)
    apart = len(one ^ other)
    flagged = flagged_in(warm), flagged_in(cold)
    common = scores(warm).keys() & scores(cold).keys()
    most = max((abs(log_odds(scores(warm)[name]) - log_odds(scores(cold)[name])) for name in common), default=0.0)
    return [
        both(acting(warm), acting(cold)),
        f"{both(len(one), len(other))} ({apart} differ)",
        f"{both(*map(len, flagged))} ({len(flagged[0] ^ flagged[1])} differ)",
        both(*(len(own & truth) for own in flagged)),
        both(*(len(own - truth) for own in flagged)),
        f"{most:.2f}",
    ]


def splits(name: str, accounts: int, seed: int) -> Iterator[list[object]]:
    """One row for each split of a world."""
    world = build(name, accounts, seed)
    truth = {row["account_id"] for row in world.truth_accounts.to_pylist() if row["campaign"]}
    times = world.requests["timestamp"].cast(pa.int64()).to_numpy()
    end = int(times.max())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pq.write_table(world.accounts, folder / "accounts.parquet")
        watched = folder / "log"
        watched.mkdir()
        now, last = time.time_ns() // 1000, end - 24 * HOUR
        pq.write_table(world.requests.filter(pa.array(times <= last)), watched / "base.parquet")
        hunt_in(folder / "data", watched, folder / "accounts.parquet", now, warm=True)
        shutil.copytree(folder / "data", folder / "beside", symlinks=True)
        for hours in HOURS:
            until = end - (24 - hours) * HOUR
            pq.write_table(
                world.requests.filter(pa.array((times > last) & (times <= until))),
                watched / f"more-{hours:02d}.parquet",
            )
            last, now = until, now + 60_000_000
            warm = hunt_in(folder / "data", watched, folder / "accounts.parquet", now, warm=True)
            cold = hunt_in(folder / "beside", watched, folder / "accounts.parquet", now, warm=False)
            said: dict[str, Any] | None = warm.run.get("warm")
            if said is None:
                yield [name, hours, *["was cold"] * (len(COLUMNS) - 2)]
                return
            figures = [said["new_requests"], said["placed"], said["harvested"], len(said["judged"])]
            yield [name, hours, *figures, *compare(warm, cold, truth)]


def print_rows(
    described: str | None, worlds: Sequence[str], columns: Sequence[str], measure: Callable[[str, int, int], Rows]
) -> None:
    """Print a table, row by row, of the worlds that the command line names.

    Args:
        described: what `--help` says.
        worlds: unless others are named.
        measure: rows of a world, by its name, accounts and seed.
    """
    parser = argparse.ArgumentParser(description=described, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=worlds)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)
    for name in arguments.worlds:
        for row in measure(name, arguments.accounts, arguments.seed):
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    print_rows(__doc__, WORLDS, COLUMNS, splits)
