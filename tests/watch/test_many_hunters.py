"""Hunters on several machines: one has the lease, another goes on where it died, and the result is that of one."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.collect.sources.postgres_server import Server

from cli.running import start
from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.cli.findings import EXIT_LEASE_LOST
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase, read_meta, write_meta
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.records import known_campaigns, newest_sequence
from stillhunt.watch.shared.lease import (
    LEASE_PACE,
    LEASE_ROW,
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
from waiting import wait_until
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
    terms: list[int | None] = []
    wait_until(lambda: terms.append(take_lease(database, holder)) or terms[-1], what="the end of the other's lease")
    assert terms[-1] is not None
    return terms[-1]


def read_lease(database: WatchDatabase) -> dict[str, Any]:
    with database.write() as connection:
        held: dict[str, Any] = json.loads(read_meta(connection, LEASE_ROW) or "{}")
    return held


def end_lease(database: WatchDatabase) -> None:
    """Let the lease end now, as if nobody had renewed it for long."""
    held = read_lease(database)
    with database.write() as connection:
        write_meta(connection, LEASE_ROW, json.dumps({**held, "until": 0.0}))


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
        name: LeaseKeeper(database, name, begun.append, lost.append, partial(idle.append, name), QUICK)
        for name in ("one", "two")
    }
    for keeper in keepers.values():
        keeper.start()
    wait_until(lambda: begun)
    first_end = read_lease(database)["until"]
    wait_until(lambda: read_lease(database)["until"] > first_end + QUICK.seconds)  # without renewals it had ended
    assert (begun, lost) == ([1], [])
    assert len(set(idle)) == 1  # the one that waits keeps its disk in order
    (first,) = (name for name, keeper in keepers.items() if keeper.term == 1)
    keepers[first].stop()  # it gives the lease back
    wait_until(lambda: len(begun) == 2)
    assert (begun, lost) == ([1, 2], [])
    assert take_lease(database, "three", seconds=5.0) is None
    for keeper in keepers.values():
        keeper.stop()


@pytest.mark.parametrize("command", [("watch", "logs"), ("serve", "--only", "hunt", "--listen", "127.0.0.1:0")])
def test_a_hunter_that_lost_its_lease_says_so_and_ends_with_a_code_of_its_own(
    database: WatchDatabase, url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "logs").mkdir()
    hunter = start(*command, "--data", "data", "--quiet", cwd=tmp_path, STILLHUNT_WATCH__DATABASE=url)
    try:
        wait_until(lambda: read_lease(database).get("term") == 1, 120, "the hunter's start")
        os.kill(hunter.pid, signal.SIGSTOP)
        end_lease(database)
        assert take_lease(database, "another") == 2
        os.kill(hunter.pid, signal.SIGCONT)
        _, said = hunter.communicate(timeout=60)
    finally:
        hunter.send_signal(signal.SIGKILL)
    assert hunter.returncode == EXIT_LEASE_LOST
    (line,) = said.decode().splitlines()  # nothing else is wrong, and `--quiet` keeps this
    told = json.loads(line)
    assert told["event"] == "lease lost"
    assert told["failure"].startswith("another process took the lease of the hunter: this one last renewed it ")
    assert read_lease(database)["holder"] == "another"


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
