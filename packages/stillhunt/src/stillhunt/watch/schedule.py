"""When hunts start, and what follows them.

A hunt starts when the interval is over, after many requests, if somebody asks, and after a failure. It also starts
before its time as soon as enough is new: recurring texts have grown (`recurring_texts`), or what has arrived is a part
of all that is there. Such hunts wait until the last one has cost no more than a share of the machine since it began.
They search everything; one by the clock may be warm (`watch.warm`). While a backlog arrives, none starts before its
time, since the next would read nearly all of it again; what has come is read ahead instead, for the hunt that follows.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from stillhunt.base import formatting
from stillhunt.base.errors import OutputError
from stillhunt.base.units import MINUTE
from stillhunt.watch.alerts.changes import Alert, failing_alert, limit_alert, recovered_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.believed_time import believed_time
from stillhunt.watch.child import HuntOutcome, hunt_in_child
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.following import Arrivals
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.prepared import PreparedProcess
from stillhunt.watch.records import newest_sequence
from stillhunt.watch.retention import Expired, expire
from stillhunt.watch.service_faults import KeptThread, ServiceFaults
from stillhunt.watch.spool.parts import all_parts
from stillhunt.watch.spool.room import SpoolRoom

FIRST_RETRY_SECONDS = 30.0
"""Wait after the first failure; it doubles up to the time between scheduled hunts. Judgement."""
FIRST_TRAFFIC_SECONDS = 60.0
"""Wait after a hunt that found nothing to read, once something is there: time to try a gateway. Judgement."""
NEW_SHARE = 0.25
"""New bytes, as a share of what the spool held at the last hunt, from which a hunt starts before its time. Judgement: a
new user sees first traffic grow, and all these hunts together read a log five times."""
LEAST_SECONDS = 10.0
"""Least time between two hunts, however little they cost. Judgement: each makes a snapshot and a part of the spool."""
BACKLOG_BYTES_PER_SECOND = 18e6
"""Bytes of records from which what arrives is a backlog: a quarter (`NEW_SHARE`) of what two processors hunt in a
second, 13.5 GB in 191 s (`benchmarks/live/backlog.py`). A hunt would end when as much is new as begins the next one."""
_RATE_SECONDS = 3 * LEAST_SECONDS
"""Age at which a rate of arrivals says nothing any more. Judgement: it is told each second, and measured every ten."""
_MOST_DOUBLINGS = 30
"""Beyond every interval; more would leave the range of numbers after some days of failures."""


@dataclass
class ScheduleState:
    """What the schedule is doing; read by the screen, by the metrics and by the health check."""

    running_since: float | None = None  # seconds since 1970 when the running hunt began; None where none runs
    next_at: float = 0.0  # seconds since 1970 when the next one begins
    last: HuntOutcome | None = None  # how the latest hunt ended; None before the first
    last_at: float = 0.0
    failures: int = 0
    leads: bool = False  # whether this process hunts; one that waits for the lease of another does not
    hunts: dict[str, int] = field(default_factory=lambda: {"ok": 0, "failed": 0, "nothing": 0})


class HuntSchedule:
    """Starts hunts, one at a time, until it is stopped.

    Args:
        plan: what each hunt does; its time is set anew each time.
        received: requests received since the start, to hunt after `watch.every_requests` of them.
        after: called after each hunt with its plan, its outcome and the number of failures since the last success.
    """

    def __init__(
        self,
        plan: HuntPlan,
        received: Callable[[], int] = lambda: 0,
        after: Callable[[HuntPlan, HuntOutcome, int], None] = lambda _plan, _outcome, _failures: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._plan, self._received, self._after, self._clock = plan, received, after, clock
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._lock, self._asked = threading.Lock(), False  # around what asks for a hunt
        self._counted, self._began = 0, clock()
        self._arrived, self._seen = Arrivals(), Arrivals()
        self._measured: tuple[float, int] | None = None  # when the rate was measured, and bytes held then
        self._arrival_rate = 0.0  # bytes a second
        self._read_at, self._read_bytes = 0.0, -1  # end of the last reading ahead, and bytes held at its begin
        self._may_read = True  # whether reading ahead can be done
        self._prepared = PreparedProcess()
        self.progress = ScheduleState(next_at=clock() + self._interval)
        self.thread = KeptThread("schedule", self._run_hunts_until_stopped, self._stopping.is_set)

    @property
    def _interval(self) -> float:
        return self._plan.config.watch.every_minutes * 60.0

    def start(self, term: int | None = None) -> None:
        """Begin with a hunt, so that what is there already is seen, under the term of a lease."""
        self._plan, self.progress.leads = replace(self._plan, term=term), True
        self._asked = True
        self.thread.start()

    def ask(self) -> None:
        """Start a hunt as soon as none is running."""
        with self._lock:
            self._asked = True
        self._wake.set()

    def hear_arrivals(self, arrived: Arrivals) -> None:
        """Take note of what has arrived in the spool; a process that counts anew begins with no signs."""
        with self._lock:
            if arrived.signs < self._seen.signs:
                self._seen = self._seen._replace(signs=0)
            self._arrived = arrived
            self._measure_arrival_rate()
            if self._is_much_new():
                self._wake.set()

    def _measure_arrival_rate(self) -> None:
        now, held = self._clock(), self._arrived.held_bytes
        if self._measured is None:
            self._measured = now, held
        elif not 0 <= (passed := now - self._measured[0]) < LEAST_SECONDS:
            self._arrival_rate, self._measured = (held - self._measured[1]) / passed, (now, held)

    def stop(self) -> None:
        """End the running hunt, the thread, and the process of which hunts are copies."""
        self._stopping.set()
        self._wake.set()
        self.thread.join()
        self._prepared.close()

    def _run_hunts_until_stopped(self) -> None:
        while not self._stopping.is_set():
            if self._is_hunt_due():
                self._run_scheduled_hunt()
            elif self._is_reading_due():
                self._read_ahead()
            self._wake.wait(1.0)
            self._wake.clear()

    def _is_hunt_due(self) -> bool:
        # A clock that jumped back must not put off the next hunt for longer than one interval.
        late = not 0 < self.progress.next_at - self._clock() <= self._interval
        return self._asked or self._are_many_received() or late or self._first_traffic() or self._is_early()

    def _are_many_received(self) -> bool:
        many = self._plan.config.watch.every_requests
        return bool(many) and self._received() - self._counted >= many

    def _is_early(self) -> bool:
        """Whether enough is new for a hunt before its time, and the last one has cost little enough since it began."""
        last, share = self.progress.last, self._plan.config.watch.early_share
        if last is None or last.failure or not share or not self._is_much_new() or self._is_backlog_arriving():
            return False
        paid = last.cpu_seconds / (share * (os.cpu_count() or 1))
        return self._clock() - self._began >= max(paid, LEAST_SECONDS)

    def _is_much_new(self) -> bool:
        new = self._arrived.held_bytes - self._seen.held_bytes
        return self._arrived.signs > self._seen.signs or new > NEW_SHARE * self._seen.held_bytes > 0

    def _is_backlog_arriving(self) -> bool:
        """Whether much arrives now; a rate that nobody has told again for long says nothing."""
        told = self._measured is not None and 0 <= self._clock() - self._measured[0] < _RATE_SECONDS
        return told and self._arrival_rate > BACKLOG_BYTES_PER_SECOND

    def _is_reading_due(self) -> bool:
        waited = not 0 <= self._clock() - self._read_at < LEAST_SECONDS
        wanted = self._may_read and self._arrived.held_bytes != self._read_bytes
        return self._is_backlog_arriving() and waited and wanted and self._plan.config.engine != "spark"

    def _read_ahead(self) -> None:
        """Read what has come; what fails here fails in the next hunt as well, which tells it."""
        plan = replace(self._plan, now=int(self._clock() * 1e6), only_reads=True)
        self._read_bytes = self._arrived.held_bytes
        self._may_read = not hunt_in_child(plan, self._stopping, self._prepared).failure
        self._read_at = self._clock()

    def _may_be_warm(self) -> bool:
        """Whether nothing asks for a search; signs in logs that are read in place are not seen."""
        wanted = self._asked or self._are_many_received() or self._is_much_new()
        return not (wanted or self.progress.failures or self._plan.watched)

    def _first_traffic(self) -> bool:
        """Whether there is something to read at last: a new user should not wait for a whole interval."""
        last = self.progress.last
        if last is None or last.failure or last.sequence is not None or self._is_backlog_arriving():
            return False
        waited = self._clock() - self.progress.last_at >= FIRST_TRAFFIC_SECONDS
        return waited and bool(all_parts(self._plan.data.spool))

    def _run_scheduled_hunt(self) -> None:
        with self._lock:  # what comes from now on asks for another hunt
            warm = self._may_be_warm()
            self._asked, self._counted, self._seen = False, self._received(), self._arrived
            self._may_read = True
        began = self._began = self._clock()
        self.progress.running_since = began
        plan = replace(self._plan, now=int(began * 1e6), warm=warm)
        try:
            outcome = hunt_in_child(plan, self._stopping, self._prepared)
        finally:
            self.progress.running_since = None
        if self._stopping.is_set():
            return
        failed = bool(outcome.failure)
        self.progress.failures = self.progress.failures + 1 if failed else 0
        self.progress.hunts["failed" if failed else "nothing" if outcome.sequence is None else "ok"] += 1
        self.progress.last, self.progress.last_at = outcome, self._clock()
        doublings = min(self.progress.failures - 1, _MOST_DOUBLINGS)
        wait = max(began + self._interval - self._clock(), 0.001)
        if failed:
            wait = min(FIRST_RETRY_SECONDS * 2.0**doublings, self._interval)
        self.progress.next_at = self._clock() + wait
        with suppress(Exception):  # a terminal that has gone must not end the hunts
            self._after(plan, outcome, self.progress.failures)


DAMAGE_FAULT = "spool damage"  # fault: something of what was acknowledged is missing or damaged


def after_hunt(plan: HuntPlan, database: WatchDatabase, outcome: HuntOutcome, failures: int) -> Expired:
    """Record alerts about hunts that fail or succeed again, and delete what is too old.

    Args:
        plan: of the hunt; its time is the time of this.
        failures: hunts that failed since the last success, this one included.

    Returns:
        What was deleted; nothing where the database cannot be used now.
    """
    with suppress(OutputError):  # the database is busy or gone: the next hunt comes soon, and reports it
        alerts = _alerts_about(plan, database, outcome, failures)
        if alerts:
            with database.write() as connection:
                record_alerts(connection, alerts, plan.config.alerts)
        return delete_expired(plan, database)
    return Expired()


def delete_expired(plan: HuntPlan, database: WatchDatabase) -> Expired:
    """Delete what is too old at the plan's time, or else the clock's; nothing where the database cannot be used."""
    now, interval = plan.now or time.time_ns() // 1000, int(plan.config.watch.every_minutes * MINUTE)
    with suppress(OutputError):
        return expire(plan.data, database, plan.config, believed_time(database, now, interval))
    return Expired()


def report_damage(faults: ServiceFaults, damage: Sequence[str]) -> None:
    """Make damage of the spool, in sentences, a fault of this process, which ends when a hunt finds none."""
    if not damage:
        faults.end(DAMAGE_FAULT)
        return
    more = f" and {formatting.plural(len(damage) - 1, 'more difference')}" if damage[1:] else ""
    faults.begin(DAMAGE_FAULT, f"{damage[0]}{more}; 'stillhunt spool' lists all that is wrong, and accepts it")


def _alerts_about(plan: HuntPlan, database: WatchDatabase, outcome: HuntOutcome, failures: int) -> list[Alert]:
    settings = plan.config.alerts
    full = SpoolRoom(plan.config.serve, plan.data.spool).full()
    limits = [limit_alert("disk_limit", f"{full}: nothing more is accepted", plan.now, settings)] if full else []
    if outcome.failure and failures >= settings.hunt_failures:
        reason = outcome.failure.partition(":")[0]  # what follows may quote what was read
        return [*limits, failing_alert(failures, reason, newest_sequence(database), plan.now, settings)]
    return [*limits, *([recovered_alert(outcome.sequence, plan.now, settings)] if outcome.sequence is not None else [])]
