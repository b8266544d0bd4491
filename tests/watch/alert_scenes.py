"""A database, campaigns and alerts as the tests of alerts need them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import select

from stillhunt.base.config_alerts import AlertSettings
from stillhunt.triage import Case
from stillhunt.watch.alerts.changes import Alert, alerts_of, limit_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.alerts.parameters import LIMITS_OF_SENDING
from stillhunt.watch.alerts.sending import DeliveryError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DELIVERIES
from stillhunt.watch.early_signs.signs import EarlySign
from stillhunt.watch.lineage.campaigns import Event
from triage.fixtures import demo_case

ACT, OTHER_ACT, REVIEW = "hunt-7f3a91c2", "hunt-c41d08be", "hunt-0e9b55d7"
MINUTE, HOUR = 60_000_000, 3_600_000_000
START = 1_772_500_000_000_000
FAST = LIMITS_OF_SENDING._replace(poll=0.01, timeout=2.0)
CASE = demo_case()
CASE.run["budget"] = {"required_bits": 10.0, "days": 14.0}


@contextmanager
def database(folder: Path) -> Iterator[WatchDatabase]:
    store = WatchDatabase("", folder / "stillhunt.db")
    try:
        yield store
    finally:
        store.close()


def waiting_and_lost(database: WatchDatabase) -> dict[str, tuple[int, int]]:
    """Receiver -> (alerts that wait to be sent, alerts that were given up)."""
    unsent = database.read(select(DELIVERIES).where(DELIVERIES.c.sent_at.is_(None)))
    counts = {
        name: [row["next_try"] is None for row in unsent if row["channel"] == name]
        for name in sorted({row["channel"] for row in unsent})
    }
    return {name: (lost.count(False), lost.count(True)) for name, lost in counts.items()}


def with_verdict(case: Case, campaign: str, verdict: str) -> Case:
    """The case in which one campaign has another verdict."""
    table = case.tables["campaigns"]
    verdicts = [
        verdict if name == campaign else old
        for name, old in zip(table["campaign_id"].to_pylist(), table["verdict"].to_pylist(), strict=True)
    ]
    place = table.column_names.index("verdict")
    changed = table.set_column(place, table.schema.field(place), pa.array(verdicts, pa.string()))
    return Case({**case.tables, "campaigns": changed}, case.samples, case.timeline, case.run)


def some_sign(*accounts: str, name: str = "s1") -> EarlySign:
    said = "Model x appeared, and 8 of 12 members at work began with it within a day"
    return EarlySign(name, "new_model", ACT, list(accounts), "x", START, START, said)


def event(kind: str, campaign: str = ACT, *others: str, reason: str = "something changed") -> Event:
    return Event(campaign, kind, others, reason)


def alerts(
    events: Sequence[Event], at: int = START, sequence: int = 1, case: Case = CASE, **settings: Any
) -> list[Alert]:
    return alerts_of(events, case, {"sequence": sequence, "made_at": at}, AlertSettings(**settings))


def record(store: WatchDatabase, found: Sequence[Alert], settings: AlertSettings | None = None) -> list[str]:
    with store.write() as connection:
        return record_alerts(connection, found, settings or AlertSettings())


def some_alert(at: int = START, text: str = "the disk is nearly full") -> Alert:
    return limit_alert("disk_limit", text, at, AlertSettings())


class Told:
    """A receiver that remembers, and refuses as often as it is told to."""

    def __init__(self, name: str, refusals: int = 0) -> None:
        self.name, self.refusals = name, refusals
        self.bodies: list[Any] = []

    def deliver(self, due: Any, _now: float) -> str:
        if self.refusals:
            self.refusals -= 1
            raise DeliveryError("not now")
        self.bodies.append(due.body)
        return ""
