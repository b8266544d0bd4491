"""What is decided between two hunts: accounts that a signature links, and appeals whose deadline passed."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError, StillhuntError
from stillhunt.base.units import DAY
from stillhunt.decide.appeals import lift_overdue
from stillhunt.decide.case_work import dismissed_within
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.links import Link, append_links
from stillhunt.decide.log import log_locked
from stillhunt.decide.policy import Policy
from stillhunt.decide.running import policy_of
from stillhunt.decide.spared import spared_accounts
from stillhunt.decide.weighed_links import linked_since, read_customers, weighed_links
from stillhunt.watch.believed_time import last_believed
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import KeptThread

LINK_SECONDS = 1.0
"""How often links are looked for. Judgement: a replacement account is stopped within seconds."""
AGAIN_SECONDS = 60.0
"""How soon what is not new is looked at again: links beyond the day's cap, and deadlines. Judgement."""


class BetweenHunts:
    """A thread that decides about links and overdue appeals.

    `decided`: called with what was appended to the log. `failed`: called where nothing can be decided now, with why;
    once for each reason.
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
        self._known: set[tuple[Link, float]] = set()
        self._again_at = 0.0
        self._failure = ""
        self._stop = threading.Event()
        self.thread = KeptThread("deciding", self._run_looks_until_stopped, self._stop.is_set)

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
            # An appeal that is granted cannot be taken back, and the clock may be ahead.
            lift_overdue(self._database, (policy or Policy()).appeals, last_believed(self._database, now))
        if policy is None or policy.signature.linked == "observe":
            return
        found = linked_since(self._database, now - int(policy.signature.days * DAY))
        if found.items() <= self._known and not again:
            return
        customers = read_customers(self._config) if found else None
        links = weighed_links(self._folder, self._database, found, customers)
        spared = spared_accounts(self._folder, self._database, links, self._config, policy, customers)
        with log_locked(self._database) as log:  # under which nobody dismisses a campaign or reopens it
            made = append_links(log, policy, links, spared, now, dismissed_within(log.connection))
        self._decided(made)
        self._known = set(found.items())

    def _run_looks_until_stopped(self) -> None:
        while not self._stop.wait(LINK_SECONDS):
            try:
                self.look()
                self._failure = ""
            except Exception as error:  # one bad file or row must not end it
                known = error if isinstance(error, StillhuntError) else _wrap_unexpected_error(error)
                if known.what != self._failure:
                    self._failed(known)
                self._failure = known.what


def _wrap_unexpected_error(error: Exception) -> StillhuntError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    what = f"unexpected: {type(error).__name__}"
    return OutputError(what, where=where, next_step="it is tried again; please report it")
