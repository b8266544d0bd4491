"""What is decided between two hunts: accounts that a signature links, and appeals whose deadline passed."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import select

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError, StillhuntError
from stillhunt.base.units import DAY
from stillhunt.decide.appeals import lift_overdue
from stillhunt.decide.cases.dismissals import dismissed_within
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.links import Link, decide_links
from stillhunt.decide.log import append_within, log_locked
from stillhunt.decide.policy import Policy
from stillhunt.decide.running import policy_of
from stillhunt.decide.spared import spared_accounts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import LINKED_ACCOUNTS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.kept_thread import KeptThread

LINK_SECONDS = 1.0
"""How often links are looked for. Judgement: a replacement account is stopped within seconds."""
AGAIN_SECONDS = 60.0
"""How soon what is not new is looked at again: links beyond the day's cap, and deadlines. Judgement."""


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
        self.thread = KeptThread("deciding", self._run, self._stop.is_set)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """End, after what is being decided."""
        self._stop.set()
        self.thread.join()

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
        spared = spared_accounts(self._folder, self._database, links, self._config, policy)
        with log_locked(self._database) as connection:  # under which nobody dismisses a campaign or reopens it
            dismissed = dismissed_within(connection)
            made = append_within(
                connection, lambda log, secret: decide_links(policy, links, spared, log, now, secret, dismissed)
            )
        self._decided(made)
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
