"""`stillhunt database`: show, raise and lower the version of a database's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.errors import ConfigError
from stillhunt.cli.databases import opened_database
from stillhunt.cli.terminal import output_console
from stillhunt.watch.database.store import VERSION
from stillhunt.watch.database.versions import TableLoss, database_version, downgrade, lost_by_downgrade
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HUNT_ROLE

_USERS_OF_IT = ("serve-ingest", "serve-hunt", "serve-web", HUNT_ROLE)


def run_database_version(data: Path, settings: Path | None) -> None:
    """Print the version of the tables.

    Raises:
        CaseError: the folder has no database.
    """
    with opened_database(data, settings, as_it_is=True) as database:
        _say(f"version {database_version(database)}; this stillhunt writes {VERSION}")


def run_database_upgrade(data: Path, settings: Path | None) -> None:
    """Bring the tables up to date.

    Raises:
        CaseError: the folder has no database.
        OutputError: it is newer than this stillhunt.
    """
    with opened_database(data, settings, as_it_is=True) as database:
        found = database_version(database)
    with opened_database(data, settings):
        _say(f"version {VERSION} already" if found == VERSION else f"version {VERSION}; it was {found}")


def run_database_downgrade(data: Path, version: int, settings: Path | None, *, yes: bool) -> None:
    """Bring the tables back to an older version.

    Args:
        yes: whether to do it, and not only to say what would be lost.

    Raises:
        CaseError: the folder has no database.
        ConfigError: it was not confirmed, or there is no such version.
        OutputError: another process uses the folder, or the database is newer than this stillhunt.
    """
    with opened_database(data, settings, as_it_is=True) as database, _alone(data):
        if not yes:
            raise ConfigError(
                f"this deletes {_in_words(lost_by_downgrade(database, version))}",
                where="database downgrade",
                next_step="make a backup, and then confirm it",
                command_step="make a backup with 'stillhunt backup', and then add --yes",
            )
        _say(f"version {version}; deleted: {_in_words(downgrade(database, version))}")


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Nobody serves or hunts in this folder meanwhile; who works on another folder and the same server is not seen."""
    with ExitStack() as roles:
        for role in _USERS_OF_IT:
            roles.enter_context(DataFolder(data).role(role))
        yield


def _in_words(lost: Sequence[TableLoss]) -> str:
    rows = [f"{formatting.plural(one.rows, 'row')} of {one.table}" for one in lost if one.rows]
    return formatting.join_words(rows) if rows else "nothing, for the tables are empty"


def _say(text: str) -> None:
    output_console().print(text, markup=False, highlight=False)
