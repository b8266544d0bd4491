"""What a scheduled hunt costs after 15 minutes of new traffic, beside a hunt that reads the whole window.

    python benchmarks/live/hunt_cost.py                   some 3.6 million requests; 20 minutes, 10 GB of disk
    python benchmarks/live/hunt_cost.py --scale 0.01      a short look

The log is the founding case (`stillhunt lab world --case founding`), as JSON lines in the parts of a spool, one for
each 15 minutes. The last part is held back. Three hunts in processes of their own: over everything without kept state
(a whole hunt); over all but the last part, which fills the state; and one more with the last part. CPU is of all
threads.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from stillhunt.base.config import Config
from stillhunt.watch.child import hunt_in_child
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_lab.founding.build import FoundingSpec, write_founding_case

PART_SECONDS = 900


def spool_of(world: Path, data: DataFolder, scratch: Path) -> list[Path]:
    """The requests of a world as closed parts of a spool, in order of time."""
    files = str(world / "requests" / "*.parquet")
    rows = duckdb.read_parquet(files)
    parted = rows.project(f"*, epoch(timestamp)::BIGINT // {PART_SECONDS} AS part")
    parted.create_view("parted")
    duckdb.execute(f"COPY parted TO '{scratch}' (FORMAT json, PARTITION_BY (part), OVERWRITE_OR_IGNORE)")
    hour = data.spool / "gateway" / datetime.now(UTC).strftime("%Y-%m-%dT%H")
    hour.mkdir(parents=True)
    parts = []
    for folder in sorted(scratch.iterdir(), key=lambda path: int(path.name.split("=")[1])):
        part = hour / f"part-{folder.name.split('=')[1]}-00000000-jsonl.jsonl"
        with part.open("wb") as sink:
            for piece in sorted(folder.iterdir()):
                sink.write(piece.read_bytes())
        parts.append(part)
    shutil.rmtree(scratch)
    return parts


def hunted(data: DataFolder, config: Config) -> tuple[float, float, int, int]:
    """CPU seconds, seconds, peak bytes and requests of one scheduled hunt."""
    outcome = hunt_in_child(HuntPlan(data, config, (), time.time_ns() // 1000))
    if outcome.failure:
        sys.exit(outcome.failure)
    snapshot = latest_snapshot(data)
    facts = snapshot.facts() if snapshot is not None else {}
    return facts["cpu_seconds"], outcome.seconds, outcome.peak_bytes, facts["requests"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1, help="share of the founding case")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        write_founding_case(FoundingSpec(scale=options.scale), scratch / "world")
        whole, kept = DataFolder(scratch / "whole"), DataFolder(scratch / "kept")
        parts = spool_of(scratch / "world", whole, scratch / "json")
        config = Config.load(
            {"watch": {"accounts": str(scratch / "world" / "accounts.parquet")}},
            environ={},
            file=scratch / "world" / "stillhunt.toml",
        )
        for part in parts[:-1]:
            target = kept.spool / part.relative_to(whole.spool)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(part)
        full = hunted(whole, config)
        first = hunted(kept, config)
        (kept.spool / parts[-1].relative_to(whole.spool)).hardlink_to(parts[-1])
        more = hunted(kept, config)
        size = sum(part.stat().st_size for part in parts)
        print(f"{full[3]:,} requests in {len(parts)} parts, {size / 1e9:.1f} GB of JSON lines")
        for label, found in (("whole", full), ("fills the state", first), ("15 minutes more", more)):
            cpu, seconds, peak, requests = found
            print(
                f"{label:<16} {requests:>10,} requests  {cpu:7.1f} s of CPU ({cpu / full[0]:4.0%})  "
                f"{seconds:6.1f} s  {peak / 1e9:.2f} GB"
            )


if __name__ == "__main__":
    main()
