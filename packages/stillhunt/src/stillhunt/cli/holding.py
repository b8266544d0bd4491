"""`stillhunt hold`: make, list and release legal holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import Hold, add_hold, all_holds, existing_folder, release_hold
from stillhunt.watch.known_database import open_database


def run_hold_add(data: Path, reason: str, between: tuple[str | None, str | None], settings: Path | None) -> None:
    """Make a hold and print its number.

    Args:
        between: begin and end as texts; None where it is open.

    Raises:
        ConfigError: a time cannot be read, or the hold has no reason.
    """
    first, last = between
    times = (None if first is None else _moment(first), None if last is None else _moment(last, end=True))
    with _opened(data, settings) as (folder, database):
        number = add_hold(folder, database, reason, times, _now())
        kept = next(_shown(hold) for hold in all_holds(database) if hold.hold_id == number)
    begin, end = kept["from"] or "the beginning", kept["to"] or "now on"
    output_console().print(safe_lines(f"Hold {number}: nothing from {begin} to {end} is deleted until it is released."))


def run_hold_list(data: Path, settings: Path | None, *, as_json: bool) -> None:
    """Print all holds."""
    with _opened(data, settings) as (_, database):
        holds = all_holds(database)
    shown = [_shown(hold) for hold in holds]
    if as_json:
        print_json(shown)
        return
    names = ("number", "made", "from", "to", "released", "reason")
    rows = [[safe_lines(str(one[name] if one[name] is not None else "-")) for name in names] for one in shown]
    print_columns(output_console(), [list(names), *rows])


def run_hold_release(data: Path, hold_id: int, settings: Path | None) -> None:
    """Release a hold.

    Raises:
        ConfigError: there is none of this number that still counts.
    """
    with _opened(data, settings) as (_, database):
        if not release_hold(database, hold_id, _now()):
            raise ConfigError(
                "there is no hold of this number that still counts",
                where="hold release",
                next_step="'stillhunt hold list' shows their numbers",
            )


@contextmanager
def _opened(data: Path, settings: Path | None) -> Iterator[tuple[DataFolder, WatchDatabase]]:
    folder = existing_folder(data)
    database = open_database(folder.path, Config.load(file=settings).watch.database)
    try:
        yield folder, database
    finally:
        database.close()


def _shown(hold: Hold) -> dict[str, object]:
    return {
        "number": hold.hold_id,
        "made": _words(hold.made_at),
        "from": _words(hold.from_time),
        "to": _words(hold.to_time),
        "released": _words(hold.released_at),
        "reason": hold.reason,
    }


def _words(at: int | None) -> str | None:
    return None if at is None else formatting.minute(datetime.fromtimestamp(at / 1e6, UTC))


def _moment(text: str, *, end: bool = False) -> int:
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


def _now() -> int:
    return time.time_ns() // 1000
