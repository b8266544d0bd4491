"""Time and size of evidence packs: making, verifying and rebuilding, each a process of its own.

    python benchmarks/evidence/packs.py CASE [ID]    the largest campaign of a case, or the one that is named

`benchmarks/console/large_case.py` makes a case of 24,000 accounts of a hunt over a tenth of the founding case.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import stillhunt


def main() -> None:
    """Make, verify and rebuild a pack, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("campaign", nargs="?")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows = stillhunt.Case.read(options.case).campaigns.select(["campaign_id", "accounts", "requests"]).to_pylist()
    largest = max(rows, key=lambda row: row["accounts"])
    campaign = options.campaign or largest["campaign_id"]
    (facts,) = [row for row in rows if row["campaign_id"] == campaign]
    print(f"{campaign}: {facts['accounts']:,} accounts, {facts['requests']:,} harvested requests")
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder) / "pack.zip"
        environment = {**os.environ, "STILLHUNT_DOSSIER__KEYS": str(Path(folder) / "keys")}
        words = {
            "make": ["dossier", str(options.case.absolute()), campaign, "--out", str(pack), "--force", "-q"],
            "verify": ["verify", str(pack)],
            "rebuild": ["rebuild", str(pack)],
        }
        for step, command in words.items():
            print(f"{step:8} {measured(command, environment, options.runs)}")
        print(f"{'size':8} {pack.stat().st_size / 1e6:.2f} MB")


def measured(command: list[str], environment: dict[str, str], runs: int) -> str:
    """Wall and processor seconds of the fastest run, and the most memory of any process so far."""
    wall, cpu = [], []
    for _ in range(runs):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "stillhunt", *command], env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - began)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return f"{min(wall):6.2f} s wall, {min(cpu):6.2f} s of processor, {after.ru_maxrss / 1024:,.0f} MiB at most so far"


if __name__ == "__main__":
    main()
