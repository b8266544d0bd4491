"""The speed of a hunt in two million requests, kept with its commit: fails where it has become slower or larger.

    make bench-quick                                   some three minutes on a quiet machine, the first time five
    python benchmarks/speed/quick.py --rows 200000     a short look

The log has 400 operations among plain traffic (`made_logs.py`) and stays in the folder for temporary files. A row goes
into `benchmarks/history.csv`: processor seconds of the whole `stillhunt hunt` as a multiple of those of only decoding
the prompts, wall seconds as a multiple of decoding on two threads, and peak memory. Decoding is measured before and
after the hunt. The exit code is 1 if processor seconds or memory are more than 15 % above the least that a row of the
same log has. Wall seconds are no reason, for a machine that does other things has others.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import made_logs
from processes import Run, decode_prompts, hunt, machine, print_table, request_files, succeeded

ROOT = Path(__file__).parents[2]
HISTORY = ROOT / "benchmarks" / "history.csv"
COLUMNS = ("date", "commit", "rows", "generator", "cpu_ratio", "wall_ratio", "peak_mb", "stages")
"""`generator` changes with the code that makes the log; `stages` are processor seconds, as multiples of the floor."""
SLACK = 1.15
FLOORS = 3
CHANGED = "+"
"""Behind a commit whose code was changed when it was measured."""


def made_log(rows: int) -> tuple[Path, str]:
    """Folder of the log, made where it is not there yet, and a name of the code that makes it."""
    generator = hashlib.sha256(Path(made_logs.__file__).read_bytes()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"stillhunt-bench-quick-{generator}-{rows}"
    if not folder.exists():
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
        # In a process of its own: the peak that the system tells of a hunt is at least that of this process.
        words = [sys.executable, __file__, "--rows", str(rows), "--make", str(part / "log")]
        subprocess.run(words, check=True)
        (part / "log").rename(folder)
        shutil.rmtree(part)
    return folder, generator


def commit_name() -> str:
    """The commit that is checked out, with a mark where the packages differ from it."""

    def git(*words: str) -> str:
        command = [shutil.which("git") or "git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return git("rev-parse", "--short=8", "HEAD") + (CHANGED if git("status", "--porcelain", "--", "packages") else "")


def history_row(run: Run, floors: Sequence[tuple[Run, Run]]) -> dict[str, str]:
    """What a hunt cost; floors are pairs of decoding on one thread and on two."""
    cpu = statistics.median(one.cpu for one, _ in floors)
    wall = statistics.median(two.wall for _, two in floors)
    stages = " ".join(f"{name.replace(' ', '-')}={one['cpu_seconds'] / cpu:.2f}" for name, one in run.stages.items())
    return {
        "cpu_ratio": f"{run.cpu / cpu:.2f}",
        "wall_ratio": f"{run.wall / wall:.2f}",
        "peak_mb": f"{run.peak_mb:.0f}",
        "stages": stages,
    }


def read_history(path: Path = HISTORY) -> list[dict[str, str]]:
    """Rows so far, the oldest first."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_row(row: Mapping[str, str], path: Path = HISTORY) -> None:
    """Put a row at the end."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def regressions(row: Mapping[str, str], history: Sequence[Mapping[str, str]]) -> list[str]:
    """What has become more than 15 % worse than the best row of the same log, in sentences."""
    same = [one for one in history if (one["rows"], one["generator"]) == (row["rows"], row["generator"])]
    found = []
    for column, what in (("cpu_ratio", "processor seconds over the floor"), ("peak_mb", "peak memory in MB")):
        best = min(same, key=lambda one: float(one[column]), default=None)
        if best is not None and float(row[column]) > SLACK * float(best[column]):
            more = float(row[column]) / float(best[column]) - 1
            found.append(f"{what}: {row[column]}, {more:.0%} above {best[column]} at {best['commit']} ({best['date']})")
    return found


def main() -> int:
    """Hunt, compare, and write the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--dry-run", action="store_true", help="write no row")
    parser.add_argument("--make", type=Path, metavar="FOLDER", help="only write the log")
    arguments = parser.parse_args()
    if arguments.make:
        made_logs.write_log(arguments.make, arguments.rows, 1, made_logs.bend_operations)
        return 0
    print(machine(), flush=True)
    folder, generator = made_log(arguments.rows)
    known = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "commit": commit_name(), "rows": str(arguments.rows),
             "generator": generator}  # fmt: skip
    parts, accounts = request_files(folder)
    decode_prompts(parts, 1)  # brings the files into the page cache
    floors = [(decode_prompts(parts, 1), decode_prompts(parts, 2)) for _ in range(FLOORS)]
    run = succeeded(hunt(parts, accounts))
    floors += [(decode_prompts(parts, 1), decode_prompts(parts, 2)) for _ in range(FLOORS)]
    row, history = {**known, **history_row(run, floors)}, read_history()
    print_table(COLUMNS, [[row[column] for column in COLUMNS]])
    found = regressions(row, history)
    if not arguments.dry_run:
        write_row(row)
    for sentence in found:
        print(f"worse than 15 %: {sentence}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
