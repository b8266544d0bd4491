"""Whether the database answers, asked once a second: its silence is a fault, and whoever needs it is told at once."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from stillhunt.base.errors import StillhuntError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.service_faults import KeptThread, ServiceFaults

DATABASE_FAULT = "database"
PROBE_SECONDS = 1.0
"""How often it is asked. Judgement."""
SILENCE_SECONDS = 3.0
"""Silence after which it is a fault. Judgement: with the time between two looks, it is known within five seconds."""
_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing


class DatabaseProbe:
    """A thread that asks the database whether it is there, and opens it as soon as it is.

    Args:
        opened: called once, when it was opened.
        answers_again: called when it answers after a silence.
        refresh: called at each look that it answers, to keep fresh what is known of it.
        meanwhile: says what is gone by while it is silent.
    """

    def __init__(
        self,
        database: WatchDatabase,
        faults: ServiceFaults,
        *,
        opened: Callable[[], None] = lambda: None,
        answers_again: Callable[[], None] = lambda: None,
        refresh: Callable[[], None] = lambda: None,
        meanwhile: Callable[[], str] = lambda: "",
    ) -> None:
        self._database, self._faults, self._refresh, self._meanwhile = database, faults, refresh, meanwhile
        self._opened, self._answers_again = opened, answers_again
        self._was_opened, self._silent = False, False
        self.failure: StillhuntError | None = None  # why the latest look failed; None where it did not
        self._stop = threading.Event()
        self._looking: threading.Thread | None = None
        self.thread = KeptThread("database", self._probe_database_until_stopped, self._stop.is_set)

    def start(self) -> None:
        """Look once, for as long as a look may take, and go on in a thread."""
        self.look()
        self.thread.report_to(self._faults)
        self.thread.start()

    def stop(self) -> None:
        """End; a look that waits for the database ends by itself."""
        self._stop.set()
        self.thread.join()

    def look(self) -> None:
        """Ask, in a thread that may have to wait; a look before that still waits is not joined by another."""
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=self._ask_database, name="stillhunt-look", daemon=True)
            self._looking.start()
        self._looking.join(SILENCE_SECONDS)
        if self._looking.is_alive():
            self._begin_database_fault()

    def _probe_database_until_stopped(self) -> None:
        while not self._stop.wait(PROBE_SECONDS):
            self.look()

    def _ask_database(self) -> None:
        try:
            if not self._was_opened:
                self._database.open_now()
                self._opened()
                self._was_opened = True
            self._database.answers()
        except StillhuntError as error:
            self.failure = error
            self._begin_database_fault()
            return
        except Exception:  # the next look comes; whoever needs the database must know meanwhile
            _LOG.exception("looking at the database")
            self._begin_database_fault()
            return
        self.failure = None
        with suppress(StillhuntError):  # the next look says it, if it lasts
            self._refresh()
        self._faults.end(DATABASE_FAULT)
        if self._silent:
            self._silent = False
            self._answers_again()

    def _begin_database_fault(self) -> None:
        self._silent = True
        meanwhile = self._meanwhile()
        told = "the database does not answer" + (f": {meanwhile}" if meanwhile else "")
        self._faults.begin(DATABASE_FAULT, told)
