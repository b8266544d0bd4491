"""What a backlog costs that is sent to a server and hunted there, beside a plain hunt over the same files.

    python benchmarks/live/backlog.py LOG                  LOG holds requests/*.parquet, and accounts.parquet or not
    python benchmarks/live/backlog.py LOG --body-mb 32     larger bodies

The plain hunt reads the Parquet files. The backlog is what a provider sends who has no other way: JSON lines, posted
to /v1/ingest/jsonl one body after the other over two connections, and then one hunt that is asked for. The server has
the settings of a new data folder, but no hunts by the clock; those that much new traffic begins count as well. Making
the lines of the next file is not timed. CPU seconds are those of all processes of the server, each under the words of
its command while it runs, and together once it has ended; its start is not counted.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import psutil
import pyarrow.parquet as pq
from served import Served, served

from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import latest_snapshot

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))
from processes import hunt, machine, print_table, request_files, scratch_folder, succeeded

CONNECTIONS = 2
SETTLING_SECONDS, IDLE_SHARE = 5.0, 0.05
"""So long a server uses no more than this share of a processor when it has started."""
BUSY_SECONDS = 1.0
"""Wait after a body for which the server had no room; it asks for five, which a sender on the same machine need not."""


def bodies(part: Path, folder: Path, size: int) -> Iterator[bytes]:
    """Whole JSON lines of a Parquet file, at most so many bytes at a time where no line is longer."""
    path = folder / "lines.jsonl"
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(f"COPY (FROM read_parquet('{part}')) TO '{path}' (FORMAT json)")
    with path.open("rb") as file:
        while body := file.read(size):
            yield body + file.readline()
    path.unlink()


def post(server: Served, body: bytes) -> None:
    """Send a body until the server takes it."""
    while True:
        try:
            server.call("POST", "/v1/ingest/jsonl", body, "application/x-ndjson")
            return
        except RuntimeError as error:
            if ": 503 " not in str(error):
                raise
            time.sleep(BUSY_SECONDS)


def send_all(server: Served, parts: list[Path], folder: Path, size: int) -> float:
    """Send all requests, and return the seconds that it took, without making the lines."""
    taken = 0.0
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for part in parts:
            made = list(bodies(part, folder, size))
            began = time.monotonic()
            list(pool.map(lambda body: post(server, body), made))
            taken += time.monotonic() - began
    return taken


def cpu_by_process(server: Served) -> Counter[str]:
    """CPU seconds so far of each process of the server that runs, by the module or command that it is."""
    used: Counter[str] = Counter()
    for process in (server.process, *server.process.children(recursive=True)):
        try:
            words, times = process.cmdline(), process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        plain = [word for word in words[words.index("-m") + 1 :] if not word.isdigit()] if "-m" in words else words
        used[" ".join(plain[:2])[:40]] += times.user + times.system
    return used


def settled_cpu(server: Served) -> Counter[str]:
    """The same once its processes have loaded what they need, and wait."""
    used = cpu_by_process(server)
    while True:
        time.sleep(SETTLING_SECONDS)
        before, used = used, cpu_by_process(server)
        if (used - before).total() < IDLE_SHARE * SETTLING_SECONDS:
            return used


def children_cpu() -> float:
    """CPU seconds of all processes that this one started and that have ended, with those that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--body-mb", type=float, default=8.0, help="size of one body")
    options = parser.parse_args()
    parts, accounts = request_files(options.log)
    print(machine() + "\n", flush=True)
    plain = succeeded(hunt(parts, accounts))
    with scratch_folder(options.log) as folder:
        settings = ["--set", "watch.every_minutes=10080"]
        settings += [] if accounts is None else ["--set", f"watch.accounts={accounts.resolve()}"]
        before = children_cpu()
        with served(folder / "data", settings) as server:
            started = settled_cpu(server)
            receiving = send_all(server, parts, folder, int(options.body_mb * 1e6))
            received = cpu_by_process(server)
            began = time.monotonic()
            while server.status()["hunts"]["running_since"] is not None:  # begun when less had come
                time.sleep(0.2)
            outcome = server.hunt()
            hunting, status = time.monotonic() - began, server.status()
            snapshot = latest_snapshot(DataFolder(server.data))
            found = snapshot.facts()["requests"] if snapshot is not None else 0
        cpu = children_cpu() - before
    print_table(
        ("", "wall s", "CPU s"),
        [
            ("plain hunt", f"{plain.wall:.1f}", f"{plain.cpu:.1f}"),
            ("received", f"{receiving:.1f}", f"{(received - started).total():.1f}"),
            *((f"of these: {name}", "", f"{used:.1f}") for name, used in (received - started).most_common(6)),
            ("hunted", f"{hunting:.1f}", f"{cpu - received.total():.1f}"),
            ("received and hunted", f"{receiving + hunting:.1f}", f"{cpu - started.total():.1f}"),
            ("start of the server, not counted", "", f"{started.total():.1f}"),
        ],
    )
    ratios = (receiving + hunting) / plain.wall, (cpu - started.total()) / plain.cpu
    print(f"\n{ratios[0]:.2f} times a plain hunt by the clock, {ratios[1]:.2f} times in CPU seconds")
    wanted = sum(pq.read_metadata(part).num_rows for part in parts)
    print(f"{found:,} of {wanted:,} requests are in the last hunt")
    print(f"hunts: {status['hunts']['hunts']}; the last: {outcome}; refused: {status['refused'] or 'none'}")


if __name__ == "__main__":
    main()
