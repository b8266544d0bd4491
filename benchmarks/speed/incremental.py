"""What one new file costs where sketches are kept (`hunt --state`): beside a hunt that reads everything.

    python benchmarks/speed/incremental.py FOLDER                    all files but the last are there already
    python benchmarks/speed/incremental.py FOLDER --files 2

Three hunts: without a state folder; a first one that fills it with all files but the last; one more with the last file.
"stored" is the size of the folder after it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from processes import Run, hunt, machine, print_table, request_files, scratch_folder, succeeded

TEXT = "collect and extract"


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def line(name: str, run: Run, full: Run, stored: int) -> list[object]:
    """One row: seconds, and shares of the hunt that reads everything."""
    text, whole = run.stages[TEXT], full.stages[TEXT]
    return [
        name,
        f"{text['cpu_seconds']:.2f}",
        f"{text['cpu_seconds'] / whole['cpu_seconds']:.1%}",
        f"{run.cpu:.2f}",
        f"{run.wall:.2f}",
        f"{run.wall / full.wall:.1%}",
        f"{run.peak_mb:,.0f}",
        f"{stored / 1e6:,.0f}" if stored else "-",
    ]


def main() -> int:
    """Hunt three times and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--files", type=int, default=0, help="only so many of its files; 0 = all")
    arguments = parser.parse_args()
    parts, accounts = request_files(arguments.folder)
    parts = parts[: arguments.files or len(parts)]
    if len(parts) < 2:
        print("Left out: one more file is only something beside others; the folder needs two.")
        return 0
    print(machine() + "\n")
    with scratch_folder() as scratch:
        state = scratch / "state"
        full = succeeded(hunt(parts, accounts))
        table = [line("all files, nothing kept", full, full, 0)]
        first = succeeded(hunt(parts[:-1], accounts, state=state))
        table.append(line(f"first hunt, {len(parts) - 1} files, kept", first, full, folder_size(state)))
        more = succeeded(hunt(parts, accounts, state=state))
        table.append(line("one more file", more, full, folder_size(state)))
        again = succeeded(hunt(parts, accounts, state=state))
        table.append(line("no new file", again, full, folder_size(state)))
    heads = ["hunt", "text pass CPU s", "of full", "CPU s", "wall s", "of full", "peak MB", "stored MB"]
    print_table(heads, table)
    same = full.record["counts"] == more.record["counts"] == again.record["counts"]
    print(f"\nCounts of the case are {'the same' if same else 'NOT the same: ' + str(more.record['counts'])}.")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
