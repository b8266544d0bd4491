"""How fast `stillhunt serve` takes traffic: batches at a steady rate while hunts run, and single records.

    python benchmarks/live/ingest.py                        both parts; about 12 minutes
    python benchmarks/live/ingest.py --seconds 60           a short look
    python benchmarks/live/ingest.py --single-only          needs wrk (Debian: apt-get install wrk)

Batches are OTLP in protobuf, 100 spans of about 1 kB each. The sender shares the machine with the server and its hunts.
"Lag" is from the end of a request to its sync on disk, as /metrics tells it. Single records are posted over 64 and 256
connections, to the receiver and to an empty handler on the same HTTP server, in turn.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from served import WORDS, Served, SpanBatches, free_port, served

SPANS = 100
EMPTY = """
import sys
from stillhunt_server.server import run_server, server_of
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
run_server(server_of(application, sys.argv[1]))
"""
LUA = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
local n = 0
local run = tostring(os.time()) .. "-" .. tostring(os.clock())
request = function()
  n = n + 1
  return wrk.format(nil, "/v1/ingest/jsonl", nil, '{"request_id":"' .. run .. "-" .. n .. '","timestamp":' ..
    '"2026-11-26T10:00:00Z","account_id":"account-' .. (n % 500) ..
    '","model":"m1","prompt":"' .. os.getenv("PROMPT") .. '","output_tokens":300}')
end
"""


def steady(server: Served, rate: int, seconds: float) -> None:
    """Send batches at a rate, and print what came of it."""
    batches, began, sent, late = SpanBatches(SPANS), time.monotonic(), 0, 0.0
    resident = []
    while (now := time.monotonic() - began) < seconds:
        due = sent / rate
        if due > now:
            time.sleep(due - now)
        late = max(late, now - due)
        server.call("POST", "/v1/traces", batches.next(), "application/x-protobuf")
        sent += SPANS
        if sent // SPANS % 500 == 0:
            resident.append(server.process.memory_info().rss / 1e6)
    took = time.monotonic() - began
    used = server.process.cpu_times()
    print(
        f"batches   {sent:,} requests in {took:.0f} s = {sent / took:,.0f} a second; sender at most {late:.2f} s late"
    )
    print(f"          lag to disk p99 {server.metric('stillhunt_ingest_lag_p99_seconds') * 1e3:.0f} ms")
    third = max(1, len(resident) // 3)
    first, last = max(resident[:third], default=0.0), max(resident[-third:], default=0.0)
    print(f"          memory of the server {first:.0f} MB in the first third, {last:.0f} MB in the last")
    print(
        f"          CPU of the server {used.user + used.system:.0f} s, of hunts that ended {used.children_user:.0f} s"
    )
    status = server.status()
    print(f"          hunts {status['hunts']['hunts']}, refused {status['refused'] or 'none'}")


def single(server: Served, seconds: int, rounds: int) -> None:
    """Post single records with wrk to the receiver and to an empty handler, in turn."""
    if shutil.which("wrk") is None:
        print("single    wrk is not installed (Debian: apt-get install wrk); left out")
        return
    port = free_port()
    handler = subprocess.Popen([sys.executable, "-c", EMPTY, f"127.0.0.1:{port}"])
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(LUA)
            script.flush()
            time.sleep(5)
            for connections in (64, 256):
                pairs = [
                    [_wrk(script.name, to, connections, seconds, server.token) for to in (port, server.port)]
                    for _ in range(rounds)
                ]
                ratios = sorted(ours / empty for empty, ours in pairs)
                empty, ours = max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
                print(
                    f"single    {connections} connections: {ours:,.0f} a second, empty handler {empty:,.0f}; "
                    f"ratios {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
                )
    finally:
        handler.terminate()
        handler.wait()


def _wrk(script: str, port: int, connections: int, seconds: int, token: str) -> float:
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}/"]
    environment = {**os.environ, "TOKEN": token, "PROMPT": WORDS * 4}
    out = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise RuntimeError(out)
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    return float(found[1]) if found else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5_000, help="requests a second, in batches")
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the steady part")
    parser.add_argument("--hunt-minutes", type=float, default=2.0, help="minutes between hunts in the steady part")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of single records")
    parser.add_argument("--single-only", action="store_true", help="leave out the batches")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        every = ("--set", f"watch.every_minutes={options.hunt_minutes}")
        if not options.single_only:
            with served(Path(scratch) / "steady", every) as server:
                steady(server, options.rate, options.seconds)
        with served(Path(scratch) / "single", ("--only", "ingest", "--only", "web")) as server:
            single(server, 6, options.rounds)


if __name__ == "__main__":
    main()
