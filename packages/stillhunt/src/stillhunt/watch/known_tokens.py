"""Tokens in memory: read again from time to time, and kept in a file for a start while the database is away."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import select

from stillhunt.base.errors import OutputError
from stillhunt.base.units import HOUR
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import TOKENS
from stillhunt.watch.tokens import Token, token_digest

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
        if known is None and (self._tokens is None or self._age() > SURE_SECONDS):
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
        if self._age() >= oldest and (started := self._start_reader()) is not None:
            started.join(_WAIT_SECONDS)

    def refresh(self) -> None:
        """Read the tokens again if that was not done lately.

        Raises:
            OutputError: they cannot be read now.
        """
        if self._age() >= REFRESH_SECONDS:
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

    def _age(self) -> float:
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
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(f"{sha256(text.encode()).hexdigest()}\n{text}\n")
        out.flush()
        os.fsync(out.fileno())
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
