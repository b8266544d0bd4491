"""A hunt records its alerts with its findings; failures in a row are an alert; old things go after every hunt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.schema import REMEMBERED
from stillhunt.watch import hunting
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, DELIVERIES
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.lineage.campaigns import Settled
from stillhunt.watch.rule_rows import HOUR_ROWS, RuleRows
from stillhunt.watch.schedule import after_hunt
from stillhunt.watch.signatures.signature import no_signatures
from watch.alert_scenes import ACT, CASE, event
from watch.data_folders import CONFIG, DAY, NOW, part

PLAN_CONFIG = CONFIG.model_copy(
    update={"alerts": CONFIG.alerts.model_validate({"files": [{"path": "/a"}], "hunt_failures": 2})}
)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def store(folder: DataFolder) -> Iterator[WatchDatabase]:
    database = WatchDatabase("", folder.database)
    yield database
    database.close()


def kinds(store: WatchDatabase) -> list[str]:
    return [row["kind"] for row in store.read(select(ALERTS.c.kind).order_by(ALERTS.c.at))]


def test_failures_in_a_row_and_recovery(folder: DataFolder, store: WatchDatabase) -> None:
    failed = HuntOutcome(failure="the hunt ended unexpectedly: ValueError: my secret prompt", next_step="wait")
    for number, outcome in enumerate((failed, failed, failed, HuntOutcome(sequence=1), HuntOutcome(sequence=2))):
        failures = number + 1 if outcome.failure else 0
        after_hunt(HuntPlan(folder, PLAN_CONFIG, now=NOW + number), store, outcome, failures)
        assert kinds(store) == [[], *[["hunt_failing"]] * 2, *[["hunt_failing", "hunt_recovered"]] * 2][number]
    assert "my secret prompt" not in str(store.read(select(ALERTS)))
    assert len(store.read(select(DELIVERIES))) == 2


def test_old_records_go_after_every_hunt_also_a_failed_one(folder: DataFolder, store: WatchDatabase) -> None:
    path = part(folder, 11)
    deleted = after_hunt(HuntPlan(folder, PLAN_CONFIG, now=NOW), store, HuntOutcome(failure="no room"), 1)
    assert deleted.parts == 1
    assert not path.exists()


def test_a_database_that_is_gone_ends_nothing(folder: DataFolder, store: WatchDatabase) -> None:
    store.close()
    for path in folder.path.glob("stillhunt.db*"):
        path.unlink()
    folder.database.mkdir()
    assert not after_hunt(HuntPlan(folder, PLAN_CONFIG, now=NOW), store, HuntOutcome(sequence=1), 0)


def test_a_disk_without_room_is_an_alert_once_a_quiet_period(folder: DataFolder, store: WatchDatabase) -> None:
    full = PLAN_CONFIG.model_copy(update={"serve": ServeSettings(free_gb=1e6)})
    for number in range(3):
        after_hunt(HuntPlan(folder, full, now=NOW + number), store, HuntOutcome(), 0)
    (alert,) = store.read(select(ALERTS))
    assert alert["kind"] == "disk_limit"
    assert "serve.free_gb" in alert["body"]


def test_a_hunt_records_alerts_with_its_findings(
    folder: DataFolder, store: WatchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    part(folder, 0)
    rows = RuleRows(*[HOUR_ROWS.empty_table()] * 3)
    found = hunting._Found(CASE, no_signatures(0), {}, [], [], {}, {}, rows, REMEMBERED.empty())
    monkeypatch.setattr(hunting, "_signing_hunt", lambda *_: found)
    first: Any = iter([(event("born"),)])
    monkeypatch.setattr(hunting, "settle", lambda *_: Settled({}, {}, next(first, ())))
    monkeypatch.setattr(hunting, "record_hunt", lambda *_: None)
    for number in range(3):
        hunt_now(HuntPlan(folder, PLAN_CONFIG, now=NOW + number * DAY))
    (alert,) = store.read(select(ALERTS))
    assert (alert["kind"], alert["campaign_id"]) == ("campaign_new", ACT)
    assert len(store.read(select(DELIVERIES))) == 1
