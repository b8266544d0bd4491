"""`stillhunt backup` and `stillhunt restore`."""

from __future__ import annotations

from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.terminal import message_console
from stillhunt.watch.backup import BackedUp, back_up, restore
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.known_database import open_database, remember_backup


def run_backup(data: Path, target: Path, settings: Path | None, *, quiet: bool) -> None:
    """Copy a data folder while it is in use.

    Raises:
        CaseError: there is no data folder.
        OutputError: the copy cannot be written.
    """
    folder, url = existing_folder(data), Config.load(file=settings).watch.database
    database = open_database(folder.path, url)
    try:
        made = back_up(folder, database, target, url)
        remember_backup(folder.path, target)
    finally:
        database.close()
    if not quiet:
        _say(made, "" if made.database else "; the database on the server is not in it")


def run_restore(source: Path, data: Path, *, quiet: bool) -> None:
    """Make a data folder of a backup.

    Args:
        data: the data folder to make.

    Raises:
        CaseError: there is no backup, or it is damaged.
        OutputError: the folder cannot be written.
    """
    made = restore(source, data)
    if not quiet:
        _say(made, "" if made.database else "; restore the database on the server, too")


def _say(made: BackedUp, remark: str) -> None:
    path = formatting.escape_controls(str(made.path))
    files, size = formatting.plural(made.files, "file"), formatting.amount(made.size)
    newest = "no snapshot" if made.snapshot is None else f"snapshot {made.snapshot}"
    message_console().print(f"{files} ({size} bytes, {newest}) in {path}{remark}", markup=False)
