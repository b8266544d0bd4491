"""How the cost of a hunt grows with the log: 1, 4 and 16 million requests of the same log, in one table.

    python benchmarks/speed/scaling.py FOLDER                        requests/*.parquet, accounts.parquet
    python benchmarks/speed/scaling.py FOLDER --requests 250000,500000

The first files are taken until the number is reached (whole files). Growth is CPU seconds over those of the column
before, as a share of the growth in requests: 1.00 is linear, below it is better.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow.parquet as pq
from processes import Run, hunt, machine, print_table, request_files, succeeded


def first_files(parts: list[Path], wanted: int) -> tuple[list[Path], int]:
    """Files from the first on that hold the wanted rows, and how many they hold."""
    taken, rows = [], 0
    for part in parts:
        if rows >= wanted:
            break
        taken.append(part)
        rows += pq.read_metadata(part).num_rows
    return taken, rows


def print_runs(runs: list[tuple[int, Run]]) -> None:
    """Seconds of each stage and size, with growth."""
    heads = ["stage"]
    for rows, _ in runs:
        heads += [f"{rows / 1e6:g}M wall s", "CPU s", "growth"]
    table: list[list[object]] = []
    for name in [*runs[0][1].stages, "whole process"]:
        line: list[object] = [name]
        before: tuple[int, float] | None = None
        for rows, run in runs:
            stage = run.stages.get(name)
            wall, cpu = (run.wall, run.cpu) if stage is None else (stage["seconds"], stage["cpu_seconds"])
            growth = f"{cpu / before[1] / (rows / before[0]):.2f}" if before and before[1] >= 0.05 else "-"
            line += [f"{wall:.2f}", f"{cpu:.2f}", growth]
            before = (rows, cpu)
        table.append(line)
    peaks: list[object] = ["peak MB"]
    for _, run in runs:
        peaks += [f"{run.peak_mb:,.0f}", "", ""]
    print_table(heads, [*table, peaks])


def main() -> int:
    """Hunt each size once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--requests", default="1000000,4000000,16000000", help="sizes, with commas between")
    arguments = parser.parse_args()
    parts, accounts = request_files(arguments.folder)
    print(machine() + "\n")
    runs: list[tuple[int, Run]] = []
    for wanted in map(int, arguments.requests.split(",")):
        taken, rows = first_files(parts, wanted)
        if rows < wanted or (runs and rows == runs[-1][0]):
            print(f"Left out: {wanted:,} requests; the folder holds {rows:,}.\n")
            continue
        runs.append((rows, succeeded(hunt(taken, accounts))))
    if runs:
        print_runs(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
