"""The database of a data folder that is there already; a mistyped name makes no new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DATABASE
from stillhunt.watch.known_database import IDENTITY_FILE, open_database


@contextmanager
def opened_database(data: Path, settings_file: Path | None, *, as_it_is: bool = False) -> Iterator[WatchDatabase]:
    """The database of a data folder, closed at the end.

    Args:
        settings_file: file of settings, which may name another database.
        as_it_is: leave its tables as they are, whatever their version.

    Raises:
        CaseError: the folder has no database.
        OutputError: the database cannot be read.
    """
    url, file = Config.load(file=settings_file).watch.database, data / DATABASE
    if not url and not file.is_file() and not (data / IDENTITY_FILE).is_file():
        raise CaseError(
            "this data folder has no database, so nothing was hunted there",
            where=str(data),
            next_step="name the data folder of a running watch",
            command_step="name the folder of 'stillhunt serve' or 'stillhunt watch' with --data",
        )
    database = open_database(data, url, as_it_is=as_it_is)
    try:
        yield database
    finally:
        database.close()
