"""The console in a process of its own, so that no page keeps gateways waiting.

Threads of one process take turns of milliseconds, and a page takes many: beside three busy readers, one answer to a
gateway in a hundred took 17 to 29 ms.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.responses import PlainTextResponse

from stillhunt.base.config import Config
from stillhunt.tools import remove_at_forced_end
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import KeptThread, ServiceFaults
from stillhunt_server.passed_requests import pass_request
from stillhunt_server.receiving.receiver import Receive, Scope, Send
from stillhunt_server.server_news import ServerNews, news_text

NEWS_SECONDS = 1.0
"""How often the process is told what is new, and looked at. Judgement: whoever watches a hunt sees it at once."""
START_SECONDS = 20.0
"""How long a page waits for a process that is being started. Judgement: its imports take two seconds."""
_TRY_SECONDS = 0.05
_ENDING_SECONDS = 5.0
_SOCKET = "console"
_LATER = "The console is being started. Load the page again in a minute; if it stays away, the server's log says why.\n"


class ConsoleProcess:
    """An application whose pages another process makes; that process is started again where it ends.

    Args:
        news: what is told it of this server.
        faults: where it is said that it ended.
    """

    def __init__(
        self, folder: DataFolder, config: Config, news: Callable[[], ServerNews], faults: ServiceFaults
    ) -> None:
        self._news = news
        self._place = tempfile.TemporaryDirectory(prefix="stillhunt-")  # for nobody but this user
        remove_at_forced_end(Path(self._place.name))
        self._socket = Path(self._place.name) / _SOCKET
        order = {"data": str(folder.path), "config": config.model_dump(mode="json"), "socket": str(self._socket)}
        self._order = json.dumps(order)
        self._stop = threading.Event()
        self._thread = KeptThread("console", self._run_process, self._stop.is_set)
        self._thread.report_to(faults)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()
        self._place.cleanup()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the process answer; it is waited for while it starts."""
        begun = False

        async def sending(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        until = time.monotonic() + START_SECONDS
        while True:
            try:
                await pass_request(self._socket, scope, receive, sending)
            except (FileNotFoundError, ConnectionRefusedError):  # it does not listen yet
                if time.monotonic() < until and not self._stop.is_set():
                    await asyncio.sleep(_TRY_SECONDS)
                    continue
                await PlainTextResponse(_LATER, 503, {"retry-after": "30"})(scope, receive, send)
            except OSError:
                if begun:
                    raise
                await PlainTextResponse(_LATER, 503, {"retry-after": "5"})(scope, receive, send)
            return

    def _run_process(self) -> None:
        """Run the process until it ends or is to end; its stdin has the order, with secrets, and then news."""
        words = [sys.executable, "-m", "stillhunt_server.console_main"]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        with subprocess.Popen(words, stdin=pipe, stdout=nowhere, text=True) as child:  # noqa: S603 - our own module
            stdin, told = child.stdin, ""
            assert stdin is not None  # noqa: S101 - as asked for above
            try:
                with suppress(OSError):  # it has ended
                    stdin.write(self._order + "\n")
                    while child.poll() is None and not self._stop.is_set():
                        if (text := news_text(self._news())) != told:
                            stdin.write(text + "\n")
                            told = text
                        stdin.flush()
                        self._stop.wait(NEWS_SECONDS)
                    stdin.close()  # which ends it
                with suppress(subprocess.TimeoutExpired):
                    child.wait(_ENDING_SECONDS)
            finally:
                child.kill()
