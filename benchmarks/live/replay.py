"""Worlds with known truth, posted to a real `stillhunt serve` in order of time: how soon campaigns are called and tied.

    python benchmarks/live/replay.py OUT --calls --seeds 961-965         first correct call; 40 minutes
    python benchmarks/live/replay.py OUT --returns --seeds 961-965       replacement accounts after a swap (rung 11)
    python benchmarks/live/replay.py OUT --table                         the figures, from the rows so far

OUT is a folder: `rows.jsonl` has one row for each world, and worlds that have a row are not done again.

*First correct call*: as in docs/benchmark.md, a group to act on has at least 5 accounts of which 90 % belong to the
campaign, and so has one an hour of log time later. Hunts are at quarters of an hour of log time, whenever the harvest
has grown by a fifth since the last hunt, from 20 requests on: an operator who hunts every quarter of an hour calls it
no later, and up to a fifth earlier.

*Return*: three fifths of a log whose campaign replaces its accounts (rung 11) are posted and hunted; then comes the
rest, without a further hunt. Replacements are accounts that harvest after the swap and not before it. An account counts
as linked in time where its first 24 hours of harvest, or the campaign's first 1,000 requests after the swap, hold the
request at which it was linked by signature.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from served import Served, served
from signatures import world_of

from stillhunt.base.units import DAY, HOUR, MINUTE
from stillhunt.triage import Case
from stillhunt_lab.bench.measures import Truth, case_result
from stillhunt_lab.bench.replay import called_campaigns
from stillhunt_lab.worlds.build import World

CALL_RUNGS, RETURN_RUNG = (1, 2, 3, 4, 5, 6, 10, 11), 11
GENERATORS = ("first", "second")
QUARTER = 15 * MINUTE
GROWTH, FIRST_LOOK = 1.2, 20
SWAP = 0.6
IN_HOURS, IN_REQUESTS = 24, 1_000
HUNTS_WHEN_ASKED = (
    "--set",
    "watch.every_minutes=1440",
    "--set",
    "watch.early_share=0",
    "--set",
    "watch.window_days=60",
)
POSTED = 2_000
"""Lines of a body."""
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Log:
    """A world as lines of JSON in order of time, moved by whole weeks so that it ends now.

    Attributes:
        world: with the times that it was built with.
        times: of the lines, microseconds since 1970, after the move.
        lines: one for each request.
        harvest: which of them are harvested.
        accounts: account of each.
        shift: microseconds that were added.
    """

    world: World
    times: Array
    lines: list[bytes]
    harvest: Array
    accounts: Array
    shift: int


def log_of(world: World) -> Log:
    """The lines of a world."""
    requests = world.requests.sort_by("timestamp")
    times = requests["timestamp"].cast(pa.int64()).to_numpy()
    now = time.time_ns() // 1000
    shift = (now - int(times.max())) // (7 * DAY) * 7 * DAY
    truth = world.truth_requests
    names = truth.filter(pc.not_equal(truth["campaign"], ""))["request_id"].combine_chunks()
    lines = []
    for row in requests.to_pylist():
        at = datetime.fromtimestamp((int(row["timestamp"].timestamp() * 1e6) + shift) / 1e6, UTC)
        kept = {name: value for name, value in row.items() if value is not None}
        lines.append(json.dumps({**kept, "timestamp": at.isoformat()}).encode())
    harvest = pc.is_in(requests["request_id"], value_set=names).to_numpy()
    return Log(world, times + shift, lines, harvest, np.array(requests["account_id"].to_pylist()), shift)


@contextmanager
def serving(world: World, folder: Path) -> Iterator[Served]:
    """A server that hunts when it is asked, and knows the declared programmes of a world."""
    file = folder / "stillhunt.toml"
    allowed = json.dumps(list(world.sanctioned))
    file.write_text(
        f"[sanctioned]\norganizations = {allowed}\n[watch]\naccounts = {json.dumps(str(folder / 'a.parquet'))}\n"
    )
    pq.write_table(world.accounts, folder / "a.parquet")
    words = ("--settings", str(file), *HUNTS_WHEN_ASKED)
    with served(folder / "data", words) as server:
        yield server


def post(server: Served, log: Log, begin: int, end: int) -> None:
    """Post lines; each body is on disk when this returns."""
    for start in range(begin, end, POSTED):
        body = b"\n".join(log.lines[start : min(start + POSTED, end)])
        server.call("POST", "/v1/ingest/jsonl", body, "application/x-ndjson")


def latest_case(server: Served) -> Case:
    """What the latest hunt found."""
    return Case.read(server.data / "snapshots" / "latest" / "case")


def moments(log: Log) -> Iterator[int]:
    """Quarters of an hour at which the harvest has grown by a fifth."""
    begin = int(log.times[0])
    own, wanted = log.times[log.harvest], float(FIRST_LOOK)
    while wanted < len(own):
        yield begin + -((begin - int(own[int(wanted)])) // QUARTER) * QUARTER
        wanted *= GROWTH
    yield int(log.times[-1]) + 1


def call_row(generator: str, rung: int, seed: int) -> dict[str, Any]:
    """Post a world and hunt until its campaign is called, and called an hour later as well."""
    log = log_of(world_of(generator, rung, seed, 1500, 14))
    truth = Truth(log.world.truth_accounts, log.world.truth_requests)
    posted, wrong, hunts = 0, 0, 0
    row = {"what": "call", "generator": generator, "rung": rung, "seed": seed, "harvested": int(log.harvest.sum())}
    with tempfile.TemporaryDirectory() as name, serving(log.world, Path(name)) as server:

        def called(at: int) -> bool:
            nonlocal posted, wrong, hunts
            end = int(np.searchsorted(log.times, at))
            post(server, log, posted, end)
            opened = log.world.accounts["created_at"].cast(pa.int64())
            known = log.world.accounts.filter(pc.fill_null(pc.less(opened, at - log.shift), True))
            pq.write_table(known, Path(name) / "b.parquet")
            (Path(name) / "b.parquet").replace(Path(name) / "a.parquet")
            posted, hunts = end, hunts + 1
            if failure := server.hunt()["failure"]:
                raise RuntimeError(failure)
            names, others = called_campaigns(case_result(latest_case(server).tables), truth)
            wrong += others > 0
            return bool(names)

        for at in moments(log):
            if at > log.times[0] and called(at) and called(at + HOUR):
                before = int((log.times[log.harvest] < at).sum())
                hours = (at - int(log.times[log.harvest][0])) / HOUR
                return {**row, "requests": before, "hours": round(hours, 2), "hunts": hunts, "wrong": wrong}
    return {**row, "requests": None, "hours": None, "hunts": hunts, "wrong": wrong}


def return_row(generator: str, seed: int) -> dict[str, Any]:
    """Post three fifths of a world, hunt, post the rest, and look at who was linked by signature and when."""
    log = log_of(world_of(generator, RETURN_RUNG, seed, 1500, 14))
    swap = int(log.times[0] + SWAP * (log.times[-1] - log.times[0]))
    place = int(np.searchsorted(log.times, swap))
    before, after = (set(log.accounts[log.harvest & side].tolist()) for side in (log.times < swap, log.times >= swap))
    replacements = sorted(after - before)
    with tempfile.TemporaryDirectory() as name, serving(log.world, Path(name)) as server:
        post(server, log, 0, place)
        server.hunt()
        signed = json.loads((server.data / "snapshots" / "latest" / "signatures.json").read_bytes())
        time.sleep(3.0)  # the follower takes the signatures
        post(server, log, place, len(log.lines))
        linked = followed(server, bool(signed["signatures"]))
    late = log.times >= swap
    own_harvest = np.flatnonzero(late & log.harvest)
    thousandth = log.times[own_harvest[min(IN_REQUESTS, len(own_harvest)) - 1]]
    in_time = []
    for account in replacements:
        rows = np.flatnonzero(late & (log.accounts == account))
        first = log.times[rows[log.harvest[rows]][0]]
        if account in linked:
            at = log.times[rows[min(linked[account], len(rows)) - 1]]
            in_time.append(bool(at <= max(first + IN_HOURS * HOUR, thousandth)))
    persona = Truth(log.world.truth_accounts, log.world.truth_requests).persona
    strangers = {account: persona[account] for account in linked if account not in before | after}
    return {
        "what": "return", "generator": generator, "rung": RETURN_RUNG, "seed": seed,
        "signed": len(signed["signatures"]),
        "without": [one["reason"] for one in signed["without"]],
        "replacements": len(replacements), "linked": len(in_time), "in_time": sum(in_time), "honest_linked": strangers,
        "requests": sorted(linked[account] for account in replacements if account in linked),
    }  # fmt: skip


def followed(server: Served, signed: bool) -> dict[str, int]:
    """Account -> its requests until it was linked, once no further one has been linked for a while."""
    found, still = dict[str, int](), 0
    while still < (10 if signed else 1):
        time.sleep(1.0)
        with sqlite3.connect(f"file:{server.data}/stillhunt.db?mode=ro", uri=True) as database:
            now = dict(database.execute("SELECT account_id, MIN(requests) FROM linked_accounts GROUP BY account_id"))
        still = still + 1 if now == found else 0
        found = now
    return found


def rows_of(out: Path) -> list[dict[str, Any]]:
    """Rows so far."""
    path = out / "rows.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def print_table(out: Path) -> None:
    """First calls and returns by generator and rung."""
    rows = rows_of(out)
    print(
        f"{'first call':<12}{'rung':>5}{'worlds':>8}{'called':>8}{'median':>9}{'worst':>9}{'share':>8}"
        f"{'wrong hunts':>13}"
    )
    for generator in GENERATORS:
        for rung in CALL_RUNGS:
            own = [row for row in rows if (row["what"], row["generator"], row["rung"]) == ("call", generator, rung)]
            called = [row for row in own if row["requests"] is not None]
            if not own:
                continue
            counts, shares = ([row["requests"] / by(row) for row in called] or [np.nan] for by in (_one, _harvested))
            print(
                f"{generator:<12}{rung:>5}{len(own):>8}{len(called):>8}{np.median(counts):>9,.0f}{max(counts):>9,.0f}"
                f"{np.median(shares):>8.1%}{sum(row['wrong'] for row in own):>13}"
            )
    print(f"\n{'return':<12}{'worlds':>8}{'signed':>8}{'replaced':>10}{'linked':>8}{'in time':>9}{'honest':>8}")
    for generator in GENERATORS:
        own = [row for row in rows if (row["what"], row["generator"]) == ("return", generator)]
        sums = [sum(row[name] for row in own) for name in ("replacements", "linked", "in_time")]
        signed, honest = sum(row["signed"] > 0 for row in own), sum(len(row["honest_linked"]) for row in own)
        print(f"{generator:<12}{len(own):>8}{signed:>8}{sums[0]:>10}{sums[1]:>8}{sums[2]:>9}{honest:>8}")


def _one(_row: dict[str, Any]) -> int:
    return 1


def _harvested(row: dict[str, Any]) -> int:
    harvested: int = row["harvested"]
    return harvested


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--returns", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--seeds", default="961-965", help="first and last seed")
    parser.add_argument("--rungs", default=",".join(map(str, CALL_RUNGS)))
    parser.add_argument("--generators", default=",".join(GENERATORS))
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    first, _, last = options.seeds.partition("-")
    done = {(row["what"], row["generator"], row["rung"], row["seed"]) for row in rows_of(out)}
    for seed in range(int(first), int(last or first) + 1):
        for generator in options.generators.split(","):
            wanted = [("call", int(rung)) for rung in options.rungs.split(",") if options.calls]
            wanted += [("return", RETURN_RUNG)] * options.returns
            for what, rung in wanted:
                if (what, generator, rung, seed) in done:
                    continue
                row = call_row(generator, rung, seed) if what == "call" else return_row(generator, seed)
                with (out / "rows.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), file=sys.stderr, flush=True)
    if options.table:
        print_table(out)


if __name__ == "__main__":
    main()
