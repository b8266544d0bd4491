"""`stillhunt data hold`: make, list and release legal holds."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.moments import known_minute, read_clock
from stillhunt.cli.options import DEFAULT_DATA, DataOption, JsonFlag, SettingsOption
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import Hold, add_hold, all_holds, existing_folder, release_hold
from stillhunt.watch.known_database import open_database

hold_commands = typer.Typer(no_args_is_help=True, help="Legal holds: what they cover is not deleted.")


@hold_commands.command("add")
def hold_add(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why: who asked for it, and where that is recorded.")],
    data: DataOption = DEFAULT_DATA,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Begin, UTC: 2026-03-01 or 2026-03-01T14:00; open if left out."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End, UTC; a day counts to its end. Open if left out.")
    ] = None,
    settings_file: SettingsOption = None,
) -> None:
    """Keep everything that was received or made in a period until the hold is released; prints the number of the hold.

    Once the command has returned, nothing that the hold covers is deleted: no record, snapshot, ended campaign or
    alert.
    """
    times = (
        None if first is None else _parse_hold_moment(first),
        None if last is None else _parse_hold_moment(last, end=True),
    )
    with _open_hold_database(data, settings_file) as (folder, database):
        number = add_hold(folder, database, reason, times, read_clock())
        kept = next(_encode_hold(hold) for hold in all_holds(database) if hold.hold_id == number)
    begin, end = kept["from"] or "the beginning", kept["to"] or "now on"
    output_console().print(safe_lines(f"Hold {number}: nothing from {begin} to {end} is deleted until it is released."))


@hold_commands.command("list")
def hold_list(data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List all holds, including released ones."""
    with _open_hold_database(data, settings_file) as (_, database):
        holds = all_holds(database)
    shown = [_encode_hold(hold) for hold in holds]
    if as_json:
        print_json(shown)
        return
    names = ("number", "made", "from", "to", "released", "reason")
    rows = [[safe_lines(str(one[name] if one[name] is not None else "-")) for name in names] for one in shown]
    print_columns(output_console(), [list(names), *rows])


@hold_commands.command("release")
def hold_release(
    hold: Annotated[int, typer.Argument(metavar="NUMBER", help="Number from 'hold list'.")],
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Release a hold; what only this hold has kept is deleted after the next hunt."""
    with _open_hold_database(data, settings_file) as (_, database):
        if not release_hold(database, hold, read_clock()):
            raise ConfigError(
                "there is no hold with this number in force",
                where="hold release",
                next_step="'stillhunt data hold list' shows their numbers",
            )


@contextmanager
def _open_hold_database(data: Path, settings: Path | None) -> Iterator[tuple[DataFolder, WatchDatabase]]:
    folder = existing_folder(data)
    with closing(open_database(folder.path, Config.load(file=settings).watch.database)) as database:
        yield folder, database


def _encode_hold(hold: Hold) -> dict[str, object]:
    return {
        "number": hold.hold_id,
        "made": known_minute(hold.made_at),
        "from": known_minute(hold.from_time),
        "to": known_minute(hold.to_time),
        "released": known_minute(hold.released_at),
        "reason": hold.reason,
    }


def _parse_hold_moment(text: str, *, end: bool = False) -> int:
    """Microseconds since 1970 of a day or a moment; of a day, its begin or its end."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        if end and len(text) == len("2026-03-01"):
            moment += timedelta(days=1)
        return int(moment.timestamp()) * 1_000_000
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            "this is no time", where=text[:40], next_step="write it as 2026-03-01 or 2026-03-01T14:00, UTC"
        ) from error
