"""Ten million accounts under a decision: memory, a look-up, and answers while the table changes.

    python benchmarks/decide/table.py                       some ten minutes; needs 4 GB of disk in the temporary folder
    python benchmarks/decide/table.py --accounts 1000000    a short look

The decisions are appended to the log in the database of a data folder, with its chain of hashes. They are then read,
and the chain is checked, as a server does at its start. At last a server answers a steady stream of questions while
persons decide once a second, and while so many are decided at once that the large table is made anew.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from steady_sender import Sent, send_steadily

from stillhunt.base.units import DAY
from stillhunt.decide.entries import LogEntry, chained
from stillhunt.decide.table import DecisionTable
from stillhunt.ledger.chain import LEDGER_START
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.tokens import DECIDE, make_token

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
from served import free_port

LOOKUPS = 1_000_000
RATE = 500
AT_ONCE = 0.07
"""Share of new decisions that make the large table anew."""
GIGABYTE = 1e9
COLUMNS = (
    *("seq", "account_id", "made_at", "kind", "action", "reason", "author", "dry_run", "starts_at", "expires_at"),
    *("campaign_id", "snapshot", "undoes", "note", '"before"', "digest"),
)
NAMES = tuple(name.strip('"') for name in COLUMNS)
AT_A_TIME = 100_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=10_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = DataFolder(Path(made) / "data")
        database = WatchDatabase("", folder.database)
        token = make_token(database, "gateway", frozenset((DECIDE,)))
        database.close()
        write_rows(folder.database, options.accounts)
        print(f"{options.accounts:,} accounts under a decision")
        read(folder)
        answer(folder, token, options.accounts)


def write_rows(file: Path, number: int) -> None:
    """Append decisions about so many further accounts to the log."""
    connection = sqlite3.connect(file, timeout=60)
    row = connection.execute(f"select {', '.join(COLUMNS)} from decisions order by seq desc limit 1").fetchone()  # noqa: S608 - ours
    last = LogEntry(**dict(zip(NAMES, row, strict=True))) if row else None
    statement = f"insert into decisions ({', '.join(COLUMNS)}) values ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - ours
    first = last.seq if last is not None else 0
    for begin in range(first, first + number, AT_A_TIME):
        now = time.time_ns() // 1000
        accounts = (f"acct-{place:010d}" for place in range(begin, min(begin + AT_A_TIME, first + number)))
        made = chained(
            (
                LogEntry(0, now, "case", one, "tag", "operator_decision", "benchmark", False, now, now + DAY)
                for one in accounts
            ),
            last.place if last is not None else LEDGER_START,
        )
        last = made[-1]
        with connection:
            connection.executemany(statement, ([getattr(one, name) for name in NAMES] for one in made))
    connection.close()


def read(folder: DataFolder) -> None:
    """Read the log as a server does, and look accounts up."""
    process, database = psutil.Process(), WatchDatabase("", folder.database)
    before = process.memory_info().rss
    began = time.perf_counter()
    decisions = LiveDecisions(database, lambda: None)
    decisions.look()
    seconds = time.perf_counter() - began
    held = (process.memory_info().rss - before) / GIGABYTE
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIGABYTE
    print(f"read in {seconds:.0f} s; the table takes {held:.2f} GB; the process at most {peak:.2f} GB")
    size = len(decisions.table)
    chance = random.Random(1)  # noqa: S311 - no secret
    for name, prefix in (("under a decision", "acct"), ("without one", "none")):
        wanted = [f"{prefix}-{chance.randrange(size):010d}" for _ in range(LOOKUPS)]
        print(f"look-up of accounts {name}: {looked_up(decisions.table, wanted):.2f} microseconds, mean of {LOOKUPS:,}")
    database.close()


def looked_up(table: DecisionTable, accounts: list[str]) -> float:
    """Microseconds of a look-up, the loop and the list taken off."""
    now = time.time_ns() // 1000
    began = time.perf_counter()
    for account in accounts:
        table.find(account, now)
    found = time.perf_counter()
    for account in accounts:
        len(account)
    return (2 * found - began - time.perf_counter()) / len(accounts) * 1e6


def answer(folder: DataFolder, token: str, accounts: int) -> None:
    """Latency of a server that answers while nothing changes, while persons decide, and while much is decided."""
    port = free_port()
    stillhunt = [sys.executable, "-m", "stillhunt", "serve", "--quiet", "--only", "web", "--data", str(folder.path)]
    server = subprocess.Popen([*stillhunt, "--listen", f"127.0.0.1:{port}"])
    try:
        wait_for(port)
        quiet = send(port, token, 20)
        show("nothing changes", quiet)
        stop = threading.Event()
        writer = threading.Thread(target=decide_each_second, args=(folder.database, stop))
        writer.start()
        show("a decision a second", send(port, token, 20))
        stop.set()
        writer.join()
        # A process of its own: what it computes must not keep the sender from sending.
        bulk = multiprocessing.get_context("spawn").Process(
            target=write_rows, args=(folder.database, int(accounts * AT_ONCE))
        )
        bulk.start()
        show(f"{accounts * AT_ONCE:,.0f} decisions at once", send(port, token, 60))
        bulk.join()
        memory = psutil.Process(server.pid).memory_info().rss / GIGABYTE
        print(f"the server has {memory:.2f} GB at the end")
    finally:
        server.terminate()
        server.wait()


def decide_each_second(file: Path, stop: threading.Event) -> None:
    """Append one decision a second."""
    while not stop.wait(1.0):
        write_rows(file, 1)


def send(port: int, token: str, seconds: float) -> Sent:
    """Questions about one account at a steady rate."""
    head = "GET /v1/gateway/envoy/x HTTP/1.1\r\nHost: x\r\nx-account-id: acct-0000000007\r\n"
    head += f"x-stillhunt-token: {token}\r\n\r\n"
    return asyncio.run(send_steadily(port, head.encode(), RATE, seconds, b"\r\n\r\n"))


def show(what: str, sent: Sent) -> None:
    """Print one line."""
    p50, p99 = sent.percentiles
    lost = sum(number for status, number in sent.statuses.items() if status != 200)
    print(
        f"{what}: {len(sent.took):,} answers, p50 {p50:.2f}, p99 {p99:.2f}, worst {max(sent.took):.1f} ms, {lost} lost"
    )


def wait_for(port: int) -> None:
    """Wait until the server has read the log."""
    end = time.monotonic() + 1200
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise TimeoutError("the server did not start")


if __name__ == "__main__":
    main()
