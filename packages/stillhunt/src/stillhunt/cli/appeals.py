"""`stillhunt appeals`: list, show, file and decide appeals, and say how often rules were wrong."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.database import opened_database
from stillhunt.cli.moments import headed_minute, minute_of, read_clock, time_of, with_moments
from stillhunt.cli.options import DEFAULT_DATA, DataOption, JsonFlag, NoteOption, SettingsOption
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt.decide.appeals import Appeal, decide_appeal, file_appeal, find_appeal, list_appeals
from stillhunt.decide.entries import LogEntry, standing
from stillhunt.decide.field_rates import FIELD_RATES_MISLEAD, ExactShare, field_rates
from stillhunt.decide.log import about_account, read_log
from stillhunt.decide.policy import AppealTerms
from stillhunt.decide.running import policy_of
from stillhunt.decide.second_person import describe_unforced
from stillhunt.watch.folder import DataFolder

appeal_commands = typer.Typer(
    no_args_is_help=True, help="Appeals of customers against decisions, and how they were decided."
)
AppealNumber = Annotated[int, typer.Argument(metavar="APPEAL", help="Number of the appeal.")]
_HEADINGS = ("appeal", "status", "due (UTC)", "account", "decision", "filed by", "text")
_ACCOUNT_CHARS, _NAME_CHARS, _TEXT_CHARS = 32, 24, 60
_MOMENTS = ("filed_at", "due_at", "decided_at", "made_at", "starts_at", "expires_at")


@appeal_commands.command("list")
def list_all_appeals(
    every: Annotated[bool, typer.Option("--all", help="Also list those that were decided or lapsed.")] = False,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the open appeals, the most urgent first; those that are overdue are marked."""
    with opened_database(data, settings_file) as database:
        appeals = list_appeals(database, open_only=not every)
    now = read_clock()
    if as_json:
        print_json([_fields_of(one, now) for one in appeals])
    elif appeals:
        print_columns(output_console(), [_HEADINGS, *(_format_appeal_cells(one, now) for one in appeals)])
    else:
        output_console().print("No appeals." if every else "No open appeals.")


@appeal_commands.command("show")
def show_appeal(
    number: AppealNumber,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show one appeal with the decision that it is about and what stands against the account."""
    now = read_clock()
    with opened_database(data, settings_file) as database:
        appeal = find_appeal(database, number)
        log = read_log(database, about_account(appeal.account_id))
    about = [entry for entry in log if entry.seq == appeal.decision]
    others = [entry for entry in standing(log, now) if entry.seq != appeal.decision]
    if as_json:
        shown = {"against": about, "others": others}
        entries = {name: [with_moments(asdict(one), _MOMENTS) for one in some] for name, some in shown.items()}
        print_json({**_fields_of(appeal, now), **entries})
        return
    rows = [
        ("appeal", str(appeal.appeal_id)),
        ("status", _describe_appeal_status(appeal, now)),
        ("filed", f"{minute_of(appeal.filed_at)} by {appeal.by}"),
        ("due", minute_of(appeal.due_at)),
        ("account", appeal.account_id),
        *(("against", _describe_log_entry(entry)) for entry in about),
        *(("stands", _describe_log_entry(entry)) for entry in others),
    ]
    if appeal.decided_at is not None:
        rows += [("decided", f"{minute_of(appeal.decided_at)} by {appeal.decided_by}"), ("note", appeal.note or "-")]
    console = output_console()
    print_columns(console, rows)
    console.print("\nWhat the customer says:")
    print_columns(console, [("  |", line) for line in appeal.text.split("\n")])  # the mark: no line looks like ours


@appeal_commands.command("add")
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
    """File an appeal for a customer; prints its number, or the number of the one that is already open."""
    with opened_database(data, settings_file) as database:
        filed = file_appeal(
            database, decision, account, text, by, _load_appeal_terms(data, settings_file), read_clock()
        )
    account_id = formatting.shorten(filed.account_id, _ACCOUNT_CHARS)
    output_console().print(safe_lines(f"Appeal {filed.appeal_id} filed: {account_id} against decision {decision}."))


@appeal_commands.command("decide")
def decide_one_appeal(
    number: AppealNumber,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who decides; must not have decided about the account.")
    ],
    overturn: Annotated[
        bool,
        typer.Option(
            "--overturn", help="The decision was wrong: end all that is in force, and let the account through."
        ),
    ] = False,
    uphold: Annotated[bool, typer.Option("--uphold", help="The decision was right, and stays.")] = False,
    note: NoteOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Decide an appeal, with either --overturn or --uphold."""
    if overturn == uphold:
        raise typer.BadParameter("give one of them", param_hint="--overturn / --uphold")
    terms = _load_appeal_terms(data, settings_file)
    with opened_database(data, settings_file) as database:
        decided = decide_appeal(database, number, overturn=overturn, by=by, note=note, terms=terms, now=read_clock())
    days = f"; the account is let through for {terms.let_through_days:g} days" if overturn else ""
    output_console().print(f"Appeal {number} {decided.status}{days}.")


@appeal_commands.command("rate")
def rate_of_appeals(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """Show on how many accounts rules acted, and for how many a person found that this was wrong.

    With exact 95 % intervals. Customers who do not appeal count as if the rules were right about them.
    """
    with opened_database(data, settings_file) as database:
        appeals, log = list_appeals(database, open_only=False), read_log(database)
    now = read_clock()
    rates = field_rates(log, appeals, now)
    if as_json:
        print_json({"at": time_of(now), **asdict(rates), "misleads": FIELD_RATES_MISLEAD})
        return
    console = output_console()
    accounts = formatting.plural(rates.acted_on, "account")
    console.print(f"A decision of a rule stronger than tag was in force on {accounts}.")
    console.print(
        f"{formatting.count(rates.appealed)} appealed. Persons decided about {formatting.count(rates.decided)} and "
        f"overturned {formatting.count(rates.overturned)}; {formatting.count(rates.lapsed)} lapsed."
    )
    console.print(f"Overturned of all that rules acted on: {_format_share_interval(rates.of_acted_on)}")
    console.print(f"Overturned of those with a decided appeal: {_format_share_interval(rates.of_decided)}")
    console.print(FIELD_RATES_MISLEAD)


def _load_appeal_terms(data: Path, settings_file: Path | None) -> AppealTerms:
    """What the policy says about appeals, or else the defaults; decisions of persons need no policy."""
    config = Config.load(file=settings_file)
    found = policy_of(DataFolder(data), config) if data.is_dir() else None
    return found.appeals if found is not None else AppealTerms()


def _format_appeal_cells(appeal: Appeal, now: int) -> tuple[str, ...]:
    return (
        str(appeal.appeal_id),
        _describe_appeal_status(appeal, now),
        headed_minute(appeal.due_at),
        formatting.shorten(appeal.account_id, _ACCOUNT_CHARS),
        str(appeal.decision),
        formatting.shorten(appeal.by, _NAME_CHARS),
        formatting.shorten(appeal.text, _TEXT_CHARS),
    )


def _describe_appeal_status(appeal: Appeal, now: int) -> str:
    return "open, OVERDUE" if appeal.is_overdue(now) else appeal.status


def _describe_log_entry(entry: LogEntry) -> str:
    """A decision in one line."""
    when = f"{headed_minute(entry.starts_at)} to {minute_of(entry.expires_at)}"
    campaign = f", campaign {entry.campaign_id}" if entry.campaign_id else ""
    note = f": {entry.note}" if entry.note else ""
    return (
        f"{entry.seq} {entry.action} ({entry.kind}{describe_unforced(entry)}) by {entry.author}, {when}{campaign}{note}"
    )


def _format_share_interval(share: ExactShare | None) -> str:
    if share is None:
        return "unknown, there are none."
    bounds = f"{formatting.percent(share.low)} to {formatting.percent(share.high)}"
    return f"{formatting.percent(share.share)} (95 % interval {bounds})."


def _fields_of(appeal: Appeal, now: int) -> dict[str, Any]:
    return {**with_moments(asdict(appeal), _MOMENTS), "overdue": appeal.is_overdue(now)}
