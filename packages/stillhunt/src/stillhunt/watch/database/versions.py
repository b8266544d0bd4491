"""The version of a database's tables, and the way back to an older one."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, or_, select

from stillhunt.base.errors import ConfigError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import METADATA

ADDED_TABLES = {
    2: ("decisions",),
    3: ("appeals",),
    4: ("cases", "case_events", "saved_filters", "users", "sessions", "audit"),
    5: ("linked_senders",),
    6: (),
    7: (),
}
"""Tables that each version has added, and that an older one does not have."""
ADDED_COLUMNS = {7: {"cases": ("look_at", "due_at")}}
"""Columns that each version has added to tables that were there, by table; 0 in rows for which nobody set them."""
_OF_DECISIONS = ("of_account", "of_campaign", "by_made_at", "by_expires_at", "by_undoes")
ADDED_INDEXES = {6: {"decisions": tuple(f"decisions_{name}" for name in _OF_DECISIONS)}}
"""Indexes that each version has added to tables that were there, by table."""


@dataclass(frozen=True)
class TableLoss:
    """A table that an older version does not have, or columns of one that it has."""

    table: str
    rows: int
    columns: tuple[str, ...] = ()


def database_version(database: WatchDatabase) -> int:
    """The version of the tables; 0 where there are none."""
    with database.changing_tables() as (_, found):
        return found


def lost_by_downgrade(database: WatchDatabase, version: int) -> list[TableLoss]:
    """What a downgrade would delete.

    Raises ConfigError: there is no such version below the present one. Raises OutputError: the database cannot be used
    now, or is newer than this stillhunt.
    """
    with database.changing_tables() as (connection, found):
        _check_target_version(database, found, version)
        return _list_table_losses(connection, found, version)


def downgrade(database: WatchDatabase, version: int) -> list[TableLoss]:
    """Bring the tables back to an older version, for an older stillhunt.

    Whoever has the database open meanwhile fails from then on. Whoever opens it with this stillhunt brings it up again.

    Raises:
        ConfigError: there is no such version below the present one.
        OutputError: the database cannot be used now, or is newer than this stillhunt.
    """
    from stillhunt.watch.database.migrations.running import migrate  # start-up time

    with database.changing_tables() as (connection, found):
        _check_target_version(database, found, version)
        lost = _list_table_losses(connection, found, version)
        migrate(connection, found, version)
    return lost


def _check_target_version(database: WatchDatabase, found: int, version: int) -> None:
    database.refuse_newer(found)
    if not 1 <= version < found:
        raise ConfigError(
            f"the database has version {found}, so it cannot go back to {version}",
            where="version of the database",
            next_step=f"name a version from 1 to {found - 1}" if found > 1 else "there is nothing older",
        )


def _list_table_losses(connection: Connection, found: int, version: int) -> list[TableLoss]:
    later = range(version + 1, found + 1)
    whole: list[tuple[str, tuple[str, ...]]] = [(table, ()) for added in later for table in ADDED_TABLES[added]]
    parts = [part for added in later for part in ADDED_COLUMNS.get(added, {}).items() if (part[0], ()) not in whole]
    lost = []
    for name, columns in [*whole, *parts]:
        table = METADATA.tables[name]
        said = or_(literal(not columns), *(table.c[column] != 0 for column in columns))
        rows = connection.execute(select(func.count()).select_from(table).where(said)).scalar_one()
        lost.append(TableLoss(name, int(rows), columns))
    return lost
