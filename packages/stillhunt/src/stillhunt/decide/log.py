"""The decision log in the database of a data folder: appended under a lock, never changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from stillhunt.base.errors import OutputError
from stillhunt.decide.entries import Broken, LogEntry, chained, first_broken
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS, META

SECRET_ROW = "decide_secret"  # noqa: S105 - the name of the row
APPENDING = 0x5711_8048
"""Key of the lock under which PostgreSQL appends; SQLite has one writer at a time by itself."""
_COLUMNS = tuple(field.name for field in fields(LogEntry))


def read_log(database: WatchDatabase) -> list[LogEntry]:
    """All entries, in order."""
    return _entries(database.read(_all_entries()))


def read_log_after(database: WatchDatabase, seq: int, most: int) -> list[LogEntry]:
    """Entries from a place on, in order: the entry of that place first, by which a reader sees a log that was replaced.

    Args:
        seq: place of the last entry that is known; 0 before any.
        most: entries to read at a time.
    """
    statement = select(DECISIONS).where(DECISIONS.c.seq >= seq).order_by(DECISIONS.c.seq).limit(most)
    return [LogEntry(**{name: row[name] for name in _COLUMNS}) for row in database.read(statement)]


def append_to_log(
    database: WatchDatabase, made: Callable[[Sequence[LogEntry], bytes], Iterable[LogEntry]]
) -> list[LogEntry]:
    """Append what is decided about the log as it stands: all of it or nothing, and nobody else appends meanwhile.

    Args:
        made: gives the new entries for the log so far and the secret of the folder, within the transaction.

    Returns:
        What was appended, with places and hashes.

    Raises:
        OutputError: the log was changed, so that nothing may follow it, or the database cannot be used.
    """
    with log_locked(database) as connection:
        return append_within(connection, made)


@contextmanager
def log_locked(database: WatchDatabase) -> Iterator[Connection]:
    """A transaction in which nobody else appends to the log; all that is done in it is kept, or nothing.

    Raises:
        OutputError: the database cannot be used.
    """
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(APPENDING)))
        yield connection


def append_within(
    connection: Connection, made: Callable[[Sequence[LogEntry], bytes], Iterable[LogEntry]]
) -> list[LogEntry]:
    """Append to the log in a transaction of `log_locked`, with what else is written in it.

    Args:
        made: as for `append_to_log`.

    Returns:
        What was appended, with places and hashes.

    Raises:
        OutputError: the log was changed, so that nothing may follow it.
    """
    log = _entries(connection.execute(_all_entries()).mappings())
    broken = first_broken(log)
    if broken is not None:
        raise ChangedLogError(broken)
    new = chained(made(log, _secret(connection)), log[-1] if log else None)
    if new:
        connection.execute(insert(DECISIONS), [asdict(entry) for entry in new])
    return new


class ChangedLogError(OutputError):
    """The decision log is not as it was written.

    Args:
        lost: entries that were there are gone or are others, and what is left is chained as it should be.
    """

    def __init__(self, broken: Broken, *, lost: bool = False) -> None:
        self.lost = lost
        super().__init__(
            f"the decision log was changed: entry {broken.seq}: {broken.what}",
            where="table decisions",
            next_step="nothing is decided until it is restored from a backup",
        )


def read_whole_log(database: WatchDatabase) -> list[LogEntry]:
    """All entries, in order, where none was changed.

    Raises:
        OutputError: the log was changed, or the database cannot be used.
    """
    log = read_log(database)
    broken = first_broken(log)
    if broken is not None:
        raise ChangedLogError(broken)
    return log


def entries_about(connection: Connection, account: str) -> list[LogEntry]:
    """Entries about one account, in order."""
    return _entries(connection.execute(_all_entries().where(DECISIONS.c.account_id == account)).mappings())


def decisions_about(database: WatchDatabase, campaign: str) -> list[LogEntry]:
    """Entries that were made for one campaign, in order."""
    return _entries(database.read(_all_entries().where(DECISIONS.c.campaign_id == campaign)))


def _all_entries() -> Select[Any]:
    return select(DECISIONS).order_by(DECISIONS.c.seq)


def _entries(rows: Iterable[Mapping[Any, Any]]) -> list[LogEntry]:
    return [LogEntry(**{name: row[name] for name in _COLUMNS}) for row in rows]


def _secret(connection: Connection) -> bytes:
    """Random bytes of this folder, made at the first decision."""
    found = connection.execute(select(META.c.value).where(META.c.name == SECRET_ROW)).scalar()
    if found is None:
        found = secrets.token_hex(32)
        connection.execute(insert(META).values(name=SECRET_ROW, value=found))
    return bytes.fromhex(found)
