"""The commands about the version of a database's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import SettingsOption

commands = typer.Typer(no_args_is_help=True, help="Version of the database of a data folder.")

DatabaseOfOption = Annotated[Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder of the watch.")]
_DEFAULT = Path("stillhunt-data")


@commands.command("version")
def database_version_command(data: DatabaseOfOption = _DEFAULT, settings_file: SettingsOption = None) -> None:
    """Print the version of the tables, and the one that this stillhunt writes."""
    from stillhunt.cli.database_versions import run_database_version  # start-up time

    run_database_version(data, settings_file)


@commands.command("upgrade")
def database_upgrade(data: DatabaseOfOption = _DEFAULT, settings_file: SettingsOption = None) -> None:
    """Bring the tables up to date, in one transaction; every command that opens the database does so by itself."""
    from stillhunt.cli.database_versions import run_database_upgrade  # start-up time

    run_database_upgrade(data, settings_file)


@commands.command("downgrade")
def database_downgrade(
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Version that the older stillhunt writes.")],
    data: DatabaseOfOption = _DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, what would be lost is only told.")] = False,
    settings_file: SettingsOption = None,
) -> None:
    """Bring the tables back to an older version, for an older stillhunt; what that version has no tables for is lost.

    Stop 'serve' and 'watch' first, and make a backup. The next command of this stillhunt brings the tables up again,
    without what was lost.
    """
    from stillhunt.cli.database_versions import run_database_downgrade  # start-up time

    run_database_downgrade(data, version, settings_file, yes=yes)
