"""Hunts as copies of a process that has imported all they need: of a short hunt, imports were half of the cost."""

import gc
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

PREPARE = "prepare"  # word behind `python -m stillhunt.watch` for this process
PARENT_LOOK_SECONDS = 0.5
"""How often it is asked whether a copy is still wanted that has not begun. Judgement: a stop may take so long."""
_CAN_COPY = sys.platform == "linux"  # elsewhere, system libraries do not bear that a process with them is copied
_NUMBER = struct.Struct("q")  # on the channel: the id of a process, then its exit code


class HuntCopy:
    """A hunt in a copy of the prepared process, with the parts of `subprocess.Popen` that `hunt_in_child` needs.

    Args:
        given_up: whether to wait no longer for its begin; a copy without a parent holds the channel open.

    Raises OSError: the prepared process has died, there is no memory for a copy, or it was given up.
    """

    def __init__(self, channel: socket.socket, given_up: Callable[[], bool] = lambda: False) -> None:
        self._channel, self._ended = channel, threading.Event()
        self.returncode: int | None = None
        order, self._order = os.pipe()
        self._said: list[int] = []
        try:
            self._said += (os.memfd_create(name) for name in ("outcome", "errors"))
            socket.send_fds(channel, [b"\0"], [order, *self._said])
            heard = select.poll()  # `select` knows no descriptor beyond 1,023
            heard.register(channel, select.POLLIN)
            while not heard.poll(PARENT_LOOK_SECONDS * 1000):
                if given_up():
                    raise OSError("no copy has begun")
            self.pid = _receive_number(channel)
        except OSError:
            self._close_files()
            raise
        finally:
            os.close(order)

    def communicate(self, order: str) -> tuple[str, str]:
        """Hand over the order, and wait for the end; what was written to stdout and to stderr."""
        with suppress(BrokenPipeError), open(self._order, "w", encoding="utf-8", closefd=False) as file:
            file.write(order)
        os.close(self._order)
        self._order = -1
        try:
            self.returncode = _receive_number(self._channel)
        except OSError:  # the prepared process was killed, and nobody can tell the exit code any more
            self.returncode = -signal.SIGKILL
        self._ended.set()
        out, errors = (os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace") for file in self._said)
        self._close_files()
        return out, errors

    def poll(self) -> int | None:
        """The exit code; None before the end."""
        return self.returncode

    def kill(self) -> None:
        """End it."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait for the end, of which `communicate` hears."""
        self._ended.wait()

    def _close_files(self) -> None:
        for file in (self._order, *self._said):
            with suppress(OSError):
                os.close(file)


class PreparedProcess:
    """Makes hunts as copies of a process, which begins with the first of them, and anew where it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._copy: HuntCopy | None = None

    def start_hunt(self, environment: Mapping[str, str], stop: threading.Event | None = None) -> HuntCopy | None:
        """A copy that waits for its order; None where none can be made, on another system or for want of memory.

        `environment`: of the process, where it has to begin. `stop`: wait for no begin once it is set.
        """
        if not _CAN_COPY or not hasattr(os, "memfd_create"):  # a Python for older systems lacks it
            return None
        if self._copy is not None and self._copy.poll() is None:
            self.close()  # nobody waited for its end, which would be taken for a word about the next one
        try:
            if self._channel is None or self._process is None or self._process.poll() is not None:
                self.close()
                self._channel, theirs = socket.socketpair()
                words, nowhere = (
                    [sys.executable, "-m", "stillhunt.watch", PREPARE, str(theirs.fileno())],
                    subprocess.DEVNULL,
                )
                with theirs:
                    self._process = subprocess.Popen(  # noqa: S603 - our own module
                        words,
                        pass_fds=[theirs.fileno()],
                        env=environment,
                        stdin=nowhere,
                        stdout=nowhere,
                        stderr=nowhere,
                    )
            died = self._process.poll
            self._copy = HuntCopy(self._channel, lambda: died() is not None or (stop is not None and stop.is_set()))
            return self._copy
        except OSError:
            self.close()
            return None

    def close(self) -> None:
        """End the process, which holds nothing that would be lost, and a copy that is left."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._channel = self._process = self._copy = None


def make_hunt_copies(channel: socket.socket, hunt: Callable[[], None]) -> None:
    """The body of the process: a copy that calls `hunt` for each message, until the other end of the channel closes."""
    gc.freeze()  # a search in a copy would copy all that it looks at
    while files := socket.recv_fds(channel, 1, 3)[1]:
        if not (pid := os.fork()):
            for place, file in enumerate(files):
                os.dup2(file, place)
            threading.Thread(target=_end_with, args=(channel,), name="stillhunt-parent", daemon=True).start()
            return hunt()
        for file in files:
            os.close(file)
        channel.send(_NUMBER.pack(pid))
        channel.send(_NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    return None


def _end_with(channel: socket.socket) -> None:
    """End this copy when the process that asked for it is gone, which sends nothing while there is a hunt."""
    with suppress(OSError):
        channel.recv(1, socket.MSG_PEEK)
    os._exit(1)


def _receive_number(channel: socket.socket) -> int:
    data = channel.recv(_NUMBER.size, socket.MSG_WAITALL)
    if len(data) < _NUMBER.size:
        raise OSError("the prepared process has died")
    number: int = _NUMBER.unpack(data)[0]
    return number
