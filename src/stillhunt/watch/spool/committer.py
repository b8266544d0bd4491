"""Group commit: what waits is written together, made durable with one sync a part, and then acknowledged."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stillhunt.base.parameters import judgement, parameter, parameter_table, values_of
from stillhunt.watch.kept_thread import KeptThread
from stillhunt.watch.spool.parts import Stream, close_part, new_part

CLOSE_REQUEST = ".close"
"""File in the spool that a hunt touches when it wants all open parts closed."""

Done = Callable[[Exception | None], None]
"""Called once the record is on disk (None), or could not be written (the error)."""


class SpoolBusyError(Exception):
    """More waits to be written than may; the client should try again."""


@parameter_table("watch.spool", "When parts are closed, and how much may wait to be written.")
@dataclass(frozen=True)
class SpoolLimits:
    """When parts are closed, and how much may wait to be written."""

    part_seconds: float = parameter(
        300.0,
        unit="seconds",
        meaning="Age at which a part is closed, so that the next hunt reads it.",
        provenance=judgement("three parts for each hunt of the default schedule; a day of one source is 288 files"),
    )
    part_bytes: int = parameter(
        256 << 20,
        unit="bytes",
        meaning="Size at which a part is closed.",
        provenance=judgement("small enough to be read again quickly where a file changed, large enough to be few"),
    )
    waiting_bytes: int = parameter(
        64 << 20,
        unit="bytes",
        meaning="Most bytes that wait to be written; more are refused.",
        provenance=judgement("a second of a disk that writes 64 MB/s"),
    )
    idle_seconds: float = parameter(
        0.25,
        unit="seconds",
        meaning="How often an idle writer looks for parts to close.",
        provenance=judgement("a hunt that asks for closed parts waits at most this long"),
    )


LIMITS = values_of(SpoolLimits)


@dataclass
class _Part:
    handle: int
    path: Path
    size: int
    opened: float


class Committer:
    """Writes records of all streams of this process, in a thread of its own.

    Args:
        spool: the spool folder.
        limits: when parts are closed, and how much may wait.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, spool: Path, limits: SpoolLimits = LIMITS, clock: Callable[[], float] = time.monotonic) -> None:
        self._spool, self._limits, self._clock = spool, limits, clock
        self._waiting: list[tuple[Stream, bytes, Done]] = []
        self._bytes = 0
        self._wake = threading.Condition(threading.RLock())
        self._stopping = False
        self._parts: dict[Stream, _Part] = {}
        self._asked = self._close_request()
        self._next_look = 0.0
        self.thread = KeptThread("spool", self._run, lambda: self._stopping)
        self.thread.start()

    def submit(self, stream: Stream, record: bytes, done: Done) -> None:
        """Take one record, whole with its line end if it is a line.

        Args:
            stream: where it belongs.
            record: its bytes.
            done: called from the thread of the writer.

        Raises:
            SpoolBusyError: too much waits already, or the writer was stopped.
        """
        with self._wake:
            if self._stopping or (self._bytes and self._bytes + len(record) > self._limits.waiting_bytes):
                raise SpoolBusyError
            self._waiting.append((stream, record, done))
            self._bytes += len(record)
            if len(self._waiting) == 1:
                self._wake.notify()

    def stop(self) -> None:
        """Write what waits, close all parts and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._waiting and not self._stopping:
                    self._wake.wait(self._limits.idle_seconds)
                taken, self._waiting, self._bytes = self._waiting, [], 0
                stopping = self._stopping and not taken
            self._commit(taken)
            self._close_due(everything=stopping)
            if stopping:
                return

    def _commit(self, taken: list[tuple[Stream, bytes, Done]]) -> None:
        by_stream: dict[Stream, list[tuple[bytes, Done]]] = {}
        for stream, record, done in taken:
            by_stream.setdefault(stream, []).append((record, done))
        for stream, records in by_stream.items():
            failure: Exception | None = None
            try:
                self._write(stream, b"".join(record for record, _ in records))
            except Exception as error:  # whatever it is: the thread must go on, and nobody may wait for ever
                failure = error
            for _, done in records:
                done(failure)

    def _write(self, stream: Stream, data: bytes) -> None:
        part = self._parts.get(stream)
        if part is None:
            handle, path = new_part(self._spool, stream, datetime.now(UTC))
            part = self._parts[stream] = _Part(handle, path, 0, self._clock())
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(part.handle, view) :]
            os.fdatasync(part.handle)
            part.size += len(data)
        except OSError:
            # What the system kept of it is unknown: go back to what was acknowledged, and go on in another file.
            self._close(stream, part.size)
            raise

    def _close_due(self, *, everything: bool) -> None:
        now = self._clock()
        if not everything and now < self._next_look:
            return
        self._next_look = now + self._limits.idle_seconds
        asked = self._close_request()
        everything = everything or asked != self._asked
        self._asked = asked
        for stream, part in list(self._parts.items()):
            old, large = now - part.opened >= self._limits.part_seconds, part.size >= self._limits.part_bytes
            if everything or old or large:
                self._close(stream)

    def _close(self, stream: Stream, size: int | None = None) -> None:
        """Close the part of a stream, cut back to so many bytes."""
        part = self._parts.pop(stream)
        try:
            if size is not None:
                os.ftruncate(part.handle, size)
            close_part(part.handle, part.path)
        except OSError:
            pass  # it stays open by name; whoever looks next finds that nobody holds it, and closes it
        finally:
            os.close(part.handle)

    def _close_request(self) -> int:
        try:
            return (self._spool / CLOSE_REQUEST).stat().st_mtime_ns
        except OSError:
            return 0


def ask_to_close(spool: Path) -> None:
    """Ask every process that writes to this spool to close its open parts soon."""
    request = spool / CLOSE_REQUEST
    request.touch(mode=0o600)
    os.utime(request)
