"""What a data folder holds on one account: what, where, how much, until when, and which hold keeps it."""

import mmap
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.base.units import DAY, HOUR
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import HUNT_ROLE, SNAPSHOTS, DataFolder
from stillhunt.watch.holds import Hold, all_holds, undisturbed
from stillhunt.watch.inputs import window_parts
from stillhunt.watch.retention import hour_begin, kept_state, unlink_kept_state
from stillhunt.watch.snapshots import all_snapshots
from stillhunt.watch.spool.ledger import SpoolLedger
from stillhunt.watch.spool.parts import arrivals, is_source_name, open_parts
from stillhunt.watch.subject.packs import pack_names, pack_span, packs_of
from stillhunt.watch.subject.records import UNFINISHED, SubjectIds, rewrite_part, split_part
from stillhunt.watch.subject.rows import RowOfAccount, database_rows, erase_row, rewrite_snapshot, rows_naming

HELD_BESIDE_GROUP = "stillhunt.held_beside"
"""Entry points of functions (Search, holds) that list what other distributions hold on an account, as Holdings."""
SIGNED = "a pack is signed as a whole; delete the file if nobody needs it any more"
HASHED = "packs name accounts by keyed hashes: without the key of pseudonyms they cannot be searched"
OUT_OF_REACH = "copies by 'stillhunt backup' are not in this folder: delete those that are older than the erasure"
LIE_ELSEWHERE = "not erased; the next hunt finds it again: take it out of logs that are watched where they lie"
STILL_OPEN = "a process is writing to it: run this again in some minutes"
UNREADABLE = "snapshots that cannot be read"
_LATE = 2 * HOUR
"""A part that was begun in an hour may grow into the next one."""


@dataclass(frozen=True)
class Holding:
    """Something that is held on an account."""

    store: str  # records, open records, state, snapshot, database, pack, watched logs, backups; others are held beside
    where: str  # file below the data folder, or table of the database
    count: int  # records, rows, files or folders
    unit: str
    # first, last: the time that it is about, microseconds since 1970; None where it has none
    first: int | None = None
    last: int | None = None
    # when retention deletes it, microseconds since 1970; None where nothing does. The newest snapshot stays beyond it
    # until a hunt makes another one.
    kept_until: int | None = None
    hold: Hold | None = None  # the hold that keeps it; None where no hold stands
    stays: str = ""  # why it is not erased; "" where it is, if no hold stands
    # of what other distributions hold: its rows, for a copy, and what erases them and counts them; None where they stay
    rows: Collection[Mapping[str, Any]] = ()
    erase: Callable[[], int] | None = field(default=None, compare=False)

    @property
    def erasable(self) -> bool:
        """Whether an erasure takes it away."""
        return self.hold is None and not self.stays

    @property
    def searched(self) -> bool:
        """Whether it was looked through, and is not only something that may name the account."""
        return self.count > 0 and self.stays != HASHED and self.unit != UNREADABLE

    @property
    def amount(self) -> str:
        """The count with its unit, such as `1 row`; empty where nothing is counted."""
        first, _, rest = self.unit.partition(" ")
        one = f"{first.removesuffix('s')} {rest}".strip()
        return formatting.plural(self.count, one, self.unit) if self.count else ""


@dataclass(frozen=True)
class Search:
    """Where is looked, and for whom."""

    folder: DataFolder
    database: WatchDatabase
    config: Config
    account: str  # id of the account, as tables write it
    pack_names: Collection[str] | None = None  # what packs call it; None where the key of pseudonyms is not known
    now: int = 0

    def name_of(self, path: Path) -> str:
        """A path below the data folder, as reports name it."""
        return path.relative_to(self.folder.path).as_posix()


def account_holdings(search: Search) -> list[Holding]:
    """Everything that a data folder holds on an account, store by store."""
    holds = all_holds(search.database)
    return [
        *_iterate_record_holdings(search, holds),
        *_iterate_state_holdings(search),
        *_iterate_snapshot_holdings(search, holds),
        *_iterate_row_holdings(search, holds),
        *_iterate_pack_holdings(search, holds),
        *holdings_beside(search, holds),
        Holding("watched logs", "not in this folder", 0, "files", stays=LIE_ELSEWHERE),
        Holding("backups", "not in this folder", 0, "copies", stays=OUT_OF_REACH),
    ]


def holdings_beside(search: Search, holds: Collection[Hold]) -> list[Holding]:
    """What other distributions hold on an account. Raises ConfigError: they cannot use their settings."""
    points = sorted(entry_points(group=HELD_BESIDE_GROUP), key=lambda one: one.name)
    return [held for point in points for held in point.load()(search, holds)]


def hold_over(holds: Collection[Hold], first: int, last: int) -> Hold | None:
    """The first hold that covers any moment between two; None where none does."""
    return next((hold for hold in holds if hold.covers(first, last)), None)


def parts_in_time(folder: DataFolder, now: int) -> Iterator[tuple[Path, int, int]]:
    """Closed parts of the spool with the time in which their records came, as retention counts it.

    Yields:
        (path, first, last), microseconds since 1970.
    """
    for source in sorted(folder.spool.iterdir()):
        if source.is_symlink() or not source.is_dir() or not is_source_name(source.name):
            continue
        for path, hour in arrivals(source, datetime.fromtimestamp(now / 1e6, UTC)):
            if path.is_symlink() or path.parent.is_symlink():
                continue
            begun, changed = hour_begin(hour), path.stat().st_mtime_ns // 1000
            yield path, begun, max(begun, min(begun + _LATE, now), min(changed, now))


def subject_ids(search: Search) -> SubjectIds:
    """What makes a record the account's, after two looks at all records: the second finds those of the same calls."""
    ids = SubjectIds(search.account)
    before = -1
    while len(ids.calls) > before:  # a record of the same call may name another id of it
        before = len(ids.calls)
        for path, _, _ in parts_in_time(search.folder, search.now):
            for _ in split_part(path, ids):
                pass
    return ids


def _iterate_record_holdings(search: Search, holds: Collection[Hold]) -> Iterator[Holding]:
    ids, keep = subject_ids(search), int(search.config.watch.spool_days * DAY)
    for path, first, last in parts_in_time(search.folder, search.now):
        if taken := sum(own for _, _, own in split_part(path, ids)):
            hold = hold_over(holds, first, last)
            yield Holding("records", search.name_of(path), taken, "records", first, last, last + keep, hold)
    for path in open_parts(search.folder.spool):
        if taken := sum(own for _, _, own in split_part(path, ids)):
            yield Holding("open records", search.name_of(path), taken, "records", stays=STILL_OPEN)


def _iterate_state_holdings(search: Search) -> Iterator[Holding]:
    if folders := named_states(search):
        until = search.now + int(search.config.watch.spool_days * DAY)
        yield Holding("state", "state", len(folders), "folders of kept state", None, None, until)


def named_states(search: Search) -> list[Path]:
    """Kept state that names the account, or that cannot be read."""
    return [
        path
        for path in kept_state(search.folder.state)
        if any(_file_names(file, search.account) for file in sorted(path.rglob("*")) if file.is_file())
    ]


def _file_names(file: Path, account: str) -> bool:
    try:
        if file.stat().st_size:  # it may be larger than memory
            with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(account.encode()) >= 0:  # stored as it is, or inside of JSON
                    return True
        if file.suffix != ".arrow":
            return False
        with pa.memory_map(str(file)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
    except (OSError, pa.ArrowException):
        return True
    texts = [column for column in table.columns if pa.types.is_string(column.type)]
    return any(bool(pc.any(pc.equal(column, account)).as_py()) for column in texts)


def _iterate_snapshot_holdings(search: Search, holds: Collection[Hold]) -> Iterator[Holding]:
    keep = int(search.config.watch.snapshot_days * DAY)
    for snapshot in all_snapshots(search.folder):
        where = search.name_of(snapshot.path)
        try:
            facts, found = snapshot.facts(), rows_naming(snapshot, search.account)
        except CaseError as error:
            yield Holding("snapshot", where, 1, UNREADABLE, stays=error.what)
            continue
        if found:
            made = int(facts["made_at"])
            first = min(made, int(facts.get("from_time") or made))
            names = ", ".join(f"{name} {rows}" for name, rows in sorted(found.items()))
            total, hold = sum(found.values()), hold_over(holds, first, made)
            yield Holding("snapshot", f"{where}: {names}", total, "rows", first, made, made + keep, hold)


def _iterate_row_holdings(search: Search, holds: Collection[Hold]) -> Iterator[Holding]:
    kept = ("campaign_members", "linked_accounts", "linked_senders", "campaign_events", "appeals")
    keep = {**dict.fromkeys(kept, search.config.watch.history_days), "alerts": search.config.alerts.keep_days}
    groups: dict[tuple[str, str, int], list[tuple[RowOfAccount, Hold | None]]] = {}
    for row in database_rows(search.database, search.account):
        hold = hold_over(holds, row.first, row.last)
        groups.setdefault((row.table, row.stays, hold.hold_id if hold else 0), []).append((row, hold))
    for (table, stays, _), rows in groups.items():
        first, last = min(row.first for row, _ in rows), max(row.last for row, _ in rows)
        until = last + int(keep[table] * DAY) if table in keep and not stays else None
        yield Holding("database", table, len(rows), "rows", first, last, until, rows[0][1], stays)


def _iterate_pack_holdings(search: Search, holds: Collection[Hold]) -> Iterator[Holding]:
    keep = int(search.config.dossier.pack_days * DAY)
    for path, made in packs_of(search.folder.path):
        where, hold = search.name_of(path), hold_over(holds, *pack_span(made, search.config))
        if search.pack_names is None:
            yield Holding("pack", where, 1, "packs that may name it", made, made, made + keep, hold, HASHED)
        elif pack_names(path, search.pack_names):
            yield Holding("pack", where, 1, "packs", made, made, made + keep, hold, SIGNED)


@dataclass(frozen=True)
class Erased:
    """What was erased."""

    records: int = 0  # calls taken out of the spool
    states: int = 0
    snapshots: int = 0
    rows: int = 0  # rows of the database that were deleted or changed
    beside: int = 0  # rows that other distributions held
    left: tuple[Holding, ...] = ()  # what is held afterwards, with the reasons


def erase_account(search: Search) -> Erased:
    """Erase what a data folder holds on an account, where no hold stands; what was erased, and what stays, and why.

    Call it between two hunts. A server that runs shows the account until the next hunt, or until it starts anew, where
    it has a snapshot in memory. Raises OutputError: a hunt, a backup or another deletion is under way, or something
    cannot be written.
    """
    folder = search.folder
    with folder.role(HUNT_ROLE), undisturbed(folder):
        window_parts(folder, 0, search.now)  # closes open parts, so that their records are found
        try:
            holds = all_holds(search.database)
            records = _erase_records(search, holds)
            states = _erase_state(search)
            snapshots = _erase_snapshots(search)
            rows = _erase_rows(search, holds)
            beside = sum(one.erase() for one in holdings_beside(search, holds) if one.erase)
        except OSError as error:
            raise OutputError(
                f"it cannot be written: {error.strerror or error}",
                where=str(error.filename or folder.path),
                next_step="make room, and run the erasure again: it goes on where it ended",
            ) from error
    return Erased(records, states, snapshots, rows, beside, tuple(account_holdings(search)))


def _erase_records(search: Search, holds: Collection[Hold]) -> int:
    for path in search.folder.spool.glob(f"*/*/.part-*{UNFINISHED}"):
        path.unlink(missing_ok=True)
    ids, ledger = subject_ids(search), SpoolLedger(search.folder.spool)
    taken = 0
    for path, first, last in list(parts_in_time(search.folder, search.now)):
        if hold_over(holds, first, last) is None:
            taken += rewrite_part(path, ids, ledger)
    return taken


def _erase_state(search: Search) -> int:
    unlink_kept_state(search.folder.state)
    for path in (named := named_states(search)):
        shutil.rmtree(path)
    return len(named)


def _erase_snapshots(search: Search) -> int:
    by_name = {f"{SNAPSHOTS}/{snapshot.path.name}": snapshot for snapshot in all_snapshots(search.folder)}
    found = [one for one in account_holdings(search) if one.store == "snapshot" and one.erasable]
    for one in found:
        rewrite_snapshot(by_name[one.where.partition(":")[0]], search.account)
    return len(found)


def _erase_rows(search: Search, holds: Collection[Hold]) -> int:
    found = database_rows(search.database, search.account)
    rows = [row for row in found if not row.stays and hold_over(holds, row.first, row.last) is None]
    with search.database.write() as connection:
        for row in rows:
            erase_row(connection, row.table, row.key, search.account)
    return len(rows)
