"""The process of `console_process`: the first line of stdin is its order, others are news, and their end ends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.container_memory import keep_little_memory
from stillhunt.watch.database.probe import DATABASE_FAULT, DatabaseProbe
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.known_database import open_database
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.console.context import Console
from stillhunt_server.console.data_console import open_data_console
from stillhunt_server.fault_looks import FaultLooks
from stillhunt_server.passed_requests import listen_for_requests
from stillhunt_server.server import Application, prepare_serving
from stillhunt_server.server_news import read_news

LESS_URGENT = 5
"""Steps of niceness: where processors are few, answers to gateways come before pages. Judgement."""


def main() -> None:
    """Make pages until stdin ends."""
    # A terminal and a service manager send these to all processes; the server ends this one when all is answered.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(LESS_URGENT)
    keep_little_memory()
    order = json.loads(sys.stdin.readline())
    folder, config = DataFolder(Path(order["data"]), make=False), Config(**order["config"])
    database = open_database(folder.path, config.watch.database, later=True)
    faults = ServiceFaults()
    console, application = open_data_console(folder, config, database, faults)
    probe = DatabaseProbe(database, faults)
    probe.start()
    told = FaultLooks(faults, [lambda: _without_own(console)])
    told.start()
    prepare_serving()
    asyncio.run(_answer_pages(console, application, Path(order["socket"])))


async def _answer_pages(console: Console, application: Application, socket: Path) -> None:
    serving = asyncio.ensure_future(listen_for_requests(application, socket))
    ended = partial(asyncio.get_running_loop().call_soon_threadsafe, serving.cancel)
    threading.Thread(target=_hear_news, args=(console, ended), name="stillhunt-news", daemon=True).start()
    with suppress(asyncio.CancelledError):
        await serving


def _without_own(console: Console) -> dict[str, str]:
    """Faults of the server; whether the database answers, this process sees by itself."""
    return {name: said for name, said in console.news.faults.items() if name != DATABASE_FAULT}


def _hear_news(console: Console, ended: Callable[[], object]) -> None:
    """Take each line of stdin for what the server's news are now, until there are no more."""
    for line in sys.stdin:
        console.news = read_news(line)
    ended()
