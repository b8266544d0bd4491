"""How long `/v1/decide` takes of a server that also shows the console, while analysts walk through a large case.

    python benchmarks/console/beside_gateway.py large                three minutes; see large_case.py for the case
    python benchmarks/console/beside_gateway.py large --seconds 20

One `stillhunt serve --only web` has the case as its latest snapshot, and makes its pages in a process of their own. It
is asked at a steady rate, each question timed from when it was due: while nobody reads, while one analyst reads a page
every two seconds, and while three read without a pause, which is more than people do. The readers are processes of
their own; all share the machine. An empty page of the same server, asked for by the same readers without a pause, shows
what their load alone does. Between its questions go as many to a bare server of the same library that looks at nothing
and makes no pages: what it takes is the machine's own. At last the memory of both processes is read, and that of a
`stillhunt serve --only console` after the same pages, the lever and the page of rules.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import psutil

from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import CASE, WATCH_FILE, name_of
from stillhunt_server.tokens import DECIDE, make_token

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
sys.path.insert(0, str(Path(__file__).parents[1] / "decide"))
from pages import EMPTY_PAGE, pages_of
from served import free_port
from steady_sender import Sent, send_steadily

RATE = 300
BARE = """
import asyncio, sys, uvicorn
async def answer(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
uvicorn.run(answer, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, lifespan="off", log_level="error")
"""
READER = {"x-forwarded-user": "analyst"}
PAUSE_SECONDS = 2.0
BODY = b'{"account_id":"account-7","model":"m1"}'


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("--seconds", type=float, default=40)
    options = parser.parse_args()
    walk = [page.path for page in pages_of(options.case) if page.path != "/report"]
    with tempfile.TemporaryDirectory(dir=options.case.resolve().parent) as made:
        folder, token = data_folder(Path(made) / "data", options.case)
        port, bare_port = free_port(), free_port()
        server = serve(folder, port)
        bare = subprocess.Popen([sys.executable, "-c", BARE, str(bare_port)])
        try:
            wait_for(port)
            wait_for(bare_port)
            began = time.perf_counter()
            for path in walk:
                ask(port, path)
            print(f"first walk over {len(walk)} pages, which reads the snapshot: {time.perf_counter() - began:.1f} s")
            for name, readers, pause, paths in (
                ("nobody reads", 0, 0.0, walk),
                ("one analyst, a page every two seconds", 1, PAUSE_SECONDS, walk),
                ("three readers of an empty page, no pause", 3, 0.0, [EMPTY_PAGE]),
                ("three analysts, no pause", 3, 0.0, walk),
            ):
                show(name, beside((port, bare_port), token, options.seconds, (readers, pause, paths)))
            of_pages = sum(memory_of(one) for one in psutil.Process(server.pid).children())
            print(f"memory: {memory_of(server):.0f} MB of what answers gateways, {of_pages:.0f} MB of its console")
        finally:
            for one in (server, bare):
                one.terminate()
                one.wait()
        alone = serve(folder, port, "console")
        try:
            wait_for(port)
            first = next(path for path in walk if path.endswith("/members")).removesuffix("/members")
            for path in [*walk, *walk, f"{first}/lever", f"{first}/lever?off=family:queue", "/rules"]:
                ask(port, path)
            print(f"memory of a console alone: {memory_of(alone):.0f} MB")
        finally:
            alone.terminate()
            alone.wait()


def memory_of(process: subprocess.Popen[bytes] | psutil.Process) -> float:
    """Memory of a process, MB."""
    return float(psutil.Process(process.pid).memory_info().rss / 1e6)


def data_folder(path: Path, case: Path) -> tuple[DataFolder, str]:
    """A data folder whose latest snapshot is a case, and a token that may ask for decisions."""
    folder = DataFolder(path)
    database = WatchDatabase("", folder.database)
    token = make_token(database, "gateway", frozenset((DECIDE,)))
    database.close()
    snapshot = folder.snapshots / name_of(1)
    shutil.copytree(case, snapshot / CASE, copy_function=os.link)
    facts = {"made_at": time.time_ns() // 1000, "to_time": 0, "requests": 0, "rejected": 0, "required_bits": 20.0}
    (snapshot / WATCH_FILE).write_text(json.dumps({**facts, "budget": {}}))
    folder.switch_latest(name_of(1))
    return folder, token


def serve(folder: DataFolder, port: int, part: str = "web") -> subprocess.Popen[bytes]:
    """A server that takes this machine for a proxy which has signed its readers in."""
    words = [sys.executable, "-m", "stillhunt", "serve", "--quiet", "--only", part, "--data", str(folder.path)]
    signed_in = {"STILLHUNT_CONSOLE__SIGN_IN": "proxy", "STILLHUNT_CONSOLE__PROXY_ADDRESSES": '["127.0.0.1"]'}
    return subprocess.Popen([*words, "--listen", f"127.0.0.1:{port}"], env={**os.environ, **signed_in})


def wait_for(port: int) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with suppress(OSError):
            ask(port, EMPTY_PAGE)
            return
        time.sleep(0.2)
    raise TimeoutError("the server did not start")


def ask(port: int, path: str) -> None:
    """One page, on a connection of its own; raises where it is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers=READER)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}")


def beside(
    ports: tuple[int, int], token: str, seconds: float, reading: tuple[int, float, list[str]]
) -> tuple[Sent, Sent, int]:
    """Questions at a steady rate to a server and a bare one while some processes read pages; with their number."""
    port = ports[0]
    readers, pause, paths = reading
    context = multiprocessing.get_context("spawn")
    stop, read = context.Event(), context.Value("q", 0)
    running = [
        context.Process(target=walk_through, args=(port, paths[3 * place :] + paths[: 3 * place], pause, stop, read))
        for place in range(readers)
    ]
    for one in running:
        one.start()
    time.sleep(5 if readers else 0)  # they import the libraries of this script
    request = f"POST /v1/decide HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    request += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    before = read.value
    bare, sent = asyncio.run(ask_both(ports, request.encode() + BODY, seconds))
    pages = read.value - before
    stop.set()
    for one in running:
        one.join()
    return sent, bare, pages


async def ask_both(ports: tuple[int, int], request: bytes, seconds: float) -> list[Sent]:
    """The same questions, half of them to each server, in turns; of the bare one first."""
    first = asyncio.ensure_future(send_steadily(ports[0], request, RATE / 2, seconds, b"}"))
    await asyncio.sleep(1 / RATE)
    return [await send_steadily(ports[1], request, RATE / 2, seconds, b"}"), await first]


def walk_through(port: int, paths: list[str], pause: float, stop: Event, read: Any) -> None:
    """Read pages one after the other until told to stop."""
    wait: Callable[[float], bool] = stop.wait
    while not stop.is_set():
        for path in paths:
            ask(port, path)
            with read.get_lock():
                read.value += 1
            if wait(pause):
                return


def show(name: str, measured: tuple[Sent, Sent, int]) -> None:
    """Print one line."""
    sent, bare, pages = measured
    (p50, p99), (_, bare_p99) = sent.percentiles, bare.percentiles
    lost = sum(number for status, number in sent.statuses.items() if status != 200)
    print(
        f"{name:42} {len(sent.took):>7,} answers, p50 {p50:6.2f}, p99 {p99:7.2f}, worst {max(sent.took):6.0f} ms, "
        f"bare p99 {bare_p99:.2f}, ratio {p99 / bare_p99:.2f}, "
        f"{lost} lost; {pages} pages read"
    )


if __name__ == "__main__":
    main()
