"""What a warm hunt of a watch costs beside a cold one: the last minutes of a log are new.

    python benchmarks/speed/warm.py FOLDER                 request files of any log, fifteen minutes new
    python benchmarks/speed/warm.py FOLDER --minutes 60

Three hunts in one data folder, each a process of its own: a cold one without the last minutes, which is the base, a
warm one with them, and a cold one with them. The verdicts and members of the last two are compared.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from incremental import split_minutes
from processes import Run, machine, print_table, request_files, run_process, scratch_folder, succeeded

from stillhunt.triage import Case
from stillhunt.watch.child import order_of, order_text
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import latest_snapshot

COLUMNS = ("campaign_id", "verdict", "accounts", "requests")


def hunt_once(order: Path) -> None:
    """Carry out an order, as the process that the watch starts does."""
    from stillhunt.watch.hunting import hunt_now  # its import is part of what is measured

    hunt_now(order_of(order.read_text()))


def measure_hunt(data: DataFolder, watched: Path, accounts: Path | None, warm: bool) -> tuple[Run, Case]:
    """One hunt in a process of its own, and its case."""
    from stillhunt.base.config import Config
    from stillhunt.watch.hunting import HuntPlan

    config = Config.load({"watch": {"accounts": str(accounts or ""), "cold_hours": 1}}, environ={})
    plan = HuntPlan(data, config, (str(watched),), time.time_ns() // 1000, warm=warm)
    order = data.path / "order.json"
    order.write_text(order_text(plan))
    run = succeeded(run_process([sys.executable, __file__, "--order", str(order)]))
    snapshot = latest_snapshot(data)
    if snapshot is None:
        raise SystemExit("nothing was hunted")
    case = Case.read(snapshot.case)
    if ("warm" in case.run) != warm:
        raise SystemExit(f"the hunt was {'cold' if warm else 'warm'}: {run.errors}")
    return run, case


def main() -> int:
    """Hunt cold, warm and cold, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--order", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.order:
        hunt_once(arguments.order)
        return 0
    parts, accounts = request_files(arguments.folder)
    print(machine() + "\n")
    with scratch_folder() as scratch:
        watched, data = scratch / "log", DataFolder(scratch / "data")
        watched.mkdir()
        before, new = split_minutes(parts[-1], arguments.minutes, scratch)
        for path in (*parts[:-1], before):
            shutil.copy(path, watched / path.name)
        base, _ = measure_hunt(data, watched, accounts, warm=False)
        kept = sum(path.stat().st_size for path in (data.state / "base").iterdir())
        shutil.copy(new, watched / new.name)
        warm, found = measure_hunt(data, watched, accounts, warm=True)
        cold, wanted = measure_hunt(data, watched, accounts, warm=False)
    rows = [
        [name, f"{run.cpu:.2f}", f"{run.cpu / cold.cpu:.1%}", f"{run.wall:.2f}", f"{run.peak_mb:,.0f}"]
        for name, run in (("cold, the base", base), ("warm", warm), ("cold, sketches kept", cold))
    ]
    print_table(["hunt", "CPU s", "of cold", "wall s", "peak MB"], rows)
    print(f"\nThe base takes {kept / 1e6:,.0f} MB. The warm hunt: {found.run['warm']}")
    print_table(["", *COLUMNS], [[name, *row.values()] for name, case in (("warm", found), ("cold", wanted))
                                 for row in case.campaigns.select(list(COLUMNS)).to_pylist()])  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
