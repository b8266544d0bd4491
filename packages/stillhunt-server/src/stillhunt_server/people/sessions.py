"""Sessions: who is signed in. The cookie is a random value of which the database has the SHA-256 alone."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from stillhunt.base.units import HOUR, SECOND
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import PERSONS, SESSIONS
from stillhunt_server.people.users import role_includes

SEEN_EVERY = 60 * SECOND
"""How often a session is written when it is used: idle time is known to a minute, and reading pages writes nothing."""
KNOWN_SECONDS = 1.0
"""How long a session is believed without being read: another process that ends it counts here a second later."""
MOST_KNOWN = 1024
"""Sessions that are kept in memory; where there are more, they are read more often. Judgement."""
_COOKIE_CHARACTERS = 128


@dataclass(frozen=True)
class Viewer:
    """Who makes a request."""

    name: str
    role: str
    form_token: str  # what each form of theirs must send in its field `form_token`
    user_id: int
    # when their session ends if they do nothing, microseconds since 1970; 0 where a proxy has sessions
    ends_at: int = 0

    def may(self, role: str) -> bool:
        """Whether they may do what needs this role."""
        return role_includes(self.role, role)


@dataclass
class _Known:
    viewer: Viewer
    until: float
    seen_at: int
    ends_at: int


class SessionStore:
    """The sessions of one data folder.

    Args:
        session_hours: after which a session ends.
        idle_hours: without a request, after which it ends.
    """

    def __init__(
        self,
        database: WatchDatabase,
        session_hours: float,
        idle_hours: float,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._lasts, self._idle = int(session_hours * HOUR), int(idle_hours * HOUR)
        self._clock, self._ticks = clock, ticks
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    @property
    def lasts_seconds(self) -> int:
        """Seconds after which a session ends, for the cookie."""
        return self._lasts // SECOND

    def begin(self, user_id: int) -> str:
        """Begin a session, and forget those that are over.

        Returns:
            The value of the cookie.
        """
        cookie, now = secrets.token_urlsafe(32), self._clock()
        over = (SESSIONS.c.expires_at <= now) | (SESSIONS.c.seen_at <= now - self._idle)
        values = {
            "digest": _session_digest(cookie),
            "user_id": user_id,
            "form_token": secrets.token_urlsafe(32),
            "made_at": now,
            "seen_at": now,
            "expires_at": now + self._lasts,
        }
        with self._database.write() as connection:
            connection.execute(delete(SESSIONS).where(over))
            connection.execute(insert(SESSIONS).values(**values))
        return cookie

    def known(self, cookie: str) -> Viewer | None:
        """Whose cookie this is, as far as it was read in the last second; None where it has to be looked up."""
        one = self._known.get(_session_digest(cookie))
        if one is None or one.until <= self._ticks() or one.ends_at <= self._clock():
            return None
        return one.viewer

    def find(self, cookie: str) -> Viewer | None:
        """Whose cookie this is; reads the database. Nothing is written: see `touch`.

        Returns:
            None where there is no such session, it is over, or its user is disabled.
        """
        if not 0 < len(cookie) <= _COOKIE_CHARACTERS:
            return None
        digest, now = _session_digest(cookie), self._clock()
        joined = SESSIONS.join(PERSONS, PERSONS.c.user_id == SESSIONS.c.user_id)
        wanted = select(SESSIONS, PERSONS.c.name, PERSONS.c.role).select_from(joined)
        rows = self._database.read(wanted.where(SESSIONS.c.digest == digest, PERSONS.c.disabled_at.is_(None)))
        if not rows or (ends_at := min(rows[0]["expires_at"], rows[0]["seen_at"] + self._idle)) <= now:
            with self._lock:
                self._known.pop(digest, None)
            return None
        row = rows[0]
        viewer = Viewer(row["name"], row["role"], row["form_token"], row["user_id"], ends_at)
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[digest] = _Known(viewer, self._ticks() + KNOWN_SECONDS, row["seen_at"], ends_at)
        return viewer

    def must_touch(self, cookie: str) -> bool:
        """Whether the use of a session has to be written now; True at most once for each time that it was found."""
        one = self._known.get(_session_digest(cookie))
        if one is None or self._clock() - one.seen_at < SEEN_EVERY:
            return False
        one.seen_at = self._clock()
        return True

    def touch(self, cookie: str) -> None:
        """Write that a session is used, so that it is not idle."""
        now = self._clock()
        stale = (SESSIONS.c.digest == _session_digest(cookie), SESSIONS.c.seen_at <= now - SEEN_EVERY)
        with self._database.write() as connection:
            connection.execute(update(SESSIONS).where(*stale).values(seen_at=now))

    def end(self, cookie: str) -> None:
        """End one session."""
        digest = _session_digest(cookie)
        with self._database.write() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == digest))
        with self._lock:
            self._known.pop(digest, None)


def _session_digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="surrogatepass")).hexdigest()
