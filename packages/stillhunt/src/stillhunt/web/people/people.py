"""Who may come in and how: what the guard and the pages of signing in share."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.config_console import ConsoleSettings
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.web.database_threads import DatabaseThreads
from stillhunt.web.people.oidc import OpenIdClient
from stillhunt.web.people.proxy import TrustedProxy
from stillhunt.web.people.sessions import SessionStore
from stillhunt.web.people.sign_in import SignInDesk


@dataclass(frozen=True)
class PeopleParts:
    """Who may come in, and how.

    Attributes:
        desk: names and passwords; None where people sign in elsewhere.
        proxy: a header; None likewise.
        oidc: a provider of OpenID Connect; None likewise.
    """

    database: WatchDatabase
    settings: ConsoleSettings
    sessions: SessionStore
    threads: DatabaseThreads
    desk: SignInDesk | None = None
    proxy: TrustedProxy | None = None
    oidc: OpenIdClient | None = None


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
