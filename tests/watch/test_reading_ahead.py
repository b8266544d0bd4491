"""While a backlog arrives, no hunt begins before its time, and what has come is read ahead of the next one."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillhunt.base.config import Config
from stillhunt.extract import sketch_requests
from stillhunt.triage import Case
from stillhunt.watch.child import HuntOutcome, hunt_in_child
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.following import Arrivals
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.reading_ahead import read_ahead
from stillhunt.watch.schedule import BACKLOG_BYTES_PER_SECOND, HuntSchedule
from stillhunt.watch.snapshots import all_snapshots
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import Stream, new_part, open_parts
from watch.small_world import lines

STREAM = Stream("gateway", "jsonl", "jsonl")
FAST, SLOW = int(10.5 * BACKLOG_BYTES_PER_SECOND), int(9.5 * BACKLOG_BYTES_PER_SECOND)  # in ten seconds


def spool(folder: DataFolder, sent: list[bytes]) -> None:
    for batch in sent:
        handle, _ = new_part(folder.spool, STREAM, datetime.now(UTC))
        os.write(handle, batch)
        os.close(handle)
    close_left_behind(folder.spool)


def plan(folder: DataFolder, only_reads: bool = False) -> HuntPlan:
    return HuntPlan(folder, Config(), (), time.time_ns() // 1000, only_reads=only_reads)


def test_a_hunt_finds_the_same_and_sketches_only_what_was_not_read_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [b"".join(lines()[start::3]) for start in range(3)]
    cases, sketched = [], []

    def count_rows(batch, config):  # type: ignore[no-untyped-def]  # as the original
        sketched.append(batch.num_rows)
        return sketch_requests(batch, config)

    monkeypatch.setattr("stillhunt.pipeline_local.sketch_requests", count_rows)
    for name, ahead in (("ahead", True), ("plain", False)):
        folder = DataFolder(tmp_path / name)
        spool(folder, sent[:2])
        if ahead:
            outcome = hunt_in_child(plan(folder, only_reads=True))
            assert (outcome.failure, outcome.sequence) == ("", None)
            assert all_snapshots(folder) == []
        spool(folder, sent[2:])
        sketched.clear()
        snapshot = hunt_now(plan(folder))
        assert snapshot is not None
        assert sum(sketched) == (len(lines()[2::3]) if ahead else len(lines()))
        cases.append(Case.read(snapshot.case))
    ahead_case, plain_case = cases
    assert plain_case.campaigns.num_rows
    for name, table in plain_case.tables.items():
        assert table.num_rows == ahead_case.tables[name].num_rows, name
    assert plain_case.members.drop_columns(["campaign_id"]).equals(ahead_case.members.drop_columns(["campaign_id"]))


def test_reading_ahead_closes_no_part_and_needs_none(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    read_ahead(plan(folder, only_reads=True))
    handle, path = new_part(folder.spool, STREAM, datetime.now(UTC))
    os.write(handle, lines()[0])
    read_ahead(plan(folder, only_reads=True))
    assert open_parts(folder.spool) == [path]
    os.close(handle)


def schedule_in(
    folder: DataFolder, now: list[float], orders: list[bool], monkeypatch: pytest.MonkeyPatch
) -> HuntSchedule:
    """A schedule whose hunts and readings are noted in `orders`: whether each only reads."""

    def note(order: HuntPlan, *_rest: object) -> HuntOutcome:
        orders.append(order.only_reads)
        return HuntOutcome(sequence=None if order.only_reads else 1, failure="x" if len(orders) == 3 else "")

    monkeypatch.setattr("stillhunt.watch.schedule.hunt_in_child", note)
    return HuntSchedule(HuntPlan(folder, Config()), clock=lambda: now[0])


def test_a_backlog_puts_off_early_hunts_and_is_read_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[bool] = []
    now, held = [1000.0], 10**9
    schedule = schedule_in(DataFolder(tmp_path / "data"), now, orders, monkeypatch)
    schedule.hear_arrivals(Arrivals(held, 0))  # what lies there since earlier is no arrival
    schedule._run_scheduled_hunt()
    assert orders == [False]

    def pass_ten_seconds(arrived: int, signs: int = 0) -> tuple[bool, bool]:
        nonlocal held
        held += arrived
        now[0] += 10.0
        schedule.hear_arrivals(Arrivals(held, signs))
        return schedule._is_hunt_due(), schedule._is_reading_due()

    assert pass_ten_seconds(FAST, signs=1) == (False, True)
    schedule._read_ahead()
    assert orders == [False, True]
    assert not schedule._is_reading_due()  # just read
    assert pass_ten_seconds(FAST, signs=1) == (False, True)
    schedule._read_ahead()  # it fails
    assert pass_ten_seconds(FAST, signs=1) == (False, False)  # the next hunt tells why
    assert pass_ten_seconds(SLOW, signs=1) == (True, False)
    schedule._run_scheduled_hunt()
    assert pass_ten_seconds(FAST, signs=2) == (False, True)
    now[0] += 40.0
    assert not schedule._is_reading_due()  # nobody tells arrivals any more
    assert schedule._is_hunt_due()  # so the sign counts
    assert pass_ten_seconds(FAST * 5, signs=2) == (False, True)
    now[0] += 900.0
    assert schedule._is_hunt_due()  # one by the clock does not wait


def test_the_first_traffic_of_a_backlog_is_hunted_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, now = DataFolder(tmp_path / "data"), [1000.0]
    schedule = schedule_in(folder, now, [], monkeypatch)
    schedule.progress.last = HuntOutcome()
    schedule.hear_arrivals(Arrivals())
    spool(folder, [lines()[0]])
    now[0] += 120.0
    schedule.hear_arrivals(Arrivals(12 * FAST))
    assert not schedule._is_hunt_due()
    now[0] += 10.0
    schedule.hear_arrivals(Arrivals(12 * FAST + 100))
    assert schedule._is_hunt_due()
