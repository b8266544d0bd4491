"""The commands `policy` and `decisions`; what they do is in `policies.py` and `deciding.py`, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.live import DEFAULT_DATA
from stillhunt.cli.options import JsonFlag, SettingsOption

decision_commands = typer.Typer()
policy_app = typer.Typer(no_args_is_help=True, help="What rules may do about findings: check, show, try a policy.")
decisions_app = typer.Typer(no_args_is_help=True, help="What is done about accounts, by whom, why, and until when.")
decision_commands.add_typer(policy_app, name="policy")
decision_commands.add_typer(decisions_app, name="decisions")
DataOption = Annotated[Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder of 'serve' or 'watch'.")]
PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy (TOML).")]
AuthorOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for colleagues; no customer sees it.")]


@policy_app.command("check")
def check_policy(file: PolicyFile) -> None:
    """Check a policy; errors come with line and column."""
    from stillhunt.cli.policies import run_policy_check  # start-up time

    run_policy_check(file)


@policy_app.command("show")
def show_policy(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """Show the policy of a data folder with all defaults."""
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time
    from stillhunt.cli.policies import run_policy_show  # start-up time

    run_policy_show(DecisionsOrder(data, settings_file, as_json))


@policy_app.command("simulate")
def simulate_policy(
    file: PolicyFile, data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """Say what a policy would have done at the snapshots that are kept.

    How many accounts each action would have touched; how many of these send most of their requests outside of the
    campaign, ask again within a conversation, have a payment instrument, or are older than 90 days; how many a later
    snapshot would have let go again. The section [signature] is left out: snapshots do not have the requests that
    signatures are matched with.
    """
    from stillhunt.cli.deciding import DecisionsOrder  # start-up time
    from stillhunt.cli.policies import run_policy_simulate  # start-up time

    run_policy_simulate(file, DecisionsOrder(data, settings_file, as_json))


@decisions_app.command("replay")
def replay_decisions(
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="ISO 8601, such as 2026-11-26T10:00:00Z; now without it.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what was in force at a time, for each account under a decision."""
    from stillhunt.cli.deciding import DecisionsOrder, run_decisions_replay  # start-up time

    run_decisions_replay(DecisionsOrder(data, settings_file, as_json), at)


@decisions_app.command("log")
def show_log(
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="Entries about this account only.")
    ] = None,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, help="How many entries, from the end.")] = 50,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List entries of the decision log, the newest last.

    Also those that ended, the ends of decisions, dry runs, and the notes of those who decided.
    """
    from stillhunt.cli.deciding import DecisionsOrder, run_decisions_log  # start-up time

    run_decisions_log(DecisionsOrder(data, settings_file, as_json), account, last)


@decisions_app.command("verify")
def verify_decisions(
    data: DataOption = DEFAULT_DATA,
    accept: Annotated[
        bool, typer.Option("--accept", help="The log was replaced or shortened on purpose: go on from it as it is.")
    ] = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check that the decision log is as it was written.

    Exit code 1 where an entry was changed, moved, added or left out, or where the log is not the one that a server
    verified before: its end was cut off, or it was replaced. Whoever can write the whole data folder can hide that, so
    also compare the last hash, which is printed, with one that was kept elsewhere.
    """
    from stillhunt.cli.deciding import DecisionsOrder, run_decisions_verify  # start-up time

    raise typer.Exit(run_decisions_verify(DecisionsOrder(data, settings_file, as_json), accept=accept))


@decisions_app.command("add")
def add_decision(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id, as in the case.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="observe, tag, step_up, throttle, limit or block.")],
    by: AuthorOption,
    days: Annotated[float, typer.Option("--days", metavar="DAYS", help="For how long.")] = 14.0,
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="What the customer may be told.")
    ] = "operator_decision",
    note: NoteOption = "",
    override: Annotated[
        bool, typer.Option("--override", help="Count before declared programmes, cases and rules, also to let through.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Decide about an account as a person; prints the number of the entry, what was decided and until when.

    Where an override counts before it, stderr says which one, and until when.
    """
    from stillhunt.cli.deciding import DecisionsOrder, run_decisions_add  # start-up time

    run_decisions_add(DecisionsOrder(data, settings_file), account, action, (by, note), days, reason, override=override)


@decisions_app.command("undo")
def undo_decision(
    entry: Annotated[int, typer.Argument(metavar="ENTRY", help="Number of the decision.")],
    by: AuthorOption,
    note: NoteOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """End a decision; prints the number of the new entry, and which decision it ends."""
    from stillhunt.cli.deciding import DecisionsOrder, run_decisions_undo  # start-up time

    run_decisions_undo(DecisionsOrder(data, settings_file), entry, (by, note))
