"""Where received records are stored: the spool of the data folder, or a store that several machines share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from stillhunt.watch.service_faults import KeptThread, ServiceFaults
from stillhunt.watch.spool.parts import Stream
from stillhunt_server.receiving.committer import WRITES, Done, SpoolBusyError


class RecordSink(Protocol):
    """Takes records and says when they last."""

    def submit(self, stream: Stream, record: bytes, done: Done, records: int = 1) -> None:
        """Take what was received together; see `Committer.submit`."""

    def stop(self) -> None:
        """Store what waits, and end."""


class SinkPace(NamedTuple):
    """How records are gathered before they are stored together."""

    # seconds: how long the first record waits for others (0 for a broker, whose messages are small anyway)
    gather_seconds: float = 0.0
    # bytes that are stored without waiting for others (an object that is read again in a moment)
    enough_bytes: int = 16 << 20
    # Most bytes that wait to be stored; more are refused (as for the spool)
    waiting_bytes: int = 64 << 20


BROKER_PACE, OBJECT_PACE = SinkPace(), SinkPace(gather_seconds=1.0)
StoreRecords = Callable[[Stream, bytes, int], None]
"""Stores whole records of one stream (data, number of records), and raises OSError where they may not last."""


class _Held(NamedTuple):
    stream: Stream
    data: bytes
    records: int
    done: Done


class SharedSink:
    """Stores what is received in a shared store, in a thread of its own, and then acknowledges it.

    What fails is said to the sender, who sends it again; a part of it may be stored then, and a hunt counts it once.

    Args:
        store: stores records of one stream; called in the thread.
        faults: told while nothing can be stored.
    """

    def __init__(self, store: StoreRecords, pace: SinkPace, faults: ServiceFaults) -> None:
        self._store, self._pace, self._faults = store, pace, faults
        self._wake = threading.Condition()
        self._held: list[_Held] = []
        self._bytes, self._stopping = 0, False
        self.thread = KeptThread("store", self._store_batches_until_stopped, lambda: self._stopping)
        self.thread.report_to(faults)
        self.thread.start()

    def submit(self, stream: Stream, record: bytes, done: Done, records: int = 1) -> None:
        """Take what was received together, whole with its line ends if it is lines.

        Raises:
            SpoolBusyError: too much waits already, or the sink was stopped.
        """
        with self._wake:
            if self._stopping or (self._bytes and self._bytes + len(record) > self._pace.waiting_bytes):
                raise SpoolBusyError
            self._held.append(_Held(stream, record, records, done))
            self._bytes += len(record)
            self._wake.notify()

    def stop(self) -> None:
        """Store what waits, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.thread.join()

    def _store_batches_until_stopped(self) -> None:
        while taken := self._wait_for_batch():
            by_stream: dict[Stream, list[_Held]] = {}
            for one in taken:
                by_stream.setdefault(one.stream, []).append(one)
            for stream, together in by_stream.items():
                failure = self._try_to_store(stream, together)
                for one in together:
                    one.done(failure)

    def _wait_for_batch(self) -> list[_Held]:
        """What waits, gathered for a moment; nothing where the sink was stopped and all is stored."""
        with self._wake:
            while not self._held and not self._stopping:
                self._wake.wait()
            end = time.monotonic() + self._pace.gather_seconds
            while not self._stopping and self._bytes < self._pace.enough_bytes:
                if (left := end - time.monotonic()) <= 0:
                    break
                self._wake.wait(left)
            taken, self._held, self._bytes = self._held, [], 0
            return taken

    def _try_to_store(self, stream: Stream, together: list[_Held]) -> OSError | None:
        data = b"".join(one.data for one in together)
        if stream.ending == "jsonl":
            data = data.replace(b"\0", rb"\u0000")  # as in the spool
        try:
            self._store(stream, data, sum(one.records for one in together))
        except OSError as error:
            self._faults.begin(WRITES, f"what is sent cannot be stored and is refused: {error.strerror or error}")
            return error
        except Exception as error:  # whatever it is: the thread must go on, and nobody may wait for ever
            self._faults.begin(WRITES, f"what is sent cannot be stored and is refused: {type(error).__name__}")
            return OSError(type(error).__name__)
        self._faults.end(WRITES)
        return None


SINK_BUSY_SECONDS = 30.0
"""How long whoever fetches waits for a sink that takes nothing. Judgement: a slow disk, and none that hangs."""
_RETRY_SECONDS = 0.05


class StoredTogether:
    """Hands records to a sink, and waits until all of them last."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._expected = 0
        self._failure: OSError | None = None

    def submit(self, sink: RecordSink, stream: Stream, data: bytes, records: int) -> None:
        """Hand over records; where too much waits already, when that is written.

        Raises:
            SpoolBusyError: the sink takes nothing for a while.
        """
        end = time.monotonic() + SINK_BUSY_SECONDS
        with self._wake:
            self._expected += 1
        while True:
            try:
                return sink.submit(stream, data, self._hear, records)
            except SpoolBusyError:
                if time.monotonic() >= end:
                    raise
                time.sleep(_RETRY_SECONDS)

    def wait(self) -> None:
        """Wait for all of it.

        Raises:
            OSError: some of it could not be written.
        """
        with self._wake:
            while self._expected:
                self._wake.wait()
        if self._failure is not None:
            raise self._failure

    def _hear(self, error: OSError | None) -> None:
        with self._wake:
            self._failure = self._failure or error
            self._expected -= 1
            self._wake.notify()
