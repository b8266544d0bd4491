"""The command `appeals`; what it does is in `appealing.py`, imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from stillhunt.cli.decisions import DataOption, NoteOption, decision_commands
from stillhunt.cli.live import DEFAULT_DATA
from stillhunt.cli.options import JsonFlag, SettingsOption

__all__ = ["decision_commands"]
appeals_app = typer.Typer(no_args_is_help=True, help="What customers say against decisions, and who was right.")
decision_commands.add_typer(appeals_app, name="appeals")
AppealNumber = Annotated[int, typer.Argument(metavar="APPEAL", help="Number of the appeal.")]


@appeals_app.command("list")
def list_all_appeals(
    every: Annotated[bool, typer.Option("--all", help="Those that were decided or lapsed, too.")] = False,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the open appeals, the most urgent first; those that are overdue are marked."""
    from stillhunt.cli.appealing import run_appeals_list  # start-up time
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time

    run_appeals_list(DecisionsOrder(data, settings_file, as_json), every=every)


@appeals_app.command("show")
def show_appeal(
    appeal: AppealNumber,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show one appeal with the decision that it is about and what stands against the account."""
    from stillhunt.cli.appealing import run_appeals_show  # start-up time
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time

    run_appeals_show(DecisionsOrder(data, settings_file, as_json), appeal)


@appeals_app.command("add")
def add_appeal(
    decision: Annotated[
        int, typer.Argument(metavar="DECISION", help="Number of the decision, as the customer has it.")
    ],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id of the customer.")],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What the customer says.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who files it.")],
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """File an appeal for a customer; prints its number, or that of the one that is open already."""
    from stillhunt.cli.appealing import run_appeals_add  # start-up time
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time

    run_appeals_add(DecisionsOrder(data, settings_file), decision, account, text, by)


@appeals_app.command("decide")
def decide_one_appeal(
    appeal: AppealNumber,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides; nobody who decided about the account.")],
    overturn: Annotated[
        bool,
        typer.Option("--overturn", help="The decision was wrong: end all that stands, and let the account through."),
    ] = False,
    uphold: Annotated[bool, typer.Option("--uphold", help="The decision was right, and stays.")] = False,
    note: NoteOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Decide an appeal, with one of --overturn and --uphold."""
    from stillhunt.cli.appealing import run_appeals_decide  # start-up time
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time

    if overturn == uphold:
        raise typer.BadParameter("give one of them", param_hint="--overturn / --uphold")
    run_appeals_decide(DecisionsOrder(data, settings_file), appeal, (by, note), overturn=overturn)


@appeals_app.command("rate")
def rate_of_appeals(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """Say on how many accounts rules acted, and for how many a person found that this was wrong.

    With exact 95 % intervals. Customers who do not appeal count as if the rules were right about them.
    """
    from stillhunt.cli.appealing import run_appeals_rate  # start-up time
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time

    run_appeals_rate(DecisionsOrder(data, settings_file, as_json))
