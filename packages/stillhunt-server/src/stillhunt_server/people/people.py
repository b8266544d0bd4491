"""Who may come in and how: what the guard and the pages of signing in share."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from stillhunt.base.config_console import ConsoleSettings
from stillhunt.base.ids import UNPRINTABLE
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.people.oidc import OpenIdClient
from stillhunt_server.people.origins import comes_from, networks_of
from stillhunt_server.people.sessions import KNOWN_SECONDS, MOST_KNOWN, SessionStore, Viewer
from stillhunt_server.people.sign_in import SignInDesk, kept_secret
from stillhunt_server.people.users import MOST_NAME, user_of_subject

FORM_KEY = "form_key"
"""Name of the row that holds the secret of form tokens, which are the same in all processes."""


def proxy_subject(name: str) -> str:
    """Who somebody is whom the proxy names so."""
    return f"proxy {name}"


class TrustedProxy:
    """Who makes a request, as the proxy says; there are no sessions, since the proxy has them."""

    def __init__(
        self, database: WatchDatabase, settings: ConsoleSettings, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._settings, self._ticks = database, settings, ticks
        self._networks = networks_of(settings.proxy_addresses)
        self._known: dict[str, tuple[float, Viewer]] = {}
        self._key = b""

    def name_of(self, connection: HTTPConnection) -> str:
        """The name in the header; "" where it is absent, twice there, unusable, or set by somebody who is no proxy."""
        values = connection.headers.getlist(self._settings.proxy_header)
        if len(values) != 1 or not comes_from(connection, self._networks):
            return ""
        try:  # headers are bytes; proxies send UTF-8
            name = values[0].encode("latin-1").decode().strip()
        except UnicodeError:
            name = values[0].strip()
        return name if len(name) <= MOST_NAME and not UNPRINTABLE.search(name) else ""

    def known(self, name: str) -> Viewer | None:
        """The user of this name, as far as it was read in the last second."""
        until, viewer = self._known.get(name, (0.0, None))
        return viewer if viewer is not None and until > self._ticks() else None

    def find(self, name: str) -> Viewer | None:
        """The user of this name, added at first sight; reads the database, and writes at first sight only.

        Args:
            name: from `name_of`, not "".

        Returns:
            None where they are disabled, or new and the setting lets nobody new in.
        """
        user = user_of_subject(self._database, proxy_subject(name), name, self._settings.default_role, keep_role=True)
        if user is None:
            self._known.pop(name, None)
            return None
        self._key = self._key or kept_secret(self._database, FORM_KEY)
        token = hmac.new(self._key, str(user.user_id).encode(), hashlib.sha256).hexdigest()
        viewer = Viewer(user.name, user.role, token, user.user_id)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[name] = (self._ticks() + KNOWN_SECONDS, viewer)
        return viewer


@dataclass(frozen=True)
class PeopleParts:
    """Who may come in, and how."""

    database: WatchDatabase
    settings: ConsoleSettings
    sessions: SessionStore
    threads: DatabaseThreads
    desk: SignInDesk | None = None  # names and passwords; None where people sign in elsewhere
    proxy: TrustedProxy | None = None  # a header; None likewise
    oidc: OpenIdClient | None = None  # a provider of OpenID Connect; None likewise


def people_of(
    database: WatchDatabase, settings: ConsoleSettings, threads: DatabaseThreads | None = None
) -> PeopleParts:
    """Who may come in, by the settings.

    Args:
        threads: in which the database is used; None = some of its own.

    Raises:
        ConfigError: OpenID Connect is set, and its library is not installed.
    """
    threads = threads or DatabaseThreads()
    sessions = SessionStore(database, settings.session_hours, settings.idle_hours)
    return PeopleParts(
        database,
        settings,
        sessions,
        threads,
        desk=SignInDesk(database, sessions, behind_proxies=bool(settings.proxy_addresses))
        if settings.sign_in == "local"
        else None,
        proxy=TrustedProxy(database, settings) if settings.sign_in == "proxy" else None,
        oidc=OpenIdClient(database, settings, sessions, threads) if settings.sign_in == "oidc" else None,
    )
