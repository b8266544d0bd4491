"""Opening the database: made when it is missing, migrated when it is older, refused when it is newer."""

import asyncio
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from stillhunt.base.errors import ConfigError, OutputError, StillhuntError
from stillhunt.base.installing import install_command
from stillhunt.watch.database import tables_console  # noqa: F401 - its tables belong to METADATA
from stillhunt.watch.database.limits import PATIENCE
from stillhunt.watch.database.patience import keep_patience
from stillhunt.watch.database.tables import META, METADATA, REVISION, VERSION_ROW

VERSION = 7
"""Version of the tables; `migrations/versions` says what each has."""
IDENTITY_ROW = "identity"  # name of the row of META by which this database is told from others
READS_ONLY = "stillhunt_reads_only"  # option of a connection that writes nothing, so that it waits for nobody
MAKING = 0x5711_8047
"""Key of the lock under which the tables are made on PostgreSQL."""
BUSY_SECONDS = 30
"""How long a statement waits for another process that writes, before it fails."""
_RETRY_SECONDS = 0.05
_STEP = "check that it is there, has room, and is not locked by another program"


class LostDatabaseError(OutputError):
    """The database is gone, damaged, or another one than before: waiting does not help."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(what, where=where, next_step="stop what uses this data folder, and restore a backup")


class WatchDatabase:
    """The database of one data folder. Whoever uses it may have to wait, so no event loop may.

    Args:
        url: SQLAlchemy URL; the file of the folder where it is empty.
        as_it_is: leave the tables as they are, whatever their version.
        there: it must be there already, and is not made.
        later: open it with `open_now` only, since it may not be there yet; until then it cannot be used.

    Raises:
        ConfigError: the URL names no database that can be used.
        LostDatabaseError: it is damaged, or has to be there and is not.
        OutputError: it cannot be opened, or a newer version of stillhunt made it.
    """

    def __init__(
        self, url: str, file: Path, *, as_it_is: bool = False, there: bool = False, later: bool = False
    ) -> None:
        self._as_it_is, self._there, self._opened = as_it_is, there, False
        self._shown = str(file) if not url else "watch.database"
        self._file = None if url else file
        self.folder = file.parent
        self._place: tuple[int, int] | None = None
        try:
            if not url:
                if not there:
                    _make_private(file)
                self._place = _place_of(file)
            self.engine = _create_database_engine(url) if url else _file_engine(file)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise ConfigError(
                "this is no URL of a database that can be used",
                where="setting watch.database",
                next_step="write postgresql+psycopg://USER@HOST/NAME (empty for SQLite), and "
                + install_command("postgres"),
            ) from error
        if not later:
            self.open_now()

    def open_now(self) -> None:
        """Connect, and make the tables or bring them up to date; nothing happens where that was done.

        Raises OutputError: it cannot be opened, or a newer version of stillhunt made it.
        """
        if self._opened:
            return
        try:
            with self.changing_tables() as (connection, found):
                if self._there and not found:
                    raise LostDatabaseError("the database of this data folder has no tables any more", self._shown)
                if not self._as_it_is:
                    self._bring_up_to_date(connection, found)
        except BaseException:
            self.close()
            raise
        self._opened = True

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is kept, or nothing."""
        self._check_opened()
        with self._open_transaction() as connection:
            yield connection

    @contextmanager
    def _open_transaction(self) -> Iterator[Connection]:
        _refuse_event_loops()
        try:
            self.check_place()
            with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            raise self._make_database_error(error) from error

    def read(self, statement: Any) -> list[dict[str, Any]]:
        """Rows of one statement, as mappings."""
        self._check_opened()
        _refuse_event_loops()
        try:
            self.check_place()
            with self.engine.connect().execution_options(**{READS_ONLY: True}) as connection:
                return [dict(row) for row in connection.execute(statement).mappings()]
        except (DBAPIError, PoolTimeoutError) as error:
            raise self._make_database_error(error) from error

    def reopen(self) -> None:
        """Put what stands in the write-ahead log of SQLite into the database, and begin with new connections."""
        try:
            with closing(self.engine.raw_connection()) as connection:  # outside of a transaction
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (sqlite3.Error, DBAPIError, PoolTimeoutError) as error:
            raise OutputError(f"the database cannot be used: {error}", where=self._shown, next_step=_STEP) from error
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def check_place(self) -> None:
        """Raise LostDatabaseError for a file that was removed or replaced: writing to the open one would be lost."""
        if self._file is not None and _place_of(self._file) != self._place:
            raise LostDatabaseError("the file of the database was removed or replaced", self._shown)

    def identity(self, expected: str = "") -> str:
        """What tells this database from others: made once, the same for as long as it exists, and in its backups.

        `expected`: what it must be; "" where that is not known. Raises LostDatabaseError: it is another one.
        """
        row = select(META.c.value).where(META.c.name == IDENTITY_ROW)
        with self.write() as connection:
            found = connection.execute(row).scalar()
            if expected and found != expected:
                raise LostDatabaseError("this is another database than the one that this data folder had", self._shown)
            if found is None:
                found = secrets.token_hex(16)
                connection.execute(insert(META).values(name=IDENTITY_ROW, value=found))
        return str(found)

    def answers(self) -> None:
        """Ask for nothing, to see whether it answers; an OutputError if not."""
        self.read(select(1))

    def may_come(self, error: StillhuntError) -> bool:
        """Whether waiting may help against an error of `open_now`: a server may just be starting."""
        return self.engine.dialect.name == "postgresql" and isinstance(error.__cause__, OperationalError)

    def _check_opened(self) -> None:
        if not self._opened:
            raise OutputError(
                "the database cannot be used: it was not reached yet",
                where=self._shown,
                next_step="start it, or wait for it",
            )

    def _make_database_error(self, error: DBAPIError | PoolTimeoutError) -> OutputError:
        why = error.orig if isinstance(error, DBAPIError) else "too many wait for it"
        if getattr(why, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return LostDatabaseError(f"the database is damaged: {why}", self._shown)
        return OutputError(f"the database cannot be used: {why}", where=self._shown, next_step=_STEP)

    @contextmanager
    def changing_tables(self) -> Iterator[tuple[Connection, int]]:
        """A transaction in which nobody else changes the tables, and their version; 0 where there are none."""
        with self._open_transaction() as connection:
            if connection.dialect.name == "postgresql":  # one process after another; SQLite's begin waits by itself
                connection.execute(select(func.pg_advisory_xact_lock(MAKING)))
            found = 0
            if inspect(connection).has_table(META.name):
                version = select(META.c.value).where(META.c.name == VERSION_ROW)
                said = str(connection.execute(version).scalar())
                if not said.isdecimal():
                    raise LostDatabaseError("the database is damaged: its tables have no version", self._shown)
                found = int(said)
            yield connection, found

    def refuse_newer(self, found: int) -> None:
        """Raise OutputError for tables of a version that is newer, and so not known here."""
        if found > VERSION:
            raise OutputError(
                f"the database has version {found}; this stillhunt knows versions up to {VERSION}",
                where=self._shown,
                next_step="use the newer stillhunt that wrote it, or restore the backup made before the upgrade",
            )

    def _bring_up_to_date(self, connection: Connection, found: int) -> None:
        self.refuse_newer(found)
        if not found:  # as the revisions would make them, which a test compares; Alembic takes a while to be imported
            METADATA.create_all(connection)
            connection.execute(insert(META).values(name=VERSION_ROW, value=str(VERSION)))
            connection.execute(insert(REVISION).values(version_num=f"{VERSION:04}"))
        elif found < VERSION:
            from stillhunt.watch.database.migrations.running import migrate  # start-up time

            migrate(connection, found, VERSION)


def read_meta(connection: Connection, name: str) -> str | None:
    """A value of META; None where there is none."""
    return connection.execute(select(META.c.value).where(META.c.name == name)).scalar()


def write_meta(connection: Connection, name: str, value: str) -> None:
    """Set a value of META; whoever may write the same at the same time needs a lock."""
    connection.execute(delete(META).where(META.c.name == name))
    connection.execute(insert(META).values(name=name, value=value))


def _refuse_event_loops() -> None:
    """Keep the database out of event loops: while one waits, every client of the server does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("the database was used in an event loop: call it in a thread, as the server does")


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


def _place_of(file: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _create_database_engine(url: str) -> Engine:
    if make_url(url).get_backend_name() == "sqlite":
        return _set_up(create_engine(url, connect_args={"timeout": BUSY_SECONDS}))
    engine = create_engine(url, pool_pre_ping=True, pool_timeout=PATIENCE.pool_seconds)
    if engine.driver == "psycopg":
        keep_patience(engine)
    return engine


def _file_engine(file: Path) -> Engine:
    """For a file that is there: one that is removed is not made anew by the next connection."""
    address = f"{file.absolute().as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, BUSY_SECONDS, check_same_thread=False, uri=True)

    return _set_up(create_engine(f"sqlite:///{file}", creator=connect, pool_timeout=PATIENCE.pool_seconds))


def _set_up(engine: Engine) -> Engine:
    @event.listens_for(engine, "connect")
    def _configure_connection(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, so that a writer waits at their start
        _begin_to_log_ahead(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin_sqlite_transaction(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READS_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
