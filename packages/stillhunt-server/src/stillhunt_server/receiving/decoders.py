"""Processes that decode bodies, so that none of them keeps the server from answering others, or takes its memory."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

import msgspec

from stillhunt_server.receiving.at_once import small_records
from stillhunt_server.receiving.bodies import BodyError, Records
from stillhunt_server.receiving.decoding import (
    BodyForm,
    DecodedOutcome,
    DecodingOrder,
    receive_framed,
    send_framed,
)

# seconds: the same by the clock, on a machine that has other work; the sender is asked to send again (no sender waits
# for longer)
_WALL_SECONDS = 60.0


PROCESSES = 2
"""Bodies that are decoded at a time. Judgement: one sender of hostile bodies then keeps no other one waiting."""


class UnexpectedError(Exception):
    """Decoding failed by a fault of ours; the body is to be kept."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Decoders:
    """Decodes bodies; any thread may ask, and waits. Processes are started when they are first needed.

    Args:
        longest: bytes of a body, before and after unpacking.
        processes: how many bodies are decoded at a time.
        seconds: by the clock that one may take.
    """

    def __init__(self, longest: int, processes: int = PROCESSES, seconds: float = _WALL_SECONDS) -> None:
        self.longest, self._seconds = longest, seconds
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(processes):
            self._idle.put(None)
        self._processes = processes

    def records(self, body: bytes, form: BodyForm) -> Records:
        """Records of a body; one that costs next to nothing is decoded here.

        Raises:
            BodyError: none of it can be used, or it takes too much time or memory.
            UnexpectedError: decoding failed by a fault of ours.
        """
        try:
            found = small_records(body, form)
        except BodyError:
            raise
        except Exception as error:
            raise UnexpectedError(type(error).__name__) from error
        return self.large_records([body], form) if found is None else found

    def large_records(self, parts: Sequence[bytes], form: BodyForm) -> Records:
        """The same of a body in parts, always in another process."""
        outcome, data = self._ask_idle_process(DecodingOrder(self.longest, form), parts)
        return Records(data, outcome.accepted, outcome.refused, tuple(outcome.problems))

    def shrunk(self, body: bytes, members: Mapping[str, list[str]], most: int) -> bytes:
        """A JSON object without what nobody reads of it; see `decoding.shrunk`.

        Raises:
            BodyError: it is no JSON object, or takes too much time or memory.
            UnexpectedError: it failed by a fault of ours.
        """
        return self._ask_idle_process(DecodingOrder(self.longest, members=dict(members), most=most), [body])[1]

    def stop(self) -> None:
        """End the processes, once they have done what they do."""
        for _ in range(self._processes):
            process = self._idle.get()
            if process is not None:
                process.end()

    def _ask_idle_process(self, order: DecodingOrder, parts: Sequence[bytes]) -> tuple[DecodedOutcome, bytes]:
        process = self._idle.get()
        try:
            process = self._ensure_running_process(process)
            outcome, data = process.ask(msgspec.json.encode(order), parts, self._seconds)
            if outcome.spent:
                process.end()
        except TimeoutError as error:
            _end_decoding_process(process)
            raise BodyError(503, "this machine is too busy to decode the body", "busy") from error
        except (EOFError, OSError) as error:
            _end_decoding_process(process)
            text = "the body takes too much time or memory to be decoded; send smaller batches"
            raise BodyError(413, text, "cost") from error
        finally:
            self._idle.put(process)
        if outcome.unexpected:
            raise UnexpectedError(outcome.unexpected)
        if outcome.status:
            raise BodyError(outcome.status, outcome.text, outcome.reason)
        return outcome, data

    def _ensure_running_process(self, process: _Process | None) -> _Process:
        """A process that runs: this one, or a new one where it was never started, or somebody has ended it."""
        if process is not None and process.runs():
            return process
        _end_decoding_process(process)
        try:
            return _Process(self.longest)
        except OSError as error:
            raise BodyError(503, "no process can be started now to decode the body", "no process") from error


def _end_decoding_process(process: _Process | None) -> None:
    if process is not None:
        process.end()


class _Process:
    """One process, started."""

    def __init__(self, longest: int) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-m", "stillhunt_server.receiving.decoding", str(theirs.fileno()), str(longest)]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
            )

    def ask(self, head: bytes, parts: Sequence[bytes], seconds: float) -> tuple[DecodedOutcome, bytes]:
        """Hand over a body, and wait for what comes of it.

        Raises:
            OSError: it takes longer, or the process has gone.
            EOFError: the process has gone.
        """
        self._socket.settimeout(seconds)
        send_framed(self._socket, head, *parts)
        head, data = receive_framed(self._socket)
        return msgspec.json.decode(head, type=DecodedOutcome), data

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
