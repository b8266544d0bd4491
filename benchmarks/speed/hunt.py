"""What a whole `stillhunt hunt` costs, stage by stage, beside the floor: only decoding the prompts.

    python benchmarks/speed/hunt.py FOLDER                   requests/*.parquet and accounts.parquet
    python benchmarks/speed/hunt.py FOLDER --files 2         its first two files
    python benchmarks/speed/hunt.py                          a lab world of 2,000 accounts
    python benchmarks/speed/hunt.py --accounts 20000         a larger one
    python benchmarks/speed/hunt.py --made 1000000 --write   a made-up log, that of quick.py

`--write` puts the figures of a log of a million requests into `docs/figures`, from where pages take them.
Each run is a new process from the first import to the written case. Stages are those of run.json; "outside" is
interpreter, imports, writing the case and the screen. Peak memory of a stage is that of the process until its end. The
floor is a new process that decodes the prompt column with pyarrow and does nothing else, on one thread and on two, in
the same minutes. "floor" is CPU seconds as a multiple of those of the floor on one thread.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pyarrow.parquet as pq
from processes import Run, decode_prompts, hunt, machine, print_table, request_files, scratch_folder, succeeded
from quick import made_log

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, HUNT, write_figures

MILLION = 1_000_000
LARGER = (8, 16, 32)
"""Threads of larger machines, of which the last line tells."""


def make_world(arguments: argparse.Namespace, folder: Path) -> None:
    """A world of the lab, in a folder; imported late, for the floor is to be that of pyarrow alone."""
    from stillhunt_lab.worlds.build import build_world, spec_for_rung, write_world

    spec = spec_for_rung(
        arguments.rung,
        accounts=arguments.accounts,
        days=arguments.days,
        seed=arguments.seed,
        campaign_accounts=arguments.campaign_accounts,
    )
    write_world(build_world(spec), folder)


def print_run(number: int, run: Run, floors: dict[int, Run], rows: int, threads: int) -> None:
    """One table: stages, then the whole, then the floors."""
    megabytes = int(floors[1].output) / 1e6

    def line(name: str, wall: float, cpu: float, peak: float) -> list[object]:
        speed = [f"{rows / wall:,.0f}", f"{megabytes / wall:,.0f}"] if wall >= 0.01 else ["-", "-"]
        return [name, f"{wall:.2f}", f"{cpu:.2f}", *speed, f"{peak:,.0f}", f"{cpu / floors[1].cpu:.2f}"]

    stages = [
        (name, float(one["seconds"]), float(one["cpu_seconds"]), float(one["peak_mb"]))
        for name, one in run.stages.items()
    ]
    wall, cpu = sum(stage[1] for stage in stages), sum(stage[2] for stage in stages)
    table = [line(*stage) for stage in stages]
    table.append(line("outside", run.wall - wall, run.cpu - cpu, run.peak_mb))
    table.append(line("**whole process**", run.wall, run.cpu, run.peak_mb))
    table += [
        line(f"floor, {count} thread{'s' * (count > 1)}", one.wall, one.cpu, one.peak_mb)
        for count, one in floors.items()
    ]
    print(f"\nRun {number}: {rows:,} requests, {megabytes:,.0f} MB of prompts\n")
    print_table(["stage", "wall s", "CPU s", "rows/s", "MB/s", "peak MB", "floor"], table)
    print(f"\nWall: {run.wall / floors[2].wall:.1f} times the floor on 2 threads.", flush=True)
    costs = {name: (seconds, spent) for name, seconds, spent, _ in stages}
    print_larger_machines({**costs, "outside": (run.wall - wall, run.cpu - cpu)}, threads)


def print_larger_machines(stages: dict[str, tuple[float, float]], threads: int) -> None:
    """What more threads would make of it by Amdahl's law, if they did not hinder each other.

    Args:
        stages: wall and CPU seconds of each; they tell for how long one thread worked alone.
        threads: on which they were measured.
    """
    if threads < 2:
        return
    shared = {name: max(cpu - wall, 0.0) * threads / (threads - 1) for name, (wall, cpu) in stages.items()}
    alone = {name: wall - shared[name] / threads for name, (wall, _) in stages.items()}
    one = sum(alone.values())
    told = ", ".join(f"{count} threads {one + sum(shared.values()) / count:.1f} s" for count in LARGER)
    longest = sorted(alone, key=lambda name: -alone[name])[:3]
    places = ", ".join(f"{name} {alone[name]:.1f}" for name in longest)
    print(f"By Amdahl's law: {told}; one thread is alone for {one:.1f} s ({places}).", flush=True)


def write_run(run: Run, rows: int, megabytes: float) -> None:
    """Write the figures that pages state, which are of a million requests."""
    if rows != MILLION:
        raise SystemExit(f"pages state figures of a million requests, and this log has {rows:,}")
    values = {
        "hunt-million-cpu": (f"{run.cpu:.0f} CPU seconds", "one million requests, from start to written case"),
        "hunt-million-memory": (f"{run.peak_mb / 1e3:.1f} GB", "peak memory of the same"),
        "hunt-million-prompts": (f"{megabytes / 1e3:.1f} GB", "prompts of the same"),
    }
    write_figures(FOLDER / "hunt_speed.json", f"benchmarks/speed/hunt.py --made {MILLION} --write", HUNT, values)


def read_arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="log folder; none = build a world")
    parser.add_argument("--made", type=int, default=0, metavar="ROWS", help="a made-up log of so many requests")
    parser.add_argument("--files", type=int, default=0, help="only so many of its files; 0 = all")
    parser.add_argument("--accounts", type=int, default=2_000, help="honest accounts of the world that is built")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--rung", type=int, default=4)
    parser.add_argument("--campaign-accounts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    parser.add_argument("--write", action="store_true", help="write docs/figures/hunt_speed.json")
    return parser.parse_args()


def main() -> int:
    """Hunt, and decode, in turns; print a table for each turn."""
    arguments = read_arguments()
    print(machine())
    with scratch_folder() as scratch:
        folder = made_log(arguments.made)[0] if arguments.made else arguments.folder
        if folder is None:
            folder = scratch / "world"
            make_world(arguments, folder)
        parts, accounts = request_files(folder)
        parts = parts[: arguments.files or len(parts)]
        rows = sum(pq.read_metadata(part).num_rows for part in parts)
        options = ["--settings", str(folder / "stillhunt.toml")] if (folder / "stillhunt.toml").exists() else []
        decode_prompts(parts, 1)  # brings the files into the page cache
        for number in range(1, arguments.runs + 1):
            floors = {count: decode_prompts(parts, count) for count in (1, 2)}
            run = succeeded(hunt(parts, accounts, options=options, threads=arguments.threads))
            print_run(number, run, floors, rows, arguments.threads or os.cpu_count() or 1)
        if arguments.write:
            write_run(run, rows, int(floors[1].output) / 1e6)
    return 0


if __name__ == "__main__":
    sys.exit(main())
