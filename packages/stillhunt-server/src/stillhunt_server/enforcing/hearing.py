"""Hears from PostgreSQL that a decision was made, so that it is in force here at once and not at the next look."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from stillhunt.decide.log import DECISIONS_CHANNEL
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.service_faults import KeptThread, ServiceFaults

LISTEN_SECONDS = 1.0
"""How long one wait for word lasts, so that the thread ends soon when it is told to. Judgement."""
PROBE_WAITS = 10
"""Waits without word after which the connection is tried. Judgement: a dead one is noticed within seconds, and the
looks at the log go on meanwhile."""
REOPEN_SECONDS = 2.0
"""Wait before a broken connection is made again. Judgement."""


class DecisionHearing:
    """Listens in a thread until it is stopped. Nobody relies on it: the log is looked at every second, too.

    Args:
        heard: called when something was appended to the decision log.
    """

    def __init__(self, database: WatchDatabase, heard: Callable[[], None], faults: ServiceFaults) -> None:
        self._database, self._heard = database, heard
        self._stopping = threading.Event()
        self.thread = KeptThread("hearing", self._listen_until_stopped, self._stopping.is_set)
        self.thread.report_to(faults)

    def start(self) -> None:
        """Begin, where the database is one that tells."""
        if self._database.engine.dialect.name == "postgresql" and self._database.engine.driver == "psycopg":
            self.thread.start()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()
        self.thread.join()

    def _listen_until_stopped(self) -> None:
        import psycopg  # an optional part; the database is open, so it is there

        while not self._stopping.is_set():
            try:
                self._listen_once()
            except (DBAPIError, PoolTimeoutError, psycopg.Error, OSError):
                self._stopping.wait(REOPEN_SECONDS)

    def _listen_once(self) -> None:
        """Listen over one connection until it breaks."""
        with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            raw = connection.connection.driver_connection
            if raw is None:
                return
            connection.exec_driver_sql(f"LISTEN {DECISIONS_CHANNEL}")
            self._heard()  # of what was appended before it listened
            silent = 0
            try:
                while not self._stopping.is_set():
                    # not psycopg's own iterator: `BoundedConnection` bounds its waits in another way
                    if select.select([raw.pgconn.socket], [], [], LISTEN_SECONDS)[0]:
                        raw.pgconn.consume_input()  # raises where the server has gone
                        if raw.pgconn.notifies() is not None:
                            self._heard()
                        while raw.pgconn.notifies() is not None:
                            pass  # one look reads all that is new
                    silent += 1
                    if silent % PROBE_WAITS == 0:
                        connection.exec_driver_sql("SELECT 1")
                        self._heard()  # of what came with the answer, which psycopg takes and does not tell
            finally:
                connection.invalidate()  # nobody else should get word meant for this thread
