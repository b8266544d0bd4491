"""Running the revisions on a connection that is open, in its transaction: all of them are kept, or none."""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, insert, inspect, update

from stillhunt.watch.database.patience import wait_for_migration
from stillhunt.watch.database.tables import META, REVISION, VERSION_ROW


def revision_name(version: int) -> str:
    """Name of the revision that makes a version of the tables."""
    return f"{version:04}"


def migrate(connection: Connection, found: int, version: int) -> None:
    """Bring the tables from one version to another, up or down.

    Alembic knows a database by its own table; one from before that is marked as what it is first.

    Args:
        connection: of a transaction in which nobody else changes the tables.
        found: version of the tables; 0 for an empty database.
        version: that they shall have; 0 deletes all of them.
    """
    wait_for_migration(connection)
    if found and not inspect(connection).has_table(REVISION.name):
        REVISION.create(connection)
        connection.execute(insert(REVISION).values(version_num=revision_name(found)))
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if version > found:
        command.upgrade(config, revision_name(version))
    elif version < found:
        command.downgrade(config, revision_name(version) if version else "base")
    if found == 0 < version:
        connection.execute(insert(META).values(name=VERSION_ROW, value=str(version)))
    elif version:
        connection.execute(update(META).where(META.c.name == VERSION_ROW).values(value=str(version)))
