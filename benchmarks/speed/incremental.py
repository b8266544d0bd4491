"""What one new file costs where sketches are kept (`hunt --state`): beside a hunt that reads everything.

    python benchmarks/speed/incremental.py FOLDER                    all files but the last are there already
    python benchmarks/speed/incremental.py FOLDER --files 2
    python benchmarks/speed/incremental.py FOLDER --minutes 15      all but the last minutes of the last file are

Hunts: without a state folder; a first one that fills it with all files but the last; one more with the last file.
"stored" is the size of the folder after it. The second table says where the time of a hunt with new requests goes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from processes import Run, hunt, machine, print_table, request_files, scratch_folder, succeeded

TEXT = "collect and extract"


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def split_minutes(path: Path, minutes: float, folder: Path) -> list[Path]:
    """The requests of a file before its last minutes, and those in them, as two files."""
    table = pq.read_table(path)
    time = table["timestamp"].cast(pa.int64())
    new = pc.greater_equal(time, pc.max(time).as_py() - int(minutes * 60e6))
    made = [folder / "before.parquet", folder / "new.parquet"]
    for target, chosen in zip(made, (pc.invert(new), new), strict=True):
        part = table.filter(chosen)
        print(f"{part.num_rows:,} requests in {target.name}")
        pq.write_table(part, target, compression="zstd", row_group_size=125_000)
    return made


def stage_lines(run: Run, full: Run) -> list[list[object]]:
    """One row for each stage and step: CPU seconds, and shares of the hunt that reads everything."""
    rows: list[list[object]] = []
    for stage, whole in zip(run.record["timings"], full.record["timings"], strict=True):
        costs = {step["step"]: step["cpu_seconds"] for step in whole["steps"]}
        rows.append([stage["stage"], f"{stage['cpu_seconds']:.2f}", f"{stage['cpu_seconds'] / full.cpu:.1%}"])
        for step in stage["steps"]:
            spent, before = step["cpu_seconds"], costs.get(step["step"], 0.0)
            rows.append([f"- {step['step']} ({before:.2f})", f"{spent:.2f}", f"{spent / full.cpu:.1%}"])
    return rows


def line(name: str, run: Run, full: Run, stored: int) -> list[object]:
    """One row: seconds, and their shares of the hunt that reads everything."""
    text, whole = run.stages[TEXT], full.stages[TEXT]
    return [
        name,
        f"{text['cpu_seconds']:.2f}",
        f"{text['cpu_seconds'] / whole['cpu_seconds']:.1%}",
        f"{run.cpu:.2f}",
        f"{run.cpu / full.cpu:.1%}",
        f"{run.wall:.2f}",
        f"{run.wall / full.wall:.1%}",
        f"{run.peak_mb:,.0f}",
        f"{stored / 1e6:,.0f}" if stored else "-",
    ]


def main() -> int:
    """Hunt without and with a state folder and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--files", type=int, default=0, help="only so many of its files; 0 = all")
    parser.add_argument("--minutes", type=float, default=0.0, help="what is new: so many minutes; 0 = the last file")
    arguments = parser.parse_args()
    parts, accounts = request_files(arguments.folder)
    parts = parts[: arguments.files or len(parts)]
    if len(parts) < 2:
        print("Left out: one more file is only something beside others; the folder needs two.")
        return 0
    print(machine() + "\n")
    with scratch_folder() as scratch:
        if arguments.minutes:
            parts = [*parts[:-1], *split_minutes(parts[-1], arguments.minutes, scratch)]
        state = scratch / "state"
        full = succeeded(hunt(parts, accounts))
        table = [line("all files, nothing kept", full, full, 0)]
        first = succeeded(hunt(parts[:-1], accounts, state=state))
        table.append(line(f"first hunt, {len(parts) - 1} files, kept", first, full, folder_size(state)))
        more = succeeded(hunt(parts, accounts, state=state))
        table.append(line("with what is new", more, full, folder_size(state)))
        again = succeeded(hunt(parts, accounts, state=state))
        table.append(line("no new file", again, full, folder_size(state)))
    heads = ["hunt", "text pass CPU s", "of full", "CPU s", "of full", "wall s", "of full", "peak MB", "stored MB"]
    print_table(heads, table)
    print()
    print_table(
        ["stage, and steps (CPU s of all files)", "CPU s with new requests", "of full"], stage_lines(more, full)
    )
    same = full.record["counts"] == more.record["counts"] == again.record["counts"]
    print(f"\nCounts of the case are {'the same' if same else 'NOT the same: ' + str(more.record['counts'])}.")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
