"""Signatures at work: records are matched as they arrive, in a process beside the receiver.

Hunts see a new account at the next hunt; this sees it within seconds. What it finds is no verdict: it is entered, and
an alert says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import insert, select

from stillhunt.base.errors import StillhuntError
from stillhunt.watch.alerts.changes import replacement_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.child import order_of, order_text
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, CAMPAIGN_ROWS, LINKED_ACCOUNTS
from stillhunt.watch.hunting import HuntPlan, signatures_of
from stillhunt.watch.signatures.follow import Follower
from stillhunt.watch.signatures.matcher import LinkedAccount, Matcher
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.tail import SpoolTail

FOLLOW = "follow"
"""Word behind `python -m stillhunt.watch` for this process."""
LOOK_SECONDS = 1.0
"""How often the spool is looked at. Judgement: a link within seconds, and little work where nothing arrives."""
RESTART_SECONDS = 5.0


class SpoolFollower:
    """Matches what arrives in a spool with the signatures of the latest snapshot.

    Args:
        plan: data folder and settings.
        database: of the data folder.
    """

    def __init__(self, plan: HuntPlan, database: WatchDatabase) -> None:
        self._plan, self._database = plan, database
        self._tail = SpoolTail(plan.data.spool)
        self._sequence: int | None = None
        config = plan.config.model_copy(update={"state": str(plan.data.state), "engine": "duckdb"})
        self._follower = Follower(Matcher([]), config)
        self._armed = False

    def look(self) -> list[LinkedAccount]:
        """Match what came since the last look; enter the accounts that are linked for the first time."""
        self._take_signatures()
        linked: list[LinkedAccount] = []
        for records, ending in self._tail.new_records():
            if self._armed:
                linked += self._follower.follow(records, ending)
        return self._enter(linked) if linked else []

    def close(self) -> None:
        """Free what it holds."""
        self._follower.close()

    def _take_signatures(self) -> None:
        snapshot = latest_snapshot(self._plan.data)
        if snapshot is None or snapshot.sequence == self._sequence:
            return
        found = signatures_of(self._plan.data, self._plan.config.seed).in_force(time.time_ns() // 1000)
        self._sequence, self._armed = snapshot.sequence, bool(found.signatures)
        self._follower.matcher = Matcher(found.signatures)

    def _enter(self, linked: Sequence[LinkedAccount]) -> list[LinkedAccount]:
        now = time.time_ns() // 1000
        with self._database.write() as connection:
            pairs = [CAMPAIGN_MEMBERS, LINKED_ACCOUNTS]
            known = {
                (row.campaign_id, row.account_id)
                for table in pairs
                for row in connection.execute(
                    select(table.c.campaign_id, table.c.account_id).where(
                        table.c.campaign_id.in_({one.campaign_id for one in linked})
                    )
                )
            }
            tracked = set(connection.execute(select(CAMPAIGN_ROWS.c.campaign_id)).scalars())
            new = {
                (one.campaign_id, one.account_id): one
                for one in linked
                if one.campaign_id in tracked and (one.campaign_id, one.account_id) not in known
            }
            if not new:
                return []
            rows = [
                {
                    "campaign_id": one.campaign_id,
                    "account_id": one.account_id,
                    "at": now,
                    "bits": one.bits,
                    "requests": one.requests,
                    "reasons": json.dumps(one.reasons),
                }
                for one in new.values()
            ]
            connection.execute(insert(LINKED_ACCOUNTS), rows)
            counts: dict[str, list[LinkedAccount]] = {}
            for one in new.values():
                counts.setdefault(one.campaign_id, []).append(one)
            settings = self._plan.config.alerts
            alerts = [
                replacement_alert(name, len(accounts), accounts[0].reasons[0], now, settings)
                for name, accounts in sorted(counts.items())
            ]
            record_alerts(connection, alerts, settings)
        return list(new.values())


def follow(plan: HuntPlan, stop: threading.Event) -> None:
    """Follow the spool until told to stop; the body of the process.

    Args:
        plan: data folder and settings.
        stop: ends it.
    """
    database = WatchDatabase(plan.config.watch.database, plan.data.database)
    follower = SpoolFollower(plan, database)
    try:
        while not stop.wait(LOOK_SECONDS):
            with suppress(
                StillhuntError, OSError
            ):  # the database is busy, or a snapshot just went: the next look comes
                follower.look()
    finally:
        follower.close()
        database.close()


@contextmanager
def following(plan: HuntPlan) -> Iterator[None]:
    """Run a process that follows the spool; it is started again where it dies.

    Args:
        plan: data folder and settings.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_supervise, args=(plan, stop), name="stillhunt-following", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _supervise(plan: HuntPlan, stop: threading.Event) -> None:
    words = [sys.executable, "-m", "stillhunt.watch", FOLLOW]
    while not stop.is_set():
        nowhere = subprocess.DEVNULL
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)  # noqa: S603 - our own module
        with suppress(OSError):
            if child.stdin is not None:
                child.stdin.write(order_text(plan).encode() + b"\n")
                child.stdin.flush()
        while child.poll() is None and not stop.wait(LOOK_SECONDS):
            pass
        if child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()  # the child ends when its input does, so it never outlives this process
        child.wait()
        stop.wait(RESTART_SECONDS)


def main_follow() -> None:
    """The process: the plan is the first line of stdin, and the end of stdin ends it."""
    plan = order_of(sys.stdin.readline())
    stop = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    follow(plan, stop)
