"""Group commit: what waits is written together, made durable with its checksum, and then acknowledged."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stillhunt.base import formatting
from stillhunt.watch.folder import write_synced
from stillhunt.watch.service_faults import KeptThread, ServiceFaults
from stillhunt.watch.spool.ledger import SAVED
from stillhunt.watch.spool.parts import CLOSE_REQUEST, Stream
from stillhunt_server.receiving.open_part import OpenPart

WRITES, MOVED = "spool writes", "spool parts"
"""Faults: records cannot be written; an open part was removed or renamed."""
PROBE = ".probe"
"""File in the spool that is written to see whether the disk works again."""
_PROBE_BYTES = 4096
Done = Callable[[OSError | None], None]
"""Called once the record is on disk (None), or could not be written (the error)."""


class SpoolBusyError(Exception):
    """More waits to be written than may; the client should try again."""


class SpoolLimits(NamedTuple):
    """When parts are closed, and how much may wait to be written."""

    # seconds: age at which a part is closed, so that the next hunt reads it (three parts for each hunt of the default
    # schedule; a day of one source is 288 files)
    part_seconds: float = 300.0
    # bytes: size at which a part is closed (small enough to be read again quickly where a file changed, large enough to
    # be few)
    part_bytes: int = 256 << 20
    # Most bytes that wait to be written; more are refused (a second of a disk that writes 64 MB/s)
    waiting_bytes: int = 64 << 20
    # seconds: how often an idle writer looks for parts to close (a hunt that asks for closed parts waits at most this
    # long)
    idle_seconds: float = 0.25
    # seconds: time without a failed write after which a small file is written, to see whether the disk works again (a
    # disk that fails now and then stays a fault; one that has room again is one soon no more)
    probe_seconds: float = 5.0


LIMITS = SpoolLimits()


@dataclass(frozen=True)
class _Waiting:
    """A record that is to be written."""

    stream: Stream
    data: bytes
    records: int
    done: Done


class Committer:
    """Writes records of all streams of this process, in a thread of its own.

    Args:
        limits: when parts are closed, and how much may wait.
        clock: seconds of a clock that never goes back.
        faults: told while records cannot be written, and when an open part was removed.
    """

    def __init__(
        self,
        spool: Path,
        limits: SpoolLimits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
        faults: ServiceFaults | None = None,
    ) -> None:
        self._spool, self._limits, self._clock = spool, limits, clock
        self._faults = faults or ServiceFaults()
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._wake = threading.Condition(threading.RLock())
        self._stopping = False
        self._parts: dict[Stream, OpenPart] = {}
        self._moved: set[Stream] = set()
        self._failed_at: float | None = None
        self._asked = self._close_request()
        self._next_look = 0.0
        self.thread = KeptThread("spool", self._commit_batches_until_stopped, lambda: self._stopping)
        self.thread.start()

    def submit(self, stream: Stream, record: bytes, done: Done, records: int = 1) -> None:
        """Take what was received together, whole with its line ends if it is lines.

        Args:
            done: called from the thread of the writer.

        Raises:
            SpoolBusyError: too much waits already, or the writer was stopped.
        """
        with self._wake:
            if self._stopping or (self._bytes and self._bytes + len(record) > self._limits.waiting_bytes):
                raise SpoolBusyError
            self._waiting.append(_Waiting(stream, record, records, done))
            self._bytes += len(record)
            if len(self._waiting) == 1:
                self._wake.notify()

    def stop(self) -> None:
        """Write what waits, close all parts and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.thread.join()

    def _commit_batches_until_stopped(self) -> None:
        while True:
            with self._wake:
                if not self._waiting and not self._stopping:
                    self._wake.wait(self._limits.idle_seconds)
                taken, self._waiting, self._bytes = self._waiting, [], 0
                stopping = self._stopping and not taken
            self._commit_waiting_records(taken)
            self._close_due(everything=stopping)
            if stopping:
                self._close_due(everything=True)  # what was removed at the last moment was saved, and is open
                for part in self._parts.values():
                    part.enter()  # it could not be saved: the next hunt says that it is missing
                return

    def _commit_waiting_records(self, taken: list[_Waiting]) -> None:
        by_stream: dict[Stream, list[_Waiting]] = {}
        for one in taken:
            by_stream.setdefault(one.stream, []).append(one)
        for stream, together in by_stream.items():
            failure: OSError | None = None
            try:
                data = b"".join(one.data for one in together)
                if stream.ending == "jsonl":
                    data = data.replace(b"\0", rb"\u0000")  # so that a zero byte was never written: see sums.py
                self._write_to_stream_part(stream, data, sum(one.records for one in together))
            except Exception as error:  # whatever it is: the thread must go on, and nobody may wait for ever
                failure = _as_os_error(error)
                self._failed_at = self._clock()
                why = failure.strerror or failure
                self._faults.begin(WRITES, f"what is sent cannot be written and is refused: {why}")
            for one in together:
                one.done(failure)

    def _write_to_stream_part(self, stream: Stream, data: bytes, records: int) -> None:
        self._keep_in_place(stream)
        part = self._parts.get(stream)
        if part is None:
            part = self._parts[stream] = OpenPart.begin(self._spool, stream, self._clock())
        try:
            part.append(data, records)
        except OSError:
            # What the system kept of it is unknown: go back to what was acknowledged, and go on in another file.
            self._close_stream_part(stream)
            raise
        self._keep_in_place(stream)

    def _keep_in_place(self, stream: Stream) -> None:
        """Save what was acknowledged in a part that somebody removed, renamed or cut."""
        part = self._parts.get(stream)
        if part is None:
            return
        if part.is_cut():
            self._close_stream_part(stream)  # the next hunt compares it with the ledger, and says what is missing
        elif not part.in_place():
            self._save_moved_part(stream, part)

    def _save_moved_part(self, stream: Stream, part: OpenPart) -> None:
        what = f"an open part of source {stream.source} was removed or renamed while it was written"
        held = formatting.plural(part.records, "acknowledged request")
        self._moved.add(stream)
        self._faults.begin(MOVED, f"{what}; what it holds ({held}) could not be saved in another part yet")
        if part.is_removed() and self._spool.parent.is_dir():
            self._spool.mkdir(mode=0o700, exist_ok=True)  # its records are nowhere else
        other = OpenPart.begin(self._spool, stream, self._clock())
        try:
            part.copy_to(other)
        except OSError:
            other.discard()
            raise
        self._parts[stream] = other
        part.enter(gone=SAVED)
        part.release()
        self._faults.begin(MOVED, f"{what}; what it held ({held}) was saved in another part")

    def _close_due(self, *, everything: bool) -> None:
        now = self._clock()
        if not everything and now < self._next_look:
            return
        self._next_look = now + self._limits.idle_seconds
        asked = self._close_request()
        everything = everything or asked != self._asked
        self._asked = asked
        for stream in list(self._parts):
            with suppress(OSError):  # it cannot be saved now: the next look tries again
                self._keep_in_place(stream)
            part = self._parts.get(stream)
            if part is None:
                continue
            old, large = now - part.opened >= self._limits.part_seconds, part.size >= self._limits.part_bytes
            if everything or old or large:
                self._close_stream_part(stream)
        self._end_faults(now)

    def _end_faults(self, now: float) -> None:
        if not self._moved:
            self._faults.end(MOVED)
        if self._failed_at is None or now - self._failed_at < self._limits.probe_seconds:
            return
        self._failed_at = now
        with suppress(OSError):
            _probe_disk_write(self._spool / PROBE)
            self._failed_at = None
            self._faults.end(WRITES)

    def _close_stream_part(self, stream: Stream) -> None:
        """Close the part of a stream, cut back to what was acknowledged."""
        part = self._parts[stream]
        try:
            part.close()
        except FileNotFoundError:
            if not part.in_place():
                return  # somebody removed it just now: the next look saves it
        except OSError:
            pass  # it stays open by name; whoever looks next finds that nobody holds it, and closes it
        del self._parts[stream]
        self._moved.discard(stream)
        part.release()

    def _close_request(self) -> int:
        try:
            return (self._spool / CLOSE_REQUEST).stat().st_mtime_ns
        except OSError:
            return 0


def _as_os_error(error: Exception) -> OSError:
    """An error as one of the system, which every inlet answers with 'send it again'."""
    if isinstance(error, OSError):
        return error
    number = errno.ENOMEM if isinstance(error, MemoryError) else errno.EIO
    return OSError(number, os.strerror(number))


def _probe_disk_write(path: Path) -> None:
    """Write a small file, synced, and remove it."""
    try:
        write_synced(path, bytes(_PROBE_BYTES))
    finally:
        path.unlink(missing_ok=True)
