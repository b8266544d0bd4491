"""Signing in with a name and a password: how often it may be tried, and what is recorded."""

from __future__ import annotations

import array
import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import anyio
import anyio.to_thread
from sqlalchemy import insert, select

from stillhunt.base.formatting import plural
from stillhunt.watch.database.audit import record_look
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import META
from stillhunt_server.people.sessions import SessionStore
from stillhunt_server.people.users import check_password, find_user

TRIES_OF_NAME = 10
"""Wrong passwords for one name before it has to wait; a hundred are the most that NIST SP 800-63B-4, section 3.2.2,
allows. Judgement."""
TRIES_OF_ADDRESS = 30
"""Wrong passwords from one address, behind which an office may be. Judgement."""
TRIES_WINDOW = 15 * 60.0
"""Seconds after which all of these may be made again; a part of it gives a part of them back. Judgement."""
_COUNTERS = 1 << 14
"""Counters, onto which names are spread by a secret hash: memory is the same however many names are tried, and two
names have one counter in 16,384 cases."""
_CHECKED_AT_ONCE = 1
"""Passwords that are checked at the same time, from browsers that are known and from others: each takes 64 MiB."""
_MOST_WAITING = 32
_WRONG = "Name or password is wrong."


@dataclass(frozen=True)
class SignInResult:
    """What came of it."""

    cookie: str = ""  # of the new session; "" where there is none
    error: str = ""  # one sentence for the page; "" where there is none
    wait_seconds: int = 0  # after which it may be tried again; 0 at once
    browser: str = ""  # cookie by which this browser is known from now on; "" where nobody signed in


class TryLimit:
    """How often something may be tried: a fixed number at once, and as many again in each window."""

    def __init__(self, most: int, seconds: float, ticks: Callable[[], float] = time.monotonic) -> None:
        self._most, self._per_second, self._ticks = most, most / seconds, ticks
        self._levels = array.array("d", bytes(8 * _COUNTERS))
        self._times = array.array("d", bytes(8 * _COUNTERS))
        self._secret = secrets.token_bytes(16)

    def take(self, key: str) -> float:
        """Count a try; it is given back if it succeeds, so that many at once are no way around.

        Args:
            key: a name or an address, from anybody.

        Returns:
            0 where it may be made; else seconds to wait, and nothing is counted.
        """
        place, now = self._hash_counter_place(key), self._ticks()
        level = max(0.0, self._levels[place] - (now - self._times[place]) * self._per_second)
        if level + 1 > self._most:
            return (level + 1 - self._most) / self._per_second
        self._levels[place], self._times[place] = level + 1, now
        return 0.0

    def give_back(self, key: str) -> None:
        """Take back a try that was none, for it succeeded."""
        place = self._hash_counter_place(key)
        self._levels[place] = max(0.0, self._levels[place] - 1)

    def _hash_counter_place(self, key: str) -> int:
        digest = hashlib.blake2b(key.encode(errors="replace"), digest_size=8, key=self._secret).digest()
        return int.from_bytes(digest) % _COUNTERS


class SignInDesk:
    """Checks names and passwords, as often as is allowed.

    A browser in which this user has signed in before has tries of its own, and its own turn to be checked, so nobody
    else can keep it out. Who knows a name can keep other browsers from signing in under it for some minutes, by trying
    wrong passwords; an attacker who may try for ever would be worse. Limits hold for each process.

    Args:
        behind_proxies: whether addresses are known behind proxies; if not, all people behind one on this machine have
            its address, which therefore has no limit.
    """

    def __init__(
        self,
        database: WatchDatabase,
        sessions: SessionStore,
        ticks: Callable[[], float] = time.monotonic,
        *,
        behind_proxies: bool = False,
    ) -> None:
        self._database, self._sessions, self._behind_proxies = database, sessions, behind_proxies
        self._names = TryLimit(TRIES_OF_NAME, TRIES_WINDOW, ticks)
        self._addresses = TryLimit(TRIES_OF_ADDRESS, TRIES_WINDOW, ticks)
        self._tries_of_known = TryLimit(TRIES_OF_NAME, TRIES_WINDOW, ticks)
        self._known = KnownBrowsers(database)
        self._limiter = anyio.CapacityLimiter(_CHECKED_AT_ONCE)
        self._limiter_of_known = anyio.CapacityLimiter(_CHECKED_AT_ONCE)

    async def sign_in(self, name: str, password: str, address: str, cookie: str = "") -> SignInResult:
        """Sign somebody in, or say why not; both are in the audit.

        Args:
            cookie: by which the browser is known, from anybody.

        Raises:
            OutputError: the database cannot be used, and then nobody is signed in.
        """
        await anyio.to_thread.run_sync(self._known.read_key)
        browser = self._known.browser_of(cookie, name)
        limiter = self._limiter_of_known if browser else self._limiter
        if limiter.statistics().tasks_waiting >= _MOST_WAITING:
            return SignInResult(error="Too many people sign in at once; try again in a minute.", wait_seconds=60)
        limits = [(self._tries_of_known, browser)] if browser else self._limits_of(name, address)
        taken: list[tuple[TryLimit, str]] = []
        for limit, key in limits:
            if wait := limit.take(key):
                _give_back(taken)
                return _build_wait_result(wait)
            taken.append((limit, key))
        session = await anyio.to_thread.run_sync(self._begin_checked_session, name, password, address, limiter=limiter)
        if not session:
            return SignInResult(error=_WRONG)
        _give_back(taken)
        return SignInResult(session, browser=self._known.cookie_for(name))

    def _limits_of(self, name: str, address: str) -> list[tuple[TryLimit, str]]:
        """What is counted for a browser that is not known."""
        shared = not self._behind_proxies and (not address or ip_address(address.partition("/")[0]).is_loopback)
        return [*([] if shared else [(self._addresses, address)]), (self._names, name)]

    def _begin_checked_session(self, name: str, password: str, address: str) -> str:
        user = check_password(self._database, name, password)
        if user is not None:
            record_look(self._database, user.name, "signed_in", f"from {address}")
            return self._sessions.begin(user.user_id)
        # A name that nobody has is not written down: people type their password there.
        known = find_user(self._database, name) if "\0" not in name else None
        record_look(self._database, known.name if known else "", "sign_in_failed", f"from {address}")
        return ""


def _give_back(taken: Sequence[tuple[TryLimit, str]]) -> None:
    for limit, key in taken:
        limit.give_back(key)


def _build_wait_result(wait: float) -> SignInResult:
    minutes = math.ceil(wait / 60)
    text = f"Too many wrong passwords; try again in {plural(minutes, 'minute')}."
    return SignInResult(error=text, wait_seconds=math.ceil(wait))


BROWSER_SECONDS = 180 * 86_400
"""How long a browser is known after its latest sign-in. Judgement: longer than holidays."""
BROWSER_KEY = "browser_key"
"""Name of the row that holds the secret of these cookies."""
_NONCE_CHARACTERS = 22


def kept_secret(database: WatchDatabase, name: str) -> bytes:
    """A secret that all processes of a data folder share; made when it is first asked for."""
    wanted = select(META.c.value).where(META.c.name == name)
    with database.write() as connection:
        value = connection.execute(wanted).scalar_one_or_none()
        if value is None:
            value = secrets.token_hex(32)
            connection.execute(insert(META).values(name=name, value=value))
    return bytes.fromhex(value)


class KnownBrowsers:
    """Makes and checks the cookies."""

    def __init__(self, database: WatchDatabase) -> None:
        self._database, self._key = database, b""

    def read_key(self) -> None:
        """Read the secret, once; call it in a thread."""
        self._key = self._key or kept_secret(self._database, BROWSER_KEY)

    def cookie_for(self, name: str) -> str:
        """A cookie for a browser in which this user has just signed in; `read_key` comes first."""
        nonce = secrets.token_urlsafe(16)
        return nonce + self._seal_browser_name(nonce, name)

    def browser_of(self, cookie: str, name: str) -> str:
        """Which browser a cookie is of; "" where it is none in which this user has signed in.

        Args:
            name: of the user who is said to sign in.
        """
        nonce, seal = cookie[:_NONCE_CHARACTERS], cookie[_NONCE_CHARACTERS:]
        right = self._seal_browser_name(nonce, name)
        return nonce if hmac.compare_digest(seal.encode(errors="replace"), right.encode()) else ""

    def _seal_browser_name(self, nonce: str, name: str) -> str:
        said = f"{nonce}\0{name}".encode(errors="replace")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()
