"""Real processes of stillhunt that need not import its libraries: one process has them, and forks for each command.

Most of what a short command costs is numpy, pyarrow, scipy, numba and the SQL engines: one to two seconds of processor
time. The process that forks imports nothing of stillhunt, so each command imports all of that by itself, in its own
environment, folder and streams, and ends as any Python program does.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

LIBRARIES = (
    "alembic.command", "alembic.config", "argon2", "cryptography.x509", "duckdb", "jinja2", "msgspec", "numba", "numpy",
    "psutil", "pyarrow", "pyarrow.compute", "pyarrow.dataset", "pyarrow.ipc", "pyarrow.parquet", "pydantic",
    "rich.console", "rich.progress", "rich.table", "scipy.ndimage", "scipy.optimize", "scipy.sparse.csgraph",
    "scipy.special", "scipy.stats", "sqlalchemy", "typer",
)  # fmt: skip
_MOST_WORDS = 1 << 20


@cache
def forker() -> Forker:
    """The one of this process, started when it is first needed."""
    names = (
        "PATH", "HOME", "PYTHONPATH", "LANG", "LC_ALL", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE",
        "NUMBA_CACHE_DIR",  # which numba reads when it is imported
    )  # fmt: skip
    return Forker({name: os.environ[name] for name in names if name in os.environ})


class Forker:
    """The process that forks, seen from the tests.

    Args:
        environment: its own; commands bring theirs.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(words, env=environment, cwd="/", pass_fds=[theirs.fileno()])
        self._answers = self._line.makefile("rb")
        self._turn = threading.Lock()
        atexit.register(self._end)

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run` gives of `stillhunt` with text, captured output and no input.

        Args:
            arguments: of the command line.
            cwd: where it runs.
            environment: all of it.
            timeout: seconds that it may take.
        """
        with self._turn:
            process = self.start(arguments, cwd, environment)
            said = process.communicate(timeout)
        assert process.returncode is not None
        out, errors = (io.TextIOWrapper(io.BytesIO(one), "utf-8").read() for one in said)
        return subprocess.CompletedProcess(["stillhunt", *arguments], process.returncode, out, errors)

    def start(self, arguments: Sequence[str], cwd: Path, environment: dict[str, str]) -> ForkedProcess:
        """One that is watched while it works; the next can be started when somebody has waited for it.

        Args:
            arguments: of the command line.
            cwd: where it runs.
            environment: all of it.
        """
        order = json.dumps({"arguments": arguments, "cwd": str(cwd), "environment": environment}).encode()
        streams, theirs = zip(*(os.pipe() for _ in range(2)), strict=True)
        socket.send_fds(self._line, [order + b"\n"], theirs)
        for stream in theirs:
            os.close(stream)
        return ForkedProcess(int(self._answers.readline()), self._answers, streams)

    def _end(self) -> None:
        self._answers.close()
        self._line.close()
        self._process.wait()


class ForkedProcess:
    """As much of `subprocess.Popen` as tests need, for a process that is no child of this one.

    Args:
        pid: of the process.
        answers: what the process that forks says, next the exit code.
        streams: what the process writes, stdout and stderr.

    Attributes:
        returncode: exit code, negative where a signal ended it; None until it was asked for.
    """

    def __init__(self, pid: int, answers: io.BufferedReader, streams: Sequence[int]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._answers = answers
        self._said: list[bytes] = [b""] * len(streams)
        self._readers = [
            threading.Thread(target=_read_all, args=(stream, self._said, place)) for place, stream in enumerate(streams)
        ]
        for reader in self._readers:
            reader.start()

    def poll(self) -> int | None:
        """Exit code; None while it works, which is while its stderr is open."""
        if self.returncode is None and not self._readers[-1].is_alive():
            self.returncode = int(self._answers.readline())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Exit code, as soon as there is one; raises `subprocess.TimeoutExpired` after so many seconds."""
        self._readers[-1].join(timeout)
        if timeout is not None and self.poll() is None:
            raise subprocess.TimeoutExpired("stillhunt", timeout)
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """What it wrote to stdout and stderr until its end; after so many seconds it is killed."""
        killer = threading.Timer(timeout or threading.TIMEOUT_MAX, self.send_signal, (9,))
        killer.start()
        self.wait()
        killer.cancel()
        for reader in self._readers:
            reader.join()
        return self._said[0], self._said[1]


def _read_all(stream: int, said: list[bytes], place: int) -> None:
    with open(stream, "rb") as file:
        said[place] = file.read()


def _serve(line: socket.socket) -> dict[str, Any] | None:
    """Fork for each order; gives the order in the child, and None when nobody orders any more."""
    while True:
        text, streams, _, _ = socket.recv_fds(line, _MOST_WORDS, 2)
        while text and not text.endswith(b"\n"):
            text += line.recv(_MOST_WORDS)
        if not text:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads, which the libraries end before a fork by themselves
            child = os.fork()
        if child == 0:
            line.close()
            return {**json.loads(text), "streams": streams}
        for stream in streams:
            os.close(stream)
        line.sendall(b"%d\n" % child)
        line.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _become(order: dict[str, Any]) -> None:
    """Take the streams, folder, environment and words of an order, as if Python had been started with them."""
    silence = os.open(os.devnull, os.O_RDONLY)
    for number, stream in enumerate((silence, *order["streams"])):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    at_once = bool(os.environ.get("PYTHONUNBUFFERED"))
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        old = getattr(sys, name)
        buffer = open(number, "rb" if number == 0 else "wb", 0 if at_once and number else -1, closefd=False)  # noqa: SIM115 - it stays open
        stream = io.TextIOWrapper(
            buffer, old.encoding, old.errors, line_buffering=name == "stderr", write_through=at_once
        )
        stream.mode = old.mode
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = ["stillhunt", *order["arguments"]]
    sys.path[0] = order["cwd"]


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    sys.modules["numba"].njit(lambda: 1)()  # what numba does once, before the first machine code
    gc.freeze()
    ordered = _serve(socket.socket(fileno=int(sys.argv[1])))
    if ordered is not None:
        _become(ordered)
        runpy.run_module("stillhunt", run_name="__main__", alter_sys=True)
