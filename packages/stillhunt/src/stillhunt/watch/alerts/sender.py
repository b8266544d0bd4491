"""Sends what waits in the outbox, with one thread for each receiver, so that a slow one holds up no other."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from stillhunt.base.errors import OutputError
from stillhunt.watch.alerts.outbox import due_for, note_failed, note_sent
from stillhunt.watch.alerts.parameters import LIMITS_OF_SENDING, SendingLimits
from stillhunt.watch.alerts.sending import AlertReceiver, DeliveryError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import KeptThread

SENDER_ROLE = "alerts"
_JOIN_SECONDS = 2.0


def send_due(
    database: WatchDatabase, receiver: AlertReceiver, clock: Callable[[], float], limits: SendingLimits
) -> int:
    """Send what a receiver is to get now; what is not taken is tried again later.

    An alert is noted as sent after it was taken: a crash between the two sends it again, under the same id.

    Args:
        clock: seconds since 1970.
        limits: waits and number of tries.

    Returns:
        Alerts that were taken.
    """
    taken = 0
    for due in due_for(database, receiver.name, int(clock() * 1e6), limits):
        try:
            remark = receiver.deliver(due, clock())
        except DeliveryError as error:
            note_failed(database, due, receiver.name, str(error), int(clock() * 1e6), limits)
        except Exception as error:  # whatever one alert does to one receiver, the others must go out
            note_failed(database, due, receiver.name, type(error).__name__, int(clock() * 1e6), limits)
        else:
            note_sent(database, due, receiver.name, int(clock() * 1e6), remark)
            taken += 1
    return taken


class Sender:
    """Sends alerts until it is stopped; of several processes with one data folder, only one sends.

    `limits`: waits and number of tries. `clock`: seconds since 1970.
    """

    def __init__(
        self,
        folder: DataFolder,
        database: WatchDatabase,
        receivers: Sequence[AlertReceiver],
        limits: SendingLimits = LIMITS_OF_SENDING,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._database, self._receivers = folder, database, tuple(receivers)
        self._limits, self._clock = limits, clock
        self._stopping = threading.Event()
        self._thread = KeptThread("alerts", self._send_alerts_until_stopped, self._stopping.is_set)
        self._to_each = [
            KeptThread(f"alerts {number}", partial(self._send_to, one), self._stopping.is_set)
            for number, one in enumerate(self._receivers, 1)
        ]
        self.threads = (self._thread, *self._to_each)

    def start(self) -> None:
        """Begin, if anybody is to be told."""
        if self._receivers:
            self._thread.start()

    def stop(self) -> None:
        """End soon; what is being sent at this moment may be sent again by the next process."""
        self._stopping.set()
        self._thread.join(_JOIN_SECONDS)

    def _send_alerts_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._folder.role(SENDER_ROLE):
                    for thread in self._to_each:
                        if not thread.is_alive():
                            thread.start()
                    self._stopping.wait()
                    for thread in self._to_each:
                        thread.join(_JOIN_SECONDS)
            except OutputError:
                self._stopping.wait(self._limits.poll)  # another process sends; this one takes over when it ends

    def _send_to(self, receiver: AlertReceiver) -> None:
        while not self._stopping.is_set():
            with suppress(OutputError):  # the database is busy or gone for now
                send_due(self._database, receiver, self._clock, self._limits)
            self._stopping.wait(self._limits.poll)
