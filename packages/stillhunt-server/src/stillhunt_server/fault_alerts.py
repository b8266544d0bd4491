"""Alerts about faults of the service itself: sent from memory, since what fails may be the database with its outbox."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stillhunt.base.config_alerts import AlertKind, AlertSettings
from stillhunt.base.units import HOUR, SECOND
from stillhunt.watch.alerts.changes import Alert, clean_sentence, made_alert
from stillhunt.watch.alerts.parameters import LIMITS_OF_SENDING, SendingLimits
from stillhunt.watch.alerts.receivers import receivers_of
from stillhunt.watch.alerts.sending import AlertReceiver, Due
from stillhunt.watch.service_faults import ENFORCEMENT, ServiceFault, ServiceFaults

MOST_WAITING = 256
"""Alerts that are kept for one receiver that takes none; the oldest are dropped first. Judgement: days of trouble."""
_JOIN_SECONDS = 2.0


def fault_alert(fault: ServiceFault, at: int, settings: AlertSettings, *, ended: bool = False) -> Alert:
    """A fault that lasts, or that is over.

    Two processes that see the same fault, or one that is started again and again, make the same alert, so that
    receivers can drop repeats.
    """
    state = fault.name.removeprefix(ENFORCEMENT)
    enforcement = state != fault.name
    kind: AlertKind = "fault_ended" if ended else "enforcement_fault" if enforcement else "service_fault"
    if enforcement:
        title = f"Enforcement works again: it was{state}" if ended else f"Enforcement is{state}"
    else:
        title = f"Works again: {fault.name}" if ended else f"A part of stillhunt does not work: {fault.name}"
    said = clean_sentence(fault.statement)
    text = [f"This is over: {said}"] if ended else [said]
    what = (kind, fault.name, at // int(LIMITS_OF_SENDING.fault_quiet * SECOND))
    return made_alert(what, at, title, text, settings, body={"fault": fault.name})


@dataclass
class _Seen:
    """A fault as it was seen: from when to when, in seconds, and whether an alert told it."""

    fault: ServiceFault
    begun: float
    last: float
    sent: bool = False


class FaultAlerts:
    """Looks at the faults of this process, and tells everybody who gets alerts, until it is stopped.

    Args:
        settings: who gets which kinds, and how often at most.
        shown: called with each fault as soon as it begins or ends, and whether it ended.
    """

    def __init__(
        self,
        faults: ServiceFaults,
        settings: AlertSettings,
        receivers: Sequence[AlertReceiver],
        shown: Callable[[ServiceFault, bool], None] = lambda _fault, _ended: None,
        limits: SendingLimits = LIMITS_OF_SENDING,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._faults, self._settings, self._shown = faults, settings, shown
        self._limits, self._seconds = limits, seconds
        self._seen: dict[str, _Seen] = {}
        self._sent_at: dict[str, float] = {}
        self._present: dict[str, ServiceFault] = {}
        self._stopping = threading.Event()
        self._waiting: dict[str, deque[Alert]] = {one.name: deque(maxlen=MOST_WAITING) for one in receivers}
        self._threads = [threading.Thread(target=self._run_alert_loop, name="stillhunt-faults", daemon=True)]
        for one in receivers:
            name = f"stillhunt-faults-{one.name}"[:64]
            self._threads.append(threading.Thread(target=self._send_to, args=(one,), name=name, daemon=True))

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def look(self) -> None:
        """Make alerts of what is to be told now; see `start`."""
        present = {fault.name: fault for fault in self._faults.current()}
        for name, fault in present.items():
            if name not in self._present:
                self._shown(fault, False)
        for name, fault in self._present.items():
            if name not in present:
                self._shown(fault, True)
        self._present = present
        kinds = receivers_of(self._settings)
        for alert in self._new_alerts():
            for name, waiting in self._waiting.items():
                if not kinds.get(name) or alert.kind in kinds[name]:
                    waiting.append(alert)

    def _new_alerts(self) -> Iterator[Alert]:
        """A fault that comes and goes within seconds counts as one that lasts."""
        now, lasts, at = self._seconds(), self._limits.fault_lasts, time.time_ns() // 1000
        for name, fault in self._present.items():
            seen = self._seen.setdefault(name, _Seen(fault, now, now))
            seen.fault, seen.last = fault, now
        for name, seen in list(self._seen.items()):
            if name not in self._present and now - seen.last >= lasts:
                del self._seen[name]
                if seen.sent:
                    yield fault_alert(seen.fault, at, self._settings, ended=True)
            elif seen.last - seen.begun >= lasts and self._is_to_be_sent(name, seen, now):
                seen.sent, self._sent_at[name] = True, now
                yield fault_alert(seen.fault, at, self._settings)

    def _is_to_be_sent(self, name: str, seen: _Seen, now: float) -> bool:
        """Whether an alert is due: soon after it began, and again in each quiet period while it lasts."""
        again = self._settings.quiet_hours * HOUR / SECOND
        quiet = max(again, self._limits.fault_quiet) if seen.sent else self._limits.fault_quiet
        return name not in self._sent_at or now - self._sent_at[name] >= quiet

    def _run_alert_loop(self) -> None:
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(self._limits.poll)

    def _send_to(self, receiver: AlertReceiver) -> None:
        waiting, tries = self._waiting[receiver.name], 0
        while not self._stopping.is_set():
            wait = self._limits.poll
            if waiting:
                alert = waiting[0]
                if _try_alert_delivery(receiver, Due(alert.alert_id, alert.at, alert.body, tries)):
                    tries, wait = 0, 0.0
                    if waiting and waiting[0] is alert:  # it was not dropped meanwhile
                        waiting.popleft()
                else:
                    wait = min(self._limits.first_wait * 2.0 ** min(tries, 32), self._limits.longest_wait)
                    tries += 1
            self._stopping.wait(wait)


def tell_failed_start(path: Path, why: str, settings: AlertSettings, receivers: Sequence[AlertReceiver]) -> None:
    """Tell everybody who gets alerts, once in the quiet time, that a server does not start; each of them is tried once.

    Args:
        path: file that is touched, since a service manager starts it again and again.
    """
    now = time.time()
    with suppress(OSError):
        if abs(now - path.stat().st_mtime) < LIMITS_OF_SENDING.fault_quiet:
            return
    alert = fault_alert(
        ServiceFault(f"{ENFORCEMENT} off", f"{why}; the server does not start", 0), int(now * 1e6), settings
    )
    kinds = receivers_of(settings)
    for receiver in receivers:
        if not kinds.get(receiver.name) or alert.kind in kinds[receiver.name]:
            _try_alert_delivery(receiver, Due(alert.alert_id, alert.at, alert.body, 0))
    with suppress(OSError):
        path.touch()


def _try_alert_delivery(receiver: AlertReceiver, due: Due) -> bool:
    try:
        receiver.deliver(due, time.time())
    except Exception:  # DeliveryError, or whatever else one alert does to a receiver: it is tried again
        return False
    return True
