"""`stillhunt data database`: the version of a database's tables; and the database of a data folder that is there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError, StillhuntError
from stillhunt.cli.live_screen import Screen
from stillhunt.cli.options import DEFAULT_DATA, DataOption, SettingsOption
from stillhunt.cli.terminal import output_console
from stillhunt.watch.database.probe import DatabaseProbe
from stillhunt.watch.database.store import VERSION, WatchDatabase
from stillhunt.watch.database.versions import TableLoss, database_version, downgrade, lost_by_downgrade
from stillhunt.watch.folder import DATABASE, HUNT_ROLE, DataFolder
from stillhunt.watch.known_database import IDENTITY_FILE, open_database

database_commands = typer.Typer(no_args_is_help=True, help="Version of the database of a data folder.")
_USERS_OF_IT = ("serve-ingest", "serve-hunt", "serve-web", "serve-console", HUNT_ROLE)


@database_commands.command("version")
def database_version_command(data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None) -> None:
    """Print the version of the tables, and the one that this stillhunt writes."""
    with opened_database(data, settings_file, as_it_is=True) as database:
        _print_plain_text(f"version {database_version(database)}; this stillhunt writes {VERSION}")


@database_commands.command("upgrade")
def database_upgrade(data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None) -> None:
    """Bring the tables up to date, in one transaction; every command that opens the database does this by itself."""
    with opened_database(data, settings_file, as_it_is=True) as database:
        found = database_version(database)
    with opened_database(data, settings_file):
        _print_plain_text(f"version {VERSION} already" if found == VERSION else f"version {VERSION}; it was {found}")


@database_commands.command("downgrade")
def database_downgrade(
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Version that the older stillhunt writes.")],
    data: DataOption = DEFAULT_DATA,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this option, only print what would be lost.")
    ] = False,
    settings_file: SettingsOption = None,
) -> None:
    """Bring the tables back to an older version, for an older stillhunt; what that version has no tables for is lost.

    Stop 'serve' and 'watch' first, and make a backup. The next command of this stillhunt brings the tables up again,
    without what was lost.
    """
    with opened_database(data, settings_file, as_it_is=True) as database, _hold_folder_roles(data):
        if not yes:
            raise ConfigError(
                f"this deletes {_in_words(lost_by_downgrade(database, version))}",
                where="database downgrade",
                next_step="make a backup, and then confirm it",
                command_step="make a backup with 'stillhunt data backup', and then add --yes",
            )
        _print_plain_text(f"version {version}; deleted: {_in_words(downgrade(database, version))}")


@contextmanager
def _hold_folder_roles(data: Path) -> Iterator[None]:
    """Nobody serves or hunts in this folder meanwhile; who works on another folder and the same server is not seen."""
    with ExitStack() as roles:
        for role in _USERS_OF_IT:
            roles.enter_context(DataFolder(data).role(role))
        yield


def _in_words(lost: Sequence[TableLoss]) -> str:
    parts = (("/".join(one.columns), formatting.plural(one.rows, "row"), one.table) for one in lost if one.rows)
    rows = [" of ".join(filter(None, part)) for part in parts]
    return formatting.join_words(rows) if rows else "nothing: what newer versions added is empty"


def _print_plain_text(text: str) -> None:
    output_console().print(text, markup=False, highlight=False)


@contextmanager
def opened_database(data: Path, settings_file: Path | None, *, as_it_is: bool = False) -> Iterator[WatchDatabase]:
    """The database of a data folder, or of the settings, closed at the end; `as_it_is` leaves an old version alone.

    Raises CaseError if there is none, OutputError if it cannot be read.
    """
    url, file = Config.load(file=settings_file).watch.database, data / DATABASE
    if not url and not file.is_file() and not (data / IDENTITY_FILE).is_file():
        raise CaseError(
            "this data folder has no database, so nothing was hunted there",
            where=str(data),
            next_step="name the data folder of a running watch",
            command_step="name the folder of 'stillhunt serve' or 'stillhunt watch' with --data",
        )
    with closing(open_database(data, url, as_it_is=as_it_is)) as database:
        yield database


@contextmanager
def reach_database(
    database: WatchDatabase,
    probe: DatabaseProbe,
    screen: Screen,
    refused: Callable[[StillhuntError], None] = lambda _: None,
) -> Iterator[None]:
    """The database, opened as soon as it is there; a server that is just starting is waited for."""
    probe.start()
    try:
        if probe.failure is not None:
            if not database.may_come(probe.failure):
                refused(probe.failure)
                raise probe.failure
            screen.waits(probe.failure)
        yield
    finally:
        probe.stop()
