"""The console in a process of its own: requests pass a socket unchanged, and a process that ends is started again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server.serving import free_port
from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.console_process import ConsoleProcess
from stillhunt_server.passed_requests import listen_for_requests, pass_request
from stillhunt_server.server_news import HuntNews, ServerNews

OPEN = Config.load({"console": {"sign_in": "proxy", "proxy_addresses": ["127.0.0.1"]}}, environ={})
"""Settings by which the client of these tests is a proxy that has signed its reader in."""
SIGNED_IN = {"x-forwarded-user": "anna", "host": "127.0.0.1"}


async def echo(request: Request) -> Response:
    """What arrived of a request."""
    body = await request.body()
    assert request.client is not None
    said = f"{request.method} {request.url.path} {request.url.query} {request.client.host} {len(body)}"
    return PlainTextResponse(said, 202, {"x-sent": request.headers.get("x-sent", "")})


async def leave(_request: Request) -> Response:
    """An answer without a look at the body."""
    return PlainTextResponse("x" * 3_000)


async def fail(_request: Request) -> Response:
    raise RuntimeError("a fault of ours")


ECHO = Starlette(routes=[Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in (echo, leave, fail)])


async def moment() -> None:
    """Let others go on before a condition is looked at again."""
    await asyncio.to_thread(threading.Event().wait, 0.01)


async def asked(socket: Path, method: str, path: str, **options: Any) -> httpx.Response:
    """One request through the socket."""

    async def front(scope: Any, receive: Any, send: Any) -> None:
        await pass_request(socket, scope, receive, send)

    transport = httpx.ASGITransport(front, client=("192.0.2.7", 4711), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        return await client.request(method, path, **options)


def through_socket(folder: Path, work: Callable[[Path], Any]) -> Any:
    """What some work gives that may ask the application through a socket."""

    async def run() -> Any:
        serving = asyncio.ensure_future(listen_for_requests(ECHO, folder / "s"))
        while not (folder / "s").exists():
            await moment()
        try:
            return await work(folder / "s")
        finally:
            while len(asyncio.all_tasks()) > 2:  # this one, and what listens: answers see that their reader has gone
                await moment()
            serving.cancel()

    return asyncio.run(run())


def test_a_request_passes_as_it_is(tmp_path: Path) -> None:
    body = b"a" * 400_000
    answer = through_socket(
        tmp_path, lambda socket: asked(socket, "POST", "/echo?a=%2F1", content=body, headers={"x-sent": b"\xe9"})
    )
    assert answer.status_code == 202
    assert answer.text == "POST /echo a=%2F1 192.0.2.7 400000"
    assert (b"x-sent", b"\xe9") in answer.headers.raw


def test_an_answer_that_did_not_wait_for_the_body_arrives_whole(tmp_path: Path) -> None:
    async def with_slow_reader(socket: Path) -> list[dict[str, Any]]:
        """What a client gets that reads no further until it has sent what the application never asks for."""
        began, sent, answer = asyncio.Event(), asyncio.Event(), list[dict[str, Any]]()
        more = iter([True] * 6)

        async def receive() -> dict[str, Any]:
            await began.wait()
            await moment()
            if next(more, False):
                return {"type": "http.request", "body": b"b" * 1000, "more_body": True}
            sent.set()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            began.set()
            await asyncio.wait_for(sent.wait(), 20)  # it fails, and hangs not, where nobody asks for the body
            answer.append(message)

        scope = {"type": "http", "method": "POST", "path": "/leave", "query_string": b"", "headers": []}
        await pass_request(socket, scope, receive, send)
        return answer

    start, body = through_socket(tmp_path, with_slow_reader)
    assert (start["status"], len(body["body"])) == (200, 3_000)


def test_a_fault_is_answered_and_the_next_request_too(tmp_path: Path) -> None:
    async def both(socket: Path) -> list[int]:
        return [(await asked(socket, "GET", path)).status_code for path in ("/fail", "/echo")]

    assert through_socket(tmp_path, both) == [500, 202]


def test_a_process_that_is_away_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(asked(tmp_path / "nobody", "GET", "/echo"))


@contextmanager
def console_on(folder: Path, news: Callable[[], ServerNews], faults: ServiceFaults) -> Iterator[ConsoleProcess]:
    """A console of a new data folder, in its process."""
    data = DataFolder(folder)
    WatchDatabase("", data.database).close()
    process = ConsoleProcess(data, OPEN, news, faults)
    process.start()
    try:
        yield process
    finally:
        process.stop()


async def page(process: ConsoleProcess, path: str) -> httpx.Response:
    """A page, as its reader gets it."""
    transport = httpx.ASGITransport(process, client=("127.0.0.1", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
        return await client.get(path, headers=SIGNED_IN)


async def page_with(process: ConsoleProcess, path: str, text: str) -> str:
    """A page, as soon as it says something; the test's own bound of time ends the waiting."""
    while text not in (found := (await page(process, path)).text):
        await moment()
    return found


def test_pages_come_from_another_process_which_hears_what_is_new(tmp_path: Path) -> None:
    told = [ServerNews(HuntNews(failures=2, failure="the disk is <b>full</b>"), faults={"enforcement off": "a <log>"})]
    with console_on(tmp_path / "data", lambda: told[0], ServiceFaults()) as process:
        asyncio.run(page_with(process, "/", "The disk is &lt;b&gt;full"))
        asyncio.run(page_with(process, "/", "Enforcement off:</strong> A &lt;log&gt;"))
        told[0] = ServerNews(HuntNews(next_at=1_900_000_000.0))
        said = asyncio.run(page_with(process, "/hunt", "2030-03-17 17:46"))
        assert "full" not in said


def processes() -> list[psutil.Process]:
    """Those that make pages for this one."""
    return [one for one in psutil.Process().children() if "stillhunt_server.console_main" in one.cmdline()]


def test_a_process_that_ended_is_a_fault_and_is_started_again(tmp_path: Path) -> None:
    faults = ServiceFaults()
    with console_on(tmp_path / "data", ServerNews, faults) as process:
        assert asyncio.run(page(process, "/settings")).status_code == 200
        (first,) = processes()
        assert str(tmp_path) not in " ".join(first.cmdline()), "its order holds secrets"
        first.kill()
        first.wait()
        assert asyncio.run(page(process, "/settings")).status_code == 200
        assert [fault.name for fault in faults.current()] == ["thread console"]
    assert processes() == []


def test_pages_load_nothing_that_hunts_need() -> None:
    code = """
import sys
from stillhunt.base.no_pandas import refuse_pandas
refuse_pandas()
import stillhunt_evidence.console_pages, stillhunt_signals.console_rules, stillhunt_signals.console_signals
import stillhunt_server.commands.serve, stillhunt_server.console.data_console, stillhunt_server.pages_process
print(sorted({"duckdb", "numba", "pandas", "scipy"} & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_console_alone_serves_pages_and_no_gateway(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    words = ["serve", "--quiet", "--only", "console", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
    settings = {"STILLHUNT_CONSOLE__SIGN_IN": "proxy", "STILLHUNT_CONSOLE__PROXY_ADDRESSES": '["127.0.0.1"]'}
    with subprocess.Popen([sys.executable, "-m", "stillhunt", *words], env={**os.environ, **settings}) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=10)) as client:
                assert client.get("/settings", headers=SIGNED_IN).status_code == 200
                assert client.get("/readyz").status_code == 200
                assert client.post("/v1/decide", json={"account_id": "a"}).status_code == 404
                assert client.get("/v1/decisions").status_code == 404
                assert not psutil.Process(process.pid).children()
        finally:
            process.terminate()
