"""What a first start makes and shows once: a token, and the first user of the console."""

from __future__ import annotations

import threading

from stillhunt.cli.live_screen import Screen
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.tokens import ADMIN, INGEST, has_tokens, make_token
from stillhunt.web.people.users import first_admin

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
