"""Tokens of HTTP clients: made once, shown once, kept as a digest, revoked at any time."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import Connection, func, insert, select, update

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.formatting import minute
from stillhunt.base.units import HOUR
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import TOKENS
from stillhunt.watch.spool.parts import is_source_name

INGEST, DECIDE, APPEAL, ADMIN = "ingest", "decide", "appeal", "admin"
SCOPES = (INGEST, DECIDE, APPEAL, ADMIN)
"""What a token may be used for: to send records; to ask what is decided; to file appeals; to do all but sending."""
PREFIX = "stillhunt_"
"""Begin of every token, by which scanners for leaked secrets recognise it."""
LONGEST_HOURS = 24 * 365
"""Longest that a token counts beside the one that replaces it. Judgement: a year."""
_KEPT_DIGESTS = 256
"""Digests that are kept of tokens seen last: gateways send one token with every question."""


@dataclass(frozen=True)
class Token:
    """A token as it is known: all but itself.

    Attributes:
        token_id: short name, by which it is revoked.
        name: what its maker called it.
        source: folder of the spool for what it sends.
        revoked_at: from when it counts no more, microseconds since 1970; None where it was not revoked.
    """

    token_id: str
    name: str
    scopes: frozenset[str]
    source: str
    revoked_at: int | None

    @property
    def revoked(self) -> bool:
        """Whether it counts no more."""
        return self.revoked_at is not None and self.revoked_at <= time.time_ns() // 1000


def make_token(database: WatchDatabase, name: str, scopes: frozenset[str], source: str = "default") -> str:
    """Make a token.

    Args:
        name: what it is for, at most 128 characters.
        source: name of who sends with it: lower-case letters, digits, - and _.

    Returns:
        The token; it cannot be shown again.

    Raises:
        ConfigError: a scope or the source is not allowed.
    """
    if not scopes or scopes - set(SCOPES):
        raise ConfigError(
            "a token needs a scope that exists", where="scopes of a token", next_step=f"choose of {', '.join(SCOPES)}"
        )
    if not is_source_name(source):
        raise ConfigError(
            "the source of a token cannot name a folder",
            where="source of a token",
            next_step="use lower-case letters, digits, - and _, at most 63",
        )
    with database.write() as connection:
        return _entered(connection, name[:128], " ".join(sorted(scopes)), source)


def rotate_token(database: WatchDatabase, token_id: str, hours: float) -> str | None:
    """Make a token with the name, scopes and source of another one, which counts for some hours more.

    Args:
        hours: for which both count, so that every client can be changed, at most LONGEST_HOURS; 0 = the old one ends
            at once.

    Returns:
        The new token, which cannot be shown again; None where no token of this id counts.

    Raises:
        CaseError: another one replaces it already.
        ConfigError: the hours are none.
    """
    if not 0 <= hours <= LONGEST_HOURS:  # so that nan is refused, too
        raise ConfigError(
            "the old token needs an end", where="hours", next_step=f"give hours between 0 and {LONGEST_HOURS:,}"
        )
    now = time.time_ns() // 1000
    with database.write() as connection:
        row = connection.execute(select(TOKENS).where(TOKENS.c.token_id == token_id)).mappings().first()
        if row is None or (row["revoked_at"] is not None and row["revoked_at"] <= now):
            return None
        if row["revoked_at"] is not None:
            end = minute(datetime.fromtimestamp(row["revoked_at"] / 1e6, UTC))
            raise CaseError(
                f"it is being replaced already and ends at {end}",
                where=f"token {token_id}",
                next_step="rotate the one that replaces it, or revoke this one now",
            )
        replaced = update(TOKENS).where(TOKENS.c.token_id == token_id).values(revoked_at=now + int(hours * HOUR))
        connection.execute(replaced)
        return _entered(connection, row["name"], row["scopes"], row["source"])


def _entered(connection: Connection, name: str, scopes: str, source: str) -> str:
    token = PREFIX + secrets.token_urlsafe(24)
    values = {"name": name, "scopes": scopes, "source": source, "made_at": time.time_ns() // 1000}
    connection.execute(insert(TOKENS).values(token_id=secrets.token_hex(4), digest=token_digest(token), **values))
    return token


def revoke_token(database: WatchDatabase, token_id: str) -> bool:
    """Revoke a token at once; False where there is none of this id that still counts."""
    now = time.time_ns() // 1000
    counts = TOKENS.c.revoked_at.is_(None) | (TOKENS.c.revoked_at > now)
    statement = update(TOKENS).where(TOKENS.c.token_id == token_id, counts)
    with database.write() as connection:
        return bool(connection.execute(statement.values(revoked_at=now)).rowcount)


def has_tokens(database: WatchDatabase) -> bool:
    """Whether any token was ever made."""
    (row,) = database.read(select(func.count().label("number")).select_from(TOKENS))
    return bool(row["number"])


@lru_cache(_KEPT_DIGESTS)
def token_digest(token: str) -> str:
    """What is kept of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
