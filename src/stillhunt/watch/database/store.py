"""Opening the database: made when it is missing, migrated when it is older, refused when it is newer."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, inspect, select, update
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.watch.database.tables import META, METADATA

VERSION = 3
"""Version of the tables. Those of an older database are added to: 2 has the decision log, 3 the appeals."""
VERSION_ROW = "version"
READS_ONLY = "stillhunt_reads_only"
"""Option of a connection that writes nothing, so that it waits for nobody."""
MAKING = 0x5711_8047
"""Key of the lock under which the tables are made on PostgreSQL."""
BUSY_SECONDS = 30
"""How long a statement waits for another process that writes, before it fails."""
_RETRY_SECONDS = 0.05


class WatchDatabase:
    """The database of one data folder.

    Args:
        url: SQLAlchemy URL; the file of the folder where it is empty.
        file: SQLite file.

    Raises:
        ConfigError: the URL names no database that can be used.
        OutputError: it cannot be opened, or a newer version of stillhunt made it.
    """

    def __init__(self, url: str, file: Path) -> None:
        self._shown = str(file) if not url else "watch.database"
        try:
            if not url:
                _make_private(file)
            self.engine = _engine(url or f"sqlite:///{file}")
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise ConfigError(
                "this is no URL of a database that can be used",
                where="setting watch.database",
                next_step="write postgresql+psycopg://USER@HOST/NAME and install stillhunt[postgres]; empty for SQLite",
            ) from error
        try:
            with self.write() as connection:
                self._bring_up_to_date(connection)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is kept, or nothing.

        Raises:
            OutputError: the database cannot be used now.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            raise self._unusable(error) from error

    def read(self, statement: Any) -> list[dict[str, Any]]:
        """Rows of one statement, as mappings.

        Raises:
            OutputError: the database cannot be used now.
        """
        try:
            with self.engine.connect().execution_options(**{READS_ONLY: True}) as connection:
                return [dict(row) for row in connection.execute(statement).mappings()]
        except (DBAPIError, PoolTimeoutError) as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _unusable(self, error: DBAPIError | PoolTimeoutError) -> OutputError:
        why = error.orig if isinstance(error, DBAPIError) else "too many wait for it"
        return OutputError(
            f"the database cannot be used: {why}",
            where=self._shown,
            next_step="check that it is there, has room, and is not locked by another program",
        )

    def _bring_up_to_date(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":  # processes that start together make it once; SQLite's begin waits
            connection.execute(select(func.pg_advisory_xact_lock(MAKING)))
        if not inspect(connection).has_table(META.name):
            METADATA.create_all(connection)
            connection.execute(insert(META).values(name=VERSION_ROW, value=str(VERSION)))
            return
        row = META.c.name == VERSION_ROW
        found = int(connection.execute(select(META.c.value).where(row)).scalar_one())
        if found < VERSION:  # so far, each version has only added tables
            METADATA.create_all(connection)
            connection.execute(update(META).where(row).values(value=str(VERSION)))
        if found > VERSION:
            raise OutputError(
                f"the database has version {found}; this stillhunt knows versions up to {VERSION}",
                where=self._shown,
                next_step="use the newer stillhunt that wrote it, or restore the backup made before the upgrade",
            )


def _make_private(file: Path) -> None:
    """Make the file before SQLite does, so that nobody else may read account ids; SQLite says what is wrong if not."""
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_CLOEXEC | os.O_RDWR, 0o600))


def _begin_to_log_ahead(connection: sqlite3.Connection) -> None:
    """Switch a file to write-ahead logging; for this one statement SQLite does not wait for another process itself."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_RETRY_SECONDS)


def _engine(url: str) -> Engine:
    sqlite = url.startswith("sqlite")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS} if sqlite else {}, pool_pre_ping=not sqlite)
    if sqlite:

        @event.listens_for(engine, "connect")
        def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None  # transactions are begun below, so that a writer waits at their start
            _begin_to_log_ahead(connection)
            for pragma in ("synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            reads = connection.get_execution_options().get(READS_ONLY, False)
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
