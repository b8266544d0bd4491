"""Tokens of HTTP clients: made once, shown once, kept as a digest, revoked at any time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from stillhunt.base.errors import CaseError, ConfigError, OutputError
from stillhunt.base.formatting import minute
from stillhunt.base.units import HOUR
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import TOKENS
from stillhunt.watch.folder import write_synced
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
    """A token as it is known: all but itself."""

    token_id: str
    name: str
    scopes: frozenset[str]
    source: str  # folder of the spool for what it sends
    revoked_at: int | None  # from when it counts no more, microseconds since 1970; None where it was not revoked

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
            "a token needs a scope that exists",
            where="scopes of a token",
            next_step=f"choose one of: {', '.join(SCOPES)}",
        )
    if not is_source_name(source):
        raise ConfigError(
            "the source of a token cannot name a folder",
            where="source of a token",
            next_step="use lower-case letters, digits, - and _, at most 63",
        )
    with database.write() as connection:
        return _insert_new_token(connection, name[:128], " ".join(sorted(scopes)), source)


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
        return _insert_new_token(connection, row["name"], row["scopes"], row["source"])


def _insert_new_token(connection: Connection, name: str, scopes: str, source: str) -> str:
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


REFRESH_SECONDS = 2.0
"""How soon a token that another process made or revoked counts here."""
UNKNOWN_SECONDS = 0.2
"""How soon they are read again for one that is not known: guessing is no flood of readings. Judgement."""
SURE_SECONDS = 5.0
"""Age of the tokens up to which one that is not known was never made; later, it may have been. Judgement."""
KEPT_HOURS = 72
"""Age of the file after which it counts no more. Judgement: a weekend; a revoked token must not count for longer."""
_WRITTEN_EVERY = HOUR
_WAIT_SECONDS = 0.05
"""Longest that a client waits until the tokens are read again; if it takes longer, those count that are known."""
_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing


class KnownTokens:
    """Tokens in memory.

    Args:
        kept: file that holds them for the next start; None where none does.
    """

    def __init__(self, database: WatchDatabase, kept: Path | None = None) -> None:
        self._database, self._kept = database, kept
        self._tokens: dict[str, Token] | None = None
        self.read_at = 0
        """When they were read, microseconds since 1970: one that was revoked since then still counts here."""
        self._fresh_at, self._written_at = -REFRESH_SECONDS, 0
        self._reader: threading.Thread | None = None
        self._reader_lock = threading.Lock()
        self.failure = ""
        """Why they could not be read again; what was known before still holds then."""
        if kept is not None:
            self._tokens, self.read_at = _read_kept(kept)

    def of(self, token: str) -> Token | None:
        """The token as it is known; None for one that is not known."""
        return (self._tokens or {}).get(token_digest(token))

    def find(self, token: str) -> Token | None:
        """The token, read again where it is not known yet: it may have just been made. Event loops may call it.

        Returns:
            None for a token that was never made.

        Raises:
            OutputError: it is not known, and the tokens cannot be read now, so that nobody can say whether it counts.
        """
        self.keep_fresh(None if self.of(token) is not None else UNKNOWN_SECONDS)
        known = self.of(token)
        if known is None and (self._tokens is None or self._compute_tokens_age() > SURE_SECONDS):
            raise OutputError(
                "the tokens cannot be read now", where="database", next_step="send it again, or start the database"
            )
        return known

    def keep_fresh(self, seconds: float | None = None) -> None:
        """Have the tokens read in a thread if they are older, and wait for it for an instant. Event loops may call it.

        Args:
            seconds: how old they may be; None = REFRESH_SECONDS.
        """
        oldest = REFRESH_SECONDS if seconds is None else seconds
        if self._compute_tokens_age() >= oldest and (started := self._start_reader()) is not None:
            started.join(_WAIT_SECONDS)

    def refresh(self) -> None:
        """Read the tokens again if that was not done lately.

        Raises:
            OutputError: they cannot be read now.
        """
        if self._compute_tokens_age() >= REFRESH_SECONDS:
            self.reread()

    def reread(self) -> None:
        """Read the tokens now, since one was just made or revoked.

        Raises:
            OutputError: they cannot be read now, or there were some and none is left.
        """
        at, rows = time.time_ns() // 1000, self._database.read(select(TOKENS))
        if self._tokens and not rows:  # revoked ones stay as well: a sender that is told 401 throws its records away
            raise OutputError("all tokens are gone", where="table tokens", next_step="restore a backup of the database")
        tokens = {row["digest"]: _token_of(row) for row in rows}
        changed = tokens != self._tokens or at - self._written_at >= _WRITTEN_EVERY
        self._tokens, self.read_at, self._fresh_at, self.failure = tokens, at, time.monotonic(), ""
        if self._kept is not None and changed:
            with suppress(OSError):  # no room; an older file serves, too
                _write_kept(self._kept, rows, at)
                self._written_at = at

    def tell_age(self) -> str:
        """What counts while the database is silent, in words."""
        if not self.read_at:
            return "no token is known"
        read = datetime.fromtimestamp(self.read_at / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"tokens are those of {read}, and one revoked since then still counts"

    def _compute_tokens_age(self) -> float:
        return time.monotonic() - self._fresh_at

    def _start_reader(self) -> threading.Thread | None:
        """The thread that reads them again, started; None where one reads already. Requests come in several threads."""
        with self._reader_lock:
            if self._reader is not None and self._reader.is_alive():
                return None
            self._reader = threading.Thread(target=self._read_again, name="stillhunt-tokens", daemon=True)
            self._reader.start()
            return self._reader

    def _read_again(self) -> None:
        try:
            self.reread()
        except OutputError as error:
            self.failure = error.what
        except Exception as error:  # whatever a row holds, those that are known still count
            self.failure = f"unexpected: {type(error).__name__}"
            _LOG.exception("reading tokens")


def _token_of(row: Mapping[str, Any]) -> Token:
    scopes = frozenset(row["scopes"].split())
    return Token(row["token_id"], row["name"], scopes, row["source"], row["revoked_at"])


def _write_kept(file: Path, rows: list[dict[str, Any]], at: int) -> None:
    """Write the file in one step; it holds digests, and no token."""
    text = json.dumps({"read_at": at, "tokens": rows})
    beside = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    write_synced(beside, f"{sha256(text.encode()).hexdigest()}\n{text}\n".encode())
    beside.replace(file)


def _read_kept(file: Path) -> tuple[dict[str, Token] | None, int]:
    """What the file holds, and when it was read from the database; None where it is absent, damaged or too old."""
    try:
        digest, _, text = file.read_text(encoding="utf-8").partition("\n")
        if sha256(text.rstrip("\n").encode()).hexdigest() != digest:
            return None, 0
        kept = json.loads(text)
        tokens, at = {row["digest"]: _token_of(row) for row in kept["tokens"]}, int(kept["read_at"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, 0
    if not 0 <= time.time_ns() // 1000 - at <= KEPT_HOURS * HOUR:
        return None, 0
    return tokens, at
