"""The commands that keep and restore what a watch has: hold, backup, restore, spool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, QuietFlag, SettingsOption

commands = typer.Typer()
hold_app = typer.Typer(no_args_is_help=True, help="Legal holds: what they cover is not deleted.")
commands.add_typer(hold_app, name="hold")

DataFolderOption = Annotated[Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder of the watch.")]
_DEFAULT = Path("stillhunt-data")


@hold_app.command("add")
def hold_add(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why: who asked for it, and where that is recorded.")],
    data: DataFolderOption = _DEFAULT,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Begin, UTC: 2026-03-01 or 2026-03-01T14:00; open if left out."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End, UTC; a day is meant to its end. Open if left out.")
    ] = None,
    settings_file: SettingsOption = None,
) -> None:
    """Keep all that was received or made in a time until the hold is released; prints the number of the hold.

    When the command returns, nothing that the hold covers is deleted any more: no record, snapshot, ended campaign or
    alert.
    """
    from stillhunt.cli.holding import run_hold_add  # start-up time

    run_hold_add(data, reason, (first, last), settings_file)


@hold_app.command("list")
def hold_list(
    data: DataFolderOption = _DEFAULT, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """List all holds, the released ones too."""
    from stillhunt.cli.holding import run_hold_list  # start-up time

    run_hold_list(data, settings_file, as_json=as_json)


@hold_app.command("release")
def hold_release(
    hold: Annotated[int, typer.Argument(metavar="NUMBER", help="Number from 'hold list'.")],
    data: DataFolderOption = _DEFAULT,
    settings_file: SettingsOption = None,
) -> None:
    """Release a hold; what it alone has kept is deleted after the next hunt."""
    from stillhunt.cli.holding import run_hold_release  # start-up time

    run_hold_release(data, hold, settings_file)


@commands.command()
def backup(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Data folder of the watch, which may be in use.")],
    to: Annotated[Path, typer.Argument(metavar="TO", help="Folder to write; must not exist or be empty.")],
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Copy a data folder while it is in use, with checksums.

    The copy holds received records, snapshots and the database with its tokens (as digests), and for all of it the
    rules of your traffic apply. A database on a server (watch.database) is not in it: dump it first.
    """
    from stillhunt.cli.backing_up import run_backup  # start-up time

    run_backup(data, to, settings_file, quiet=quiet)


@commands.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="Folder that 'stillhunt backup' wrote.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Data folder to make; must not exist or be empty.")],
    quiet: QuietFlag = False,
) -> None:
    """Make a data folder of a backup; every file is checked."""
    from stillhunt.cli.backing_up import run_restore  # start-up time

    run_restore(source, data, quiet=quiet)


@commands.command()
def spool(
    data: DataFolderOption = _DEFAULT,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the spool as it is: what differs now is not reported again.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare all received records with what was acknowledged; exit code 4 where something is missing or damaged."""
    from stillhunt.cli.spool_check import run_spool  # start-up time

    raise typer.Exit(run_spool(data, accept=accept, as_json=as_json))
