"""A database that hangs holds up whoever needs it, and nobody else."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from server.serving import Running, serving
from stillhunt.base.errors import OutputError
from stillhunt.watch.database.probe import DATABASE_FAULT
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server import database_threads
from stillhunt_server.database_threads import DatabaseThreads


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path) as made:
        yield made


def get(running: Running, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request("GET", path, headers={"authorization": f"Bearer {running.admin}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("path", ["/v1/status", "/v1/decisions", "/v1/tokens"])
def test_others_are_answered_while_the_database_hangs(
    running: Running, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert get(running, path) == 200
    begun, goes_on, usual = threading.Event(), threading.Event(), WatchDatabase.read

    def hangs(self: WatchDatabase, statement: Any) -> Any:
        begun.set()
        goes_on.wait(20)
        return usual(self, statement)

    monkeypatch.setattr(WatchDatabase, "read", hangs)
    found: list[int] = []
    asker = threading.Thread(target=lambda: found.append(get(running, path)))
    asker.start()
    assert begun.wait(10)
    assert get(running, "/healthz") == 200
    assert found == []
    goes_on.set()
    asker.join(20)
    assert found == [200]


def test_who_needs_a_silent_database_is_refused_at_once(running: Running) -> None:
    running.faults.begin(DATABASE_FAULT, "the database does not answer")
    assert get(running, "/readyz") == 503
    assert get(running, "/v1/status") == 200
    assert get(running, "/v1/decisions") == 503
    running.faults.end(DATABASE_FAULT)
    assert get(running, "/v1/decisions") == 200


def test_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_threads, "THREADS", 2)
    monkeypatch.setattr(database_threads, "WAITING", 3)
    goes_on = threading.Event()

    async def ask() -> list[Any]:
        threads = DatabaseThreads()
        asked = [asyncio.ensure_future(threads.run(goes_on.wait, 20)) for _ in range(5)]
        while threads._limiter is None or threads._limiter.statistics().tasks_waiting < 3:
            await checkpoint()
        with pytest.raises(OutputError, match="too many wait"):
            await threads.run(goes_on.wait, 20)
        goes_on.set()
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [True] * 5
