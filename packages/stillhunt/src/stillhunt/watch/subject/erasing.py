"""Erasure of what a data folder holds on one account.

Each store is changed one file or one transaction at a time, each of them whole or not at all: records first, so that no
hunt that follows finds the account again; then kept state, snapshots, and the database. A run that was ended in the
middle is finished by the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass

from stillhunt.base.errors import OutputError
from stillhunt.watch.folder import SNAPSHOTS
from stillhunt.watch.holds import Hold, all_holds, undisturbed
from stillhunt.watch.hunting import HUNT_ROLE
from stillhunt.watch.inputs import window_parts
from stillhunt.watch.retention import kept_state
from stillhunt.watch.snapshots import all_snapshots
from stillhunt.watch.spool.ledger import SpoolLedger
from stillhunt.watch.subject.database_rows import database_rows, erase_row
from stillhunt.watch.subject.holdings import (
    Holding,
    Search,
    account_holdings,
    hold_over,
    parts_in_time,
    state_names,
    subject_ids,
)
from stillhunt.watch.subject.records import UNFINISHED, rewrite_part
from stillhunt.watch.subject.snapshot_rows import rewrite_snapshot


@dataclass(frozen=True)
class Erased:
    """What was erased.

    Attributes:
        records: calls taken out of the spool.
        rows: rows of the database that were deleted or changed.
        left: what is held afterwards, with the reasons.
    """

    records: int = 0
    states: int = 0
    snapshots: int = 0
    rows: int = 0
    left: tuple[Holding, ...] = ()


def erase_account(search: Search) -> Erased:
    """Erase what a data folder holds on an account, where no hold stands.

    Call it between two hunts. What stays, and why, is in the result. A server that runs shows the account until the
    next hunt, or until it starts anew, where it has a snapshot in memory.

    Returns:
        What was erased, and what is left.

    Raises:
        OutputError: a hunt, a backup or another deletion is under way, or something cannot be written.
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
        except OSError as error:
            raise OutputError(
                f"it cannot be written: {error.strerror or error}",
                where=str(error.filename or folder.path),
                next_step="make room, and run the erasure again: it goes on where it ended",
            ) from error
    return Erased(records, states, snapshots, rows, tuple(account_holdings(search)))


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
    named = [path for path in kept_state(search.folder.state) if state_names(path, search.account)]
    for path in named:
        shutil.rmtree(path)
    return len(named)


def _erase_snapshots(search: Search) -> int:
    by_name = {f"{SNAPSHOTS}/{snapshot.path.name}": snapshot for snapshot in all_snapshots(search.folder)}
    found = [one for one in account_holdings(search) if one.store == "snapshot" and one.erasable]
    for one in found:
        rewrite_snapshot(by_name[one.where.partition(":")[0]], search.account)
    return len(found)


def _erase_rows(search: Search, holds: Collection[Hold]) -> int:
    rows = [
        row
        for row in database_rows(search.database, search.account)
        if not row.stays and hold_over(holds, row.first, row.last) is None
    ]
    with search.database.write() as connection:
        for row in rows:
            erase_row(connection, row.table, row.key, search.account)
    return len(rows)
