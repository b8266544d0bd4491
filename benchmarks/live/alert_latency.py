"""From a harvested request to the alert, with a real `stillhunt serve`: seconds after the 300th one was acknowledged.

    python benchmarks/live/alert_latency.py                       40 accounts of one operation, 500 requests a second
  python benchmarks/live/alert_latency.py --set watch.early_share=0 --set watch.every_minutes=2 --set watch.cold_hours=0

A world with one operation is sent in order of time, at a steady rate, with its own times moved to the latest weeks: a
fortnight of log passes in minutes, so that the rate is that of a large provider while the evidence is that of the log.
Whoever gets the alert is a web server in this process. Printed are when the first alert about a campaign of the
operation came, how many of its requests had been sent by then, and what hunts cost until the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
from replay import Log, latest_case, log_of
from served import Served, served

from stillhunt_lab.worlds.build import World, build_world, spec_for_rung

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, write_figures

TICK = 0.2
"""Seconds between bodies."""
WAITED_SECONDS = 900.0
CODE = ("packages/stillhunt/src/stillhunt/watch", "packages/stillhunt-server/src/stillhunt_server")
UNIT = "from the 300th harvested request on disk to the alert; 500 requests a second, 40 accounts of one operation"
ALARMS = ("campaign_new", "campaign_rises", "campaign_returned")


class Alerts:
    """A web server that notes when each alert came."""

    def __init__(self) -> None:
        self.came: list[tuple[float, dict[str, Any]]] = []
        came = self.came

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                came.append((time.monotonic(), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def first_after(self, at: float) -> float | None:
        """When the first alert about a campaign to act on came, not before a time."""
        return next((when for when, body in list(self.came) if body["kind"] in ALARMS and when >= at), None)


class SteadySender(threading.Thread):
    """Sends the lines of a log at a steady rate; `acknowledged` has when each body was on disk, and lines by then."""

    def __init__(self, server: Served, log: Log, rate: float) -> None:
        super().__init__(daemon=True)
        self._server, self._log, self._rate = server, log, rate
        self.acknowledged: list[tuple[float, int]] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        """Send until all is sent, or nobody waits any more."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        headers = {"Authorization": f"Bearer {self._server.token}", "Content-Type": "application/x-ndjson"}
        began, sent = time.monotonic(), 0
        while sent < len(self._log.lines) and not self.stopped.wait(TICK):
            due = min(int((time.monotonic() - began) * self._rate), len(self._log.lines))
            if due == sent:
                continue
            connection.request("POST", "/v1/ingest/jsonl", b"\n".join(self._log.lines[sent:due]), headers)
            answer = connection.getresponse()
            if json.loads(answer.read()).get("accepted") != due - sent:
                sys.exit(f"refused with status {answer.status}")
            sent = due
            self.acknowledged.append((time.monotonic(), sent))

    def acknowledged_at(self, line: int) -> float | None:
        """When a line was on disk; None where it is not yet."""
        return next((at for at, lines in list(self.acknowledged) if lines > line), None)

    def lines_at(self, at: float) -> int:
        """Lines on disk at a time."""
        return max((lines for when, lines in list(self.acknowledged) if when <= at), default=0)


def processor_seconds(server: Served) -> float:
    """Of the server and of all that it started, also of what has ended."""
    processes = [server.process, *server.process.children(recursive=True)]
    return sum(
        sum(one.cpu_times()[:4]) for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    )


def report(sender: SteadySender, alarm: float, log: Log, wanted: int, server: Served) -> float:
    """Print the latency in seconds, and what was done for it."""
    places = np.flatnonzero(log.harvest)
    came = sender.acknowledged_at(int(places[wanted - 1]))
    first = sender.acknowledged[0][0]
    lines = sender.lines_at(alarm)
    members = set(log.accounts[log.harvest].tolist())
    table = latest_case(server).tables["members"]
    found = set(table["account_id"].to_pylist()) & members
    hunts = server.status()["hunts"]
    ended = sum(hunts["hunts"].values())
    minutes = (time.monotonic() - first) / 60
    seconds = alarm - (came or alarm)
    print(f"alert {seconds:+.1f} s after harvested request {wanted} was acknowledged, "
          f"{alarm - first:.0f} s after the first request")  # fmt: skip
    print(f"by then: {lines:,} requests, {int(log.harvest[:lines].sum()):,} of them harvested, "
          f"{lines / (alarm - first):,.0f} a second; {len(found)} of {len(members)} accounts in a group")  # fmt: skip
    print(f"hunts: {ended} in {minutes:.1f} minutes, the last took {hunts['last']['seconds']:.1f} s and "
          f"{hunts['last']['cpu_seconds']:.1f} s of processors; all of the server "
          f"{processor_seconds(server) / minutes / 60:.2f} processors")  # fmt: skip
    return seconds


def measure(world: World, folder: Path, options: argparse.Namespace) -> None:
    """Send a world until the alert about its operation comes, or nothing more does."""
    log, alerts = log_of(world), Alerts()
    file = folder / "stillhunt.toml"
    hook = f"[[alerts.webhooks]]\nurl = 'http://127.0.0.1:{alerts.port}/'\n"
    allowed = json.dumps(list(world.sanctioned))
    file.write_text(f"{hook}[sanctioned]\norganizations = {allowed}\n[watch]\naccounts = '{folder / 'a.parquet'}'\n")
    pq.write_table(world.accounts, folder / "a.parquet")
    words = ["--settings", str(file), "--set", "watch.window_days=60"]
    for setting in options.set:
        words += ["--set", setting]
    with served(folder / "data", words) as server:
        sender = SteadySender(server, log, options.rate)
        sender.start()
        wanted = int(np.flatnonzero(log.harvest)[options.harvested - 1])
        alarm, end = None, None
        while alarm is None and (end is None or time.monotonic() < end):
            time.sleep(0.2)
            alarm = alerts.first_after(0.0)
            if end is None and sender.acknowledged_at(wanted) is not None:
                end = time.monotonic() + WAITED_SECONDS
        if alarm is None:
            sys.exit(f"no alert {WAITED_SECONDS:.0f} s after harvested request {options.harvested}")
        seconds = report(sender, alarm, log, options.harvested, server)
        sender.stopped.set()
        sender.join()
        if options.write:
            write_figures(FOLDER / "alert_latency.json", "benchmarks/live/alert_latency.py --write", CODE,
                          {"alert-latency": (f"{seconds:.0f} s", UNIT)})  # fmt: skip


def main() -> None:
    """Build the world and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second")
    parser.add_argument("--accounts", type=int, default=3_000, help="honest accounts")
    parser.add_argument("--operation", type=int, default=40, help="accounts of the operation")
    parser.add_argument("--rung", type=int, default=4)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--harvested", type=int, default=300, help="request of the operation from which time counts")
    parser.add_argument("--write", action="store_true", help="write docs/figures/alert_latency.json")
    parser.add_argument("--set", action="append", default=[], help="further settings of the server")
    options = parser.parse_args()
    spec = spec_for_rung(
        options.rung, accounts=options.accounts, days=14, seed=options.seed, campaign_accounts=options.operation
    )
    with tempfile.TemporaryDirectory() as name:
        measure(build_world(spec), Path(name), options)


if __name__ == "__main__":
    main()
