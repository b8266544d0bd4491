"""The command `case`; what it does is in `casework.py`, imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from stillhunt.cli.decisions import DataOption, NoteOption
from stillhunt.cli.live import DEFAULT_DATA
from stillhunt.cli.options import JsonFlag, SettingsOption, refuse_unused

case_app = typer.Typer(no_args_is_help=True, help="Work on campaigns: assign, comment, decide, reopen.")
CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign id or its beginning.")]
AnalystOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it.")]
SeenOption = Annotated[
    int | None,
    typer.Option(
        "--seen", metavar="VERSION", help="Version of the case that you read; refuses where somebody changed it since."
    ),
]


@case_app.command("list")
def list_cases(
    every: Annotated[bool, typer.Option("--all", help="Those that were decided or left alone, too.")] = False,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the campaigns that wait for an analyst: those that nobody decided, are watched, or came back."""
    from stillhunt.cli.casework import run_case_list  # start-up time
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time

    run_case_list(DecisionsOrder(data, settings_file, as_json), every=every)


@case_app.command("show")
def show_case(
    campaign: CampaignArgument,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the work on a campaign: its status, labels and narrative, and what was done to it."""
    from stillhunt.cli.casework import run_case_show  # start-up time
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time

    run_case_show(DecisionsOrder(data, settings_file, as_json), campaign)


@case_app.command("assign")
def assign_case(
    campaign: CampaignArgument,
    by: AnalystOption,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Whose case it is; nobody's without it.")] = "",
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Give the case to somebody."""
    from stillhunt.cli.casework import CaseOrder, run_case_assign  # start-up time

    run_case_assign(CaseOrder(data, campaign, by, seen, settings_file), to)


@case_app.command("comment")
def comment_case(
    campaign: CampaignArgument,
    by: AnalystOption,
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What colleagues are to know.")],
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Say something about the campaign."""
    from stillhunt.cli.casework import CaseOrder, run_case_comment  # start-up time

    run_case_comment(CaseOrder(data, campaign, by, seen, settings_file), text)


@case_app.command("decide")
def decide_case(
    context: typer.Context,
    campaign: CampaignArgument,
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="act, watch or dismiss.")],
    by: AnalystOption,
    action: Annotated[
        str, typer.Option("--action", metavar="ACTION", help="Of act: observe, tag, step_up, throttle, limit or block.")
    ] = "step_up",
    days: Annotated[float, typer.Option("--days", metavar="DAYS", help="Of act: for how long.")] = 14.0,
    code: Annotated[
        str, typer.Option("--code", metavar="CODE", help="Of act: what customers may be told.")
    ] = "automated_collection",
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="REASON",
            help="Of dismiss: unrelated_customers, shared_framework, benchmark_run, class_or_workshop, reseller, "
            "sanctioned_programme, own_evaluation, data_error or other.",
        ),
    ] = "",
    note: NoteOption = "",
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Decide about a campaign.

    To act decides about its members whose own verdict is act, and about no account of a declared programme, nor more
    than a tag where customers or victims stand behind it. To dismiss ends what rules and cases decided for it, keeps
    rules from it until it is reopened, and needs a reason and a note. To watch ends what cases decided for it.
    """
    from stillhunt.cli.casework import ActTerms, CaseOrder, run_case_decide  # start-up time

    if decision != "act":
        refuse_unused(context, ("action", "days", "code"), "only to act takes one")
    if decision != "dismiss":
        refuse_unused(context, ("reason",), "only to dismiss takes one; say it in --note")
    terms = ActTerms(action, days, code)
    run_case_decide(CaseOrder(data, campaign, by, seen, settings_file), decision, terms, reason, note)


@case_app.command("reopen")
def reopen_case(
    campaign: CampaignArgument,
    by: AnalystOption,
    note: NoteOption = "",
    seen: SeenOption = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Work on a decided campaign again; rules may act on it from the next hunt on."""
    from stillhunt.cli.casework import CaseOrder, run_case_reopen  # start-up time

    run_case_reopen(CaseOrder(data, campaign, by, seen, settings_file), note)
