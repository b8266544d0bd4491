"""A decision log of many entries: how long appending and pages take, and how much memory; medians.

    python benchmarks/live/ledger.py --entries 10000000 --folder FOLDER

The log is filled with a chain that verifies: rules decide about a tenth as many accounts, a decision lasts thirty days
of a year, and one in fifty is undone. `--without-server` leaves out what reads the whole log once, and `--write` puts
the figures into `docs/figures`, from where pages take them.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from sqlalchemy import Index

from stillhunt.base.units import DAY
from stillhunt.decide.log import count_entries, is_standing, read_newest, still_standing, verified_log
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.verified import VERIFIED_FILE
from stillhunt.ledger.chain import LEDGER_START, entry_place, placed
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS
from stillhunt_server.enforcing.live import LiveDecisions

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, write_figures

CODE = ("packages/stillhunt/src/stillhunt/decide/log.py", "packages/stillhunt/src/stillhunt/ledger")
APPENDED, READ = 200, 21
PAGE = 1_000
"""Entries of a page of the API, and behind one page of the console."""


def main() -> None:
    """Fill a log, measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the log is made, or is already")
    parser.add_argument("--without-server", action="store_true")
    parser.add_argument("--write", action="store_true", help="write docs/figures/ledger.json")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "stillhunt.db"
    if not file.exists():
        fill_log(file, asked.entries)
    database = WatchDatabase("", file)
    found: dict[str, float] = {"entries": asked.entries, **_appending(database), **_pages(database, asked.entries)}
    if not asked.without_server:
        found |= _server(database, folder, asked.entries)
    found["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(found, indent=1))
    if asked.write:
        _write(found, asked.entries)


def _write(found: dict[str, float], entries: int) -> None:
    """Write the figures that pages state."""
    pages = sorted(found[f"page_{name}_ms"] for name in ("newest", "middle", "oldest"))
    about = f"a log of {entries:,} entries, SQLite"
    values = {
        "ledger-entries": (f"{entries:,}", "entries of the decision log"),
        "ledger-append": (f"{found['append_ms']:.1f} ms", f"median of appending a decision to {about}"),
        "ledger-page": (f"{pages[0]:.0f} to {pages[-1]:.0f} ms", f"medians of reading 1,000 entries of {about}"),
    }
    command = f"benchmarks/live/ledger.py --entries {entries} --without-server --write"
    write_figures(FOLDER / "ledger.json", command, CODE, values)


def fill_log(file: Path, entries: int) -> None:
    """A log of entries with right hashes, inserted past the program; its indexes are made afterwards."""
    WatchDatabase("", file).close()
    indexes = [one for one in DECISIONS.indexes if isinstance(one, Index)]
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for index in indexes:
            connection.execute(f"DROP INDEX {index.name}")
        names = [column.name for column in DECISIONS.columns]
        marks = ", ".join("?" * len(names))
        columns = ", ".join(f'"{name}"' for name in names)
        statement = f"INSERT INTO decisions ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own columns
        connection.executemany(statement, _chain(entries, names))
        for index in indexes:
            connection.execute(f"CREATE INDEX {index.name} ON decisions ({', '.join(c.name for c in index.columns)})")
    connection.close()


def _chain(entries: int, names: list[str]) -> Iterator[tuple[object, ...]]:
    now, last, accounts = time.time_ns() // 1000, LEDGER_START, max(1, entries // 10)
    for number in range(1, entries + 1):
        ends = number % 50 == 0
        made_at = now - (entries - number) * 365 * DAY // entries
        content = {
            "made_at": made_at,
            "kind": "undo" if ends else "rule",
            "account_id": f"account-{(number - ends) % accounts:08}",
            "action": "throttle",
            "reason": "linked_accounts",
            "author": "rule:harvesters",
            "dry_run": False,
            "starts_at": made_at,
            "expires_at": made_at if ends else made_at + 30 * DAY,
            "campaign_id": f"campaign-{number % accounts % 1000:03}",
            "snapshot": number // 1000,
            "undoes": number - 1 if ends else 0,
            "note": "",
        }
        entry = placed(content, last)
        last = entry_place(entry)
        yield tuple(entry[name] for name in names)


def _appending(database: WatchDatabase) -> dict[str, float]:
    """Until a decision of a person, and the end of it, are kept."""
    made = []

    def decide() -> None:
        account, now = f"account-{len(made):08}", time.time_ns() // 1000
        made.append(
            decide_as_person(database, account, "tag", DecisionAuthor("benchmark", ""), DecisionSpan(now, 1.0)).seq
        )

    figures = _figures("append", decide, APPENDED)
    ends = iter(made)
    return figures | _figures(
        "undo", lambda: undo(database, next(ends), "benchmark", "", time.time_ns() // 1000), APPENDED
    )


def _pages(database: WatchDatabase, entries: int) -> dict[str, float]:
    """What the console reads for a page of the log."""

    def page(before: int) -> None:
        now = time.time_ns() // 1000
        found = read_newest(database, PAGE, DECISIONS.c.seq < before)
        still_standing(database, found, now)
        count_entries(database, is_standing(now), most=10_000)

    places = {"newest": entries + 1, "middle": entries // 2, "oldest": PAGE + 1}
    figures: dict[str, float] = {}
    for name, before in places.items():
        figures |= _figures(f"page_{name}", lambda before=before: page(before))
    return figures


def _server(database: WatchDatabase, folder: Path, entries: int) -> dict[str, float]:
    """Starts of a server, and pages of what is in force."""
    kept = folder / VERIFIED_FILE
    figures = _figures("verify", lambda: verified_log(database), 1)
    for name in ("first_start", "next_start"):
        live = LiveDecisions(database, lambda: None, kept=kept)
        figures |= _figures(name, live.look, 1)
    table, now = live.table, time.time_ns() // 1000
    for name, after in {"first": 0, "middle": entries - entries // 24, "last": entries - PAGE}.items():
        counting = partial(table.counting, now, after)
        figures |= _figures(f"in_force_{name}", lambda counting=counting: list(islice(counting(), PAGE)))
    return {**figures, "standing": len(table)}


def _figures(name: str, work: Callable[[], object], times: int = READ) -> dict[str, float]:
    """Milliseconds by the clock, and of the processor, which others on the machine do not change."""
    clock, processor = [], []
    for _ in range(times):
        began, used = time.perf_counter(), time.process_time()
        work()
        clock.append((time.perf_counter() - began) * 1e3)
        processor.append((time.process_time() - used) * 1e3)
    p99 = sorted(clock)[int(times * 0.99)]
    found = {"ms": statistics.median(clock), "p99_ms": p99, "cpu_ms": statistics.median(processor)}
    return {f"{name}_{unit}": round(value, 2) for unit, value in found.items()}


if __name__ == "__main__":
    main()
