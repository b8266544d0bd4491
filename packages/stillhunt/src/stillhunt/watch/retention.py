"""Deletes what is older than the settings allow, unless a legal hold covers it.

Only what has exactly the name and the form of our own files is deleted; links are never followed, and what else lies in
the data folder stays.
"""

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, delete, func, select, update

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.base.units import DAY, HOUR, MINUTE, SECOND
from stillhunt.extract import names_in_use
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, APPEALS, CAMPAIGN_EVENTS, CAMPAIGN_ROWS, SNAPSHOT_ROWS
from stillhunt.watch.folder import HUNT_ROLE, DataFolder
from stillhunt.watch.holds import KEEPING, all_holds
from stillhunt.watch.lineage.campaigns import ENDED, MERGED
from stillhunt.watch.snapshots import name_of
from stillhunt.watch.spool.dead_letters import letters_of
from stillhunt.watch.spool.ledger import EXPIRED, PartEntry, SpoolLedger
from stillhunt.watch.spool.parts import HOUR_NAME, OPEN, arrivals, is_source_name
from stillhunt.watch.spool.sums import sums_path
from stillhunt.watch.subject.packs import pack_span, packs_of

_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}")
_PART = re.compile(r"part-[\w.-]{1,200}")
_STATE = re.compile(r"[0-9a-f]{64}|base(\.part)?")
_SNAPSHOT = re.compile(r"\d{8,10}")
CLOSEST = 15 * MINUTE
"""Of the snapshots of one such interval, or of one of watch.every_minutes where that is less, only the last is kept for
longer than a day, and those that first showed a campaign or a change. Judgement: as many as hunts by the clock make."""
_LATE = 2 * HOUR
"""A part that was begun in an hour may grow into the next one."""
Held = Callable[[int, int], bool]  # whether a hold covers any moment between two, in microseconds since 1970


@dataclass(frozen=True)
class Expired:
    """What was deleted."""

    parts: int = 0
    part_bytes: int = 0
    states: int = 0
    snapshots: int = 0
    campaigns: int = 0
    alerts: int = 0
    packs: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


def expire(folder: DataFolder, database: WatchDatabase, config: Config, now: int) -> Expired:
    """Delete what is too old; call it between two hunts.

    `config`: settings; watch.spool_days, snapshot_days and history_days, alerts.keep_days, dossier.pack_days. Returns
    what was deleted; nothing where a hunt, a backup or another deletion is under way.
    """
    with ExitStack() as roles:
        try:
            roles.enter_context(folder.role(HUNT_ROLE))
            roles.enter_context(folder.role(KEEPING))
        except OutputError:
            return Expired()
        return _expire_old_data(folder, database, config, now)


def _expire_old_data(folder: DataFolder, database: WatchDatabase, config: Config, now: int) -> Expired:
    holds = all_holds(database)

    def held(first: int, last: int) -> bool:
        return any(hold.covers(first, last) for hold in holds)

    watch = config.watch
    spooled, known = now - int(watch.spool_days * DAY), now - int(watch.history_days * DAY)
    parts, part_bytes = _expire_spool(folder.spool, now, spooled, held)
    _expire_named(letters_of(folder.dead_letters), spooled, held, lambda at: (at, at))
    states = _expire_state(folder.state, spooled, held)
    spare = _spare_snapshots(database, now - DAY, min(int(watch.every_minutes * MINUTE), CLOSEST))
    snapshots = _expire_snapshots(folder, database, now - int(watch.snapshot_days * DAY), held, spare)
    campaigns = _expire_campaigns(database, known, held)
    _expire_rows(folder, database, known, held)
    _expire_appeals(database, known, held)
    alerts = _expire_alerts(database, now - int(config.alerts.keep_days * DAY), held)
    # a hold covers a pack that was made, or may show traffic, of its time
    packed = now - int(config.dossier.pack_days * DAY)
    packs = _expire_named(packs_of(folder.path), packed, held, lambda made: pack_span(made, config))
    return Expired(parts, part_bytes, states, snapshots, campaigns, alerts, packs)


def _expire_named(
    files: Iterable[tuple[Path, int]], before: int, held: Held, span: Callable[[int], tuple[int, int]]
) -> int:
    """Files by the time in their name, unless a hold covers the time that they are about."""
    over = [path for path, at in files if at < before and not held(*span(at))]
    for path in over:
        path.unlink(missing_ok=True)
    return len(over)


def _expire_appeals(database: WatchDatabase, before: int, held: Held) -> None:
    """What customers and colleagues wrote about appeals that are decided; who was right stays, without a word of it."""
    columns = (APPEALS.c.appeal_id, APPEALS.c.filed_at, APPEALS.c.decided_at)
    old = database.read(select(*columns).where(APPEALS.c.decided_at < before, APPEALS.c.text != ""))
    over = [row["appeal_id"] for row in old if not held(row["filed_at"], row["decided_at"])]
    wordless = update(APPEALS).values(text="", note="")
    _execute_all(database, [wordless.where(APPEALS.c.appeal_id == one) for one in over])


def _expire_spool(spool: Path, now: int, before: int, held: Held) -> tuple[int, int]:
    """Parts by the hour in which they were begun, which a clock that was wrong for a while does not change."""
    number = size = 0
    for source in _iterate_own_folders(spool, is_source_name):
        begun = dict(arrivals(source, datetime.fromtimestamp(now / 1e6, UTC)))
        for hour in _iterate_own_folders(source, _is_hour):
            parts = [path for path in hour.iterdir() if _PART.fullmatch(path.name) and _regular_bytes(path) is not None]
            begins = [hour_begin(begun.get(path, hour.name)) for path in parts] or [hour_begin(hour.name)]
            changes = [change for change in map(_changed_at, parts) if change <= now]
            last = max([min(max(begins) + _LATE, now), *changes])
            if last >= before or held(min(begins), last):
                continue
            deleted = _delete_parts(spool, parts)
            number, size = number + len(deleted), size + sum(deleted)
            with suppress(OSError):  # something else lies in it
                hour.rmdir()
    with suppress(OSError):  # the ledger cannot be used now: the next hunt says so
        _forget_missing(spool, before, held)
    return number, size


def _delete_parts(spool: Path, parts: Sequence[Path]) -> list[int]:
    """Enter parts in the ledger as expired and delete them; the sizes of those that are gone."""
    ledger, sizes = SpoolLedger(spool), list[int]()
    expired = [PartEntry(ledger.name_of(path), gone=EXPIRED) for path in parts if not path.name.endswith(OPEN)]
    entered = _enter_expired_parts(ledger, expired)
    for path in parts:
        length = _regular_bytes(path) or 0
        with suppress(OSError):
            if not _is_written(path):
                path.unlink()
                sizes.append(length)
                sums_path(path).unlink(missing_ok=True)
    if not entered:
        _enter_expired_parts(ledger, expired)  # on a full disk there is room now
    return sizes


def _enter_expired_parts(ledger: SpoolLedger, entries: Sequence[PartEntry]) -> bool:
    with suppress(OSError):
        ledger.append(entries)
        return True
    return False


def _forget_missing(spool: Path, before: int, held: Held) -> None:
    """Say no longer of a part that it is missing when it would have been deleted by now."""
    ledger, over = SpoolLedger(spool), list[PartEntry]()
    if not ledger.path.exists():
        return
    for name, entry in ledger.read().entries.items():
        hour = Path(name).parent.name
        if entry.gone or not _is_hour(hour) or (spool / name).exists():
            continue
        first = hour_begin(hour)
        if first + _LATE < before and not held(first, first + _LATE):
            over.append(replace(entry, gone=EXPIRED))
    ledger.append(over)
    ledger.compact()


def _expire_state(state: Path, before: int, held: Held) -> int:
    """State that the latest hunts did not use; where that is not recorded, nothing is deleted."""
    unlink_kept_state(state)
    used = names_in_use(state)
    old = [
        path
        for path in (kept_state(state) if used else ())
        if path.name not in used and (made := _changed_at(path)) < before and not held(made, made)
    ]
    return sum(_remove_folder(path) for path in old)


def kept_state(state: Path) -> Iterator[Path]:
    """Folders of the state that each hold what was made of one file."""
    return _iterate_own_folders(state, lambda name: _STATE.fullmatch(name) is not None)


def unlink_kept_state(state: Path) -> None:
    """Remove links in the place of kept state, which nobody follows; what they lead to stays."""
    for path in () if state.is_symlink() or not state.is_dir() else list(state.iterdir()):
        if _STATE.fullmatch(path.name) and path.is_symlink():
            path.unlink(missing_ok=True)


def _spare_snapshots(database: WatchDatabase, before: int, interval: int) -> frozenset[str]:
    """Snapshots that another one follows within the same interval, and that first showed nothing."""
    rows = database.read(select(SNAPSHOT_ROWS).order_by(SNAPSHOT_ROWS.c.sequence))
    told = {row["sequence"] for row in database.read(select(CAMPAIGN_EVENTS.c.sequence))}
    told |= {row["first_snapshot"] for row in database.read(select(CAMPAIGN_ROWS.c.first_snapshot))}
    return frozenset(
        name_of(row["sequence"])
        for row, following in pairwise(rows)
        if row["made_at"] // interval == following["made_at"] // interval
        and row["made_at"] < before
        and row["sequence"] not in told
    )


def _expire_snapshots(
    folder: DataFolder, database: WatchDatabase, before: int, held: Held, spare: Collection[str]
) -> int:
    """Snapshots but for the newest one; a hold covers one if it was made, or its traffic was received, in its time.

    `spare`: names of those that go whatever their age.
    """
    made = {name_of(row["sequence"]): row for row in database.read(select(SNAPSHOT_ROWS))}
    keep = {max(made, key=int, default=""), _target_of(folder.latest)}
    removed = 0
    for path in list(_iterate_own_folders(folder.snapshots, lambda name: _SNAPSHOT.fullmatch(name) is not None)):
        if path.name in keep:
            continue
        first, last = _span_of(made[path.name]) if path.name in made else (_changed_at(path), _changed_at(path))
        if (last < before or path.name in spare) and not held(first, last):
            hidden = path.with_name(f".{path.name}.part")  # readers see all of a snapshot or nothing
            with suppress(OSError):
                path.rename(hidden)
                removed += _remove_folder(hidden)
    return removed


def _expire_campaigns(database: WatchDatabase, before: int, held: Held) -> int:
    """Campaigns that have ended, or became part of another, with their members and events."""
    known = select(CAMPAIGN_ROWS, SNAPSHOT_ROWS.c.made_at).outerjoin(
        SNAPSHOT_ROWS, SNAPSHOT_ROWS.c.sequence == CAMPAIGN_ROWS.c.last_snapshot
    )
    over = [
        row["campaign_id"]
        for row in database.read(known.where(CAMPAIGN_ROWS.c.status.in_((ENDED, MERGED))))
        if (end := max(row["last_seen"] or 0, row["made_at"] or 0)) < before
        and not held(end if row["first_seen"] is None else row["first_seen"], end)
    ]
    both = (CAMPAIGN_EVENTS, CAMPAIGN_ROWS)
    _execute_all(database, [delete(table).where(table.c.campaign_id == name) for name in over for table in both])
    return len(over)


def _expire_rows(folder: DataFolder, database: WatchDatabase, before: int, held: Held) -> None:
    """Rows of snapshots whose folders are gone; never that of the newest, after which the next one is numbered."""
    sequence = SNAPSHOT_ROWS.c.sequence
    newest = select(func.max(sequence)).scalar_subquery()
    old = database.read(select(SNAPSHOT_ROWS).where(SNAPSHOT_ROWS.c.made_at < before, sequence != newest))
    gone = [row for row in old if not (folder.snapshots / name_of(row["sequence"])).exists()]
    over = [row["sequence"] for row in gone if not held(*_span_of(row))]
    _execute_all(database, [delete(SNAPSHOT_ROWS).where(sequence == one) for one in over])


def _span_of(row: Mapping[str, Any]) -> tuple[int, int]:
    """From the first request of a snapshot to the moment when it was made."""
    made: int = row["made_at"]
    return (made if row["from_time"] is None else min(row["from_time"], made)), made


def _expire_alerts(database: WatchDatabase, before: int, held: Held) -> int:
    old = database.read(select(ALERTS.c.alert_id, ALERTS.c.at).where(ALERTS.c.at < before))
    over = [row["alert_id"] for row in old if not held(row["at"], row["at"])]
    _execute_all(database, [delete(ALERTS).where(ALERTS.c.alert_id == alert_id) for alert_id in over])
    return len(over)


def _execute_all(database: WatchDatabase, statements: Sequence[Executable]) -> None:
    """Execute all or none of some statements."""
    if statements:
        with database.write() as connection:
            for one in statements:
                connection.execute(one)


def _iterate_own_folders(above: Path, ours: Callable[[str], bool]) -> Iterator[Path]:
    """Folders of our own names in a folder; nothing where that is a link, and none that is one."""
    if above.is_symlink() or not above.is_dir():
        return
    for path in sorted(above.iterdir()):
        if ours(path.name) and not path.is_symlink() and path.is_dir():
            yield path


def _is_hour(name: str) -> bool:
    if not _HOUR.fullmatch(name):
        return False
    with suppress(ValueError):
        datetime.strptime(name, HOUR_NAME).replace(tzinfo=UTC)
        return True
    return False


def hour_begin(name: str) -> int:
    """When an hour of the spool begins, microseconds since 1970."""
    return int(datetime.strptime(name, HOUR_NAME).replace(tzinfo=UTC).timestamp()) * SECOND


def _regular_bytes(path: Path) -> int | None:
    """Size of a regular file; None for a link and whatever else."""
    with suppress(OSError):
        about = path.lstat()
        return about.st_size if stat.S_ISREG(about.st_mode) else None
    return None


def _is_written(path: Path) -> bool:
    """Whether a process holds an open part; after a jump of the clock, it may be in an old hour."""
    if not path.name.endswith(OPEN):
        return False
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _changed_at(path: Path) -> int:
    return path.lstat().st_mtime_ns // 1000


def _remove_folder(path: Path) -> bool:
    """Remove a folder with all that is in it; links in it are removed, not followed."""
    shutil.rmtree(path, ignore_errors=True)
    return not os.path.lexists(path)


def _target_of(link: Path) -> str:
    with suppress(OSError):
        return link.readlink().name
    return ""
