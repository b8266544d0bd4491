"""What a running watch shows: a picture that moves on a terminal, one JSON line for each event elsewhere.

Neither has content of requests: sources were named by an administrator, and campaigns by a hunt.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError, StillhuntError
from stillhunt.cli.terminal import message_console
from stillhunt.decide.entries import LogEntry
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.early_signs.signs import read_signs
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.records import linked_counts
from stillhunt.watch.service_faults import ServiceFault
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.spool.closing import Recovered

if TYPE_CHECKING:  # hunts bring 150 MB of libraries
    from stillhunt.watch.child import HuntOutcome
    from stillhunt.watch.schedule import HuntSchedule

REDRAWS_PER_SECOND = 2
SHOWN_CAMPAIGNS = 6
SHOWN_SOURCES = 4
SHOWN_SIGNS = 3
LINKED_SECONDS = 5.0
"""How often the database is asked for linked accounts. Judgement."""
_SPARKS = " ▁▂▃▄▅▆▇█"
_SPARK_SECONDS = 60


class ShownTraffic(Protocol):
    """What the screen shows of records that arrive."""

    refused: Counter[tuple[str, str]]
    records: Counter[str]
    problems: dict[str, str]

    def total(self) -> int:
        """Requests on disk since the start."""


class Screen:
    """Lines of JSON for a service manager, on stderr; `quiet` shows failures only."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet

    def started(self, listen: str, data: Path, parts: frozenset[str], first_lines: str = "") -> None:
        """Say where the server listens ("" where nothing is served), and what to paste, with the first token."""
        self._tell("started", listen=listen, data=str(data), parts=sorted(parts))
        if first_lines and not self._quiet:
            self._console.print(first_lines, soft_wrap=True)

    def console_ready(self, address: str, password: str) -> None:
        """Say where the console is; the first admin's password is shown this once."""
        self._tell("console", f"# Console: {address}", address=address)
        self._print_password(password)

    def _print_password(self, password: str) -> None:
        if password:
            self._console.print(f"# The console's first user is 'admin', with the password {password}", markup=False)

    def warned(self, warnings: Sequence[str]) -> None:
        """Say what is weaker than it could be."""
        for text in warnings:
            self._tell("warning", f"# Warning: {text}.", text=text)

    def waits(self, error: StillhuntError) -> None:
        """Say that the database is not there yet; records are received meanwhile."""
        event = "waiting for the database"
        self._tell(event, f"{event}: {error.what}", **_facts_of(error))

    def database_came(self, token: str, password: str) -> None:
        """Say that it is there now, with the first token and password, which are shown this once."""
        self._tell("the database answers", "the database answers")
        if token:
            self._console.print(f"# token, shown only now: {token}", markup=False)
        self._print_password(password)

    def hunted(self, outcome: HuntOutcome, folder: DataFolder) -> None:
        """Say how a hunt ended."""
        if outcome.damage:
            lines = [f"damaged  {one}" for one in outcome.damage]
            self._tell("spool damaged", *lines, failure=list(outcome.damage))
        if outcome.failure:
            where = f" [{outcome.where}]" if outcome.where else ""
            line = f"hunt failed: {outcome.failure}{where}. Next: {outcome.next_step}"
            said = {"failure": outcome.failure, "where": outcome.where, "next_step": outcome.next_step}
            self._tell("hunt failed", line, **said, seconds=outcome.seconds)
        elif outcome.sequence is None:
            self._tell("nothing to hunt in yet", seconds=outcome.seconds)
        self._show_findings(outcome, folder)

    def _show_findings(self, outcome: HuntOutcome, folder: DataFolder) -> None:
        if outcome.sequence is not None and not outcome.failure:
            said = {outcome.warm.partition(":")[0]: outcome.warm} if outcome.warm else {}
            self._tell("hunted", snapshot=outcome.sequence, seconds=outcome.seconds, **said, **verdicts(folder))

    def recovered(self, parts: Sequence[Recovered]) -> None:
        """Say what was found of parts that a process left open when it died."""
        for one in parts:
            lines = [f"damaged  part {one.path.name}: {one.damage}"] if one.damage else []
            facts: dict[str, Any] = {"failure": one.damage} if one.damage else {}
            self._tell("part recovered", *lines, part=one.path.name, kept_bytes=one.size, cut_bytes=one.cut, **facts)

    def decided(self, entries: Sequence[LogEntry]) -> None:
        """Say what the rules of the policy appended to the decision log."""
        if not entries:
            return
        ended, dry_run = sum(entry.kind == "undo" for entry in entries), entries[-1].dry_run
        made, mode = len(entries) - ended, " (dry run: nothing is in force)" if dry_run else ""
        line = f"decided  {formatting.plural(made, 'decision')} made, {formatting.count(ended)} ended{mode}"
        self._tell("decided", line, made=made, undone=ended, dry_run=dry_run)

    def undecided(self, error: StillhuntError) -> None:
        """Say why nothing was decided."""
        line = f"nothing decided: {error.what} [{error.where}]. Next: {error.next_step}"
        self._tell("nothing decided", line, **_facts_of(error))

    def lease_lost(self, reason: str) -> None:
        """Say why this process hunts no more and ends."""
        self._tell("lease lost", f"lease lost: {reason}", failure=reason)

    def fault(self, fault: ServiceFault, ended: bool) -> None:
        """Say what does not work any more, or works again."""
        if ended:
            self._tell("fault ended", f"works again: {fault.name}", fault=fault.name)
        else:
            line = f"fault: {fault.name}: {fault.statement}"
            self._tell("fault", line, fault=fault.name, failure=fault.statement)

    def watch(self, schedule: HuntSchedule | None, folder: DataFolder, database: WatchDatabase) -> None:
        """Show what goes on from now on; lines of JSON show events only."""
        del schedule, folder, database

    def _tell(self, event: str, *lines: str, **facts: Any) -> None:
        """Tell an event by its facts; `lines` tell it on the picture, where not all events are news."""
        del lines
        if self._quiet and "failure" not in facts:
            return
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts}
        self._console.print(json.dumps(line), soft_wrap=True)


class LiveScreen(Screen):
    """A picture that is drawn again twice a second; `traffic` is None where there is no receiver."""

    def __init__(self, console: Console, traffic: ShownTraffic | None) -> None:
        super().__init__(console, quiet=False)
        self._traffic = traffic
        self._rates: list[int] = []
        self._last_total, self._last_look = 0, time.monotonic()
        self._lines: list[str] = []
        self._schedule: HuntSchedule | None = None
        self._database: WatchDatabase | None = None
        self._linked_at, self._linked = 0.0, 0
        self._lock = threading.Lock()

    def watch(self, schedule: HuntSchedule | None, folder: DataFolder, database: WatchDatabase) -> None:
        """Show these from now on."""
        self._schedule, self._database = schedule, database
        self._lines = campaign_lines(folder)

    def _show_findings(self, outcome: HuntOutcome, folder: DataFolder) -> None:
        del outcome
        self._lines = campaign_lines(folder)

    def _tell(self, event: str, *lines: str, **facts: Any) -> None:
        del facts
        for line in lines:  # a warning may hold what is pasted, so it is not broken
            self._console.print(formatting.escape_controls(line), markup=False, soft_wrap=event == "warning" or None)

    def __rich__(self) -> RenderableType:
        """The picture now."""
        parts = [*self._traffic_lines(), *self._hunt_lines(), *self._lines, *self._linked_lines()]
        return Group(*(Text(formatting.escape_controls(line), no_wrap=True, overflow="ellipsis") for line in parts))

    def _traffic_lines(self) -> list[str]:
        if self._traffic is None:
            return []
        with self._lock:
            now, total = time.monotonic(), self._traffic.total()
            while now - self._last_look >= 1.0:
                self._rates.append(total - self._last_total)
                self._last_total = total
                self._last_look += 1.0
            del self._rates[:-_SPARK_SECONDS]
        most = max([*self._rates, 1])
        spark = "".join(_SPARKS[(rate * (len(_SPARKS) - 1) + most - 1) // most] for rate in self._rates)
        refused = sum(self._traffic.refused.values())
        latest = formatting.count(self._rates[-1] if self._rates else 0)
        counts = f"{formatting.count(total)} requests on disk, {latest} in the last second"
        lines = [f"traffic  {counts}, {formatting.count(refused)} refused  {spark}"]
        busiest = self._traffic.records.most_common(SHOWN_SOURCES)
        sources = ", ".join(f"{name} {formatting.count(number)}" for name, number in busiest)
        broken = [f"         {source}: {problem}" for source, problem in sorted(self._traffic.problems.items())]
        return [*lines, f"         {sources}", *broken] if sources else [*lines, *broken]

    def _hunt_lines(self) -> list[str]:
        if self._schedule is None:
            return []
        progress = self._schedule.progress
        if progress.running_since is not None:
            return [f"hunt     running for {time.time() - progress.running_since:.0f} s"]
        last = "none so far"
        if progress.last is not None:
            done = "done" if progress.last.sequence is not None else "found nothing to read"
            how = f" ({progress.last.warm})" if progress.last.warm else ""
            last = f"{'failed' if progress.last.failure else done}{how}, took {progress.last.seconds:.0f} s"
        return [f"hunt     {last}; next in {max(0.0, progress.next_at - time.time()):.0f} s"]

    def _linked_lines(self) -> list[str]:
        if self._database is not None and time.monotonic() - self._linked_at >= LINKED_SECONDS:
            with suppress(StillhuntError):  # the database is busy: the next look comes soon
                self._linked = sum(linked_counts(self._database).values())
            self._linked_at = time.monotonic()
        if not self._linked:
            return []
        who = formatting.plural(self._linked, "new account")
        return [
            f"linked   {who} {formatting.verb(self._linked, 'matches', 'match')} signatures; see 'stillhunt history'"
        ]


def _facts_of(error: StillhuntError) -> dict[str, str]:
    return {"failure": error.what, "where": error.where, "next_step": error.next_step}


def verdicts(folder: DataFolder) -> dict[str, int]:
    """Number of campaigns to act on and to review in the latest snapshot."""
    snapshot = latest_snapshot(folder)
    if snapshot is None:
        return {"act": 0, "review": 0}
    found = Case.read(snapshot.case).campaigns["verdict"].to_pylist()
    return {name: found.count(name) for name in ("act", "review")}


def campaign_lines(folder: DataFolder) -> list[str]:
    """The campaigns of the latest snapshot, each as one line."""
    snapshot = latest_snapshot(folder)
    if snapshot is None:
        return []
    try:
        budget = snapshot.facts()["budget"]
        rows = [campaign.row for campaign in Case.read(snapshot.case).model.of_verdict("act", "review")]
    except CaseError:
        return ["found    the latest snapshot is damaged; the next hunt makes another"]
    spent = f"budget   {budget['spent']:.2f} of {budget['allowed']:g} false campaigns spent in the last 30 days"
    signs = [
        f"early    {sign.campaign_id or '1 account'}: {sign.statement}"
        for sign in read_signs(snapshot.path)[:SHOWN_SIGNS]
    ]
    if not rows:
        return ["found    no campaign in the latest snapshot", *signs, spent]
    lines = [
        f"{row['verdict']:<8} {row['campaign_id']}  {formatting.volume(row['requests'], row['accounts'])}, "
        f"{formatting.probability(row['score'])}"
        for row in rows[:SHOWN_CAMPAIGNS]
    ]
    more = len(rows) - SHOWN_CAMPAIGNS
    return [*lines, *([f"         and {more} more"] if more > 0 else []), *signs, spent]


@contextmanager
def open_screen(traffic: ShownTraffic | None, *, quiet: bool) -> Iterator[Screen]:
    """The screen that suits where stderr goes; `traffic` is None where there is no receiver."""
    console = message_console()
    if quiet or not console.is_terminal or console.is_dumb_terminal:
        yield Screen(console, quiet=quiet)
        return
    screen = LiveScreen(console, traffic)
    with Live(screen, console=console, refresh_per_second=REDRAWS_PER_SECOND, transient=False):
        yield screen
