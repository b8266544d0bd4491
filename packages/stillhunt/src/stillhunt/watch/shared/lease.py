"""The lease of the hunter: of several processes that hunt over one PostgreSQL database, one does, until it dies.

The lease is a row with an end by the database's clock. Whoever publishes compares it in the same transaction, so that
nothing is published by one that was cut off and did not notice. On SQLite the lock of the data folder does this.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from stillhunt.base.errors import OutputError
from stillhunt.watch.database.store import WatchDatabase, read_meta, write_meta
from stillhunt.watch.folder import write_synced
from stillhunt.watch.service_faults import KeptThread

LEASE_ROW = "hunter"
LEASING = 0x5711_8049
"""Key of the lock under which the lease is read and changed."""
HUNTER_FILE = "hunter"
"""File of a data folder with the name of its hunter, so that a restarted one has its lease at once."""


class LeasePace(NamedTuple):
    """How long a lease lasts, and what is done how often."""

    # seconds without a sign of the hunter, after which another one takes over (longer than an election in the database
    # takes; a hunt that begins 20 seconds late harms nobody)
    seconds: float = 20.0
    renew_seconds: float = 4.0  # seconds: four failures in a row lose it; others try as often
    # seconds: one that waits deletes what is too old as often
    idle_seconds: float = 3600.0


LEASE_PACE = LeasePace()


class LeaseLostError(OutputError):
    """Another process hunts now."""

    def __init__(self) -> None:
        super().__init__(
            "another process has the lease of the hunter, so nothing is published",
            where="table meta",
            next_step="nothing need be done: that process hunts",
        )


def take_lease(database: WatchDatabase, holder: str, seconds: float = LEASE_PACE.seconds) -> int | None:
    """Take the lease or renew it.

    `holder`: name of this hunter, which no other has. Returns its term, which grows whenever the holder changes; None
    while another one has the lease. Raises OutputError: the database cannot be used now.
    """
    with database.write() as connection:
        held = _read_locked_lease(connection)
        now = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
        if held["holder"] != holder and held["until"] > now:
            return None
        term = held["term"] + (held["holder"] != holder)
        kept = json.dumps({"holder": holder, "term": term, "until": now + seconds})
        write_meta(connection, LEASE_ROW, kept)
    return int(term)


def confirm_lease(connection: Connection, term: int | None) -> None:
    """Refuse to go on in a transaction where somebody else took the lease since; nobody takes it until it ends.

    `term`: that this process has; None where it needs none. Raises LeaseLostError: another one has it.
    """
    if term is not None and _read_locked_lease(connection)["term"] != term:
        raise LeaseLostError


def needs_lease(database: WatchDatabase) -> bool:
    """Whether other machines may hunt over the same database."""
    return database.engine.dialect.name == "postgresql"


def name_hunter(data: Path) -> str:
    """The name of the hunter of a data folder, made at its first start."""
    file = data / HUNTER_FILE
    if not file.exists():
        write_synced(file, secrets.token_hex(8).encode())
    return file.read_text("ascii", "replace")


class LeaseKeeper:
    """Waits for the lease in a thread, begins the work, and renews the lease until it is stopped.

    Args:
        begin: called once with the term, when the lease was taken.
        lost: called with a sentence when another process has it: this one must end, since its work goes on elsewhere.
        meanwhile: called every `idle_seconds` while it waits.
    """

    def __init__(
        self,
        database: WatchDatabase,
        holder: str,
        begin: Callable[[int], None],
        lost: Callable[[str], None],
        meanwhile: Callable[[], object],
        pace: LeasePace = LEASE_PACE,
    ) -> None:
        self._database, self._holder, self._begin, self._lost = database, holder, begin, lost
        self._meanwhile, self._pace = meanwhile, pace
        self._idle_at = self._renewed_at = time.monotonic()
        self.term: int | None = None  # the term of this process; None while it waits
        self._stopping = threading.Event()
        self.thread = KeptThread("lease", self._keep_lease_until_stopped, self._stopping.is_set)

    def start(self) -> None:
        """Begin to wait."""
        self.thread.start()

    def stop(self) -> None:
        """Give the lease back, so that another one takes over at once."""
        self._stopping.set()
        self.thread.join()
        if self.term is not None:
            with suppress(OutputError):  # then it ends by itself; a restart of this one has it at once
                take_lease(self._database, self._holder, 0.0)

    def _keep_lease_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                term = take_lease(self._database, self._holder, self._pace.seconds)
                if self.term in (None, term):
                    self._renewed_at = time.monotonic()
            except OutputError:
                term = self.term  # nobody can take it from here while the database is away
            if self.term is None and term is not None:
                self.term = term
                self._begin(term)
            elif term != self.term:
                silent, lasts = time.monotonic() - self._renewed_at, self._pace.seconds
                why = f"this one last renewed it {silent:.0f} seconds ago, and it lasts {lasts:g} seconds"
                self._lost(f"another process took the lease of the hunter: {why}")
                self._stopping.wait()
            elif term is None and time.monotonic() >= self._idle_at:
                self._idle_at = time.monotonic() + self._pace.idle_seconds
                self._meanwhile()
            self._stopping.wait(self._pace.renew_seconds)


def _read_locked_lease(connection: Connection) -> dict[str, Any]:
    connection.execute(select(func.pg_advisory_xact_lock(LEASING)))
    found = read_meta(connection, LEASE_ROW)
    held: dict[str, Any] = json.loads(found) if found else {"holder": "", "term": 0, "until": 0.0}
    return held
