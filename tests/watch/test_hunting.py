"""Scheduled hunts: what they find is what a plain hunt finds, and a killed one leaves nothing half-done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.base.schema import CANDIDATES
from stillhunt.base.table_files import parquet_bytes
from stillhunt.triage import Case
from stillhunt.watch import child
from stillhunt.watch.child import HuntOutcome, hunt_in_child, order_of, order_text
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, CAMPAIGN_EVENTS
from stillhunt.watch.folder import HUNT_ROLE, DataFolder
from stillhunt.watch.following import Arrivals
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.prepared import PreparedProcess
from stillhunt.watch.records import newest_sequence
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.snapshots import REMEMBERED_FILE, all_snapshots, latest_snapshot, remembered_groups
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import Stream, new_part
from watch.small_world import harvesters, lines, recent

STREAM = Stream("gateway", "jsonl", "jsonl")
CONFIG = Config()


def spool(folder: DataFolder, sent: tuple[bytes, ...], parts: int = 3) -> None:
    """Write lines as closed parts, as a receiver leaves them."""
    for number in range(parts):
        handle, _ = new_part(folder.spool, STREAM, datetime.now(UTC))
        os.write(handle, b"".join(sent[number::parts]))
        os.close(handle)
    close_left_behind(folder.spool)


def plan(folder: DataFolder, config: Config = CONFIG) -> HuntPlan:
    return HuntPlan(folder, config, (), time.time_ns() // 1000)


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A data folder with one snapshot; tests copy it."""
    folder = DataFolder(tmp_path_factory.mktemp("watch") / "data")
    spool(folder, lines())
    assert hunt_now(plan(folder)) is not None
    return folder


@pytest.fixture
def folder(hunted: DataFolder, tmp_path: Path) -> DataFolder:
    shutil.copytree(hunted.path, tmp_path / "data", symlinks=True)
    return DataFolder(tmp_path / "data")


def test_a_snapshot_holds_what_a_plain_hunt_finds(hunted: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines()))
    plain = stillhunt.hunt(str(tmp_path / "log.jsonl"), config=CONFIG)
    snapshot = latest_snapshot(hunted)
    assert snapshot is not None
    watched = Case.read(snapshot.case)
    assert watched.campaigns.num_rows
    for name, table in plain.tables.items():
        assert table.sort_by(table.column_names[0]).num_rows == watched.tables[name].num_rows, name
    assert plain.accounts.sort_by("account_id").equals(watched.accounts.sort_by("account_id"))
    assert plain.campaigns.equals(watched.campaigns)
    facts = snapshot.facts()
    assert (facts["requests"], facts["rejected"], facts["sequence"]) == (len(lines()), 0, 1)


def test_the_next_hunt_has_the_next_number_and_what_its_search_misses(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = all_snapshots(folder)
    remembered = first.remembered()
    assert set(remembered["account_id"].to_pylist()) == harvesters()
    # A search that misses a campaign by chance is not to be had for a test.
    monkeypatch.setattr("stillhunt.pipeline.resolve_campaigns", lambda *_: CANDIDATES.empty())
    spool(folder, lines()[:50])  # the same requests once more: counted once
    snapshot = hunt_now(plan(folder))
    assert snapshot is not None
    assert snapshot.sequence == 2
    assert latest_snapshot(folder) == snapshot
    assert snapshot.facts()["requests"] == len(lines())
    assert [one.sequence for one in all_snapshots(folder)] == [1, 2]
    before, after = Case.read(first.case), Case.read(snapshot.case)
    assert after.campaigns["campaign_id"].to_pylist() == before.campaigns["campaign_id"].to_pylist()
    assert after.accounts["flagged"].equals(before.accounts["flagged"])
    assert remembered_groups(folder, CONFIG.seed).equals(remembered)
    assert remembered_groups(folder, CONFIG.seed + 1).num_rows == 0  # it has other folds
    path = snapshot.path / REMEMBERED_FILE
    for damaged in (b"PAR1", path.read_bytes().replace(b"missed", b"mis\xf3ed"), parquet_bytes(remembered.slice(1))):
        path.write_bytes(damaged)
        assert remembered_groups(folder, CONFIG.seed).num_rows == 0  # the next hunt has what it finds alone
        with pytest.raises(CaseError):
            snapshot.remembered()


def test_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    empty = DataFolder(tmp_path / "data")
    assert hunt_now(plan(empty)) is None
    assert latest_snapshot(empty) is None


def test_two_hunts_in_one_folder_are_refused(folder: DataFolder) -> None:
    with folder.role(HUNT_ROLE), pytest.raises(OutputError, match="another process"):
        hunt_now(plan(folder))


def test_the_first_traffic_does_not_wait_for_a_whole_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, now = DataFolder(tmp_path / "data"), [1000.0]
    outcomes = iter([HuntOutcome(), HuntOutcome(sequence=1)])
    monkeypatch.setattr("stillhunt.watch.schedule.hunt_in_child", lambda *_: next(outcomes))
    schedule = HuntSchedule(HuntPlan(folder, CONFIG), clock=lambda: now[0])
    schedule._run_scheduled_hunt()
    now[0] += 120.0
    assert not schedule._is_hunt_due()  # there is nothing to read yet
    spool(folder, lines()[:2], 1)
    assert schedule._is_hunt_due()
    schedule._run_scheduled_hunt()
    now[0] += 120.0
    assert not schedule._is_hunt_due()  # from now on the interval holds


def test_hunts_follow_what_arrives_within_their_share_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, outcome = [1000.0], HuntOutcome(sequence=1, cpu_seconds=20.0)
    monkeypatch.setattr("stillhunt.watch.schedule.hunt_in_child", lambda *_: outcome)
    monkeypatch.setattr("stillhunt.watch.schedule.os.cpu_count", lambda: 2)
    folder = DataFolder(tmp_path / "data")
    schedule = HuntSchedule(HuntPlan(folder, Config()), clock=lambda: now[0])
    schedule.hear_arrivals(Arrivals(1000, 3))
    schedule._run_scheduled_hunt()
    now[0] += 41.0  # 20 seconds of a quarter of two processors are paid for after 40
    assert not schedule._is_hunt_due()
    for arrived in (Arrivals(1000, 4), Arrivals(1251, 3)):
        schedule.hear_arrivals(arrived)
        assert schedule._is_hunt_due(), arrived
    schedule.hear_arrivals(Arrivals(1250, 3))
    assert not schedule._is_hunt_due()
    schedule._run_scheduled_hunt()
    schedule.hear_arrivals(Arrivals(1250, 0))  # the process that counts began anew
    assert not schedule._is_hunt_due()
    schedule.hear_arrivals(Arrivals(1250, 1))
    now[0] += 39.0
    assert not schedule._is_hunt_due()
    now[0] += 1.0
    assert schedule._is_hunt_due()
    outcome = HuntOutcome(failure="x")
    schedule._run_scheduled_hunt()
    now[0] += 29.0
    schedule.hear_arrivals(Arrivals(1250, 2))
    assert not schedule._is_hunt_due()  # a failure has a wait of its own
    never = HuntSchedule(HuntPlan(folder, Config.load({"watch": {"early_share": 0}}, environ={})), clock=lambda: now[0])
    never._run_scheduled_hunt()
    never.hear_arrivals(Arrivals(9999, 9))
    assert not never._is_hunt_due()


@pytest.mark.parametrize(("bytes_allowed", "limit"), [(1 << 30, 805_306_368), (sys.maxsize, None)])
def test_the_memory_of_a_container_bounds_a_hunt(
    monkeypatch: pytest.MonkeyPatch, bytes_allowed: int, limit: int | None
) -> None:
    monkeypatch.setattr(child, "container_memory", lambda: bytes_allowed)
    whole = int(child.MEMORY_SHARE * child.psutil.virtual_memory().total)
    assert child.memory_limit(CONFIG) == (limit or whole)


@pytest.mark.parametrize(("kills", "said"), [((4, 5), "the kernel ended the hunt for lack of memory"), ((4, 4), "-9")])
def test_a_hunt_that_the_kernel_killed_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: tuple[int, int], said: str
) -> None:
    counts = iter(kills)
    monkeypatch.setattr(child, "memory_kills", lambda: next(counts))
    words = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    pipe = subprocess.PIPE
    monkeypatch.setattr(
        child,
        "_start_hunt_process",
        lambda *_: subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True),
    )
    outcome = child.hunt_in_child(plan(DataFolder(tmp_path / "data")))
    assert said in outcome.failure
    assert outcome.next_step


def test_a_campaign_that_comes_back_with_other_accounts_is_tied_to_the_old_one(tmp_path: Path) -> None:
    folder, sent = DataFolder(tmp_path / "data"), recent(accounts=24)
    owner = {line: json.loads(line)["account_id"] for line in sent}
    camp = sorted(harvesters(accounts=24))
    first, second = set(camp[:12]), set(camp[12:])
    spool(folder, tuple(line for line in sent if owner[line] not in second))
    before = hunt_now(plan(folder))
    assert before is not None
    (old,) = Case.read(before.case).campaigns["campaign_id"].to_pylist()
    for part in folder.spool.glob("*/*/part-*"):
        part.unlink()  # the old campaign has left the window
    spool(folder, tuple(line for line in sent if owner[line] not in first))
    assert hunt_now(plan(folder)) is not None
    database = _database(folder)
    events = database.read(select(CAMPAIGN_EVENTS).where(CAMPAIGN_EVENTS.c.event == "returned"))
    (event,) = events
    assert json.loads(event["others"]) == [old]
    assert event["campaign_id"] != old
    assert f"that it is campaign {old} again" in event["reason"]
    assert [row["kind"] for row in database.read(select(ALERTS)) if row["kind"] == "campaign_returned"]
    database.close()


def _database(folder: DataFolder) -> WatchDatabase:
    return WatchDatabase("", folder.database)


def test_an_order_survives_the_pipe(folder: DataFolder) -> None:
    config = Config.load({"sanctioned": {"accounts": ["a"]}, "collect": {"identity_key": "k" * 20}}, environ={})
    order = HuntPlan(folder, config, ("logs/*",), 7)
    again = order_of(order_text(order))
    assert (again.config, again.watched, again.now, again.data.path) == (config, ("logs/*",), 7, folder.path)


@pytest.fixture
def prepared() -> Iterator[PreparedProcess]:
    with closing(PreparedProcess()) as process:
        yield process


def test_a_child_hunts_and_one_that_takes_too_much_memory_is_ended(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, prepared: PreparedProcess
) -> None:
    left = folder.scratch / "stillhunt-join-x"
    left.mkdir(parents=True)
    (left / "calls.parquet").write_bytes(b"a victim's prompt, left by a hunt that was killed")
    outcome = hunt_in_child(plan(folder), None, prepared)
    assert (outcome.sequence, outcome.failure) == (2, "")
    assert outcome.peak_bytes > 0
    process = prepared._process
    assert list(folder.scratch.iterdir()) == []
    monkeypatch.setattr(child, "_POLL_SECONDS", 0.02)
    small = Config.load({"watch": {"memory_limit_gb": 0.01}}, environ={})
    outcome = hunt_in_child(plan(folder, small), None, prepared)
    assert "GiB of memory" in outcome.failure
    assert "watch.memory_limit_gb" in outcome.next_step
    assert prepared._process is process is not None
    assert newest_sequence(_database(folder)) == 2


def test_a_schedule_hunts_at_once_then_by_time_by_number_and_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, received, came = [1000.0], [0], threading.Semaphore(0)
    outcomes = iter(
        [HuntOutcome(sequence=1), HuntOutcome(sequence=2), HuntOutcome(failure="x"), *[HuntOutcome(sequence=3)] * 9]
    )
    monkeypatch.setattr("stillhunt.watch.schedule.hunt_in_child", lambda *_: next(outcomes))
    config = Config.load({"watch": {"every_minutes": 10.0, "every_requests": 100}}, environ={})
    schedule = HuntSchedule(
        HuntPlan(DataFolder(tmp_path / "data"), config),
        lambda: received[0],
        lambda *_: came.release(),
        lambda: now[0],
    )
    schedule.start()
    assert came.acquire(timeout=5)
    assert schedule.progress.next_at == pytest.approx(1600.0)
    assert not schedule._is_hunt_due()
    received[0] = 100
    assert came.acquire(timeout=5)  # it looks each second
    now[0] = 1600.0
    schedule._wake.set()
    assert came.acquire(timeout=5)
    assert (schedule.progress.failures, schedule.progress.next_at) == (1, pytest.approx(1630.0))
    now[0] = 100.0  # the clock jumps back by half an hour: no hunt waits for it to catch up
    schedule._wake.set()
    assert came.acquire(timeout=5)
    assert schedule.progress.failures == 0
    schedule.ask()
    assert came.acquire(timeout=5)
    schedule.stop()
    assert schedule.progress.hunts == {"ok": 4, "failed": 1, "nothing": 0}
