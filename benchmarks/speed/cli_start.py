"""How soon the command line answers: wall time of whole processes, and which imports cost most.

Budget: `stillhunt --help` within 300 ms. Run: python benchmarks/speed/cli_start.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 7
BUDGET_MS = 300.0
COMMANDS = (["--help"], ["--version"], ["hunt", "--help"], ["schema"], ["config", "show"])
IMPORTS_SHOWN = 8


def milliseconds(arguments: list[str]) -> list[float]:
    """Wall time of each run, after one that warms the page cache."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "stillhunt", *arguments], check=True, capture_output=True)
        times.append(1000 * (time.perf_counter() - started))
    return times[1:]


def slowest_imports() -> list[tuple[float, str]]:
    """Modules that `--help` imports, by their own time in ms."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stillhunt", "--help"], check=True, capture_output=True, text=True
    )
    rows = [line.removeprefix("import time:").split("|") for line in result.stderr.splitlines() if "|" in line]
    own = [(int(row[0]) / 1000, row[2].strip()) for row in rows if row[0].strip().isdigit()]
    return sorted(own, reverse=True)[:IMPORTS_SHOWN]


def main() -> int:
    """Print the table; 1 where `--help` is over budget."""
    print(f"{'command':<16}{'median ms':>10}{'worst ms':>10}")
    medians = {}
    for arguments in COMMANDS:
        times = milliseconds(arguments)
        medians[" ".join(arguments)] = statistics.median(times)
        print(f"{' '.join(arguments):<16}{statistics.median(times):>10.0f}{max(times):>10.0f}")
    print("\nslowest imports of --help, own time")
    for own, module in slowest_imports():
        print(f"{own:>8.1f} ms  {module}")
    return int(medians["--help"] > BUDGET_MS)


if __name__ == "__main__":
    sys.exit(main())
