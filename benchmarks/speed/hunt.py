"""Time and peak memory of a whole `stillhunt hunt` process, stage by stage, from a new process to the written case.

    python benchmarks/speed/hunt.py                          a lab world of 2,000 accounts
    python benchmarks/speed/hunt.py --accounts 20000         a larger one
    python benchmarks/speed/hunt.py FOLDER --runs 3          a world on disk: requests/, accounts.parquet

Stages are those of run.json; "outside stages" is the interpreter, imports, writing the case and the screen. Memory is
the largest resident set that the system saw in the process. The first run also warms the page cache and, where they
are cold, compiles kernels; the table shows every run, so that this can be told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from stillhunt.lab.worlds import build_world, spec_for_rung, write_world

FOUND = 3
"""Exit code of a hunt with findings; 0 is one without."""
MEBIBYTE_KIB = 1024 if sys.platform != "darwin" else 1024 * 1024
"""Units of ru_maxrss in a MiB: KiB on Linux, bytes on macOS."""


@dataclass(frozen=True)
class Run:
    """One finished process."""

    wall: float
    cpu: float
    peak_mib: float
    stages: dict[str, float]

    @property
    def outside(self) -> float:
        """Seconds that no stage of run.json accounts for."""
        return self.wall - sum(self.stages.values())


def hunt_once(world: Path, case: Path, threads: int) -> Run:
    """Run one hunt in a process of its own.

    Args:
        world: folder with requests/ and, if there is one, accounts.parquet.
        case: folder to write.
        threads: worker threads; 0 = one per core.

    Raises:
        RuntimeError: the hunt failed.
    """
    words = [sys.executable, "-m", "stillhunt", "hunt", str(world / "requests"), "--out", str(case), "--quiet"]
    if (world / "accounts.parquet").exists():
        words += ["--accounts", str(world / "accounts.parquet")]
    if (world / "stillhunt.toml").exists():
        words += ["--settings", str(world / "stillhunt.toml")]
    started = time.perf_counter()
    process = os.posix_spawn(
        words[0],
        words,
        {**os.environ, "STILLHUNT_THREADS": str(threads)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in (0, FOUND):
        raise RuntimeError(f"stillhunt ended with exit code {os.waitstatus_to_exitcode(status)}: {' '.join(words)}")
    record = json.loads((case / "run.json").read_text("utf-8"))
    stages = {timing["stage"]: float(timing["seconds"]) for timing in record["timings"]}
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MEBIBYTE_KIB, stages)


def print_table(runs: list[Run], rows: int) -> None:
    """One column a run."""
    print(f"{'seconds':<22}" + "".join(f"{f'run {number}':>10}" for number in range(1, len(runs) + 1)))
    for stage in runs[0].stages:
        print(f"{stage:<22}" + "".join(f"{run.stages[stage]:>10.2f}" for run in runs))
    print(f"{'outside stages':<22}" + "".join(f"{run.outside:>10.2f}" for run in runs))
    print(f"{'wall':<22}" + "".join(f"{run.wall:>10.2f}" for run in runs))
    print(f"{'CPU':<22}" + "".join(f"{run.cpu:>10.2f}" for run in runs))
    print(f"{'peak memory, MiB':<22}" + "".join(f"{run.peak_mib:>10.0f}" for run in runs))
    print(f"{'requests a second':<22}" + "".join(f"{rows / run.wall:>10,.0f}" for run in runs))


def read_arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", nargs="?", type=Path, help="world on disk; none = build one")
    parser.add_argument("--accounts", type=int, default=2_000, help="honest accounts of the world that is built")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--rung", type=int, default=4)
    parser.add_argument("--campaign-accounts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    return parser.parse_args()


def main() -> int:
    """Build a world where none is given, hunt in it, print the table."""
    arguments = read_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        world = arguments.world
        if world is None:
            world = Path(scratch) / "world"
            spec = spec_for_rung(
                arguments.rung,
                accounts=arguments.accounts,
                days=arguments.days,
                seed=arguments.seed,
                campaign_accounts=arguments.campaign_accounts,
            )
            write_world(build_world(spec), world)
        parts = sorted((world / "requests").glob("*.parquet"))
        rows = sum(pq.read_metadata(part).num_rows for part in parts)
        size = sum(part.stat().st_size for part in parts)
        print(
            f"{rows:,} requests, {size / 1e6:,.0f} MB of Parquet, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        )
        runs = [
            hunt_once(world, Path(scratch) / f"case-{number}", arguments.threads) for number in range(arguments.runs)
        ]
    print_table(runs, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
