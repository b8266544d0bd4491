"""What revisions have in common: tables are made as `tables.py` has them now, and lose what later versions added."""

from alembic import op

from stillhunt.watch.database.store import VERSION
from stillhunt.watch.database.tables import METADATA, REVISION
from stillhunt.watch.database.versions import ADDED_COLUMNS, ADDED_INDEXES, ADDED_TABLES


def make_tables(version: int) -> None:
    """Make the tables that a version added, as it had them.

    A later version that changes a column, and does not only add some, writes out here what the column was.
    """
    names = _tables_added(version)
    METADATA.create_all(op.get_bind(), [METADATA.tables[name] for name in names], checkfirst=False)
    for later in range(version + 1, VERSION + 1):
        for table in names:
            for index in ADDED_INDEXES.get(later, {}).get(table, ()):
                op.drop_index(index, table)
            for column in ADDED_COLUMNS.get(later, {}).get(table, ()):
                op.drop_column(table, column)


def delete_tables(version: int) -> None:
    """Delete them, those that name others first."""
    METADATA.drop_all(op.get_bind(), [METADATA.tables[name] for name in _tables_added(version)], checkfirst=False)


def _tables_added(version: int) -> set[str]:
    if version in ADDED_TABLES:
        return set(ADDED_TABLES[version])
    return METADATA.tables.keys() - {REVISION.name}.union(*ADDED_TABLES.values())
