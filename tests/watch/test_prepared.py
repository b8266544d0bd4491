"""Hunts that are copies of a prepared process: what goes in and comes out, and that none outlives who asked for it."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stillhunt.watch import prepared
from stillhunt.watch.prepared import HuntCopy, PreparedProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux alone")

FILES = Path("/proc/self/fd")
BODY = """
import os, socket, sys, threading
from stillhunt.watch import prepared

def hunt():
    order = sys.stdin.read()
    sys.stderr.write("said beside")
    print(len(order), order[:4], flush=True)
    if order == "wait":
        threading.Event().wait()
    sys.exit(3)

prepared.make_hunt_copies(socket.socket(fileno=int(sys.argv[1])), hunt)
"""


@pytest.fixture
def channel() -> Iterator[socket.socket]:
    """To a process that knows it by a number of a busy server, beyond what `select` takes."""
    ours, low = socket.socketpair()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2048), limits[1]))
    with low, socket.socket(fileno=fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 1024)) as theirs:
        process = subprocess.Popen([sys.executable, "-c", BODY, str(theirs.fileno())], pass_fds=[theirs.fileno()])
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    yield ours
    ours.close()
    assert process.wait(60) in (0, 1)  # 1: it could not tell how its copy ended


def test_a_copy_gets_its_order_and_gives_what_it_says_and_its_exit_code(channel: socket.socket) -> None:
    long = "long" * 100_000  # more than a pipe holds
    for order, said in (("none", "4 none\n"), (long, f"{len(long)} long\n")):
        copy = HuntCopy(channel)
        files = len(list(FILES.iterdir()))
        assert copy.communicate(order) == (said, "said beside")
        assert copy.poll() == 3
        assert len(list(FILES.iterdir())) == files - 3


def test_a_copy_that_is_killed_says_so_and_the_next_one_begins(channel: socket.socket) -> None:
    copy = HuntCopy(channel)
    copy.kill()
    assert copy.communicate("wait")[0] in ("", "4 wait\n")
    assert copy.poll() == -signal.SIGKILL
    copy.wait()
    assert HuntCopy(channel).communicate("none")[0] == "4 none\n"


def test_a_copy_ends_with_the_process_that_asked_for_it(channel: socket.socket) -> None:
    copy = HuntCopy(channel)
    ended = os.pidfd_open(copy.pid)
    channel.shutdown(socket.SHUT_RDWR)
    done = select.select([ended], [], [], 10)[0]  # it still waits for its order
    copy._close_files()
    os.close(ended)
    assert done


def test_without_a_copy_a_hunt_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    process = PreparedProcess()
    monkeypatch.setattr(sys, "executable", "/bin/false")  # it dies at once
    assert process.start_hunt(os.environ) is None
    with monkeypatch.context() as older:
        older.delattr(os, "memfd_create")
        assert process.start_hunt(os.environ) is None
    monkeypatch.setattr(sys, "executable", "/none")
    assert process.start_hunt(os.environ) is None
    monkeypatch.setattr(prepared, "_CAN_COPY", False)
    assert process.start_hunt(os.environ) is None


BEGIN = f"""#!{sys.executable}
import os, socket, sys
channel = socket.socket(fileno=int(sys.argv[4]))
"""


def program(folder: Path, body: str) -> str:
    """A program in the place of Python that does something with the channel."""
    path = folder / "python"
    path.write_text(BEGIN + body)
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize(("dies", "stopped"), [(True, False), (False, True)])
def test_a_copy_that_does_not_begin_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: bool, stopped: bool
) -> None:
    """The process is killed just after it made a copy, which holds the channel; or a stop comes while it loads."""
    monkeypatch.setattr(prepared, "PARENT_LOOK_SECONDS", 0.01)
    body = f"if {dies}: os.fork() and os._exit(1)\nwhile channel.recv(1): pass"
    monkeypatch.setattr(sys, "executable", program(tmp_path, body))
    stop = threading.Event()
    if stopped:
        stop.set()
    files = len(list(FILES.iterdir()))
    assert PreparedProcess().start_hunt(os.environ, stop) is None
    assert len(list(FILES.iterdir())) == files


def test_no_descriptor_stays_of_a_copy_for_which_there_are_too_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = os.memfd_create

    def full(name: str) -> int:
        if name == "errors":
            raise OSError(errno.EMFILE, "Too many open files")
        return create(name)

    monkeypatch.setattr(sys, "executable", program(tmp_path, "channel.recv(1)"))
    monkeypatch.setattr(os, "memfd_create", full)
    files = len(list(FILES.iterdir()))
    assert PreparedProcess().start_hunt(os.environ) is None
    assert len(list(FILES.iterdir())) == files


def test_a_copy_that_nobody_waited_for_says_nothing_about_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread of the schedule fell, for want of memory for another thread."""
    body = "import struct\nwhile channel.recv(1): channel.send(struct.pack('q', os.getpid()))"
    monkeypatch.setattr(sys, "executable", program(tmp_path, body))
    with closing(PreparedProcess()) as process:
        left = process.start_hunt(os.environ)
        before = process._process
        following = process.start_hunt(os.environ)
        assert left is not None
        assert following is not None
        assert process._process is not before
        assert following.pid != left.pid
        for copy in (left, following):
            copy._close_files()
