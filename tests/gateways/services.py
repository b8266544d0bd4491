"""stillhunt in a process of its own, which can be killed, stopped and started again."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cli.forking import ForkedProcess, Forker
from cli.running import FORKING, PROGRAM
from server.serving import free_port
from stillhunt.decide.actions import ACTIONS, Action
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.tokens import DECIDE, make_token

APPEALS = "https://example.com/appeals"
SETTINGS = {"STILLHUNT_DECIDE__APPEAL_URL": APPEALS, "STILLHUNT_DECIDE__MODEL_HEADER": "x-ai-eg-model"}
REQUESTS_PER_MINUTE = 3
POLICY = f"""
[throttle]
requests_per_minute = {REQUESTS_PER_MINUTE}

[limit]
models = ["large-*"]
"""


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} seconds still not true: {what}")
        threading.Event().wait(0.02)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def ended(process: ForkedProcess | subprocess.Popen[bytes]) -> None:
    """Make sure that a process is gone, whatever state it is in."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.wait(10)


class Stillhunt:
    """`stillhunt serve --only web` on a data folder; it can be killed, stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = DataFolder(folder)
        (folder / "policy.toml").write_text(POLICY)
        self.database = WatchDatabase("", self._folder.database)
        self.token = make_token(self.database, "gateway", frozenset((DECIDE,)))
        self.process: ForkedProcess | subprocess.Popen[bytes] | None = None
        self._forker: Forker | None = None

    def decide(self, account: str, action: Action) -> int:
        """A person's decision about an account; its number."""
        now = time.time_ns() // 1000
        return decide_as_person(
            self.database, account, action, DecisionAuthor("tester", "a test"), DecisionSpan(now, 1.0)
        ).seq

    def undo(self, decision: int) -> None:
        undo(self.database, decision, "tester", "a test", time.time_ns() // 1000)

    def start(self, *, wait: bool = True) -> None:
        words = ["serve", "--quiet", "--only", "web", "--data", str(self._folder.path)]
        words += ["--listen", f"127.0.0.1:{self.port}"]
        environment = {**os.environ, **SETTINGS}
        if FORKING:  # started often, from a process of its own that has the libraries
            self._forker = self._forker or Forker(environment)
            self.process = self._forker.start(words, Path.cwd(), environment)
        else:
            self.process = subprocess.Popen([*PROGRAM, *words], env=environment)
        if wait:
            until(self.ready, 60, "stillhunt is ready")

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        if self.process is not None:
            ended(self.process)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """It lives, and does nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            seen = psutil.Process(self.process.pid)
            until(lambda: seen.status() == psutil.STATUS_STOPPED, 5, "stillhunt is stopped")
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def stillhunt(folder: Path, names: Iterable[str]) -> Iterator[tuple[Stillhunt, dict[str, int]]]:
    """A running service, and the number of the decision about each account; an account is named by its action.

    Args:
        folder: the data folder.
        names: of gateways, each of which has an account of its own to throttle and one to block.
    """
    service = Stillhunt(folder)
    own: list[tuple[str, Action]] = [(f"{action}-{name}", action) for action in ("throttle", "block") for name in names]
    try:
        decided = {name: service.decide(name, action) for name, action in [*zip(ACTIONS, ACTIONS, strict=True), *own]}
        service.start()
        yield service, decided
    finally:
        service.kill()
        service.database.close()
