"""Browsers in which somebody has signed in before: wrong passwords from elsewhere never keep them out.

Whoever signs in gets a cookie that says so of this browser and this name; it signs nobody in. Tries with it have a
limit of their own (OWASP calls it a device cookie), so that guessing from elsewhere locks no one out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import insert, select

from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import META

BROWSER_SECONDS = 180 * 86_400
"""How long a browser is known after its latest sign-in. Judgement: longer than holidays."""
BROWSER_KEY = "browser_key"
"""Name of the row that holds the secret of these cookies."""
_NONCE_CHARACTERS = 22


def kept_secret(database: WatchDatabase, name: str) -> bytes:
    """A secret that all processes of a data folder share; made when it is first asked for.

    Raises:
        OutputError: the database cannot be used.
    """
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
        """Read the secret, once; call it in a thread.

        Raises:
            OutputError: the database cannot be used.
        """
        self._key = self._key or kept_secret(self._database, BROWSER_KEY)

    def cookie_for(self, name: str) -> str:
        """A cookie for a browser in which this user has just signed in; `read_key` comes first."""
        nonce = secrets.token_urlsafe(16)
        return nonce + self._seal(nonce, name)

    def browser_of(self, cookie: str, name: str) -> str:
        """Which browser a cookie is of; "" where it is none in which this user has signed in.

        Args:
            name: of the user who is said to sign in.
        """
        nonce, seal = cookie[:_NONCE_CHARACTERS], cookie[_NONCE_CHARACTERS:]
        right = self._seal(nonce, name)
        return nonce if hmac.compare_digest(seal.encode(errors="replace"), right.encode()) else ""

    def _seal(self, nonce: str, name: str) -> str:
        said = f"{nonce}\0{name}".encode(errors="replace")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()
