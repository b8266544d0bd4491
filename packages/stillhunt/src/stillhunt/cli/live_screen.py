"""What a running watch shows: a picture that moves on a terminal, one JSON line for each event elsewhere.

Neither has content of requests: sources were named by an administrator, and campaigns by a hunt.
"""

from __future__ import annotations

import json
import shlex
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError, StillhuntError
from stillhunt.cli.terminal import message_console
from stillhunt.decide.entries import LogEntry
from stillhunt.triage import Case
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.early_signs.signs import read_signs
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.records import linked_counts
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.service_faults import ServiceFault
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.spool.open_part import Recovered
from stillhunt.web.traffic import Traffic

REDRAWS_PER_SECOND = 2
SHOWN_CAMPAIGNS = 6
SHOWN_SOURCES = 4
SHOWN_SIGNS = 3
LINKED_SECONDS = 5.0
"""How often the database is asked for linked accounts. Judgement."""
_SPARKS = " ▁▂▃▄▅▆▇█"
_SPARK_SECONDS = 60

PASTE_LITELLM = """\
# LiteLLM: into config.yaml, joined with what is under these names already; docs/howto/serve.md says more
litellm_settings:
  callbacks: [stillhunt]
  global_disable_no_log_param: true
callback_settings:
  stillhunt:
    callback_type: generic_api
    endpoint: http://{address}/v1/ingest/litellm
    headers: {{Content-Type: application/x-ndjson, Authorization: Bearer {token}}}
    log_format: ndjson
    max_retries: 8
    retry_delay: 1"""
PASTE_COLLECTOR = """\
# OpenTelemetry collector: into its configuration; add otlphttp/stillhunt to the exporters of your pipelines
exporters:
  otlphttp/stillhunt:
    endpoint: http://{address}
    headers: {{Authorization: Bearer {token}}}"""
PASTE_CURL = """\
# Anything else: one request a line
curl -H 'Authorization: Bearer {token}' --data-binary @calls.jsonl http://{address}/v1/ingest/jsonl"""
PASTE_FOLDER = """\
# A folder or bucket of logs that grows, read in place
stillhunt serve --data {data} --logs FOLDER"""


def reachable(listen: str) -> str:
    """Where others reach a server that listens on all interfaces; other addresses as they are.

    Args:
        listen: ADDRESS:PORT.
    """
    host, _, port = listen.rpartition(":")
    return f"{socket.gethostname()}:{port}" if host in ("", "0.0.0.0", "[::]") else listen  # noqa: S104 - it is compared


class Screen:
    """Lines of JSON for a service manager; `quiet` shows failures only.

    Args:
        console: where to; stderr.
        quiet: leave out everything but failures.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet

    def started(self, listen: str, data: Path, token: str, parts: frozenset[str]) -> None:
        """Say where the server listens, and how to send to it; the first token is shown this once."""
        self._say("started", listen=listen, data=str(data), parts=sorted(parts))
        if listen and not self._quiet:
            self._print_pasteable(listen, data, token, parts)

    def console_ready(self, listen: str, password: str) -> None:
        """Say where the console is; the first admin's password is shown this once."""
        self._say("console", address=f"http://{reachable(listen)}/")
        self._print_password(password)

    def _print_password(self, password: str) -> None:
        if password:
            self._console.print(f"# The console's first user is 'admin', with the password {password}", markup=False)

    def warned(self, warnings: Sequence[str]) -> None:
        """Say what is weaker than it could be."""
        for text in warnings:
            self._say("warning", text=text)

    def waits(self, error: StillhuntError) -> None:
        """Say that the database is not there yet; records are received meanwhile."""
        self._say("waiting for the database", failure=error.what, where=error.where, next_step=error.next_step)

    def database_came(self, token: str, password: str) -> None:
        """Say that it is there now, with the first token and password, which are shown this once."""
        self._say("the database answers")
        self._print_token(token)
        self._print_password(password)

    def _print_token(self, token: str) -> None:
        if token:
            self._console.print(f"# token, shown only now: {token}", markup=False)

    def hunted(self, outcome: HuntOutcome, folder: DataFolder) -> None:
        """Say how a hunt ended."""
        if outcome.damage:
            self._say("spool damaged", failure=list(outcome.damage))
        if outcome.failure:
            said = {"failure": outcome.failure, "where": outcome.where, "next_step": outcome.next_step}
            self._say("hunt failed", **said, seconds=outcome.seconds)
        elif outcome.sequence is None:
            self._say("nothing to hunt in yet", seconds=outcome.seconds)
        else:
            self._say("hunted", snapshot=outcome.sequence, seconds=outcome.seconds, **verdicts(folder))

    def recovered(self, parts: Sequence[Recovered]) -> None:
        """Say what was found of parts that a process left open when it died."""
        for one in parts:
            facts: dict[str, Any] = {"failure": one.damage} if one.damage else {}
            self._say("part recovered", part=one.path.name, kept_bytes=one.size, cut_bytes=one.cut, **facts)

    def decided(self, entries: Sequence[LogEntry]) -> None:
        """Say what the rules of the policy appended to the decision log."""
        ended = sum(entry.kind == "undo" for entry in entries)
        if entries:
            self._say("decided", made=len(entries) - ended, undone=ended, dry_run=entries[-1].dry_run)

    def undecided(self, error: StillhuntError) -> None:
        """Say why nothing was decided."""
        self._say("nothing decided", failure=error.what, where=error.where, next_step=error.next_step)

    def fault(self, fault: ServiceFault, ended: bool) -> None:
        """Say what does not work any more, or works again."""
        if ended:
            self._say("fault ended", fault=fault.name)
        else:
            self._say("fault", fault=fault.name, failure=fault.statement)

    def watch(self, schedule: HuntSchedule | None, folder: DataFolder, database: WatchDatabase) -> None:
        """Show what goes on from now on; lines of JSON show events only."""
        del schedule, folder, database

    def _print_pasteable(self, listen: str, data: Path, token: str, parts: frozenset[str]) -> None:
        shown, receives = token or "TOKEN", "ingest" in parts
        lines = [f"listening on http://{listen}, data in {data}", ""]
        if token:
            lines += [f"token, shown only now: {token}", ""]
        elif receives:
            lines += ["TOKEN is what 'stillhunt token add NAME' prints", ""]
        for text in (PASTE_LITELLM, PASTE_COLLECTOR, PASTE_CURL, PASTE_FOLDER) if receives else ():
            lines += [text.format(address=reachable(listen), token=shown, data=shlex.quote(str(data))), ""]
        self._console.print("\n".join(lines), soft_wrap=True)

    def _say(self, event: str, **facts: Any) -> None:
        failed = "failure" in facts
        if self._quiet and not failed:
            return
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts}
        self._console.print(json.dumps(line), soft_wrap=True)


class LiveScreen(Screen):
    """A picture that is drawn again twice a second.

    Args:
        traffic: counts of the receiver; None where there is none.
    """

    def __init__(self, console: Console, traffic: Traffic | None) -> None:
        super().__init__(console, quiet=False)
        self._traffic = traffic
        self._rates: list[int] = []
        self._last_total, self._last_look = 0, time.monotonic()
        self._lines: list[str] = []
        self._schedule: HuntSchedule | None = None
        self._database: WatchDatabase | None = None
        self._linked_at, self._linked = 0.0, 0
        self._lock = threading.Lock()

    def started(self, listen: str, data: Path, token: str, parts: frozenset[str]) -> None:
        """Say where the server listens, and how to send to it."""
        if listen:
            self._print_pasteable(listen, data, token, parts)

    def warned(self, warnings: Sequence[str]) -> None:
        """Say what is weaker than it could be."""
        for text in warnings:
            self._console.print(f"# Warning: {text}.", markup=False, soft_wrap=True)

    def console_ready(self, listen: str, password: str) -> None:
        """Say where the console is, and the first admin's password, this once."""
        self._console.print(f"# Console: http://{reachable(listen)}/", markup=False)
        self._print_password(password)

    def waits(self, error: StillhuntError) -> None:
        """Show that the database is not there yet."""
        self._console.print(formatting.escape_controls(f"waiting for the database: {error.what}"))

    def database_came(self, token: str, password: str) -> None:
        """Show that it is there now."""
        self._console.print("the database answers")
        self._print_token(token)
        self._print_password(password)

    def watch(self, schedule: HuntSchedule | None, folder: DataFolder, database: WatchDatabase) -> None:
        """Show these from now on."""
        self._schedule, self._database = schedule, database
        self._lines = campaign_lines(folder)

    def hunted(self, outcome: HuntOutcome, folder: DataFolder) -> None:
        """Show what the hunt found."""
        for one in outcome.damage:
            self._console.print(formatting.escape_controls(f"damaged  {one}"), markup=False)
        if outcome.failure:
            where = f" [{outcome.where}]" if outcome.where else ""
            said = f"hunt failed: {outcome.failure}{where}. Next: {outcome.next_step}"
            self._console.print(formatting.escape_controls(said))
        self._lines = campaign_lines(folder)

    def recovered(self, parts: Sequence[Recovered]) -> None:
        """Show what was lost of parts that a process left open when it died; what was kept is no news."""
        for one in parts:
            if one.damage:
                self._console.print(f"damaged  part {one.path.name}: {one.damage}", markup=False)

    def decided(self, entries: Sequence[LogEntry]) -> None:
        """Show what the rules of the policy appended to the decision log."""
        ended = sum(entry.kind == "undo" for entry in entries)
        if entries:
            mode = " (dry run: nothing is in force)" if entries[-1].dry_run else ""
            made = formatting.plural(len(entries) - ended, "decision")
            self._console.print(f"decided  {made} made, {formatting.count(ended)} ended{mode}")

    def undecided(self, error: StillhuntError) -> None:
        """Show why nothing was decided."""
        said = f"nothing decided: {error.what} [{error.where}]. Next: {error.next_step}"
        self._console.print(formatting.escape_controls(said))

    def fault(self, fault: ServiceFault, ended: bool) -> None:
        """Show what does not work any more, or works again."""
        said = f"works again: {fault.name}" if ended else f"fault: {fault.name}: {fault.statement}"
        self._console.print(formatting.escape_controls(said))

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
            last = f"{'failed' if progress.last.failure else done}, took {progress.last.seconds:.0f} s"
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
def open_screen(traffic: Traffic | None, *, quiet: bool) -> Iterator[Screen]:
    """The screen that suits where stderr goes.

    Args:
        traffic: counts of the receiver; None where there is none.
    """
    console = message_console()
    if quiet or not console.is_terminal or console.is_dumb_terminal:
        yield Screen(console, quiet=quiet)
        return
    screen = LiveScreen(console, traffic)
    with Live(screen, console=console, refresh_per_second=REDRAWS_PER_SECOND, transient=False):
        yield screen
