"""One data folder with real servers on it, whose processes, clocks and disk can be disturbed; for faults.py."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from fault_load import Load

from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_server.tokens import INGEST, make_token

DISK_MB = 192
"""Size of the disk: room for the snapshots of a round, and quickly filled."""
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
SOURCES = ("gateway", "proxy")
HUNT_MINUTES = 0.02
"""Hunts follow each other without a pause, so that faults meet them at every step."""
SETTINGS = {"serve.free_gb": "0", "watch.every_minutes": str(HUNT_MINUTES)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One `stillhunt serve`, started again and again on the same port.

    Attributes:
        data: the data folder.
        parts: what it does; all where it is empty.
        logs: folder for what it prints.
        clock: file with the offset of its clock; None where clocks cannot be changed.
    """

    data: Path
    parts: tuple[str, ...]
    logs: Path
    clock: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def command(self, port: int) -> list[str]:
        """The command line, listening on some port."""
        options = [option for part in self.parts for option in ("--only", part)]
        options += [option for name, value in SETTINGS.items() for option in ("--set", f"{name}={value}")]
        serve = [sys.executable, "-m", "stillhunt", "serve", "--data", str(self.data), "--quiet"]
        return [*serve, "--listen", f"127.0.0.1:{port}", *options]

    def start(self) -> None:
        """Start it; it takes seconds until it listens."""
        with (self.logs / f"{'-'.join(self.parts) or 'all'}.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(self.port), env=self._environment(), stdout=log, stderr=log)

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def serving(self) -> bool:
        """Whether it has started so far that it takes connections; one that is paused does, too."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=0.5):
            return self.alive()
        return False

    def end(self, number: signal.Signals) -> None:
        """End it with a signal, and wait."""
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def start_if_ended(self) -> bool:
        """Start it again where it ended by itself, as a service manager does; whether it had."""
        ended = self.process is not None and self.process.poll() is not None
        if ended:
            self.start()
        return ended

    def children(self, last_word: str = "") -> list[psutil.Process]:
        """Hunts that this server started, whose last word is its process id, or others by the last word."""
        if self.process is None:
            return []
        with suppress(psutil.Error):
            wanted = last_word or str(self.process.pid)
            return [one for one in psutil.Process(self.process.pid).children() if one.cmdline()[-1:] == [wanted]]
        return []

    def _environment(self) -> dict[str, str]:
        if self.clock is None:
            return dict(os.environ)
        return {
            **os.environ,
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
            "NO_FAKE_STAT": "1",
        }


class Rig:
    """A data folder, its servers and its clients, for one round.

    Args:
        place: folder of the round.
        seed: of all choices.
        lines: requests by id.
        private: whether file systems may be mounted on the folder, which needs root.
        clocks: whether the servers' clocks can be changed, with libfaketime, which makes hunts three times as slow.
    """

    def __init__(self, place: Path, seed: int, lines: dict[str, bytes], *, private: bool, clocks: bool) -> None:
        self.random, self.private, self.place = random.Random(seed), private, place  # noqa: S311 - no secret
        self._clocks = clocks
        self.disk = place / "disk"
        self.disk.mkdir(parents=True)
        if private:
            mount("-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(self.disk))
        self.folder = DataFolder(self.disk / "data")
        database = WatchDatabase("", self.folder.database)
        tokens = [make_token(database, source, frozenset((INGEST,)), source) for source in SOURCES]
        database.close()
        split = self.random.random() < 0.6
        self.servers = [self._server(parts) for parts in ((("ingest",), ("hunt",)) if split else ((),))]
        self.load = Load(lines, tokens, self.ingest.port, seed)
        self.config = Config()
        self.wrong: list[str] = []
        self.restarts = 0

    @property
    def ingest(self) -> Server:
        """The server that receives."""
        return self.servers[0]

    @property
    def hunt(self) -> Server:
        """The server that hunts; the same one in some rounds."""
        return self.servers[-1]

    def _server(self, parts: tuple[str, ...]) -> Server:
        clock = None
        if self._clocks:
            clock = self.place / f"clock-{'-'.join(parts)}"
            clock.write_text("+0")
        return Server(self.folder.path, parts, self.place, clock)

    def start(self) -> None:
        """Start servers and clients, and wait for the first snapshot."""
        for server in self.servers:
            server.start()
        self.load.start()
        wait_for(lambda: latest_snapshot(self.folder) is not None, 120)

    def stop(self) -> None:
        """End clients and servers, some of them the hard way, and wait for hunts that lost their server."""
        self.load.stop()
        for server in self.servers:
            server.end(self.random.choice((signal.SIGTERM, signal.SIGKILL)))
        wait_for(self._nobody_hunts, 120)

    def _nobody_hunts(self) -> bool:
        with suppress(Exception), self.folder.role("hunt"):
            return True
        return False

    def close(self) -> None:
        """Kill what is left, and unmount."""
        for server in self.servers:
            server.end(signal.SIGKILL)
        if self.private:
            subprocess.run(["/usr/bin/umount", "-l", str(self.disk)], check=True)


def mount(*arguments: str) -> None:
    subprocess.run(["/usr/bin/mount", *arguments], check=True)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not hold in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{condition} does not hold after {seconds:.0f} seconds")
        time.sleep(0.05)
