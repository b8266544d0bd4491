"""What a warm hunt of a watch costs beside a cold one: the last minutes of a log are new.

    python benchmarks/speed/warm.py FOLDER                 request files of any log, fifteen minutes new
    python benchmarks/speed/warm.py FOLDER --minutes 60

Three hunts in one data folder, each a copy of a prepared process as in a watch: a cold one without the last minutes,
which is the base, a warm one with them, and a cold one with them. The campaigns of the last two are printed. Processor
seconds are those of the hunts; the prepared process takes about two, once.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

from incremental import split_minutes
from processes import machine, print_table, request_files, scratch_folder

from stillhunt.base.config import Config
from stillhunt.collect.read.digests import SAFE_NANOSECONDS
from stillhunt.triage import Case
from stillhunt.watch.child import HuntOutcome, hunt_in_child
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.prepared import PreparedProcess
from stillhunt.watch.snapshots import latest_snapshot

COLUMNS = ("campaign_id", "verdict", "accounts", "requests")


def measure_hunt(
    data: DataFolder,
    watched: Path,
    accounts: Path | None,
    warm: bool,
    prepared: PreparedProcess,
    *,
    first: bool = False,
) -> tuple[HuntOutcome, Case]:
    """One hunt as the watch starts it, and its case; the `first` may be warm and has no base, so that it leaves one."""
    config = Config.load({"watch": {"accounts": str(accounts or "")}}, environ={})
    plan = HuntPlan(data, config, (str(watched),), time.time_ns() // 1000, warm=warm or first)
    outcome, snapshot = hunt_in_child(plan, None, prepared), latest_snapshot(data)
    if outcome.failure or snapshot is None:
        raise SystemExit(f"nothing was hunted: {outcome.failure}")
    case = Case.read(snapshot.case)
    if ("warm" in case.run) != warm:
        raise SystemExit(f"the hunt was {'cold' if warm else 'warm'}: {case.run.get('cold')}")
    return outcome, case


def main() -> int:
    """Hunt cold, warm and cold, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    arguments = parser.parse_args()
    parts, accounts = request_files(arguments.folder)
    print(machine() + "\n")
    with scratch_folder() as scratch, closing(PreparedProcess()) as prepared:
        watched, data = scratch / "log", DataFolder(scratch / "data")
        watched.mkdir()
        before, new = split_minutes(parts[-1], arguments.minutes, scratch)
        for path in (*parts[:-1], before):
            shutil.copy(path, watched / path.name)
        time.sleep(SAFE_NANOSECONDS / 1e9 + 1)  # younger files are hashed again by the next hunt, and logs are older
        base, _ = measure_hunt(data, watched, accounts, False, prepared, first=True)
        kept = sum(path.stat().st_size for path in (data.state / "base").iterdir())
        shutil.copy(new, watched / new.name)
        warm, found = measure_hunt(data, watched, accounts, True, prepared)
        cold, wanted = measure_hunt(data, watched, accounts, False, prepared)
    rows = [
        [
            name,
            f"{run.cpu_seconds:.2f}",
            f"{run.cpu_seconds / cold.cpu_seconds:.1%}",
            f"{run.seconds:.2f}",
            f"{run.peak_bytes / 1e6:,.0f}",
        ]
        for name, run in (("cold, the base", base), ("warm", warm), ("cold, sketches kept", cold))
    ]
    print_table(["hunt", "CPU s", "of cold", "wall s", "peak MB"], rows)
    print(f"\nThe base takes {kept / 1e6:,.0f} MB. The warm hunt: {found.run['warm']}")
    print_table(["", *COLUMNS], [[name, *row.values()] for name, case in (("warm", found), ("cold", wanted))
                                 for row in case.campaigns.select(list(COLUMNS)).to_pylist()])  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
