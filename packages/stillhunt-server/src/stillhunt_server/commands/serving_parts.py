"""Parts of `stillhunt serve` that every process has, and the console."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stillhunt.base.config import Config
from stillhunt.commands import Screen
from stillhunt.watch.alerts.receivers import receivers_with
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.fault_alerts import FaultAlerts
from stillhunt_server.fault_looks import FaultLook, FaultLooks
from stillhunt_server.people.users import first_admin
from stillhunt_server.tokens import ADMIN, INGEST, has_tokens, make_token

FIRST_NAME = "first start"


class FirstStart:
    """Makes what a new data folder needs as soon as its database is open, which may be after the server began.

    Args:
        screen: shows what is made late.
        with_user: whether people sign in with passwords of this console.
    """

    def __init__(self, database: WatchDatabase, screen: Screen, *, with_user: bool) -> None:
        self._database, self._screen, self._with_user = database, screen, with_user
        self._lock = threading.Lock()
        self._begun = False
        self._token = self._password = ""

    def make(self) -> None:
        """Make what is not there yet.

        Raises:
            OutputError: the database cannot be used now.
        """
        token = "" if has_tokens(self._database) else make_token(self._database, FIRST_NAME, frozenset((INGEST, ADMIN)))
        password = first_admin(self._database) if self._with_user else ""
        with self._lock:
            self._token, self._password, late = token, password, self._begun
        if late:
            self._screen.database_came(token, password)

    def begin(self) -> tuple[str, str]:
        """The token and the password to be shown now, "" for what was not made; later ones are shown by themselves."""
        with self._lock:
            self._begun = True
            return self._token, self._password


def thread_ended(faults: ServiceFaults, ended: threading.ExceptHookArgs) -> None:
    """What Python calls where a thread ends by an error that nothing in it caught."""
    name = ended.thread.name if ended.thread is not None else ""
    if name.startswith("stillhunt-"):
        faults.begin(f"thread {name.removeprefix('stillhunt-')}", f"the thread '{name}' ended; restart the server")
    if ended.exc_value is not None:
        logging.getLogger("uvicorn.error").error("thread %s", name, exc_info=ended.exc_value)


@contextmanager
def telling_of_faults(
    faults: ServiceFaults, looks: Sequence[FaultLook], config: Config, screen: Screen
) -> Iterator[None]:
    """Everybody who gets alerts hears of faults of this process, and the screen shows them."""
    alerts = FaultAlerts(faults, config.alerts, receivers_with(config.alerts), screen.fault)
    looking = FaultLooks(faults, looks)
    alerts.start()
    looking.start()
    try:
        yield
    finally:
        looking.stop()
        alerts.stop()
