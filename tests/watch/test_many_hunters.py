"""Hunters on several machines: one has the lease, another goes on where it died, and the result is that of one."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from tests.collect.sources.postgres_server import Server

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.records import known_campaigns, newest_sequence
from stillhunt.watch.shared.lease import (
    LEASE_PACE,
    LeaseKeeper,
    LeaseLostError,
    confirm_lease,
    name_hunter,
    needs_lease,
    take_lease,
)
from stillhunt.watch.shared.objects import open_object_store
from stillhunt.watch.shared.snapshots import KEPT_SNAPSHOTS, SNAPSHOT_OBJECTS, fetch_shared_snapshot
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.spool.parts import Stream, new_part
from watch.databases import numbers, server, template_of, url_of  # noqa: F401 - a fixture
from watch.small_world import lines

pytestmark = pytest.mark.service
QUICK = LEASE_PACE._replace(seconds=0.6, renew_seconds=0.1, idle_seconds=0.2)
LINES = Stream("gateway", "jsonl", "jsonl")


@pytest.fixture
def url(server: Server) -> str:  # noqa: F811 - a fixture
    name = f"hunters_{next(numbers)}"
    server.copy(name, template_of(server))
    return url_of(server, name)


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[WatchDatabase]:
    opened = WatchDatabase(url, tmp_path / "unused.db")
    yield opened
    opened.close()


def wait_for_lease(database: WatchDatabase, holder: str) -> int:
    end = time.monotonic() + 10
    while (term := take_lease(database, holder)) is None:
        assert time.monotonic() < end
        threading.Event().wait(0.05)
    return term


def test_one_has_the_lease_until_it_is_silent_for_too_long(database: WatchDatabase, tmp_path: Path) -> None:
    assert needs_lease(database)
    assert take_lease(database, "one", seconds=0.5) == 1
    assert take_lease(database, "two") is None
    assert take_lease(database, "one", seconds=0.5) == 1
    assert wait_for_lease(database, "two") == 2
    assert take_lease(database, "one") is None
    with pytest.raises(LeaseLostError), database.write() as connection:
        confirm_lease(connection, 1)
    with database.write() as connection:
        confirm_lease(connection, 2)
        confirm_lease(connection, None)
    assert name_hunter(tmp_path) == name_hunter(tmp_path)


def test_a_keeper_begins_once_and_hears_that_it_lost(database: WatchDatabase) -> None:
    begun: list[int] = []
    lost: list[str] = []
    idle: list[str] = []
    keepers = {
        name: LeaseKeeper(database, name, begun.append, partial(lost.append, name), partial(idle.append, name), QUICK)
        for name in ("one", "two")
    }
    for keeper in keepers.values():
        keeper.start()
    threading.Event().wait(1.0)  # longer than the lease lasts without being renewed
    assert (begun, lost) == ([1], [])
    assert len(set(idle)) == 1  # the one that waits keeps its disk in order
    (first,) = (name for name, keeper in keepers.items() if keeper.term == 1)
    keepers[first].stop()  # it gives the lease back
    end = time.monotonic() + 10
    while begun != [1, 2] and time.monotonic() < end:
        threading.Event().wait(0.05)
    assert (begun, lost) == ([1, 2], [])
    assert take_lease(database, "three", seconds=5.0) is None
    for keeper in keepers.values():
        keeper.stop()


def plan_of(path: Path, url: str, store: Path, term: int | None, now: int) -> HuntPlan:
    watch = {"database": url, **({"shared": store.as_uri()} if store.name == "store" else {})}
    return HuntPlan(DataFolder(path), Config.load({"watch": watch}, environ={}), (), now, term)


def spool(folder: DataFolder, sent: tuple[bytes, ...]) -> None:
    handle, _ = new_part(folder.spool, LINES, datetime.now(UTC))
    os.write(handle, b"".join(sent))
    os.close(handle)


def tables_of(path: Path) -> dict[str, bytes]:
    """What a hunt found: its tables, and campaigns by their lasting ids."""
    case = Case.read(path)
    return {
        name: json.dumps(getattr(case, name).to_pylist(), default=str).encode() for name in ("accounts", "campaigns")
    }


@pytest.mark.slow
def test_who_takes_over_finds_what_a_single_hunter_finds(
    database: WatchDatabase,
    url: str,
    server: Server,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    store, sent, now = tmp_path / "store", lines(), time.time_ns() // 1000
    store.mkdir()
    alone_name = f"hunters_{next(numbers)}"
    server.copy(alone_name, template_of(server))
    alone = plan_of(tmp_path / "alone", url_of(server, alone_name), tmp_path, None, now)
    first, second = (plan_of(tmp_path / name, url, store, None, now) for name in ("h1", "h2"))
    one = plan_of(tmp_path / "h1", url, store, take_lease(database, "one", seconds=0.1), now)
    for plan in (alone, first, second):  # each hunter fetches all records into its own spool
        spool(plan.data, sent[:-500])
    assert hunt_now(alone) is not None
    assert hunt_now(one) is not None
    two = plan_of(tmp_path / "h2", url, store, wait_for_lease(database, "two"), now + 1)  # the first one died
    for plan in (alone, first, second):
        spool(plan.data, sent[-500:])
    with pytest.raises(LeaseLostError):  # it was only cut off, and hunts on
        hunt_now(one)
    assert newest_sequence(database) == 1
    found = hunt_now(two)
    whole = hunt_now(plan_of(tmp_path / "alone", url_of(server, alone_name), tmp_path, None, now + 1))
    assert found is not None
    assert whole is not None
    assert found.sequence == whole.sequence == 2
    assert tables_of(found.case) == tables_of(whole.case)
    assert (tmp_path / "h1/state/identity.key").read_bytes() == (tmp_path / "h2/state/identity.key").read_bytes()
    other = WatchDatabase(url_of(server, alone_name), tmp_path / "unused.db")
    mine, theirs = ([(one.campaign_id, one.members) for one in known_campaigns(each)] for each in (database, other))
    other.close()
    assert mine == theirs
    watching = DataFolder(tmp_path / "console")
    assert fetch_shared_snapshot(watching, database, open_object_store(store.as_uri()))
    assert not fetch_shared_snapshot(watching, database, open_object_store(store.as_uri()))
    shown = latest_snapshot(watching)
    assert shown is not None
    assert tables_of(shown.case) == tables_of(whole.case)
    names = open_object_store(store.as_uri()).list_folders(SNAPSHOT_OBJECTS)
    assert names[0] == "00000001-1"
    assert names[-1] == "00000002-2"
    assert len(names) <= KEPT_SNAPSHOTS
    damaged = store / SNAPSHOT_OBJECTS / names[-1] / "case" / "run.json"
    damaged.write_text("{}")
    with pytest.raises(OutputError, match="not complete"):
        fetch_shared_snapshot(DataFolder(tmp_path / "late"), database, open_object_store(store.as_uri()))
