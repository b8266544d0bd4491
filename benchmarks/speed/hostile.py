"""Logs made to hurt: what memory and time a hunt takes where nothing is shared, or everything.

    python benchmarks/speed/hostile.py                       a million requests each
    python benchmarks/speed/hostile.py --requests 500000 --only plain,long-prompts

Each log is made and hunted in processes of their own, and removed. A hunt that asks for more than --most-gb of address
space or --most-seconds of CPU is ended by the system and its row says so.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from made_logs import Bend, Columns, addresses, numbered, write_log
from processes import FOUND, Run, hunt, machine, scratch_folder

SEED = 5
LONG_BYTES = 10_000_000
LONG_EVERY = 10_000
"""One prompt of LONG_BYTES in so many requests."""
LONG_IN_A_ROW = 100
STAGES = ("accounts", "collect and extract", "link", "resolve", "score")


def _numbers(columns: Columns) -> Any:
    """Number of each request in the whole log, as its id tells it."""
    return pc.utf8_slice_codeunits(columns["request_id"], 1).cast(pa.int64()).to_numpy()


def plain(columns: Columns) -> None:
    """Nothing bent: what the others compare with."""


def distinct_accounts(columns: Columns) -> None:
    """Every request is of another account."""
    columns["account_id"] = numbered("acc-", _numbers(columns))


def distinct_addresses(columns: Columns) -> None:
    """Every request comes from another address."""
    columns["client_ip"] = addresses(_numbers(columns))


def distinct_agents(columns: Columns) -> None:
    """Every request tells another user agent."""
    columns["user_agent"] = numbered("client/", _numbers(columns))


def all_distinct(columns: Columns) -> None:
    """All three at once."""
    for bend in (distinct_accounts, distinct_addresses, distinct_agents):
        bend(columns)


def one_account(columns: Columns) -> None:
    """One account has all requests."""
    columns["account_id"] = pa.array(["acc-1"] * len(columns["request_id"]))


def one_key(columns: Columns) -> None:
    """All accounts share one address, one user agent and one card."""
    count = len(columns["request_id"])
    columns["client_ip"], columns["user_agent"] = pa.array(["203.0.113.7"] * count), pa.array(["client/1"] * count)


def one_template(columns: Columns) -> None:
    """All accounts send one prompt with another ending."""
    head = "Please read the following item with care and answer each of its questions in full, step by step, as"
    head += " an expert in the field would do it for a student who is new to it. Item number"
    columns["prompt"] = numbered(head + " ", _numbers(columns)).cast(pa.large_string())


def long_prompts(columns: Columns) -> None:
    """A prompt of 10 MB now and then."""
    found = columns["prompt"].to_pylist()
    for place in range(0, len(found), LONG_EVERY):
        found[place] = (found[place] + " ") * (LONG_BYTES // (len(found[place]) + 1) + 1)
    columns["prompt"] = pa.array(found, pa.large_string())


def long_in_a_row(columns: Columns) -> None:
    """The first hundred prompts are of 10 MB, the others as ever: a gigabyte in one batch of rows."""
    found = columns["prompt"].to_pylist()
    for place in np.flatnonzero(_numbers(columns) < LONG_IN_A_ROW).tolist():
        found[place] = (found[place] + " ") * (LONG_BYTES // (len(found[place]) + 1) + 1)
    columns["prompt"] = pa.array(found, pa.large_string())


KINDS: dict[str, Bend] = {
    "plain": plain,
    "distinct-accounts": distinct_accounts,
    "distinct-addresses": distinct_addresses,
    "distinct-agents": distinct_agents,
    "all-distinct": all_distinct,
    "one-account": one_account,
    "one-key": one_key,
    "one-template": one_template,
    "long-prompts": long_prompts,
    "long-in-a-row": long_in_a_row,
}


def make(kind: str, rows: int, folder: Path) -> None:
    """Write one of the logs."""
    write_log(folder, rows, SEED, KINDS[kind])
    if kind == "one-key":
        accounts = pq.read_table(folder / "accounts.parquet")
        card = pa.array(["card-1"] * accounts.num_rows)
        pq.write_table(accounts.set_column(1, "payment_fingerprint", card), folder / "accounts.parquet")


def row_of(kind: str, run: Run) -> str:
    """One row of the table."""
    stages = [f"{run.stages[name]['cpu_seconds']:.1f}" if name in run.stages else "-" for name in STAGES]
    counts = run.record.get("counts", {})
    end = f"{counts['campaigns']} act, {counts['review']} review" if counts else ""
    if run.exit_code not in (0, FOUND):
        words = run.errors.strip().splitlines()
        end = f"**ended with {run.exit_code}** {words[-1][:120] if words else ''}"
    return " | ".join([f"| {kind}", f"{run.wall:.1f}", f"{run.cpu:.1f}", *stages, f"{run.peak_mb:,.0f}", f"{end} |"])


def main() -> int:
    """Make and hunt each kind of log; 1 where one of them broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--only", default=",".join(KINDS), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--most-gb", type=float, default=24.0, help="address space, mapped files included")
    parser.add_argument("--most-seconds", type=int, default=600, help="CPU seconds of one hunt")
    parser.add_argument("--keep", type=Path, help="keep the logs here; made there already, they are taken")
    parser.add_argument("--make", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make[0], arguments.requests, Path(arguments.make[1]))
        return 0
    print(f"{arguments.requests:,} requests each; {machine()}\n")
    print(f"| log | wall s | CPU s | {' | '.join(STAGES)} | peak MB | end |")
    print("|---|" + "---:|" * (3 + len(STAGES)) + "---|", flush=True)
    broken = False
    with scratch_folder() as scratch:
        for kind in arguments.only.split(","):
            folder = (arguments.keep or scratch) / kind
            if not folder.exists():
                order = [sys.executable, __file__, "--requests", str(arguments.requests), "--make", kind, str(folder)]
                subprocess.run(order, check=True)
            run = _limited(folder, arguments)
            broken |= run.exit_code not in (0, FOUND)
            print(row_of(kind, run), flush=True)
            if not arguments.keep:
                for path in sorted(folder.rglob("*"), reverse=True):
                    path.rmdir() if path.is_dir() else path.unlink()
    return int(broken)


def _limited(folder: Path, arguments: argparse.Namespace) -> Run:
    """A hunt within limits that its process takes over from this one."""
    before = {which: resource.getrlimit(which) for which in (resource.RLIMIT_AS, resource.RLIMIT_CPU)}
    own = sum(os.times()[:2])
    space = int(arguments.most_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (space, before[resource.RLIMIT_AS][1]))
    resource.setrlimit(resource.RLIMIT_CPU, (arguments.most_seconds + int(own), before[resource.RLIMIT_CPU][1]))
    try:
        return hunt([folder / "requests"], folder / "accounts.parquet")
    finally:
        for which, limits in before.items():
            resource.setrlimit(which, limits)


if __name__ == "__main__":
    sys.exit(main())
