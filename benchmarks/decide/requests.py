"""How much `/v1/decide` costs beside an empty handler on the same HTTP server.

    python benchmarks/decide/requests.py                    about two minutes; needs wrk and hey (Debian)
    python benchmarks/decide/requests.py --rounds 1 --seconds 3

Both servers run at once and are asked in turn: as fast as they answer, then at 70 % of what the empty handler takes,
for the latency. One in ten accounts is under a decision, of 100,000 that are. wrk and hey share the machine with the
servers.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillhunt.base.units import DAY
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import log_locked
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.tokens import DECIDE, make_token

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
from served import free_port

DECIDED = 100_000
CONNECTIONS = 16
SHARE = 0.7
HEAD = """
import sys
from stillhunt_server.server import run_server, server_of
"""
EMPTY = f"""{HEAD}
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"),
                (b"content-length", b"22")]}})
    await send({{"type": "http.response.body", "body": b'{{"allowed": true, "a":1}}'[:22]}})
run_server(server_of(application, sys.argv[1]))
"""
LUA = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
local n = tonumber(os.getenv("START"))
request = function()
  n = n + 7919
  local account = n % 10 == 0 and "account-" .. (n % %d) or "other-" .. n
  return wrk.format(nil, "/v1/decide", nil, '{"account_id":"' .. account .. '","model":"m1"}')
end
""".replace("%d", str(DECIDED))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, servers(Path(made)) as (ours, empty, token):
        script = Path(made) / "ask.lua"
        script.write_text(LUA)
        fast, slow = [], []
        for round_ in range(options.rounds):
            pair = [_wrk(script, port, options.seconds, token, round_) for port in (empty, ours)]
            fast.append([one[0] for one in pair])
            a, b = fast[-1]
            print(f"as fast   empty {a:>8,.0f} a second, ours {b:>8,.0f}: {b / a:.2f}")
        rate = SHARE * min(pair[0] for pair in fast)
        for _ in range(options.rounds):
            slow.append([_paced(port, rate, options.seconds, token) for port in (empty, ours)])
            (a50, a99), (b50, b99) = slow[-1]
            shown = f"empty p50 {a50:.2f} p99 {a99:.2f} ms, ours p50 {b50:.2f} p99 {b99:.2f} ms"
            print(f"at {rate:,.0f}  {shown}: {b99 / a99:.2f}")
        ratios = sorted(b / a for a, b in fast)
        print(f"ratio of requests a second, median of {len(ratios)}: {ratios[len(ratios) // 2]:.2f}")
        worse = sorted(b[1] / a[1] for a, b in slow)
        print(f"ratio of p99 at {SHARE:.0%} load, median of {len(worse)}: {worse[len(worse) // 2]:.2f}")


@contextmanager
def servers(made: Path) -> Iterator[tuple[int, int, str]]:
    """Ours with decisions, and the empty handler: their ports, and a token."""
    folder = DataFolder(made / "data")
    database = WatchDatabase("", folder.database)
    token = make_token(database, "gateway", frozenset((DECIDE,)))
    now = time.time_ns() // 1000
    with log_locked(database) as log:
        log.append(
            LogEntry(0, now, "case", f"account-{i}", "tag", "operator_decision", "benchmark", False, now, now + DAY)
            for i in range(DECIDED)
        )
    database.close()
    ports = free_port(), free_port()
    stillhunt = [sys.executable, "-m", "stillhunt", "serve", "--quiet", "--only", "web", "--data", str(folder.path)]
    running = [
        subprocess.Popen([*stillhunt, "--listen", f"127.0.0.1:{ports[0]}"]),
        subprocess.Popen([sys.executable, "-c", EMPTY, f"127.0.0.1:{ports[1]}"]),
    ]
    time.sleep(12)
    try:
        yield (*ports, token)
    finally:
        for one in running:
            one.terminate()
            one.wait()


def _wrk(script: Path, port: int, seconds: int, token: str, start: int) -> tuple[float, float]:
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    environment = {**os.environ, "TOKEN": token, "START": str(start)}
    out = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise RuntimeError(out)
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    return (float(found[1]) if found else 0.0), 0.0


def _paced(port: int, rate: float, seconds: int, token: str) -> tuple[float, float]:
    """Median and 99th percentile of the latency at a steady rate, milliseconds."""
    body = '{"account_id":"account-7","model":"m1"}'
    words = [
        "hey",
        f"-z={seconds}s",
        f"-c={CONNECTIONS}",
        f"-q={rate / CONNECTIONS:.0f}",
        "-m=POST",
        "-cpus=1",
        f"-d={body}",
    ]
    address = f"http://127.0.0.1:{port}/v1/decide"
    out = subprocess.run(
        [*words, f"-H=Authorization: Bearer {token}", address], capture_output=True, text=True, check=True
    ).stdout
    if "[200]" not in out or "Error distribution" in out:
        raise RuntimeError(out)
    p50, p99 = (float(re.findall(rf"{part}%{{1,2}} in ([\d.]+) secs", out)[0]) * 1000 for part in (50, 99))
    return p50, p99


if __name__ == "__main__":
    main()
