"""The command `stillhunt history`; what it does is in `campaign_history.py`, which is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.live import DEFAULT_DATA
from stillhunt.cli.options import JsonFlag, SettingsOption

commands = typer.Typer()


@commands.command("history")
def show_history(
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="CAMPAIGN", help="A campaign id or its beginning; without it, all campaigns."),
    ] = None,
    data: Annotated[
        Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder of 'serve' or 'watch'.")
    ] = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what became of campaigns from hunt to hunt.

    Without an id, all campaigns that the watch of a data folder knows: status (active, dormant, merged or ended),
    verdict, accounts, first and last harvested request. With an id, what happened to that campaign, with reasons, and
    at which hunts accounts came or were found for the last time.
    """
    from stillhunt.cli.campaign_history import HistoryOrder, run_history  # start-up time

    run_history(HistoryOrder(data, campaign, settings_file, as_json))
