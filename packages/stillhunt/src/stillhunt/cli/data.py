"""`stillhunt data`: keep, check and restore what a watch has."""

from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.cli.entries import CommandEntry
from stillhunt.cli.findings import EXIT_NOTHING, EXIT_PARTIAL, code_fields
from stillhunt.cli.lazy import lazy_typer
from stillhunt.cli.options import DEFAULT_DATA, DataOption, JsonFlag, QuietFlag, SettingsOption
from stillhunt.cli.terminal import message_console, output_console, print_json, safe_lines
from stillhunt.watch.backup import BackedUp, back_up
from stillhunt.watch.backup import restore as restore_backup
from stillhunt.watch.folder import HUNT_ROLE
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.known_database import open_database, remember_backup
from stillhunt.watch.spool.checking import accept_spool, check_spool
from stillhunt.watch.spool.closing import close_left_behind

DATA_TABLE = {
    "backup": CommandEntry("Copy a data folder while it is in use, with checksums.", "stillhunt.cli.data:backup"),
    "restore": CommandEntry("Make a data folder from a backup; every file is checked.", "stillhunt.cli.data:restore"),
    "spool": CommandEntry(
        "Compare all received records with what was acknowledged; exit code 4 if something is missing or damaged.",
        "stillhunt.cli.data:spool",
    ),
    "database": CommandEntry("Version of the database of a data folder.", "stillhunt.cli.database:database_commands"),
    "hold": CommandEntry("Legal holds: what they cover is not deleted.", "stillhunt.cli.holds:hold_commands"),
    "subject": CommandEntry(
        "Show what a data folder holds on one account: what, where, how much, until when, and which hold keeps it.",
        "stillhunt.cli.subject:subject",
    ),
}
data_commands = lazy_typer(DATA_TABLE, "Keep, check and erase the data of a watch.")


def backup(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Data folder of the watch, which may be in use.")],
    to: Annotated[Path, typer.Argument(metavar="TO", help="Folder to write; must not exist or be empty.")],
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Copy a data folder while it is in use, with checksums.

    The copy holds received records, snapshots and the database with its tokens (as digests); protect it like your
    traffic. A database on a server (watch.database) is not in it: dump it first.
    """
    folder, url = existing_folder(data), Config.load(file=settings_file).watch.database
    with closing(open_database(folder.path, url)) as database:
        made = back_up(folder, database, to, url)
        remember_backup(folder.path, to)
    if not quiet:
        _print_backup_summary(made, "" if made.database else "; the database on the server is not in it")


def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="Folder that 'stillhunt data backup' wrote.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Data folder to make; must not exist or be empty.")],
    quiet: QuietFlag = False,
) -> None:
    """Make a data folder from a backup; every file is checked."""
    made = restore_backup(source, data)
    if not quiet:
        _print_backup_summary(made, "" if made.database else "; restore the database on the server, too")


def spool(
    data: DataOption = DEFAULT_DATA,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept the spool as it is; present differences are not reported again.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare all received records with what was acknowledged; exit code 4 if something is missing or damaged."""
    folder = existing_folder(data)
    try:
        with folder.role(HUNT_ROLE) if accept else nullcontext():
            close_left_behind(folder.spool)  # what a killed server left is closed by the next hunt, and no damage
            damage = check_spool(folder.spool, every=True)
            if accept:
                accept_spool(folder.spool, damage)
    except OSError as error:
        raise OutputError(
            f"the spool cannot be compared: {error.strerror}",
            where=str(error.filename or folder.spool),
            next_step="check the disk and the permissions of the data folder",
        ) from error
    code = EXIT_PARTIAL if damage and not accept else EXIT_NOTHING
    if as_json:
        found = [{"part": one.part, "statement": one.statement} for one in damage]
        print_json({**code_fields(code), "accepted": accept, "damage": found})
        raise typer.Exit(code)
    console = output_console()
    for one in damage:
        console.print(safe_lines(formatting.sentence(one.statement)), markup=False, soft_wrap=True)
    if not damage:
        console.print("Every part of the spool is as it was acknowledged.")
    elif accept:
        console.print(f"Accepted: {formatting.plural(len(damage), 'difference')} will not be reported again.")
    else:
        console.print("Restore the parts from a backup, or run the command again with --accept to take the loss.")
    raise typer.Exit(code)


def _print_backup_summary(made: BackedUp, remark: str) -> None:
    path = formatting.escape_controls(str(made.path))
    files, size = formatting.plural(made.files, "file"), formatting.amount(made.size)
    newest = "no snapshot" if made.snapshot is None else f"snapshot {made.snapshot}"
    message_console().print(f"{files} ({size} bytes, {newest}) in {path}{remark}", markup=False)
