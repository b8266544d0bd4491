"""`stillhunt outlets`: other systems that are told of decisions."""

import csv
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stillhunt import Config, ConfigError, InputError
from stillhunt.case import read_case
from stillhunt.commands import (
    DEFAULT_DATA,
    DataOption,
    JsonFlag,
    NoteOption,
    SettingsOption,
    login_name,
    opened_database,
    output_console,
    print_bytes,
    print_columns,
    print_json,
)
from stillhunt.live import action_rank, in_force, read_state
from stillhunt.tools import formatting, name_of_person, note_of, shorten
from stillhunt_signals.outlets.declared import SETTINGS_TABLE, Outlet, ToldDecision, declared_outlets
from stillhunt_signals.outlets.reports import report_text
from stillhunt_signals.outlets.telling import TellingLedger

outlet_commands = typer.Typer(
    no_args_is_help=True, help="Other systems that are told of decisions, once a person switched them on."
)


class ReportReaders(StrEnum):
    """Who reads a report."""

    GOVERNMENT = "government"
    CUSTOMERS = "customers"


OutletName = Annotated[str, typer.Argument(metavar="NAME", help=f"Its name in [plugins.{SETTINGS_TABLE}.NAME].")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it; without it, your login name.")]


@outlet_commands.command("list")
def list_outlets(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """List the declared outlets, and who switched which of them on."""
    on = TellingLedger(data).switched_on()
    rows = [
        {"outlet": name, "kind": one.kind, "least": one.least, "on": name in on, "by": on.get(name, {}).get("by", "")}
        for name, one in declared_outlets(Config.load(file=settings_file)).items()
    ]
    if as_json:
        print_json(rows)
        return
    shown = [
        (str(r["outlet"]), str(r["kind"]), str(r["least"]), f"on, by {r['by']}" if r["on"] else "off") for r in rows
    ]
    print_columns(output_console(), [("outlet", "kind", "from", ""), *shown] if rows else [("no outlets",)])


@outlet_commands.command("on")
def switch_outlet_on(
    name: OutletName,
    by: ByOption = "",
    note: NoteOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Switch an outlet on; 'run' then tells it of the decisions in force."""
    _switch(name, by, note, data, settings_file, on=True)


@outlet_commands.command("off")
def switch_outlet_off(
    name: OutletName,
    by: ByOption = "",
    note: NoteOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Switch an outlet off; 'run' then takes back all that it was told."""
    _switch(name, by, note, data, settings_file, on=False)


def _switch(name: str, by: str, note: str, data: Path, settings_file: Path | None, *, on: bool) -> None:
    outlets = declared_outlets(Config.load(file=settings_file))
    if name not in outlets:
        raise ConfigError(
            f"there is no outlet {shorten(name, 40)}",
            where=f"setting plugins.{SETTINGS_TABLE}",
            next_step=f"the settings declare {', '.join(outlets) or 'none'}",
        )
    person = name_of_person(by or login_name(), "who switches it", f"outlet {name}")
    with opened_database(data, settings_file):  # a folder that is none is said, and not made
        TellingLedger(data).switch(name, person, note_of(note), int(time.time()), on=on)
    output_console().print(f"{name} is {'on' if on else 'off'}; next: stillhunt outlets run")


@outlet_commands.command("run")
def run_outlets(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """Tell the outlets that are on of decisions in force, and of those that ended or were undone.

    Run it regularly, such as every minute: what has an end is taken back by the first run after it. What a system does
    not take is tried again by the next run; the exit code is 4 then.
    """
    outlets, moment = declared_outlets(Config.load(file=settings_file)), time.time_ns() // 1_000
    with opened_database(data, settings_file) as database:
        deciding = in_force(read_state(database, moment), moment)
    wanted = {}
    for name, outlet in outlets.items():
        values = _read_subjects(outlet)
        wanted[name] = {
            account: ToldDecision(account, value, one.action, one.expires_at // 1_000_000)
            for account, one in deciding.items()
            if action_rank(one.action) >= action_rank(outlet.least)
            and (value := account if values is None else values.get(account, ""))
        }
    changes = list(TellingLedger(data).reconcile(outlets, wanted, moment // 1_000_000))
    failed = [one for one in changes if one.problem]
    if as_json:
        print_json([one._asdict() for one in changes])
    else:
        done = {event: sum(one.event == event and not one.problem for one in changes) for event in ("told", "ended")}
        output_console().print(f"told {formatting.count(done['told'])}, ended {formatting.count(done['ended'])}")
        for one in failed:
            output_console().print(f"not {one.event}: {one.outlet}, {shorten(one.account_id, 64)}: {one.problem}")
    if failed:
        raise typer.Exit(4)


def _read_subjects(outlet: Outlet) -> dict[str, str] | None:
    if not outlet.subjects:
        return None
    try:
        with Path(outlet.subjects).open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if not {"account_id", "value"} <= set(rows.fieldnames or ()):
                raise InputError(
                    "a column is missing", where=outlet.subjects, next_step="it needs account_id and value"
                )
            return {row["account_id"]: row["value"] for row in rows if row["account_id"] and row["value"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"it cannot be read: {error!s:.200}", where=outlet.subjects, next_step="mend or remove it"
        ) from error


@outlet_commands.command("report")
def write_report(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Case folder.")],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    readers: Annotated[
        ReportReaders, typer.Option("--for", help="Who reads it: a government that keeps a list, or customers.")
    ],
    entity: Annotated[str, typer.Option("--entity", metavar="NAME", help="Who is believed to be behind it.")] = "",
    basis: Annotated[str, typer.Option("--basis", metavar="TEXT", help="What that belief rests on.")] = "",
) -> None:
    """Print a report of a campaign in Markdown: entity, accounts, methods, hosting and harm, or a notice for customers.

    It names no account, person or request, and tells a lab from a provider of account networks. Who is believed to be
    behind it is said only together with what that rests on.
    """
    if bool(entity) != bool(basis):
        raise typer.BadParameter("a name needs what it rests on, and the other way round", param_hint="--basis")
    print_bytes(report_text(read_case(case), campaign, readers.value, entity=entity, basis=basis).encode())
