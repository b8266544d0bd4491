"""Warm hunts: known campaigns are judged by what is new, all else is taken over, and what is unknown is searched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.collect.sources.cloud_records import RECORDS
from tests.collect.sources.fixtures import NGINX

from stillhunt import pipeline
from stillhunt.base import column_files
from stillhunt.base.config import Config
from stillhunt.base.units import HOUR
from stillhunt.pipeline import HuntedTables
from stillhunt.pipeline_local import with_state_key
from stillhunt.score import rebuild_verdict, verdict_differences
from stillhunt.triage import Case
from stillhunt.watch.child import HuntOutcome, order_of, order_text
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.following import Arrivals
from stillhunt.watch.hunting import HuntPlan, hunt_now, hunt_settings
from stillhunt.watch.prepared import PreparedProcess
from stillhunt.watch.retention import kept_state
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.snapshots import all_snapshots, latest_snapshot
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt.watch.warm.base import Base, read_base, remove_base
from stillhunt.watch.warm.hunting import tell_warm
from stillhunt.watch.warm.joining import join_requests
from watch.small_world import harvesters, lines

STREAM = Stream("gateway", "jsonl", "jsonl")
HOURS = 24
CONFIG = Config(watch={"cold_hours": HOURS})
NEW = len(lines()) // 20
NOW = 1_772_600_000_000_000
LATER = NOW + HOUR


def spool(folder: DataFolder, sent: list[bytes]) -> None:
    handle, _ = new_part(folder.spool, STREAM, datetime.now(UTC))
    os.write(handle, b"".join(sent))
    os.close(handle)
    close_left_behind(folder.spool)


def hunt(folder: DataFolder, now: int, *, warm: bool = True, config: Config = CONFIG) -> Case:
    snapshot = hunt_now(HuntPlan(folder, config, (), now, warm=warm))
    assert snapshot is not None
    return Case.read(snapshot.case)


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A data folder with a cold hunt over all but the last twentieth of the small world."""
    folder = DataFolder(tmp_path_factory.mktemp("warm") / "data")
    spool(folder, list(lines()[:-NEW]))
    assert "warm" not in hunt(folder, NOW).run  # there was no base
    return folder


@pytest.fixture(scope="module")
def warm(hunted: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFolder, Case, Case]:
    """The same after a warm hunt over the rest: with its case, and that of a cold hunt over the same requests."""
    folder = copied(hunted, tmp_path_factory.mktemp("after"))
    spool(folder, list(lines()[-NEW:]))
    found = hunt(folder, LATER)
    beside = copied(folder, tmp_path_factory.mktemp("beside"))
    return folder, found, hunt(beside, LATER + HOUR, warm=False)


@pytest.fixture
def folder(hunted: DataFolder, tmp_path: Path) -> DataFolder:
    return copied(hunted, tmp_path)


def copied(folder: DataFolder, above: Path) -> DataFolder:
    shutil.copytree(folder.path, above / "data", symlinks=True)
    return DataFolder(above / "data")


def written_by(account: str, like: str, count: int) -> list[bytes]:
    """The last requests of an account, sent by another one."""
    rows = [row for row in map(json.loads, lines()) if row["account_id"] == like][-count:]
    made = ({**row, "account_id": account, "request_id": f"{account}-{place}"} for place, row in enumerate(rows))
    return [json.dumps(row).encode() + b"\n" for row in made]


def test_a_warm_hunt_says_what_it_did_and_on_which_base(warm: tuple[DataFolder, Case, Case]) -> None:
    folder, found, cold = warm
    said = found.run["warm"]
    assert (said["base"], said["base_at"], said["new_requests"]) == (1, NOW, NEW)
    assert said["judged"] == found.campaigns["campaign_id"].to_pylist()
    assert said["harvested"] == harvested(cold) - harvested(Case.read(folder.snapshots / "00000001" / "case")) > 0
    latest = latest_snapshot(folder)
    assert latest is not None
    assert tell_warm(latest.facts()) == f"warm: {NEW} new requests, 1 campaign judged again"
    assert "warm" not in cold.run


def harvested(case: Case) -> int:
    return case.harvest.num_rows


def test_its_findings_are_those_of_a_cold_hunt_where_topics_decide_nothing(warm: tuple[DataFolder, Case, Case]) -> None:
    _, found, cold = warm
    columns = ["account_id", "requests", "harvest_requests", "verdict", "flagged", "campaign_id"]
    assert found.accounts.select(columns).equals(cold.accounts.select(columns))
    assert set(found.accounts.filter(found.accounts["flagged"])["account_id"].to_pylist()) == harvesters()
    assert found.harvest.sort_by("request_id")["request_id"].equals(cold.harvest.sort_by("request_id")["request_id"])
    assert found.timeline.sort_by("bucket").equals(cold.timeline.sort_by("bucket"))
    assert found.run["counts"] == cold.run["counts"]
    assert found.samples.num_rows > 0
    ours, theirs = found.campaigns["score"][0].as_py(), cold.campaigns["score"][0].as_py()
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_its_verdict_follows_from_its_rows_bit_for_bit(warm: tuple[DataFolder, Case, Case]) -> None:
    _, found, _ = warm
    (name,) = found.run["warm"]["judged"]
    campaigns, evidence, members = (
        table.filter(pc.equal(table["campaign_id"], name)) for table in (found.campaigns, found.evidence, found.members)
    )
    budget = found.run["budget"]
    rebuilt = rebuild_verdict(evidence, members, found.accounts, CONFIG, budget["accounts"], budget["days"])
    assert verdict_differences(rebuilt, campaigns.to_pylist()[0], evidence, members, found.accounts) == []


def test_a_second_warm_hunt_counts_nothing_twice(warm: tuple[DataFolder, Case, Case], tmp_path: Path) -> None:
    folder = copied(warm[0], tmp_path)
    spool(folder, list(lines()[-NEW // 2 :]))  # the gateway sends them again
    again = hunt(folder, LATER + HOUR)
    assert (again.run["warm"]["base"], again.run["warm"]["new_requests"]) == (1, NEW)
    assert again.harvest.num_rows == warm[1].harvest.num_rows


def test_columns_that_are_seldom_read_are_not_held_in_memory(
    warm: tuple[DataFolder, Case, Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = hunt_settings(HuntPlan(warm[0], CONFIG))
    base = read_base(warm[0].state, settings)
    assert isinstance(base, Base)
    found = pipeline.read_new_requests(str(warm[0].spool), settings, base.inputs, NEW).sketches
    assert found is not None
    new = found.filter(pc.is_in(found["account_id"].cast("string"), pa.array(sorted(harvesters()))))
    monkeypatch.setattr(column_files, "HELD_BYTES", 0)
    held = pa.total_allocated_bytes()
    joined = join_requests(base, new, settings.seed).traffic
    assert joined.num_rows == base.tables["traffic"].num_rows + new.num_rows
    assert pa.total_allocated_bytes() - held < joined.nbytes / 2


def test_calls_that_share_an_id_all_count(folder: DataFolder) -> None:
    """A client may choose the id: with one that was used, an operation would be out of sight until the next search."""
    own = [row for row in map(json.loads, lines()) if row["account_id"] == sorted(harvesters())[0]]
    again = [{**row, "request_id": own[0]["request_id"]} for row in own[-9:]]
    before = harvested(Case.read(folder.snapshots / "00000001" / "case"))
    spool(folder, [json.dumps(row).encode() + b"\n" for row in [own[0], *again, again[0]]])
    found = hunt(folder, LATER)
    assert found.run["warm"]["new_requests"] == len(again)
    assert harvested(found) == before + len(again) == harvested(hunt(folder, LATER + 1, warm=False))


def test_what_touches_no_campaign_only_counts(folder: DataFolder) -> None:
    before = Case.read(folder.snapshots / "00000001" / "case")
    honest = [line for line in lines()[-NEW:] if json.loads(line)["account_id"] not in harvesters()]
    spool(folder, [*honest, *written_by("acc-unseen", json.loads(honest[0])["account_id"], 1)])
    found = hunt(folder, LATER)
    assert found.run["warm"]["judged"] == []
    assert found.evidence.equals(before.evidence)
    assert found.run["counts"]["requests"] == before.run["counts"]["requests"] + len(honest) + 1
    (unseen,) = (row for row in found.accounts.to_pylist() if row["account_id"] == "acc-unseen")
    assert (unseen["verdict"], unseen["requests"]) == ("none", 1)


def test_an_account_that_begins_to_send_a_known_template_makes_the_hunt_cold(folder: DataFolder) -> None:
    some = sorted(harvesters())[0]
    spool(folder, written_by("acc-newcomer", some, CONFIG.link.min_slice_requests - 1))
    assert "warm" in hunt(folder, LATER).run
    spool(folder, written_by("acc-newcomer-2", some, 20))
    found = hunt(folder, LATER + 1)
    assert "warm" not in found.run
    assert "acc-newcomer-2" in found.members["account_id"].to_pylist()


@pytest.mark.parametrize(
    ("change", "now"),
    [({}, NOW + HOURS * HOUR), ({"score": {"review_probability": 0.6}}, LATER)],
)
def test_an_old_base_and_other_settings_make_a_hunt_cold(folder: DataFolder, change: dict[str, Any], now: int) -> None:
    assert "warm" not in hunt(folder, now, config=Config(watch={"cold_hours": HOURS}, **change)).run


@pytest.mark.parametrize("settings", [{"cold_hours": 0}, {"cold_hours": 1, "every_minutes": 60}])
def test_nothing_is_kept_for_warm_hunts_where_every_hunt_searches(
    folder: DataFolder, settings: dict[str, float]
) -> None:
    assert not {"warm", "cold"} & hunt(folder, LATER, config=Config(watch=settings)).run.keys()
    assert [path.name for path in folder.state.iterdir() if "base" in path.name] == []


def test_another_accounts_table_makes_a_hunt_cold(hunted: DataFolder, tmp_path: Path) -> None:
    folder, table = copied(hunted, tmp_path), tmp_path / "accounts.csv"
    config = Config(watch={"cold_hours": HOURS, "accounts": str(table)})
    some = sorted(harvesters())[0]
    for at, plan, warm in ((1, "free", False), (2, "free", True), (3, "pro", False), (4, "pro", True)):
        table.write_text(f"account_id,plan\n{some},{plan}\n")
        assert ("warm" in hunt(folder, LATER + at, config=config).run) == warm


def test_inputs_that_are_joined_are_known_again(tmp_path: Path) -> None:
    kong = RECORDS["kong"][0]
    logs = {
        "kong.log": [{**kong, "request": {**kong["request"], "id": f"q-{n}"}} for n in range(50)],
        "edge.log": [{**NGINX, "request_id": f"q-{n}", "msec": NGINX["msec"] + n} for n in range(50)],
    }
    (tmp_path / "logs").mkdir()
    for name, rows in logs.items():
        (tmp_path / "logs" / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    config, known = with_state_key(Config(state=str(tmp_path / "state"))), list[HuntedTables]()
    pipeline.hunt(tmp_path / "logs", None, config, after=lambda _, hunted: known.append(hunted))
    found = pipeline.read_new_requests(tmp_path / "logs", config, known[0].inputs, 1e6)
    assert not known[0].inputs & {one.sha256 for one in found.facts.inputs}  # each depends on the other as well
    assert found.sketches is not None
    assert found.sketches.num_rows == 0


def test_much_that_is_new_makes_a_hunt_cold(folder: DataFolder) -> None:
    some = next(
        json.loads(line)["account_id"] for line in lines() if json.loads(line)["account_id"] not in harvesters()
    )
    rows = [json.loads(line) for line in lines()][: len(lines()) // 9]
    spool(folder, [json.dumps({**row, "account_id": some, "request_id": f"n{place}"}).encode() + b"\n"
                   for place, row in enumerate(rows)])  # fmt: skip
    assert "warm" not in hunt(folder, LATER).run


@pytest.mark.parametrize("name", ["facts.json", "learned.npz", "traffic.arrow", "sliced.arrow"])
def test_a_damaged_base_is_none_that_a_hunt_uses(folder: DataFolder, name: str) -> None:
    path = folder.state / "base" / name
    content = bytearray(path.read_bytes())
    for place in (0, len(content) // 2, len(content) - 1):
        content[place] ^= 1
        path.write_bytes(content)
        content[place] ^= 1
        assert is_refused(folder)
    path.write_bytes(content[:-64])
    assert is_refused(folder)
    path.unlink()
    assert is_refused(folder)


def is_refused(folder: DataFolder) -> bool:
    """Whether the base is not what was written."""
    try:
        base = read_base(folder.state, hunt_settings(HuntPlan(folder, CONFIG)))
        return isinstance(base, str) or not [
            base.tables[name] for name in ("traffic", "sliced", "candidates", "totals")
        ]
    except (OSError, ValueError):
        return True


def test_a_base_that_cannot_be_read_makes_a_hunt_cold_and_run_json_says_why(folder: DataFolder) -> None:
    path = folder.state / "base" / "facts.json"
    path.write_text(path.read_text()[:-64])
    found = hunt(folder, LATER)
    assert "warm" not in found.run
    why = "what was kept of the last search cannot be used (JSONDecodeError)"
    latest = latest_snapshot(folder)
    assert latest is not None
    assert (found.run["cold"], tell_warm(latest.facts())) == (why, f"cold: {why}")
    again = hunt(folder, LATER + 1)
    assert "warm" in again.run  # the cold one left another base
    assert "cold" not in again.run


@pytest.mark.parametrize(
    ("free_gb", "why"),
    [(None, "No space left on device"), (1e9, "less of the disk than serve.free_gb would be free")],
)
def test_a_hunt_whose_base_cannot_be_written_is_published_and_leaves_nothing_of_it(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, free_gb: float, why: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if free_gb is None:
        monkeypatch.setattr(np, "savez", full)  # after the tables
    (folder.state / "base.part").mkdir()  # of a hunt that was killed
    config = Config(watch={"cold_hours": HOURS}, serve={"free_gb": free_gb or 0})
    assert "warm" not in hunt(folder, LATER, warm=False, config=config).run
    assert latest_snapshot(folder) == all_snapshots(folder)[-1]
    assert [path.name for path in folder.state.iterdir() if "base" in path.name] == []
    assert f"nothing is kept for warm hunts: {why}\n" in caplog.text


def test_a_link_in_the_place_of_a_base_is_removed_and_not_followed(folder: DataFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder.state / "base").rename(elsewhere)
    (folder.state / "base").symlink_to(elsewhere)
    assert is_refused(folder)
    remove_base(folder.state)
    assert [path.name for path in folder.state.iterdir() if "base" in path.name] == []
    assert (elsewhere / "facts.json").exists()


def test_only_its_owner_reads_a_base(folder: DataFolder) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder.state / "base").iterdir()}
    assert modes == {0o600}


def test_a_base_is_state_that_retention_and_erasure_know(folder: DataFolder) -> None:
    (folder.state / "base.part").mkdir()
    assert {folder.state / "base", folder.state / "base.part"} <= set(kept_state(folder.state))


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[HuntPlan]:
    """What hunts that a schedule starts are told to do; none of them is done."""
    told: list[HuntPlan] = []

    def hunted(plan: HuntPlan, _stop: object, _prepared: PreparedProcess) -> HuntOutcome:
        told.append(order_of(order_text(plan)))
        return HuntOutcome(sequence=len(told))

    monkeypatch.setattr("stillhunt.watch.schedule.hunt_in_child", hunted)
    return told


def test_hunts_by_the_clock_may_be_warm_and_those_that_something_asked_for_search(
    tmp_path: Path, plans: list[HuntPlan]
) -> None:
    received = [0]
    plan = HuntPlan(DataFolder(tmp_path / "data"), Config(watch={"every_requests": 100}))
    schedule = HuntSchedule(plan, lambda: received[0], clock=lambda: 1000.0)
    schedule._run_scheduled_hunt()
    schedule.hear_arrivals(Arrivals(1000, 1))
    schedule._run_scheduled_hunt()  # a sign
    schedule._run_scheduled_hunt()
    schedule.ask()
    schedule._run_scheduled_hunt()
    received[0] = 99
    schedule._run_scheduled_hunt()
    received[0] = 199
    schedule._run_scheduled_hunt()  # watch.every_requests
    assert [plan.warm for plan in plans] == [True, False, True, False, True, False]


def test_what_asks_while_a_hunt_begins_is_heard_after_it(tmp_path: Path, plans: list[HuntPlan]) -> None:
    threads: list[threading.Thread] = []

    def received() -> int:
        """Called when it is known already whether somebody asked."""
        if not threads:
            threads.append(threading.Thread(target=schedule.ask))
            threads[0].start()
            threads[0].join(0.1)  # it waits for the hunt to begin, and need not be over
        return 0

    plan = HuntPlan(DataFolder(tmp_path / "data"), Config(watch={"every_requests": 100}))
    schedule = HuntSchedule(plan, received, clock=lambda: 1000.0)
    schedule._run_scheduled_hunt()
    threads[0].join()
    assert schedule._is_hunt_due()
    schedule._run_scheduled_hunt()
    assert [plan.warm for plan in plans] == [True, False]
