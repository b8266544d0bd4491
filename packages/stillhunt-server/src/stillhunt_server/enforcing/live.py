"""What a server knows of decisions: the table and the policy, read again in a thread while requests are answered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from stillhunt.base.errors import CaseError, StillhuntError
from stillhunt.decide.entries import Broken, LogEntry, first_broken
from stillhunt.decide.log import ChangedLogError, note_changed, read_log_from
from stillhunt.decide.policy import Policy
from stillhunt.decide.table import DecisionTable, empty_table
from stillhunt.decide.verified import VerifiedDecisions, read_verified, write_verified
from stillhunt.ledger.chain import LEDGER_START, LedgerPlace
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.service_faults import ENFORCEMENT, KeptThread
from stillhunt_server.enforcing.answers import Answers
from stillhunt_server.fault_looks import ClockSteps

RELOAD_SECONDS = 1.0
"""How often the log is looked at. Judgement: a person's decision counts at once, for who watches the screen."""
STALE_SECONDS = 10.0
"""How long a look may take before what is known counts as stale. Judgement: looks take milliseconds."""
WORKING_SHARE = 0.02
"""Share of the time that may be spent on keeping what was verified. Judgement: it must not be felt."""
WHOLE_SECONDS = 600.0
"""Time from one verification of the whole log to the next. Judgement: a changed entry is noticed while what stood
before is still in memory."""
WHOLE_AT_A_TIME = 2_000
"""Entries of it in one look: some 40 milliseconds of a second. Judgement: it must not be felt, and ten million take an
hour and a half."""
OFF, STALE = f"{ENFORCEMENT} off", f"{ENFORCEMENT} stale"
"""Names of the faults: nothing is enforced; what is enforced is not what the log or the policy says now."""
_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing
READ_AT_A_TIME = 10_000
"""New entries of the log read in one statement: some 10 MB of objects."""
_NOTHING: tuple[DecisionTable, LedgerPlace] = (empty_table(), LEDGER_START)
"""What is known before anything was read."""


class LiveDecisions:
    """Decisions as they stand in the database, in memory.

    A process goes on from what an earlier one kept in a file, and verifies what lies before in the background. Where
    the log was changed, or entries of it were lost, what was verified last stays, unless the policy says otherwise.

    Args:
        others: name -> reads what else is to be known; called in the thread, too.
        kept: file that keeps what was verified; None where nothing is kept.
    """

    def __init__(
        self,
        database: WatchDatabase,
        policy: Callable[[], Policy | None],
        allowed: frozenset[str] = frozenset(),
        others: Mapping[str, Callable[[], None]] = MappingProxyType({}),
        kept: Path | None = None,
        steps: ClockSteps | None = None,
    ) -> None:
        self._database, self._policy = database, policy
        # The policy first: it says what becomes of a changed log.
        self._reads = {
            "policy": self._read_policy,
            "decisions": self._read_log,
            "kept decisions": self._write_verified_file,
            **others,
        }
        self.allowed = allowed
        self._kept, self._steps = kept, steps or ClockSteps()
        self._written, self._write_at, self._whole_at = "", 0.0, 0.0
        self._unread: CaseError | None = None
        self._verified = found = self._read_kept()
        self._known = _NOTHING if found is None or not found.goes_on else (found.table, found.last)
        self._whole: LedgerPlace | None = None
        self._looking = threading.Lock()
        self.table: DecisionTable = empty_table()
        self.answers = Answers(Policy())
        self.has_policy = False
        self.revision = ""
        """Place and hash of the last entry that is enforced; "" where nothing is."""
        self.problems: dict[str, str] = {}
        """What could not be read at the last look -> why; what was known before still holds."""
        self._looked_at = time.monotonic()
        self._read_at: float | None = None
        self._stop, self._woken = threading.Event(), threading.Event()
        self.thread = KeptThread("decisions", self._follow_decision_log, self._stop.is_set)

    def start(self) -> None:
        """Read what stands, and begin to follow the database; a log that cannot be read yet is tried again."""
        self.look()
        self.thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        self._woken.set()
        self.thread.join()
        self._write_at = 0.0
        self._try_named_read("kept decisions")

    def wake(self) -> None:
        """Look now, since somebody heard that there is something new."""
        self._woken.set()

    def age(self) -> float | None:
        """Seconds since the log was last read whole; None where it was not, or only from a file of an earlier start."""
        return None if self._read_at is None else time.monotonic() - self._read_at

    def look(self) -> None:
        """Read what is new, once, and verify more of what was read before."""
        with self._looking:
            for name in self._reads:
                self._try_named_read(name)
            self._looked_at = time.monotonic()

    def catch_up(self) -> None:
        """Read new decisions, for who wants to see what was just decided."""
        with self._looking:
            self._try_named_read("decisions")

    def faults(self) -> dict[str, str]:
        """What does not work now: name of the fault -> what follows from it."""
        found = {name: why for name, why in self.problems.items() if name not in ("decisions", "policy")}
        stale, off = [], []
        waited = time.monotonic() - self._looked_at
        if waited > STALE_SECONDS:
            stale.append(f"the decisions were last read {waited:.0f} seconds ago, and later ones do not count")
        if (why := self.problems.get("decisions")) is not None and self.revision:
            last = self.revision.partition("-")[0]
            stale.append(f"{why}; what stood after entry {last} is enforced, and nothing later counts")
        elif not self.revision:
            off.append(f"{why or 'the decisions were not read yet'}; no decision is enforced")
        if "policy" in self.problems:
            stale.append(f"{self.problems['policy']}; the last one that could be read counts")
        elif not self.has_policy and self.table.has_rules(time.time_ns() // 1000):
            off.append("rules made decisions and there is no policy, so none of these is enforced")
        parts = {STALE: stale, OFF: off}
        return found | {name: "; ".join(statements) for name, statements in parts.items() if statements}

    def _try_named_read(self, name: str) -> None:
        try:
            self._reads[name]()
            self.problems.pop(name, None)
        except StillhuntError as error:
            self.problems[name] = error.what
        except Exception as error:  # what is known still holds, whatever one file or row holds
            self.problems[name] = f"unexpected: {type(error).__name__}"
            _LOG.exception("reading %s", name)

    def _follow_decision_log(self) -> None:
        while not self._stop.is_set():
            self._woken.wait(RELOAD_SECONDS)
            self._woken.clear()
            self.look()

    def _read_log(self) -> None:
        began = time.monotonic()
        if self._steps.moved():
            self._known = _NOTHING  # by a wrong clock, what had not ended may have been left out
        try:
            table, last = self._known = self._read_on(*self._known)
            self._verify_more()
        except ChangedLogError as error:
            self._handle_changed_log(error)
            if error.lost:
                self._known, self._whole = _NOTHING, None
            else:
                self._whole_at = 0.0
                note_changed(self._database, error.broken)
            raise
        except StillhuntError:
            if not self.revision:
                self._show_verified_table(self._verified)
            raise
        self._verified = VerifiedDecisions(last, table)
        self._show_verified_table(self._verified)
        self._read_at = began

    def _verify_more(self) -> None:
        """Verify again a part of the entries that are known, from the first on; an entry may have been changed."""
        end = self._known[1]
        if self._whole is None:
            if not end.seq or time.monotonic() < self._whole_at:
                return
            self._whole = LEDGER_START
        found = read_log_from(self._database, self._whole.seq + 1, WHOLE_AT_A_TIME)
        broken = first_broken(found, self._whole)
        if broken is not None:
            self._whole = found[broken.seq - found[0].seq - 1].place if broken.seq > found[0].seq else self._whole
            raise ChangedLogError(broken)
        self._whole = found[-1].place if found else end
        if self._whole.seq >= end.seq:
            self._whole, self._whole_at = None, time.monotonic() + WHOLE_SECONDS
            note_changed(self._database, None)

    def _read_kept(self) -> VerifiedDecisions | None:
        """What an earlier process verified; None where it cannot be read, a fault until somebody accepts that."""
        if self._kept is None:
            return None
        try:
            found = read_verified(self._kept, self.allowed, time.time_ns() // 1000)
        except CaseError as error:
            self._unread = error
            return None
        self._written = found.revision if found is not None else ""
        return found

    def _read_on(self, table: DecisionTable, last: LedgerPlace) -> tuple[DecisionTable, LedgerPlace]:
        """The table with what follows its last entry, all of it verified."""
        while True:
            found = read_log_from(self._database, max(last.seq, 1), READ_AT_A_TIME)
            if last.seq and (not found or found[0].place != last):
                raise ChangedLogError(Broken(last.seq, "it is gone, or another one than before"), lost=True)
            new = found[1:] if last.seq else found
            broken = first_broken(new, last)
            whole = new[: broken.seq - new[0].seq] if broken else new
            if whole:
                self._check_verified_entry(whole)
                table, last = table.with_entries(whole, time.time_ns() // 1000, self.allowed), whole[-1].place
                self._known = table, last
            if broken:
                if self._verified is None and last.seq:  # the first start of a version that keeps a file
                    self._verified = VerifiedDecisions(last, table)
                raise ChangedLogError(broken)
            if len(found) < READ_AT_A_TIME:
                break
        if self._verified is not None and self._verified.last.seq > last.seq:
            raise ChangedLogError(Broken(last.seq + 1, "it is gone, with all that followed"), lost=True)
        return table, last

    def _check_verified_entry(self, entries: list[LogEntry]) -> None:
        """Refuse a log in which the entry that was verified last is another one."""
        known = self._verified.last if self._verified is not None else LEDGER_START
        if entries[0].seq <= known.seq <= entries[-1].seq and entries[known.seq - entries[0].seq].place != known:
            raise ChangedLogError(Broken(known.seq, "it is another one than before"), lost=True)

    def _handle_changed_log(self, error: ChangedLogError) -> None:
        """Go on with what was verified, or with nothing, as the policy says."""
        if error.lost and self._written and self._kept is not None and not self._kept.exists():
            self._verified, self._written = None, ""  # somebody accepted the log as it is: the next look reads it
        if self.answers.policy.changed_log == "stop":
            self.table, self.revision = empty_table(), ""
        else:
            self._show_verified_table(self._verified)

    def _show_verified_table(self, verified: VerifiedDecisions | None) -> None:
        if verified is not None:
            self.table, self.revision = verified.table, verified.revision

    def _write_verified_file(self) -> None:
        """Write down what was verified, at once where that takes a moment, and later where it takes long."""
        known = self._verified
        if self._kept is None or known is None or "decisions" in self.problems or time.monotonic() < self._write_at:
            return
        if self._unread is not None:
            if self._kept.exists():
                raise self._unread  # written anew, it would hide that entries of the log are gone
            self._unread = None  # somebody accepted the log as it is
        if self._written == known.revision and self._kept.exists():
            return
        began = time.monotonic()
        write_verified(self._kept, known, self.allowed, time.time_ns() // 1000)
        self._written, took = known.revision, time.monotonic() - began
        self._write_at = time.monotonic() + took / WORKING_SHARE

    def _read_policy(self) -> None:
        found = self._policy()
        self.has_policy = found is not None
        policy = found or Policy()
        if policy != self.answers.policy:
            self.answers = Answers(policy)
