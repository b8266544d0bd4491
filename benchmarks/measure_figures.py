"""Measure every figure of README and docs again, and write it into the pages: `make figures`.

    python benchmarks/measure_figures.py                  all, in less than an hour
    python benchmarks/measure_figures.py --only ladder    one of them
    python benchmarks/measure_figures.py --list           names, minutes, commands

Commit and push first: a figure names the commit that it speaks of. Times depend on the machine, so nothing else should
run on it. The exit code is 1 where a script failed; figures of the others are written.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Measurement:
    """One script that writes figures.

    Attributes:
        words: script below `benchmarks` and its options; ROWS stands for a folder that is kept until the end.
        minutes: on two quiet cores.
        target: the file that it writes, from the root.
    """

    name: str
    words: str
    minutes: int
    target: str = ""

    @property
    def file(self) -> Path:
        """What it writes."""
        return ROOT / (self.target or f"docs/figures/{self.name}.json")


MEASUREMENTS = (
    Measurement("hunt_speed", "speed/hunt.py --made 1000000 --write", 2),
    Measurement("quick", "speed/quick.py", 5, target="benchmarks/history.csv"),
    Measurement("ledger", "live/ledger.py --entries 1000000 --without-server --write", 1),
    Measurement("alert_latency", "live/alert_latency.py --write", 4),
    Measurement("ladder", "quality/ladder.py --rows ROWS/ladder --write", 9),
    Measurement("honest_worlds", "quality/honest_worlds.py --rows ROWS/honest --worlds 50 30 0 0 --write", 14),
    Measurement("large_honest_worlds", "quality/hunt_worlds.py --honest --write", 3),
)
HOUR = 60
"""Minutes that all of them may take together."""


def run_script(one: Measurement, rows: str) -> bool:
    """Run one script, and say how long it took; whether it wrote its figures.

    Args:
        rows: folder for what scripts keep.
    """
    script, *options = one.words.replace("ROWS", rows).split()
    print(f"== {one.name}, some {one.minutes} minutes: {one.words}", flush=True)
    began, before = time.monotonic(), one.file.stat().st_mtime_ns if one.file.exists() else 0
    code = subprocess.run([sys.executable, ROOT / "benchmarks" / script, *options], cwd=ROOT).returncode
    # Some exit with 1 where what they found is worse than hoped for; the figure is what was found.
    wrote = one.file.exists() and one.file.stat().st_mtime_ns > before
    print(f"== {one.name}: {(time.monotonic() - began) / 60:.1f} minutes, exit code {code}, "
          f"{'figures written' if wrote else 'NO FIGURES'}", flush=True)  # fmt: skip
    return wrote


def main() -> int:
    """Measure, and fill the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[one.name for one in MEASUREMENTS])
    parser.add_argument("--list", action="store_true", help="measure nothing")
    options = parser.parse_args()
    chosen = [one for one in MEASUREMENTS if options.only in (None, one.name)]
    if options.list:
        for one in MEASUREMENTS:
            print(f"{one.name:22} {one.minutes:3} min  {one.words}")
        return 0
    with tempfile.TemporaryDirectory() as rows:
        failed = [one.name for one in chosen if not run_script(one, rows)]
    subprocess.run([sys.executable, ROOT / "docs" / "page_figures.py"], check=True)
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
