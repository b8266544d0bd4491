"""The command that shows what is held on one account, and erases it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.keep import DataFolderOption
from stillhunt.cli.options import JsonFlag, SettingsOption, refuse_unused

commands = typer.Typer()


@commands.command()
def subject(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ID", help="Id of the account, as the case and the logs have it.")],
    data: DataFolderOption = Path("stillhunt-data"),
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase what may be erased, after a confirmation; what stays is listed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a data folder holds on one account: what, where, how much, until when, and which hold keeps it.

    Without --erase nothing is changed. What a legal hold covers is not erased, nor are the decision log, the audit,
    signed evidence packs, and backups. Every erasure is entered in the audit, without the id.
    """
    from stillhunt.cli.subject_erasure import SubjectOrder, run_subject  # start-up time

    if not erase:
        refuse_unused(context, ("yes",), "nothing is erased without --erase")
    run_subject(SubjectOrder(data, account, settings_file, erase=erase, yes=yes, as_json=as_json))
