"""What inlets of all brokers share: a thread, decoding and counting of messages, and new tries after a failure."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from stillhunt.base.config_live import ServeSettings
from stillhunt.watch.service_faults import KeptThread
from stillhunt.watch.spool.parts import Stream
from stillhunt_server.receiving.bodies import BodyError, Records
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.messages import BrokerMessage, decode_message
from stillhunt_server.receiving.receiver import CALL_KINDS
from stillhunt_server.receiving.sinks import RecordSink
from stillhunt_server.receiving.traffic import Limits, Traffic

LEAVING_SECONDS = 15.0
"""Longest wait for the end of what was fetched; messages that were not acknowledged come again. Judgement."""


class InletPace(NamedTuple):
    """How messages are fetched, and when that is tried again."""

    # Most messages that are fetched, synced and acknowledged together (a sync takes milliseconds; at the usual limit of
    # 1 MB a message, 128 MB of memory)
    batch: int = 128
    fetch_seconds: float = 1.0  # seconds: how long one fetch waits for messages (the process ends within it)
    # seconds: time after which NATS delivers a message that was not acknowledged again, to a consumer made here (longer
    # than a sync on a disk that is busy)
    acknowledge_seconds: float = 60.0
    # seconds: wait after a failure; it doubles with each further one (a broker that is restarted is back within
    # seconds)
    first_wait: float = 1.0
    # seconds: longest wait between two tries (soon enough for a broker that was away for hours)
    longest_wait: float = 30.0


INLET_PACE = InletPace()


class BrokerInlet:
    """Takes messages of a broker in a thread of its own until it is stopped, however often the broker goes away.

    A message is acknowledged after the sync, so what was stored when this process died is delivered and stored again; a
    hunt counts each request once.

    Args:
        limits: whether there is room; while there is none, messages stay with the broker.
        traffic: counts them, and says why nothing comes.
        letters: take messages that we fail to decode by a fault of ours.
    """

    broker: ClassVar[str]
    """Its name, as people write it."""
    failures: ClassVar[tuple[type[Exception], ...]]
    """What ends a session of which `_describe_failure` says the reason."""

    def __init__(
        self,
        settings: ServeSettings,
        sink: RecordSink,
        limits: Limits,
        traffic: Traffic,
        letters: DeadLetters,
        pace: InletPace = INLET_PACE,
    ) -> None:
        name = self.broker.lower()
        self._settings, self._sink, self._limits, self._traffic = settings, sink, limits, traffic
        self._letters, self._pace, self._wait = letters, pace, pace.first_wait
        self._source: str = getattr(settings, f"{name}_source")
        self._longest, self._ours = int(settings.max_body_mb * 1e6), settings.store == name
        self._stopping = threading.Event()
        self.thread = KeptThread(name, self._run_inlet_sessions, self._stopping.is_set)
        traffic.problems[self._source] = f"not connected to {self.broker} yet"

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """Finish what was fetched, and end."""
        self._stopping.set()
        self.thread.join(LEAVING_SECONDS)

    def _run_inlet_sessions(self) -> None:
        """One connection after the other: a new one begins with what was not acknowledged, whatever was read."""
        while not self._stopping.is_set():
            try:
                self._run_one_session()
            except self.failures as error:
                self._traffic.problems[self._source] = self._describe_failure(error)
                self._stopping.wait(self._wait)
                self._wait = min(2 * self._wait, self._pace.longest_wait)

    def _run_one_session(self) -> None:
        """Take messages over one connection until the inlet is stopped."""
        raise NotImplementedError

    def _describe_failure(self, error: Exception) -> str:
        """Why nothing comes, without what the settings keep secret."""
        raise NotImplementedError

    def _note_connection(self) -> None:
        self._traffic.problems.pop(self._source, None)
        self._wait = self._pace.first_wait

    def _decode_or_count(self, message: BrokerMessage) -> tuple[Stream, Records] | None:
        """What a message holds; None where it is counted as refused and need not come again.

        Raises:
            OSError: we failed to decode it, and there is no room for a dead letter.
        """
        try:
            return decode_message(message, self._source, self._longest, ours=self._ours)
        except BodyError:
            reason = "not decodable"
        except Exception as error:  # whatever one message does, all others must be taken
            if not self._letters.keep(self._source, message.data, type(error).__name__):
                raise OSError(errno.ENOSPC, "no room for dead letters") from error
            reason = "dead letter"
        self._traffic.refused[self._source, reason] += 1
        return None

    def _count_stored_records(self, stream: Stream, taken: Sequence[Records], began: float) -> None:
        accepted, refused = sum(one.accepted for one in taken), sum(one.refused for one in taken)
        if refused:
            self._traffic.refused[self._source, "not decodable"] += refused
        self._traffic.accepted(self._source, accepted, sum(len(one.data) for one in taken), time.monotonic() - began)
        if stream.kind in CALL_KINDS:
            self._traffic.calls.logged(self._source, accepted)
