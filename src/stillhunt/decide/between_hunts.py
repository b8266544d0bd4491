"""What is decided between two hunts: accounts that a signature links, and appeals whose deadline passed."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError, StillhuntError
from stillhunt.base.units import DAY
from stillhunt.decide.appeals import lift_overdue
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.links import Link, decide_links
from stillhunt.decide.log import append_to_log
from stillhunt.decide.policy import Policy
from stillhunt.decide.running import policy_of
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS, LINKED_ACCOUNTS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import all_snapshots, latest_snapshot

LINK_SECONDS = 1.0
"""How often links are looked for. Judgement: a replacement account is stopped within seconds."""
AGAIN_SECONDS = 60.0
"""How soon what is not new is looked at again: links beyond the day's cap, and deadlines. Judgement."""
SPARED_ROLES = ("pool", "victim")


class BetweenHunts:
    """A thread that decides about links and overdue appeals.

    Args:
        folder: the data folder.
        database: its database.
        config: settings.
        decided: called with what was appended to the log.
        failed: called where nothing can be decided now, with why; once for each reason.
    """

    def __init__(
        self,
        folder: DataFolder,
        database: WatchDatabase,
        config: Config,
        decided: Callable[[Sequence[LogEntry]], None],
        failed: Callable[[StillhuntError], None],
    ) -> None:
        self._folder, self._database, self._config = folder, database, config
        self._decided, self._failed = decided, failed
        self._known: set[tuple[str, str]] = set()
        self._again_at = 0.0
        self._failure = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stillhunt-deciding", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being decided."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Decide what is to be decided now."""
        policy = policy_of(self._folder, self._config)
        now, again = time.time_ns() // 1000, time.monotonic() >= self._again_at
        if again:
            self._again_at = time.monotonic() + AGAIN_SECONDS
            lift_overdue(self._database, (policy or Policy()).appeals, now)
        if policy is None or policy.signature.linked == "observe":
            return
        links = linked_since(self._database, now - int(policy.signature.days * DAY))
        pairs = {(one.account_id, one.campaign_id) for one in links}
        if pairs <= self._known and not again:
            return
        spared = spared_accounts(self._folder, self._database, links) | set(self._config.sanctioned.accounts)
        self._decided(
            append_to_log(self._database, lambda log, secret: decide_links(policy, links, spared, log, now, secret))
        )
        self._known = pairs

    def _run(self) -> None:
        while not self._stop.wait(LINK_SECONDS):
            try:
                self.look()
                self._failure = ""
            except Exception as error:  # one bad file or row must not end it
                known = error if isinstance(error, StillhuntError) else _unexpected(error)
                if known.what != self._failure:
                    self._failed(known)
                self._failure = known.what


def _unexpected(error: Exception) -> StillhuntError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    what = f"unexpected: {type(error).__name__}"
    return OutputError(what, where=where, next_step="it is tried again; please report it")


def linked_since(database: WatchDatabase, since: int) -> list[Link]:
    """Accounts that signatures linked.

    Args:
        database: of the data folder.
        since: microseconds since 1970.
    """
    linked = LINKED_ACCOUNTS.c
    statement = select(linked.account_id, linked.campaign_id, linked.at, linked.bits).where(linked.at >= since)
    return [Link(**row) for row in database.read(statement)]


def spared_accounts(folder: DataFolder, database: WatchDatabase, links: Iterable[Link]) -> set[str]:
    """Linked accounts that no link may touch; see `untouched_accounts` and `accounts_before`.

    Args:
        folder: the data folder.
        database: its database.
        links: the linked accounts.

    Raises:
        CaseError: a snapshot is damaged.
    """
    by_campaign: dict[str, set[str]] = {}
    for link in links:
        by_campaign.setdefault(link.campaign_id, set()).add(link.account_id)
    spared = untouched_accounts(folder)
    for campaign, before in accounts_before(folder, database, by_campaign).items():
        spared |= by_campaign[campaign].intersection(before.to_pylist())
    return spared


def untouched_accounts(folder: DataFolder) -> set[str]:
    """Accounts of declared programmes, and those that customers or victims stand behind, as the latest hunt saw them.

    Args:
        folder: the data folder.

    Raises:
        CaseError: the snapshot is damaged.
    """
    latest = latest_snapshot(folder)
    if latest is None:
        return set()
    tables = Case.read(latest.case).model.tables
    accounts, members = tables["accounts"], tables["members"]
    behind = members["account_id"].filter(pc.is_in(members["role"], value_set=pa.array(SPARED_ROLES)))
    return {*accounts["account_id"].filter(accounts["sanctioned"]).to_pylist(), *behind.to_pylist()}


def accounts_before(
    folder: DataFolder, database: WatchDatabase, campaigns: Iterable[str]
) -> dict[str, pa.ChunkedArray]:
    """Campaign -> all accounts that the hunt saw which first found it.

    A replacement account is new, and an old customer whose template an operation imitates is not. Where that snapshot
    was deleted, the oldest that is kept takes its place. It misleads about accounts that an operation kept in reserve
    and used before: they count as old customers, and only a hunt finds them.

    Args:
        folder: the data folder.
        database: its database.
        campaigns: lasting ids.

    Raises:
        CaseError: a snapshot is damaged.
    """
    kept = {one.sequence: one for one in all_snapshots(folder)}
    if not kept:
        return {}
    statement = select(CAMPAIGN_ROWS.c.campaign_id, CAMPAIGN_ROWS.c.first_snapshot)
    first = {row["campaign_id"]: row["first_snapshot"] for row in database.read(statement)}
    read: dict[int, pa.ChunkedArray] = {}
    found = {}
    for campaign in campaigns:
        snapshot = kept.get(first.get(campaign, -1)) or kept[min(kept)]
        if snapshot.sequence not in read:
            read[snapshot.sequence] = Case.read(snapshot.case).model.tables["accounts"]["account_id"]
        found[campaign] = read[snapshot.sequence]
    return found
