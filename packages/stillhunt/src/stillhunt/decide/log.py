"""The decision log in the database of a data folder: appended under a lock, never changed, read in parts."""

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, insert, or_, select

from stillhunt.base.errors import OutputError
from stillhunt.decide.entries import Broken, LogEntry, chained, first_broken
from stillhunt.decide.verified import VERIFIED_FILE, kept_place
from stillhunt.ledger.chain import LEDGER_START, LedgerPlace, digest_of
from stillhunt.watch.database.store import WatchDatabase, read_meta
from stillhunt.watch.database.tables import DECISIONS, META

SECRET_ROW = "decide_secret"  # noqa: S105 - the name of the row
CHANGED_ROW = "decisions_changed"
"""Row of META with what is wrong with the log, where a server found that it was changed."""
APPENDING = 0x5711_8048
"""Key of the lock under which PostgreSQL appends; SQLite has one writer at a time by itself."""
DECISIONS_CHANNEL = "stillhunt_decisions"  # channel on which PostgreSQL tells that something was appended
VERIFIED_AT_A_TIME = 10_000
"""Entries of the log read in one statement: some 10 MB of objects."""
NAMED_AT_A_TIME = 1_000
"""Places or accounts named in one statement; databases take some 30,000."""
_ROW = DECISIONS.c
_COLUMNS = tuple(field.name for field in fields(LogEntry))
LogCondition = ColumnElement[bool]


class ChangedLogError(OutputError):
    """The decision log is not as it was written.

    `lost`: entries that were there are gone or are others, and what is left is chained as it should be.
    """

    def __init__(self, broken: Broken, *, lost: bool = False) -> None:
        self.broken, self.lost = broken, lost
        super().__init__(
            f"the decision log was changed: entry {broken.seq}: {broken.what}",
            where="table decisions",
            next_step="nothing is decided until it is restored from a backup",
        )


class DecisionLog:
    """The log in a transaction of `log_locked`.

    Whatever is read of it is compared with its hash, and nothing is appended to a log of which one entry does not fit.
    Changes elsewhere in it are found by the thread of a server that verifies all of it, which leaves a note.
    """

    def __init__(self, connection: Connection, database: WatchDatabase) -> None:
        self.connection, self._database = connection, database
        self._broken: Broken | None = None

    def read(self, *conditions: LogCondition) -> list[LogEntry]:
        """Entries that fulfil all conditions, in order, with those that end or renew one of them."""
        return self._read_compared_entries(with_ends(*conditions))

    def lately(self, now: int, span: int) -> list[LogEntry]:
        """Entries that stand, or were made in a span of microseconds before now, and what such ones end."""
        ended = select(_ROW.undoes).where(_ROW.made_at > now - span, _ROW.kind == "undo")
        return self.read(or_(_ROW.expires_at > now, _ROW.made_at > now - span, _ROW.seq.in_(ended)))

    def append(self, entries: Iterable[LogEntry]) -> list[LogEntry]:
        """Append to the log, with what else is written in the transaction; what was appended has places and hashes.

        The end of the log is checked also where nothing is appended, so that no rule goes on silently.

        Raises:
            OutputError: the log was changed, or is not the one that a server verified, so that nothing may follow it.
        """
        made = chained(list(entries), self._checked_end())
        if made:
            self.connection.execute(insert(DECISIONS), [vars(entry) for entry in made])
            if self.connection.dialect.name == "postgresql":
                self.connection.execute(select(func.pg_notify(DECISIONS_CHANNEL, "")))  # at the end of the transaction
        return made

    @cached_property
    def secret(self) -> bytes:
        """Random bytes of this folder, made at the first decision."""
        found = read_meta(self.connection, SECRET_ROW)
        if found is None:
            found = secrets.token_hex(32)
            self.connection.execute(insert(META).values(name=SECRET_ROW, value=found))
        return bytes.fromhex(found)

    def _read_compared_entries(self, wanted: Select[Any]) -> list[LogEntry]:
        found = entries_of(self.connection.execute(wanted).mappings())
        for entry in found:
            if self._broken is None and digest_of(vars(entry)) != entry.digest:
                self._broken = Broken(entry.seq, "its content is not what was hashed")
        return found

    def _checked_end(self) -> LedgerPlace:
        """The last entry, behind which something may follow."""
        last = self._read_compared_entries(select(DECISIONS).order_by(_ROW.seq.desc()).limit(1))
        if noted := read_meta(self.connection, CHANGED_ROW):
            self._broken = Broken(*json.loads(noted))
        if self._broken is not None:
            raise ChangedLogError(self._broken)
        end = last[0].place if last else LEDGER_START
        kept = kept_place(self._database.folder / VERIFIED_FILE)
        there = self.connection.execute(select(_ROW.digest).where(_ROW.seq == kept.seq)).scalar()
        if lost := lost_since(kept, end.seq, there or ""):
            raise OutputError(
                f"this is not the log that a server verified before: {lost}",
                where="table decisions",
                next_step="restore it from a backup, or accept the log as it is",
                command_step="restore it from a backup; or, where it is right, run 'stillhunt decisions verify "
                "--accept'",
            )
        return end


@contextmanager
def log_locked(database: WatchDatabase) -> Iterator[DecisionLog]:
    """A transaction in which nobody else appends to the log; all that is done in it is kept, or nothing."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(APPENDING)))
        yield DecisionLog(connection, database)


def about_account(account: str) -> LogCondition:
    """Entries about one account."""
    return _ROW.account_id == account


def of_campaign(campaign: str) -> LogCondition:
    """Entries that were made for one campaign."""
    return _ROW.campaign_id == campaign


def with_ends(*conditions: LogCondition) -> Select[Any]:
    """Entries that fulfil all conditions, in order, with those that end or renew one of them."""
    chosen = select(_ROW.seq).where(*conditions)
    ends = select(_ROW.seq).where(_ROW.undoes.in_(chosen))
    return select(DECISIONS).where(_ROW.seq.in_(chosen.union_all(ends))).order_by(_ROW.seq)


def read_log(database: WatchDatabase, *conditions: LogCondition) -> list[LogEntry]:
    """Entries that fulfil all conditions, in order, with those that end or renew one of them; all without any."""
    return entries_of(database.read(with_ends(*conditions) if conditions else _select_ordered_decisions()))


def read_newest(database: WatchDatabase, most: int, *conditions: LogCondition) -> list[LogEntry]:
    """The last entries that fulfil all conditions, the newest first."""
    return entries_of(database.read(select(DECISIONS).where(*conditions).order_by(_ROW.seq.desc()).limit(most)))


def read_log_from(database: WatchDatabase, seq: int, most: int) -> list[LogEntry]:
    """Entries from a place on, in order, this one with them."""
    return entries_of(database.read(_select_ordered_decisions().where(_ROW.seq >= seq).limit(most)))


def read_state(database: WatchDatabase, at: int) -> list[LogEntry]:
    """Entries from which it follows what was in force at a time, in order."""
    return [entry for entry in read_log(database, _ROW.expires_at > at) if entry.made_at <= at]


def count_entries(database: WatchDatabase, *conditions: LogCondition, most: int | None = None) -> int:
    """How many entries fulfil all conditions; no more than `most` are counted."""
    counted = select(_ROW.seq).where(*conditions).limit(most).subquery()
    (row,) = database.read(select(func.count().label("number")).select_from(counted))
    return int(row["number"])


def is_standing(now: int) -> LogCondition:
    """Decisions that are neither undone nor expired, as `entries.standing` has them."""
    later = DECISIONS.alias()
    return and_(_ROW.kind != "undo", _ROW.expires_at > now, ~exists().where(later.c.undoes == _ROW.seq))


def still_standing(database: WatchDatabase, entries: Sequence[LogEntry], now: int) -> set[int]:
    """Places of those entries that are neither undone nor expired."""
    ended = set[int]()
    for start in range(0, len(entries), NAMED_AT_A_TIME):
        places = [entry.seq for entry in entries[start : start + NAMED_AT_A_TIME]]
        ended |= {row["undoes"] for row in database.read(select(_ROW.undoes).where(_ROW.undoes.in_(places)))}
    return {one.seq for one in entries if one.kind != "undo" and one.seq not in ended and now < one.expires_at}


def verified_log(database: WatchDatabase, last: LedgerPlace = LEDGER_START) -> tuple[LedgerPlace, Broken | None]:
    """The last entry that is as it was written, from an entry on, and where the log was changed behind it."""
    while page := read_log_from(database, last.seq + 1, VERIFIED_AT_A_TIME):
        broken = first_broken(page, last)
        if broken is not None:
            return last, broken
        last = page[-1].place
    return last, None


def lost_since(kept: LedgerPlace, number: int, digest: str) -> str:
    """What is wrong with a log, compared with a checkpoint of it; empty where it goes on from there.

    Args:
        kept: the checkpoint; LEDGER_START where there is none.
        number: of entries that there are now.
        digest: of the one in the place of the checkpoint.
    """
    if number < kept.seq:
        return f"it had {kept.seq} entries and has {number}"
    return f"entry {kept.seq} is another one than before" if kept.seq and digest != kept.digest else ""


def note_changed(database: WatchDatabase, broken: Broken | None) -> None:
    """Write down where the log was changed, so that nobody appends to it; None: it was not, and all was verified."""
    said = None if broken is None else json.dumps([broken.seq, broken.what])
    of_note = META.c.name == CHANGED_ROW
    if [row["value"] for row in database.read(select(META.c.value).where(of_note))] == [said] * (said is not None):
        return
    with database.write() as connection:
        connection.execute(delete(META).where(of_note))
        if said is not None:
            connection.execute(insert(META).values(name=CHANGED_ROW, value=said))


def entries_of(rows: Iterable[Any]) -> list[LogEntry]:
    """Rows of the table as entries."""
    return [LogEntry(**{name: row[name] for name in _COLUMNS}) for row in rows]


def _select_ordered_decisions() -> Select[Any]:
    return select(DECISIONS).order_by(_ROW.seq)
