"""Tests in several processes, each forked when everything is imported and collected: that is paid for once.

`pytest --workers 3`: a worker takes the next file when it has done one, so that a file stays in one process, with what
it made once; so do files that `slow_files` names together. Importing and collecting all tests takes half a minute of
processor time, which processes that start anew spend each for itself.
"""

from __future__ import annotations

import faulthandler
import json
import os
import selectors
import signal
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from slow_files import find_unit

_NUMBER = struct.Struct("H")  # of a file; read from a pipe that all workers share, whole or not at all
LEAVING_SECONDS = float(os.environ.get("STILLHUNT_TEST_LEAVING_SECONDS", "60"))
"""After its last test a worker joins its threads and ends its processes; one that waits for ever would stop the run."""

HERE = Path(__file__).parent


def name_of(path: Path) -> str:
    """A test file as `slow_files` names it; elsewhere, its whole path."""
    return path.relative_to(HERE).as_posix() if path.is_relative_to(HERE) else str(path)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--workers", default="1", metavar="NUMBER", help="of processes that share the files, or auto")


def worker_count(asked: str) -> int:
    """With `auto` two more than there are processors: with one more, two of these were busy for 76 % of the time.

    The rest was waiting for browsers, servers and brokers.
    """
    return (os.cpu_count() or 1) + 2 if asked == "auto" else int(asked)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests in workers; None leaves them to pytest."""
    files = [list(items) for _, items in groupby(session.items, lambda item: find_unit(name_of(item.path)))]
    count = min(worker_count(session.config.getoption("workers")), len(files))
    if count < 2 or session.testsfailed or session.config.option.collectonly:
        return None
    assert threading.active_count() == 1, "what is imported may start no threads: after a fork they are gone"
    queue, filled = os.pipe()
    os.write(filled, b"".join(map(_NUMBER.pack, range(len(files)))))
    os.close(filled)
    # This folder is made before there are several processes that could make it.
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # pytest's own
    workers: list[_Worker] = []
    for number in range(count):
        ours, theirs = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads of libraries, which are ready for a fork
            pid = os.fork()
        if not pid:
            for worker in workers:
                os.close(worker.said)
            os.close(ours)
            return _work(session, _items(files, queue), theirs, number)
        os.close(theirs)
        workers.append(_Worker(pid, ours))
    return _Watch(session, queue).follow(workers)


def _items(files: list[list[pytest.Item]], queue: int) -> Iterator[pytest.Item]:
    """The tests of one file after another, as long as there is one that no other worker took."""
    while number := os.read(queue, _NUMBER.size):
        yield from files[_NUMBER.unpack(number)[0]]


def _work(session: pytest.Session, items: Iterator[pytest.Item], said: int, number: int) -> bool:
    """Run tests in this process, and leave it to the first process to tell of them."""
    config = session.config
    config.workerinput = {}  # type: ignore[attr-defined] # plugins that write one file for all ask for this
    config.pluginmanager.unregister(name="terminalreporter")
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # its files are those of all workers
    faulthandler.register(signal.SIGUSR1, file=os.dup(2), chain=True)  # it writes what threads do, and ends the process
    capture.start_global_capturing()
    factory: Any = config._tmp_path_factory  # type: ignore[attr-defined] # pytest's own
    crash = os.open(_crash_file(session, os.getpid()), os.O_WRONLY | os.O_CREAT, 0o600)
    factory._basetemp = factory.getbasetemp() / f"worker-{number}"
    factory.getbasetemp().mkdir(0o700)
    config.pluginmanager.register(_Teller(config, said))
    item = next(items, None)
    while item is not None and not session.shouldfail and not session.shouldstop:
        following = next(items, None)
        faulthandler.enable(crash)  # again and again: a library that a test uses may have named another file
        config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        item = following
    return True


def _crash_file(session: pytest.Session, pid: int) -> Path:
    """Where a worker that crashes writes what its threads were doing."""
    base: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # pytest's own
    return base / f"crash-{pid}.txt"


class _Teller:
    """Tells the first process what becomes of each test, one line of JSON for each event."""

    def __init__(self, config: pytest.Config, said: int) -> None:
        self._config, self._line = config, os.fdopen(said, "w", encoding="utf-8", buffering=1)

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self._tell("start", nodeid, location)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._tell("report", self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self._tell("finish", nodeid, location)

    def _tell(self, *words: Any) -> None:
        self._line.write(json.dumps(words, default=str) + "\n")


class _Worker(NamedTuple):
    """A process, and the end of the pipe in which it tells of its tests."""

    pid: int
    said: int


class _Watch:
    """What the first process does: it tells of all tests as if it had run them.

    Args:
        queue: numbers of the files that nobody took yet.
    """

    def __init__(self, session: pytest.Session, queue: int) -> None:
        self._session, self._hook, self._queue = session, session.config.hook, queue
        self._rest: dict[_Worker, bytes] = {}
        self._running: dict[_Worker, tuple[str, tuple[str, int | None, str]]] = {}
        self._finished = 0

    def follow(self, workers: list[_Worker]) -> bool:
        """Follow them until all have ended; raises `Failed` where tests were left out."""
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                selector.register(worker.said, selectors.EVENT_READ, worker)
            while selector.get_map():
                stopped = self._session.shouldfail or self._session.shouldstop
                none_left = not self._running and (stopped or self._finished == len(self._session.items))
                for key, _ in (ready := selector.select(LEAVING_SECONDS if none_left else None)):
                    if not self._hear(key.data):
                        selector.unregister(key.fd)
                        self._bury(key.data)
                if not ready:
                    for key in list(selector.get_map().values()):
                        selector.unregister(key.fd)
                        self._end(key.data)
                if self._session.shouldfail or self._session.shouldstop:
                    while os.read(self._queue, 1 << 16):
                        pass  # workers end with the file that they have
        if not self._session.shouldfail and (left := len(self._session.items) - self._finished):
            self._session.shouldfail = f"tests that were not run, since a worker ended before: {left}"
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        return True

    def _hear(self, worker: _Worker) -> bool:
        """Take in what a worker says; False when it says no more."""
        data = os.read(worker.said, 1 << 16)
        *lines, self._rest[worker] = (self._rest.get(worker, b"") + data).split(b"\n")
        for line in lines:
            event, *words = json.loads(line)
            if event == "report":
                report = self._hook.pytest_report_from_serializable(config=self._session.config, data=words[0])
                if isinstance(report.longrepr, list):  # a tuple before it was JSON
                    report.longrepr = tuple(report.longrepr)
                self._hook.pytest_runtest_logreport(report=report)
                continue
            nodeid, location = words[0], tuple(words[1])
            if event == "start":
                self._running[worker] = nodeid, location
                self._hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
            else:
                del self._running[worker]
                self._finished += 1
                self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)
        return bool(data)

    def _end(self, worker: _Worker) -> None:
        """End a worker that stays after its tests: they count, and its threads say on the screen what they wait for."""
        terminal: Any = self._session.config.pluginmanager.getplugin("terminalreporter")
        words = (
            f"worker {worker.pid} did not end within {LEAVING_SECONDS:g} s of the last test. What its threads wait for:"
        )
        terminal.ensure_newline()
        terminal.write_line(words, flush=True)
        started = psutil.Process(worker.pid).children(recursive=True)
        os.kill(worker.pid, signal.SIGUSR1)
        os.waitpid(worker.pid, 0)
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _bury(self, worker: _Worker) -> None:
        """See how a worker ended: what it did not live to tell is a failure."""
        os.close(worker.said)
        code = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        if worker in self._running:
            nodeid, location = self._running[worker]
            told = f"the worker ended in this test, with exit code {code}"
            with suppress(OSError):  # it ended before it made the file
                told += "\n" + _crash_file(self._session, worker.pid).read_text(errors="replace")
            report = pytest.TestReport(nodeid, location, {}, "failed", told, "call")
            self._finished += 1
            self._hook.pytest_runtest_logreport(report=report)
        elif code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._session.shouldfail = f"a worker ended with exit code {code}"
