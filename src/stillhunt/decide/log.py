"""The decision log in the database of a data folder: appended under a lock, never changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, func, insert, select

from stillhunt.base.errors import OutputError
from stillhunt.decide.entries import LogEntry, chained, first_broken
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS, META

SECRET_ROW = "decide_secret"  # noqa: S105 - the name of the row
APPENDING = 0x5711_8048
"""Key of the lock under which PostgreSQL appends; SQLite has one writer at a time by itself."""
_COLUMNS = tuple(field.name for field in fields(LogEntry))


def read_log(database: WatchDatabase) -> list[LogEntry]:
    """All entries, in order.

    Args:
        database: of the data folder.
    """
    return [LogEntry(**{name: row[name] for name in _COLUMNS}) for row in database.read(_all_entries())]


def append_to_log(
    database: WatchDatabase, made: Callable[[Sequence[LogEntry], bytes], Iterable[LogEntry]]
) -> list[LogEntry]:
    """Append what is decided about the log as it stands: all of it or nothing, and nobody else appends meanwhile.

    Args:
        database: of the data folder.
        made: gives the new entries for the log so far and the secret of the folder, within the transaction.

    Returns:
        What was appended, with places and hashes.

    Raises:
        OutputError: the log was changed, so that nothing may follow it, or the database cannot be used.
    """
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(APPENDING)))
        rows = connection.execute(_all_entries()).mappings()
        log = [LogEntry(**{name: row[name] for name in _COLUMNS}) for row in rows]
        broken = first_broken(log)
        if broken is not None:
            raise OutputError(
                f"the decision log was changed: entry {broken.seq}: {broken.what}",
                where="table decisions",
                next_step="nothing is decided until it is restored from a backup",
            )
        new = chained(made(log, _secret(connection)), log[-1] if log else None)
        if new:
            connection.execute(insert(DECISIONS), [asdict(entry) for entry in new])
    return new


def _all_entries() -> Any:
    return select(DECISIONS).order_by(DECISIONS.c.seq)


def _secret(connection: Connection) -> bytes:
    """Random bytes of this folder, made at the first decision."""
    found = connection.execute(select(META.c.value).where(META.c.name == SECRET_ROW)).scalar()
    if found is None:
        found = secrets.token_hex(32)
        connection.execute(insert(META).values(name=SECRET_ROW, value=found))
    return bytes.fromhex(found)
