"""Hunts that are copies of a prepared process: what goes in and comes out, and that none outlives who asked for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
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
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen([sys.executable, "-c", BODY, str(theirs.fileno())], pass_fds=[theirs.fileno()])
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
    os.close(copy._order)
    copy._order = -1
    assert prepared.select.select([ended], [], [], 60)[0]
    os.close(ended)
    copy._close_files()


def test_without_a_copy_a_hunt_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    process = PreparedProcess()
    monkeypatch.setattr(sys, "executable", "/bin/false")  # it dies at once
    assert process.start_hunt(os.environ) is None
    monkeypatch.setattr(sys, "executable", "/none")
    assert process.start_hunt(os.environ) is None
    monkeypatch.setattr(prepared, "_CAN_COPY", False)
    assert process.start_hunt(os.environ) is None
