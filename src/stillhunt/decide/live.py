"""What a server knows of decisions: the table and the policy, read again in a thread while requests are answered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from stillhunt.base.errors import StillhuntError
from stillhunt.decide.answers import Answers
from stillhunt.decide.entries import LogEntry, first_broken
from stillhunt.decide.log import changed_log, read_log_after
from stillhunt.decide.policy import Policy
from stillhunt.decide.table import DecisionTable, empty_table
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.kept_thread import KeptThread

RELOAD_SECONDS = 1.0
"""How often the log is looked at. Judgement: a person's decision counts at once, for who watches the screen."""
_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing
READ_AT_A_TIME = 100_000
"""Entries of the log read in one statement: some 100 MB of objects."""


class LiveDecisions:
    """Decisions as they stand in the database, in memory.

    Args:
        database: of the data folder.
        policy: reads the policy; None where there is none.
        allowed: accounts of declared programmes.
        others: name -> reads what else is to be known; called in the thread, too.
    """

    def __init__(
        self,
        database: WatchDatabase,
        policy: Callable[[], Policy | None],
        allowed: frozenset[str] = frozenset(),
        others: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> None:
        self._database, self._policy = database, policy
        self._reads = {"decisions": self._read_log, "policy": self._read_policy, **others}
        self.allowed = allowed
        self._last: LogEntry | None = None
        self.table: DecisionTable = empty_table()
        self.answers = Answers(Policy())
        self.revision = ""
        """Place and hash of the last entry that is known; "" before the log was read."""
        self.problems: dict[str, str] = {}
        """What could not be read at the last look -> why; what was known before still holds."""
        self._stop = threading.Event()
        self.thread = KeptThread("decisions", self._follow, self._stop.is_set)

    def start(self) -> None:
        """Read what stands, and begin to follow the database; a log that cannot be read yet is tried again."""
        self.look()
        self.thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        self.thread.join()

    def look(self) -> None:
        """Read what is new, once."""
        for name, read in self._reads.items():
            try:
                read()
                self.problems.pop(name, None)
            except StillhuntError as error:
                self.problems[name] = error.what
            except Exception as error:  # what is known still holds, whatever one file or row holds
                self.problems[name] = f"unexpected: {type(error).__name__}"
                _LOG.exception("reading %s", name)

    def _follow(self) -> None:
        while not self._stop.wait(RELOAD_SECONDS):
            self.look()

    def _read_log(self) -> None:
        table, last = self.table, self._last
        while True:
            found = read_log_after(self._database, last.seq if last is not None else 0, READ_AT_A_TIME)
            if last is not None and (not found or found[0].digest != last.digest):
                table, last = empty_table(), None  # another log: the database was restored or replaced
                continue
            new = found[1:] if last is not None else found
            if broken := first_broken(new, last):
                raise changed_log(broken)
            if new:
                table, last = table.with_entries(new, time.time_ns() // 1000, self.allowed), new[-1]
            if len(found) < READ_AT_A_TIME:
                break
        self.table, self._last = table, last
        self.revision = f"{last.seq}-{last.digest[:16]}" if last is not None else "0"

    def _read_policy(self) -> None:
        policy = self._policy() or Policy()
        if policy != self.answers.policy:
            self.answers = Answers(policy)
